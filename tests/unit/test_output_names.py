"""Names of a network's outputs in its own file: where they are read, and how they are matched."""

import json

import pytest
from teacher_factory import teacher_section

from inficond_panel.errors import DataError
from precompute.teachers.outputs import in_words_of, names_of, resolved

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")]
NAMES = ["traffic light", "cat", "dog"]


def test_names_in_metadata_and_matched_but_for_case_and_strokes():
    for texts, names in (
        ({"names": "{0: 'traffic light', 1: 'cat', 2: 'dog'}"}, NAMES),  # as ultralytics
        ({"id2label": json.dumps(dict(enumerate(NAMES)))}, NAMES),
        ({"classes": json.dumps(NAMES), "author": "me"}, NAMES),
        ({"config.txt": json.dumps({"task": "classify", "names": dict(enumerate(NAMES))})}, NAMES),
        ({"label_names": NAMES}, NAMES),
        ({"author": "me"}, []),
        ({"names": "cat, dog"}, []),
        ({"names": "{0: 'cat', 2: 'dog'}"}, []),  # a position lacks
        ({"names": '["cat", "cat"]'}, []),
        ({"names": '["LABEL_0", "LABEL_1"]'}, []),  # a program's, of no class
        ({"names": "__import__('os').system('true')"}, []),
        ({"names": "[" * 5000}, []),
        ({"names": '["' + "a" * 1_000_001 + '"]'}, []),
    ):
        assert names_of(texts) == names
    assert in_words_of(["Traffic_Light", "CAT", "dog"], ["cat", "traffic light"]) == NAMES
    assert in_words_of(["Cat", "cat"], ["cat"]) == ["Cat", "cat"]  # the exact name is there
    assert in_words_of(["tv_set"], ["TV set", "tv-set"]) == ["tv_set"]  # not certain which


@pytest.fixture(params=["onnx", "torchscript", "timm"])
def named(request, tmp_path):
    """A section whose file names three outputs, and the kind."""
    if request.param == "onnx":
        onnx = pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        from onnx import TensorProto, helper

        ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3])] for name in "xy"]
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", *ends)
        opset = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=9)
        helper.set_model_props(model, {"names": str(dict(enumerate(NAMES)))})
        onnx.save(model, tmp_path / "net.onnx")
        return teacher_section("onnx", path=tmp_path / "net.onnx")
    if request.param == "torchscript":
        network = torch.jit.trace(torch.nn.Flatten(), torch.zeros(1, 3))
        extra = {"names": json.dumps(NAMES)}
        torch.jit.save(network, str(tmp_path / "net.ts"), _extra_files=extra)
        return teacher_section("torchscript", path=tmp_path / "net.ts")
    (tmp_path / "net.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(json.dumps({"label_names": NAMES}))
    return teacher_section("timm", model="test_resnet", pretrained=tmp_path / "net.safetensors")


def test_names_in_a_file_decide_the_order(named):
    found = resolved(named, ["dog", "Traffic light"])
    assert found.classes == ["Traffic light", "cat", "dog"]
    assert found.kind == named.kind
    assert resolved(found, ["dog", "Traffic light"]) is found
    with pytest.raises(DataError, match=r"'cats' \(nearest: 'cat'\)"):
        resolved(named, ["dog", "cats"])
