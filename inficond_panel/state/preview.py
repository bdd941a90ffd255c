"""Preview of a pending batch, and the text on the fine-tune button."""

from __future__ import annotations

from dataclasses import dataclass, field

from inficond_panel.analysis.metric_changes import metric_change
from inficond_panel.analysis.snapshot import changed_sides
from inficond_panel.distill import ClassMetrics, Interval
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.tuning import Intent, Node, Tuner
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


def make_preview(
    tuner: Tuner, parent: Node, node: Node, batch: list[Intent], split: str
) -> Preview:
    """Compare the previewed ``node`` with its ``parent`` on ``split``, by touched class."""
    touched = sorted({intent.class_name for intent in batch})
    metrics = tuner.metrics(node, split)
    return Preview(
        node=node,
        changes={
            name: {each: metric_change(tuner, parent, node, name, split, each) for each in METRICS}
            for name in touched
        },
        metrics={name: metrics[name] for name in touched},
        sides={name: changed_sides(tuner, parent, node, name, split) for name in touched},
    )
