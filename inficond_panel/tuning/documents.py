"""The documents that ``inficond info`` and ``inficond tune`` print: plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.common.numbers import defined
from inficond_panel.distill import ClassMetrics
from inficond_panel.store import Store
from inficond_panel.tuning.node import Node, optimality_notices
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.splits import SPLITS

#: What is told of a class beside the metrics that edits are judged by.
BESIDE = ("teacher_ap", "constant_fidelity", "logit_correlation")


def store_document(store: Store) -> dict[str, Any]:
    """Summary of a store: title, hash, classes, concepts, numbers of images, sources."""
    return {
        "title": store.title,
        "store_hash": store.content_hash,
        "classes": list(store.classes),
        "concepts": list(store.concepts),
        "images": {split: len(store.rows(split)) for split in SPLITS},
        "segments": len(store.segment_image),
        "encoder": store.attrs["encoder"],
        "corpus": store.attrs["corpus"],
        "teacher": store.attrs["teacher"],
        "activation": store.activation,
        "task": store.task,
        "other_classes": [str(name) for name in store.read("other_class")],
        "metadata": list(store.metadata_columns),
    }


def tune_document(
    tuner: Tuner,
    nodes: Iterable[Node],
    split: str,
    notices: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Nodes with their intents, bounds and certificates, and their metrics on ``split``.

    ``notices`` are those of ``tuning.notices``, by id of the node; those of ``optimality_notices``
    follow them.
    """
    by_node = notices or {}
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "targets": tuner.spec.students.targets,
        "mark": tuner.mark or None,
        "nodes": [
            {
                **node_document(tuner, node, split),
                "notices": [
                    *by_node.get(node.id, ()),
                    *optimality_notices(node, tuner.store.classes),
                ],
            }
            for node in nodes
        ],
    }


def node_document(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """One node; undefined metrics are None."""
    students = tuner.at(node, split)
    bounds: dict[str, dict[str, list[float | None]]] = {}
    weights: dict[str, dict[str, float]] = {}
    for (class_name, concept), limits in node.bounds.items():
        bounds.setdefault(class_name, {})[concept] = list(limits)
        weights.setdefault(class_name, {})[concept] = students[class_name].weight(concept)
    return {
        "id": node.id,
        "parent": node.parent,
        "intents": [item.to_json() for item in node.asked],
        "weights_hash": node.weights_hash,
        "weights": weights,
        "bounds": bounds,
        "certificate": dict(zip(students, map(defined, node.gap), strict=True)),
        "metrics": {name: metrics_document(each.metrics) for name, each in students.items()},
    }


def metrics_document(
    metrics: ClassMetrics, names: Sequence[str] = (*METRICS, *BESIDE)
) -> dict[str, Any]:
    """Named metrics of one class; None where undefined."""
    return {name: defined(getattr(metrics, name)) for name in names}
