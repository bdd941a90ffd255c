"""Small ONNX classifiers of all forms in which strangers publish them, written node by node."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

#: Kernel (4, 3, 3, 3), weight (classes, 4) and bias of the network: convolution, ReLU, mean, layer.
WIDTH, HEIGHT = 16, 12


def weights(classes=3, channels=3):
    rng = np.random.default_rng(5)
    shapes = (4, channels, 3, 3), (classes, 4), (classes,)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def golden(photos, classes=3, channels=3):
    """Logits of photos (n, channels, height, width), by torch."""
    import torch

    kernel, weight, bias = map(torch.from_numpy, weights(classes, channels))
    hidden = torch.nn.functional.conv2d(torch.from_numpy(photos).float(), kernel).relu()
    return (hidden.mean((2, 3)) @ weight.T + bias).numpy()


def network(
    *, last=False, dtype="FLOAT", classes=3, channels=3, end="", sides=(HEIGHT, WIDTH), batch="n",
    declared=True, metadata=(), extra_outputs=(), before=(), channel_side=True, opset=17,
):  # fmt: skip
    """The network as a model: ``last``: channels last; ``end``: its last operator."""
    number = TensorProto.DataType.Value(dtype)
    half = TensorProto.FLOAT16 if dtype == "FLOAT16" else TensorProto.FLOAT
    node, name = helper.make_node, "photos"
    nodes = []
    if dtype not in ("FLOAT", "FLOAT16"):
        nodes.append(node("Cast", [name], ["cast"], to=TensorProto.FLOAT))
        name = "cast"
    for i, operator in enumerate(before):
        nodes.append(node(operator, [name], [f"before{i}"]))
        name = f"before{i}"
    if last:
        nodes.append(node("Transpose", [name], ["first"], perm=[0, 3, 1, 2]))
        name = "first"
    logits = "logits" if end else "scores"
    nodes += [
        node("Conv", [name, "kernel"], ["conv"]),
        node("Relu", ["conv"], ["relu"]),
        node("GlobalAveragePool", ["relu"], ["pooled"]),
        node("Flatten", ["pooled"], ["features"]),
        node("Gemm", ["features", "weight", "bias"], [logits], transB=1),
    ]
    if end == "parts of a softmax":
        nodes += [
            node("Exp", ["logits"], ["exp"]),
            node("ReduceSum", ["exp", "axes"], ["sum"]),
            node("Div", ["exp", "sum"], ["scores"]),
        ]
    elif end:
        nodes += [node(end, ["logits"], ["ended"]), node("Identity", ["ended"], ["scores"])]
    side = channels if channel_side else "c"
    shape = [batch, *sides, side] if last else [batch, side, *sides]
    info = helper.make_tensor_value_info
    outputs = [*((each, None) for each in extra_outputs), ("scores", [batch, classes])]
    outputs = [
        info(each, half, (form or ["n", None]) if declared else None) for each, form in outputs
    ]
    kind = np.float16 if dtype == "FLOAT16" else np.float32
    held = zip(("kernel", "weight", "bias"), weights(classes, channels), strict=True)
    initial = [numpy_helper.from_array(array.astype(kind), name) for name, array in held]
    initial += [numpy_helper.from_array(np.array([1]), "axes")] * (end == "parts of a softmax")
    graph = helper.make_graph(nodes, "network", [info("photos", number, shape)], outputs, initial)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, dict(metadata))
    return model


def saved(path, **values):
    path.write_bytes(network(**values).SerializeToString())
    return path
