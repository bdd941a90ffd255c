"""Changes of a metric from one iteration to another, with their noise."""

from __future__ import annotations

from inficond_panel.distill import Interval, change_intervals
from inficond_panel.distill.metrics.class_mean import mean_change
from inficond_panel.tuning.student import Students
from inficond_panel.vocabulary.metrics import AP


def metric_change(
    before: Students, after: Students, class_name: str, metric: str = AP.key
) -> Interval:
    """Change in a metric of one class; without one, in its mean over all classes.

    A paired bootstrap over the images of the split that both are on. Students that are in use keep
    their draws, so that a change costs what an iteration has changed.
    """
    if class_name:
        old, new = before[class_name].outcome, after[class_name].outcome
        return change_intervals(old, new, (metric,))[metric]
    return mean_change(list(before.outcomes.values()), list(after.outcomes.values()), metric)
