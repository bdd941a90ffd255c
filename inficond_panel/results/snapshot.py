"""Metrics of all classes at one moment, which the page shows.

A level, plus a change of ``metric_changes.py``, is the next level: all are of the outcomes of
``Tuner.at``. The caller counts evaluations on the holdout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inficond_panel.distill import Agreement, ClassMetrics, TeacherSkill, agreement
from inficond_panel.distill.refits import Progress
from inficond_panel.tuning import Node, Tuner


@dataclass(frozen=True)
class Snapshot:
    """Metrics of all classes on one split: at ``node``, at #0, and at the parent of ``node``.

    They are ``metrics``, ``before`` and ``last``. ``agreement`` counts the images by who decides
    right, as the bars show. ``teacher`` has the teacher's AP and the chance level of each class.
    ``tuned`` are the classes that ``node`` or an ancestor tunes; others have an original student.
    """

    node: Node
    split: str
    metrics: dict[str, ClassMetrics]
    before: dict[str, ClassMetrics]
    last: dict[str, ClassMetrics]
    agreement: dict[str, Agreement]
    teacher: dict[str, TeacherSkill]
    tuned: frozenset[str]


def take_snapshot(
    tuner: Tuner, node: Node, split: str, progress: Progress | None = None
) -> Snapshot:
    """Compute the metrics and agreements of all classes for ``node`` on ``split``.

    Takes seconds per class that has spent images of the split; ``progress`` tells of these.
    """
    root = tuner.root()
    parent = tuner.node(node.parent) if node.parent else root
    _cross_fit(tuner, (node, parent), split, progress)
    return Snapshot(
        node=node,
        split=split,
        metrics=tuner.metrics(node, split),
        before=tuner.metrics(root, split),
        last=tuner.metrics(parent, split),
        agreement=_agreements(tuner, node, split),
        teacher=tuner.teacher_skills(split),
        tuned=frozenset(node.tuned).union(*(each.tuned for each in tuner.ancestors(node))),
    )


def _cross_fit(tuner: Tuner, nodes: Sequence[Node], split: str, progress: Progress | None) -> None:
    """Compute the logits of the spent classes of ``nodes``, unless they are known."""
    new = [node for node in nodes if tuner.known_metrics(node, split) is None]
    spent = [(node, name) for node in new for name in tuner.spent(node, split)]
    for index, (node, name) in enumerate(spent):
        if progress is not None:
            progress(index / len(spent), f"Cross-fitting {name}")
        tuner.at(node, split)[name].outcome  # noqa: B018 - computed now, and cached


def measured_by(tuner: Tuner, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of the same students with the metrics and counts of another ``tuner``, one
    that ``Tuner.measuring`` returned. Whether the teacher knows a class is said of all images."""
    node, split, root = snapshot.node, snapshot.split, tuner.root()
    parent = tuner.node(node.parent) if node.parent else root
    return replace(
        snapshot,
        metrics=tuner.metrics(node, split),
        before=tuner.metrics(root, split),
        last=tuner.metrics(parent, split),
        agreement=_agreements(tuner, node, split),
    )


def _agreements(tuner: Tuner, node: Node, split: str) -> dict[str, Agreement]:
    return {
        name: agreement(each.labels, each.decided, each.teacher_decided)
        for name, each in tuner.at(node, split).items()
    }
