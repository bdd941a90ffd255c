"""The order of a teacher's outputs: held against labels before photos are encoded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from inficond_panel.errors import DataError, InficondError, OrderError, Problem
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import LogitsTeacher, NamedOutputs
from inficond_panel.spec.sections.teacher import Teacher as Section
from inficond_panel.store.images import UnreadableImage
from inficond_panel.store.output_order import SEEN, OrderFinding, fitting_text, hold_outputs
from precompute.datasets import Dataset
from precompute.teachers.preprocessing import stacked
from precompute.teachers.tables import read_logits
from precompute.teachers.teacher import OutputsError, Teacher

#: Labelled photos that a network is tried on before all photos go through it: at least so many,
#: and so many per class.
_TRIED, _TRIED_OF_CLASS = 500, 10


def hold_teacher(
    section: Section, dataset: Dataset, logit: np.ndarray, other: np.ndarray | None = None
) -> OrderFinding | None:
    """Hold logits ``(N, K)``, and ``(N, M)`` of other classes, against the data set's labels.

    None where nothing speaks against their order, where the spec overrules the labels, and for
    teachers that are made of the classes' names or labels.
    """
    if section.order or not isinstance(section, NamedOutputs | LogitsTeacher):
        return None
    return hold_outputs(
        logit,
        dataset.label,
        np.array(dataset.split),
        dataset.classes,
        single=dataset.task == "single_label",
        softmax=section.softmax,
        other=other,
    )


def check_order(
    section: Section, dataset: Dataset, logit: np.ndarray, other: np.ndarray | None = None
) -> None:
    """Raise ``OrderError`` where ``hold_teacher`` finds a better order."""
    if found := hold_teacher(section, dataset, logit, other):
        raise found.error(order_remedy(section, dataset.classes, found))


def check_table(section: LogitsTeacher, dataset: Dataset) -> None:
    """The same of a table, which is read."""
    logits = read_logits(section, dataset.ids, dataset.classes)
    check_order(section, dataset, logits.own, logits.other)


def in_spec(error: OrderError, spec: Spec) -> OrderError:
    """The error with the place of the teacher's classes, or of the teacher, in its spec."""
    key, name = ("teacher", "classes") if getattr(spec.teacher, "classes", ()) else ("", "teacher")
    place = str(Problem(spec.path, *spec.place(key, name), ""))
    return OrderError(error.sentence, error.remedy, error.right_names, place)


def order_remedy(section: Section, classes: Sequence[str], found: OrderFinding) -> str:
    """The better order as a spec takes it, and the key that overrules it."""
    overruled = "If the order is right as it is, the section takes order: as_given."
    if isinstance(section, LogitsTeacher):
        return f"Rename columns of {section.path.name}: {found.renamed}. {overruled}"
    names = [
        found.right_names.get(name, name) for name in getattr(section, "classes", ()) or classes
    ]
    listed = json.dumps(names, ensure_ascii=False)  # a list of YAML too
    return f"If the labels are right, the section teacher takes\n  classes: {listed}\n{overruled}"


def tried_rows(dataset: Dataset, keys: Sequence[str]) -> np.ndarray | None:
    """Rows of photos that a network is tried on first; None where that is no saving.

    They are all photos whose keys, which are hashes, begin with as many bits 0: drawn as by a
    seed, and in the same batches (``batches_of``) as among all photos.
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
    """The error of a network with other outputs than classes, with the outputs that fit these."""
    network: Any = teacher  # each kind is a dataclass with these two fields
    every = replace(network, columns=tuple(range(error.outputs)), outputs=error.outputs)
    rows = np.flatnonzero(_seen(dataset))
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:_TRIED])
    try:
        values, there = _run(every, dataset, rows, batch)
    except InficondError:  # the first error is the one to mend
        return error
    if not there:
        return error
    told = fitting_text(values, dataset.label[there], dataset.classes, softmax)
    return DataError(f"{error.message} {told}", error.remedy)


def _run(
    teacher: Teacher, dataset: Dataset, rows: np.ndarray, batch: int
) -> tuple[np.ndarray, list[int]]:
    """Outputs ``(n, J)`` of the photos at ``rows`` that can be read, and their rows."""
    values, there = [], []
    for start in range(0, len(rows), batch):
        images = []
        for row in map(int, rows[start : start + batch]):
            try:
                images.append(teacher.preprocessing.prepare(dataset.load(row)))
                there.append(row)
            except UnreadableImage:
                continue
        if images:
            values.append(teacher.logits(stacked(images)))
    return (np.concatenate(values) if values else np.empty((0, 0))), there


def _seen(dataset: Dataset) -> np.ndarray:
    """Mask of the images of fit and tune with a label."""
    return np.isin(np.array(dataset.split), SEEN) & (dataset.label >= 0).any(axis=1)
