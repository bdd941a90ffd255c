"""Small synthetic stores and specs, drawn from a seed: consistent, quick, no encoder.

Every concept has a twin with a similar text vector, as in real word lists. Each class goes with
two concepts; the teacher is the truth with noise. Scores are computed from the segments.
"""

from __future__ import annotations

import functools
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.store import Store, open_store, write_store
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.shift import ClassShift, class_shift

EMBED = 24
ATTRS = {
    "title": "Small",
    "encoder": "synthetic encoder",
    "preprocessing": "none",
    "corpus": "synthetic words",
    "teacher": "synthetic teacher",
    "inputs_hash": "0" * 64,
}
WORDS = ("wheel", "spoke", "sky", "cloud", "screen", "glass", "grass", "leaf", "fur", "hair")
CLASSES = ("bicycle", "tv monitor", "sheep", "bird", "train", "boat", "bottle", "chair")


def concept_names(count: int) -> list[str]:
    """``wheel``, ``spoke``, …, ``wheel 2``, …"""
    rounds = [f"{word} {i}" if i > 1 else word for i in range(1, count + 1) for word in WORDS]
    return rounds[:count]


def small_arrays(
    images: int = 200, concepts: int = 30, classes: int = 4, seed: int = 0
) -> dict[str, np.ndarray]:
    """Arrays of a store; change some before ``write_store`` to make a faulty one."""
    rng = np.random.default_rng(seed)
    text = _texts(rng, concepts)
    shown = _shown(rng, images, concepts, classes)
    segments = _segments(rng, text, shown)
    image_of, embedding = segments["segment_image"], segments["segment_embedding"]
    cosine = embedding @ text.T
    score = np.zeros((images, concepts))
    np.maximum.at(score, image_of, cosine)
    label, logit = _labels(rng, shown, classes)
    return {
        "image": np.array([f"{i:06d}" for i in range(images)]),
        "concept": np.array(concept_names(concepts)),
        "class_name": np.array(CLASSES[:classes]),
        "method": np.array(["pca", "tsne"]),
        "concept_score": score,
        "teacher_logit": logit,
        "label": label,
        "split": np.array(["fit", "fit", "tune", "holdout"])[np.arange(images) % 4],
        **segments,
        "segment_concept": cosine.argmax(1),
        "segment_cosine": cosine.max(1),
        "concept_text_embedding": text,
        "concept_projection": np.stack([text[:, :2], text[:, 2:4]]),
        **_pictures(rng, np.bincount(image_of, minlength=images)),
    }


def oracle_arrays(**sizes: int) -> dict[str, np.ndarray]:
    """As ``small_arrays``, with an oracle: the teacher, surer of each label of fit."""
    arrays = small_arrays(**sizes)
    sharper = arrays["teacher_logit"] + 2 * (2.0 * np.maximum(arrays["label"], 0) - 1)
    arrays["oracle_logit"] = np.where((arrays["split"] == "fit")[:, None], sharper, np.nan)
    return arrays


def unlabelled_arrays(**sizes: int) -> dict[str, np.ndarray]:
    """As ``small_arrays``; tune has no label."""
    arrays = small_arrays(**sizes)
    arrays["label"][arrays["split"] == "tune"] = -1
    return arrays


def unknown_arrays(**sizes: int) -> dict[str, np.ndarray]:
    """As ``small_arrays``; the teacher does not know 'sheep': its logits lie on other images."""
    arrays = small_arrays(**sizes)
    column = arrays["teacher_logit"][:, CLASSES.index("sheep")]
    column[:] = np.random.default_rng(1).permutation(column)
    return arrays


def noisy_arrays(images: int = 1500) -> dict[str, np.ndarray]:
    """As ``small_arrays``; a fifth of the labels of 'bicycle' on fit are wrong."""
    arrays = small_arrays(images=images)
    label = arrays["label"] = arrays["label"].copy()
    wrong = np.random.default_rng(0).random(images) < 0.2
    wrong &= (arrays["split"] == "fit") & (label[:, 0] >= 0)
    label[wrong, 0] = 1 - label[wrong, 0]
    return arrays


def twin_arrays() -> dict[str, np.ndarray]:
    """As ``small_arrays``; scores of 'spoke' nearly copy 'wheel', of 'hair' 'fur'."""
    arrays = small_arrays()
    score, names = arrays["concept_score"], list(arrays["concept"])
    for name, twins in (("wheel", ("spoke", "wheel 2")), ("fur", ("hair",))):
        for strength, twin in enumerate(twins, start=1):
            noise = 0.1 * strength * score[:, names.index("cloud")]
            score[:, names.index(twin)] = score[:, names.index(name)] + noise
    return arrays


@functools.cache
def _files(
    make: Callable[..., dict[str, np.ndarray]], title: str, **sizes: int
) -> dict[str, bytes]:
    """Files of a store by their path in it; made once a process, since that takes a while."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "small.zarr"
        write_store(store, make(**sizes), {**ATTRS, "title": title})
        return files_in(store)


def files_in(folder: Path) -> dict[str, bytes]:
    """Contents of all files of a folder by their path in it."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def put_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write what ``files_in`` found into another folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _put_store(
    path: Path, make: Callable = small_arrays, title: str = "Small", **sizes: int
) -> None:
    shutil.rmtree(path, ignore_errors=True)
    put_files(path, _files(make, title, **sizes))


def small_store(path: Path, **sizes: Any) -> Store:
    """Write a small store to ``path`` and open it; ``sizes`` as in ``small_arrays``, or a title."""
    _put_store(path, **sizes)
    return open_store(path)


def small_spec(folder: Path, *, extra: str = "", **sizes: Any) -> Path:
    """Write ``small.zarr`` and ``small.yaml`` that names it into ``folder``; return the YAML.

    ``extra`` is YAML added at the top level. The data set and the encoder are not there, as
    when a store is served elsewhere.
    """
    _put_store(folder / "small.zarr", **sizes)
    spec = folder / "small.yaml"
    shown = "" if "layout:" in extra else "layout: {show: details}\n"
    spec.write_text(spec_text(shown + extra))
    return spec


def oracle_spec(folder: Path, **sizes: Any) -> Path:
    """As ``small_spec``, with an oracle in the store."""
    return small_spec(folder, make=oracle_arrays, **sizes)


def twins_spec(folder: Path, *, extra: str = "") -> Path:
    """As ``small_spec``, with concepts whose scores are nearly the same."""
    return small_spec(folder, make=twin_arrays, extra=extra)


def spec_text(extra: str = "") -> str:
    """``SPEC`` with ``extra`` at the top level; ``STUDENTS`` and ``TUNING`` if it has none."""
    students = "" if "students:" in extra else STUDENTS
    return SPEC + students + ("" if "tuning:" in extra else TUNING) + extra


#: Students with the same penalty for all classes, so that no test waits for the choice of one.
STUDENTS = "students: {lambda: 1.0e-4}\n"
#: Thumbs that are bounds: what these do to a weight is known before the refit.
TUNING = "tuning: {refit: all}\n"
SPEC = """\
title: Small
dataset:
  kind: table
  root: data
  labels: labels.csv
  splits: {fit: fit.txt, tune: tune.txt, holdout: holdout.txt}
concepts:
  corpus: words.txt
  encoder: {kind: open_clip, model: ViT-B-32, pretrained: weights.pt}
teacher: {kind: logits, path: logits.csv}
"""


def _texts(rng: np.random.Generator, concepts: int) -> np.ndarray:
    base = rng.normal(size=(-(-concepts // 2), EMBED))
    twins = np.repeat(base, 2, axis=0)[:concepts]
    text = twins + 0.5 * rng.normal(size=twins.shape)
    return text / np.linalg.norm(text, axis=1, keepdims=True)


def _shown(rng: np.random.Generator, images: int, concepts: int, classes: int) -> np.ndarray:
    """Concepts that each image shows ``(images, concepts)``: those of its classes, and others."""
    shown = rng.random((images, concepts)) < 0.06
    for k in range(classes):
        present = rng.random(images) < 0.35
        shown[present, (2 * k) % concepts] = True
        shown[present & (rng.random(images) < 0.6), (2 * k + 7) % concepts] = True
    shown[~shown.any(1), -1] = True
    return shown


def _segments(
    rng: np.random.Generator, text: np.ndarray, shown: np.ndarray
) -> dict[str, np.ndarray]:
    image_of, concept_of = np.nonzero(shown)
    embedding = text[concept_of] + 0.18 * rng.normal(size=(image_of.size, text.shape[1]))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    corner = rng.uniform(0, 0.6, (image_of.size, 2))
    return {
        "segment_image": image_of,
        "segment_embedding": embedding,
        "segment_box": np.hstack([corner, corner + 0.4]),
    }


def _labels(
    rng: np.random.Generator, shown: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    concepts = shown.shape[1]
    label = np.stack([shown[:, (2 * k) % concepts] for k in range(classes)], 1).astype(np.int8)
    logit = 6.0 * label - 3.0 + 1.5 * rng.normal(size=label.shape)
    label[rng.random(label.shape) < 0.02] = -1
    return label, logit


def _pictures(rng: np.random.Generator, segments: np.ndarray) -> dict[str, np.ndarray]:
    """Tiny JPEGs, and label maps in which an image's segments are stripes."""
    size = 32
    jpegs = [_jpeg(rng.integers(0, 256, 3), size) for _ in segments]
    stripes = [1 + np.arange(size) * max(int(count), 1) // size for count in segments]
    masks = [np.repeat(stripe[:, None], size, axis=1) for stripe in stripes]
    return {
        "mask": np.concatenate([mask.ravel() for mask in masks]),
        "mask_offset": np.arange(segments.size + 1) * size * size,
        "thumbnail": np.frombuffer(b"".join(jpegs), np.uint8),
        "thumbnail_offset": np.cumsum([0, *map(len, jpegs)]),
        "thumbnail_shape": np.full((segments.size, 2), size),
    }


def _jpeg(colour: np.ndarray, size: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), tuple(int(c) for c in colour)).save(buffer, "JPEG")
    return buffer.getvalue()


def shift_of(tuner: Tuner, class_name: str) -> ClassShift:
    """Shift of the student shown, found anew."""
    return class_shift(tuner.repairs.evidence(tuner.repairs.class_fit(tuner.head(), class_name)))
