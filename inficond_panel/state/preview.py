"""Preview of a pending batch, and the text on the fine-tune button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from inficond_panel.distill import ClassMetrics, Interval, alone, change_intervals
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.churn import churn
from inficond_panel.results.cross_fitted import evaluation_outcome
from inficond_panel.results.moved_classes import MovedClass, moved_classes
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, keys

#: Metrics whose changes a preview tells; fidelity beside accuracy.
METRICS = keys(AP, F1, ACCURACY, FIDELITY)


@dataclass(frozen=True)
class Status:
    """Status on the fine-tune button: kind, a sentence, progress (0 to 1), and a remedy."""

    kind: str = "idle"  # idle | previewing | fitting | judging | cancelling | done | error
    text: str = ""
    progress: float = 0.0
    remedy: str = ""

    @classmethod
    def of(cls, error: InficondError) -> Status:
        """Status of an error; at rest where somebody cancelled."""
        if isinstance(error, CancelledError):
            return cls()
        return cls("error", error.for_page, 0.0, error.remedy_for_page)


@dataclass(frozen=True)
class Preview:
    """Effect that the pending batch would have, by touched class; nothing of it is stored.

    ``changes`` are of ``METRICS``, by class and metric. ``moved`` are the other classes that a
    joint student would move along.
    """

    node: Node
    changes: dict[str, dict[str, Interval]] = field(default_factory=dict)
    metrics: dict[str, ClassMetrics] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)
    moved: tuple[MovedClass, ...] = ()

    def of(self, class_name: str, metric: str) -> Interval | None:
        """Change in a metric of one class; None for a class that the batch does not touch."""
        return self.changes.get(class_name, {}).get(metric)


def make_preview(
    tuner: Tuner, before: Node, after: Node, split: str, cancelled: Callable[[], bool]
) -> Preview:
    """Compare the students that a batch touches with their parents, on images of a split.

    Changes are cross-fitted where labels of these images chose a student (see
    ``results.cross_fitted``). Raises ``CancelledError``.
    """
    old, new = tuner.at(before, split), tuner.at(after, split)
    noise = tuner.spec.views.noise()
    preview = Preview(after, moved=moved_classes(old, new))
    for name in after.tuned:
        if cancelled():
            raise CancelledError("Cancelled.")
        was, now = (evaluation_outcome(tuner, node, split, name) for node in (before, after))
        changes = change_intervals(was, now, METRICS, **noise)
        preview.changes[name] = changes if tuner.spec.views.intervals else alone(changes)
        preview.metrics[name] = new[name].metrics
        preview.sides[name] = churn(old[name], new[name]).count()
    return preview
