"""Encoder, segments, scores and students in one ONNX model, checked before it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.installation import missing_extra
from inficond_panel.distill import decision_function
from inficond_panel.errors import DataError, ExportError, InficondError
from inficond_panel.export.exported import Exported
from inficond_panel.export.onnx_file import import_onnx, pixel_bytes
from inficond_panel.tuning.tuner import Tuner

if TYPE_CHECKING:
    from PIL.Image import Image

#: Name of the format, file of the model, and number of photos that it is checked on.
PIXELS, FILE, PHOTOS = "onnx-pixels", "students-pixels.onnx", 16
#: Differences of a logit: of half of the photos, and the largest. Embeddings are kept in half
#: precision; where one is near the middle of two steps, its last digit falls otherwise.
TOLERANCE, STEP = 1e-4, 1e-3


def pixel_front(
    tuner: Tuner, students: Exported, progress: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, Any], bytes]:
    """Facts for the card, and the way from pixels to scores as ONNX, to which ``pixel_bytes`` adds
    the students.

    The model reads what the encoder's preprocessing makes of a photo, (1, 3, H, W) float32, and
    is compared with the way of ``inficond predict`` on photos of the store. Raises
    ``MissingExtraError`` without torch, onnx or onnxruntime, ``ExportError`` for segments or an
    encoder that cannot be in such a model, and where logits differ by more than ``TOLERANCE`` on
    half of the photos or ``STEP`` on any.
    """
    scorer, front = _front(tuner, progress)
    model = pixel_bytes(students, front)
    session = import_runtime().InferenceSession(model, providers=["CPUExecutionProvider"])

    def logits(images: list[Image]) -> np.ndarray:
        pixels = [scorer.encoder.prepare(image)[None] for image in images]
        return np.concatenate([session.run(["logits"], {"pixels": one})[0] for one in pixels])

    return {"file": FILE, **_compared(tuner, scorer, students, logits, progress)}, front


def _compared(
    tuner: Tuner,
    scorer: Any,
    students: Exported,
    logits: Callable[[list[Image]], np.ndarray],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Facts for the card; ``ExportError`` where logits differ too much from the scorer's."""
    photos, source = _photos(tuner)
    progress(f"Comparing with inficond predict on {len(photos)} photos")
    differences = _differences(scorer, students, logits, photos)
    usual, largest = float(np.median(differences)), float(differences.max())
    if not (usual <= TOLERANCE and largest <= STEP):
        raise ExportError(
            f"The exported logits differ from inficond predict by {usual:.1g} on half of "
            f"{len(photos)} photos of the store, at most {largest:.1g}; {TOLERANCE:g} and "
            f"{STEP:g} are allowed.",
            "Segments of a photo can fall otherwise by rounding; export the students over "
            "scores instead: --format onnx",
        )
    return {
        "input": [1, 3, *scorer.encoder.size],
        "preprocessing": scorer.encoder.preprocessing,
        "checked_photos": len(photos),
        "checked_on": source,
        "median_logit_difference": usual,
        "largest_logit_difference": largest,
    }


def _precompute() -> tuple[Any, Any]:
    """``apply`` and ``pixel_scores``; ``MissingExtraError`` without their packages."""
    try:
        from precompute.pipeline import apply, pixel_scores  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise missing_extra("Exporting from pixels", error, "precompute", "onnx") from error
    return apply, pixel_scores


def _front(tuner: Tuner, progress: Callable[[str], None]) -> tuple[Any, bytes]:
    """The scorer of ``inficond predict``, and its way from pixels to scores as ONNX."""
    import_onnx()
    import_runtime()
    apply, pixels = _precompute()
    tuner.spec.check_making()
    pixels.check_spec(tuner.spec)
    progress("Loading the encoder")
    scorer = apply.scorer_of(tuner.spec, tuner.store)
    progress("Writing encoder, segments and scores as ONNX")
    return scorer, pixels.scores_onnx(scorer, tuner.store)


def import_runtime() -> Any:
    """The package ``onnxruntime``; ``MissingExtraError`` where it is not installed."""
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise missing_extra("Checking ONNX files", error, "onnx") from error
    return onnxruntime


def _photos(tuner: Tuner) -> tuple[dict[str, Image], str]:
    """Photos spread over the store by id: the files, or thumbnails where these are gone."""
    apply, _ = _precompute()
    store = tuner.store
    rows = np.unique(np.linspace(0, len(store.images) - 1, PHOTOS).astype(int)).tolist()
    try:
        return apply.photos_of(tuner.spec, [store.images[row] for row in rows]), "photos"
    except InficondError:
        pass
    lacking = store.lacks("photos")
    if tuner.spec.concepts.segments.method == "file":
        lacking = "Segments come from files, which have the photos' sizes."
    if lacking:
        raise DataError(
            f"The model cannot be checked: the data set's photos are not there. {lacking}",
            "Bring the photos back to where the spec names them.",
        )
    return {store.images[row]: store.picture(row) for row in rows}, "thumbnails"


def _differences(
    scorer: Any,
    students: Exported,
    logits: Callable[[list[Image]], np.ndarray],
    photos: dict[str, Image],
) -> np.ndarray:
    """Largest difference of a logit from ``inficond predict``, of each photo."""
    names, images = list(photos), list(photos.values())
    differences = []
    for start in range(0, len(images), scorer.size):
        part = slice(start, start + scorer.size)
        expected = _logits(students, scorer.score(images[part], names[part])[0])
        differences.append(np.abs(logits(images[part]) - expected).max(1))
    return np.concatenate(differences)


def _logits(students: Exported, score: np.ndarray) -> np.ndarray:
    values = score.astype(np.float64)
    return decision_function(values, students.weights, students.intercepts, students.link)
