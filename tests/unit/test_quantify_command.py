"""``inficond quantify``: an experiment, its table, maps in a store, and what is told instead."""

import json
import shutil

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from PIL import Image
from precompute_factory import CONV, WORDS, tiny_encoder, write_table

from inficond_panel.cli import main
from inficond_panel.store import open_store, write_store
from precompute.recipes.scenes import SceneSet

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SCENES = """\
title: Scenes
dataset: {{kind: scenes, seed: 3, size: [96, 72], images: {{fit: 24, tune: 16, holdout: 4}}}}
concepts:
  corpus: words.txt
  encoder: {{model: encoder, pretrained: encoder/weights.safetensors, image_size: 64}}
  segments: {{max_per_image: 2}}
  thumbnails: {{size: 48}}
teacher: {{kind: {teacher}}}
"""
SMALL = ["--images", "24", "--measured", "2", "--epochs", "2", "--checkpoints", "2",
         "--size", "20x16"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A spec of drawn scenes with its store, and an experiment on it."""
    folder = tmp_path_factory.mktemp("quantify")
    tiny_encoder(folder / "encoder", CONV)
    (folder / "words.txt").write_text("\n".join(WORDS) + "\n")
    scenes = SceneSet(3, {"fit": 24, "tune": 16, "holdout": 4}, (96, 72))
    ids, classes = scenes.image_ids, scenes.classes
    write_table(folder / "logits.csv", ids, np.full((len(ids), len(classes)), 0.5), classes)
    (folder / "spec.yaml").write_text(SCENES.format(teacher="logits, path: logits.csv"))
    spec = str(folder / "spec.yaml")
    arrays = {**small_arrays(images=44), "image": np.array(scenes.image_ids)}
    write_store(folder / "a.zarr", arrays, ATTRS)
    assert main(["quantify", "experiment", spec, "--output", str(folder / "run"), *SMALL]) == 0
    return folder


def test_an_experiment_leaves_its_figures_maps_and_checkpoints(folder):
    names = {path.name for path in (folder / "run").iterdir()}
    assert names == {"experiment.json", "figures.npz", "maps.png", "checkpoints"}
    for network, epochs in (("teacher", 3), ("student", 2), ("baseline", 2)):
        assert len(list((folder / "run" / "checkpoints" / network).iterdir())) == epochs + 1
    with np.load(folder / "run" / "figures.npz") as figures:
        assert figures["student_contrast"].shape == (2, 2, 16, 20)
        assert figures["teacher_contrast"].shape == (1, 2, 16, 20)
    facts = json.loads((folder / "run" / "experiment.json").read_text())
    assert facts["epochs"] == [1, 2]
    assert 0 < facts["converged"] <= 1


@pytest.mark.parametrize("network", ["encoder", "RUN:student"])
def test_maps_of_a_network_come_into_the_store(folder, run, network, tmp_path):
    shutil.copytree(folder / "a.zarr", tmp_path / "b.zarr")
    before = open_store(tmp_path / "b.zarr")
    network = network.replace("RUN", str(folder / "run"))
    layer = "features.block2" if "run" in network else "trunk.layer1"
    add = ["quantify", "add", folder / "spec.yaml", "--store", tmp_path / "b.zarr", "--images", "2"]
    status, text, _ = run(*add, "--network", network, "--layer", layer, "--json")
    assert status == 0
    store = open_store(tmp_path / "b.zarr")
    store.verify()
    assert store.content_hash == before.content_hash == json.loads(text)["store_hash"]
    assert store.attrs["knowledge"]["layer"] == layer
    assert store.attrs["knowledge"]["background"] == "outside of the masks"
    maps = [store.knowledge_contrast(i) for i in range(len(store.images))]
    measured = [i for i, each in enumerate(maps) if each is not None]
    assert len(measured) == 2
    assert set(measured) <= set(store.rows("tune").tolist())
    assert all(maps[i].shape == tuple(store.thumbnail_shape[i]) for i in measured)


def test_the_output_of_a_torchscript_teacher_is_measured(folder, run, tmp_path):
    torch.manual_seed(0)
    pool = (torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 5, 2), *pool)
    torch.jit.script(network).save(str(folder / "teacher.pt"))
    sizes = "{size: [32, 24], mean: [0, 0, 0], std: [1, 1, 1]}"
    kind = f"torchscript, path: teacher.pt, preprocessing: {sizes}"
    (folder / "scripted.yaml").write_text(SCENES.format(teacher=kind))
    shutil.copytree(folder / "a.zarr", tmp_path / "b.zarr")
    add = ["quantify", "add", folder / "scripted.yaml", "--store", tmp_path / "b.zarr"]
    add += ["--network", "teacher", "--images", "2"]
    status, text, told = run(*add)
    assert (status, "teacher, layer (output)" in text) == (0, True), told
    status, _, told = run(*add, "--layer", "0")
    assert (status, "shows no layers" in told) == (1, True)
    layers = ["quantify", "layers", folder / "scripted.yaml", "--network", "teacher"]
    status, text, told = run(*layers)
    assert (status, text, "only its output" in told) == (0, "", True)


def test_masks_from_a_folder_are_taken_and_checked(folder, run, tmp_path):
    spec = folder / "spec.yaml"
    arguments = ["quantify", "experiment", spec, "--output", tmp_path / "x", *SMALL]
    status, _, told = run(*arguments, "--masks", tmp_path / "nowhere")
    assert (status, "There is no folder" in told) == (1, True)
    faults = {95: "is 95 × 72 pixels, its image 96 × 72", 96: "measuring needs images in tune"}
    for width, fault in faults.items():
        for i in range(44):
            Image.new("L", (width, 72), 255).save(tmp_path / f"scene-{i:05d}.png")
        status, _, told = run(*arguments, "--masks", tmp_path)
        assert (status, fault in told) == (1, True)
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "SPEC", "--network", "RUN:student", "--layer", "features.blok2"],
         "no layer 'features.blok2'. Did you mean 'features.block2'"),
        (["add", "SPEC", "--network", "nothing"], "no network 'nothing'"),
        (["add", "SPEC", "--network", "teacher"], "of kind logits"),
        (["add", "SPEC", "--network", "FOLDER:student"], "holds no experiment"),
        (["add", "SPEC", "--store", "FOLDER/none.zarr"], "no store"),
        (["table", "FOLDER"], "holds no experiment"),
        (["experiment", "SPEC", "--output", "RUN"], "already exists"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(folder, run, arguments, message):
    places = {"SPEC": folder / "spec.yaml", "RUN": folder / "run", "FOLDER": folder / "encoder"}
    for name, place in places.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    if arguments[0] == "add" and "--store" not in arguments:
        arguments += ["--store", folder / "a.zarr"]
    status, _, told = run("quantify", *arguments)
    assert status == 1
    assert message in told
    assert "Traceback" not in told


def test_a_run_that_lost_its_checkpoints_or_figures_is_told(folder, run, tmp_path):
    shutil.copytree(folder / "run", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "student")
    add = ["quantify", "add", folder / "spec.yaml", "--store", folder / "a.zarr"]
    status, _, told = run(*add, "--layer", "features", "--network", f"{tmp_path}/run:student")
    assert (status, "has no checkpoints" in told) == (1, True)
    (tmp_path / "run" / "figures.npz").write_bytes(b"PK")
    status, _, told = run("quantify", "table", tmp_path / "run")
    assert (status, "is damaged" in told) == (1, True)


@pytest.mark.parametrize(
    "wrong", [["--size", "8x8"], ["--b", "-1"], ["--tau", "1"], ["--epochs", "0"]]
)
def test_wrong_values_are_told_by_the_parser(wrong, capsys):
    with pytest.raises(SystemExit) as told:
        main(["quantify", "experiment", "demo", "--output", "x", *wrong])
    assert told.value.code == 2
    assert "expected" in capsys.readouterr().err
