"""Rows that hold thumbs against repairs, the paper's recipe, and what needs no tool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill import fit_paper
from inficond_panel.errors import TuningError
from inficond_panel.tuning.edits import Edit
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.vocabulary.intents import ALL, LABELS, TARGET, TEACHER
from shift_parts import clicks
from shift_parts.given import Clicks, Row, words_of_others
from shift_parts.runs import shift_of
from shift_parts.teachers import teacher_logits
from shift_parts.thumbs import unbiased

#: Passes of the paper's distillation, and of its refit (InFiConD, sec. 4.5).
EPOCHS, REFIT_EPOCHS = 10, 3
#: Suspects that a balance is by.
SUSPECTS = 3


def of_pair(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """Rows of a biased student."""
    up, off, concepts = given.up, given.off, given.case.store.concepts
    yield from _rows(given)
    balance = Reweight(given.name, (concepts[off],))
    yield Row("balance by the context's word", refitted(given, [balance]))
    yield Row("target, ✕ alone", given.clicked(off=[off]))
    free = [c for c in range(len(concepts)) if c not in (*given.own, off)]
    one, other = rng.choice(free, 2, replace=False).tolist()
    yield Row("target, random word and culprit", given.clicked([one], [other]))
    others = words_of_others(given.case.store, given.case.k, given.case.pair.context)
    another = int(rng.choice(others))
    yield Row("target, another class's word, the culprit", given.clicked([another], [off]))
    yield Row("the student of unbiased photos", unbiased(given))
    yield Row("target, 👍 alone", given.clicked([up]))


def of_class(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """Rows of a student without a bias; ✕ is on another class's word."""
    off = int(rng.choice(words_of_others(given.case.store, given.case.k)))
    yield from _rows(replace(given, off=off))


def _rows(given: Clicks) -> Iterator[Row]:
    case, of, up, off = given.case, given.of, given.up, given.off
    yield Row("target", given.clicked([up], [off]))
    yield Row("all", given.clicked([up], [off], ALL))
    yield from paper(given)
    for title, edits in repairs(given).items():
        yield Row(title, refitted(given, edits))
    yield Row("average of student and word", clicks.average(of, up))
    yield Row("the word alone", of.standard(up, of.shown))
    anew = teacher_logits(
        given.teacher, case.store, case.k, case.split.fit, case.seed + 5000, case.fit
    )
    yield Row("another draw of the teacher", of.refit(anew[case.fit]))
    yield Row("unchanged refit", of.refit(of.log_odds))


def repairs(given: Clicks) -> dict[str, list[Edit]]:
    """Repairs by the labels of tune, alone and with the two clicks, by title."""
    name = given.name
    suspects = tuple(each.concept for each in shift_of(given.students).suspects[:SUSPECTS])
    auto, doubt = Lambda(name), AdaptivePenalty(name)
    balance: list[Edit] = [Reweight(name, suspects, suspects=True)] if suspects else []
    both = given.edits([given.up], [given.off])
    return {
        "lambda": [auto],
        "doubt": [doubt],
        "balance": balance,
        "balance, doubt, lambda": [*balance, doubt, auto],
        "the teacher on tune": [Learn(name, TEACHER)],
        "labels of tune, lambda": [Learn(name, LABELS), auto],
        "target, and doubt": [*both, doubt],
        "target, and balance": [*both, *balance],
        "target, and the teacher on tune": [*both, Learn(name, TEACHER)],
    }


def refitted(given: Clicks, edits: Sequence[Edit]) -> NDArray:
    """Logits after these edits, or those of the student where it cannot have them."""
    tuner = given.students.tuner
    try:
        node = tuner.fine_tune(given.students.node, edits, refit=TARGET) if edits else None
    except TuningError:
        node = None
    return given.of.before if node is None else tuner.logits(node, given.rows)[:, 0]


def paper(given: Clicks) -> Iterator[Row]:
    """The same two clicks with ``solver: paper``: bounds, and a few epochs from the parent."""
    of, targets = given.of, expit(given.of.log_odds)[:, None]
    first = fit_paper(of.scores, targets, l1=of.l1, epochs=EPOCHS)
    moved = clicks.bounded(given.students, given.up, given.off, first.weights)
    lower, upper = np.full((2, *first.weights.shape), np.inf) * np.array([-1, 1])[:, None, None]
    lower[given.up, 0] = moved[given.up]
    lower[given.off, 0] = upper[given.off, 0] = 0.0
    before = of.logits(first.weights[:, 0])
    how = {"l1": of.l1, "epochs": REFIT_EPOCHS, "start": first}
    last = fit_paper(of.scores, targets, lower=lower, upper=upper, **how)
    title = "solver: paper"
    yield Row(f"{title}, three epochs, against its own", of.logits(last.weights[:, 0]), before)
    yield Row(f"{title}, three epochs", of.logits(last.weights[:, 0]))
    again = fit_paper(of.scores, targets, **how)
    yield Row(f"{title}, three epochs, no click", of.logits(again.weights[:, 0]), before)
