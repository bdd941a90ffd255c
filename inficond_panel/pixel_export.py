"""Students from pixels: encoder, segments, scores and students as one ONNX model, and its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from inficond_panel.common.installation import install_command
from inficond_panel.distill import decision_function
from inficond_panel.errors import DataError, ExportError, InficondError, MissingExtraError
from inficond_panel.export import Addition, Exported
from inficond_panel.export.onnx_file import import_onnx, pixel_bytes
from inficond_panel.tuning import Tuner

if TYPE_CHECKING:
    from PIL.Image import Image

#: File of the model, and number of photos that it is checked on.
FILE, PHOTOS = "students-pixels.onnx", 16
#: Differences of a logit: of half of the photos, and the largest. Embeddings are kept in half
#: precision; where one is near the middle of two steps, its last digit falls otherwise.
TOLERANCE, STEP = 1e-4, 1e-3


class _Encoder(Protocol):
    """The image side of the encoder: photos of ``size`` (height, width), prepared."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def preprocessing(self) -> dict[str, Any]: ...

    def prepare(self, image: Image) -> np.ndarray: ...


class _Scorer(Protocol):
    """The way of ``inficond predict`` from at most ``size`` photos to their scores."""

    @property
    def encoder(self) -> _Encoder: ...

    @property
    def size(self) -> int: ...

    def score(self, images: list[Image], names: list[str]) -> tuple[np.ndarray, Any]: ...


def pixel_export(
    tuner: Tuner, progress: Callable[[str], None] = lambda _: None
) -> Callable[[Exported], Addition]:
    """Maker of ``students-pixels.onnx`` for ``export(..., more=...)``.

    The model reads what the encoder's preprocessing makes of a photo, (1, 3, H, W) float32, and
    is compared with the way of ``inficond predict`` on photos of the store. Raises
    ``MissingExtraError`` without torch, onnx or onnxruntime, ``ExportError`` for segments or an
    encoder that cannot be in such a model, and where logits differ by more than ``TOLERANCE`` on
    half of the photos or ``STEP`` on any.
    """

    def make(students: Exported) -> Addition:
        scorer, score_model = _front(tuner, progress)
        images, source = _photos(tuner)
        progress(f"Comparing with inficond predict on {len(images)} photos")
        model = pixel_bytes(students, score_model)
        differences = _differences(scorer, students, model, images)
        usual, largest = float(np.median(differences)), float(differences.max())
        if not (usual <= TOLERANCE and largest <= STEP):
            raise ExportError(
                f"The ONNX model's logits differ from inficond predict by {usual:.1g} on half of "
                f"{len(images)} photos of the store, at most {largest:.1g}; {TOLERANCE:g} and "
                f"{STEP:g} are allowed.",
                "Segments of a photo can fall otherwise by rounding; export the students over "
                "scores instead: --format onnx",
            )
        facts = {
            "file": FILE,
            "input": [1, 3, *scorer.encoder.size],
            "preprocessing": scorer.encoder.preprocessing,
            "checked_photos": len(images),
            "checked_on": source,
            "median_logit_difference": usual,
            "largest_logit_difference": largest,
        }
        return Addition({"pixels": facts}, lambda final: {FILE: pixel_bytes(final, score_model)})

    return make


def _front(tuner: Tuner, progress: Callable[[str], None]) -> tuple[_Scorer, bytes]:
    """The scorer of ``inficond predict``, and its way from pixels to scores as ONNX."""
    import_onnx()
    import_runtime()
    try:
        from precompute.pipeline.apply import scorer_of  # noqa: PLC0415 - heavy, and an extra
        from precompute.pipeline.pixel_scores import check_spec, scores_onnx  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            f"Exporting from pixels needs packages that are not installed ({error.name}).",
            f"Install them: {install_command('precompute', 'onnx')}",
        ) from error
    tuner.spec.check_making()
    check_spec(tuner.spec)
    progress("Loading the encoder")
    scorer = scorer_of(tuner.spec, tuner.store)
    progress("Writing encoder, segments and scores as ONNX")
    return scorer, scores_onnx(scorer)


def import_runtime() -> Any:
    """The package ``onnxruntime``; ``MissingExtraError`` where it is not installed."""
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(
            "Checking ONNX files needs the package onnxruntime, which is not installed.",
            f"Install it: {install_command('onnx')}",
        ) from error
    return onnxruntime


def _photos(tuner: Tuner) -> tuple[list[Image], str]:
    """Photos spread over the store: the files themselves, or thumbnails where these are gone."""
    from precompute.pipeline.apply import photos_of  # noqa: PLC0415 - heavy, and an extra

    store = tuner.store
    rows = np.unique(np.linspace(0, len(store.images) - 1, PHOTOS).astype(int)).tolist()
    try:
        return photos_of(tuner.spec, [store.images[row] for row in rows]), "photos"
    except InficondError:
        pass
    if lacking := store.lacks("photos"):
        raise DataError(
            f"The model cannot be checked: the data set's photos are not there. {lacking}",
            "Bring the photos back to where the spec names them.",
        )
    return [store.picture(row) for row in rows], "thumbnails"


def _differences(
    scorer: _Scorer, students: Exported, model: bytes, images: list[Image]
) -> np.ndarray:
    """Largest difference of a logit between the model and ``inficond predict``, of each photo."""
    session = import_runtime().InferenceSession(model, providers=["CPUExecutionProvider"])
    differences = []
    for start in range(0, len(images), scorer.size):
        part = images[start : start + scorer.size]
        scores = scorer.score(part, [""] * len(part))[0].astype(np.float64)
        expected = decision_function(scores, students.weights, students.intercepts, students.link)
        pixels = [scorer.encoder.prepare(image)[None] for image in part]
        found = np.concatenate([session.run(["logits"], {"pixels": one})[0] for one in pixels])
        differences.append(np.abs(found - expected).max(1))
    return np.concatenate(differences)
