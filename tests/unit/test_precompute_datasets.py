"""Tables of labels beside photos, and one table read by its columns."""

import pytest
from PIL import Image
from precompute_factory import CLASSES, dataset_section, photo_set

from inficond_panel.errors import DataError, SpecError
from precompute.datasets import labels as of_labels
from precompute.datasets import load_dataset

SPLITS = "splits: {fit: fit.txt, tune: tune.txt, holdout: holdout.txt}"
TABLE = f"kind: table\nroot: photos\nlabels: labels.csv\n{SPLITS}"


@pytest.fixture
def table(tmp_path):
    photo_set(tmp_path, 6)
    return dataset_section(tmp_path, TABLE)


def lists(table, **ids):
    for split in ("fit", "tune", "holdout"):
        (table.root / f"{split}.txt").write_text("\n".join(ids[split]))


@pytest.fixture
def of_table(table):
    """The data set of a table whose names have leading zeros."""
    lists(table, fit=["00004", "00001"], tune=["00000"], holdout=["00003"])
    return load_dataset(table)


def test_names_of_a_table_keep_leading_zeros(of_table):
    assert of_table.ids == ("00004", "00001", "00000", "00003")


def test_images_of_a_table_are_in_the_order_of_the_splits(of_table):
    assert of_table.split == ("fit", "fit", "tune", "holdout")


def test_labels_of_a_table_are_by_class(of_table):
    assert of_table.classes == CLASSES
    assert of_table.label.tolist() == [[0, 0], [1, 0], [0, 0], [1, 1]]


def test_a_photo_of_a_table_is_loaded(of_table):
    assert of_table.load(0).size == (80, 60)


def test_digests_of_two_photos_differ(of_table):
    assert of_table.digest(0) != of_table.digest(1)


def test_two_files_of_one_image_are_refused(table, of_table):
    Image.new("RGB", (5, 5)).save(table.images / "00001.png")
    with pytest.raises(DataError, match="several files for 1 image, the first are 00001"):
        load_dataset(table)


@pytest.fixture
def with_empty(table):
    """The data set of a table with an empty cell, of files of two kinds."""
    lists(table, fit=["00000.jpg"], tune=["b"], holdout=["c"])
    for name in "bc":
        Image.new("RGB", (5, 5)).save(table.images / f"{name}.PNG", "PNG")
    table.labels.write_text("image_id,x\n00000.jpg,\nb,1.0\nc,0\n")
    return load_dataset(table)


def test_an_empty_cell_is_no_label(with_empty):
    assert with_empty.label.tolist() == [[-1], [1], [0]]


def test_a_name_may_have_its_suffix_or_none(with_empty):
    assert [with_empty.load(i).size for i in range(2)] == [(50, 90), (5, 5)]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_may_be_true_or_false_between_any_marks(table, mark):
    lists(table, fit=["00000"], tune=["00001"], holdout=["00002"])
    rows = ["image_id|x|y", "00000|True|FALSE", "00001|false|", "00002|1|0"]
    table.labels.write_text("\n".join(rows).replace("|", mark), encoding="utf-8-sig")
    assert load_dataset(table).label.tolist() == [[1, 0], [0, -1], [1, 0]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list_attr.txt", "3\nx y\n00000  1 -1\n00001 -1  0\n\n00002  1  1\n"),
        ("list_attr.txt", "3\nimage_id x y\n00000 1 -1\n00001 -1 0\n00002 1 1"),
        ("labels.csv", "image_id,x,y\n00000,1,-1\n00001,-1,0\n00002,1,1"),
        ("labels.txt", "image_id,x,y\n00000,1,-1\n00001,-1,0\n00002,1,1"),
    ],
    ids=["blanks", "blanks with a header", "csv", "csv in a txt"],
)
def test_minus_one_may_be_absent(table, name, text):
    lists(table, fit=["00000"], tune=["00001"], holdout=["00002"])
    table.labels, table.absent = table.labels.with_name(name), -1
    table.labels.write_text(text)
    dataset = load_dataset(table)
    assert dataset.classes == ("x", "y")
    assert dataset.label.tolist() == [[1, 0], [0, -1], [1, 1]]


def test_classes_that_differ_only_in_case_are_told(table):
    lists(table, fit=["00000"], tune=["00001"], holdout=["00002"])
    table.labels.write_text("image_id,Dog,dog\n00000,1,0\n00001,0,1\n00002,1,1")
    assert "Classes that differ only in case: Dog, dog;" in load_dataset(table).notes[-1]


@pytest.mark.parametrize(
    "image", ["../../private", "../images2/x", "{folder}/private", "a/../../x", ".."]
)
def test_an_image_outside_of_the_folder_is_refused(table, tmp_path, image):
    Image.new("RGB", (5, 5)).save(tmp_path / "private.jpg")
    image = image.format(folder=tmp_path)
    lists(table, fit=["00000"], tune=["00001"], holdout=[image])
    table.labels.write_text(f"image_id,x\n00000,1\n00001,0\n{image},0\n")
    with pytest.raises(DataError, match=rf"labels\.csv:4: the image '{image}' is outside of"):
        load_dataset(table)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("image_id,x\n,1\n", "labels.csv:2: the image has no name"),
        ("image_id,x\na,2\n", r"labels.csv:2: 'x' of image 'a' is '2'; expected 1, 0"),
        ("image_id,x\na,1\na,1\n", r"labels.csv:3: the image 'a' is listed twice .*line 2"),
        ("image_id,x\na,1,0\n", "3 cells, but the header has 2"),
        ("place,x\na,1\n", "expected the header image_id"),
        ("image_id,x,x\na,1,1\n", "column 3 is called 'x'"),
        ("image_id,x\n", "lists no image"),
        ("", "expected the header image_id"),
    ],
)
def test_a_faulty_table_is_refused_by_line(table, text, fault):
    table.labels.write_text(text)
    with pytest.raises(DataError, match=fault):
        load_dataset(table)


def test_splits_by_a_column_of_the_metadata(tmp_path):
    photo_set(tmp_path, 6)
    rows = [f"{i:05d},{('train', 'test')[i % 2]},{i // 2}" for i in range(5)]
    (tmp_path / "photos" / "m.csv").write_text("\n".join(["image_id,part,fold", *rows]))
    splits = """metadata: m.csv
splits:
  fit: {column: part, value: train}
  tune: {column: fold, value: [0, 1], share: 0.5}
  holdout: rest"""
    text = TABLE.replace(SPLITS, splits)
    with pytest.raises(DataError, match="images in the split fit and in"):
        load_dataset(dataset_section(tmp_path, text))
    text = text.replace("fold, value: [0, 1]", "part, value: test")
    dataset = load_dataset(dataset_section(tmp_path, text))
    assert dataset.ids[:3] == ("00000", "00002", "00004")
    assert set(dataset.ids[3:]) == {"00001", "00003"}
    assert "1 of 6 images are in no split" in dataset.notes[0]
    assert dataset.metadata_columns == ("part", "fold")
    for old, new, fault in (
        ("part, value: train", "prt, value: train", "no column 'prt'.*: part, fold"),
        ("value: train", "value: trai", r"has 'trai' in .*available: 'test', 'train'"),
    ):
        with pytest.raises(DataError, match=fault):
            load_dataset(dataset_section(tmp_path, text.replace(old, new)))


def test_lists_name_photos_by_their_folders(tmp_path):
    photo_set(tmp_path, 3)
    images = tmp_path / "photos" / "images"
    for name in ("a b/1.jpg", "a b/2.x.png", "c/1.jpg", ".hidden/1.jpg"):
        (images / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8 + len(name), 8)).save(images / name)
    (images / "loop").symlink_to(images)
    (tmp_path / "photos" / "labels.csv").write_text("image_id,x\na b/1,1\na b/2.x,0\nc/1.jpg,1\n")
    section = dataset_section(tmp_path, TABLE)
    lists(section, fit=["a b/1"], tune=["a b/2.x"], holdout=["c/1.jpg"])
    dataset = load_dataset(section)
    assert [dataset.load(i).width for i in range(3)] == [17, 19, 15]


def test_metadata_is_text_in_the_order_of_the_images_with_a_row_for_each(table):
    lists(table, fit=["00004", "00001"], tune=["00000"], holdout=["00003"])
    assert load_dataset(table).metadata is None
    table.metadata = table.root / "metadata.csv"
    rows = ["image_id,camera,year", "00000,a,01", "00001,,2", "00003,b b,", "00004,a,3", "x,y,z"]
    table.metadata.write_text("\n".join(rows))
    dataset = load_dataset(table)
    assert dataset.metadata_columns == ("camera", "year")
    assert dataset.metadata.tolist() == [["a", "3"], ["", "2"], ["a", "01"], ["b b", ""]]
    for text, fault in (
        ("image_id,c\n00000,a\n00003,b\n", "no row for 2 images of the data set.*00004, 00001"),
        ("image_id,c\n00000,a\n00003,b,c\n", r"metadata.csv:3: 3 cells, but the header has 2"),
        ("place,camera\n", "image_id .*, then columns of text"),
    ):
        table.metadata.write_text(text)
        with pytest.raises(DataError, match=fault):
            load_dataset(table)


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


def test_columns_give_splits_labels_with_metadata(folder):
    dataset = load_dataset(dataset_section(folder, LABELS, check_files=True))
    assert dataset.ids == ("a/1", "a/2", "b/1", "b/2")
    assert dataset.split == ("fit", "fit", "tune", "holdout")
    assert dataset.classes == ("dog", "cat")
    assert dataset.label.tolist() == [[1, 1], [-1, 0], [0, 0], [1, 0]]
    assert dataset.metadata_columns == ("camera",)
    assert dataset.metadata.ravel().tolist() == ["x", "y", "", "x"]
    assert [dataset.load(i).width for i in range(4)] == [5, 6, 7, 8]


def test_another_value_may_mean_absent(folder):
    text = CSV.replace(",1,1,x", ",1,-1,x").replace(",,0,,y", ",,0,1.0,y")
    (folder / "t.csv").write_text(text.replace("none,0,0,", "none,-1.0,,"))
    dataset = load_dataset(dataset_section(folder, f"{LABELS}\nabsent: -1"))
    assert dataset.label.tolist() == [[0, 1], [1, -1], [-1, 0], [1, -1]]


def test_a_column_of_names_gives_the_labels(folder):
    dataset = load_dataset(dataset_section(folder, NAMES))
    assert dataset.classes == ("cat", "dog", "none")
    assert dataset.label.tolist() == [[1, 1, 0], [-1, -1, -1], [0, 0, 1], [1, 1, 0]]
    assert dataset.metadata is None


def test_classes_may_be_chosen_among_names(folder):
    dataset = load_dataset(dataset_section(folder, f"{NAMES}\nclasses: [dog, cat]"))
    assert dataset.label.tolist() == [[1, 1], [-1, -1], [0, 0], [1, 1]]


@pytest.fixture
def parquet_text(folder):
    """A spec over a Parquet file with lists, numbers, true or false, and nulls."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "file": ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.png"],
        "id": [7, 8, 9, 10],
        "fold": [0.0, 0.0, 1.0, 2.0],
        "tags": [["dog", "cat"], None, [], ["cat"]],
        "dog": pyarrow.array([True, None, False, False]),
        "cat": pyarrow.array([1.0, float("nan"), 0.0, 1.0]),
    }
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet")
    text = BASE.replace("column: part", "column: fold") + "table: t.parquet\nimage_id: id\n"
    for split, value in (("train", "0"), ("val", "1"), ("[test]", "2")):
        text = text.replace(f"value: {split}", f"value: {value}")
    return text


def test_numbers_of_parquet_are_names(folder, parquet_text):
    dataset = load_dataset(dataset_section(folder, parquet_text + "label: tags"))
    assert dataset.ids == ("7", "8", "9", "10")


def test_numbers_of_parquet_are_splits(folder, parquet_text):
    dataset = load_dataset(dataset_section(folder, parquet_text + "label: tags"))
    assert dataset.split == ("fit", "fit", "tune", "holdout")


@pytest.mark.parametrize("keys", ["label: tags", "labels: [cat, dog]"])
def test_lists_of_parquet_or_its_columns_are_labels(folder, parquet_text, keys):
    dataset = load_dataset(dataset_section(folder, parquet_text + keys))
    assert dataset.label.tolist() == [[1, 1], [-1, -1], [0, 0], [1, 0]]


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
def test_keys_that_do_not_fit_are_refused(folder, text, fault):
    with pytest.raises(SpecError, match=fault):
        dataset_section(folder, text, check_files=True)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("file,part", "name,part", "no column 'file'; available: name, part"),
        ("a/2.jpg", "", r"t.csv:3: the path of the image is empty"),
        ("a/2.jpg", "a/1.jpg", r"t.csv:3: the image 'a/1' is listed twice \(first on line 2\)"),
        (",1,1,x", ",often,1,x", r"t.csv:2: 'cat' is 'often'; expected 1, 0 or nothing"),
        ("a/1.jpg,train,", "a/1.jpg,", "t.csv:2: 5 cells, but the header has 6"),
        ("val", "va", "No image has 'val' in the column 'part'; available: 'test', 'train', 'va'"),
        (CSV.partition("\n")[2], "", "lists no image"),
    ],
)
def test_rows_that_do_not_fit_are_refused(folder, old, new, fault):
    (folder / "t.csv").write_text(CSV.replace(old, new, 1))
    with pytest.raises(DataError, match=fault):
        load_dataset(dataset_section(folder, LABELS))


def test_the_key_of_a_label_s_name_is_made_once(monkeypatch):
    names = []
    key = of_labels.name_key
    monkeypatch.setattr(of_labels, "name_key", lambda name: names.append(name) or key(name))
    of_labels.label_matrix(range(100), ["cat"], {i: {"cat ": 1} for i in range(100)})
    assert names == ["cat", "cat "]


def test_labels_of_equal_names_are_one_label():
    labels = of_labels.label_matrix(["a"], ["cat", "dog"], {"a": {"cat": 0, "cat ": 1}})
    assert labels.tolist() == [[1, 0]]
