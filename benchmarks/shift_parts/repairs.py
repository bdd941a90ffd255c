"""Ways to mend one biased student: repairs of the product, and references that it does not have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.api.students import TunableStudents
from inficond_panel.errors import TuningError
from inficond_panel.tuning import Node
from inficond_panel.tuning.answers import photos_to_ask
from inficond_panel.tuning.fitting.class_fit import fit_each, logits_of_each
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.choosing import choose
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty, lambda_path
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.reweight import Reweight, Reweighted
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.vocabulary.intents import TEACHER
from shift_parts.environments import group_weights, inferred_environment

#: Numbers of photos of tune whose labels are taught.
TAUGHT = (10, 25, 50)
#: Factors of the weight of photos that the student gets wrong (JTT).
FACTORS = (1.0, 3.0, 10.0, 30.0, 100.0)


def repairs(
    students: TunableStudents, shift: ClassShift, *, brief: bool
) -> Iterator[tuple[str, NDArray]]:
    """Title and logits of the holdout of each repair; ``brief``: of those that repair may be."""
    tuner, name = students.tuner, shift.class_name
    suspects = [suspect.concept for suspect in shift.suspects]
    auto, doubt = Lambda(name), AdaptivePenalty(name)
    three = [Reweight(name, tuple(suspects[:3]))] if suspects else []
    tried: dict[str, list[Repair]] = {
        "lambda by AP on tune": [auto],
        "balance by 3 suspects, doubt, lambda": [*three, doubt, auto],
        "learn labels, lambda": [Learn(name), auto],
        "learn labels, doubt, lambda": [Learn(name), doubt, auto],
        "learn teacher on tune (no label)": [Learn(name, TEACHER, 1.0)],
    }
    if not brief:
        tried |= _each(students, name, suspects)
    for title, asked in tried.items():
        try:
            yield title, holdout(students, tuner.preview(students.node, asked))
        except TuningError as error:
            print(f"{name}, {title}: {error.message}")
            yield title, holdout(students, students.node)


def _each(students: TunableStudents, name: str, suspects: list[str]) -> dict[str, list[Repair]]:
    """Repairs one by one and in pairs, and labels, by title."""
    auto, doubt = Lambda(name), AdaptivePenalty(name)
    tried: dict[str, list[Repair]] = {"doubt": [doubt], "doubt, lambda": [doubt, auto]}
    for count in (1, 3, 5):
        if suspects:
            balance = Reweight(name, tuple(suspects[:count]))
            tried[f"balance by {count} suspects"] = [balance]
            tried[f"balance by {count} suspects, lambda"] = [balance, auto]
            tried[f"balance by {count} suspects, doubt"] = [balance, doubt]
            if count != 3:  # that is tried already
                tried[f"balance by {count} suspects, doubt, lambda"] = [balance, doubt, auto]
    for count in TAUGHT:
        tried[f"labels of the {count} photos of tune to ask about"] = asked_labels(students, count)
        tried[f"labels of the {count} top-ranked photos of tune"] = top_labels(students, count)
        tried[f"labels of {count} photos of tune drawn at random"] = random_labels(students, count)
    return tried


def asked_labels(students: TunableStudents, count: int) -> list[Repair]:
    """Labels of the photos of tune that the product asks about."""
    student = students.tuner.repairs.class_fit(students.node, _name(students))
    return _labels(students, photos_to_ask(student, most=count).rows)


def top_labels(students: TunableStudents, count: int) -> list[Repair]:
    """Labels of the photos of tune that the student ranks highest."""
    rows = _labelled(students)
    order = np.argsort(-students.tuner.logits(students.node)[rows, 0], kind="stable")
    return _labels(students, rows[order[:count]])


def random_labels(students: TunableStudents, count: int) -> list[Repair]:
    """Labels of as many photos of tune, drawn at random; more of them hold the fewer."""
    rows = _labelled(students)
    return _labels(students, np.random.default_rng(len(rows)).permutation(rows)[:count])


def _labelled(students: TunableStudents) -> NDArray:
    store = students.tuner.store
    rows = store.rows("tune")
    return rows[store.label[rows, 0] >= 0]


def _labels(students: TunableStudents, rows: NDArray) -> list[Repair]:
    store = students.tuner.store
    return [
        Label(_name(students), str(store.images[row]), int(store.label[row, 0])) for row in rows
    ]


def _name(students: TunableStudents) -> str:
    return students.tuner.store.classes[0]


def references(students: TunableStudents, context: NDArray) -> Iterator[tuple[str, NDArray]]:
    """Title and logits of the holdout of methods that know the ``context`` (N,), or do not."""
    tuner, store = students.tuner, students.tuner.store
    fit, tune = store.rows("fit"), store.rows("tune")
    label = np.asarray(store.label)[:, 0] == 1
    cell = 2 * label + (context == 1)
    share = np.bincount(cell[tune], minlength=4) / len(tune)
    count = np.bincount(cell[fit], minlength=4)
    by_share = [_weighed((share / np.maximum(count, 1))[cell[fit]])]
    yield from _with_lambda(students, "true groups reweighted", by_share)
    yield from _with_lambda(
        students, "true groups, group DRO", _by_worst_group(students, label[fit], cell[fit])
    )
    logit = tuner.logits(students.node)[fit, 0]
    inferred = 2 * label[fit] + inferred_environment(label[fit], logit)
    rounds = _by_worst_group(students, label[fit], inferred)
    yield from _with_lambda(students, "inferred environments (EIIL) reweighted", rounds[:1])
    yield from _with_lambda(students, "inferred environments, group DRO", rounds)
    wrong = (logit > 0) != label[fit]
    heavier = [_weighed(np.where(wrong, factor, 1.0)) for factor in FACTORS]
    yield from _with_lambda(students, "photos it gets wrong weigh more (JTT)", heavier)


def _with_lambda(
    students: TunableStudents, title: str, tried: list[Terms]
) -> Iterator[tuple[str, NDArray]]:
    """The best of these terms by AP on tune, without and with a choice of lambda."""
    yield title, _best(students, [[terms] for terms in tried])
    yield f"{title}, lambda", _best(students, [_path(students, terms) for terms in tried])


def _by_worst_group(students: TunableStudents, label: NDArray, group: NDArray) -> list[Terms]:
    """Terms of each round of group DRO, for labels and groups (n,) of the photos of fit."""
    fit = students.tuner.store.rows("fit")

    def loss_of(weights: NDArray) -> NDArray:
        found = _fitted(students, _weighed(weights), fit)
        return np.logaddexp(0, np.where(label, -found, found))

    return [_weighed(weights) for weights in group_weights(group, loss_of)]


def _weighed(weights: NDArray) -> Terms:
    scaled = (weights / weights.mean()).astype(np.float32)
    return Terms((Reweighted((), scaled, (0.0, 0.0)),))


def _path(students: TunableStudents, terms: Terms) -> list[Terms]:
    student = students.tuner.repairs.class_fit(students.node, students.classes[0], terms)
    return [terms.having(OwnPenalty(value)) for value in lambda_path(student)]


def _best(students: TunableStudents, tried: list[list[Terms]]) -> NDArray:
    """Logits of the holdout of the terms that the product's rule chooses by AP on tune.

    Terms of one list differ in lambda alone.
    """
    store, logits = students.tuner.store, []
    tune = store.rows("tune")
    tune = tune[store.label[tune, 0] >= 0]
    plain = students.tuner.repairs.class_fit(students.node, _name(students))
    for terms in tried:
        found = fit_each(plain, terms)
        logits.append(logits_of_each(found, store.concept_score[tune]))
    place = choose(np.asarray(store.label)[tune, 0], np.concatenate(logits)).taken
    return _fitted(
        students, [one for terms in tried for one in terms][place], store.rows("holdout")
    )


def _fitted(students: TunableStudents, terms: Terms, rows: NDArray) -> NDArray:
    """Logits of these photos by the student that is fitted with the terms."""
    student = students.tuner.repairs.class_fit(students.node, students.classes[0], terms)
    return student.logits(student.base, rows)


def holdout(students: TunableStudents, node: Node) -> NDArray:
    """Logits of the holdout at a node."""
    return students.tuner.logits(node)[students.tuner.store.rows("holdout"), 0]
