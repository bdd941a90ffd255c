"""inficond init and check open the network: its input, its end, and how photos are prepared."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_init import home, init, refused  # noqa: F401

from inficond_panel.cli import main

pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

import timm
import torch
import torchvision
from onnx_networks import saved

from precompute.datasets.dataset import Dataset
from precompute.detect.network_files import stated_steps
from precompute.detect.preparations import OWN, USUAL, candidates, try_preparations
from precompute.encoder.image import Preprocessing
from precompute.teachers.onnx_file import read_onnx
from precompute.teachers.onnx_graph import input_of
from precompute.teachers.teacher import TorchTeacher

pytestmark = [pytest.mark.torch, pytest.mark.commands]

CLASSES = ("bus", "cat", "cow", "dog")
#: A colour per class: two dark and two lighter ones, each with red and blue exchanged.
COLOURS = np.array([(61, 51, 41), (41, 51, 61), (100, 90, 80), (80, 90, 100)])


def in_colours(count=90, shuffled=False):
    """Single-label photos of 8 × 6 pixels: the colour of their class, with noise."""
    rng = np.random.default_rng(0)
    number = np.arange(count) % 4
    levels = COLOURS[number] + rng.normal(scale=3, size=(count, 3))
    pixels = np.clip(levels, 0, 255).astype(np.uint8)[:, None, None].repeat(6, 1).repeat(8, 2)
    photos = [Image.fromarray(each) for each in pixels]
    seen = rng.permutation(number) if shuffled else number
    return Dataset(
        ids=tuple(map(str, range(count))),
        split=tuple(np.resize(["fit", "tune", "holdout"], count))
        if count > 9
        else ("fit",) * count,
        classes=CLASSES,
        label=np.eye(4, dtype=np.int8)[seen],
        load=photos.__getitem__,
        digest=str,
        task="single_label",
    )


SIZE = (8, 6)


def steps(name):
    plain = name.removesuffix(", BGR") if name not in USUAL else name
    more = {"channels": "bgr"} if plain != name else {}
    return Preprocessing(SIZE, **{**USUAL[plain], **more})


def nearest_colour(name, end=None):
    """The network that was trained on photos prepared as ``name``: the class whose colour, prepared
    so, is nearest. Its logits are those of Bayes' rule for equal noise."""
    made = [Image.fromarray(np.full((6, 8, 3), colour, np.uint8)) for colour in COLOURS]
    centres = np.stack([steps(name).prepare(each).mean((1, 2)) for each in made])
    centres = torch.from_numpy(centres)
    width = (centres[0] - centres[1]).pow(2).sum() / 8

    def network(photos):
        logits = -(photos.mean((2, 3))[:, None] - centres).pow(2).sum(2) / width
        return end(logits) if end else logits

    return TorchTeacher(network, steps("ImageNet's mean and std"), (0, 1, 2, 3), 4, softmax=True)


EVERY = candidates(steps("0 to 1"), channels_last=False, own=False)


@pytest.mark.parametrize("name", [*USUAL, "0 to 1, BGR", "−1 to 1, BGR"])
def test_the_preparation_of_the_training_is_chosen(name):
    assert try_preparations(nearest_colour(name), in_colours(), EVERY).name == name


def test_the_text_gives_the_score_with_its_interval():
    text = try_preparations(nearest_colour("0 to 1"), in_colours(), EVERY).text
    assert "0 to 1 (top-1 1.00) fit 60 labelled photos best; next " in text


def test_the_difference_to_the_next_has_an_interval():
    text = try_preparations(nearest_colour("0 to 1"), in_colours(), EVERY).text
    assert re.search(r"Brier score \+0\.\d\d \[\+0\.\d\d, \+0\.\d\d\], 99 % interval;", text)


def same_for_all(photos):
    """Logits of the order of red and blue alone, whatever the scale and zero of the levels."""
    colour = photos.mean((2, 3))
    sign = (colour[:, 0] - colour[:, 2]).sign()[:, None]
    return sign * torch.tensor([1.0, -1.0, 1.0, -1.0])


SCALED = {name: steps(name) for name in ("−1 to 1", "0 to 1", "0 to 255")}


def test_preparations_that_make_no_difference_are_told():
    network = TorchTeacher(same_for_all, steps("0 to 1"), (0, 1, 2, 3), 4, softmax=True)
    assert "cannot tell apart" in try_preparations(network, in_colours(), SCALED).text


@pytest.mark.parametrize("first", SCALED)
def test_without_a_difference_the_usual_preparation_is_taken(first):
    network = TorchTeacher(same_for_all, steps("0 to 1"), (0, 1, 2, 3), 4, softmax=True)
    tried = {first: SCALED[first], **SCALED}
    assert try_preparations(network, in_colours(), tried).name == first


def test_shuffled_labels_fit_no_preparation():
    text = try_preparations(nearest_colour("0 to 1"), in_colours(shuffled=True), EVERY).text
    assert "fit no usual preparation of the photos better than by chance" in text


def test_too_few_photos_choose_nothing():
    assert try_preparations(nearest_colour("0 to 1"), in_colours(6), EVERY) is None


def test_no_photo_of_the_holdout_is_read():
    data, read = in_colours(), []
    counted = replace(data, load=lambda i: read.append(data.split[i]) or data.load(i))
    try_preparations(nearest_colour("0 to 1"), counted, EVERY)
    assert "holdout" not in read


@pytest.mark.parametrize(
    ("end", "activation"),
    [(None, ""), (lambda z: z.softmax(1), "softmax"), (torch.sigmoid, "sigmoid")],
)
def test_probabilities_are_recognised_by_their_values(end, activation):
    found = try_preparations(nearest_colour("0 to 1", end), in_colours(), EVERY)
    assert found.activation == activation


def test_the_models_own_preparation_is_the_usual_one():
    own = Preprocessing(SIZE, (0.1,) * 3, (0.2,) * 3)
    assert next(iter(candidates(own, channels_last=False, own=True))) == OWN


def test_files_with_channels_last_are_usually_trained_on_0_to_1():
    names = list(candidates(steps("0 to 1"), channels_last=True, own=False))
    assert (names[0], names[-1]) == ("0 to 1", "ImageNet's mean and std")


RANGE, PIXELS = "Image.NominalPixelRange", "Image.BitmapPixelFormat"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, USUAL["ImageNet's mean and std"]),
        ({"last": True}, USUAL["0 to 1"]),
        ({"dtype": "UINT8"}, USUAL["0 to 255"]),
        ({"metadata": {RANGE: "NominalRange_0_255"}}, USUAL["0 to 255"]),
        ({"metadata": {RANGE: "Normalized_1_1"}, "last": True}, USUAL["−1 to 1"]),
        ({"metadata": {RANGE: "Normalized_0_1", PIXELS: "Bgr8"}},
         {**USUAL["0 to 1"], "channels": "bgr"}),
        ({"metadata": {"imgsz": "[48, 64]"}, "sides": ("h", "w")}, {"size": (64, 48)}),
        ({"sides": ("h", "w")}, {"size": (224, 224)}),
        ({"channels": 1}, {"channels": "grey", "size": (16, 12)}),
    ],
)  # fmt: skip
def test_steps_that_the_file_states_are_taken(tmp_path, values, expected):
    file = read_onnx(saved(tmp_path / "a.onnx", **values))
    found = stated_steps(file, input_of(file))
    assert expected.items() <= vars(found).items()


@pytest.fixture
def folder(home):  # noqa: F811
    """Folders of three classes with twelve photos each, and the folder of the encoder."""
    data = in_colours(36)
    for i in range(36):
        path = home / "data" / CLASSES[i % 4] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        data.load(i).save(path)
    return home / "data"


PUBLISHED = {"last": True, "classes": 4, "end": "Softmax", "sides": (12, 16)}


def test_init_writes_the_size_that_the_file_states(folder, capsys):
    saved(folder.parent / "net.onnx", **PUBLISHED)
    spec, _ = init(capsys, "data", "--teacher", "net.onnx")
    assert spec.teacher.preprocessing.size == (16, 12)


@pytest.mark.parametrize("end", ["Softmax", "Sigmoid", "parts of a softmax"])
def test_init_writes_that_outputs_are_probabilities(folder, capsys, end):
    saved(folder.parent / "net.onnx", end=end, classes=4)
    spec, _ = init(capsys, "data", "--teacher", "net.onnx")
    expected = "sigmoid" if end == "Sigmoid" else "softmax"
    assert (spec.teacher.outputs, spec.teacher.activation) == ("probabilities", expected)


def test_init_says_what_the_file_states(folder, capsys):
    saved(folder.parent / "net.onnx", **PUBLISHED)
    _, out = init(capsys, "data", "--teacher", "net.onnx")
    assert "It takes 16 × 12 pixels, channels last, float32; output 'scores': 4 prob" in out


def test_init_asks_for_names_of_more_outputs_than_classes(folder, capsys):
    saved(folder.parent / "net.onnx", classes=5)
    assert main(["init", "data", "--teacher", "net.onnx"]) == 0
    assert "LABEL_4 # to fill" in (folder.parent / "data.yaml").read_text()


def test_init_asks_for_names_if_only_running_shows_the_number(folder, capsys):
    saved(folder.parent / "net.onnx", classes=5, declared=False)
    assert main(["init", "data", "--teacher", "net.onnx"]) == 0
    assert "LABEL_4 # to fill" in (folder.parent / "data.yaml").read_text()


def test_check_says_what_the_network_takes(folder, capsys):
    saved(folder.parent / "net.onnx", **PUBLISHED)
    main(["init", "data", "--teacher", "net.onnx"])
    capsys.readouterr()
    main(["check", "data.yaml"])
    assert "network  input 16 × 12 pixels, channels last, float32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("size: [16, 12]", "size: [224, 224]", "takes photos of 16 × 12 pixels"),
        ("outputs: probabilities", "order: as_given", "ends with a softmax"),
        ("[bus, cat, cow, dog]", "[bus, cat, cow, ox]", "no output for 'dog'"),
    ],
)
def test_check_refuses_a_spec_that_contradicts_the_file(folder, capsys, old, new, fault):
    saved(folder.parent / "net.onnx", **PUBLISHED)
    main(["init", "data", "--teacher", "net.onnx"])
    spec = folder.parent / "data.yaml"
    spec.write_text(spec.read_text().replace(old, new))
    capsys.readouterr()
    assert main(["check", "data.yaml"]) == 1
    assert fault in capsys.readouterr().err


def test_precompute_refuses_the_network_before_it_fetches_an_encoder(folder, capsys, monkeypatch):
    saved(folder.parent / "net.onnx", **PUBLISHED)
    main(["init", "data", "--teacher", "net.onnx"])
    spec = folder.parent / "data.yaml"
    spec.write_text(spec.read_text().replace("size: [16, 12]", "size: [224, 224]"))
    fetched = []
    monkeypatch.setattr("precompute.pipeline.run.fetch_encoder", fetched.append)
    assert main(["precompute", "data.yaml"]) == 1
    assert fetched == []


@pytest.mark.parametrize("kind", ["", "onnx:", "torchscript:", "timm:test_resnet:", "query2label:"])
@pytest.mark.parametrize("content", [b"", b"no network"])
def test_init_refuses_what_is_no_network_in_one_sentence(folder, capsys, kind, content):
    name = "net.onnx" if kind in ("", "onnx:") else "net.pt"
    (folder.parent / name).write_bytes(content)
    message = refused(capsys, "data", "--teacher", f"{kind}{name}")
    assert f"{name} " in message.splitlines()[0]


def test_init_writes_nothing_for_a_network_that_it_refuses(folder, capsys):
    (folder.parent / "net.onnx").write_bytes(b"no network")
    before = sorted(folder.parent.rglob("*"))
    refused(capsys, "data", "--teacher", "net.onnx")
    assert sorted(folder.parent.rglob("*")) == before


class Larger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(3 * 32 * 32, 4)

    def forward(self, photos):
        return self.last(photos.flatten(1))


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_init_finds_a_size_on_which_torchscript_runs(folder, capsys):
    traced = torch.jit.trace(Larger().eval(), torch.zeros(1, 3, 32, 32))
    traced.save(str(folder.parent / "net.pt"))
    spec, _ = init(capsys, "data", "--teacher", "torchscript:net.pt")
    assert spec.teacher.preprocessing.size == (32, 32)


@pytest.mark.parametrize("kind", ["timm:test_resnet", "torchvision:shufflenet_v2_x0_5"])
def test_init_writes_how_photos_are_prepared_for_weights_of_a_package(folder, capsys, kind):
    package, _, name = kind.partition(":")
    if package == "timm":
        model = timm.create_model(name, num_classes=4)
    else:
        model = torchvision.models.get_model(name, num_classes=4)
    torch.save(model.state_dict(), folder.parent / "net.pt")
    spec, _ = init(capsys, "data", "--teacher", f"{kind}:net.pt")
    assert None not in (spec.teacher.preprocessing.size, spec.teacher.preprocessing.mean)


def test_init_asks_for_names_of_the_outputs_of_weights(folder, capsys):
    model = timm.create_model("test_resnet", num_classes=5)
    torch.save(model.state_dict(), folder.parent / "net.pt")
    assert main(["init", "data", "--teacher", "timm:test_resnet:net.pt"]) == 0
    assert "LABEL_4 # to fill" in (folder.parent / "data.yaml").read_text()
