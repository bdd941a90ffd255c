"""Made photos in the layouts of Waterbirds and CelebA: from ``init`` to metrics by group."""

import csv
import json
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from precompute_factory import NumpyEncoder, named_encoder, without_torch

from inficond_panel.cli import main
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset

SPLITS = {"0": "fit", "1": "tune", "2": "holdout"}
ATTRIBUTES = ("Blond_Hair", "Male", "Young")


class ColourWords(NumpyEncoder):
    """A word's vector is that of an image in one colour."""

    colours: ClassVar = {
        "water": (30, 90, 200), "forest": (60, 160, 50),
        "gull": (230, 230, 230), "wren": (120, 60, 20), "sand": (220, 200, 120),
    }  # fmt: skip

    def embed_text(self, texts):
        colours = [next(c for word, c in self.colours.items() if word in text) for text in texts]
        flat = [np.full((3, 64, 64), np.array(c)[:, None, None] / 127.5 - 1) for c in colours]
        vectors = self.dense(np.array(flat))[:, 0, 0]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = without_torch(monkeypatch)
    monkeypatch.setattr(type(encoder), "embed_text", ColourWords.embed_text)
    monkeypatch.setattr(type(encoder), "colours", ColourWords.colours, raising=False)
    named_encoder(tmp_path / "encoder")
    (tmp_path / "words.txt").write_text("\n".join(ColourWords.colours))
    return tmp_path


def paint(path, thing, around, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((36, 48, 3)) + ColourWords.colours[around]
    pixels[12:26, 14:34] = ColourWords.colours[thing]
    pixels += np.random.default_rng(seed).normal(0, 20, pixels.shape)
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


def test_waterbirds_from_init_to_worst_group_accuracy(home, capsys):
    rows, logits = waterbirds(home / "birds")
    write_csv(home / "logits.csv", ["image_id", "y"], logits)
    given = "--teacher", "logits.csv", "--encoder", "encoder", "--corpus", "words.txt"
    out = run(capsys, "init", "birds", *given)
    assert "in the column split 0 is train, 1 is val, 2 is test" in out
    assert "y is the class, other columns are metadata" in out
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
    assert before["worst"] in ("present · 0", "absent · 1")
    after = worst_group(capsys, store, *flags, "--node", 1)
    assert after["value"] > before["value"]


def worst_group(capsys, store, *flags):
    """Accuracy of the worst group by label and place; the counts checked against the store."""
    found = json.loads(run(capsys, "metrics", *flags))
    rows = store.rows("tune")
    label, place = store.label[rows, 0], np.array(store.column("place"))[rows]
    assert {row["group"]: row["images"] for row in found["groups_by_label"]["rows"]} == {
        f"{side} · {at}": int(((label == value) & (place == at)).sum())
        for at in "01"
        for side, value in (("present", 1), ("absent", 0))
    }
    (gap,) = (row for row in found["gaps_by_label"]["rows"] if row["metric"] == "accuracy")
    return gap


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
