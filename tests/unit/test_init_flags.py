"""Flags of inficond init: what they write, and what is told of values that fit nothing."""

import json
import pickle
from functools import partial
from operator import attrgetter

import numpy as np
import pytest
from precompute_factory import write_table
from test_init import CLASSES, data, home, init, photos, refused, table  # noqa: F401

from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from precompute.datasets import load_dataset
from precompute.teachers.outputs import resolved

pytest.importorskip("open_clip")
pytest.importorskip("onnxruntime")
timm = pytest.importorskip("timm")
torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from onnx_networks import saved  # noqa: E402

NO = ("data", "--output", "no.yaml")


@pytest.mark.parametrize(
    ("given", "model", "pretrained"),
    [
        ("ViT-B-16:openai", "ViT-B-16", "openai"),
        ("hf-hub:laion/CLIP-ViT-B-16", "hf-hub:laion/CLIP-ViT-B-16", None),
        ("ViT-B-16:mine.safetensors", "ViT-B-16", "{home}/mine.safetensors"),
    ],
)
def test_an_encoder_by_name(data, capsys, given, model, pretrained):  # noqa: F811
    (data.parent / "mine.safetensors").write_bytes(b"")
    spec, out = init(capsys, "data", "--encoder", given)
    expected = pretrained and pretrained.format(home=data.parent)
    assert spec.concepts.encoder.model == model
    assert (spec.concepts.encoder.pretrained and str(spec.concepts.encoder.pretrained)) == expected
    assert ("downloaded at the first run" in out) == ("mine" not in given)


def network_of(given, path, outputs=2):
    """Write a network of the kind that a value of --teacher names, with random weights."""
    kind, _, name = given.partition(":")
    if kind == "onnx":
        saved(path, classes=outputs)
    elif kind == "torchscript":
        torch.jit.trace(Mean(), torch.zeros(1, 3, 8, 8)).save(str(path))
    elif kind == "timm":
        torch.save(timm.create_model("test_resnet", num_classes=outputs).state_dict(), path)
    elif kind == "torchvision":
        model = torchvision.models.get_model(name.partition(":")[0], num_classes=outputs)
        torch.save(model.state_dict(), path)


class Mean(torch.nn.Module):
    def forward(self, photos):
        return photos.mean((2, 3))[:, :2]


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ("head", {"kind": "head", "encoder": None}),
        ("open_clip", {"kind": "open_clip", "encoder": None}),
        ("onnx:net.pt", {"kind": "onnx"}),
        ("torchscript:net.pt", {"kind": "torchscript"}),
        ("timm:test_resnet.r160_in1k", {"model": "test_resnet", "pretrained": "r160_in1k"}),
        ("timm:test_resnet:net.pt", {"kind": "timm", "model": "test_resnet"}),
        (
            "torchvision:shufflenet_v2_x0_5:net.pt",
            {"kind": "torchvision", "model": "shufflenet_v2_x0_5"},
        ),
        ("head:ViT-B-32:openai", {"encoder.model": "ViT-B-32", "encoder.pretrained": "openai"}),
    ],
)
def test_a_teacher_by_kind_and_name(data, capsys, given, keys):  # noqa: F811
    net = data.parent / "net.pt"
    network_of(given, net)
    spec, _ = init(capsys, "data", "--teacher", given)
    assert keys == {name: attrgetter(name)(spec.teacher) for name in keys}
    if "net.pt" in given:
        assert net in (getattr(spec.teacher, name, None) for name in ("path", "pretrained"))


def test_a_model_that_is_not_there_is_told(data, capsys):  # noqa: F811
    (data.parent / "net.onnx").write_bytes(b"")
    (data.parent / "bare").mkdir()
    (data.parent / "bare" / "config.json").write_text("{}")
    for flag, given, told in (
        ("encoder", "VIT-B-61:openai", "knows no model VIT-B-61. Did you mean 'ViT-B-16'"),
        ("encoder", "ViT-B-16:openia", "no weights 'openia' of ViT-B-16. Did you mean 'openai'"),
        ("encoder", "ViT-B-16", "The weights of ViT-B-16 are not named. There are openai,"),
        ("encoder", "ViT-B-16:none.pt", "There is no file none.pt"),
        ("encoder", "hf-hub:laion", "hf-hub:laion does not name a model of the hub"),
        ("encoder", "./none", "There is no folder none"),
        ("encoder", "data", "data holds no encoder"),
        ("teacher", "tim:resnet50", "'tim' is not a kind of teacher. Did you mean 'timm'"),
        ("teacher", "headd", "There is no file headd. Did you mean 'head'"),
        ("teacher", "net.onx", "There is no file net.onx. Did you mean 'net.onnx'"),
        ("teacher", "onnx:net.onx", "There is no file net.onx. Did you mean 'net.onnx'"),
        ("teacher", "timm:resnet5o.a1_in1k", "timm knows no model resnet5o. Did you mean"),
        ("teacher", "timm:resnet50.a1_in2k", "no weights 'a1_in2k' of resnet50. Did you mean 'a1"),
        ("teacher", "timm:resnet50", "no weights '' of resnet50. There are a1_in1k"),
        ("teacher", "timm:resnet50:none.pt", "There is no file none.pt"),
        ("teacher", "torchvision:resnet81:none.pt", "no classifier resnet81. Did you mean"),
        ("teacher", "torchvision:resnet18", "There is no file"),
        ("teacher", "head:ViT-B-61:openai", "knows no model ViT-B-61"),
        ("both", "transformers:none", "none is neither a folder nor ORG/NAME of the hub"),
        ("both", "transformers:data", "data has no config.json"),
        ("both", "transformers:bare", "bare has no weights as safetensors"),
    ):
        for each in ("encoder", "teacher") if flag == "both" else (flag,):
            assert told in refused(capsys, *NO, f"--{each}", given)
    assert not list(data.parent.glob("no.*"))


def test_many_outputs_are_written_a_line_each(data, capsys):  # noqa: F811
    names = [f"class: {i}" for i in range(40)]
    ids = [f"{i:03d}" for i in range(20)]
    write_table(data / "labels.csv", ids, np.indices((20, 40)).sum(0) % 2, names)
    saved(data.parent / "net.pt", classes=40)
    spec, out = init(capsys, "data", "--teacher", "onnx:net.pt")
    assert spec.teacher.classes == names
    assert '    - "class: 39"' in spec.path.read_text().splitlines()
    assert "and 28 more" in out


class Counted(torch.nn.Linear):
    loaded = 0

    def __setstate__(self, state):
        Counted.loaded += 1
        super().__setstate__(state)


SAVED = {
    "archive": torch.save,
    "before archives": partial(torch.save, _use_new_zipfile_serialization=False),
    "protocol 4": partial(torch.save, pickle_protocol=4),
    "plain pickle": lambda thing, path: path.write_bytes(pickle.dumps(thing)),
}


@pytest.mark.parametrize("prefix", ["", "timm:resnet18:", "torchvision:resnet18:", "torchscript:"])
@pytest.mark.parametrize("saved", SAVED)
def test_a_whole_model_is_refused_without_being_loaded(data, capsys, saved, prefix):  # noqa: F811
    SAVED[saved](Counted(2, 2), data.parent / "whole.pt")
    told = refused(capsys, *NO, "--teacher", f"{prefix}whole.pt")
    assert "whole.pt holds a whole model or other objects (test_init_flags.Count" in told
    assert "d.state_dict() if hasattr(d, 'state_dict')" in told
    assert Counted.loaded == 0


@pytest.mark.parametrize("form", ["archive", "before archives"])
def test_weights_of_any_form_are_taken(data, capsys, form):  # noqa: F811
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=2)
    SAVED[form](model.state_dict(), data.parent / "net.pt")
    spec, out = init(capsys, "data", "--teacher", "torchvision:shufflenet_v2_x0_5:net.pt")
    assert spec.teacher.pretrained == data.parent / "net.pt"
    assert spec.teacher.classes == list(CLASSES)
    assert "shufflenet_v2_x0_5 of torchvision, with the weights net.pt" in out


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
def test_weights_that_torch_cannot_read_safely_are_refused(data, capsys):  # noqa: F811
    model = torchvision.models.squeezenet1_1(num_classes=2)
    SAVED["protocol 4"](model.state_dict(), data.parent / "net.pt")
    told = refused(capsys, "data", "--teacher", "torchvision:squeezenet1_1:net.pt")
    assert "saved with a pickle_protocol other than 2" in told


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_is_known_by_its_content(data, capsys):  # noqa: F811
    network_of("torchscript:", data.parent / "net.pt")
    told = refused(capsys, *NO, "--teacher", "torchvision:resnet18:net.pt")
    assert "TorchScript, not only weights.\nWrite the format before the path: torchscript:" in told
    spec, _ = init(capsys, "data", "--teacher", "net.pt")
    assert spec.teacher.kind == "torchscript"


def test_classes_that_are_named_are_taken(data, capsys):  # noqa: F811
    spec, out = init(capsys, "data", "--class", "train")
    dataset = load_dataset(spec.dataset)
    assert dataset.classes == ("train",)
    assert dataset.label[:, 0].tolist() == [(int(name) // 2) % 2 for name in dataset.ids]
    assert "classes   1: train" in out


def test_classes_that_there_are_not_are_refused(data, capsys):  # noqa: F811
    told = refused(capsys, *NO, "--class", "trian", "--class", "dog")
    assert "no class 'trian' (nearest: 'train'); 'dog'. There are: cat, train." in told
    assert not (data.parent / "no.yaml").exists()


def test_labels_that_do_not_fit_the_task_are_refused(data, capsys):  # noqa: F811
    told = refused(capsys, *NO, "--task", "single_label")
    assert "5 of 20 images have several classes: '003', '011', '019', and 2 more" in told
    assert "5 of 20 images have no class: " in told
    assert not (data.parent / "no.yaml").exists()


def model_folder(folder, names, **config):
    """What save_pretrained writes, as far as init looks at it."""
    folder.mkdir(parents=True)
    labels = {str(i): name for i, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps({"id2label": labels, **config}))
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.mark.parametrize("section", ["teacher", "concepts.encoder"])
@pytest.mark.parametrize("given", ["models/net", "org/net"])
def test_a_network_of_transformers_is_in_its_section(data, capsys, given, section):  # noqa: F811
    folder = model_folder(data.parent / "models" / "net", ["train", "cat"])
    flags = ["--teacher", f"transformers:{given}", "--encoder", f"transformers:{given}"]
    spec, _ = init(capsys, "data", *flags)
    found = attrgetter(section)(spec)
    assert found.kind == "transformers"
    assert found.model == (folder if given == "models/net" else "hf-hub:org/net")


def test_a_teacher_that_calls_classes_otherwise(data, capsys):  # noqa: F811
    model_folder(data.parent / "net", ["tabby, Cat", "bullet_train, Train", "dog"])
    spec, out = init(capsys, "data", "--teacher", "transformers:net")
    assert spec.teacher.labels == {"cat": "tabby, Cat", "train": "bullet_train, Train"}
    assert "cat is 'tabby, Cat', train is 'bullet_train, Train'" in out
    model_folder(data.parent / "other", ["tabby", "trains", "dog"])
    told = refused(capsys, *NO, "--teacher", "transformers:other")
    assert "other has no output for 'cat', 'train' (nearest: 'trains')" in told


def test_outputs_without_names_are_the_classes_or_lines_to_fill(data, capsys):  # noqa: F811
    names = [f"LABEL_{i}" for i in range(len(CLASSES) + 1)]
    model_folder(data.parent / "same", names[:-1])
    spec, out = init(capsys, "data", "--teacher", "transformers:same")
    assert spec.teacher.classes == list(CLASSES)
    assert "check teacher.classes" in out
    model_folder(data.parent / "more", names)
    spec, out = init(capsys, "data", "--teacher", "transformers:more", "--output", "more.yaml")
    assert "lines marked 'to fill'" in out
    assert spec.teacher.classes == names
    for name in names:
        assert f"    - {name} # to fill: the class of this output\n" in spec.path.read_text()
    with pytest.raises(DataError, match="more has no output for 'cat', 'train'"):
        resolved(spec.teacher, CLASSES)
    filled = spec.path.read_text().replace("LABEL_2", "cat").replace("LABEL_0", "train")
    spec.path.write_text(filled)
    assert resolved(load_spec(spec.path).teacher, CLASSES).classes == ["train", "LABEL_1", "cat"]


def test_what_a_model_states_it_ends_in(home, capsys):  # noqa: F811
    photos(home / "data", [f"{name}/{i}.jpg" for name in CLASSES for i in range(9)])
    table(home / "several")
    model_folder(home / "net", CLASSES, problem_type="multi_label_classification")
    model_folder(home / "apart", CLASSES, problem_type="single_label_classification")
    trained = "though the teacher was trained for one class per image"
    for data, net, expected, told in (  # noqa: F402
        ("data", "net", ("single_label", "sigmoid"), ""),
        ("several", "apart", ("multi_label", "sigmoid"), trained),
        ("data", "apart", ("single_label", "softmax"), ""),
    ):
        flags = ("--teacher", f"transformers:{net}", "--output", f"{data}-{net}.yaml")
        spec, out = init(capsys, data, *flags)
        assert (spec.dataset.task, spec.teacher.activation) == expected
        assert told in out
        assert "activation is a softmax" not in out or net == "apart"


@pytest.fixture
def probabilities(home):  # noqa: F811
    """A folder of classes, with a teacher's probabilities."""
    names = [f"{name}/{i}" for name in CLASSES for i in range(9)]
    photos(home / "data", [f"{name}.jpg" for name in names])
    write_table(home / "z.csv", names, [[0.9, 0.1]] * 18, CLASSES)


def test_a_task_that_is_said_of_a_folder_is_taken(probabilities, capsys):
    spec, out = init(capsys, "data", "--teacher", "z.csv", "--activation", "sigmoid")
    assert (spec.dataset.task, spec.teacher.activation) == ("single_label", "sigmoid")
    assert "activation is a softmax" not in out


def test_outputs_that_are_said_of_a_folder_are_taken(probabilities, capsys):
    several = ["--task", "multi_label", "--outputs", "logits", "--output", "b.yaml"]
    spec, out = init(capsys, "data", "--teacher", "z.csv", *several)
    assert (spec.dataset.task, spec.teacher.outputs) == ("multi_label", "logits")
    assert "holds probabilities" not in out


@pytest.mark.parametrize("flag", ["--splits", "--photos", "--metadata"])
def test_a_flag_of_tables_beside_a_folder_is_told(data, capsys, flag):  # noqa: F811
    (data.parent / "table.csv").write_text("image_id,camera\n")
    error = refused(capsys, "data", flag, "table.csv")
    assert f"{flag}: only for the three tables" in error
