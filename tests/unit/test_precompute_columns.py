"""One table, as CSV or Parquet, read by its columns."""

import numpy as np
import pytest
from PIL import Image
from precompute_factory import dataset_section

from inficond_panel.errors import DataError, SpecError
from precompute.datasets import load_dataset
from precompute.datasets.row_tables import read_table

CSV = """file,part,tags,cat,dog,camera
a/1.jpg,train,cat;dog,1,1,x
a/2.jpg,train,,0,,y
b/1.jpg,val,none,0,0,
b/2.png,test,dog; cat,0,1,x
"""
BASE = """kind: columns
root: .
path: file
splits: {fit: {column: part, value: train}, tune: {column: part, value: val}, \
holdout: {column: part, value: [test]}}
"""
LABELS = BASE + "table: t.csv\nlabels: [dog, cat]\nmetadata: [camera]"
NAMES = BASE + "table: t.csv\nlabel: tags\nseparator: ;"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    for i, name in enumerate(("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (5 + i, 5)).save(tmp_path / name)
    return tmp_path


def test_columns_of_labels_splits_and_metadata(folder):
    dataset = load_dataset(dataset_section(folder, LABELS, check_files=True))
    assert dataset.ids == ("a/1", "a/2", "b/1", "b/2")
    assert dataset.split == ("fit", "fit", "tune", "holdout")
    assert dataset.classes == ("dog", "cat")
    assert dataset.label.tolist() == [[1, 1], [-1, 0], [0, 0], [1, 0]]
    assert dataset.metadata_columns == ("camera",)
    assert dataset.metadata.ravel().tolist() == ["x", "y", "", "x"]
    assert [dataset.load(i).width for i in range(4)] == [5, 6, 7, 8]


def test_columns_where_minus_one_is_absent(folder):
    text = CSV.replace(",1,1,x", ",1,-1,x").replace(",,0,,y", ",,0,1.0,y")
    (folder / "t.csv").write_text(text.replace("none,0,0,", "none,-1.0,,"))
    dataset = load_dataset(dataset_section(folder, f"{LABELS}\nabsent: -1"))
    assert dataset.label.tolist() == [[0, 1], [1, -1], [-1, 0], [1, -1]]


def test_a_column_of_names(folder):
    dataset = load_dataset(dataset_section(folder, NAMES))
    assert dataset.classes == ("cat", "dog", "none")
    assert dataset.label.tolist() == [[1, 1, 0], [-1, -1, -1], [0, 0, 1], [1, 1, 0]]
    assert dataset.metadata is None
    dataset = load_dataset(dataset_section(folder, f"{NAMES}\nclasses: [dog, cat]"))
    assert dataset.label.tolist() == [[1, 1], [-1, -1], [0, 0], [1, 1]]


def test_parquet_with_lists_numbers_and_nulls(folder):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table(
        {
            "file": ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.png"],
            "id": [7, 8, 9, 10],
            "fold": [0.0, 0.0, 1.0, 2.0],
            "tags": [["dog", "cat"], None, [], ["cat"]],
            "dog": pyarrow.array([True, None, False, False]),
            "cat": pyarrow.array([1.0, float("nan"), 0.0, 1.0]),
        }
    )
    parquet.write_table(table, folder / "t.parquet")
    text = BASE.replace("column: part", "column: fold") + "table: t.parquet\nimage_id: id\n"
    for split, value in (("train", "0"), ("val", "1"), ("[test]", "2")):
        text = text.replace(f"value: {split}", f"value: {value}")
    dataset = load_dataset(dataset_section(folder, text + "label: tags"))
    assert dataset.ids == ("7", "8", "9", "10")
    assert dataset.split == ("fit", "fit", "tune", "holdout")
    assert dataset.label.tolist() == [[1, 1], [-1, -1], [0, 0], [1, 0]]
    dataset = load_dataset(dataset_section(folder, text + "labels: [cat, dog]"))
    assert dataset.label.tolist() == [[1, 1], [-1, -1], [0, 0], [1, 0]]


def test_tables_of_labels_may_be_parquet_too(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    values = {"image_id": ["01", "02"], "x": [0.1, -2.5], "y": [3, 4]}
    parquet.write_table(pyarrow.table(values), tmp_path / "z.parquet")
    table = read_table(tmp_path / "z.parquet", float, "a number")
    assert table.ids == ("01", "02")
    np.testing.assert_array_equal(table.values, [[0.1, 3], [-2.5, 4]])
    (tmp_path / "z.parquet").write_text("no table")
    with pytest.raises(DataError, match=r"z\.parquet cannot be read as a table"):
        read_table(tmp_path / "z.parquet", float, "a number")
    with pytest.raises(DataError, match=r"no file .*y\.parquet"):
        read_table(tmp_path / "y.parquet", float, "a number")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("file,part", "name,part", "no column 'file'; available: name, part"),
        ("a/2.jpg", "", r"t.csv:3: the path of the image is empty"),
        ("a/2.jpg", "a/1.jpg", r"t.csv:3: the image 'a/1' is listed twice \(first on line 2\)"),
        (",1,1,x", ",yes,1,x", r"t.csv:2: 'cat' is 'yes'; expected 1, 0 or nothing"),
        ("a/1.jpg,train,", "a/1.jpg,", "t.csv:2: 5 cells, but the header has 6"),
        ("val", "va", "No image has 'val' in the column 'part'; available: 'test', 'train', 'va'"),
        (CSV.partition("\n")[2], "", "lists no image"),
    ],
)
def test_faulty_tables_are_told(folder, old, new, fault):
    (folder / "t.csv").write_text(CSV.replace(old, new, 1))
    with pytest.raises(DataError, match=fault):
        load_dataset(dataset_section(folder, LABELS))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BASE + "table: t.csv", "dataset.table: needs the columns of the labels"),
        (LABELS + "\nlabel: tags", "dataset.label: is not used with dataset.labels"),
        (LABELS + "\nclasses: [cat]", "dataset.classes: is used only with the key label"),
        (NAMES + "\nabsent: -1", "dataset.absent: is used only with the key labels"),
        (LABELS + "\nabsent: 2", "dataset.absent: .*-1"),
        (LABELS + "\nimages: photos", r"dataset.images: no such folder"),
        (LABELS.replace("t.csv", "u.csv"), r"dataset.table: no such file"),
    ],
)
def test_keys_that_do_not_fit_are_told(folder, text, fault):
    with pytest.raises(SpecError, match=fault):
        dataset_section(folder, text, check_files=True)
