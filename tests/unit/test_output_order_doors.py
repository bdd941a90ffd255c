"""A teacher whose outputs stand in another order: every door names the order, or warns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from precompute_factory import CONV, WORDS, tiny_encoder, write_table

import inficond_panel
from inficond_panel.errors import DataError, OrderError, OrderWarning
from inficond_panel.spec import load_spec

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning"),
    pytest.mark.commands,
]

CLASSES = ["bus", "cat", "dog", "train"]
#: Class of each output of the network.
OUTPUTS = ["cat", "dog", "bus", "train"]
COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [190, 190, 60]])
COUNT = 80
SPEC = """\
title: Colours
dataset:
  kind: table
  task: single_label
  root: photos
  labels: labels.csv
  splits: {{fit: fit.txt, tune: tune.txt, holdout: holdout.txt}}
concepts:
  corpus: words.txt
  encoder: {{model: encoder, pretrained: encoder/weights.safetensors, image_size: 64}}
  segments: {{max_per_image: 2}}
teacher:
  activation: softmax
  {teacher}
"""
PREPARED = json.dumps({"size": [8, 8], "mean": [0, 0, 0], "std": [1, 1, 1]})
NETWORK = f"kind: torchscript\n  path: net.ts\n  preprocessing: {PREPARED}"


#: Colour of each output's class, and class of each photo.
NEAR = COLOURS[[CLASSES.index(name) for name in OUTPUTS]]
KIND = np.arange(COUNT) % 4
IDS = [f"{i:03d}" for i in range(COUNT)]


def outputs(photos):
    """The network's outputs, in its own order: 0 at the colour of a class, less elsewhere."""
    colours = np.array([np.asarray(photo, float).mean((0, 1)) for photo in photos])
    return -((colours[:, None] - NEAR) ** 2).sum(2) / 4000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photos of four colours, one a class, their labels, a network and its table of logits."""
    folder = tmp_path_factory.mktemp("colours")
    colours = np.clip(COLOURS[KIND] + np.random.default_rng(0).normal(0, 20, (COUNT, 3)), 0, 255)
    photos = [Image.new("RGB", (20, 16), tuple(map(int, colour))) for colour in colours]
    (folder / "photos" / "images").mkdir(parents=True)
    for name, photo in zip(IDS, photos, strict=True):
        photo.save(folder / "photos" / "images" / f"{name}.png")
    write_table(folder / "photos/labels.csv", IDS, np.eye(4, dtype=int)[KIND], CLASSES)
    write_table(folder / "logits.csv", IDS, outputs(photos), CLASSES)
    for split, part in (("fit", IDS[:40]), ("tune", IDS[40:64]), ("holdout", IDS[64:])):
        (folder / "photos" / f"{split}.txt").write_text("\n".join(part))
    (folder / "words.txt").write_text("\n".join(WORDS))
    torch.jit.trace(Network().eval(), torch.zeros(2, 3, 8, 8)).save(str(folder / "net.ts"))
    tiny_encoder(folder / "encoder", CONV)
    return folder


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("near", torch.tensor(NEAR / 255, dtype=torch.float32))

    def forward(self, photos):
        mean = photos.mean((2, 3))
        return -((mean[:, None] - self.near) ** 2).sum(2) * 255**2 / 4000


def spec(data, name, teacher, labels="labels.csv"):
    text = SPEC.format(teacher=teacher).replace("labels.csv", labels)
    (data / f"{name}.yaml").write_text(text)
    return load_spec(data / f"{name}.yaml")


def make(made, lines=None):
    """Make the store of a spec; what is told goes to ``lines``."""
    from precompute.pipeline.run import run

    return run(made, made.store, progress=[].append if lines is None else lines.append, workers=1)


def test_of_many_photos_some_go_first_and_are_run_once(data, monkeypatch):
    from precompute.teachers import outputs

    monkeypatch.setattr(outputs, "_TRIED", 30)
    monkeypatch.setattr(outputs, "_TRIED_OF_CLASS", 1)
    lines = []
    with pytest.raises(OrderError):
        make(spec(data, "many", f"{NETWORK}\n  batch: 4"), lines)
    tried = [line for line in lines if line.startswith("Teacher: ")]
    count = int(tried[-1].split()[1])
    assert 30 <= count < COUNT
    assert f" of {count} images" in tried[-1]
    right = f"{NETWORK}\n  batch: 4\n  classes: {json.dumps(OUTPUTS)}"
    store = make(spec(data, "many", right)).store
    stages = inficond_panel.store.open_store(store).attrs["stages"]
    assert stages["teacher"]["images"] == COUNT


TOLD = "'bus' fits 'cat'"


@pytest.fixture
def old(data, monkeypatch) -> Path:
    """A store that was made before anybody looked at the order."""
    if not (store := spec(data, "old", NETWORK).store).exists():
        with monkeypatch.context() as patch:
            patch.setattr("precompute.pipeline.run.check_order", lambda *_: None)
            make(spec(data, "old", NETWORK))
    return store


def test_commands_warn_of_an_old_store(data, old, run):
    for command in (("check", data / "old.yaml"), ("info", old)):
        status, out, err = run(*command)
        assert (status, TOLD in out + err) == (0, True)


def test_the_document_of_an_old_store_has_the_right_names(old, run):
    document = json.loads(run("info", old, "--json")[1])
    assert document["store"]["right_names"] == {"bus": "cat", "cat": "dog", "dog": "bus"}


def test_precompute_warns_of_an_old_store(data, old):
    lines = []
    make(spec(data, "old", NETWORK), lines)
    assert any(TOLD in line for line in lines)


def test_python_warns_of_an_old_store(old):
    with pytest.warns(OrderWarning, match=TOLD):
        inficond_panel.open_students(old, history=":memory:")


def test_check_refuses_a_table_in_another_order(data, run):
    status, out, err = run("check", spec(data, "table", "kind: logits\n  path: logits.csv").path)
    assert (status != 0, "no problems" in out) == (True, False)
    assert "table.yaml:12:1: " in err
    assert "Rename columns of logits.csv: 'bus' to 'cat'" in err


def test_check_leaves_the_order_of_a_network_to_the_run(data, run):
    status, out, _ = run("check", spec(data, "network", NETWORK).path)
    assert (status, "weights and order" in out) == (0, True)


def test_init_takes_another_order_by_a_flag(data, run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "scores.csv", IDS, np.random.default_rng(0).random((COUNT, 2)), "ab")
    write_table(tmp_path / "split.csv", IDS, [["fit"], ["tune"]] * (COUNT // 2), ["split"])
    command = ["init", "scores.csv", data / "logits.csv", data / "photos/labels.csv"]
    command += ["--splits", "split.csv", "--output", "own.zarr"]
    status, _, err = run(*command)
    assert (status, "--order as_given" in err) == (1, True)
    assert run(*command, "--order", "as_given")[0] == 0


def test_from_frames_and_build_name_the_order_for_python(data, tmp_path):
    files = [data / "photos" / "images" / f"{name}.png" for name in IDS]
    labels = pd.DataFrame(np.eye(4)[KIND], IDS, CLASSES)
    logits = pd.DataFrame(outputs([Image.open(file) for file in files]), IDS, CLASSES)
    split = pd.Series(["fit"] * 40 + ["tune"] * 32 + ["holdout"] * 8, IDS)
    scores = pd.DataFrame(np.random.default_rng(0).random((COUNT, 3)), IDS, list("abc"))
    single = {"task": "single_label", "activation": "softmax"}
    frames = {"scores": scores, "logits": logits, "labels": labels, "split": split, **single}
    with pytest.raises(OrderError, match="'bus' to 'cat'"):
        inficond_panel.from_frames(**frames, path=tmp_path / "own.zarr")
    inficond_panel.from_frames(**frames, path=tmp_path / "own.zarr", order="as_given")
    given = {"labels": labels, "split": split, "concepts": WORDS, "encoder": data / "encoder"}
    with pytest.raises(OrderError) as told:
        inficond_panel.build(files, teacher=outputs, path=tmp_path / "a", **given, **single)
    assert "outputs[:, [2, 0, 1, 3]]" in told.value.remedy
    assert 'order="as_given"' in told.value.remedy
    assert not (tmp_path / "a").exists()

    def right(photos):
        return outputs(photos)[:, [2, 0, 1, 3]]

    inficond_panel.build(files, teacher=right, path=tmp_path / "a", **given, **single)
    with pytest.raises(DataError, match="order is 'given'"):
        inficond_panel.from_frames(**frames, path=tmp_path / "b.zarr", order="given")


@pytest.mark.parametrize("classes", [CLASSES, CLASSES[:3]])
def test_a_network_with_other_outputs_says_which_of_them_fit(data, classes):
    columns = [*CLASSES, "owl"] if len(classes) == 4 else classes
    label = (KIND[:, None] == np.arange(len(columns))).astype(int)
    label[:, -1] |= ~label.any(1)  # each photo has a class
    write_table(data / "photos" / "other.csv", IDS, label, columns)
    with pytest.raises(DataError, match=r"teacher\.classes") as told:
        make(spec(data, "other", NETWORK, labels="other.csv"))
    assert "output 2 fits 'bus', output 0 fits 'cat'" in told.value.message
