"""Spec for a folder of photos or a table of captions, written by ``inficond init``."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.init.init_network import try_network
from inficond_panel.commands.init.init_sources import CaptionTable, PhotoFolder, source_of
from inficond_panel.commands.shared.output import say
from inficond_panel.common.installation import path_word
from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import listed, nearest
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store.checks import one_class_note
from inficond_panel.vocabulary.splits import BY_CHANCE, FIT, SPLITS
from inficond_panel.vocabulary.tasks import SIGMOID

if TYPE_CHECKING:
    from precompute.datasets import Dataset
    from precompute.detect import FolderLayout
    from precompute.detect.writing import SpecDraft

_OWN_CLASSES = ("table", "voc", "coco", "folder")
#: Images whose levels are looked at, and the highest level of dark ones: a quarter of all.
_LOOKED_AT, _DARK = 16, 16_384
_WORDS = ".words.txt"  #: end of the name of the list of words to write


def write_spec(args: argparse.Namespace) -> None:
    """Write a spec for a folder of photos, or a table of captions, and print a summary; existing
    files are not changed."""
    from precompute.concepts.corpus import read_corpus

    source = source_of(Path(args.place[0]))
    output = Path(args.output or f"{source.stem}.yaml")
    words = output.with_suffix(_WORDS)
    check_output(args, output)
    if args.corpus:
        read_corpus(Path(args.corpus))
    draft = _draft(args, source, output)
    made = not args.corpus and not words.exists()
    if made:
        source.write_words(draft, words)
    draft.corpus = draft.corpus or words.name
    requested = {name: getattr(args, name) or "" for name in ("task", "activation", "outputs")}
    words_left: list[str] = []
    try:
        dataset = _write_first_that_fits(draft, output, args.classes or [], requested)
        if args.concepts:
            words_left = _collect(args.concepts, dataset.classes, words, output)
    except BaseException:
        if made:
            words.unlink()
        raise
    _tell(draft, dataset, output, words_left)


def check_output(args: argparse.Namespace, output: Path, coming: Path | None = None) -> None:
    """Raise ``DataError`` if the spec or the list of words exists, or has no folder.

    ``coming`` is a folder that will be made before they are written.
    """
    _refuse(output, coming)
    if not args.concepts:
        return
    if args.corpus:
        raise DataError(
            "--concepts makes a list of words, and --corpus names another list.",
            "Leave one of the two out.",
        )
    words = output.with_suffix(_WORDS)
    if os.path.lexists(words):
        raise DataError(f"{words} already exists.", "Name another spec: --output FILE")


def _collect(sources: list[str], classes: Sequence[str], words: Path, output: Path) -> list[str]:
    """Write the list of words from ``sources``; return notes. If it fails, remove the spec."""
    from precompute.concepts.sources import collect

    try:
        text, notes = collect(sources, classes)
        words.write_text(text, encoding="utf-8")
    except BaseException:
        output.unlink()
        raise
    return notes


def _tell(draft: SpecDraft, dataset: Dataset, output: Path, found: Sequence[str]) -> None:
    from inficond_panel.commands.init.init_costs import encoder_lines
    from precompute.datasets.equal_files import equal_images
    from precompute.detect.split_columns import split_column_note

    layout, counts = draft.layout, Counter(dataset.split)
    say(f"found     {layout.origin}")
    shown = ", ".join(dataset.classes[:8]) + (" ..." if len(dataset.classes) > 8 else "")
    say(f"classes   {len(dataset.classes)}: {shown}")
    images = ", ".join(f"{counts[split]} {split}" for split in SPLITS)
    say(f"images    {images} ({draft.splits_note})")
    if dataset.metadata_columns:
        say(f"metadata  {_metadata_words(draft, dataset)}")
    note = "" if "task" in draft.keys else one_class_note(dataset.label, dataset.ids)
    equal = equal_images(dataset)
    copies = f"Equal files: {equal.near}" if equal.near.groups else ""
    fit = draft.splits.get(FIT)
    by_chance = isinstance(fit, dict) and "share" in fit
    for text in (
        BY_CHANCE if by_chance else "",
        split_column_note(dataset) if by_chance else "",
        _dark_note(dataset),
        *dataset.notes,
        draft.lost,
        note,
        copies,
        equal.contradictions,
        *(f"Assumed: {text}." for text in layout.assumed),
    ):
        if text:
            say(f"          {text}")
    say("\n          ".join([f"teacher   {draft.teacher.note}", *draft.teacher.details]))
    if draft.encoder:
        say("\n          ".join([f"encoder   {draft.encoder.note}", *encoder_lines(draft, output)]))
    say(f"words     {draft.corpus}")
    for text in found:
        say(f"          {text}")
    spec = path_word(output)
    if found:
        say(f"          To list the words that the filters drop: inficond concept filter {spec}")
    say(f"Wrote {output}. Next:")
    if draft.to_fill:
        say("  Name the class of each output under teacher.classes: the lines marked 'to fill'")
    say(f"  inficond precompute {spec}")
    say(f"  inficond serve {spec} --show")


def _metadata_words(draft: SpecDraft, dataset: Dataset) -> str:
    """Return the columns of metadata, with the table beside the labels that has them, if any."""
    beside = draft.keys.get("metadata_table", draft.keys.get("metadata"))
    table = f" of {beside}" if isinstance(beside, str) else ""
    return f"{listed(dataset.metadata_columns, 8)}{table}, for inficond metrics --by"


def _dark_note(dataset: Dataset) -> str:
    """Return a note if the images are 16-bit greys that use a small part of the levels, else ""."""
    from inficond_panel.store.images import highest_level

    rows = range(0, len(dataset.ids), -(-len(dataset.ids) // _LOOKED_AT))
    levels = [highest_level(dataset.file(i)) for i in rows] if dataset.file else []
    known = [level for level in levels if level is not None]
    if not known or len(known) < len(levels) or max(known) >= _DARK:
        return ""
    bits = max(8, max(known).bit_length())
    return (
        f"All of {len(known)} images looked at are dark: 16-bit greys up to {max(known):,} of "
        f"65,535. Set grey: [0, {2**bits - 1}] in the section dataset ({bits} bits), or grey: "
        "stretch."
    )


def _refuse(path: Path, coming: Path | None = None) -> None:
    if os.path.lexists(path):
        raise DataError(f"{path} already exists.", "Name another file: --output FILE")
    made = (coming, *coming.parents) if coming else ()
    if not path.parent.is_dir() and path.parent not in made:
        raise DataError(f"There is no folder {path.parent}.", "Create it, or change --output.")


def _draft(args: argparse.Namespace, source: PhotoFolder | CaptionTable, output: Path) -> SpecDraft:
    """Return the draft of a spec from source and arguments; models are not downloaded."""
    from precompute.detect import plan_splits
    from precompute.detect.writing import SpecDraft, relative

    def written(path: Path) -> str:
        return relative(path, output.parent)

    layout = source.layout(args)
    teacher = source.teacher(args, layout, written)
    if args.order:
        teacher = replace(teacher, keys={**teacher.keys, "order": args.order})
    places = [output.parent, source.place, source.place.absolute().parent]
    splits, splits_note = plan_splits(layout)
    key = "path" if layout.kind == "store" else "root"
    return SpecDraft(
        title=args.title or source.title(layout),
        layout=layout,
        splits=splits,
        splits_note=splits_note,
        corpus=written(Path(args.corpus)) if args.corpus else "",
        filtered=bool(args.concepts),
        device=args.device or "",
        encoder=source.encoder(args, places, written),
        teacher=teacher,
        # until the task is known
        teacher_more={"activation": SIGMOID} if teacher.activation else {},
        keys={key: written(layout.root), **layout.keys, **_near_keys(args, layout)},
    )


def _near_keys(args: argparse.Namespace, layout: FolderLayout) -> dict[str, Any]:
    """Return the spec's keys of near-equal images, as far as a person named them; their column is
    one of the metadata, also with more values than other columns of a table may have."""
    column, keys = args.near_duplicates, dict[str, Any]()
    if column:
        keys["near_duplicates"] = column
        columns, beside = layout.keys.get("metadata", []), "metadata_table" in layout.keys
        if layout.kind == "columns" and not beside and not find_name(column, columns):
            keys["metadata"] = [*columns, column]
    if args.across_splits:
        keys["across_splits"] = args.across_splits
    return keys


def _write_first_that_fits(
    draft: SpecDraft, output: Path, classes: Sequence[str], asked: Mapping[str, str]
) -> Dataset:
    """Write the spec once its data set can be read and the teacher fits; return the data set.

    The first choice of keys that fits is used. If none fits, the error of the first is raised.
    """
    errors: list[DataError] = []
    keys, more, assumed = draft.keys, draft.teacher_more, draft.layout.assumed
    for choice in draft.layout.choices or [{}]:
        draft.keys, draft.teacher_more = {**keys, **choice}, more
        draft.layout.assumed = list(assumed)
        try:
            return _try(draft, output, classes, asked)
        except DataError as error:
            errors.append(error)
    raise errors[0]


def _try(
    draft: SpecDraft, output: Path, classes: Sequence[str], asked: Mapping[str, str]
) -> Dataset:
    from precompute.datasets import check_files, load_dataset, lost_text
    from precompute.detect.models import with_table
    from precompute.detect.writing import (
        check_unused,
        is_to_fill,
        logit_classes,
        relative,
        spec_text,
        task_keys,
    )
    from precompute.teachers.outputs import resolved
    from precompute.teachers.tables import left_out_text, read_logits

    draftfile = output.with_name(f".{output.name}.{os.getpid()}.yaml")

    def written() -> Any:
        draftfile.write_text(spec_text(draft), encoding="utf-8")
        return load_spec(draftfile)

    layout = draft.layout
    try:
        section = written().dataset
        dataset = load_dataset(section)
        lost = check_files(dataset, section.max_bad_share)
        draft.lost = lost_text(lost) if lost else ""
        for path in draft.teacher.doubtful:
            check_unused(path, dataset)
        draft.teacher, unused = with_table(
            draft.teacher, dataset.classes, lambda path: relative(path, output.parent)
        )
        layout.assumed += unused
        table = draft.teacher.table
        known = logit_classes(table) if table else []
        narrower = [name for name in dataset.classes if name in known]
        if classes or (
            narrower and len(narrower) == len(known) < len(dataset.classes) and _chooses(draft)
        ):
            if table and not classes:
                dropped = listed([name for name in dataset.classes if name not in known])
                layout.assumed.append(f"{table.name} has no logits of {dropped}: left out")
            draft.keys |= _class_keys(draft, dataset.classes, classes or narrower)
            dataset = load_dataset(written().dataset)
        if draft.teacher.keys["kind"] == "onnx":
            from precompute.detect.network_files import with_output

            draft.teacher = with_output(
                draft.teacher, output.parent / draft.teacher.keys["path"], dataset.classes
            )
        draft.to_fill = is_to_fill(draft.teacher, dataset.classes)
        with _beside_lost(draft):
            task = task_keys(dataset, draft.teacher, **asked)
        draft.keys, draft.teacher_more = {**task.dataset, **draft.keys}, task.teacher
        draft.comments = task.comments
        layout.assumed += task.assumed
        spec = written()
        if table:
            with _beside_lost(draft):
                logits = read_logits(spec.teacher, dataset.ids, dataset.classes)
            layout.assumed += left_out_text(spec.teacher, logits)
        if not draft.to_fill:
            resolved(spec.teacher, dataset.classes)
            try_network(draft, spec, dataset)
            task = task_keys(dataset, draft.teacher, **asked)
            draft.teacher_more, draft.comments = task.teacher, task.comments
            spec = written()
        _appear(draftfile, output)
    finally:
        draftfile.unlink(missing_ok=True)
    return dataset


@contextmanager
def _beside_lost(draft: SpecDraft) -> Iterator[None]:
    """Name images without a file in a ``DataError``: logits are often missing of the same."""
    try:
        yield
    except DataError as error:
        if not draft.lost:
            raise
        more = f"Or leave images without a file out of the labels: {draft.lost}"
        raise DataError(error.message, f"{error.remedy} {more}") from error


def _chooses(draft: SpecDraft) -> bool:
    """Return True if a spec can limit this kind of data set to some of its classes."""
    return draft.layout.kind in _OWN_CLASSES or bool({"label", "labels"} & draft.keys.keys())


def _class_keys(
    draft: SpecDraft, there: Sequence[str], chosen: Sequence[str]
) -> dict[str, list[str]]:
    """Return the spec's keys that limit a data set to classes ``chosen``, which must exist."""
    missing = [name for name in chosen if name not in there]
    if missing:
        reasons = "; ".join(
            repr(name) + "".join(f" (nearest: {word!r})" for word in nearest(name, there))
            for name in missing
        )
        raise DataError(
            f"The data set has no class {reasons}. There are: {', '.join(there)}.",
            "Name one of these classes with --class.",
        )
    if not _chooses(draft):
        raise DataError(
            f"The classes of a {draft.layout.kind} cannot be limited.", "Leave --class out."
        )
    columns = draft.layout.kind == "columns" and "labels" in draft.keys
    return {"labels" if columns else "classes": list(dict.fromkeys(chosen))}


def _appear(draft: Path, output: Path) -> None:
    """Write the spec completely or not at all, and never over another file."""
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(draft.read_text(encoding="utf-8"))
    except FileExistsError:
        _refuse(output)
