"""Changes of metrics between two iterations, with limits of a paired bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from inficond_panel.common.interval import Interval
from inficond_panel.distill import change_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP, METRICS


def changes(
    tuner: Tuner,
    before: Node,
    node: Node,
    split: str,
    *,
    metrics: Sequence[str] = (AP.key,),
    classes: Sequence[str] | None = None,
    shown: str = "",
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return metrics of each class at ``before`` and ``node``, one row per class and metric.

    ``change`` has the limits of a paired bootstrap. A terminal shows the rows of the metric
    ``shown`` (default: the first of ``metrics``).
    """
    noise = tuner.spec.views.noise(draws, seed)
    names = chosen_classes(classes, tuner.store.classes)
    changed = tuner.each(partial(_changed, split, metrics, noise), names, before, node)
    rows = [row for of_class in changed for row in of_class]
    metric = METRICS[shown or metrics[0]]
    return make_frame(
        rows,
        "class",
        {
            **plain_headings("class", before=f"#{before.number}", after=f"#{node.number}"),
            "change": Heading("change", sign=True),
            "words": Heading(""),
        },
        title=f"{metric.word} since {node_title(tuner, before)}",
        facts={**facts_of(tuner, node, split, noise), "since": before.id},
        level=noise["level"],
        shown=[position for position, row in enumerate(rows) if row["metric"] == metric.key],
    )


def _changed(
    split: str, keys: Sequence[str], noise: Noise, tuner: Tuner, before: Node, node: Node, name: str
) -> list[dict[str, Any]]:
    """Return a class's rows of ``changes``."""
    old, new = (tuner.at(each, split)[name].outcome for each in (before, node))
    return [
        {
            "class": name,
            "metric": key,
            "before": old.value(key),
            "after": new.value(key),
            **interval.columns("change"),
            "words": interval.words,
        }
        for key, interval in change_intervals(old, new, keys, **noise).items()
    ]


def metric_change(
    tuner: Tuner, before: Node, after: Node, split: str, class_name: str, metric: str = AP.key
) -> Interval:
    """Return the change in a metric of one class; without a class, in its mean over all classes.

    The interval is a paired bootstrap over the images of the split. Draws are cached, so that only
    classes that an iteration changed are computed.
    """
    noise = tuner.spec.views.noise()
    names = [class_name] if class_name else tuner.store.classes
    was, now = ([tuner.at(node, split)[name].outcome for name in names] for node in (before, after))
    if class_name:
        return change_intervals(was[0], now[0], (metric,), **noise)[metric]
    return mean_change(was, now, metric, **noise)
