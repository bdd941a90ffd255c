"""The document that ``inficond metrics --json`` prints."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from inficond_panel.common.numbers import defined
from inficond_panel.distill import Interval, SliceReport, SliceResult, worst_of_all
from inficond_panel.results.node_metrics import ClassMeasures
from inficond_panel.results.top_measures import SingleLabelMeasures
from inficond_panel.tuning import Node, Tuner


def document(
    tuner: Tuner,
    node: Node,
    args: argparse.Namespace,
    measures: Mapping[str, ClassMeasures],
    reports: Mapping[str, SliceReport] | None,
    together: SingleLabelMeasures | None,
) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "mark": tuner.mark or None,
        "node": node.id,
        "number": node.number,
        "split": args.split,
        "looks": tuner.looks(),
        "draws": args.draws,
        "seed": args.seed,
        "level": tuner.spec.views.confidence,
        "classes": {name: _measures_document(found) for name, found in measures.items()},
        "single_label": _together_document(together, tuner.store.classes) if together else None,
        "slices": _slices_document(reports, args) if reports else None,
    }


def _together_document(measures: SingleLabelMeasures, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "images": measures.n,
        "k": measures.k,
        "metrics": interval_documents(measures.students),
        "teacher": interval_documents(measures.teacher),
        "since_parent": interval_documents(measures.since_parent),
        "since_start": interval_documents(measures.since_start),
        "confusion": {
            "classes": list(classes),
            "students": measures.matrix.astype(int).tolist(),
            "teacher": measures.teacher_matrix.astype(int).tolist(),
            "cells": [
                {
                    "label": classes[cell.label],
                    "named": classes[cell.named],
                    "images": cell.images,
                    "share": cell.share.json(),
                    "teacher_images": int(measures.teacher_matrix[cell.label, cell.named]),
                }
                for cell in measures.confusions
            ],
        },
    }


def _measures_document(measures: ClassMeasures) -> dict[str, Any]:
    return {
        "images": measures.n,
        "positives": measures.positives,
        "metrics": interval_documents(measures.metrics),
        "since_parent": interval_documents(measures.since_parent),
        "since_start": interval_documents(measures.since_start),
        "teacher": measures.teacher.to_json(),
        "ece_if_calibrated": defined(measures.ece_floor),
        "cross_fitted": bool(measures.chosen_on),
    }


def interval_documents(intervals: Mapping[str, Interval] | None) -> dict[str, Any] | None:
    """Intervals by name; None where there are none."""
    return {name: each.json() for name, each in intervals.items()} if intervals else None


def _slices_document(
    reports: Mapping[str, SliceReport], args: argparse.Namespace
) -> dict[str, Any]:
    worst = worst_of_all(reports)
    return {
        "by": args.by,
        "selection": args.selection,
        "metric": args.metric,
        "tests": next(iter(reports.values())).tests,
        "worst": {"class": worst[0], "slice": worst[1].name} if worst else None,
        "classes": {
            name: {
                "whole": defined(report.whole),
                "worst": report.worst.name if report.worst else None,
                "slices": [_slice_document(found) for found in report.slices],
            }
            for name, report in reports.items()
        },
    }


def _slice_document(result: SliceResult) -> dict[str, Any]:
    return {
        "slice": result.name,
        "images": result.n,
        "positives": result.positives,
        "metrics": {name: defined(value) for name, value in result.metrics.items()},
        "interval": result.interval.json(),
        "rest": defined(result.rest),
        "expected": defined(result.expected),
        "p": defined(result.p),
        "p_holm": defined(result.p_holm),
        "small": result.small or None,
    }
