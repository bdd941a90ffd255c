"""The stage that makes the teacher's logits, and the oracle's, of all images of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from precompute.datasets import Dataset
from precompute.encoder import encoder_digest
from precompute.teachers.checkpoints import file_digest
from precompute.teachers.head import Heads, fit_heads
from precompute.teachers.loading import at_own_size, image_text_model, load_teacher
from precompute.teachers.photos import Photos
from precompute.teachers.preprocessing import Preprocessing, of_encoder
from precompute.teachers.record import described, fit_rows, oracle_record, suspicious, too_large
from precompute.teachers.tables import read_logits
from precompute.teachers.teacher import TorchTeacher

#: Raise it when the same inputs no longer give the same logits.
RECIPE = 1


@dataclass(frozen=True)
class Result:
    """``logit`` (N, K) float32, NaN where the photo cannot be read; ``oracle`` likewise, NaN but in
    ``fit``, or None; ``attrs`` for the store, as JSON; ``warnings`` for people."""

    logit: np.ndarray
    oracle: np.ndarray | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def teacher_inputs(
    section: Any,
    dataset: Dataset,
    digests: Sequence[str],
    encoder: Any = None,
    corpus: Sequence[str] = (),
) -> dict[str, Any]:
    """All that the logits depend on, as JSON that hashes: settings, SHA-256 of files, images.

    ``digests`` are the images'; ``encoder`` is the section of the concepts' encoder. Raises
    ``DataError`` for a file that cannot be read.
    """
    inputs: dict[str, Any] = {
        "recipe": RECIPE,
        "settings": settings(section, encoder),
        "ids": list(dataset.ids),
        "classes": list(dataset.classes),
    }
    if section.kind == "logits":
        return inputs
    inputs["images"] = list(digests)
    if section.kind == "open_clip" and not section.background:
        inputs["corpus"] = list(corpus)
    if section.kind == "head" or getattr(section, "oracle", None):
        inputs["split"] = list(dataset.split)
        inputs["label"] = dataset.label[fit_rows(dataset)].tobytes().hex()
    return inputs


def settings(section: Any, encoder: Any = None) -> dict[str, Any]:
    """A section as JSON; a file stands for itself by its hash, an encoder by its digest."""
    plain: dict[str, Any] = {}
    for key, value in section.values().items():
        if key == "encoder":
            chosen = value or at_own_size(encoder)
            plain[key] = [encoder_digest(chosen), chosen.image_size]
        elif isinstance(value, Path):
            plain[key] = file_digest(value)
        else:
            plain[key] = settings(value) if hasattr(value, "fields") else value
    return plain


def teacher_logits(
    section: Any,
    dataset: Dataset,
    encoder: Any = None,
    corpus: Sequence[str] = (),
    *,
    folder: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """Logits of the teacher that a spec's section describes, of all images of ``dataset``.

    ``encoder`` is the section of the concepts' encoder and ``corpus`` their words, for teachers
    that use them. With ``folder`` finished batches are kept there, so that a run goes on where it
    was; it must belong to these inputs (``teacher_inputs``). Raises ``DataError`` for a teacher
    that does not fit, ``MissingExtraError`` and ``CancelledError``.
    """
    if section.kind == "logits":
        logit = read_logits(Path(section.path), dataset.ids, dataset.classes)
        return Result(logit, None, described(section, settings(section)), suspicious(logit))
    photos = Photos(dataset, section.batch, folder, progress, cancelled)
    if section.kind == "head":
        return _by_head(section, photos, encoder)
    teacher = load_teacher(section, dataset.classes, encoder, corpus)
    logit = photos.run(
        "logits",
        lambda images, _: teacher.logits(images),
        len(dataset.classes),
        teacher.preprocessing,
    )
    oracle = None
    if isinstance(teacher, TorchTeacher) and section.oracle:
        oracle = _oracle(section, photos, logit, lambda _: teacher, teacher.preprocessing)
    attrs = described(section, settings(section, encoder), teacher.preprocessing)
    attrs |= oracle_record(section, dataset, logit, oracle)
    return Result(logit, oracle, attrs, suspicious(logit) + too_large(attrs))


def _by_head(section: Any, photos: Photos, encoder: Any) -> Result:
    """Encode, fit the heads, and for the oracle go through encoder and heads again."""
    dataset, model = photos.dataset, image_text_model(section, encoder)
    preprocessing = of_encoder(model)
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    width = model.embed_text(["a"]).shape[1]
    embedding = TorchTeacher(_embed(model.model), preprocessing, tuple(range(width)), width)
    features = photos.run(
        "features", lambda images, _: embedding.logits(images), width, preprocessing
    )
    read = np.isfinite(features).all(1)
    fit = np.array([row for row in fit_rows(dataset) if read[row]], dtype=int)
    heads = fit_heads(features, dataset.label, fit, dataset.classes, section)
    logit = heads.logits(features)

    oracle = None
    if section.oracle:
        whole = _whole(embedding, heads, len(dataset.classes))
        oracle = _oracle(section, photos, logit, whole, preprocessing)
    attrs = described(section, settings(section, encoder), preprocessing)
    attrs["teacher_head"] = {"folds": section.folds, "l2": heads.l2}
    attrs |= oracle_record(section, dataset, logit, oracle)
    return Result(logit, oracle, attrs, too_large(attrs))


def _embed(model: Any) -> Callable[[Any], Any]:
    return lambda pixels: model.encode_image(pixels, normalize=True)


def _whole(
    embedding: TorchTeacher, heads: Heads, classes: int
) -> Callable[[np.ndarray], TorchTeacher]:
    """Encoder and heads as one network, for the photos at given rows."""
    return lambda rows: TorchTeacher(
        heads.network(embedding.network, rows),
        embedding.preprocessing,
        tuple(range(classes)),
        classes,
    )


def _oracle(
    section: Any,
    photos: Photos,
    logit: np.ndarray,
    teacher_of: Callable[[np.ndarray], TorchTeacher],
    preprocessing: Preprocessing,
) -> np.ndarray:
    """Logits ``(N, K)`` on reinforced photos of ``fit``; NaN elsewhere."""
    dataset, gamma = photos.dataset, section.oracle.gamma

    def compute(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return teacher_of(rows).oracle(images, dataset.label[rows], gamma)

    return photos.run("oracle", compute, logit.shape[1], preprocessing, fit_rows(dataset))
