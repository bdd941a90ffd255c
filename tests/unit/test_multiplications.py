"""Multiplications of networks, against calculations by hand and published counts."""

import io

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import torch
from onnx import TensorProto, helper
from torch import nn

from precompute.teachers.multiplications import of_module, of_onnx

pytestmark = pytest.mark.torch

CASES = {
    "convolution": (nn.Conv2d(3, 8, 3, padding=1), 8 * 10 * 12 * 3 * 9),
    "stride 2": (nn.Conv2d(3, 8, 2, stride=2), 8 * 5 * 6 * 3 * 4),
    "depthwise": (nn.Conv2d(3, 6, 3, groups=3, padding=1), 6 * 10 * 12 * 1 * 9),
    "linear": (nn.Sequential(nn.Flatten(), nn.Linear(3 * 10 * 12, 7)), 3 * 10 * 12 * 7),
}


def written(module):
    content = io.BytesIO()
    torch.onnx.export(
        module.eval(), (torch.zeros(1, 3, 10, 12),), content, input_names=["pixels"],
        output_names=["out"], opset_version=17, dynamo=False,
        dynamic_axes={"pixels": {0: "images"}, "out": {0: "images"}},
    )  # fmt: skip
    return content.getvalue()


@pytest.mark.parametrize("case", CASES)
def test_an_onnx_model_has_those_of_a_calculation_by_hand(case):
    module, expected = CASES[case]
    assert of_onnx(written(module)) == expected


@pytest.mark.parametrize("case", CASES)
def test_a_module_has_those_of_a_calculation_by_hand(case):
    module, expected = CASES[case]
    assert of_module(module, (10, 12)) == expected


def test_a_transposed_product_counts_its_shared_side():
    value = helper.make_tensor_value_info
    node = helper.make_node("Gemm", ["a", "b"], ["out"], transA=1)
    graph = helper.make_graph(
        [node], "g", [value("a", TensorProto.FLOAT, [5, 2])],
        [value("out", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor("b", TensorProto.FLOAT, [5, 3], np.zeros(15))],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    assert of_onnx(model.SerializeToString()) == 2 * 3 * 5


def test_resnet_50_has_its_published_number():
    """4.09 billion at 224 pixels (torchvision's documentation)."""
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        network = models.resnet50().eval()
    assert of_module(network, (224, 224)) == pytest.approx(4.09e9, rel=0.01)


def test_a_padding_that_the_model_computes_is_known_after_a_run():
    """10 x 12 pixels with a border of 1, which depends on the pixels' sum."""
    pytest.importorskip("onnxruntime")
    value, node = helper.make_tensor_value_info, helper.make_node
    pads = helper.make_tensor("pads", TensorProto.INT64, [8], [0, 0, 1, 1, 0, 0, 1, 1])
    nodes = [
        node("ReduceSum", ["pixels"], ["sum"], keepdims=0),
        node("Cast", ["sum"], ["none"], to=TensorProto.INT64),
        node("Add", ["pads", "none"], ["border"]),
        node("Pad", ["pixels", "border"], ["wide"]),
        node("Conv", ["wide", "kernel"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("pixels", TensorProto.FLOAT, [1, 3, 10, 12])],
        [value("out", TensorProto.FLOAT, None)],
        [pads, helper.make_tensor("kernel", TensorProto.FLOAT, [8, 3, 3, 3], np.zeros(216))],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    assert of_onnx(model.SerializeToString()) == 8 * 10 * 12 * 3 * 9
