"""A teacher whose outputs stand in another order: every door names the order, or warns."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from precompute_factory import CONV, WORDS, tiny_encoder, write_table

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.errors import DataError, OrderError, OrderWarning
from inficond_panel.spec import load_spec

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")]

CLASSES = ["bus", "cat", "dog", "train"]
#: Class of each output of the network.
OUTPUTS = ["cat", "dog", "bus", "train"]
RIGHT = {"bus": "cat", "cat": "dog", "dog": "bus"}
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
NETWORK = "kind: torchscript\n  path: net.ts\n  preprocessing: " + json.dumps(
    {"size": [8, 8], "mean": [0, 0, 0], "std": [1, 1, 1]}
)
KINDS = {"torchscript": NETWORK, "logits": "kind: logits\n  path: logits.csv"}


def colours_of(photos):
    return np.array([np.asarray(photo, float).mean((0, 1)) for photo in photos])


def outputs(photos):
    """The network's outputs, in its own order: 0 at the colour of a class, less elsewhere."""
    near = COLOURS[[CLASSES.index(name) for name in OUTPUTS]]
    return -((colours_of(photos)[:, None] - near) ** 2).sum(2) / 4000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photos of four colours, one a class, their labels, a network and its table of logits."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    ids = [f"{i:03d}" for i in range(COUNT)]
    photos = [Image.new("RGB", (20, 16), tuple(map(int, colour(i, rng)))) for i in range(COUNT)]
    (folder / "photos" / "images").mkdir(parents=True)
    for name, photo in zip(ids, photos, strict=True):
        photo.save(folder / "photos" / "images" / f"{name}.png")
    write_table(folder / "photos/labels.csv", ids, np.eye(4, dtype=int)[positions()], CLASSES)
    write_table(folder / "logits.csv", ids, outputs(photos), CLASSES)
    (folder / "photos" / "fit.txt").write_text("\n".join(ids[:40]))
    (folder / "photos" / "tune.txt").write_text("\n".join(ids[40:64]))
    (folder / "photos" / "holdout.txt").write_text("\n".join(ids[64:]))
    (folder / "words.txt").write_text("\n".join(WORDS))
    torch.jit.trace(Network().eval(), torch.zeros(2, 3, 8, 8)).save(str(folder / "net.ts"))
    tiny_encoder(folder / "encoder", CONV)
    return folder


def positions():
    """Class of each photo."""
    return np.arange(COUNT) % 4


def colour(i, rng):
    return np.clip(COLOURS[i % 4] + rng.normal(0, 20, 3), 0, 255)


class Network(torch.nn.Module):
    """``outputs`` as a network."""

    def __init__(self):
        super().__init__()
        near = COLOURS[[CLASSES.index(name) for name in OUTPUTS]] / 255
        self.register_buffer("near", torch.tensor(near, dtype=torch.float32))

    def forward(self, photos):
        mean = photos.mean((2, 3))
        return -((mean[:, None] - self.near) ** 2).sum(2) * 255**2 / 4000


def spec(data, name, teacher):
    (data / f"{name}.yaml").write_text(SPEC.format(teacher=teacher))
    return load_spec(data / f"{name}.yaml")


def run(data, name, teacher, lines=None):
    from precompute.pipeline.run import run as make

    lines = [] if lines is None else lines
    made = spec(data, name, teacher)
    return make(made, made.store, progress=lines.append, workers=1)


@pytest.fixture(scope="module")
def old(data):
    """A store that was made before anybody looked at the order."""
    from precompute.pipeline import run as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "check_order", lambda *_: None)
        return run(data, "old", KINDS["torchscript"]).store


def test_of_many_photos_some_go_first(data, monkeypatch):
    """Photos that went first are run once, also where the order is right."""
    from precompute.teachers import outputs

    monkeypatch.setattr(outputs, "_TRIED", 30)
    monkeypatch.setattr(outputs, "_TRIED_OF_CLASS", 1)
    lines = []
    with pytest.raises(OrderError):
        run(data, "many", f"{NETWORK}\n  batch: 4", lines)
    tried = [line for line in lines if line.startswith("Teacher: ")]
    count = int(tried[-1].split()[1])
    assert 30 <= count < COUNT
    assert f" of {count} images" in tried[-1]
    store = run(data, "many", f"{NETWORK}\n  batch: 4\n  classes: {json.dumps(OUTPUTS)}").store
    stages = inficond_panel.store.open_store(store).attrs["stages"]
    assert stages["teacher"]["images"] == COUNT


def test_an_old_store_warns_and_opens(data, old, capsys):
    told = "'bus' fits 'cat'"
    for command in (["check", str(data / "old.yaml")], ["info", str(old)]):
        assert main(command) == 0
        assert told in "".join(capsys.readouterr())
    assert main(["info", str(old), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["store"]["right_names"] == RIGHT
    lines = []
    run(data, "old", KINDS["torchscript"], lines)
    assert any(told in line for line in lines)
    with pytest.warns(OrderWarning, match=told):
        inficond_panel.open_students(old, history=":memory:")


def test_check_holds_a_table_and_says_that_it_runs_no_network(data, capsys):
    spec(data, "table", KINDS["logits"])
    assert main(["check", str(data / "table.yaml")]) != 0
    told = capsys.readouterr()
    assert "table.yaml:12:1: " in told.err
    assert "no problems" not in told.out
    assert "Rename columns of logits.csv: 'bus' to 'cat'" in told.err
    spec(data, "network", KINDS["torchscript"])
    assert main(["check", str(data / "network.yaml")]) == 0
    assert "order" in capsys.readouterr().out


def test_from_frames_and_build_name_the_order_for_python(data, tmp_path):
    files = sorted((data / "photos" / "images").glob("*.png"))
    ids = [file.stem for file in files]
    labels = pd.DataFrame(np.eye(4)[positions()], ids, CLASSES)
    logits = pd.DataFrame(outputs([Image.open(file) for file in files]), ids, CLASSES)
    split = pd.Series(["fit"] * 40 + ["tune"] * 32 + ["holdout"] * 8, ids)
    scores = pd.DataFrame(np.random.default_rng(0).random((COUNT, 3)), ids, list("abc"))
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


def test_tables_of_init_have_a_flag(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ids = [f"{i:03d}" for i in range(COUNT)]
    write_table(tmp_path / "scores.csv", ids, np.random.default_rng(0).random((COUNT, 2)), "ab")
    write_table(tmp_path / "split.csv", ids, [["fit"], ["tune"]] * (COUNT // 2), ["split"])
    command = ["init", "scores.csv", str(data / "logits.csv"), str(data / "photos/labels.csv")]
    command += ["--splits", "split.csv", "--output", "own.zarr"]
    assert main(command) == 1
    assert "--order as_given" in capsys.readouterr().err
    assert main([*command, "--order", "as_given"]) == 0


@pytest.mark.parametrize("classes", [CLASSES, CLASSES[:3]])
def test_a_network_with_other_outputs_says_which_of_them_fit(data, classes):
    """The network has four outputs; the data set four classes and a fifth, or three of them."""
    ids = [f"{i:03d}" for i in range(COUNT)]
    columns = [*CLASSES, "owl"] if len(classes) == 4 else classes
    label = (positions()[:, None] == np.arange(len(columns))).astype(int)
    label[:, -1] |= ~label.any(1)  # each photo has a class
    write_table(data / "photos" / "other.csv", ids, label, columns)
    made = SPEC.replace("labels.csv", "other.csv").format(teacher=NETWORK)
    (data / "other.yaml").write_text(made)
    from precompute.pipeline.run import run as make

    made = load_spec(data / "other.yaml")
    with pytest.raises(DataError, match=r"teacher\.classes") as told:
        make(made, made.store, workers=1)
    assert "output 2 fits 'bus', output 0 fits 'cat'" in told.value.message
