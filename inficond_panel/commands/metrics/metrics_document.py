"""The document that ``inficond metrics --json`` prints."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from inficond_panel.analysis.node_metrics import ClassMeasures
from inficond_panel.analysis.top_measures import SingleLabelMeasures
from inficond_panel.common.numbers import defined
from inficond_panel.distill import Interval, SliceReport, SliceResult, worst_of_all
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


def _together_document(found: SingleLabelMeasures, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "images": found.n,
        "k": found.k,
        "metrics": interval_documents(found.students),
        "teacher": interval_documents(found.teacher),
        "since_parent": interval_documents(found.since_parent),
        "since_start": interval_documents(found.since_start),
        "confusion": {
            "classes": list(classes),
            "students": found.matrix.astype(int).tolist(),
            "teacher": found.teacher_matrix.astype(int).tolist(),
            "cells": [
                {
                    "label": classes[cell.label],
                    "named": classes[cell.named],
                    "images": cell.images,
                    "share": {"estimate": cell.share, "low": cell.low, "high": cell.high},
                    "teacher_images": int(found.teacher_matrix[cell.label, cell.named]),
                }
                for cell in found.confusions
            ],
        },
    }


def _measures_document(found: ClassMeasures) -> dict[str, Any]:
    return {
        "images": found.n,
        "positives": found.positives,
        "metrics": interval_documents(found.metrics),
        "since_parent": interval_documents(found.since_parent),
        "since_start": interval_documents(found.since_start),
        "ece_if_calibrated": defined(found.ece_floor),
        "cross_fitted": bool(found.chosen_on),
    }


def interval_documents(found: Mapping[str, Interval] | None) -> dict[str, Any] | None:
    """Intervals by name; None where there are none."""
    return {name: interval_document(each) for name, each in found.items()} if found else None


def interval_document(found: Interval) -> dict[str, float | None]:
    """A metric or a change with its interval; undefined is None."""
    return {
        "estimate": defined(found.estimate),
        "low": defined(found.low),
        "high": defined(found.high),
    }


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


def _slice_document(found: SliceResult) -> dict[str, Any]:
    return {
        "slice": found.name,
        "images": found.n,
        "positives": found.positives,
        "metrics": {name: defined(value) for name, value in found.metrics.items()},
        "interval": interval_document(found.interval),
        "rest": defined(found.rest),
        "expected": defined(found.expected),
        "p": defined(found.p),
        "p_holm": defined(found.p_holm),
        "small": found.small or None,
    }
