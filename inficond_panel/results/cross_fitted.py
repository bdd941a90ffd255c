"""Outcomes for evaluation: cross-fitted where the labels of tune chose a student's terms."""

from __future__ import annotations

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.outcome import Cutoffs
from inficond_panel.tuning.cures.cross_fit import cross_fitted_logits, steps_to
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Cross-fitted outcomes kept, by all sessions: of each iteration one for each class it cured.
_KEPT = 256


def chosen_on_tune(tuner: Tuner, node: Node, class_name: str) -> int:
    """Number of labelled photos of ``tune`` that chose the terms of a student; 0 for none."""
    terms = tuner.terms(node).get(class_name)
    return 0 if terms is None else terms.used


def evaluation_outcome(tuner: Tuner, node: Node, split: str, class_name: str) -> Outcome:
    """Outcome of a student on the images of a split that did not choose its terms.

    On ``tune``, of a student whose terms its labels chose, each image is ranked by a student that
    was made without it; that takes seconds, once. Else the student's own. With one class per image
    the other students decide too, and are cross-fitted alike.
    """
    deciding = tuner.store.classes if tuner.store.task == SINGLE_LABEL else [class_name]
    if split != TUNE or not any(chosen_on_tune(tuner, node, name) for name in deciding):
        return tuner.at(node, split)[class_name].outcome
    return _cross_fitted_outcome(tuner, node, class_name)


@once(_KEPT)
def _cross_fitted_outcome(tuner: Tuner, node: Node, class_name: str) -> Outcome:
    student = tuner.at(node, TUNE)[class_name]
    if tuner.store.task != SINGLE_LABEL:
        logit, cutoff = _cross_fitted(tuner, node, class_name), student.cutoff
    else:
        logits, cutoffs = _cross_fitted_rivals(tuner, node)
        logit, cutoff = logits[:, student.column], cutoffs.of(student.column)
    return Outcome(student.labels, logit, student.teacher_decided, cutoff)


@once(8)
def _cross_fitted_rivals(tuner: Tuner, node: Node) -> tuple[np.ndarray, Cutoffs]:
    """Logits of all students on tune, cross-fitted where needed, and the cutoffs by these."""
    logits = tuner.logits(node)[tuner.store.rows(TUNE)]
    for k, name in enumerate(tuner.store.classes):
        if chosen_on_tune(tuner, node, name):
            logits[:, k] = _cross_fitted(tuner, node, name)
    return logits, tuner.cutoffs(logits)


def _cross_fitted(tuner: Tuner, node: Node, class_name: str) -> np.ndarray:
    steps = steps_to(tuner, node, class_name)
    return cross_fitted_logits(tuner, node, class_name, steps, tuner.store.rows(TUNE))
