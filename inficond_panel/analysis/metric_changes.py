"""Changes of a metric from one iteration to another, with their noise."""

from __future__ import annotations

from inficond_panel.distill import Interval, change_intervals
from inficond_panel.distill.metrics.class_mean import mean_change
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP


def metric_change(
    tuner: Tuner, before: Node, after: Node, class_name: str, split: str, metric: str = AP.key
) -> Interval:
    """Change in a metric of one class; without one, in its mean over all classes.

    A paired bootstrap over the images of ``split``. Students that are in use keep their draws, so
    that a change costs what an iteration has changed.
    """
    old, new = tuner.outcomes(before, split), tuner.outcomes(after, split)
    if class_name:
        return change_intervals(old[class_name], new[class_name], (metric,))[metric]
    return mean_change(list(old.values()), list(new.values()), metric)
