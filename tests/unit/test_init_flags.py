"""Flags of inficond init: what they write, and what is told of values that fit nothing."""

import json

import numpy as np
import pytest
from precompute_factory import write_table
from test_init import CLASSES, home, init, label, logits, photos, table  # noqa: F401

from inficond_panel.cli import main
from precompute.datasets import load_dataset

pytest.importorskip("open_clip")
pytest.importorskip("timm")


def refused(capsys, *arguments):
    """Run it; return what is told. Nothing is written."""
    assert main(["init", "data", "--output", "no.yaml", *map(str, arguments)]) == 1
    return capsys.readouterr().err


@pytest.fixture
def data(home):  # noqa: F811
    table(home / "data")
    return home / "data"


@pytest.mark.parametrize(
    ("given", "model", "pretrained"),
    [
        ("ViT-B-16:openai", "ViT-B-16", "openai"),
        ("hf-hub:laion/CLIP-ViT-B-16", "hf-hub:laion/CLIP-ViT-B-16", None),
    ],
)
def test_an_encoder_by_name(data, capsys, given, model, pretrained):
    spec, out = init(capsys, "data", "--encoder", given)
    assert (spec.concepts.encoder.model, spec.concepts.encoder.pretrained) == (model, pretrained)
    assert "downloaded at the first run" in out


def test_an_encoder_by_name_with_a_file(data, capsys):
    weights = data.parent / "mine.safetensors"
    weights.write_bytes(b"")
    spec, _ = init(capsys, "data", "--encoder", "ViT-B-16:mine.safetensors")
    assert (spec.concepts.encoder.model, spec.concepts.encoder.pretrained) == ("ViT-B-16", weights)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("VIT-B-61:openai", "knows no model VIT-B-61. Did you mean 'ViT-B-16'"),
        ("ViT-B-16:openia", "no weights 'openia' of ViT-B-16. Did you mean 'openai'"),
        ("ViT-B-16", "The weights of ViT-B-16 are not named. There are openai,"),
        ("ViT-B-16:none.pt", "There is no file none.pt"),
        ("hf-hub:laion", "hf-hub:laion names no model of the hub"),
        ("./none", "There is no folder none"),
        ("data", "data holds no encoder"),
    ],
)
def test_an_encoder_that_is_not_there(data, capsys, given, told):
    assert told in refused(capsys, "--encoder", given)
    assert not (data.parent / "no.yaml").exists()
    assert not (data.parent / "no.words.txt").exists()


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ("head", {"kind": "head", "encoder": None}),
        ("open_clip", {"kind": "open_clip", "encoder": None}),
        ("onnx:net.pt", {"kind": "onnx"}),
        ("torchscript:net.pt", {"kind": "torchscript"}),
        ("query2label:net.pt", {"kind": "query2label", "backbone": "resnet101"}),
        ("timm:test_resnet.r160_in1k", {"model": "test_resnet", "pretrained": "r160_in1k"}),
        ("timm:test_resnet:net.pt", {"kind": "timm", "model": "test_resnet"}),
    ],
)
def test_a_teacher_by_kind_and_name(data, capsys, given, keys):
    net = data.parent / "net.pt"
    net.write_bytes(b"")
    spec, _ = init(capsys, "data", "--teacher", given)
    assert keys == {name: getattr(spec.teacher, name) for name in keys}
    if "net.pt" in given:
        assert net in (getattr(spec.teacher, name, None) for name in ("path", "pretrained"))


def test_many_outputs_are_written_a_line_each(data, capsys):
    names = [f"class: {i}" for i in range(40)]
    ids = [f"{i:03d}" for i in range(20)]
    write_table(data / "labels.csv", ids, np.indices((20, 40)).sum(0) % 2, names)
    (data.parent / "net.pt").write_bytes(b"")
    spec, out = init(capsys, "data", "--teacher", "onnx:net.pt")
    assert spec.teacher.classes == names
    assert '    - "class: 39"' in spec.path.read_text().splitlines()
    assert "and 28 more" in out


def test_a_teacher_with_an_encoder_of_its_own(data, capsys):
    spec, _ = init(capsys, "data", "--teacher", "head:ViT-B-32:openai")
    assert (spec.teacher.encoder.model, spec.teacher.encoder.pretrained) == ("ViT-B-32", "openai")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("tim:resnet50", "no kind 'tim' of teacher. Did you mean 'timm'"),
        ("headd", "There is no file headd. Did you mean 'head'"),
        ("net.onx", "There is no file net.onx. Did you mean 'net.onnx'"),
        ("onnx:net.onx", "There is no file net.onx. Did you mean 'net.onnx'"),
        ("timm:resnet5o.a1_in1k", "timm knows no model resnet5o. Did you mean"),
        ("timm:resnet50.a1_in2k", "no weights 'a1_in2k' of resnet50. Did you mean 'a1_in1k'"),
        ("timm:resnet50", "no weights '' of resnet50. There are a1_in1k"),
        ("timm:resnet50:none.pt", "There is no file none.pt"),
        ("head:ViT-B-61:openai", "knows no model ViT-B-61"),
    ],
)
def test_a_teacher_that_is_not_there(data, capsys, given, told):
    (data.parent / "net.onnx").write_bytes(b"")
    assert told in refused(capsys, "--teacher", given)
    assert not (data.parent / "no.yaml").exists()


def test_classes_that_are_taken(data, capsys):
    spec, out = init(capsys, "data", "--class", "train")
    assert load_dataset(spec.dataset).classes == ("train",)
    assert load_dataset(spec.dataset).label[:, 0].tolist() == [(i // 2) % 2 for i in order(spec)]
    assert "classes   1: train" in out
    told = refused(capsys, "--class", "trian", "--class", "dog")
    assert "no class 'trian' (nearest: 'train'); 'dog'. There are: cat, train." in told


def order(spec):
    return [int(name) for name in load_dataset(spec.dataset).ids]


def test_a_store_has_the_classes_that_it_has(home, capsys):  # noqa: F811
    from factory import small_store

    store = small_store(home / "data")
    logits(home / "z.csv", store.images, store.classes)
    told = refused(capsys, "--teacher", "z.csv", "--class", store.classes[0])
    assert "A store has the classes that it was made with" in told


def model_folder(folder, names, **config):
    """What save_pretrained writes, as far as init looks at it."""
    folder.mkdir()
    labels = {str(i): name for i, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps({"id2label": labels, **config}))
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.mark.parametrize("given", ["models/net", "org/net"])
def test_a_teacher_and_an_encoder_of_transformers(data, capsys, given):
    (data.parent / "models").mkdir()
    folder = model_folder(data.parent / "models" / "net", ["train", "cat"])
    flags = ["--teacher", f"transformers:{given}", "--encoder", f"transformers:{given}"]
    spec, _ = init(capsys, "data", *flags)
    expected = folder if given == "models/net" else "hf-hub:org/net"
    assert (spec.teacher.kind, spec.concepts.encoder.kind) == ("transformers", "transformers")
    assert (spec.teacher.model, spec.concepts.encoder.model) == (expected, expected)


def test_a_teacher_that_calls_classes_otherwise(data, capsys):
    model_folder(data.parent / "net", ["tabby, Cat", "bullet_train, Train", "dog"])
    spec, out = init(capsys, "data", "--teacher", "transformers:net")
    assert spec.teacher.labels == {"cat": "tabby, Cat", "train": "bullet_train, Train"}
    assert "cat is 'tabby, Cat', train is 'bullet_train, Train'" in out
    model_folder(data.parent / "other", ["tabby", "trains", "dog"])
    told = refused(capsys, "--teacher", "transformers:other")
    assert "other has no output for 'cat', 'train' (nearest: 'trains')" in told


def test_what_a_model_states_it_ends_in(home, capsys):  # noqa: F811
    photos(home / "data", [f"{name}/{i}.jpg" for name in CLASSES for i in range(9)])
    net = "transformers:net"
    model_folder(home / "net", CLASSES, problem_type="multi_label_classification")
    spec, out = init(capsys, "data", "--teacher", net)
    assert (spec.dataset.task, spec.teacher.activation) == ("single_label", "sigmoid")
    assert "ends in a softmax" not in out
    table(home / "several")
    model_folder(home / "apart", CLASSES, problem_type="single_label_classification")
    spec, out = init(capsys, "several", "--teacher", "transformers:apart")
    assert (spec.dataset.task, spec.teacher.activation) == ("multi_label", "sigmoid")
    assert "though the teacher was trained to tell them apart" in out
    spec, _ = init(capsys, "data", "--teacher", "transformers:apart", "--output", "b.yaml")
    assert (spec.dataset.task, spec.teacher.activation) == ("single_label", "softmax")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("transformers:none", "none is no folder, and no ORG/NAME of the hub"),
        ("transformers:data", "data has no config.json"),
        ("transformers:bare", "bare has no weights as safetensors"),
    ],
)
def test_a_folder_that_is_no_model(data, capsys, given, told):
    (data.parent / "bare").mkdir()
    (data.parent / "bare" / "config.json").write_text("{}")
    for flag in ("--teacher", "--encoder"):
        assert told in refused(capsys, flag, given)


def test_task_and_outputs_that_are_said_of_a_folder(home, capsys):  # noqa: F811
    names = [f"{name}/{i}" for name in CLASSES for i in range(9)]
    photos(home / "data", [f"{name}.jpg" for name in names])
    write_table(home / "z.csv", names, [[0.9, 0.1]] * 18, CLASSES)
    spec, out = init(capsys, "data", "--teacher", "z.csv", "--activation", "sigmoid")
    assert (spec.dataset.task, spec.teacher.activation) == ("single_label", "sigmoid")
    assert "ends in a softmax" not in out
    several = ["--task", "multi_label", "--outputs", "logits", "--output", "b.yaml"]
    spec, out = init(capsys, "data", "--teacher", "z.csv", *several)
    assert (spec.dataset.task, spec.teacher.outputs) == ("multi_label", "logits")
    assert "holds probabilities" not in out


def test_labels_that_do_not_fit_the_task_that_is_said(data, capsys):
    told = refused(capsys, "--task", "single_label")
    assert "5 of 20 images have several classes: '003', '011', '019' and 2 more" in told
    assert "5 of 20 images have no class: " in told
    assert not (data.parent / "no.yaml").exists()
