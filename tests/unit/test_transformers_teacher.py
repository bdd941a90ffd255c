"""A classifier of the package transformers as a teacher, on tiny models with random weights."""

import json
import shutil

import numpy as np
import pytest
from hub_factory import classifier
from precompute_factory import photo

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import TransformersTeacher

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.torch

CLASSES = ("bicycle", "train")
NAMES = ["train", "tabby, cat", "bicycle"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("hub") / "net"
    classifier(place, NAMES)
    return place


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "net")


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def load(classes=CLASSES, **values):
    return load_section(TransformersTeacher(**values), classes)


def load_section(section, classes=CLASSES):
    from precompute.teachers.loading import load_teacher

    return load_teacher(section, classes)


def logits(teacher, count=3):
    prepared = [teacher.preprocessing.prepare(photo(i, (50, 70))) for i in range(count)]
    return teacher.logits(np.stack(prepared))


def reference(folder, count=3):
    """Logits by the package's own pipeline: processor and model, a photo at a time."""
    run = transformers.pipeline("image-classification", model=str(folder), top_k=None)
    rows = [run(photo(i, (50, 70)), function_to_apply="none") for i in range(count)]
    return [{one["label"]: one["score"] for one in row} for row in rows]


def test_the_logits_are_those_of_the_packages_pipeline(folder):
    expected = [[row["bicycle"], row["train"]] for row in reference(folder)]
    assert np.ptp(expected, axis=0).min() > 1e-3
    np.testing.assert_allclose(logits(load(model=folder)), expected, atol=1e-5)


def test_classes_by_other_names_and_the_rest_of_a_softmax(folder):
    rows = reference(folder)
    teacher = load(("cat", "train"), model=folder, labels={"cat": "tabby, cat"})
    expected = [[row["tabby, cat"], row["train"]] for row in rows]
    np.testing.assert_allclose(logits(teacher), expected, atol=1e-5)
    teacher = load(model=folder, activation="softmax")
    expected = [[row["bicycle"], row["train"], row["tabby, cat"]] for row in rows]
    np.testing.assert_allclose(logits(teacher), expected, atol=1e-5)


def test_classes_of_a_model_that_names_none(copy):
    change(copy, id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
    with pytest.raises(DataError, match=r"net has no output for 'bicycle', 'train'") as told:
        load(model=copy)
    assert "teacher.labels" in told.value.remedy
    section = TransformersTeacher(model=copy, classes=["train", "cat", "bicycle"])
    expected = [[row["LABEL_2"], row["LABEL_0"]] for row in reference(copy)]
    np.testing.assert_allclose(logits(load_section(section)), expected, atol=1e-5)
    change(copy, id2label={"0": "a", "1": "a", "2": "b"})
    with pytest.raises(DataError, match="does not name its outputs uniquely"):
        load(model=copy)


@pytest.mark.parametrize(
    ("classes", "labels", "fault"),
    [
        (("bicycles", "train"), {}, r"no output for 'bicycles' \(nearest: 'bicycle'\)"),
        (("cat",), {"cat": "taby, cat"}, r"sets 'cat' to 'taby, cat'.*\(nearest: 'tabby, cat'\)"),
        (("train",), {"train": "bicycle"}, "but the model also has an output 'train'"),
    ],
)
def test_names_that_do_not_fit(folder, classes, labels, fault):
    with pytest.raises(DataError, match=fault):
        load(classes, model=folder, labels=labels)


def test_weights_that_lack_would_be_random(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / "model.safetensors")
    save_file(
        {k: v for k, v in state.items() if not k.startswith("classifier")},
        copy / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(DataError, match=r"lack classifier.bias, classifier.weight"):
        load(model=copy)


def test_pickled_weights_are_not_loaded(copy):
    from safetensors.torch import load_file

    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights as safetensors; pickled weights are not"):
        load(model=copy)


def test_code_of_a_model_is_not_run(copy, tmp_path):
    trace = tmp_path / "run"
    (copy / "mine.py").write_text(f"open({str(trace)!r}, 'w')\nclass Mine: pass\n")
    change(copy, model_type="mine", auto_map={"AutoModelForImageClassification": "mine.Mine"})
    with pytest.raises(DataError, match="cannot be loaded") as told:
        load(model=copy)
    assert "code in a model's folder is not run" in told.value.remedy
    assert not trace.exists()


def test_code_of_a_processor_is_not_run(copy, tmp_path):
    trace = tmp_path / "run"
    (copy / "mine.py").write_text(f"open({str(trace)!r}, 'w')\nclass Mine: pass\n")
    path = copy / "preprocessor_config.json"
    settings = {"image_processor_type": "Mine", "auto_map": {"AutoImageProcessor": "mine.Mine"}}
    path.write_text(json.dumps(settings))
    with pytest.raises(DataError, match="cannot be loaded"):
        load(model=copy)
    assert not trace.exists()


def test_a_folder_without_a_configuration_and_a_broken_one(copy):
    (copy / "config.json").write_text("[]")
    with pytest.raises(DataError, match=r"config.json is not a model's configuration"):
        load(model=copy)
    (copy / "config.json").unlink()
    with pytest.raises(DataError, match="has no config"):
        load(model=copy)


def test_a_processor_that_keeps_the_shape_of_photos(copy):
    path = copy / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_resize": False}))
    with pytest.raises(DataError, match=r"\(3, 48, 64\) for a wide photo and \(3, 64, 48\)"):
        load(model=copy)


def test_a_hubs_model_without_network_is_told_at_once(tmp_path, monkeypatch):
    """The hub's own client would ask again and again, with longer and longer pauses."""
    import socket

    from huggingface_hub import constants

    asked = []

    def unknown(host, *_, **__):
        asked.append(host)
        raise socket.gaierror("no name server here")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DataError, match="not on this machine, and the download failed") as told:
        load(model="hf-hub:some/net")
    assert asked == ["huggingface.co"]
    assert "files elsewhere (config.json" in told.value.remedy


def test_a_hubs_model_that_was_downloaded_needs_no_network(folder, tmp_path, monkeypatch):
    import socket

    from huggingface_hub import constants

    snapshot = tmp_path / "models--some--net" / "snapshots" / "0"
    shutil.copytree(folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    change(snapshot, problem_type=None)
    expected = [[row["bicycle"], row["train"]] for row in reference(folder)]
    np.testing.assert_allclose(logits(load(model="hf-hub:some/net")), expected, atol=1e-5)
    change(snapshot, problem_type="single_label_classification")
    with pytest.raises(DataError, match="trained for one class per image"):
        load(model="hf-hub:some/net")
