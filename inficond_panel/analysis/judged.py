"""Outcomes that may judge: cross-fitted where the labels of tune chose a student's terms."""

from __future__ import annotations

from inficond_panel.common.cache import once
from inficond_panel.distill import Outcome
from inficond_panel.tuning.cures.cross_fit import cross_fitted_logits, steps_to
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner

#: Cross-fitted outcomes kept, by all sessions: of each iteration one for each class it cured.
_KEPT = 256


def chosen_on_tune(tuner: Tuner, node: Node, class_name: str) -> int:
    """Number of labelled photos of ``tune`` that chose the terms of a student; 0 for none."""
    terms = tuner.terms(node).get(class_name)
    return 0 if terms is None else terms.used


def judged_outcome(tuner: Tuner, node: Node, split: str, class_name: str) -> Outcome:
    """Outcome of a student on the images of a split that did not choose its terms.

    On ``tune``, of a student whose terms its labels chose, each image is ranked by a student that
    was made without it; that takes seconds, once. Else the student's own.
    """
    if split != "tune" or not chosen_on_tune(tuner, node, class_name):
        return tuner.at(node, split)[class_name].outcome
    return _cross_fitted(tuner, node, class_name)


@once(_KEPT)
def _cross_fitted(tuner: Tuner, node: Node, class_name: str) -> Outcome:
    own = tuner.at(node, "tune")[class_name]
    steps = steps_to(tuner, node, class_name)
    logits = cross_fitted_logits(tuner, node, class_name, steps, own.rows)
    return Outcome(own.labels, logits, own.teacher_logits, own.threshold)
