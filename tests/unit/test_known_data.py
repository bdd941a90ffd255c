"""Known data sets on painted photos, from init to metrics; worked examples; real photos."""

import csv
import json
import os
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from precompute_factory import NumpyEncoder, named_encoder, without_torch

import precompute
from inficond_panel.cli import main
from inficond_panel.common.installation import shipped_folder
from inficond_panel.distill import average_precision
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset
from precompute.download import write_tables

pytestmark = pytest.mark.commands

SPLITS = {"0": "fit", "1": "tune", "2": "holdout"}
ATTRIBUTES = ("Blond_Hair", "Male", "Young")
COLOURS = {
    "water": (30, 90, 200), "forest": (60, 160, 50),
    "gull": (230, 230, 230), "wren": (120, 60, 20), "sand": (220, 200, 120),
}  # fmt: skip


class ColourWords(NumpyEncoder):
    """A word's vector is that of an image in one colour."""

    def embed_text(self, texts):
        white = 255, 255, 255
        found = ((c for word, c in COLOURS.items() if word in text) for text in texts)
        colours = [next(some, white) for some in found]
        flat = [np.full((3, 64, 64), np.array(c)[:, None, None] / 127.5 - 1) for c in colours]
        vectors = self.dense(np.array(flat))[:, 0, 0]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = without_torch(monkeypatch)
    monkeypatch.setattr(type(encoder), "embed_text", ColourWords.embed_text)
    named_encoder(tmp_path / "encoder")
    (tmp_path / "words.txt").write_text("\n".join(COLOURS))
    return tmp_path


def paint(path, thing, around, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((36, 48, 3)) + COLOURS[around]
    pixels[12:26, 14:34] = COLOURS[thing]
    rng = np.random.default_rng(seed)
    pixels += rng.normal(0, 20, pixels.shape)
    pixels += np.kron(rng.normal(0, 12, (6, 8, 1)), np.ones((6, 6, 1)))  # no photo like another
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


def write_csv(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def waterbirds(root):
    """Birds in folders of species; in split 0 the water birds are on water, in 95 of 100."""
    rng = np.random.default_rng(0)
    rows, logits = [], []
    for split, count, bias in (("0", 100, 0.95), ("1", 64, 0.5), ("2", 20, 0.5)):
        for _ in range(count):
            number = len(rows) + 1
            y = int(rng.random() < 0.4)
            place = y if rng.random() < bias else 1 - y
            species = ("184.Louisiana_Waterthrush", "020.Yellow_breasted_Chat")[1 - y]
            name = f"{species}/{species[4:]}_{number:04d}_{1000 + number}.jpg"
            paint(root / name, ("wren", "gull")[y], ("forest", "water")[place], number)
            where = f"/{('b/bamboo_forest', 'o/ocean')[place]}/{number:08d}.jpg"
            rows.append([number, name, y, split, place, where])
            logits.append([number, 2 * y + 4 * place - 3 + rng.normal(0, 0.3)])
    header = ["img_id", "img_filename", "y", "split", "place", "place_filename"]
    write_csv(root / "metadata.csv", header, rows)
    return rows, logits


def run(capsys, *argv):
    assert main([str(argument) for argument in argv]) == 0
    return capsys.readouterr().out


@pytest.fixture
def begun(home, capsys) -> tuple[list, str]:
    """Rows of the birds' table, and what init said of it."""
    rows, logits = waterbirds(home / "birds")
    write_csv(home / "logits.csv", ["image_id", "y"], logits)
    given = "--teacher", "logits.csv", "--encoder", "encoder", "--corpus", "words.txt"
    out = run(capsys, "init", "birds", *given)
    return rows, out


def test_columns_of_waterbirds_are_known(begun):
    _, out = begun
    assert "in the column split 0 is train, 1 is val, 2 is test" in out
    assert "y is the class, other columns are metadata" in out


def test_waterbirds_from_init_to_worst_group_accuracy(begun, capsys):
    rows, _ = begun
    run(capsys, "check", "birds.yaml")
    run(capsys, "precompute", "birds.yaml")
    store = open_store(load_spec("birds.yaml").store)
    assert store.classes == ["y"]
    assert store.metadata_columns == ["place"]
    by_id = {str(row[0]): row for row in rows}
    for i, image in enumerate(store.images):
        _, _, y, split, place, _ = by_id[image]
        assert (store.label[i, 0], store.column("place")[i]) == (y, str(place))
        assert store.split[i] == SPLITS[split]

    found = json.loads(run(capsys, "doctor", "birds.yaml", "--json"))
    assert [row["shift"] for row in found["classes"]["rows"]] == ["shift"]
    assert {row["concept"] for row in found["suspects"]["rows"][:2]} == {"water", "forest"}
    run(capsys, "suggest", "birds.yaml")
    flags = ["birds.yaml", "--by", "place", "--min-images", 5, "--json"]
    before = worst_group(capsys, store, *flags, "--node", 0)
    assert before["worst"] in ("present · place: 0", "absent · place: 1")
    after = worst_group(capsys, store, *flags, "--node", 1)
    assert after["worst_accuracy"] > before["worst_accuracy"]


def worst_group(capsys, store, *flags):
    """Accuracy of the worst group by label and place; the counts checked against the store."""
    found = json.loads(run(capsys, "metrics", *flags))
    rows = store.rows("tune")
    label, place = store.label[rows, 0], np.array(store.column("place"))[rows]
    assert {row["group"]: row["images"] for row in found["groups_by_label"]["rows"]} == {
        f"{side} · place: {at}": int(((label == value) & (place == at)).sum())
        for at in "01"
        for side, value in (("present", 1), ("absent", 0))
    }
    (row,) = found["worst_groups"]["rows"]
    return row


def celeba(root, kind, count=60):
    """Attributes of 1 and -1; parts 0, 1 and 2 in a file of their own."""
    rng = np.random.default_rng(1)
    names = [f"{i:06d}.jpg" for i in range(1, count + 1)]
    signs = np.where(rng.random((count, len(ATTRIBUTES))) < 0.5, 1, -1)
    parts = ["0"] * (count // 2) + ["1"] * (count // 4) + ["2"] * (count - 3 * (count // 4))
    boxes = rng.integers(10, 90, (count, 4))
    photos = root / "img_align_celeba" / ("img_align_celeba" if kind == "csv" else "")
    for i, name in enumerate(names):
        paint(photos / name, *(("gull", "water") if signs[i, 0] > 0 else ("wren", "sand")), i)
    tables = {
        "list_attr_celeba": (ATTRIBUTES, signs),
        "list_bbox_celeba": (("x_1", "y_1", "width", "height"), boxes),
        "list_eval_partition": (("partition",), [[part] for part in parts]),
    }
    for stem, (header, cells) in tables.items():
        rows = [[name, *row] for name, row in zip(names, cells, strict=True)]
        if kind == "csv":
            write_csv(root / f"{stem}.csv", ["image_id", *header], rows)
            continue
        lines = [f"{row[0]}  {' '.join(f'{cell!s:>2}' for cell in row[1:])}" for row in rows]
        first = ["image_id"] if stem == "list_bbox_celeba" else []
        head = [] if stem == "list_eval_partition" else [str(count), " ".join([*first, *header])]
        (root / f"{stem}.txt").write_text("\n".join([*head, *lines]) + "\n")
    return names, signs, parts


@pytest.mark.parametrize("kind", ["csv", "txt"])
def test_celeba_has_labels_of_minus_one_and_splits_in_another_table(home, capsys, kind):
    (home / "faces").mkdir()
    names, signs, parts = celeba(home / "faces", kind)
    out = run(capsys, "init", "faces", "--encoder", "encoder", "--corpus", "words.txt")
    assert "the label -1 means that the class is absent" in out
    run(capsys, "check", "faces.yaml")
    dataset = load_dataset(load_spec("faces.yaml").dataset)
    assert dataset.classes == ATTRIBUTES
    assert list(dataset.ids) == names
    assert dataset.label.tolist() == (signs > 0).astype(int).tolist()
    assert list(dataset.split) == [SPLITS[part] for part in parts]
    assert dataset.load(0).size == (48, 36)


EXAMPLE = Path(__file__).parents[2] / "examples" / "known_data.py"
PLACES = ("forest", "water")


def by_turns(number):
    return [-2.0, 2.0] if number % 2 else [2.0, -2.0]


def birds(root):
    _, logits = waterbirds(root / "waterbird_complete95_forest2water2")
    return ["waterbird"], {str(image): [logit] for image, logit in logits}


def voc(root):
    """Each class by the colour of its things; every seventh photo has both."""
    place = root / "voc2007" / "VOCdevkit" / "VOC2007"
    lists = place / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (place / "Annotations").mkdir()
    names = [f"{number:06d}" for number in range(120)]
    logits = {}
    for number, name in enumerate(names):
        kinds = {("bicycle", "tvmonitor")[number % 2], *(["bicycle"] if number % 7 == 0 else [])}
        logits[name] = [4.0 * (kind in kinds) - 2 for kind in ("bicycle", "tvmonitor")]
        thing = ("gull", "wren")["tvmonitor" in kinds]
        paint(place / "JPEGImages" / f"{name}.jpg", thing, PLACES[number % 3 % 2], number)
        boxes = (f"<object><name>{kind}</name></object>" for kind in kinds)
        (place / "Annotations" / f"{name}.xml").write_text(f"<a>{''.join(boxes)}</a>")
    for part, members in (("trainval", names[:60]), ("test", names[60:])):
        for stem in (part, f"bicycle_{part}", f"tvmonitor_{part}"):
            (lists / f"{stem}.txt").write_text("\n".join(members))
    return ["bicycle", "tvmonitor"], logits


def cub(root):
    place = root / "cub200" / "CUB_200_2011"
    kinds = ["001.White_Gull", "002.Brown_Wren"]
    paths = [f"{kinds[i % 2]}/{i}.jpg" for i in range(80)]
    for i, path in enumerate(paths):
        paint(place / "images" / path, ("gull", "wren")[i % 2], PLACES[i % 3 % 2], i)
    lists = {"images": paths, "classes": kinds}
    lists["image_class_labels"] = [1 + i % 2 for i in range(80)]
    lists["train_test_split"] = [int(i < 40) for i in range(80)]
    for name, lines in lists.items():
        (place / f"{name}.txt").write_text("\n".join(f"{i} {x}" for i, x in enumerate(lines, 1)))
    (root / "cub200" / "attributes.txt").write_text("1 has_x::gull\n2 has_x::wren\n3 has_x::sand\n")
    write_tables(root / "cub200")
    ids = [f"CUB_200_2011/images/{path.removesuffix('.jpg')}" for path in paths]
    return ["White Gull", "Brown Wren"], {name: by_turns(i) for i, name in enumerate(ids)}


def imagenet(root):
    """Two classes that are both called crane, as two of the thousand are."""
    torch, _ = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    root, logits = root / "imagenet", {}
    for split, count in (("train", 60), ("val", 40)):
        for i in range(count):
            logits[f"{split}/{i:06d}"] = by_turns(i >= count // 2)
            place = root / split / ("n02012849", "n03126707")[i % 2]
            paint(place / f"{split}_{i}.JPEG", ("gull", "wren")[i % 2], PLACES[i % 3 % 2], i)
    names = dict.fromkeys(("n02012849", "n03126707"), ("crane",))
    torch.save((names, ["n02012849"]), root / "meta.bin")
    return ["crane (n02012849)", "crane (n03126707)"], logits


def spec_of(name: str, home: Path, **changed: str) -> Path:
    """The spec that comes along, with parts of other texts."""
    text = find_spec(name).read_text().replace("../", f"{shipped_folder('specs')}/")
    for key, value in changed.items():
        text = re.sub(rf"\b{key}: .*", f"{key}: {value}", text)
    (home / f"{name}.yaml").write_text(text)
    return home / f"{name}.yaml"


def shown(capsys, monkeypatch, *arguments) -> tuple[pd.DataFrame, str]:
    """The example's table, and the line behind it."""
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *map(str, arguments)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    _, table, last = capsys.readouterr().out.strip().split("\n\n")
    head, *lines = table.splitlines()
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    values = {row[0]: [float(cell) for cell in row[1:]] for row in rows}
    return pd.DataFrame(values, index=head.split()).T, last


@pytest.mark.parametrize(
    ("name", "make", "rows"),
    [
        ("waterbirds", birds, ["worst-group accuracy", "mean accuracy"]),
        ("voc2007", voc, ["AP bicycle", "AP tvmonitor"]),
        ("cub200", cub, ["top1"]),
        ("imagenet", imagenet, ["top1"]),
    ],
)
def test_a_worked_example_runs_to_its_table(name, make, rows, home, capsys, monkeypatch):
    classes, logits = make(home / "data")
    write_csv(home / "logits.csv", ["image_id", *classes], [[i, *row] for i, row in logits.items()])
    monkeypatch.setenv("INFICOND_DATA", "data")
    kind = "softmax" if name == "imagenet" else "sigmoid"
    teacher = f"{{kind: logits, path: logits.csv, activation: {kind}}}"
    changed = {"encoder": "{model: encoder}", "teacher": teacher}
    if name != "cub200":
        changed["corpus"] = "words.txt"
    spec = spec_of(name, home, **changed)
    spec.write_text(spec.read_text().replace("share: 0.04", "share: 0.5"))
    table, last = shown(capsys, monkeypatch, name, spec)
    if name == "imagenet":  # both classes are called crane
        spec = load_spec(spec)
        spec.allow_python()
        assert load_dataset(spec.dataset).classes == tuple(classes)
    assert list(table.index) == rows
    assert table.iloc[:, -1].min() > 0.9
    assert "Not the whole data set" in last


GROUPS = {0: (130, 7, 24, 450), 1: (35, 35, 80, 80), 2: (45, 60, 150, 69)}


def test_what_is_missing_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "cub200"])
    with pytest.raises(SystemExit, match="cub200"):
        runpy.run_path(str(EXAMPLE), run_name="__main__")


DATA = Path(os.environ.get("INFICOND_DATA", "")) / "coco18-mini"
NEEDED = "needs INFICOND_DATA, a folder with coco18-mini and encoder"
WITH_DATA = pytest.mark.skipif(not DATA.is_dir(), reason=NEEDED)


@pytest.mark.more
@WITH_DATA
def test_real_photos_in_the_layout_of_waterbirds(tmp_path, capsys, monkeypatch):
    """Animals, in the training photos nearly always with people: repair lifts the worst group."""
    labels = pd.read_csv(DATA / "labels.csv", dtype={"image_id": str}, index_col="image_id")
    animal = labels[["bird", "cat", "dog", "horse"]].max(axis=1)
    root, rows = tmp_path / "waterbird_complete95_forest2water2", []
    pools = {
        (y, place): iter(labels.index[(animal == y) & (labels["person"] == place)])
        for y in (1, 0)
        for place in (1, 0)
    }
    for split, counts in GROUPS.items():
        for (group, pool), count in zip(pools.items(), counts, strict=True):
            for image, _ in zip(pool, range(count), strict=False):
                name = f"{group[0]}/{image}.jpg"
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(DATA / "images" / f"{image}.jpg", root / name)
                rows.append([len(rows), name, group[0], split, group[1], ""])
    header = ["img_id", "img_filename", "y", "split", "place", "place_filename"]
    write_csv(root / "metadata.csv", header, rows)
    monkeypatch.setenv("INFICOND_DATA", str(tmp_path))
    encoder = f"{{model: {DATA.parent}/encoder, image_size: 256}}"
    spec = spec_of("waterbirds", tmp_path, encoder=encoder)
    table, _ = shown(capsys, monkeypatch, "waterbirds", spec)
    assert np.all(table["repaired"] > table["students"] + 0.05)


REAL = """\
title: Cats and others
dataset:
  kind: table
  root: {data}
  labels: labels.csv
  splits: {{fit: {home}/fit.txt, tune: {home}/tune.txt, holdout: {home}/holdout.txt}}
concepts:
  corpus: words.txt
  encoder: {{model: {data}/../encoder, image_size: 256}}
teacher: {{kind: logits, path: {data}/teacher_logits.csv}}
"""


@pytest.mark.torch
@pytest.mark.data
@WITH_DATA
def test_the_score_of_a_concept_finds_its_photos(tmp_path):
    pytest.importorskip("torch")
    label = pd.read_csv(DATA / "labels.csv", dtype={"image_id": str}, index_col="image_id")["cat"]
    test = (DATA / "test.txt").read_text().split()
    kinds = ([i for i in test if label[i] == value][:14] for value in (1, 0))
    ids = [i for pair in zip(*kinds, strict=True) for i in pair]
    for split, part in (("fit", ids[:4]), ("tune", ids[4:]), ("holdout", test[-2:])):
        (tmp_path / f"{split}.txt").write_text("\n".join(part))
    (tmp_path / "words.txt").write_text("cat\nairplane\nroad\n")
    (tmp_path / "spec.yaml").write_text(REAL.format(data=DATA.resolve(), home=tmp_path))
    precompute.run(load_spec(tmp_path / "spec.yaml"), tmp_path / "a.zarr")
    store = open_store(tmp_path / "a.zarr")
    cat = store.label[:, store.classes.index("cat")]
    score = store.concept_score[:, store.concepts.index("cat")]
    assert average_precision(cat, score) > 0.9
    assert average_precision(cat, store.concept_score[:, 1]) < 0.8
