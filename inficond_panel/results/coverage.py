"""Decisions of students on ``tune`` by how sure they are: accuracy over the share answered."""

from __future__ import annotations

from inficond_panel.distill.metrics.selective import Decisions, class_decisions, top_decisions
from inficond_panel.errors import TuningError
from inficond_panel.results.cross_fitted import evaluation_outcome
from inficond_panel.results.top_measures import evaluation_top_class
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.splits import TUNE


def decisions_of(tuner: Tuner, node: Node, class_name: str = "") -> Decisions:
    """Decisions of a class's student on ``tune``, by their distance from the threshold.

    Of a student whose terms the labels of ``tune`` chose they are cross-fitted.
    Without a class, on data with one class an image, those of all students together, by the
    probability of the likeliest class. Raises ``TuningError`` for an unknown class, and for none
    where images have several.
    """
    if class_name:
        check_name("class", class_name, tuner.store.classes)
        return class_decisions(evaluation_outcome(tuner, node, TUNE, class_name))
    if tuner.store.task != "single_label":
        raise TuningError(
            "Images have any number of classes: each is decided by itself.", "Name a class."
        )
    return top_decisions(evaluation_top_class(tuner, node, TUNE))
