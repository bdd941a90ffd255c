"""Students from pixels: encoder, segments, scores and students in files that need no store.

One ONNX model, or for segments that look at the photo itself a Python file; each is checked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from inficond_panel.common.installation import missing_extra
from inficond_panel.distill import decision_function
from inficond_panel.errors import DataError, ExportError, InficondError
from inficond_panel.export import Addition, Exported
from inficond_panel.export.onnx_file import import_onnx, pixel_bytes
from inficond_panel.export.weight_files import npz_bytes
from inficond_panel.tuning import Tuner

if TYPE_CHECKING:
    from PIL.Image import Image

#: File of the model, and number of photos that it is checked on.
FILE, PHOTOS = "students-pixels.onnx", 16
PYTHON_FILE = "predict.py"
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
        model = pixel_bytes(students, score_model)
        session = import_runtime().InferenceSession(model, providers=["CPUExecutionProvider"])

        def logits(images: list[Image], _: list[str]) -> np.ndarray:
            pixels = [scorer.encoder.prepare(image)[None] for image in images]
            return np.concatenate([session.run(["logits"], {"pixels": one})[0] for one in pixels])

        facts = {"file": FILE, **_compared(tuner, scorer, students, logits, progress)}
        return Addition({"pixels": facts}, lambda final: {FILE: pixel_bytes(final, score_model)})

    return make


def python_export(
    tuner: Tuner, progress: Callable[[str], None] = lambda _: None
) -> Callable[[Exported], Addition]:
    """Maker of ``predict.py`` and its files for ``export(..., more=...)``, for all segments.

    The encoder as TorchScript, and what makes scores of its cells; the file needs this package and
    its extra ``precompute``, and neither spec nor store. Compared and refused as ``pixel_export``.
    """

    def make(students: Exported) -> Addition:
        apply, carried, pixels = _precompute()
        tuner.spec.check_making()
        progress("Loading the encoder")
        scorer = apply.scorer_of(tuner.spec, tuner.store)
        progress("Writing the encoder as TorchScript")
        segments = scorer.settings.segments
        files = {
            carried.FRONT: carried.front_bytes(scorer),
            carried.ENCODER: pixels.cells_script(scorer.encoder, scorer.size),
            **({carried.HEAD: Path(segments.head).read_bytes()} if segments.head else {}),
        }
        head = Path(segments.head) if segments.head else None
        way = carried.carried(files[carried.FRONT], files[carried.ENCODER], head, segments.masks)

        def logits(images: list[Image], names: list[str]) -> np.ndarray:
            return _logits(students, way.score(images, names)[0])

        facts = {
            "file": PYTHON_FILE,
            **_compared(tuner, scorer, students, logits, progress),
            "sha256": {name: carried.sha256(content) for name, content in files.items()},
        }
        return Addition(
            {"python_pixels": facts},
            lambda final: {
                PYTHON_FILE: carried.SCRIPT.encode(),
                carried.STUDENTS: npz_bytes(final),
                **files,
            },
        )

    return make


def _compared(
    tuner: Tuner,
    scorer: _Scorer,
    students: Exported,
    logits: Callable[[list[Image], list[str]], np.ndarray],
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


def _precompute() -> tuple[Any, Any, Any]:
    """``apply``, ``carried`` and ``pixel_scores``; ``MissingExtraError`` without their packages."""
    try:
        from precompute.pipeline import apply, carried, pixel_scores  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise missing_extra("Exporting from pixels", error, "precompute", "onnx") from error
    return apply, carried, pixel_scores


def _front(tuner: Tuner, progress: Callable[[str], None]) -> tuple[_Scorer, bytes]:
    """The scorer of ``inficond predict``, and its way from pixels to scores as ONNX."""
    import_onnx()
    import_runtime()
    apply, _, pixels = _precompute()
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
    apply, _, _ = _precompute()
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
    scorer: _Scorer,
    students: Exported,
    logits: Callable[[list[Image], list[str]], np.ndarray],
    photos: dict[str, Image],
) -> np.ndarray:
    """Largest difference of a logit from ``inficond predict``, of each photo."""
    names, images = list(photos), list(photos.values())
    differences = []
    for start in range(0, len(images), scorer.size):
        part = slice(start, start + scorer.size)
        expected = _logits(students, scorer.score(images[part], names[part])[0])
        differences.append(np.abs(logits(images[part], names[part]) - expected).max(1))
    return np.concatenate(differences)


def _logits(students: Exported, score: np.ndarray) -> np.ndarray:
    values = score.astype(np.float64)
    return decision_function(values, students.weights, students.intercepts, students.link)
