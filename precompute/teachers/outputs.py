"""Read the names of a network's outputs from its file, and test their order against the labels.

Names are matched with the data set's classes; the order is tested before photos are encoded.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.faults import about
from inficond_panel.spec.sections.teacher import LogitsTeacher, NamedOutputs, TransformersTeacher
from inficond_panel.spec.sections.teacher import Teacher as Section
from inficond_panel.vocabulary.tasks import SIGMOID
from precompute.datasets import Dataset
from precompute.datasets.dataset import readable
from precompute.teachers.onnx_file import metadata_of
from precompute.teachers.tables import near_in_list, read_logits
from precompute.teachers.teacher import OutputsError, Teacher, section_with, stacked
from precompute.teachers.torchscript_file import extra_texts
from precompute.teachers.transformers_models import of_transformers

if TYPE_CHECKING:
    from inficond_panel.store.teacher_outputs import OrderFinding

#: Metadata entries that may hold output names, in the order of precedence: ultralytics writes
#: ``names``, also within the ``config.txt`` of a TorchScript file; timm writes ``label_names``.
_ENTRIES = ("names", "classes", "class_names", "id2label", "label_names", "labels", "config.txt")
#: Longest metadata text that is read, in characters or bytes.
_MOST = 1_000_000
#: Names that a program generates when it has none, such as LABEL_0.
_PLACEHOLDER = re.compile(r"(label|class|output)?[ _]?\d*", re.IGNORECASE)


def resolved(teacher: Section, classes: Sequence[str]) -> Any:
    """Return the teacher's section with the output names of its file as ``classes``.

    Names are spelled like the data set's ``classes``. The section is returned unchanged if it has
    ``classes`` already, or if its file has no names. Raises ``DataError`` for a class without an
    output."""
    if isinstance(teacher, TransformersTeacher):
        return of_transformers(teacher, classes)
    if not isinstance(teacher, NamedOutputs) or teacher.classes:
        return teacher
    # the file of the last layer: the head or the weights
    files = (getattr(teacher, key, None) for key in ("head", "pretrained", "path"))
    path = next(filter(None, files), None)
    if not isinstance(path, Path):
        return teacher
    names = in_words_of(names_in_file(teacher.kind, path), classes)
    if not names:
        _check_numbers(teacher, _texts_in(teacher.kind, path))
        return teacher
    lost = [f"{name!r}{near_in_list(name, names)}" for name in classes if name not in names]
    if lost:
        raise DataError(
            f"{teacher.title} names its outputs, but no output is named {', '.join(lost)}.",
            "Name the class of each output, in order, as the data set names it: teacher.classes.",
        )
    return section_with(teacher, classes=names)


def names_in_file(kind: str, path: Path) -> list[str]:
    """Return the output names that a network's file contains, in order; [] if it has none."""
    return names_of(_texts_in(kind, path))


def _texts_in(kind: str, path: Path) -> Mapping[str, object]:
    """Return the metadata of a network's file; {} for kinds of files without metadata."""
    read = {"onnx": metadata_of, "torchscript": _torchscript_texts, "timm": _beside}.get(kind)
    return read(path) if read else {}


def _check_numbers(teacher: Section, texts: Mapping[str, object]) -> None:
    """Raise ``DataError`` for numbered names in a file's metadata that give no order of outputs."""
    for entry in _ENTRIES:
        value = _parsed(texts.get(entry))
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
            continue
        numbers = [str(number) for number in value]
        if numbers and all(number.isdecimal() for number in numbers) and not _in_order(value):
            raise DataError(
                f"{teacher.title} names its outputs ({entry} in its metadata), but the numbers "
                f"{listed(numbers, 5)} are not those of its outputs.",
                "Name the class of each output, in order, as the data set names it: "
                "teacher.classes.",
            )


def names_of(texts: Mapping[str, object], nested: bool = True) -> list[str]:
    """Return the names of outputs in a file's metadata ``texts``; [] if no entry has names."""
    for entry in _ENTRIES:
        value = _parsed(texts.get(entry))
        if isinstance(value, dict) and nested and (inner := names_of(value, nested=False)):
            return inner
        names = _in_order(value)
        if names and not any(_PLACEHOLDER.fullmatch(name) for name in names):
            return names
    return []


def are_placeholders(names: Sequence[str]) -> bool:
    """Return True if all names are generated, like ``LABEL_0``, and so do not describe classes."""
    return bool(names) and all(re.fullmatch(r"LABEL_\d+", name) for name in names)


def in_words_of(names: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return the names, each spelled like a class if only case, ``_`` or ``-`` differ."""
    of_plain: dict[str, list[str]] = {}
    for name in classes:
        of_plain.setdefault(plain_name(name), []).append(name)
    named = []
    for name in names:
        alike = of_plain.get(plain_name(name), [])
        taken = name in classes or len(alike) != 1 or alike[0] in names
        named.append(name if taken else alike[0])
    return named


def plain_name(name: str) -> str:
    """Return a name in lower case, with blanks for ``_`` and ``-``."""
    return " ".join(re.sub(r"[_-]", " ", name).lower().split())


def _parsed(text: object) -> Any:
    """Parse a text as JSON or as a Python literal; return None if it is neither."""
    if not isinstance(text, str):
        return text
    if len(text) > _MOST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None


def _in_order(value: object) -> list[str]:
    """Return the names in a list, or in a dict by their numbers or with their numbers; [] for other
    values. Numbers run from 0, or from 1."""
    if isinstance(value, dict):
        if all(isinstance(number, int) for number in value.values()):
            value = {number: name for name, number in value.items()}
        first = 0 if 0 in value or "0" in value else 1
        value = [value.get(i, value.get(str(i))) for i in range(first, first + len(value))]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return []
    return list(value) if len(set(value)) == len(value) else []


def _torchscript_texts(path: Path) -> Mapping[str, str]:
    """Return the extra files of a TorchScript archive (``_extra_files``); {} if unreadable."""
    return extra_texts(path, _ENTRIES, _MOST)


def _beside(weights: Path) -> Mapping[str, Any]:
    """Return the entry ``label_names`` of ``config.json`` next to a weights file, or {}."""
    file = weights.with_name("config.json")
    try:
        if file.stat().st_size > _MOST:
            return {}
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    names = config.get("label_names") if isinstance(config, dict) else None
    return {"label_names": names} if names else {}


#: Labelled photos for a first test of a network's outputs: least number in all, and per class.
_TRIED, _TRIED_OF_CLASS = 500, 10


def check_order(
    teacher: Section, dataset: Dataset, logit: np.ndarray, other: np.ndarray | None = None
) -> None:
    """Test the order of logits ``(N, K)``, and ``(N, M)`` of other classes, against the labels;
    raise ``OrderError`` if another order fits better.

    Nothing is tested if the spec sets ``order``, or if the teacher was made from the classes' names
    or labels.
    """
    from inficond_panel.store.teacher_outputs import hold_outputs

    if teacher.order or not isinstance(teacher, NamedOutputs | LogitsTeacher):
        return
    better = hold_outputs(
        logit,
        dataset.label,
        np.array(dataset.split),
        dataset.classes,
        single=dataset.task == "single_label",
        softmax=teacher.softmax,
        other=other,
    )
    if better:
        error = better.error(order_remedy(teacher, dataset.classes, better))
        error.key = "teacher.classes"
        raise error


def check_table(teacher: LogitsTeacher, dataset: Dataset) -> str:
    """Read a teacher's table, and raise ``OrderError`` if its columns fit other classes better.
    Return a sentence on which activation the labels of ``fit`` agree with; "" if each image may
    have several classes, or few have a label."""
    from inficond_panel.store.teacher_outputs import activation_text, fit_of_labels

    with about("teacher.path"):
        logits = read_logits(teacher, dataset.ids, dataset.classes)
    check_order(teacher, dataset, logits.own, logits.other)
    fit = fit_of_labels(
        logits.own,
        dataset.label,
        np.array(dataset.split),
        single=dataset.task == "single_label",
        other=logits.other,
    )
    return activation_text(fit, teacher.activation or SIGMOID) if fit else ""


def order_remedy(teacher: Section, classes: Sequence[str], finding: OrderFinding) -> str:
    """Return the remedy for outputs in a wrong order or with the wrong sign: the better order as
    the spec writes it, and the key that keeps them as they are."""
    overruled = "If they are right as they are, set order: as_given in the section teacher."
    if isinstance(teacher, LogitsTeacher):
        return f"{finding.change_of(teacher.path.name)} {overruled}"
    if not finding.right_names:
        return f"Change the sign of the network's outputs in its file. {overruled}"
    names = [
        finding.right_names.get(name, name) for name in getattr(teacher, "classes", ()) or classes
    ]
    listed = json.dumps(names, ensure_ascii=False)  # a list of YAML too
    return f"If the labels are right, set in the section teacher\n  classes: {listed}\n{overruled}"


def tried_rows(dataset: Dataset, keys: Sequence[str]) -> np.ndarray | None:
    """Return rows of photos for a first test of a network; None if a test would save nothing.

    The photos are those whose ``keys`` (hashes) begin with some number of 0 bits: a reproducible
    sample whose batches (``batches_of``) are also batches of all photos.
    """
    labelled = _seen(dataset)
    wanted = max(_TRIED, _TRIED_OF_CLASS * len(dataset.classes))
    first = np.array([int(key[:8], 16) for key in keys], dtype=np.uint64)
    for bits in range(31, 0, -1):
        chosen = first < 1 << (32 - bits)
        if labelled[chosen].sum() >= wanted:
            return np.flatnonzero(chosen)
    return None


def with_fitting_outputs(
    error: OutputsError, teacher: Teacher, dataset: Dataset, softmax: bool, batch: int
) -> DataError:
    """Return the error on the number of outputs, with the outputs that fit the classes best."""
    from inficond_panel.store.teacher_outputs import fitting_text

    network: Any = teacher  # each kind is a dataclass with these two fields
    every = replace(network, columns=tuple(range(error.outputs)), outputs=error.outputs)
    rows = labelled_rows(dataset)
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:_TRIED])
    try:
        values, read = _run(every, dataset, rows, batch)
    except InficondError:  # the first error is the cause to report
        return error
    if not read:
        return error
    fitting = fitting_text(values, dataset.label[read], dataset.classes, softmax)
    return DataError(f"{error.message} {fitting}", error.remedy)


def _run(
    teacher: Teacher, dataset: Dataset, rows: np.ndarray, batch: int
) -> tuple[np.ndarray, list[int]]:
    """Return outputs ``(n, J)`` of the readable photos among ``rows``, and their rows."""
    prepare = teacher.preprocessing.prepare
    values, read = [], list[int]()
    for start in range(0, len(rows), batch):
        some = list(map(int, rows[start : start + batch]))
        images, faults = readable(lambda row: prepare(dataset.load(row)), some)
        read += [row for row, fault in zip(some, faults, strict=True) if not fault]
        if images:
            values.append(teacher.logits(stacked(images)))
    return (np.concatenate(values) if values else np.empty((0, 0))), read


def labelled_rows(dataset: Dataset) -> np.ndarray:
    """Return the rows of the images that are in ``fit`` or ``tune`` and have a label."""
    return np.flatnonzero(_seen(dataset))


def _seen(dataset: Dataset) -> np.ndarray:
    """Return a mask of the images that are in ``fit`` or ``tune`` and have a label."""
    from inficond_panel.store.teacher_outputs import SEEN_SPLITS

    return np.isin(np.array(dataset.split), SEEN_SPLITS) & (dataset.label >= 0).any(axis=1)
