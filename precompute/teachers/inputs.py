"""Inputs of a teacher's logits, as plain values that hash; and its record in a store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import (
    HeadTeacher,
    NetworkTeacher,
    OpenClipTeacher,
    PythonTeacher,
    Teacher,
    TransformersTeacher,
)
from inficond_panel.store.network_weights import file_digest
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import key_of
from precompute.datasets import Dataset
from precompute.datasets.python_function import source
from precompute.encoder import encoder_digest
from precompute.encoder.hub import model_digest
from precompute.teachers.loading import batch_of, encoder_of
from precompute.teachers.preprocessing import Prepares

#: Raise it when the same inputs no longer give the same logits.
RECIPE = 2


def teacher_inputs(
    teacher: Teacher,
    dataset: Dataset,
    digests: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """All that the logits depend on: settings, SHA-256 of files, images.

    ``digests`` are the images'; ``encoder`` is the section of the concepts' encoder. Raises
    ``DataError`` for a file that cannot be read.
    """
    inputs = network_inputs(teacher, dataset.classes, encoder, corpus)
    inputs["ids"] = list(dataset.ids)
    if not isinstance(teacher, NetworkTeacher):
        return inputs
    inputs["photos"] = key_of("photos", list(digests))
    if teacher.kind == "head" or teacher.oracle:
        inputs["split"] = list(dataset.split)
        inputs["label"] = dataset.label[fit_rows(dataset)].tobytes().hex()
    return inputs


def network_inputs(
    teacher: Teacher,
    classes: Sequence[str],
    encoder: EncoderSection | None = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """Inputs that the teacher itself depends on, whatever the photos."""
    inputs: dict[str, Any] = {
        "recipe": RECIPE,
        "settings": settings(teacher, encoder),
        "classes": list(classes),
    }
    if isinstance(teacher, OpenClipTeacher) and not teacher.background:
        inputs["corpus"] = list(corpus)
    return inputs


def pass_keys(inputs: dict[str, Any]) -> dict[str, str]:
    """Key of each pass of the photos through a network, from ``network_inputs``.

    A photo's values in a pass depend on this key, on the photo and its batch, and for the oracle
    on its labels. A head's features depend on the encoder alone; its oracle, on all of ``fit``.
    """
    known, recipe = inputs["settings"], inputs["recipe"]
    if "folds" in known:
        return {"features": key_of("features", [recipe, known["encoder"], known["batch"]])}
    plain = {name: value for name, value in known.items() if name != "oracle"}
    logits = key_of("logits", [recipe, plain, inputs["classes"], inputs.get("corpus")])
    if not known.get("oracle"):
        return {"logits": logits}
    return {"logits": logits, "oracle": key_of("oracle", [logits, known["oracle"]])}


def settings(section: Section, encoder: EncoderSection | None = None) -> dict[str, Any]:
    """A section as JSON; a file stands for itself by its hash, an encoder by its digest.

    Of the keys that came later only what changes logits is there, so that stores stay up to date.
    """
    plain: dict[str, Any] = {}
    for key, value in section.values().items():
        if key in ("outputs", "activation", "order"):
            plain.update(_later(section, key, value))
        elif isinstance(section, OpenClipTeacher | HeadTeacher) and key == "encoder":
            chosen = encoder_of(section, encoder)
            plain[key] = [encoder_digest(chosen), chosen.image_size]
        elif isinstance(section, NetworkTeacher) and key == "batch":
            plain[key] = batch_of(section, encoder)
        elif isinstance(section, TransformersTeacher) and key == "model":
            plain[key] = model_digest(value)
        elif isinstance(section, PythonTeacher) and key == "function":
            plain[key] = list(source(value))
        elif isinstance(value, Path):
            plain[key] = file_digest(value)
        else:
            plain[key] = settings(value) if isinstance(value, Section) else value
    return plain


def _later(section: Section, key: str, value: str | None) -> dict[str, str]:
    """Hashed part of a key that came after the first stores were made; ``order`` has none."""
    first = key == "outputs" and section.values()["kind"] in ("torchscript", "onnx")
    if first:  # had it from the start
        return {key: value or "logits"}
    return {key: value} if value in ("probabilities", "softmax") else {}


def fit_rows(dataset: Dataset) -> np.ndarray:
    """Positions of the images of ``fit``."""
    return np.flatnonzero(np.array(dataset.split) == FIT)


def described(
    teacher: Teacher, settings: dict[str, Any], preprocessing: Prepares | None = None
) -> dict[str, Any]:
    """Attributes: name, kind, digest (SHA-256 of settings and files) and preprocessing."""
    plain = preprocessing.plain() if preprocessing else None
    text = json.dumps([settings, plain], sort_keys=True)
    attrs: dict[str, Any] = {
        "teacher": teacher.title,
        "teacher_kind": teacher.kind,
        "teacher_digest": hashlib.sha256(text.encode()).hexdigest(),
    }
    if teacher.softmax:
        attrs["teacher_activation"] = "softmax"
    return {**attrs, "teacher_preprocessing": plain} if plain else attrs


def oracle_record(
    teacher: NetworkTeacher, dataset: Dataset, logit: np.ndarray, oracle: np.ndarray | None
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
        "gamma": teacher.oracle.gamma,
        "images": len(rows),
        "loss": "cross-entropy of an image's class"
        if teacher.softmax
        else "sum over an image's known labels of the binary cross-entropy",
        "task_loss": _mean_loss(logit[rows], label, teacher.softmax),
        "reinforced_task_loss": _mean_loss(oracle[rows], label, teacher.softmax),
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
