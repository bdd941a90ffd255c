"""Choose a network from its file for a new spec: what the file states on input and outputs."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inficond_panel.errors import DataError
from precompute.detect.chosen import ChosenModel
from precompute.detect.preparations import IMAGENET, USUAL
from precompute.encoder.image import Preprocessing
from precompute.teachers.onnx_file import OnnxFile, metadata_in, read_onnx
from precompute.teachers.onnx_graph import (
    MOST_SIDE,
    OnnxInput,
    classifying,
    described,
    input_of,
    outputs_of,
)

#: Size of photos if the file states none.
_SIZE = (224, 224)
#: ONNX's own metadata on photos (MetadataProps), and the preparation that a value stands for.
_RANGES = {
    "NominalRange_0_255": USUAL["0 to 255"],
    "Normalized_0_1": USUAL["0 to 1"],
    "Normalized_1_1": USUAL["−1 to 1"],
}


def choose_onnx(path: Path, named: str, names: Sequence[str]) -> ChosenModel:
    """Choose the ONNX network ``path``, which the spec calls ``named``; ``names`` are those of its
    outputs, [] if unknown. Raises ``DataError`` for a file that is no network on photos."""
    file = read_onnx(path)
    given = input_of(file)
    keys = {
        "kind": "onnx",
        "path": named,
        "preprocessing": steps_in_spec(stated_steps(file, given)),
    }
    return ChosenModel(
        keys,
        f"{named} is run on the photos",
        outputs=tuple(names),
        nameless=not names,
        details=(f"It takes {given}.",),
    )


def stated_steps(file: OnnxFile, given: OnnxInput) -> Preprocessing:
    """Return the steps that an ONNX file states; ImageNet's for floats where it states none."""
    texts = metadata_in(file.model)
    steps: dict[str, Any] = dict(_RANGES.get(texts.get("Image.NominalPixelRange", ""), IMAGENET))
    if given.whole:
        steps = {"mean": (given.zero,) * 3, "std": (1 / 255,) * 3}
    elif given.last and steps == IMAGENET:  # as networks of Keras and TensorFlow are trained
        steps = dict(USUAL["0 to 1"])
    if texts.get("Image.BitmapPixelFormat", "").startswith("Bgr"):
        steps["channels"] = "bgr"
    if given.channels == 1:
        steps["channels"] = "grey"
    return Preprocessing(size=given.size or _image_size(texts) or _SIZE, **steps)


def has_stated_steps(file: OnnxFile) -> bool:
    """Return True if an ONNX file states the levels of its photos, by ONNX's metadata."""
    return metadata_in(file.model).get("Image.NominalPixelRange", "") in _RANGES


def _image_size(texts: Mapping[str, str]) -> tuple[int, int] | None:
    """Return width and height in the metadata ``imgsz`` (height, width) of ultralytics, or None."""
    try:
        height, width = ast.literal_eval(texts.get("imgsz", ""))
        fits = 0 < int(height) < MOST_SIDE and 0 < int(width) < MOST_SIDE
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return (width, height) if fits else None


def with_output(teacher: ChosenModel, path: Path, classes: Sequence[str]) -> ChosenModel:
    """Return the choice of an ONNX network with the facts on the output that has a value per class:
    its activation, and its number of values if that is not the number of ``classes``."""
    file = read_onnx(path)
    output = classifying(file, len(teacher.outputs) or len(classes))
    output = output or next(reversed(outputs_of(file)), None)
    if output is None:
        raise DataError(f"{path} has no output that is a tensor.", "Export the network again.")
    made = output.width if teacher.nameless and output.width not in (None, len(classes)) else 0
    *details, last = described(input_of(file), output)
    return replace(
        teacher,
        outputs=tuple(f"LABEL_{i}" for i in range(made or 0)) or teacher.outputs,
        activation=output.activation or None,
        probabilities=bool(output.activation),
        details=(f"It takes {details[0].removeprefix('input ')}; {last}.",),
    )


def steps_in_spec(steps: Preprocessing, full: bool = False) -> dict[str, Any]:
    """Return steps as the keys of a spec; with ``full`` also those that have their usual value."""
    plain = steps.plain()
    usual = {"interpolation": "bilinear", "crop": 0.0}
    return {k: v for k, v in plain.items() if full or k not in usual or v != usual[k]}
