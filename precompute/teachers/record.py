"""Record of its teacher in a store, and the warnings for people."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from scipy.special import logsumexp

from inficond_panel.spec.sections.teacher import NetworkTeacher, Teacher
from inficond_panel.vocabulary.splits import FIT
from precompute.datasets import Dataset
from precompute.teachers.preprocessing import Prepares


def fit_rows(dataset: Dataset) -> np.ndarray:
    """Positions of the images of ``fit``."""
    return np.flatnonzero(np.array(dataset.split) == FIT)


def described(
    section: Teacher, settings: dict[str, Any], preprocessing: Prepares | None = None
) -> dict[str, Any]:
    """Attributes: name, kind, digest (SHA-256 of settings and files) and preprocessing."""
    plain = preprocessing.plain() if preprocessing else None
    text = json.dumps([settings, plain], sort_keys=True)
    attrs: dict[str, Any] = {
        "teacher": section.title,
        "teacher_kind": section.kind,
        "teacher_digest": hashlib.sha256(text.encode()).hexdigest(),
    }
    if section.softmax:
        attrs["teacher_activation"] = "softmax"
    return {**attrs, "teacher_preprocessing": plain} if plain else attrs


def oracle_record(
    section: NetworkTeacher, dataset: Dataset, logit: np.ndarray, oracle: np.ndarray | None
) -> dict[str, Any]:
    """Attribute ``oracle``: gamma, and the mean loss of an image of ``fit`` before and after.

    Logits are of the data set's classes, and in a softmax of the others behind them.
    """
    if oracle is None:
        return {}
    rows = fit_rows(dataset)
    rows = rows[np.isfinite(oracle[rows]).all(1)]
    label = dataset.label[rows]
    record = {
        "gamma": section.oracle.gamma,
        "images": len(rows),
        "loss": "cross-entropy of an image's class"
        if section.softmax
        else "sum over an image's known labels of the binary cross-entropy",
        "task_loss": _mean_loss(logit[rows], label, section.softmax),
        "reinforced_task_loss": _mean_loss(oracle[rows], label, section.softmax),
    }
    return {"oracle": record}


def _mean_loss(logit: np.ndarray, label: np.ndarray, softmax: bool) -> float | None:
    wide = logit.astype(np.float64)
    if softmax:
        known = (label == 1).any(axis=1)
        chosen = np.take_along_axis(wide, label.argmax(axis=1)[:, None], 1)[:, 0]
        each = np.where(known, logsumexp(wide, axis=1) - chosen, 0)
    else:
        each = np.where(label >= 0, np.logaddexp(0, wide) - (label == 1) * logit, 0).sum(1)
    return round(float(each.mean()), 6) if len(label) else None


def too_large(attrs: dict[str, Any]) -> tuple[str, ...]:
    """A warning where the step of the oracle overshot."""
    oracle = attrs.get("oracle")
    if not oracle or not oracle["images"] or oracle["reinforced_task_loss"] < oracle["task_loss"]:
        return ()
    return (
        f"the oracle's mean loss, {oracle['reinforced_task_loss']:g}, is not below the teacher's, "
        f"{oracle['task_loss']:g}: gamma {oracle['gamma']:g} is too large, or nothing is labelled",
    )
