"""``inficond init``: look at a folder and write a spec for it, or make a store of tables."""

from __future__ import annotations

import argparse
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from inficond_panel.commands.init_tables import is_of_tables, write_tables
from inficond_panel.commands.output import say
from inficond_panel.commands.precompute_package import precompute_package
from inficond_panel.errors import DataError
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.vocabulary.tasks import ACTIVATIONS, OUTPUTS, TASKS

_OWN_CLASSES = ("voc", "coco", "folder")


DESCRIPTION = (
    "Of one folder of photos it writes a spec: it knows the layouts of PASCAL VOC and COCO, "
    "folders of classes, tables (CSV, Parquet), and a store; it says what it found and what it "
    "assumed, and needs the extra 'precompute'. Of three CSV tables of your own (concept scores, "
    "the teacher's logits, labels; each with the column image_id) and --split it makes a store, "
    "without photos or encoder: inficond init scores.csv logits.csv labels.csv --split split.csv "
    "--output own.zarr. It never overwrites a file."
)
EXAMPLE = "inficond init photos --teacher logits.csv --encoder models/clip"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "place",
        nargs="+",
        metavar="FOLDER|TABLE",
        help="folder of the data set; or the three tables scores, logits and labels",
    )
    parser.add_argument(
        "--split", metavar="TABLE", help="of tables: CSV with image_id, split (fit, tune, holdout)"
    )
    parser.add_argument(
        "--images", metavar="TABLE", help="of tables: CSV with image_id, path of the photo"
    )
    for name, words, what in (
        ("task", TASKS, "default: found from the labels"),
        ("activation", ACTIVATIONS, "of the teacher; default: softmax with one class an image"),
        ("outputs", OUTPUTS, "what the table logits holds; default: logits"),
    ):
        parser.add_argument(f"--{name}", choices=words, help=f"of tables: {what}")
    parser.add_argument(
        "--teacher",
        metavar="FILE",
        help="its logits (.csv, .parquet, .npz) or itself (.onnx, .torchscript); default: a table "
        "of logits in the folder, else heads fitted on the labels",
    )
    parser.add_argument(
        "--encoder",
        metavar="DIR",
        help="folder of an open_clip model; default: a folder called encoder beside the spec or "
        "the photos, else one that is downloaded",
    )
    parser.add_argument(
        "--corpus", metavar="FILE", help="words, one a line (default: 584 that come along)"
    )
    parser.add_argument("--title", help="name shown on the page (default: the folder's)")
    parser.add_argument(
        "--output",
        metavar="SPEC|STORE",
        help="file to write (default: FOLDER's name.yaml, here); of tables the store, NAME.zarr",
    )


def run(args: argparse.Namespace) -> None:
    """Write the spec or the store, or say why not; nothing that is there is changed."""
    if is_of_tables(args):
        write_tables(args)
        return
    precompute_package()
    folder = Path(args.place[0])
    output = Path(args.output or f"{folder.absolute().resolve().name.removesuffix('.zarr')}.yaml")
    words = output.with_suffix(".words.txt")
    _refuse(output)
    from precompute.detect import find_layout, plan_splits
    from precompute.detect.models import WHERE, find_encoder, find_teacher

    layout = find_layout(folder)
    encoder = find_encoder(_path(args.encoder), [output.parent, folder, folder.absolute().parent])
    kind, teacher = find_teacher(_path(args.teacher), layout)
    draft = _draft(args, layout, output, encoder, kind, teacher, plan_splits(layout))
    made = not args.corpus and _own_words(words)
    draft.corpus = draft.corpus or words.name
    try:
        dataset = _written(draft, layout, output, teacher if kind == "logits" else None)
    except BaseException:
        if made:
            words.unlink()
        raise
    counts = Counter(dataset.split)
    say(f"found     {layout.found}")
    shown = ", ".join(dataset.classes[:8]) + (" ..." if len(dataset.classes) > 8 else "")
    say(f"classes   {len(dataset.classes)}: {shown}")
    images = ", ".join(f"{counts[split]} {split}" for split in ("fit", "tune", "holdout"))
    say(f"images    {images} ({draft.splits_note})")
    for text in (*dataset.notes, *(f"Assumed: {text}." for text in layout.assumed)):
        say(f"          {text}")
    say(f"teacher   {draft.teacher_note}")
    say(f"encoder   {draft.encoder_note}")
    if encoder is None:
        say(f"          {WHERE}")
    say(f"words     {draft.corpus}")
    say(f"Wrote {output}. Next:")
    say(f"  inficond precompute {output}")
    say(f"  inficond serve {output} --show")


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _refuse(path: Path) -> None:
    if os.path.lexists(path):
        raise DataError(f"{path} is there already.", "Name another file: --output FILE")
    if not path.parent.is_dir():
        raise DataError(f"There is no folder {path.parent}.", "Make it, or name another: --output")


def _own_words(words: Path) -> bool:
    """Copy the list of words that comes along, to be changed; whether none was there."""
    if words.exists():
        return False
    shutil.copyfile(find_spec("coco18").parent / "corpora" / "broden_object_584.txt", words)
    return True


def _draft(
    args: argparse.Namespace,
    layout: Any,
    output: Path,
    encoder: tuple[Path, Path] | None,
    kind: str,
    teacher: Path | None,
    planned: tuple[dict[str, Any], str],
) -> Any:
    from precompute.detect.models import teacher_keys
    from precompute.detect.writing import Draft, relative

    def said(path: Path | str) -> str:
        text = relative(Path(path), output.parent)
        return text if "/" in text else f"./{text}"  # a name would be one of open_clip's

    if encoder:
        folder, weights = encoder
        section = {"model": said(folder), "pretrained": said(weights)}
        encoder_note = f"found in {folder}"
    else:
        section = {"model": "ViT-B-16", "pretrained": "openai"}
        encoder_note = "none found: ViT-B-16 of OpenAI, downloaded at the first run (600 MB)"
    path = relative(teacher, output.parent) if teacher else ""
    notes = {
        "logits": f"logits from {path}",
        "head": "no logits found: linear heads are fitted on the labels of fit",
    }
    run = f"{path} is run on the photos; its input is assumed to be as for ImageNet: check it"
    root = {} if layout.kind == "store" else {"root": relative(layout.root, output.parent)}
    keys = {**root, **layout.keys}
    if layout.kind == "store":
        keys["path"] = relative(layout.root, output.parent)
    return Draft(
        title=args.title or layout.root.absolute().resolve().name.removesuffix(".zarr"),
        layout=layout,
        splits=planned[0],
        splits_note=planned[1],
        corpus=relative(Path(args.corpus), output.parent) if args.corpus else "",
        encoder=section,
        encoder_note=encoder_note,
        teacher=teacher_keys(kind, path),
        teacher_note=notes.get(kind, run),
        keys=keys,
    )


def _written(draft: Any, layout: Any, output: Path, logits: Path | None) -> Any:
    """Write the spec once its data set can be read and the teacher fits it; return the data set.

    The first choice of keys that fits is taken; where none does, what is wrong with the first one
    is raised.
    """
    first: DataError | None = None
    for choice in layout.choices or [{}]:
        keys = draft.keys
        draft.keys = {**keys, **choice}
        try:
            return _try(draft, layout, output, logits)
        except DataError as error:
            first = first or error
        draft.keys = keys
    raise first if first else DataError("Nothing fits.", "Write the spec by hand.")


def _try(draft: Any, layout: Any, output: Path, logits: Path | None) -> Any:
    from precompute.datasets import load_dataset
    from precompute.detect.models import logit_classes, task_keys
    from precompute.detect.writing import spec_text
    from precompute.teachers.tables import read_logits

    draftfile = output.with_name(f".{output.name}.{os.getpid()}.yaml")

    def written() -> Any:
        draftfile.write_text(spec_text(draft), encoding="utf-8")
        return load_spec(draftfile)

    keys, teacher, assumed = draft.keys, draft.teacher, list(layout.assumed)
    try:
        dataset = load_dataset(written().dataset)
        known = logit_classes(logits) if logits else []
        narrower = set(known) < set(dataset.classes) if logits else False
        if narrower and (layout.kind in _OWN_CLASSES or "label" in draft.keys):
            draft.keys["classes"] = [name for name in dataset.classes if name in known]
            dataset = load_dataset(written().dataset)
        found = task_keys(dataset, teacher["kind"], logits)
        draft.keys, draft.teacher = {**found.dataset, **draft.keys}, {**teacher, **found.teacher}
        layout.assumed += found.assumed
        spec = written()
        if logits:
            read_logits(spec.teacher, dataset.ids, dataset.classes)
        _appear(draftfile, output)
    except DataError:
        draft.keys, draft.teacher, layout.assumed = keys, teacher, assumed
        raise
    finally:
        draftfile.unlink(missing_ok=True)
    return dataset


def _appear(draft: Path, output: Path) -> None:
    """The spec appears whole, or not at all, and never in another file's place."""
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(draft.read_text(encoding="utf-8"))
    except FileExistsError:
        _refuse(output)
