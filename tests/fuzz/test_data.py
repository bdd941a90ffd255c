"""Mutants of tables, lists, COCO's JSON and VOC's XML: read, or told in words."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from guard import attempt
from mutate import bytes_mutant, grid_mutant, text_mutant, tree_mutant

from inficond_panel.results.slices import selection_slice
from precompute.concepts.corpus import read_corpus
from precompute.datasets.coco import coco_listing
from precompute.datasets.splits import read_list
from precompute.datasets.table_files import read_table
from precompute.datasets.table_layouts import columns_listing, label_reader, table_listing
from precompute.datasets.voc import voc_foreground, voc_objects
from precompute.detect import find_layout, plan_splits
from precompute.teachers.tables import read_outputs

IDS, CLASSES = ["a", "b", "c", "01"], ["cat", "dog"]
LABELS = [["image_id", *CLASSES], *([name, "1", "0"] for name in IDS)]
LOGITS = [["image_id", *CLASSES], *([name, "0.5", "-1e3"] for name in IDS)]
CELLS = ["", "1", "-1", "nan", "inf", "1e400", "0x1", "a", "../x", "/etc/x", "\x00", "é", '"',
         "a,b", "01", " ", "\n", "\r", "x" * 200]  # fmt: skip
VALUES = [None, True, 1, 2.0, float("nan"), "a", b"\xff", ["a"], {"a": 1}, 10**18, "../x"]
COCO = {
    "images": [{"id": i, "file_name": f"{name}.jpg"} for i, name in enumerate(IDS)],
    "annotations": [{"image_id": i, "category_id": i % 2, "iscrowd": 0} for i in range(4)],
    "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES)],
}
VOC = """<annotation><size><width>8</width><height>6</height></size><object><name>cat</name>
<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>
</object><object><name>dog</name><difficult>1</difficult></object></annotation>"""


def csv_bytes(rng: random.Random, grid: list[list[str]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream).writerows(grid_mutant(rng, grid, CELLS))
    data = stream.getvalue().encode()
    return data if rng.random() < 0.6 else bytes_mutant(rng, data)


def readers(file: Path) -> list[Any]:
    """Every reader of a table."""
    paths = {"labels": file, "images": file.parent, "metadata": file, "table": file}
    section = SimpleNamespace(**paths, list_file=None, absent=0, classes=[])
    return [
        lambda: read_table(file, *label_reader(absent=0)),
        lambda: read_table(file, *label_reader(absent=-1)),
        lambda: read_table(file, str, "text"),
        lambda: read_outputs(file, IDS, CLASSES),
        lambda: (listing := table_listing(section)).labels(listing.known, listing.classes(None)),
    ]


@pytest.mark.parametrize("grid", [LABELS, LOGITS], ids=["labels", "logits"])
def test_csv(mutants: Any, tmp_path: Path, grid: list[list[str]]) -> None:
    for name, rng in mutants.generators(60):
        file = tmp_path / "a.csv"
        file.write_bytes(csv_bytes(rng, grid))
        for read in readers(file):
            attempt(name, read)


def test_columns(mutants: Any, tmp_path: Path) -> None:
    grid = [["file", "id", "label", "cat", "split"],
            *([f"{name}.jpg", name, "cat|dog", "1", "train"] for name in IDS)]  # fmt: skip
    splits = SimpleNamespace(columns=lambda: {"split": "fit"})
    for name, rng in mutants.generators(60):
        file = tmp_path / "a.csv"
        file.write_bytes(csv_bytes(rng, grid))
        by_name = rng.random() < 0.5
        section = SimpleNamespace(
            table=file, images=tmp_path, splits=splits, path="file",
            image_id=rng.choice(["id", None]), label="label" if by_name else None,
            captions=rng.choice([None, "label"]),
            separator="|", labels=[] if by_name else ["cat"], classes=[], metadata=["id"],
            metadata_table=None,
            list_place=None, absent=rng.choice([0, -1]), table_files=lambda file=file: {"a": file},
        )  # fmt: skip
        attempt(name, lambda section=section: columns_listing(section))


def parquet(file: Path, columns: dict[str, list[Any]]) -> bool:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as written

    try:
        written.write_table(pyarrow.table(columns), file)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def test_parquet(mutants: Any, tmp_path: Path) -> None:
    for name, rng in mutants.generators(60):
        file = tmp_path / "a.parquet"
        columns: dict[str, list[Any]] = {"image_id": IDS, "cat": [1, 0, 1, 0], "dog": [0.5] * 4}
        column = rng.choice(list(columns))
        if rng.random() < 0.7:
            columns[column] = [rng.choice(VALUES)] * 4
        columns = dict(rng.sample(list(columns.items()), rng.choice([1, 3, 3, 3])))
        if not parquet(file, columns):
            continue
        if rng.random() < 0.5:
            file.write_bytes(bytes_mutant(rng, file.read_bytes()))
        for read in readers(file):
            attempt(name, read)


def test_npz(mutants: Any, tmp_path: Path) -> None:
    arrays = [
        np.array(IDS), np.array(CLASSES), np.ones((4, 2)), np.array(5), np.array([]),
        np.array([["a"]]), np.array([b"a", b"b"]), np.ones((4, 2), complex),
        np.array(["2020"], "M8[D]"), np.ones((2, 4), bool), np.full((4, 2), np.nan),
        np.zeros(4, [("x", "f4")]), np.array([1, 2, 3, 4]),
    ]  # fmt: skip
    usual = {"image_id": arrays[0], "class_name": arrays[1], "logit": arrays[2]}
    file = tmp_path / "a.npz"
    for name, rng in mutants.generators(80):
        given = {**usual, rng.choice(list(usual)): rng.choice(arrays)}
        np.savez(file, **given)
        if rng.random() < 0.6:
            file.write_bytes(bytes_mutant(rng, file.read_bytes()))
        attempt(name, lambda: read_outputs(file, IDS, CLASSES))


def test_lists_and_words(mutants: Any, tmp_path: Path, store: Any) -> None:
    texts = ["a\nb 1\nc\n", "# words\nwheel\ntraffic light, stop light\n\nsky\n",
             "image_id\n" + "\n".join(store.images[:9])]  # fmt: skip
    file = tmp_path / "a.txt"
    for name, rng in mutants.generators(80):
        data = text_mutant(rng, rng.choice(texts)).encode("utf-8", "surrogatepass")
        file.write_bytes(data if rng.random() < 0.5 else bytes_mutant(rng, data))
        attempt(name, lambda: read_list(file, IDS))
        attempt(name, lambda: read_corpus(file))
        attempt(name, lambda: selection_slice(store, "tune", file))


def test_coco(mutants: Any, tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    for name, rng in mutants.generators(120):
        text = json.dumps(tree_mutant(rng, COCO))
        data = (text if rng.random() < 0.6 else text_mutant(rng, text)).encode()
        file.write_bytes(data if rng.random() < 0.8 else bytes_mutant(rng, data))
        section = SimpleNamespace(
            annotation_files=lambda: {"instances": file}, image_id=rng.choice(["file", "number"]),
            crowd=rng.choice(["present", "ignored"]), root=tmp_path, images=tmp_path, classes=[],
            metadata=None,
        )  # fmt: skip

        def read(section: Any = section) -> Any:
            listing = coco_listing(section)
            return listing.paths(listing.known), listing.labels(listing.known, CLASSES)

        attempt(name, read)


def test_voc(mutants: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    for name, rng in mutants.generators(100):
        text = VOC
        for _ in range(rng.randint(1, 3)):
            number, odd = rng.choice("0124568"), rng.choice(["-1", "1e9", "nan", "", "999999999"])
            text = rng.choice([text.replace(f">{number}<", f">{odd}<"), text_mutant(rng, text)])
        data = text.encode()
        file.write_bytes(data if rng.random() < 0.7 else bytes_mutant(rng, data))
        attempt(name, lambda: voc_objects(file))
        attempt(name, lambda: voc_foreground(file, ["cat", "dog"]))


def test_folders(mutants: Any, tmp_path: Path) -> None:
    """Result of ``inficond init`` for a folder with such tables and lists."""
    for name in IDS:
        (tmp_path / f"{name}.jpg").write_bytes(b"")
    for name, rng in mutants.generators(40):
        (tmp_path / "labels.csv").write_bytes(csv_bytes(rng, LABELS))
        (tmp_path / "logits.csv").write_bytes(csv_bytes(rng, LOGITS))
        (tmp_path / "train.txt").write_bytes(bytes_mutant(rng, "\n".join(IDS[:2]).encode()))
        attempt(name, lambda: plan_splits(find_layout(tmp_path)))
