"""Ways to mend one biased student: cures of the product, and references that it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.api.students import TunableStudents
from inficond_panel.distill import average_precision
from inficond_panel.errors import TuningError
from inficond_panel.tuning import Node
from inficond_panel.tuning.cures.resolution import lambda_path
from inficond_panel.tuning.fitting.terms import Balanced, Terms
from inficond_panel.tuning.intents.cures import Balance, Cure, Doubt, Label, Lambda
from inficond_panel.tuning.shift.class_shift import ClassShift
from shift_parts.environments import group_weights, inferred_environment

#: Numbers of photos of tune whose labels are taught, the top-ranked first.
TAUGHT = (10, 25, 50)
#: Factors of the weight of photos that the student gets wrong (JTT).
FACTORS = (1.0, 3.0, 10.0, 30.0, 100.0)


def cures(
    students: TunableStudents, shift: ClassShift, *, brief: bool
) -> Iterator[tuple[str, NDArray]]:
    """Title and logits of the holdout of each cure; ``brief``: of all three together."""
    tuner, name = students.tuner, shift.class_name
    suspects = [suspect.concept for suspect in shift.suspects]
    auto, doubt = Lambda(name), Doubt(name)
    three = [Balance(name, tuple(suspects[:3]))] if suspects else []
    tried: dict[str, list[Cure]] = {"all three cures": [*three, doubt, auto]}
    if not brief:
        tried |= _each(students, name, suspects)
    for title, asked in tried.items():
        try:
            yield title, holdout(students, tuner.preview(students.node, asked))
        except TuningError as error:
            print(f"{name}, {title}: {error.message}")
            yield title, holdout(students, students.node)


def _each(students: TunableStudents, name: str, suspects: list[str]) -> dict[str, list[Cure]]:
    """Cures one by one and in pairs, and labels, by title."""
    auto, doubt = Lambda(name), Doubt(name)
    tried: dict[str, list[Cure]] = {
        "lambda by AP on tune": [auto],
        "doubt": [doubt],
        "doubt, lambda": [doubt, auto],
    }
    for count in (1, 3, 5):
        if suspects:
            balance = Balance(name, tuple(suspects[:count]))
            tried[f"balance by {count} suspects"] = [balance]
            tried[f"balance by {count} suspects, lambda"] = [balance, auto]
            tried[f"balance by {count} suspects, doubt"] = [balance, doubt]
            if count != 3:  # else these are all three cures
                tried[f"balance by {count} suspects, doubt, lambda"] = [balance, doubt, auto]
    for count in TAUGHT:
        tried[f"labels of the {count} top-ranked photos of tune"] = top_labels(students, count)
    return tried


def top_labels(students: TunableStudents, count: int) -> list[Cure]:
    """Labels of the photos of tune that the student ranks highest."""
    store = students.tuner.store
    rows = store.rows("tune")
    rows = rows[store.label[rows, 0] >= 0]
    order = np.argsort(-students.tuner.logits(students.node)[rows, 0], kind="stable")[:count]
    return [
        Label(store.classes[0], str(store.images[row]), int(store.label[row, 0]))
        for row in rows[order]
    ]


def references(students: TunableStudents, context: NDArray) -> Iterator[tuple[str, NDArray]]:
    """Title and logits of the holdout of methods that know the ``context`` (N,), or do not."""
    tuner, store = students.tuner, students.tuner.store
    fit, tune = store.rows("fit"), store.rows("tune")
    label = np.asarray(store.label)[:, 0]
    cell = 2 * (label == 1) + (context == 1)
    share = np.bincount(cell[tune], minlength=4) / len(tune)
    count = np.bincount(cell[fit], minlength=4)
    weights = (share / np.maximum(count, 1))[cell[fit]]
    by_group = _weighed(weights)
    yield "true groups reweighted", _student(students, by_group)
    yield "true groups reweighted, lambda", _best(students, _path(students, by_group))
    logit = tuner.logits(students.node)[fit, 0]
    yield from _environments(students, fit, label[fit] == 1, logit)
    wrong = (logit > 0) != (label[fit] == 1)
    tried = [_weighed(np.where(wrong, factor, 1.0)) for factor in FACTORS]
    yield "photos it gets wrong weigh more (JTT)", _best(students, tried)
    both = [terms for weighed in tried for terms in _path(students, weighed)]
    yield "photos it gets wrong weigh more, lambda", _best(students, both)


def _environments(
    students: TunableStudents, fit: NDArray, label: NDArray, logit: NDArray
) -> Iterator[tuple[str, NDArray]]:
    """Groups are the class or its absence in each inferred environment."""

    def loss_of(weights: NDArray) -> NDArray:
        found = _fitted(students, _weighed(weights), fit)
        return np.logaddexp(0, np.where(label, -found, found))

    group = 2 * label + inferred_environment(label, logit)
    tried = [_weighed(weights) for weights in group_weights(group, loss_of)]
    path = [terms for weighed in tried for terms in _path(students, weighed)]
    yield "inferred environments (EIIL) reweighted", _student(students, tried[0])
    yield "inferred environments reweighted, lambda", _best(students, _path(students, tried[0]))
    yield "inferred environments, group DRO", _best(students, tried)
    yield "inferred environments, group DRO, lambda", _best(students, path)


def _weighed(weights: NDArray) -> Terms:
    scaled = (weights / weights.mean()).astype(np.float32)
    return Terms(balanced=Balanced((), scaled, (0.0, 0.0)))


def _path(students: TunableStudents, terms: Terms) -> list[Terms]:
    student = students.tuner.cures.class_fit(students.node, students.classes[0], terms)
    return [replace(terms, penalty=value) for value in lambda_path(student)]


def _best(students: TunableStudents, tried: list[Terms]) -> NDArray:
    """Logits of the holdout of the terms with the highest AP on tune."""
    store = students.tuner.store
    tune = store.rows("tune")
    label = store.label[tune, 0]
    values = [average_precision(label, _fitted(students, terms, tune)) for terms in tried]
    return _student(students, tried[int(np.argmax(values))])


def _student(students: TunableStudents, terms: Terms) -> NDArray:
    return _fitted(students, terms, students.tuner.store.rows("holdout"))


def _fitted(students: TunableStudents, terms: Terms, rows: NDArray) -> NDArray:
    """Logits of these photos by the student that is fitted with the terms."""
    student = students.tuner.cures.class_fit(students.node, students.classes[0], terms)
    return student.logits(student.base, rows)


def holdout(students: TunableStudents, node: Node) -> NDArray:
    """Logits of the holdout at a node."""
    return students.tuner.logits(node)[students.tuner.store.rows("holdout"), 0]
