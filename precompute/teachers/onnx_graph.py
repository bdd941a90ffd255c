"""Facts on an ONNX classifier that its graph states: the input of photos, and the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import OnnxTeacher
from inficond_panel.spec.sections.teacher import Teacher as Section
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from precompute.encoder.image import Preprocessing
from precompute.teachers.onnx_file import OnnxFile, read_onnx

#: Types of a tensor of photos that are accepted, by ONNX's name.
_TYPES = {
    "FLOAT": np.float32, "FLOAT16": np.float16, "DOUBLE": np.float64, "UINT8": np.uint8,
    "INT8": np.int8, "INT32": np.int32,
}  # fmt: skip
#: Largest side of a photo that a network may ask for, in pixels.
MOST_SIDE = 4096
#: Order of the axes that turns channels-last photos into channels-first photos.
_TO_CHANNELS_FIRST = [0, 3, 1, 2]
#: Operators that change neither a photo's axes nor the meaning of outputs; "Div" may end a softmax.
_SHAPES = ("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
           "QuantizeLinear", "DequantizeLinear")  # fmt: skip
#: Operators after which the axes of the photo cannot be followed.
_MIXING = ("MatMul", "Gemm", "Reshape", "Flatten", "Transpose", "GlobalAveragePool", "ReduceMean")


@dataclass(frozen=True)
class OnnxInput:
    """The input of an ONNX network: its name, the number of ``channels`` (3, or 1 for grey), and
    their place; ``dtype`` is NumPy's; ``batch``, ``width`` and ``height`` are None if any fit."""

    name: str
    channels: int
    last: bool
    dtype: Any
    batch: int | None
    width: int | None
    height: int | None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the photos, None unless the file states both."""
        return (self.width, self.height) if self.width and self.height else None

    @property
    def whole(self) -> bool:
        """True if the network takes whole numbers."""
        return bool(np.issubdtype(self.dtype, np.integer))

    @property
    def zero(self) -> float:
        """Mean, for levels 0 to 1, that brings whole numbers into the range of their type."""
        return 128 / 255 if self.dtype is np.int8 else 0.0

    def arranged(self, photos: np.ndarray) -> np.ndarray:
        """Return prepared photos ``(n, channels, height, width)`` as the network takes them."""
        if self.whole:
            photos = np.rint(photos)
        photos = photos.transpose(0, 2, 3, 1) if self.last else photos
        return np.ascontiguousarray(photos, dtype=self.dtype)

    def __str__(self) -> str:
        sides = f"{self.width or 'any'} × {self.height or 'any'}"
        place = "last" if self.last else "first"
        channels = f"channels {place}" if self.channels > 1 else f"one grey channel, {place}"
        return f"{sides} pixels, {channels}, {np.dtype(self.dtype).name}"


@dataclass(frozen=True)
class OnnxOutput:
    """An output of an ONNX network: its ``width`` (values per photo, None if the file does not
    say), the ``activation`` that the graph ends with, "" for any other end, and ``number``, ONNX's
    name of the type of its numbers."""

    name: str
    width: int | None
    activation: str
    number: str


def input_of(file: OnnxFile) -> OnnxInput:
    """Return the input of an ONNX network; ``DataError`` if it does not take photos."""
    graph = file.model.graph
    held = {one.name for one in [*graph.initializer]}
    inputs = [one for one in graph.input if one.name not in held]
    shape = _shape(inputs[0]) if len(inputs) == 1 else []
    if len(shape) != 4:
        raise _no_photos(file.path, inputs)
    dtype = _TYPES.get(_type_name(inputs[0]))
    last, followed = _layout(shape, graph, inputs[0].name)
    channels = shape[3 if last else 1] or followed or 3
    height, width = shape[1:3] if last else shape[2:4]
    if channels not in (1, 3) or dtype is None:
        raise _no_photos(file.path, inputs)
    if max(width or 0, height or 0) > MOST_SIDE:
        raise DataError(
            f"{file.path} takes photos of {width} × {height} pixels, which is too large; at most "
            f"{MOST_SIDE} on a side.",
            "Export the network for smaller photos.",
        )
    return OnnxInput(inputs[0].name, channels, last, dtype, shape[0], width, height)


def outputs_of(file: OnnxFile) -> list[OnnxOutput]:
    """Return the outputs of an ONNX network that are tensors, in the file's order."""
    graph, found = file.model.graph, []
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            sides = _shape(output)
            width = sides[1] if len(sides) > 1 and set(sides[2:]) <= {1} else None
            activation = _activation(graph.node, output.name)
            found.append(OnnxOutput(output.name, width, activation, _type_name(output)))
    return found


def classifying(file: OnnxFile, classes: int) -> OnnxOutput | None:
    """Return the first output with a value per class, else the first that may have one, or None.

    Raises ``DataError`` if its values are 8-bit levels, as of a quantized network: what a level is
    worth differs from file to file."""
    outputs = outputs_of(file)
    fitting = [output for output in outputs if output.width == classes]
    found = next(iter([*fitting, *(one for one in outputs if one.width is None)]), None)
    if found and found.number in ("UINT8", "INT8"):
        raise DataError(
            f"{file.path} gives {found.number.lower()} levels of a quantized network.",
            "Convert the network so that its outputs are float32 (in TFLite's converter leave out "
            "inference_output_type).",
        )
    return found


def check_preprocessing(path: Path, given: OnnxInput, preprocessing: Preprocessing) -> None:
    """Raise ``DataError`` if photos prepared by ``preprocessing`` do not fit a network's input."""
    width, height = preprocessing.size
    if (given.width or width, given.height or height) != (width, height):
        raise DataError(
            f"{path} takes photos of {given.width or 'any'} × {given.height or 'any'} pixels, but "
            f"teacher.preprocessing.size is [{width}, {height}].",
            f"Set size: [{given.width or width}, {given.height or height}] in "
            "teacher.preprocessing.",
        )
    grey = preprocessing.channels == "grey"
    if grey != (given.channels == 1):
        raise DataError(
            f"{path} takes photos with {given.channels} channel{'s'[: given.channels - 1]}, but "
            f"teacher.preprocessing.channels is {preprocessing.channels}.",
            f"Set channels: {'rgb' if grey else 'grey'} in teacher.preprocessing.",
        )
    if given.whole:
        _check_whole(path, given, preprocessing)


def _check_whole(path: Path, given: OnnxInput, preprocessing: Preprocessing) -> None:
    """Raise ``DataError`` unless all 256 levels become whole numbers that the input can hold."""
    mean, std = (np.asarray(each)[:, None] for each in (preprocessing.mean, preprocessing.std))
    levels, limits = (np.arange(256) / 255 - mean) / std, np.iinfo(given.dtype)
    whole = np.abs(levels - np.rint(levels)).max() < 1e-3
    if not whole or np.rint(levels).min() < limits.min or np.rint(levels).max() > limits.max:
        raise DataError(
            f"{path} takes whole numbers ({np.dtype(given.dtype).name}), which photos are not "
            "after teacher.preprocessing.",
            f"Set mean: {[given.zero] * 3} and std: {[1 / 255] * 3}: levels from 0 to 255"
            f"{', less 128' if given.zero else ''}.",
        )


def check_end(path: Path, output: OnnxOutput | None) -> None:
    """Raise ``DataError`` if an output is of probabilities, which would be read as logits."""
    if output and output.activation:
        raise DataError(
            f"The teacher's outputs are probabilities: {path} ends with a {output.activation}.",
            "Set teacher.outputs: probabilities.",
        )


def _no_photos(path: Path, inputs: Sequence[Any]) -> DataError:
    told = [f"{one.name} {_text(_shape(one))} of {_type_name(one).lower()}" for one in inputs]
    return DataError(
        f"{path} takes {listed(told, 5)}; expected one input of photos: [batch, 3, height, width] "
        f"or [batch, height, width, 3] (1 in place of 3 for grey) of "
        f"{', '.join(map(str.lower, _TYPES))}.",
        "Export the network with one input of photos, or use it in a function: kind: python.",
    )


def _text(shape: Sequence[int | None]) -> str:
    return f"[{', '.join(str(side or 'any') for side in shape)}]"


def _type_name(value: Any) -> str:
    from onnx import TensorProto

    number = value.type.tensor_type.elem_type
    known = number in TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(number)) if known else str(number)


def _shape(value: Any) -> list[int | None]:
    """Return the sides of a tensor that a graph declares; None for a side of any length."""
    return [side.dim_value or None for side in value.type.tensor_type.shape.dim]


def _layout(shape: Sequence[int | None], graph: Any, name: str) -> tuple[bool, int | None]:
    """Return whether the channels of the input ``name`` are its last axis, and their number as the
    first convolution states it, None if unknown."""
    first, last = (shape[axis] in (1, 3) for axis in (1, 3))
    transposed, channels = _followed(graph, name)
    if first != last:
        return last, channels
    return transposed, channels


def _followed(graph: Any, name: str) -> tuple[bool, int | None]:
    """Follow the photos ``name`` to the first convolution: return whether they are transposed from
    channels last on the way, and the convolution's number of channels."""
    shapes = {one.name: list(one.dims) for one in graph.initializer}
    photos, transposed = {name}, False
    for node in graph.node:
        if photos.isdisjoint(node.input):
            continue
        perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
        if node.op_type == "Conv":
            kernel = shapes.get(node.input[1], []) if len(node.input) > 1 else []
            groups = next((a.i for a in node.attribute if a.name == "group"), 1) or 1
            return transposed, kernel[1] * groups if len(kernel) == 4 else None
        if node.op_type == "Transpose" and perm == _TO_CHANNELS_FIRST:
            transposed = True
        elif node.op_type in _MIXING:
            continue
        photos.update(node.output)
    return transposed, None


def _activation(nodes: Sequence[Any], output: str) -> str:
    """Return the activation that makes the tensor ``output``, "" if it is no softmax or sigmoid."""
    made = {name: node for node in nodes for name in node.output}
    name, seen = output, set[str]()
    while name in made and name not in seen:
        seen.add(name)
        node = made[name]
        if node.op_type not in _SHAPES:
            return _known_activation(node, made)
        name = node.input[0]
    return ""


def _known_activation(node: Any, made: dict[str, Any]) -> str:
    operator = node.op_type.lower().replace("_", "")
    if operator == "div":  # a softmax in its parts: exp(z) / sum of exp(z)
        parts = [getattr(made.get(name), "op_type", "") for name in node.input]
        return SOFTMAX if parts == ["Exp", "ReduceSum"] else ""
    if operator.endswith("softmax") and not operator.endswith("logsoftmax"):
        return SOFTMAX
    return SIGMOID if operator.endswith("sigmoid") else ""


def lines_of(teacher: Section, classes: Sequence[str]) -> list[str]:
    """Return what the file of a spec's ONNX teacher states, as lines for people; [] for others."""
    if not isinstance(teacher, OnnxTeacher):
        return []
    file = read_onnx(teacher.path)
    output = classifying(file, len(teacher.classes or classes))
    return [*described(input_of(file), output)]


def described(given: OnnxInput, output: OnnxOutput | None) -> Iterator[str]:
    """Yield what a network's file states, as lines for people: its input, and its output."""
    yield f"input {given}"
    if output is not None:
        end = {SOFTMAX: "probabilities of a softmax", SIGMOID: "probabilities of sigmoids"}
        values = end.get(output.activation, "logits, as no softmax or sigmoid ends the graph")
        yield f"output {output.name!r}: {output.width or 'any number of'} {values}"
