"""Task and outputs that a spec for a folder states: from its labels and the teacher's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.teacher_outputs import logits_fault, probabilities_fault
from inficond_panel.errors import DataError
from inficond_panel.store.label_checks import REMEDY, is_single_label, single_label_fault
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from precompute.datasets import Dataset
from precompute.datasets.row_tables import read_rows
from precompute.detect.choice import Choice
from precompute.teachers.tables import read_arrays, read_outputs

#: Teachers that are trained with sigmoids, and have no choice.
_SIGMOIDS = ("head", "query2label")


@dataclass(frozen=True)
class TaskKeys:
    """Keys of a spec that follow from the labels, and from what the teacher gives; ``assumed`` are
    the assumptions behind them, for people."""

    dataset: dict[str, str] = field(default_factory=dict)
    teacher: dict[str, Any] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)


def task_keys(
    dataset: Dataset, teacher: Choice, *, task: str = "", activation: str = "", outputs: str = ""
) -> TaskKeys:
    """The task of a data set, what the teacher ends in, and what it gives and calls the classes.

    ``task``, ``activation`` and ``outputs`` are taken where they are given, and found where they
    are empty. Raises ``DataError`` for a table that cannot be read, and for images that have not
    one class each where the task says so.
    """
    task = _checked(task, dataset) or ("single_label" if is_single_label(dataset.label) else "")
    single, found = task == "single_label", TaskKeys({"task": task} if task else {})
    values = np.empty((0, 0))
    if teacher.table is not None:
        values = read_outputs(teacher.table, dataset.ids, dataset.classes)[0]
        values = values if single else values[:, : len(dataset.classes)]
    shares = "probabilities" in (outputs or logits_fault(values))
    if outputs:
        found.teacher["outputs"] = outputs
    elif shares:
        found.teacher["outputs"] = "probabilities"
        found.assumed.append("the teacher's table holds probabilities: all lie in 0..1")
    if labels := _labels(dataset.classes, teacher.outputs):
        found.teacher["labels"] = labels
        told = ", ".join(f"{name} is {label!r}" for name, label in labels.items())
        found.assumed.append(f"of what the teacher tells, {told}")
    if activation:
        found.teacher["activation"] = activation
        return found
    if single:
        apart = shares and bool(probabilities_fault(values, by_softmax=True))
        _end_single(found, teacher, apart)
    elif teacher.activation == SOFTMAX:
        found.teacher["activation"] = SIGMOID
        found.assumed.append(
            "an image can have several classes, though the teacher was trained to tell them "
            "apart: each of its logits is taken by itself"
        )
    return found


def _checked(task: str, dataset: Dataset) -> str:
    """The task that is asked for; ``DataError`` for labels that do not fit it."""
    fault = single_label_fault(dataset.label, dataset.ids, dataset.classes)
    if task == "single_label" and fault:
        raise DataError(fault, REMEDY)
    return task


def _end_single(found: TaskKeys, teacher: Choice, apart: bool) -> None:
    """Last layer of a teacher where each image has one class; ``apart``: its probabilities do not
    add up to 1."""
    if teacher.keys["kind"] in _SIGMOIDS:
        return
    found.teacher["activation"] = teacher.activation or (SIGMOID if apart else SOFTMAX)
    if not apart and not teacher.activation:
        found.assumed.append(
            "the teacher ends in a softmax, as each image has one class; if it was trained to "
            "find each class by itself, teacher.activation is sigmoid"
        )


def _labels(classes: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """The output that stands for a class, where none has its name: the only one that has it among
    its names between commas, whatever case, as ``tabby, tabby cat``."""
    named: dict[str, list[str]] = {}
    for output in outputs:
        for name in {part.strip().replace("_", " ").lower() for part in output.split(",")}:
            named.setdefault(name, []).append(output)
    free = [name for name in classes if outputs and name not in outputs]
    found = {name: named.get(name.replace("_", " ").lower(), []) for name in free}
    return {name: only[0] for name, only in found.items() if len(only) == 1}


def logit_classes(path: Path) -> list[str]:
    """Classes of a table of logits."""
    if path.suffix.lower() == ".npz":
        return [str(name) for name in read_arrays(path, ["class_name"])[0].ravel()]
    return list(read_rows(path)[0][1:])
