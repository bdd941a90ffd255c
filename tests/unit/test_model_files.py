"""The identity of a model is all files that it reads; what lacks, or is elsewhere, is named."""

import json
import os

import numpy as np
import pytest
from precompute_factory import VIT, tiny_encoder
from teacher_factory import PLAIN, teacher_section

from inficond_panel.errors import DataError
from inficond_panel.store.network_weights import read_state
from precompute.encoder import encoder_digest, load_encoder
from precompute.teachers.loading import TeacherSource
from precompute.teachers.outputs import names_of, resolved

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

pytestmark = [pytest.mark.torch]
CLASSES = ("bicycle", "train")
WIDTH, HEIGHT = PLAIN["size"]
WEIGHT = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((4, 3, HEIGHT, WIDTH), np.float32)


def external(file, weight=WEIGHT, data="t.onnx.data", outputs=("logits",), names=None):
    """A network of channel means by ``weight``, whose weights are in the file ``data``."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["photos"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("MatMul", ["features", "weight"], ["logits"]),
    ]
    info = helper.make_tensor_value_info
    ends = [info("photos", TensorProto.FLOAT, ["n", 3, HEIGHT, WIDTH])]
    outs = [info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", ends, outs, [numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if names is not None:
        helper.set_model_props(model, {"names": json.dumps(names)})
    onnx.save(model, file, save_as_external_data=True, location=data, size_threshold=0)
    return teacher_section("onnx", path=file)


def inputs(section):
    return TeacherSource(section, CLASSES).inputs


def load(section):
    return TeacherSource(section, CLASSES).load()


def test_other_weights_beside_an_onnx_file_are_other_inputs(tmp_path):
    section = external(tmp_path / "t.onnx")
    before = inputs(section)
    (-WEIGHT).tofile(tmp_path / "t.onnx.data")
    assert inputs(section) != before


def test_the_time_of_a_file_is_not_part_of_the_inputs(tmp_path):
    section = external(tmp_path / "t.onnx")
    before = inputs(section)
    os.utime(tmp_path / "t.onnx.data", (1, 1))
    assert inputs(section) == before


def test_weights_beside_an_onnx_file_are_those_that_run(tmp_path):
    section = external(tmp_path / "t.onnx")
    expected = IMAGES.mean((2, 3)) @ WEIGHT
    np.testing.assert_allclose(load(section).logits(IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize("use", [inputs, load])
def test_a_missing_file_of_weights_is_named_with_the_remedy(tmp_path, use):
    section = external(tmp_path / "t.onnx")
    (tmp_path / "t.onnx.data").unlink()
    with pytest.raises(DataError, match=r"The weights of .*t\.onnx are in t\.onnx\.data") as told:
        use(section)
    assert f"Copy t.onnx.data to {tmp_path}" in told.value.remedy


def in_subgraph(model):
    """Move the weight into the branch of an If."""
    weight = model.graph.initializer.pop()
    out = [helper.make_tensor_value_info("w", TensorProto.FLOAT, None)]
    branch = helper.make_graph([helper.make_node("Identity", ["weight"], ["w"])], "b", [], out)
    branch.initializer.append(weight)
    yes = numpy_helper.from_array(np.array(True), "yes")
    model.graph.initializer.append(yes)
    made = helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch)
    model.graph.node.insert(0, made)
    model.graph.node[-1].input[1] = "chosen"


def test_weights_in_a_branch_of_the_graph_are_part_of_the_inputs(tmp_path):
    section = external(tmp_path / "t.onnx")
    model = onnx.load(section.path, load_external_data=False)
    in_subgraph(model)
    section.path.write_bytes(model.SerializeToString())
    before = inputs(section)
    (-WEIGHT).tofile(tmp_path / "t.onnx.data")
    assert inputs(section) != before


@pytest.mark.parametrize("place", ["../d", "{0}/d", "link", "*/_ORT_MEM_ADDR_/*", "a/../../d"])
def test_weights_outside_the_folder_are_refused_before_they_are_hashed(tmp_path, place):
    folder = tmp_path / "net"
    folder.mkdir()
    section = external(folder / "t.onnx")
    (tmp_path / "d").write_bytes(WEIGHT.tobytes())
    (folder / "link").symlink_to(tmp_path / "d")
    model = onnx.load(section.path, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = place.format(tmp_path)
    section.path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="outside its own folder"):
        inputs(section)


def test_the_output_with_a_column_per_class_is_taken(tmp_path):
    section = external(tmp_path / "t.onnx", outputs=("features", "logits"))
    expected = IMAGES.mean((2, 3)) @ WEIGHT
    np.testing.assert_allclose(load(section).logits(IMAGES), expected, atol=1e-5)


def test_the_shapes_of_all_outputs_are_told_if_none_fits(tmp_path):
    wide = np.ones((3, 5), np.float32)
    section = external(tmp_path / "t.onnx", wide, outputs=("features", "logits"))
    with pytest.raises(DataError, match=r"outputs are features \(4, 3\), logits \(4, 5\)"):
        load(section).logits(IMAGES)


@pytest.mark.parametrize(
    "names",
    [{"0": "train", "1": "bicycle"}, {"1": "train", "2": "bicycle"}, {"train": 0, "bicycle": 1}],
)
def test_numbered_names_give_the_order(names):
    assert names_of({"names": json.dumps(names)}) == ["train", "bicycle"]


@pytest.mark.parametrize("names", [{"1": "train", "3": "bicycle"}, {"2": "train", "3": "bicycle"}])
def test_numbers_that_give_no_order_are_told(tmp_path, names):
    section = external(tmp_path / "t.onnx", names=names)
    with pytest.raises(DataError, match="are not those of its outputs"):
        resolved(section, CLASSES)


STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}
OPTIMIZER = {"state": {0: {"step": torch.ones(1)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}


def under(prefix, state=None):
    return {f"{prefix}{name}": value for name, value in (state or STATE).items()}


CHECKPOINTS = {
    "torch's tutorial": {"epoch": 3, "model_state_dict": STATE, "optimizer_state_dict": OPTIMIZER},
    "net": {"net": STATE, "acc": 0.9, "epoch": 2},
    "state_dict": {"state_dict": STATE, "optimizer": OPTIMIZER},
    "lightning": {"state_dict": under("model."), "epoch": 1, "callbacks": {}},
    "nested": {"model": {"state_dict": STATE}},
    "a configuration beside": {"model": {"width": 3}, "weights": STATE},
    "timm with an average": {"state_dict": STATE, "state_dict_ema": under("x.")},
    "compiled": under("_orig_mod."),
    "compiled and parallel": under("module._orig_mod."),
    "averaged": {"n_averaged": torch.tensor(3), **under("module.")},
}


@pytest.mark.parametrize("trainer", CHECKPOINTS)
def test_checkpoints_of_trainers_are_opened(tmp_path, trainer):
    torch.save(CHECKPOINTS[trainer], tmp_path / "a.pt")
    read = read_state(tmp_path / "a.pt")
    assert {name: value.tolist() for name, value in read.items()} == {
        name: value.tolist() for name, value in STATE.items()
    }


def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path):
    torch.save({"optimizer": OPTIMIZER}, tmp_path / "a.pt")
    with pytest.raises(DataError, match="the entries optimizer"):
        read_state(tmp_path / "a.pt")


def sharded(folder, kind="safetensors"):
    """A checkpoint in two parts; returns its index."""
    for name, value in STATE.items():
        part = folder / f"{name}.{kind}"
        (save_file if kind == "safetensors" else torch.save)({name: value}, part)
    index = folder / f"model.{kind}.index.json"
    index.write_text(json.dumps({"weight_map": {name: f"{name}.{kind}" for name in STATE}}))
    return index


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_checkpoint_in_parts_is_read(tmp_path, kind):
    read = read_state(sharded(tmp_path, kind))
    assert {name: value.tolist() for name, value in read.items()} == {
        name: value.tolist() for name, value in STATE.items()
    }


def test_another_part_of_a_checkpoint_is_another_input(tmp_path):
    section = teacher_section("timm", model="test_resnet", pretrained=sharded(tmp_path))
    before = inputs(section)
    save_file({"bias": torch.zeros(2)}, tmp_path / "bias.safetensors")
    assert inputs(section) != before


def test_a_missing_part_of_a_checkpoint_is_named(tmp_path):
    index = sharded(tmp_path)
    (tmp_path / "bias.safetensors").unlink()
    with pytest.raises(DataError, match=r"missing beside it: bias\.safetensors"):
        read_state(index)


def test_a_part_in_another_folder_is_refused(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"bias": "../bias.safetensors"}}))
    with pytest.raises(DataError, match="a file in another folder"):
        read_state(index)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "merges.txt", "spiece.model"]
)
def test_files_of_the_tokenizer_are_part_of_an_encoder(tmp_path, name):
    section = tiny_encoder(tmp_path / "e", VIT)
    before = encoder_digest(section)
    (tmp_path / "e" / name).write_text("{}")
    assert encoder_digest(section) != before


def test_a_readme_is_not_part_of_an_encoder(tmp_path):
    section = tiny_encoder(tmp_path / "e", VIT)
    before = encoder_digest(section)
    (tmp_path / "e" / "README.md").write_text("words")
    assert encoder_digest(section) == before


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "model."])
def test_an_encoder_from_a_wrapped_network_is_the_same(tmp_path, prefix):
    section = tiny_encoder(tmp_path / "e", VIT)
    expected = load_encoder(section).embed_text(["a dog"])
    state = load_encoder(section).model.state_dict()
    section.pretrained = tmp_path / "wrapped.pt"
    torch.save(under(prefix, state), section.pretrained)
    np.testing.assert_array_equal(load_encoder(section).embed_text(["a dog"]), expected)


def test_weights_of_another_encoder_are_told_in_few_words(tmp_path):
    section = tiny_encoder(tmp_path / "e", VIT)
    section.pretrained = tmp_path / "other.pt"
    torch.save({f"layer{i}.weight": torch.ones(1) for i in range(300)}, section.pretrained)
    with pytest.raises(DataError, match="does not fit") as told:
        load_encoder(section)
    assert len(str(told.value)) < 700
