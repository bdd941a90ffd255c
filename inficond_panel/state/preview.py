"""What a pending batch would give, and what the fine-tune button tells."""

from __future__ import annotations

from dataclasses import dataclass, field

from inficond_panel.distill import ClassMetrics, Interval
from inficond_panel.state.snapshot import changed_sides, metric_change
from inficond_panel.tuning import Intent, Node, Tuner


@dataclass(frozen=True)
class Status:
    """What the fine-tune button tells: kind, a sentence, progress (0 to 1), and a remedy."""

    kind: str = "idle"  # idle | previewing | fitting | cancelling | done | error
    text: str = ""
    progress: float = 0.0
    remedy: str = ""


@dataclass(frozen=True)
class Preview:
    """What the pending batch would give, by touched class; nothing of it is stored."""

    node: Node
    change: dict[str, Interval] = field(default_factory=dict)
    metrics: dict[str, ClassMetrics] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)


def make_preview(
    tuner: Tuner, parent: Node, node: Node, batch: list[Intent], split: str
) -> Preview:
    """Compare the previewed ``node`` with its ``parent`` on ``split``, by touched class."""
    touched = sorted({intent.class_name for intent in batch})
    metrics = tuner.metrics(node, split)
    return Preview(
        node=node,
        change={name: metric_change(tuner, parent, node, name, split) for name in touched},
        metrics={name: metrics[name] for name in touched},
        sides={name: changed_sides(tuner, parent, node, name, split) for name in touched},
    )
