"""Changes of a metric from one iteration to another, with their noise."""

from __future__ import annotations

from inficond_panel.analysis.judged import judged_outcome
from inficond_panel.distill import Interval, change_intervals
from inficond_panel.distill.metrics.class_mean import mean_change
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP


def metric_change(
    tuner: Tuner, before: Node, after: Node, split: str, class_name: str, metric: str = AP.key
) -> Interval:
    """Change in a metric of one class; without one, in its mean over all classes.

    A paired bootstrap over the images of the split, cross-fitted where their labels chose a
    student (``analysis.judged``). Students that are in use keep their draws, so that a change costs
    what an iteration has changed.
    """
    noise = tuner.spec.views.noise()
    if class_name:
        old, new = (judged_outcome(tuner, node, split, class_name) for node in (before, after))
        return change_intervals(old, new, (metric,), **noise)[metric]
    was, now = (
        [judged_outcome(tuner, node, split, name) for name in tuner.store.classes]
        for node in (before, after)
    )
    return mean_change(was, now, metric, **noise)
