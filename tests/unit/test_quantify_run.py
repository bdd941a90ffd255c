"""``inficond quantify``: runs of one's own, experiments, their tables, and maps in a store."""

import itertools
import json
import shutil

import numpy as np
import pytest
from factory import ATTRS, small_arrays
from PIL import Image
from precompute_factory import CONV, WORDS, photo, tiny_encoder, write_table

from inficond_panel.cli import main
from inficond_panel.errors import SpecError
from inficond_panel.quantify.experiment import read_figures
from inficond_panel.quantify.hypotheses import image_figures
from inficond_panel.quantify.training import build_network, make_network, save_weights
from inficond_panel.spec.sections.quantify import load_run
from inficond_panel.store import open_store, write_store
from precompute.recipes.scenes import SceneSet

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.commands]

RUN = """\
title: My run
dataset: {kind: coco, root: ., images: photos, annotations: [instances_all.json], splits:
  {fit: {from: instances_all, share: 0.25}, tune: {from: instances_all, share: 0.5}, holdout: rest}}
quantify:
  network: {kind: small}
  layers: [features.block1]
  size: [24, 16]
  images: 1
  epochs: 1
  draws: 50
  teacher: {network: {kind: timm, model: test_resnet}, layers: [layer1],
            trainings: [{checkpoints: teacher}]}
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
        network = build_network("student", 2, seed)
        for epoch in range(3):  # each adds noise of a known size to the last
            save_weights(network, folder / f"{role}-{seed}" / f"epoch-{epoch:03d}.safetensors")
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.add_(0.05)
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=2)
    for epoch in range(2):
        save_weights(model, folder / "teacher" / f"epoch-{epoch:03d}.safetensors")
    return folder


@pytest.fixture(scope="module")
def ran(folder):
    assert main(["quantify", "run", str(folder / "run.yaml"), "--output", str(folder / "out")]) == 0
    return folder / "out"


def test_each_layer_has_a_folder_that_table_reads(ran, run):
    assert {path.name for path in ran.iterdir()} == {"features.block1"}
    table = ["quantify", "table", ran / "features.block1"]
    document = json.loads(run(*table, "--json")[1])
    assert (document["b"], document["layer"]) == (0.2, "features.block1")
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
    wrong = RUN.replace("size: [24, 16]", "size: [24]").replace("epochs: 1", "epochs: 0")
    wrong = wrong.replace("network: {kind: small}\n", "netwerk: {kind: small}\n", 1)
    wrong = wrong.replace(", {checkpoints: baseline-2}", "").replace("student-2", "nowhere")
    wrong = wrong.replace("draws: 50", "draws: 50\n  confidence: 0.99")
    (folder / "wrong.yaml").write_text(wrong)
    with pytest.raises(SpecError) as caught:
        load_run(folder / "wrong.yaml")
    told = {(p.line, p.message.split(": ")[0]) for p in caught.value.problems}
    places = {(5, "quantify.netwerk"), (7, "quantify.size"), (9, "quantify.epochs")}
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
    assert change[0] in RUN
    (folder / "other.yaml").write_text(RUN.replace(*change))
    status, _, err = run("quantify", "run", folder / "other.yaml", "--output", tmp_path / "out")
    assert (status, told in err) == (1, True)
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_told_before_measuring(folder, run, monkeypatch):
    text = RUN.replace("epochs: 1", "epochs: 2")
    (folder / "short").mkdir(exist_ok=True)
    for epoch in range(2):
        name = f"epoch-{epoch:03d}.safetensors"
        (folder / "short" / name).write_bytes((folder / "baseline-1" / name).read_bytes())
    monkeypatch.setattr("inficond_panel.commands.quantify.quantify_run.follow", None)
    for old, new, told in (
        ("baseline-1}", "short}", "unequal numbers of checkpoints: 1 to 2"),
        ("layers: [features.block1]", "layers: [features.block1, lost]", "no layer 'lost'"),
    ):
        (folder / "late.yaml").write_text(text.replace(old, new))
        text = text.replace("layers: [layer1]", "layers: [layer1, layer2]")
        status, _, err = run("quantify", "run", folder / "late.yaml")
        assert (status, told in err) == (1, True)


def test_networks_of_torchvision_and_timm_are_made_by_name():
    resnet = make_network("torchvision", "resnet18", 3)
    assert (resnet.fc.out_features, resnet.training) == (3, False)
    vgg = make_network("timm", "test_byobnet", 4)
    assert vgg(torch.zeros(1, 3, 32, 32)).shape == (1, 4)


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
def made(tmp_path_factory):
    """A spec of drawn scenes with its store, and an experiment on it."""
    made = tmp_path_factory.mktemp("quantify")
    tiny_encoder(made / "encoder", CONV)
    (made / "words.txt").write_text("\n".join(WORDS) + "\n")
    scenes = SceneSet(3, {"fit": 24, "tune": 16, "holdout": 4}, (96, 72))
    ids, classes = scenes.image_ids, scenes.classes
    write_table(made / "logits.csv", ids, np.full((len(ids), len(classes)), 0.5), classes)
    (made / "spec.yaml").write_text(SCENES.format(teacher="logits, path: logits.csv"))
    spec = str(made / "spec.yaml")
    arrays = {**small_arrays(images=44), "image": np.array(scenes.image_ids)}
    write_store(made / "a.zarr", arrays, ATTRS)
    assert main(["quantify", "experiment", spec, "--output", str(made / "run"), *SMALL]) == 0
    return made


def test_an_experiment_leaves_its_figures_maps_and_checkpoints(made):
    names = {path.name for path in (made / "run").iterdir()}
    assert names == {"experiment.json", "figures.npz", "maps.png", "checkpoints"}
    for network, epochs in (("teacher", 3), ("student", 2), ("baseline", 2)):
        assert len(list((made / "run" / "checkpoints" / network).iterdir())) == epochs + 1
    with np.load(made / "run" / "figures.npz") as figures:
        assert figures["student_contrast"].shape == (2, 2, 16, 20)
        assert figures["teacher_contrast"].shape == (1, 2, 16, 20)
    facts = json.loads((made / "run" / "experiment.json").read_text())
    assert facts["epochs"] == [1, 2]
    assert 0 < facts["converged"] <= 1


@pytest.mark.parametrize("network", ["encoder", "RUN:student"])
def test_maps_of_a_network_come_into_the_store(made, run, network, tmp_path):
    shutil.copytree(made / "a.zarr", tmp_path / "b.zarr")
    before = open_store(tmp_path / "b.zarr")
    network = network.replace("RUN", str(made / "run"))
    layer = "features.block2" if "run" in network else "trunk.layer1"
    add = ["quantify", "add", made / "spec.yaml", "--store", tmp_path / "b.zarr", "--images", "2"]
    text = run(*add, "--network", network, "--layer", layer, "--json")[1]
    store = open_store(tmp_path / "b.zarr")
    store.verify()
    assert store.content_hash == before.content_hash == json.loads(text)["store_hash"]
    assert store.attrs["knowledge"]["layer"] == layer
    assert store.attrs["knowledge"]["background"] == "outside of the masks"
    maps = [store.knowledge_contrast(i) for i in range(len(store.images))]
    measured = {i for i, each in enumerate(maps) if each is not None}
    assert len(measured & set(store.rows("tune").tolist())) == len(measured) == 2
    assert all(maps[i].shape == tuple(store.thumbnail_shape[i]) for i in measured)


def test_the_output_of_a_torchscript_teacher_is_measured(made, run, tmp_path):
    torch.manual_seed(0)
    pool = (torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 5, 2), *pool)
    torch.jit.script(network).save(str(made / "teacher.pt"))
    sizes = "{size: [32, 24], mean: [0, 0, 0], std: [1, 1, 1]}"
    kind = f"torchscript, path: teacher.pt, preprocessing: {sizes}"
    (made / "scripted.yaml").write_text(SCENES.format(teacher=kind))
    shutil.copytree(made / "a.zarr", tmp_path / "b.zarr")
    add = ["quantify", "add", made / "scripted.yaml", "--store", tmp_path / "b.zarr"]
    add += ["--network", "teacher", "--images", "2"]
    status, text, told = run(*add)
    assert (status, "teacher, layer (output)" in text) == (0, True), told
    status, _, told = run(*add, "--layer", "0")
    assert (status, "shows no layers" in told) == (1, True)
    layers = ["quantify", "layers", made / "scripted.yaml", "--network", "teacher"]
    status, text, told = run(*layers)
    assert (status, text, "only its output" in told) == (0, "", True)


def test_masks_are_checked_and_what_a_run_lost_is_told(made, run, tmp_path):
    spec = made / "spec.yaml"
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
    shutil.copytree(made / "run", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "student")
    add = ["quantify", "add", spec, "--store", made / "a.zarr"]
    status, _, told = run(*add, "--layer", "features", "--network", f"{tmp_path}/run:student")
    assert (status, "has no checkpoints" in told) == (1, True)
    (tmp_path / "run" / "figures.npz").write_bytes(b"PK")
    status, _, told = run("quantify", "table", tmp_path / "run")
    assert (status, "is damaged" in told) == (1, True)


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
def test_what_cannot_be_done_is_told(made, run, arguments, message):
    places = {"SPEC": made / "spec.yaml", "RUN": made / "run", "FOLDER": made / "encoder"}
    for name, place in places.items():
        arguments = [argument.replace(name, str(place)) for argument in arguments]
    if arguments[0] == "add" and "--store" not in arguments:
        arguments += ["--store", made / "a.zarr"]
    status, _, told = run("quantify", *arguments)
    assert (status, message in told, "Traceback" in told) == (1, True, False)


@pytest.mark.parametrize("wrong", ["--size 8x8", "--b -1", "--tau 1", "--epochs 0"])
def test_wrong_values_are_told_by_the_parser(wrong, capsys):
    with pytest.raises(SystemExit) as told:
        main(["quantify", "experiment", "demo", "--output", "x", *wrong.split()])
    assert told.value.code == 2
    assert "expected" in capsys.readouterr().err
