"""Number of multiplications of a network on one photo, in convolutions and matrix products.

It is a proxy for time and energy that does not depend on the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx
    from torch import nn

_COUNTED = ("Conv", "MatMul", "Gemm")


def of_onnx(model: bytes) -> float:
    """Return the multiplications of an ONNX model on one photo; nan if a shape is unknown. Bodies
    of loops and functions are not followed. Shapes that the model computes itself, as those of
    paddings, are found by a run on one photo of zeros."""
    import onnx

    loaded = onnx.load_model_from_string(model)
    for value in loaded.graph.input:  # with one photo, sizes that are computed become known
        first = value.type.tensor_type.shape.dim[:1]
        for dim in first:
            dim.dim_value = dim.dim_value or 1
    graph = onnx.shape_inference.infer_shapes(loaded, data_prop=True).graph
    shapes = {each.name: list(each.dims) for each in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if all(sizes[1:]):
            shapes.setdefault(value.name, [sizes[0] or 1, *sizes[1:]] if sizes else [])
    try:
        return float(sum(_of_node(node, shapes) for node in graph.node))
    except KeyError:
        shapes |= _shapes_of_run(loaded, shapes)
    try:
        return float(sum(_of_node(node, shapes) for node in graph.node))
    except KeyError:
        return float("nan")


def _shapes_of_run(model: onnx.ModelProto, known: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the shapes of the values of convolutions and matrix products that are not ``known``,
    by name; {} if the model's input has an unknown size."""
    import numpy as np
    import onnx
    import onnxruntime

    entry = model.graph.input[0]
    size = [each.dim_value for each in entry.type.tensor_type.shape.dim]
    if not all(size):
        return {}
    used = [node for node in model.graph.node if node.op_type in _COUNTED]
    names = {name for node in used for name in (*node.input, *node.output)} - known.keys() - {""}
    probed = onnx.ModelProto.FromString(model.SerializeToString())
    probed.graph.ClearField("output")
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(names))
    session = onnxruntime.InferenceSession(probed.SerializeToString())
    kind = onnx.helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)
    values = session.run(sorted(names), {entry.name: np.zeros(size, kind)})
    return {name: list(each.shape) for name, each in zip(sorted(names), values, strict=True)}


def _of_node(node: Any, shapes: Mapping[str, Sequence[int]]) -> int:
    """Return the multiplications of one node; ``KeyError`` for an unknown shape."""
    if node.op_type not in _COUNTED:
        return 0
    out = prod(shapes[node.output[0]])
    if node.op_type == "Conv":
        return out * prod(shapes[node.input[1]][1:])  # channels of a group x kernel
    first = shapes[node.input[0]]
    turned = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return out * (first[-2] if turned else first[-1])


def of_module(module: nn.Module, size: tuple[int, int]) -> float:
    """Return the multiplications of a torch module on one photo of ``size`` (height, width); on the
    device "meta" nothing is computed."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    device = next(module.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, 3, *size, device=device))
    return counter.get_total_flops() / 2  # a multiplication and an addition
