"""Make a store whose concept scores are words of captions: without encoder, segments or maps.

It needs the base installation only. The teacher is a table of outputs, or heads: regressions on
the words of the captions, which also know words that are no concepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common import clock
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.caption_words import absent_note, caption_scores, empty_note
from inficond_panel.errors import DataError, Remedy
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import HeadTeacher
from inficond_panel.store import FORMAT_VERSION, Store, open_store, write_store
from inficond_panel.store.images import thumbnail_arrays
from inficond_panel.store.near_images import (
    ALLOWED,
    NearImages,
    check_across,
    equal_texts,
    joined,
    listing_of,
    near_images,
)
from inficond_panel.store.schema import NO_ENCODER, WORDS, array_hash
from inficond_panel.version import __version__
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.vocabulary.tasks import TASKS
from precompute.batches.results import key_of, plain
from precompute.batches.run import Tell
from precompute.concepts.corpus import (
    Dropped,
    Filtered,
    check_left,
    filter_inactive,
    filter_lines,
    read_corpus,
    too_long,
)
from precompute.datasets import Dataset, check_files, load_dataset
from precompute.datasets.labels import without_positives
from precompute.pipeline.inputs import made_from
from precompute.teachers.head import fit_heads
from precompute.teachers.loading import TeacherSource, fit_rows
from precompute.teachers.outputs import check_order
from precompute.teachers.stage import described
from precompute.teachers.tables import TableColumns, left_out_text, read_logits
from precompute.teachers.word_features import word_features, word_logistic

#: Version of the code: increment it when equal inputs give another store than before.
RECIPE = 1


@dataclass(frozen=True)
class WordInputs:
    """All inputs of a store of words of captions; ``words`` are the texts by concept."""

    spec: Spec
    dataset: Dataset
    words: dict[str, tuple[str, ...]]
    teacher: TeacherSource

    @classmethod
    def of(cls, spec: Spec, progress: Tell) -> WordInputs:
        """Read and check all files that the spec names; raise ``DataError`` for unusable ones."""
        words = read_corpus(Path(spec.concepts.corpus), progress)
        dataset = load_dataset(spec.dataset)
        check_files(dataset, spec.dataset.max_bad_share)
        teacher = TeacherSource.of(spec, dataset.classes, list(words))
        teacher.check(dataset)
        sizes = {"image": dataset.ids, "class": dataset.classes, "concept": words}
        progress(", ".join(count(len(each), noun) for noun, each in sizes.items()))
        for line in dataset.notes:
            progress(line)
        return cls(spec, dataset, words, teacher)

    @property
    def captions(self) -> tuple[str, ...]:
        """The captions, one per image."""
        assert self.dataset.captions is not None, "the spec requires dataset.captions"
        return self.dataset.captions

    @property
    def count(self) -> int:
        """Number of scores: images times concepts."""
        return len(self.captions) * len(self.words)

    @cached_property
    def digests(self) -> list[str]:
        """Content hashes of the images, which read their files."""
        return [self.dataset.digest(i) for i in range(len(self.dataset.ids))]

    @cached_property
    def outputs(self) -> TableColumns | None:
        """The teacher's table of outputs, read once; None for heads."""
        section = self.teacher.section
        if isinstance(section, HeadTeacher):
            return None
        return read_logits(section, self.dataset.ids, self.dataset.classes)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Return all that the store depends on, as plain values; files by their content."""
        dataset, concepts, digests = self.dataset, self.spec.concepts, self.digests
        given = self.outputs
        return {
            "recipe": RECIPE,
            "title": self.spec.title,
            "images": plain(list(dataset.ids)),
            "split": plain(list(dataset.split)),
            "classes": list(dataset.classes),
            "label": array_hash(dataset.label),
            "task": dataset.task,
            "captions": plain(list(self.captions)),
            "concepts": plain([", ".join(texts) for texts in self.words.values()]),
            "filters": concepts.filters.limits() if concepts.filters else {},
            "teacher": plain(self.teacher.inputs_on(dataset, digests)),
            "outputs": "" if given is None else array_hash(np.hstack([given.own, given.other])),
            "metadata": [list(dataset.metadata_columns), _hash_of(dataset.metadata)],
            "groups": plain(list(dataset.group or ())),
            "across_splits": self.spec.dataset.across_splits,
            "photos": plain(digests if dataset.file else []),
            "thumbnails": concepts.thumbnails.values() if dataset.file else {},
        }

    @cached_property
    def inputs_hash(self) -> str:
        """Hash of all inputs of the store."""
        return key_of("store of words", {"format": FORMAT_VERSION, **self.inputs})

    def made(self, path: Path) -> bool:
        """Return True if ``path`` is an undamaged store that was made from these inputs."""
        return made_from(path, self.inputs_hash)


def make_store(inputs: WordInputs, path: Path, progress: Tell) -> Store:
    """Compute all arrays, write the store to ``path`` and open it. The caller holds the lock."""
    with one_thread():
        arrays, attrs = _assembled(inputs, progress)
    progress(f"Writing {path}")
    write_store(path, arrays, attrs)
    return open_store(path)


def _assembled(inputs: WordInputs, progress: Tell) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and attributes of the store."""
    dataset, split = inputs.dataset, np.array(inputs.dataset.split)
    scores, kept, dropped = _scored(inputs)
    for line in filter_lines(len(kept), dropped) if dropped else ():
        progress(line)
    logits, told, notes = _teacher(inputs)
    check_order(inputs.teacher.section, dataset, logits.own, logits.other)
    group, near = _near(inputs, split)
    arrays: dict[str, Any] = {
        "image": np.array(dataset.ids),
        "concept": np.array(kept),
        "class_name": np.array(dataset.classes),
        "concept_score": scores,
        "teacher_logit": logits.own,
        "label": dataset.label,
        "split": split,
        "caption": np.array(inputs.captions, dtype=np.dtypes.StringDType()),
        **({"near_group": group} if near else {}),
        **_photos(inputs),
    }
    if logits.other_classes:
        arrays |= {"other_class": np.array(logits.other_classes), "other_logit": logits.other}
    if dataset.metadata is not None:
        arrays["metadata_column"] = np.array(dataset.metadata_columns)
        arrays["metadata"] = dataset.metadata
    own = [empty_note(inputs.captions, dataset.ids), absent_note(scores, kept)]
    own += without_positives(split, dataset.label, dataset.classes)
    across = list(near.across) if near else []
    attrs = {
        "title": inputs.spec.title,
        "history": f"{clock.stamp()} inficond precompute, version {__version__}",
        "encoder": NO_ENCODER,
        "preprocessing": "none",
        "corpus": Path(inputs.spec.concepts.corpus).stem,
        "synonyms": {name: list(inputs.words[name][1:]) for name in kept if inputs.words[name][1:]},
        "scores": {"method": WORDS},
        "inputs_hash": inputs.inputs_hash,
        "near_across": across,
        "skipped": [],
        "warnings": [*dataset.notes, *notes, *filter(None, own)],
        **described(inputs.teacher),
        "teacher": inputs.spec.teacher_title,
        **told,
        **({"task": dataset.task} if dataset.task != TASKS[0] else {}),
    }
    if as_given := inputs.teacher.section.order:
        attrs["teacher_order"] = as_given
    return arrays, attrs


def filtered_by_captions(spec: Spec) -> tuple[list[str], list[Dropped]]:
    """Return the concepts that the spec's filters keep, and those that they drop."""
    _, kept, dropped = _scored(WordInputs.of(spec, lambda _: None))
    return kept, dropped


def _scored(inputs: WordInputs) -> tuple[np.ndarray, list[str], list[Dropped]]:
    """Return scores ``(image, concept)``, the names of the kept concepts, and the dropped ones;
    raise ``DataError`` if no caption has any of the words."""
    names, filters = list(inputs.words), inputs.spec.concepts.filters
    scores = caption_scores(inputs.captions, list(inputs.words.values()))
    if not scores.any():
        raise DataError(
            f"No caption has a word of the corpus {Path(inputs.spec.concepts.corpus).name}.",
            Remedy(
                "Write words of the captions into it; inficond init TABLE lists the frequent ones.",
                "Write words of the captions into it.",
            ),
        )
    fell = [too_long(name, filters) if filters else None for name in names]
    kept = [i for i, why in enumerate(fell) if why is None]
    dropped = [why for why in fell if why is not None]
    if filters and filters.least_score is not None:
        fit = np.array(inputs.dataset.split) == FIT
        active: Filtered = filter_inactive(
            [names[i] for i in kept], scores[fit][:, kept], filters.least_score
        )
        kept, dropped = [kept[i] for i in active.kept], [*dropped, *active.dropped]
    check_left(kept, dropped)
    return np.ascontiguousarray(scores[:, kept]), [names[i] for i in kept], dropped


def _teacher(inputs: WordInputs) -> tuple[TableColumns, dict[str, Any], list[str]]:
    """Return the teacher's logits, attributes of heads, and notes."""
    section, dataset = inputs.teacher.section, inputs.dataset
    if not isinstance(section, HeadTeacher):
        assert inputs.outputs is not None, "a table has outputs"
        return inputs.outputs, {}, left_out_text(section, inputs.outputs)
    rows = fit_rows(dataset)
    features = word_features(inputs.captions, rows)
    heads = fit_heads(
        features, dataset.label, rows, dataset.classes, section, logistic=word_logistic
    )
    own = heads.logits(features)
    told = {"teacher_head": {"folds": section.folds, "l2": heads.l2, "words": features.shape[1]}}
    return TableColumns(own, np.empty((len(own), 0), np.float32)), told, []


def _near(inputs: WordInputs, split: np.ndarray) -> tuple[np.ndarray, NearImages | None]:
    """Return the groups ``(image,)`` of images that are no independent evidence, and their counts,
    None without any: images of one text in the column near_duplicates, and equal photos. Equal
    captions are no sign of equal images."""
    dataset = inputs.dataset
    columns = [dataset.group] if dataset.group else []
    columns += [tuple(inputs.digests)] if dataset.file else []
    pairs = [equal_texts(column) for column in columns]
    group = joined(pairs, None, len(dataset.ids))
    near = near_images(group, split, list(dataset.ids))
    spec = inputs.spec
    check_across(near, spec.dataset.across_splits, ALLOWED, listing_of(spec.path))
    return group, near if near.groups else None


def _photos(inputs: WordInputs) -> dict[str, np.ndarray]:
    """Return the arrays of thumbnails; {} for data without photos. ``DataError`` names unreadable
    photos."""
    file, small = inputs.dataset.file, inputs.spec.concepts.thumbnails
    if file is None:
        return {}
    files = {image: file(i) for i, image in enumerate(inputs.dataset.ids)}
    arrays, wrong = thumbnail_arrays(files, small.size, small.quality)
    if wrong:
        raise DataError(
            f"{count(len(wrong), 'photo')} cannot be read: {listed(wrong, 5, '; ')}.",
            "Restore the files, or leave dataset.path out: the page then shows the captions.",
        )
    return arrays


def _hash_of(values: np.ndarray | None) -> str:
    return "" if values is None else array_hash(values)
