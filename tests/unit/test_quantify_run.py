"""``inficond quantify run``: a training run of one's own by its YAML file, with COCO's boxes."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from precompute_factory import photo

from inficond_panel.cli import main
from inficond_panel.errors import SpecError
from inficond_panel.quantify.experiment import read_figures
from inficond_panel.quantify.hypotheses import image_figures
from inficond_panel.quantify.training import build_network, make_network, save_weights
from inficond_panel.spec.sections.quantify import load_run

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

RUN = """\
title: My run
dataset:
  kind: coco
  root: .
  images: photos
  annotations: [instances_all.json]
  splits:
    fit: {from: instances_all, share: 0.25}
    tune: {from: instances_all, share: 0.5}
    holdout: rest
quantify:
  network: {kind: small}
  layers: [features.block1]
  size: [24, 16]
  images: 1
  epochs: 1
  draws: 50
  teacher:
    network: {kind: timm, model: test_resnet}
    layers: [layer1]
    trainings: [{checkpoints: teacher}]
  student:
    trainings: [{checkpoints: student-0}, {checkpoints: student-1}, {checkpoints: student-2}]
  baseline:
    trainings: [{checkpoints: baseline-0}, {checkpoints: baseline-1}, {checkpoints: baseline-2}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "photos").mkdir()
    images, boxes = [], []
    for i in range(4):
        photo(i, (48, 32)).save(folder / "photos" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": 48, "height": 32})
        box = {"image_id": i, "category_id": 1 + i % 2, "bbox": [8, 4, 16, 12]}
        boxes.append({**box, "id": i, "iscrowd": 0})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    document = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "instances_all.json").write_text(json.dumps(document))
    (folder / "run.yaml").write_text(RUN)
    for role, seed in itertools.product(("student", "baseline"), range(3)):
        train(folder / f"{role}-{seed}", seed)
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=2)
    for epoch in range(2):
        save_weights(model, folder / "teacher" / f"epoch-{epoch:03d}.safetensors")
    return folder


def train(folder: Path, seed: int) -> None:
    """Three checkpoints; each adds noise of a known size to the last."""
    network = build_network("student", 2, seed)
    for epoch in range(3):
        save_weights(network, folder / f"epoch-{epoch:03d}.safetensors")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05)


@pytest.fixture(scope="module")
def ran(folder):
    assert main(["quantify", "run", str(folder / "run.yaml"), "--output", str(folder / "out")]) == 0
    return folder / "out"


def test_each_layer_has_a_folder_that_table_reads(ran, run):
    assert {path.name for path in ran.iterdir()} == {"features.block1"}
    table = ["quantify", "table", ran / "features.block1"]
    document = json.loads(run(*table, "--json")[1])
    assert document["b"] == 0.2
    assert document["layer"] == "features.block1"
    rows = {row["figure"]: row for row in document["rows"]}
    figures = read_figures(ran / "features.block1")
    trainings = {name: len(each) for name, each in figures.networks.items()}
    assert trainings == {"teacher": 1, "student": 3, "baseline": 3}
    students = figures.networks["student"]
    each = [image_figures(one, figures.foreground)["foreground"].mean() for one in students]
    assert rows["N_fg"]["student"] == pytest.approx(np.mean(each))
    assert "over 3 trainings" in run(*table)[1]


def test_the_foreground_is_the_boxes_of_coco_and_distances_are_of_the_weights(ran, folder):
    expected = np.zeros((16, 24), bool)  # (8, 4) to (24, 16) in 48 × 32, at half the size
    expected[2:8, 4:12] = True
    for mask in read_figures(ran / "features.block1").foreground:
        np.testing.assert_array_equal(mask, expected)
    from safetensors.numpy import load_file

    first = load_file(folder / "student-1" / "epoch-000.safetensors")
    own = [name for name in first if name.startswith("features.block1")]
    moved = [first[name] for name in own if "running" not in name and "num_batches" not in name]
    step = 0.05 * np.sqrt(sum(v.size for v in moved))
    size = np.sqrt(sum((v.astype(float) ** 2).sum() for v in moved))
    found = read_figures(ran / "features.block1").networks["student"][1].travelled
    np.testing.assert_allclose(found, [2 * step / size], rtol=1e-4)


def test_every_problem_of_the_file_is_told_with_its_place(folder):
    wrong = (folder / "run.yaml").read_text()
    wrong = wrong.replace("size: [24, 16]", "size: [24]").replace("epochs: 1", "epochs: 0")
    wrong = wrong.replace("network: {kind: small}\n", "netwerk: {kind: small}\n", 1)
    wrong = wrong.replace(", {checkpoints: baseline-2}", "").replace("student-2", "nowhere")
    wrong = wrong.replace("draws: 50", "draws: 50\n  confidence: 0.99")
    (folder / "wrong.yaml").write_text(wrong)
    with pytest.raises(SpecError) as caught:
        load_run(folder / "wrong.yaml")
    told = {(p.line, p.message.split(": ")[0]) for p in caught.value.problems}
    places = {(12, "quantify.netwerk"), (14, "quantify.size"), (16, "quantify.epochs")}
    assert places <= told
    text = str(caught.value)
    assert "student-2" not in text
    draws = "quantify.confidence: 0.99 needs at least 200 draws, and draws is 50"
    for words in ("network", "nowhere", "has no network", "are paired by seed", draws):
        assert words in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("test_resnet", "test_resnt"), "timm knows no model 'test_resnt'. Did you mean"),
        (("kind: timm, model: test_resnet", "kind: torchvision, model: vgg99"), "no model 'vgg99'"),
        (("layers: [layer1]", "layers: [lost]"), "no layer 'lost'"),
        (("model: test_resnet}", "model: test_resnet, outputs: 5}"), "epoch-001.safetensors"),
    ],
)
def test_what_cannot_be_measured_is_told_and_leaves_nothing(folder, run, tmp_path, change, told):
    text = (folder / "run.yaml").read_text()
    assert change[0] in text
    (folder / "other.yaml").write_text(text.replace(*change))
    status, _, err = run("quantify", "run", folder / "other.yaml", "--output", tmp_path / "out")
    assert (status, told in err) == (1, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("baseline-1}", "short}", "unequal numbers of checkpoints: 1 to 2"),
        ("layers: [features.block1]", "layers: [features.block1, lost]", "no layer 'lost'"),
    ],
)
def test_what_does_not_fit_is_told_before_measuring(folder, run, monkeypatch, old, new, told):
    text = (folder / "run.yaml").read_text().replace("epochs: 1", "epochs: 2")
    if "lost" in new:
        text = text.replace("layers: [layer1]", "layers: [layer1, layer2]")
    (folder / "short").mkdir(exist_ok=True)
    for epoch in range(2):
        name = f"epoch-{epoch:03d}.safetensors"
        (folder / "short" / name).write_bytes((folder / "baseline-1" / name).read_bytes())
    (folder / "late.yaml").write_text(text.replace(old, new))

    def measured(*args, **options):
        raise AssertionError("measured before it is checked")

    monkeypatch.setattr("inficond_panel.commands.quantify.quantify_run.follow", measured)
    status, _, err = run("quantify", "run", folder / "late.yaml")
    assert (status, told in err) == (1, True)


def test_networks_of_torchvision_and_timm_are_made_by_name():
    resnet = make_network("torchvision", "resnet18", 3)
    assert resnet.fc.out_features == 3
    assert not resnet.training
    vgg = make_network("timm", "test_byobnet", 4)
    assert vgg(torch.zeros(1, 3, 32, 32)).shape == (1, 4)
