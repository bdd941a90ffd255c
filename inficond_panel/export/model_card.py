"""The model card of a node, as plain data: what it is, what made it, how well it does, its limits.

The sections follow Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import pandas as pd

from inficond_panel.common.numbers import defined
from inficond_panel.export.exported import FORMAT_VERSION
from inficond_panel.export.limits import limits
from inficond_panel.results.frame import interval_of
from inficond_panel.results.metrics import changes, metrics
from inficond_panel.results.top_measures import metrics_together
from inficond_panel.tuning.history.log import HISTORY
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.replay import branch
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.version import __version__
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.splits import HOLDOUT, SPLITS, TUNE

#: Numbers of a class that stand in the card without limits.
_BESIDE = ("chance", "constant_fidelity", "logit_correlation", "ece_if_calibrated")


def model_card(tuner: Tuner, node: Node, *, holdout: bool = False) -> dict[str, Any]:
    """The card of ``node``; metrics on the holdout only where asked for (the caller counts it)."""
    steps, splits = branch(tuner, node), (TUNE, HOLDOUT) if holdout else (TUNE,)
    card = {
        "format": "inficond-students-card",
        "format_version": FORMAT_VERSION,
        "title": tuner.store.title,
        "task": tuner.store.task,
        "node": _node(node),
        "data": _data(tuner),
        "classes": list(tuner.store.classes),
        "concepts": list(tuner.store.concepts),
        "distillation": dict(steps[0].settings),
        "refit": _refit(node) if node.parent else None,
        "certificate": {
            name: {"kind": kind, "value": defined(gap)}
            for name, kind, gap in zip(tuner.store.classes, node.certificate, node.gap, strict=True)
        },
        "threshold": dict(zip(tuner.store.classes, tuner.thresholds, strict=True)),
        "nonzero": _nonzero(tuner, node),
        "iterations": [_iteration(step) for step in steps[1:]],
        "bounds": [
            {"class": class_name, "concept": concept, "lower": low, "upper": high}
            for (class_name, concept), (low, high) in node.bounds.items()
        ],
        "metrics": {split: measured(tuner, node, split) for split in splits},
        "bootstrap": {**tuner.spec.views.noise(), "unit": "image"},
        "holdout_looks": {
            "this_node": tuner.history.looks(node.id, HOLDOUT),
            "all_nodes": tuner.looks(HOLDOUT),
        },
        "versions": _versions(tuner),
    }
    if tuner.store.task == "single_label":
        card["together"] = {split: measured_together(tuner, node, split) for split in splits}
    return {**card, "limits": limits(card)}


def _node(node: Node) -> dict[str, Any]:
    names = ("id", "number", "name", "parent", "weights_hash", "author", "created", "note")
    return {name: getattr(node, name) for name in names}


def _data(tuner: Tuner) -> dict[str, Any]:
    store = tuner.store
    names = ("content_hash", "inputs_hash", "encoder", "preprocessing", "corpus", "teacher")
    facts = {name: store.attrs[name] for name in names}
    facts |= {name: store.attrs[name] for name in ("scores", "typed") if name in store.attrs}
    return {**facts, "images": {split: len(store.rows(split)) for split in SPLITS}}


def _nonzero(tuner: Tuner, node: Node) -> dict[str, int]:
    counts = (node.weights != 0).sum(axis=0).tolist()
    return dict(zip(tuner.store.classes, counts, strict=True))


def _refit(node: Node) -> dict[str, Any]:
    """Settings of the refit without the terms of single classes, which may be large."""
    return {name: value for name, value in node.settings.items() if name != "terms"}


def _iteration(node: Node) -> dict[str, Any]:
    def resolved(class_name: str, concept: str) -> dict[str, float | None]:
        lower, upper = node.bounds.get((class_name, concept), (None, None))  # none once released
        return {"lower": lower, "upper": upper}

    return {
        **_node(node),
        "intents": [
            {**intent.to_json(), **resolved(intent.class_name, intent.concept)}
            for intent in node.intents
        ]
        + [cure.to_json() for cure in node.cures],
    }


def _versions(tuner: Tuner) -> dict[str, Any]:
    return {
        "inficond-panel": __version__,
        "store_format": tuner.store.attrs["format_version"],
        "history_schema": HISTORY.version,
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy")},
    }


def measured(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """For each class counts, and each metric as ``Interval.json``; None if undefined."""
    found, since = metrics(tuner, node, split), {}
    if node.parent:
        rows = changes(tuner, tuner.root(), node, split).iterrows()
        since = {name: interval_of(row, "change").json() for name, row in rows}
    return {
        name: {
            "images": int(row["images"]),
            "positives": int(row["positives"]),
            "cross_fitted": bool(row["chosen_on"]),
            **{key: interval_of(row, key).json() for key in (*METRICS, "teacher_ap")},
            **{key: defined(row[key]) for key in _BESIDE},
            "teacher_knows": None if row["teacher_knows"] is pd.NA else bool(row["teacher_knows"]),
            "ap_since_start": since.get(name),
        }
        for name, row in found.loc[list(tuner.store.classes)].iterrows()
    }


def measured_together(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """All students as one classifier beside the teacher, on data with one class an image.

    ``{"images", "k", "students", "teacher"}``, the metrics as in ``measured``.
    """
    found = metrics_together(tuner, node, split)
    sides = {
        side: {key: interval_of(row, side).json() for key, row in found.iterrows()}
        for side in ("students", "teacher")
    }
    del sides["teacher"]["agreement"]
    return {"images": found.attrs["facts"]["images"], "k": found.attrs["facts"]["k"], **sides}
