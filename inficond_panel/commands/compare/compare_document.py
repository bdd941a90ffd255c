"""The document that ``inficond compare --json`` prints."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inficond_panel.analysis.distillations import SettingResult
from inficond_panel.commands.metrics.metrics_document import interval_document, interval_documents
from inficond_panel.common.numbers import defined
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.quantify.outputs.output_report import OutputMeasure
from inficond_panel.quantify.outputs.outputs import Outputs
from inficond_panel.quantify.outputs.reliability import Reliability
from inficond_panel.vocabulary.metrics import ECE

if TYPE_CHECKING:
    from inficond_panel.commands.compare.compared import Compared


def document(found: Compared, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    groups = found.groups
    return {
        "spec": str(found.tuner.spec.path),
        "store_hash": found.tuner.store.content_hash,
        "draws": args.draws,
        "seed": args.seed,
        "level": found.level,
        "outputs": {
            "split": found.outputs.split,
            "images": len(found.outputs.images),
            "oracle": SEEN_LABEL if "oracle" in found.outputs.logits else None,
            "measures": _measures(found.measures),
            "teacher_on_tune": _measures(found.on_tune),
            "groups": groups
            and {"rule": groups.rule, "names": list(groups.names), "images": groups.images},
            "reliability": {kind: _diagrams(found.outputs, kind) for kind in found.outputs.logits},
        },
        "split": args.split,
        "teacher": interval_documents(found.teacher),
        "students": [
            {**_student(result), "looks": found.tuner.history.looks(result.node.id, "holdout")}
            for result in found.students
        ],
    }


def _measures(measures: Mapping[str, OutputMeasure]) -> dict[str, Any]:
    return {
        name: {
            kind: interval and interval_document(interval) for kind, interval in vars(found).items()
        }
        for name, found in measures.items()
    }


def _diagrams(outputs: Outputs, kind: str) -> dict[str, Any]:
    return {
        bins: {
            "pooled": _diagram(outputs.pooled(kind, mass)),
            "classes": {name: _diagram(d) for name, d in outputs.by_class(kind, mass).items()},
        }
        for bins, mass in (("equal_width", False), ("equal_mass", True))
    }


def _diagram(found: Reliability) -> dict[str, Any]:
    names = ("lower", "upper", "probability", "frequency")
    values = {name: [defined(v) for v in getattr(found, name).tolist()] for name in names}
    return {
        **values,
        "events": found.events.tolist(),
        ECE.key: defined(found.ece),
        "ece_if_calibrated": defined(found.floor),
    }


def _student(result: SettingResult) -> dict[str, Any]:
    setting = vars(result.setting).copy()
    changes = result.class_changes or {}
    return {
        "lambda": setting.pop("lambda_"),
        **setting,
        "mark": result.mark or None,
        "node": result.node.id,
        "weights_hash": result.node.weights_hash,
        "nonzero": int((result.node.weights != 0).sum()),
        "metrics": interval_documents(result.metrics),
        "against": result.against,
        "change": interval_documents(result.change),
        "classes": {
            name: {
                "metrics": interval_documents(metrics),
                "change": interval_documents(changes.get(name)),
            }
            for name, metrics in result.classes.items()
        },
    }
