"""Decisions of teacher and students on a store's images, as a data set that FiftyOne reads.

``fo.Dataset.from_dir(FOLDER, dataset_type=fo.types.FiftyOneDataset)`` opens it. The layout is the
one without a version, which FiftyOne reads label by label whatever its own version is; the package
is not needed to write it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from inficond_panel.common.installation import missing_extra
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import decision_function
from inficond_panel.errors import ExportError
from inficond_panel.export import Addition, Exported
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.splits import HOLDOUT, SPLITS

#: Concepts of an image: those with the largest part of any logit.
CONCEPTS = 5
SAMPLES, METADATA = "samples.json", "metadata.json"


def fiftyone_export(tuner: Tuner, *, holdout: bool = False) -> Callable[[Exported], Addition]:
    """Maker of ``samples.json`` and ``metadata.json`` for ``export(..., more=...)``.

    Photos are named by their paths, and not copied. Images of the holdout are among them only with
    ``holdout``, since their labels stand beside the decisions. Raises ``ExportError`` where photos
    are no files of their own, and ``DataError`` where the data set cannot be read.
    """
    tuner.spec.check_photos()
    splits = [split for split in SPLITS if holdout or split != HOLDOUT]

    def make(students: Exported) -> Addition:
        rows = np.sort(np.concatenate([tuner.store.rows(split) for split in splits]))
        places = _places(tuner, rows)
        facts = {"images": len(rows), "splits": splits, "photos": "by path"}
        return Addition({"fiftyone": facts}, lambda final: _files(tuner, final, rows, places))

    return make


def _places(tuner: Tuner, rows: np.ndarray) -> list[Path]:
    """Files of the photos at ``rows`` of the store."""
    try:
        from precompute.datasets import load_dataset  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise missing_extra("Finding the photos", error, "precompute") from error
    dataset = load_dataset(tuner.spec.dataset)
    found = dict(zip(dataset.ids, dataset.paths, strict=False))
    places = [found.get(tuner.store.images[row]) for row in rows]
    missing = [tuner.store.images[r] for r, at in zip(rows, places, strict=True) if at is None]
    if missing:
        raise ExportError(
            f"{len(missing)} of {len(rows)} photos are no files of their own, the first is "
            f"{missing[0]!r}; FiftyOne names photos by their paths.",
            "Unpack the photos into a folder, and name it in the spec's dataset.",
        )
    return [place.absolute() for place in places if place]


def _files(
    tuner: Tuner, students: Exported, rows: np.ndarray, places: Sequence[Path]
) -> dict[str, bytes]:
    samples = list(_samples(tuner, students, rows, places))
    info = {
        "classes": list(students.classes),
        "description": f"{tuner.store.title}: decisions of teacher and concept students",
        "node": students.card["node"]["id"],
        "weights_hash": students.card["node"]["weights_hash"],
        "thresholds": dict(zip(students.classes, students.thresholds, strict=True)),
    }
    metadata = {"media_type": "image", "default_classes": list(students.classes), "info": info}
    return {SAMPLES: _json({"samples": samples}), METADATA: _json(metadata)}


def _samples(
    tuner: Tuner, students: Exported, rows: np.ndarray, places: Sequence[Path]
) -> Iterator[dict[str, Any]]:
    store, tags = tuner.store, tuner.tags()
    scores = store.concept_score[rows].astype(np.float64)
    logits = decision_function(scores, students.weights, students.intercepts, students.link)
    teacher, split = store.teacher_log_odds[rows], store.split[rows]
    decided, teacher_decided = students.decided(logits), students.decided(teacher)
    for at, (row, place) in enumerate(zip(rows, places, strict=True)):
        image = store.images[row]
        yield {
            "filepath": str(place),
            "tags": list(dict.fromkeys([str(split[at]), *tags.get(image, ())])),
            "image_id": image,
            "split": str(split[at]),
            "ground_truth": _truth(students, store.label[row]),
            "teacher": _decisions(students, teacher[at], teacher_decided[at]),
            "students": _decisions(students, logits[at], decided[at]),
            "concepts": _concepts(students, scores[at]),
        }


def _truth(students: Exported, labels: np.ndarray) -> dict[str, Any] | None:
    """Classes that are there; None where no label of the image is known."""
    if not (labels >= 0).any():
        return None
    there = [name for name, label in zip(students.classes, labels, strict=True) if label == 1]
    return _list([_label(name) for name in there])


def _decisions(students: Exported, logits: np.ndarray, decided: np.ndarray) -> dict[str, Any]:
    """Classes decided to be there, with their probabilities; the logits of all classes."""
    shares = expit(logits)
    found = [
        _label(name, confidence=round(float(shares[k]), 6), logit=_rounded(logits[k]))
        for k, name in enumerate(students.classes)
        if decided[k]
    ]
    return {**_list(found), "logits": [_rounded(value) for value in logits]}


def _concepts(students: Exported, scores: np.ndarray) -> dict[str, Any]:
    """Concepts with the largest parts of a logit, each with the class that it moves most."""
    parts = scores[:, None] * students.weights
    classes = np.abs(parts).argmax(1)
    largest = parts[np.arange(len(parts)), classes]
    found = []
    for c in strongest(largest)[:CONCEPTS]:
        k = int(classes[c])
        if largest[c]:
            values = {"score": scores[c], "influence": students.weights[c, k], "logit": largest[c]}
            numbers = {name: _rounded(value) for name, value in values.items()}
            found.append(_label(students.concepts[c], class_name=students.classes[k], **numbers))
    return _list(found)


def _label(name: str, **values: Any) -> dict[str, Any]:
    return {"_cls": "Classification", "label": name, **values}


def _list(labels: list[dict[str, Any]]) -> dict[str, Any]:
    return {"_cls": "Classifications", "classifications": labels}


def _rounded(value: float) -> float:
    return round(float(value), 6)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False).encode()
