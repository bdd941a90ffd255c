"""The last linear layer of an ONNX network: found in the graph, and written with other weights.

The layer is a ``Gemm``, or a ``MatMul`` and an ``Add``, whose result is the output of the network,
or goes through a softmax or a sigmoid. What goes into it is made an output of the graph that runs
here; the graph that is written has the outputs that it had.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import OnnxTeacher as OnnxSection
from precompute.teachers.last_layer import LayerWeights, link_of, no_layer
from precompute.teachers.onnx_file import OnnxFile, read_onnx
from precompute.teachers.onnx_graph import classifying
from precompute.teachers.teacher import Prepares, columns_of
from precompute.teachers.whole_models import OnnxTeacher, load_onnx

#: Operators that leave the order of a layer's outputs as it is.
_KEEPING = ("Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze")
#: Operators that turn logits into probabilities.
_ENDS = ("Softmax", "Sigmoid")
_TYPES = ("float16", "float32", "float64")


class Found(NamedTuple):
    """Names in a graph: of the layer's node, of the tensor that goes into it, of its weight and
    bias; ``transposed``: the weight is (F, K)."""

    node: str
    features: str
    weight: str
    bias: str
    transposed: bool


@dataclass(frozen=True)
class OnnxLayer:
    """Last linear layer of an ONNX network (``last_layer.LastLayer``)."""

    file: OnnxFile
    found: Found
    teacher: OnnxTeacher
    weights: LayerWeights
    link: str
    ends: bool

    @property
    def softmax(self) -> bool:
        """True if the store's probabilities are of one softmax over all classes."""
        return self.teacher.softmax

    @property
    def columns(self) -> tuple[int, ...]:
        """Outputs of the data set's classes."""
        return self.teacher.columns

    @property
    def preprocessing(self) -> Prepares:
        """Preprocessing from a photo to the network's input."""
        return self.teacher.preprocessing

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(B, F)`` and outputs ``(B, K)`` of prepared photos."""
        outputs, tensors = self.teacher.outputs_on(images)
        return tensors.reshape(len(images), -1), outputs

    def write(self, folder: Path, new: LayerWeights) -> list[Path]:
        """Write the file with other weights of the layer, and copies of its files of weights."""
        model = type(self.file.model)()
        model.CopyFrom(self.file.model)
        weight = new.weight.T if self.found.transposed else new.weight
        for name, values in ((self.found.weight, weight), (self.found.bias, new.bias)):
            _set(_tensors(model.graph)[name], values.astype(new.dtype))
        written = folder / self.file.path.name
        written.write_bytes(model.SerializeToString(deterministic=True))
        return [written, *self._copies(folder)]

    def _copies(self, folder: Path) -> Iterator[Path]:
        here = self.file.path.absolute().parent
        for file in self.file.weights:
            copy = folder / file.relative_to(here)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            yield copy


def onnx_layer(section: OnnxSection, classes: Sequence[str], device: str) -> OnnxLayer:
    """Load a spec's ONNX file with the features of its last linear layer; raises ``DataError`` for
    a file that does not end with such a layer, and the errors of ``load_onnx``."""
    file = read_onnx(section.path)
    outputs = columns_of(classes, section.classes, section.softmax)[1]
    output = classifying(file, outputs)
    nodes = list(file.model.graph.node)
    found, activation = _find(file.model.graph, output.name if output else "")
    weights = _weights(file, found) if found and _uses(nodes, found) == 1 else None
    if found is None or weights is None or len(weights.bias) != outputs:
        raise no_layer(str(file.path), [*_linear(nodes)])
    teacher = load_onnx(section, classes, device, found.features)
    link = link_of(activation, section.softmax)
    return OnnxLayer(file, found, teacher, weights, link, bool(activation))


def _find(graph: Any, output: str) -> tuple[Found | None, str]:
    """Return the layer that makes the tensor ``output``, None if no linear one does, and the
    activation between them ("": none)."""
    made = {name: node for node in graph.node for name in node.output}
    activation, name = "", output
    for _ in range(len(graph.node) + 1):  # more steps would be a circle
        node = made.get(name)
        if node is None or not node.input:
            return None, activation
        if node.op_type in _ENDS and not activation:
            activation = node.op_type.lower()
        elif node.op_type not in _KEEPING:
            return _layer(node, made, _tensors(graph)), activation
        name = node.input[0]
    return None, activation


def _layer(node: Any, made: dict[str, Any], tensors: dict[str, Any]) -> Found | None:
    """Return the linear layer that ends with a node, None if there is none."""
    if node.op_type == "Gemm":
        return _of_gemm(node, tensors)
    if node.op_type != "Add" or len(node.input) != 2:
        return None
    for biased, bias in (node.input, node.input[::-1]):
        product = made.get(biased)
        if product is not None and product.op_type in _KEEPING and product.input:
            product = made.get(product.input[0])
        if product is None or product.op_type != "MatMul":
            continue
        features, weight = product.input[0], product.input[-1]
        if {bias, weight} <= tensors.keys():
            return Found(node.name or node.output[0], features, weight, bias, transposed=True)
    return None


def _of_gemm(node: Any, tensors: dict[str, Any]) -> Found | None:
    given = {each.name: each.f if each.name in ("alpha", "beta") else each.i
             for each in node.attribute}  # fmt: skip
    plain = given.get("alpha", 1.0) == given.get("beta", 1.0) == 1.0 and not given.get("transA")
    if not plain or len(node.input) != 3 or not {*node.input[1:]} <= tensors.keys():
        return None
    features, weight, bias = node.input
    name, transposed = node.name or node.output[0], not given.get("transB")
    return Found(name, features, weight, bias, transposed)


def _tensors(graph: Any) -> dict[str, Any]:
    """Return the tensors that a graph holds, by the names that its nodes use."""
    held = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            held[node.output[0]] = node.attribute[0].t
    return held


def _uses(nodes: Sequence[Any], found: Found) -> int:
    """Return how many nodes use the layer's weight or bias, whichever is used more."""
    used = [name for node in nodes for name in node.input]
    return max(used.count(found.weight), used.count(found.bias))


def _linear(nodes: Sequence[Any]) -> Iterator[str]:
    return (node.name or node.output[0] for node in nodes if node.op_type in ("Gemm", "MatMul"))


def _weights(file: OnnxFile, found: Found) -> LayerWeights | None:
    """Return the weights of a layer, None if their type or shape is not that of a linear layer."""
    from onnx import numpy_helper

    folder, tensors = str(file.path.absolute().parent), _tensors(file.model.graph)
    try:
        arrays = [
            np.asarray(numpy_helper.to_array(tensors[name], folder))
            for name in (found.weight, found.bias)
        ]
    except (ValueError, TypeError, OSError) as error:
        raise DataError(
            f"{file.path} is damaged: the weights of {found.node!r} cannot be read.",
            "Export the network again.",
        ) from error
    weight, bias = arrays[0].T if found.transposed else arrays[0], arrays[1].reshape(-1)
    fits = weight.ndim == 2 and bias.shape == weight.shape[:1] and weight.dtype == bias.dtype
    if not fits or str(weight.dtype) not in _TYPES:
        return None
    wide = weight.astype(np.float64), bias.astype(np.float64)
    return LayerWeights(found.node, *wide, weight.dtype)


def _set(tensor: Any, values: np.ndarray) -> None:
    """Give a tensor of a graph other values; its name and shape stay."""
    from onnx import numpy_helper

    name, shape = tensor.name, list(tensor.dims)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values.reshape(shape)), name))
