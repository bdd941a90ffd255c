"""Preview of a pending batch, and the text on the fine-tune button."""

from __future__ import annotations

from dataclasses import dataclass, field

from inficond_panel.analysis.churn import churn
from inficond_panel.distill import ClassMetrics, Interval, change_intervals
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.tuning import Intent, Node, Students
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, keys

#: Metrics whose changes a preview tells; fidelity beside accuracy.
METRICS = keys(AP, F1, ACCURACY, FIDELITY)


@dataclass(frozen=True)
class Status:
    """Status on the fine-tune button: kind, a sentence, progress (0 to 1), and a remedy."""

    kind: str = "idle"  # idle | previewing | fitting | cancelling | done | error
    text: str = ""
    progress: float = 0.0
    remedy: str = ""

    @classmethod
    def of(cls, error: InficondError) -> Status:
        """Status of an error; at rest where somebody cancelled."""
        if isinstance(error, CancelledError):
            return cls()
        return cls("error", error.message, 0.0, error.remedy)


@dataclass(frozen=True)
class Preview:
    """Effect that the pending batch would have, by touched class; nothing of it is stored.

    ``changes`` are of ``METRICS``, by class and metric.
    """

    node: Node
    changes: dict[str, dict[str, Interval]] = field(default_factory=dict)
    metrics: dict[str, ClassMetrics] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)

    def of(self, class_name: str, metric: str) -> Interval | None:
        """Change in a metric of one class; None for a class that the batch does not touch."""
        return self.changes.get(class_name, {}).get(metric)


def make_preview(before: Students, after: Students, batch: list[Intent]) -> Preview:
    """Compare the previewed students with their parents, by class that the batch touches."""
    touched = sorted({intent.class_name for intent in batch})
    sides = {name: (before[name], after[name]) for name in touched}
    return Preview(
        node=after.node,
        changes={
            name: change_intervals(old.outcome, new.outcome, METRICS)
            for name, (old, new) in sides.items()
        },
        metrics={name: new.metrics for name, (_, new) in sides.items()},
        sides={name: churn(old, new).count() for name, (old, new) in sides.items()},
    )
