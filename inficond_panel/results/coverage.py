"""Decisions of students on ``tune`` by how sure they are: accuracy over the share answered."""

from __future__ import annotations

import pandas as pd

from inficond_panel.distill.metrics.thresholds import Decisions, class_decisions, top_decisions
from inficond_panel.errors import TuningError
from inficond_panel.results.cross_fitted import evaluation_outcome
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.top_measures import evaluation_top_class
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import ACCURACY, F1
from inficond_panel.vocabulary.splits import TUNE

_HEADINGS = {
    "coverage": Heading("share answered", 2),
    "threshold": Heading("sure from", 2),
    "answered": Heading("images"),
    ACCURACY.key: Heading(ACCURACY.word),
    F1.key: Heading(F1.word),
    "gain": Heading("gain in accuracy", sign=True),
}


def coverage(
    tuner: Tuner, node: Node, class_name: str = "", draws: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Accuracy and F1 on ``tune`` of the surest decisions, by the share that they are of all.

    One row per share, the fewest images first. ``threshold`` is the distance from the decision
    threshold (logits), or without a class the probability. ``gain`` is the accuracy less that of
    all decisions, on the same bootstrap draws. Raises ``TuningError`` as ``decisions_of``, and
    where no image is labelled.
    """
    noise = tuner.spec.views.noise(draws, seed)
    rows = [
        {
            "coverage": point.coverage,
            "threshold": point.threshold,
            "answered": point.answered,
            **point.accuracy.columns(ACCURACY.key),
            **point.f1.columns(F1.key),
            **point.gain.columns("gain"),
        }
        for point in decisions_of(tuner, node, class_name).curve(**noise)
    ]
    if not rows:
        raise TuningError("No image of tune is labelled.", "Label some of tune.")
    return make_frame(
        rows,
        "coverage",
        _HEADINGS,
        title=f"{node_title(tuner, node)}, {class_name or 'all classes'}: the surest decisions",
        facts={"node": node.id, "class": class_name or None, "split": TUNE},
        level=noise["level"],
    )


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
