"""Reading of a pocket's ONNX file, and its scores of photos; torch and a store are not needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.files import read_bytes
from inficond_panel.common.formats import other_format
from inficond_panel.common.npz import NPZ_FAULTS, open_npz
from inficond_panel.common.numbers import count
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill.drift import Drift, drift
from inficond_panel.errors import DataError, ExportError, InficondError, Remedy
from inficond_panel.export.exported import Exported
from inficond_panel.export.pocket.folder import REFERENCE
from inficond_panel.export.pocket.graph import FORMAT, VERSION, session_of
from inficond_panel.export.predictions import Abstaining, abstaining_by
from inficond_panel.tuning.node import weights_hash
from inficond_panel.vocabulary.confidence import CONFIDENCE, USUAL_NOISE
from inficond_panel.vocabulary.tasks import LINKS, TASKS

#: Largest file of a pocket, and largest array of what lies beside it.
_MOST_BYTES = 1 << 30
_AGAIN = Remedy(
    "Make the pocket again: inficond pocket SPEC --output FOLDER",
    "Make the pocket again: students.pocket(FOLDER)",
)
#: Sides of the input that a file may ask for, in pixels.
_SIDES = range(1, 4097)
_NO_TEACHER = "a pocket holds no teacher"
Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class PocketModel:
    """A pocket that was read from ``path``: its ``students`` over the used concepts, the plain
    ``facts`` of its metadata, and the onnxruntime ``session``."""

    path: Path
    students: Exported
    facts: Mapping[str, Any] = field(repr=False)
    session: Any = field(repr=False)

    def scores(self, photos: Sequence[str | Path], progress: Tell = lambda _: None) -> PhotoScores:
        """Return the concept scores of photos (files); ``DataError`` if no photo can be read.
        Repeated files are scored once."""
        files = list(dict.fromkeys(Path(photo) for photo in photos))
        if not files:
            raise DataError("No photo is named.", "Name at least one photo file.")
        scores, faults = np.full((len(files), len(self.students.concepts)), np.nan, np.float32), []
        for i, file in enumerate(files):
            pixels, fault = self._pixels(file)
            faults.append(fault)
            if pixels is not None:
                scores[i] = self.session.run(["score"], {"pixels": pixels[None]})[0][0]
            progress(f"Photos: {i + 1} of {count(len(files), 'photo')}")
        if all(faults):
            reasons = "; ".join(f"{file}: {why}" for file, why in zip(files, faults, strict=True))
            raise DataError(
                f"No photo can be read. {reasons}.",
                "Name JPEG, PNG, WebP or TIFF files; of a folder: FOLDER/*.jpg.",
            )
        return PhotoScores(
            tuple(map(str, files)),
            tuple(faults),
            self.students.concepts,
            self.students.classes,
            scores,
            no_teacher=_NO_TEACHER,
        )

    def _pixels(self, file: Path) -> tuple[np.ndarray | None, str]:
        """Return the network's input of a photo, or why it cannot be read."""
        from precompute.pipeline.pocket_photos import prepared  # noqa: PLC0415 - an extra

        return prepared(file, self.facts["preprocessing"], self.facts.get("grey"))

    def abstaining(self, accuracy: float) -> Abstaining:
        """Return the rules of ``predictions.abstaining``, by the pocket's logits on ``tune``."""
        logit, label = self._beside("tune_logit", "tune_label")
        return abstaining_by(self.students, label, logit, accuracy, USUAL_NOISE)

    def drift(self, scores: PhotoScores, level: float = CONFIDENCE) -> Drift:
        """Return a test of whether readable new photos differ from ``fit`` in their scores."""
        (fitted,) = self._beside("fit_score")
        return drift(fitted, scores.score[scores.readable], list(scores.concepts), level=level)

    def _beside(self, *names: str) -> list[np.ndarray]:
        """Return arrays of the file beside the model; ``ExportError`` if it is not there, is
        damaged, or belongs to another pocket."""
        file = self.path.with_name(REFERENCE)
        try:
            with open_npz(file) as archive:
                arrays = [archive.read(name, _MOST_BYTES) for name in names]
                made = str(archive.read("weights_hash", 1 << 12))
        except NPZ_FAULTS as error:
            raise ExportError(
                f"{file} is missing or damaged; drift and abstaining need it beside the model.",
                "Copy the whole folder of the pocket.",
            ) from error
        if made != self.facts["weights_hash"]:
            raise ExportError(
                f"{file} belongs to another pocket than {self.path.name}.",
                "Copy the whole folder of the pocket.",
            )
        return arrays


def load_pocket(path: str | Path) -> PocketModel:
    """Read a pocket's ONNX file; raise ``ExportError`` if it is missing, no pocket, or damaged, and
    ``MissingExtraError`` without onnxruntime."""
    file = Path(path)
    try:
        content = read_bytes(file, _MOST_BYTES)
    except OSError as error:
        raise ExportError(
            f"{file} cannot be read: {error.strerror or error}.", "Name a pocket's .onnx file."
        ) from error
    try:
        session = session_of(content)
        facts = {
            key: _value(text) for key, text in session.get_modelmeta().custom_metadata_map.items()
        }
    except InficondError:
        raise
    except Exception as error:  # onnxruntime raises many kinds for damaged files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ExportError(f"{file} is no ONNX model: {reason}.", _AGAIN) from error
    if facts.get("format") != FORMAT:
        raise ExportError(
            f"{file} is no pocket: its metadata has no format {FORMAT!r}.",
            "Name the .onnx file of a pocket.",
        )
    if facts.get("format_version") != VERSION:
        raise ExportError(*other_format(file, facts.get("format_version"), VERSION, _AGAIN))
    try:
        return PocketModel(file, _students(facts), facts, session)
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"{file} is no complete pocket: {error}.", _AGAIN) from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _students(facts: Mapping[str, Any]) -> Exported:
    """Return the students of a pocket's metadata; raise ``ValueError`` if they do not fit."""
    weights = np.array(facts["weights"], dtype=np.float64).T
    intercepts = np.array(facts["intercepts"], dtype=np.float64)
    students = Exported(
        weights=weights,
        intercepts=intercepts,
        classes=tuple(map(str, facts["classes"])),
        concepts=tuple(map(str, facts["concepts"])),
        thresholds=tuple(float(value) for value in facts["thresholds"]),
        card={},
        link=facts["link"],
        task=facts["task"],
    )
    shape = (len(students.concepts), len(students.classes))
    if weights.shape != shape or intercepts.shape != shape[1:]:
        raise ValueError(f"its weights are {weights.shape}, expected {shape}")
    if students.link not in LINKS or students.task not in TASKS:
        raise ValueError(f"its link is {students.link!r}, its task {students.task!r}")
    if weights_hash(weights, intercepts) != facts["weights_hash"]:
        raise ValueError("its weights are damaged (their hash differs)")
    width, height = facts["preprocessing"]["size"]
    if width not in _SIDES or height not in _SIDES:
        raise ValueError(f"its input is {width} x {height} pixels")
    return students
