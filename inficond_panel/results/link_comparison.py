"""Students per class beside the one softmax student, on data with one class an image.

Both are untouched students of the same store under the same other settings. Of a student per class
the probabilities of an image are made to add up to 1 (``distill.metrics.top_class``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.distill import Interval, Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.class_mean import mean_change, mean_interval
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.results.top_measures import check_single_label, teacher_top_class, top_class
from inficond_panel.tuning.fitting.refit import Progress
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP, keys
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import LINKS
from inficond_panel.vocabulary.top_metrics import AGREEMENT, BALANCED, TOP1, TOP_ECE

#: Metrics of the students as one classifier; the mean AP of the classes stands beside them.
TOGETHER = keys(TOP1, BALANCED, TOP_ECE, AGREEMENT)


@dataclass(frozen=True)
class LinkResult:
    """The untouched students of one link (``sigmoid`` or ``softmax``) on the split compared.

    ``metrics`` are those of ``TOGETHER``, and the mean AP of the classes.
    """

    link: str
    node: Node
    metrics: dict[str, Interval]

    @property
    def nonzero(self) -> int:
        """Number of influences that are not 0."""
        return int(np.count_nonzero(self.node.weights))


@dataclass(frozen=True)
class LinkComparison:
    """Students per class, the softmax student, and its metrics less theirs on the same draws.

    ``images`` are those of the split, ``labelled`` those of them whose class is known. ``teacher``
    has all metrics but agreement. Intervals are at ``level``.
    """

    split: str
    images: int
    labelled: int
    results: tuple[LinkResult, LinkResult]
    level: float
    change: dict[str, Interval]
    teacher: dict[str, Interval]


def compare_links(
    tuner: Tuner,
    split: str = TUNE,
    *,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> LinkComparison:
    """Distill the students of both links, or take them from the history, and measure them.

    Students that the history does not have are not put there. Looks at the holdout are the caller's
    to count. Raises ``TuningError`` for data with several classes an image, and for settings that
    the softmax student cannot have.
    """
    check_single_label(tuner.store)
    first, second = (_distilled(tuner, link, split, progress) for link in LINKS)
    teacher = teacher_top_class(tuner.store, split)
    judged = list(tuner.teacher_outcomes(split).values())
    noise = tuner.spec.views.noise(draws, seed)
    change = change_intervals(first.together, second.together, TOGETHER, **noise)
    change[AP.key] = mean_change(first.classes, second.classes, **noise)
    return LinkComparison(
        split=split,
        images=len(tuner.store.rows(split)),
        labelled=len(teacher.label),
        results=(first.result(**noise), second.result(**noise)),
        level=noise["level"],
        change=change,
        teacher=_metrics(teacher, judged, AGREEMENT.key, **noise),
    )


@dataclass(frozen=True)
class _Students:
    """The untouched students of one link: as one classifier, and the outcome of each class."""

    link: str
    node: Node
    together: TopClass
    classes: list[Outcome]

    def result(self, **noise: Any) -> LinkResult:
        return LinkResult(self.link, self.node, _metrics(self.together, self.classes, **noise))


def _distilled(tuner: Tuner, link: str, split: str, progress: Progress | None) -> _Students:
    own = tuner.with_students(link=link)
    node = own.original(progress)
    outcomes = list(own.at(node, split).outcomes.values())
    return _Students(link, node, top_class(own, node, split), outcomes)


def _metrics(
    together: TopClass, classes: Sequence[Outcome], without: str = "", **noise: Any
) -> dict[str, Interval]:
    names = [key for key in TOGETHER if key != without]
    found = metric_intervals(together, names, **noise)
    return {**found, AP.key: mean_interval(classes, **noise)}
