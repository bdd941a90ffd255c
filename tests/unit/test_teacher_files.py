"""Teachers from files: their logits, weights read without running code, and what is told."""

import argparse
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from precompute_factory import photo
from teacher_factory import PLAIN, teacher_section

from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.store.network_weights import read_state
from precompute.teachers.loading import TeacherSource

pytest.importorskip("torch")

import timm
import torch
from safetensors.torch import save_file
from torchvision import models
from torchvision.models import ResNet18_Weights

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning"),
    pytest.mark.server,
]
WIDTH, HEIGHT = PLAIN["size"]


def linear(outputs=2, sigmoid=False):
    """A linear network on all pixels, and its weight and bias as arrays."""
    torch.manual_seed(0)
    parts = [torch.nn.Flatten(), torch.nn.Linear(3 * WIDTH * HEIGHT, outputs)]
    network = torch.nn.Sequential(*parts, *[torch.nn.Sigmoid()] * sigmoid).eval()
    return network, parts[1].weight.detach().numpy(), parts[1].bias.detach().numpy()


def script(path, network):
    torch.jit.trace(network, torch.zeros(2, 3, HEIGHT, WIDTH)).save(str(path))
    return path


def onnx_file(path, weight, bias, sigmoid=False):
    """The same network as an ONNX file, written node by node."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    last = "probabilities" if sigmoid else "logits"
    nodes = [
        helper.make_node("Flatten", ["photos"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
        *[helper.make_node("Sigmoid", ["logits"], [last])] * sigmoid,
    ]
    shapes = {"photos": ["batch", 3, HEIGHT, WIDTH], last: ["batch", len(bias)]}
    info = helper.make_tensor_value_info
    ends = [[info(name, TensorProto.FLOAT, shape)] for name, shape in shapes.items()]
    held = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]
    graph = helper.make_graph(nodes, "linear", *ends, held)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


class Pair(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))[:, :2], x


class First(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))[:1, :2]


def batch_of(preprocessing):
    return np.stack([preprocessing.prepare(photo(i)) for i in range(5)])


def load(section):
    return TeacherSource(section, ("bicycle", "train")).load()


def make(kind, path, sigmoid=False, outputs=2, **values):
    network, weight, bias = linear(outputs, sigmoid)
    if kind == "torchscript":
        script(path, network)
    else:
        onnx_file(path, weight, bias, sigmoid)
    return teacher_section(kind, path=path, **values), weight, bias


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
@pytest.mark.parametrize("sigmoid", [False, True])
def test_the_logits_are_those_of_the_formula(tmp_path, kind, sigmoid):
    outputs = "probabilities" if sigmoid else "logits"
    section, weight, bias = make(kind, tmp_path / "a", sigmoid)
    section.outputs = outputs
    teacher = load(section)
    images = batch_of(teacher.preprocessing)
    expected = images.reshape(5, -1) @ weight.T + bias
    np.testing.assert_allclose(teacher.logits(images), expected, atol=2e-4)
    assert teacher.differentiable == (kind == "torchscript")


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_outputs_are_matched_by_name_and_others_left_aside(tmp_path, kind):
    section, weight, bias = make(kind, tmp_path / "a", outputs=4)
    teacher = load(section)
    images = batch_of(teacher.preprocessing)
    fault = r"returns \(5, 4\) for 5 images; expected 2 outputs"
    with pytest.raises(DataError, match=fault) as told:
        teacher.logits(images)
    assert "teacher.classes" in told.value.remedy
    section.classes = ["cat", "train", "dog", "bicycle"]
    expected = (images.reshape(5, -1) @ weight.T + bias)[:, [3, 1]]
    np.testing.assert_allclose(load(section).logits(images), expected, atol=1e-4)
    section.classes = ["cat", "trains", "dog", "bicycle"]
    with pytest.raises(DataError, match=r"no output for 'train' \(nearest: 'trains'\)"):
        load(section)


@pytest.mark.parametrize(
    ("kind", "fault"), [("torchscript", "not TorchScript"), ("onnx", "not an ONNX")]
)
def test_values_that_are_no_probabilities_and_other_files_are_told(tmp_path, kind, fault):
    section, *_ = make(kind, tmp_path / "a")
    section.outputs = "probabilities"
    teacher = load(section)
    with pytest.raises(DataError, match="these are not probabilities"):
        teacher.logits(10 * batch_of(teacher.preprocessing))
    (tmp_path / "a").write_text("no network")
    with pytest.raises(DataError, match=fault):
        load(section)


def test_another_size_one_row_for_many_photos_and_a_tuple_are_told(tmp_path):
    section, *_ = make("torchscript", tmp_path / "a")
    section.preprocessing.size = (10, 10)
    teacher = load(section)
    with pytest.raises(DataError, match=r"fails on photos \(5, 3, 10, 10\)") as told:
        teacher.logits(batch_of(teacher.preprocessing))
    assert "teacher.preprocessing" in told.value.remedy
    section, *_ = make("onnx", tmp_path / "b")
    section.preprocessing.size = (10, 10)
    with pytest.raises(DataError, match=r"size is \[10, 10\].*\n.*\[16, 12\]"):
        load(section)
    teacher = load(teacher_section("torchscript", path=script(tmp_path / "c", Pair())))
    with pytest.raises(DataError, match="returns a tuple, not a tensor"):
        teacher.logits(batch_of(teacher.preprocessing))
    teacher = load(teacher_section("torchscript", path=script(tmp_path / "d", First())))
    with pytest.raises(DataError, match=r"returns \(1, 2\) for 5 images") as told:
        teacher.logits(batch_of(teacher.preprocessing))
    assert "a row per photo" in told.value.remedy


NAMED = {"timm": "test_resnet", "torchvision": "resnet18"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """By package: a tiny model with three classes, and a file of its weights."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models")
    own = timm.create_model("test_resnet", num_classes=3).eval()
    save_file(own.state_dict(), folder / "mine.safetensors")
    other = models.resnet18(weights=None, num_classes=3).eval()
    torch.save(other.state_dict(), folder / "resnet18.pt")
    files = {"timm": (own, "mine.safetensors"), "torchvision": (other, "resnet18.pt")}
    return {kind: SimpleNamespace(model=m, file=folder / name) for kind, (m, name) in files.items()}


def section_of(small, kind, **values):
    given = {"model": NAMED[kind], "pretrained": small[kind].file}
    given["classes"] = ["train", "cat", "bicycle"]
    return teacher_section(kind, **given | values)


@pytest.mark.parametrize(
    ("kind", "title"), [("timm", "test_resnet (mine)"), ("torchvision", "resnet18 (resnet18)")]
)
def test_a_published_model_gives_its_own_logits(small, kind, title):
    teacher = load(section_of(small, kind))
    images = batch_of(teacher.preprocessing)
    with torch.inference_mode():
        expected = small[kind].model(torch.from_numpy(images)).numpy()[:, [2, 0]]
    np.testing.assert_allclose(teacher.logits(images), expected, atol=1e-5)
    assert section_of(small, kind).title == title


def test_a_head_of_its_own_replaces_the_classifier(small, tmp_path):
    own = small["timm"].model
    head = torch.nn.Linear(own.num_features, 2)
    state = {f"module.fc.{name}": value for name, value in head.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "head.pt")
    teacher = load(section_of(small, "timm", head=tmp_path / "head.pt", classes=[]))
    images = batch_of(teacher.preprocessing)
    with torch.inference_mode():
        features = own.forward_features(torch.from_numpy(images))
        expected = head(own.forward_head(features, pre_logits=True)).numpy()
    np.testing.assert_allclose(teacher.logits(images), expected, atol=1e-5)
    with pytest.raises(DataError, match=r"weight is \(2, 96\), expected \(3, 96\)"):
        load(section_of(small, "timm", head=tmp_path / "head.pt"))


@pytest.mark.parametrize(
    ("kind", "values", "fault"),
    [
        ("timm", {"model": "test_resnot"}, "timm knows no model test_resnot. Did you mean 'test_"),
        ("timm", {"model": "test_vit"}, "lacks .* also has"),
        ("timm", {"classes": []}, r"of other shapes: fc.bias is \(3,\), expected \(2,\)"),
        ("torchvision", {"model": "resnet81"}, "knows no classifier resnet81. Did you mean"),
        ("torchvision", {"model": "vgg11"}, "lacks .* also has"),
        ("torchvision", {"classes": []}, r"of other shapes: fc.bias is \(3,\), expected \(2,\)"),
    ],
)
def test_what_does_not_fit_is_told(small, kind, values, fault):
    with pytest.raises(DataError, match=fault):
        load(section_of(small, kind, **values))


def test_a_tag_of_other_outputs_and_one_that_cannot_be_downloaded_are_told(small, monkeypatch):
    # timm would make a random classifier in silence
    with pytest.raises(DataError, match=r"r160_in1k has 1000 outputs; expected 3 classes") as told:
        load(section_of(small, "timm", pretrained="r160_in1k"))
    assert "teacher.classes" in told.value.remedy

    def offline(name, pretrained=False, **_):
        assert (name, pretrained) == ("test_resnet.r160_in1k", True)
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", offline)
    names = ["train", "bicycle", *map(str, range(998))]
    with pytest.raises(DataError, match="no network") as told:
        load(section_of(small, "timm", pretrained="r160_in1k", classes=names))
    assert "teacher.pretrained" in told.value.remedy


def test_photos_are_prepared_as_torchvision_prepares_them(small):
    teacher, image = load(section_of(small, "torchvision")), photo(3)
    pixels = ResNet18_Weights.DEFAULT.transforms()(image)
    prepared = teacher.preprocessing.prepare(image)
    np.testing.assert_allclose(prepared, pixels.numpy(), atol=2 / 255 / 0.22)  # a level of 255


def test_a_missing_package_is_told(tmp_path, monkeypatch):
    file, named = {"path": tmp_path / "a"}, {"model": "resnet18", "pretrained": tmp_path / "a.pt"}
    for package, kind, given, extra in (
        ("onnxruntime", "onnx", file, "onnx"),
        ("timm", "timm", named, "precompute"),
        ("torch", "torchscript", file, "precompute"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=f"needs the package {package}") as told:
            load(teacher_section(kind, **given))
        assert f"[{extra}]" in told.value.remedy


@pytest.mark.parametrize("place", ["../secret", "{folder}/secret", "link"])
def test_onnx_reads_no_file_outside_its_folder(tmp_path, place):
    _, weight, bias = linear()
    folder = tmp_path / "net"
    folder.mkdir()
    file = onnx_file(folder / "a.onnx", weight, bias)
    (tmp_path / "secret").write_bytes(weight.tobytes())
    (folder / "link").symlink_to(tmp_path / "secret")
    onnx = pytest.importorskip("onnx")
    model = onnx.load(file)
    outside = model.graph.initializer[0]
    outside.ClearField("raw_data")
    outside.data_location = onnx.TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", place.format(folder=tmp_path)
    file.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="outside its own folder"):
        load(teacher_section("onnx", path=file))


def state_of():
    torch.manual_seed(0)
    return {k: v.clone() for k, v in torch.nn.Linear(3, 2).state_dict().items()}


class Harmful:
    def __reduce__(self):
        return print, ("this must not run",)


def test_objects_are_refused_and_the_remedy_converts_the_file(tmp_path, capfd):
    published = {"state_dict": state_of(), "best": np.float64(0.8), "x": Harmful()}
    published["args"] = argparse.Namespace(lr=1)
    torch.save(published, tmp_path / "check point.pkl")
    with pytest.raises(DataError, match="could run code") as told:
        read_state(tmp_path / "check point.pkl")
    assert "this must not run" not in capfd.readouterr().out
    command = shlex.split(told.value.remedy.splitlines()[-1])
    assert command[0] == "python"
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    read = read_state(tmp_path / "check point.safetensors")
    assert torch.equal(read["bias"], state_of()["bias"])


def test_what_is_no_state_dict_and_damaged_files_are_told(tmp_path):
    network = torch.nn.Linear(3, 2)
    wrong = (network, "could run code"), ([1, 2], "not a state_d"), ({"epoch": 3}, "not a state_d")
    for content, fault in wrong:
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(DataError, match=fault):
            read_state(tmp_path / "a.pt")
    for content in (b"", b"not a checkpoint", b"PK\x03\x04"):
        for name, fault in (("a.pt", r"a\.pt"), ("a.safetensors", "cannot be read as weights")):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=fault):
                read_state(tmp_path / name)
    with pytest.raises(DataError, match=r"cannot be read"):
        read_state(tmp_path / "b.pt")
