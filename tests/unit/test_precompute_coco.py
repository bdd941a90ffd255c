"""COCO's JSON: what is present, what is dropped, and what is told."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from precompute_factory import dataset_section

from inficond_panel.errors import DataError, SpecError
from inficond_panel.store.images import UnreadableImage
from precompute.datasets import load_dataset
from precompute.datasets.published import Boxes

TEXT = """kind: coco
root: coco
annotations: [annotations/instances_train2017.json, annotations/instances_val2017.json]
splits: {fit: instances_train2017, tune: {from: instances_val2017, share: 0.5}, holdout: rest}"""
CATEGORIES = [
    {"id": 18, "name": "dog", "supercategory": "animal"},
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 7, "name": "train", "supercategory": "vehicle"},
]


def annotation(image, category, crowd=0):
    outline = {"counts": [1, 2], "size": [3, 3]} if crowd else [[0.5, 1.5, 2.5, 3.5]]
    return {
        "id": 100 * image + category, "image_id": image, "category_id": category,
        "iscrowd": crowd, "segmentation": outline, "bbox": [0, 0, 1, 1],
    }  # fmt: skip


def image(number, name=""):
    return {"id": number, "file_name": name or f"{number:012d}.jpg", "height": 4, "width": 5}


@pytest.fixture
def coco(tmp_path):
    root = tmp_path / "coco"
    for folder in ("annotations", "train2017/sub", "val2017"):
        (root / folder).mkdir(parents=True)
    write(
        root, "train2017", [image(9), image(5, "sub/five.png")],
        [annotation(9, 1), annotation(9, 18, crowd=1), annotation(9, 1, crowd=1)],
    )  # fmt: skip
    write(
        root, "val2017", [image(i) for i in (11, 12)],
        [annotation(12, 7), annotation(12, 7, crowd=1)],
    )  # fmt: skip
    for place, width in [
        ("train2017/000000000009.jpg", 9),
        ("train2017/sub/five.png", 5),
        ("val2017/000000000011.jpg", 11),
    ]:
        Image.new("RGB", (width, 4)).save(root / place)
    return tmp_path


def write(root, name, images, annotations, categories=CATEGORIES):
    document = {
        "info": {"year": 2017}, "licenses": [], "images": images,
        "annotations": annotations, "categories": categories,
    }  # fmt: skip
    (root / "annotations" / f"instances_{name}.json").write_text(json.dumps(document))


def test_images_labels_and_splits(coco):
    dataset = load_dataset(dataset_section(coco, TEXT))
    assert dataset.classes == ("person", "train", "dog")
    assert dataset.ids[:2] == ("000000000009", "sub/five")
    assert dataset.split[:2] == ("fit", "fit")
    assert sorted(dataset.split[2:]) == ["holdout", "tune"]
    label = dict(zip(dataset.ids, dataset.label.tolist(), strict=True))
    assert label["000000000009"] == [1, 0, 1]
    assert label["sub/five"] == [0, 0, 0]
    assert label["000000000012"] == [0, 1, 0]
    widths = {}
    for i, name in enumerate(dataset.ids):
        try:
            widths[name] = dataset.load(i).width
        except UnreadableImage as told:
            widths[name] = str(told)
    assert widths == {
        "000000000009": 9, "sub/five": 5, "000000000011": 11, "000000000012": "no such file",
    }  # fmt: skip


def test_only_crowds_may_be_ignored_and_ids_be_numbers(coco):
    text = f"{TEXT}\ncrowd: ignored\nimage_id: number\nclasses: [dog, person]"
    dataset = load_dataset(dataset_section(coco, text))
    assert dataset.classes == ("dog", "person")
    assert dataset.ids[:2] == ("9", "5")
    assert dataset.label[:2].tolist() == [[-1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "in line 1, column 2"),
        ("[" * 100_000, "(recursion|Stack overflow)"),
        ("[]", "it has no list 'categories'"),
        ('{"categories": [], "images": {}}', "it has no list 'images'"),
        ('{"categories": [3]}', r"categories\[0\] lacks id or name"),
        ('{"categories": [{"id": 1, "name": ""}]}', r"categories\[0\] lacks id or name"),
        ('{"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}', "'b' or its id is li"),
        ('{"categories": [], "images": [{"id": 1}]}', r"images\[0\] lacks id or file_name"),
    ],
)
def test_broken_files_are_told(coco, text, fault):
    (coco / "coco" / "annotations" / "instances_val2017.json").write_text(text)
    with pytest.raises(DataError, match=f"val2017.json is not a valid COCO file.*{fault}"):
        load_dataset(dataset_section(coco, TEXT))


@pytest.mark.parametrize(
    ("images", "annotations", "fault"),
    [
        ([image(3), image(3, "b.jpg")], [], r"image 'b' or its id 3 is listed twice"),
        ([image(3, "a.jpg"), image(4, "a.png")], [], r"image 'a' or its id 4 is listed twice"),
        ([image(3)], [annotation(4, 1)], "refers to the missing image 4"),
        ([image(3)], [annotation(3, 2)], "refers to the missing category 2"),
        ([image(9)], [], r"1 images are in .*val2017.json and in another.* 000000000009"),
    ],
)
def test_files_that_contradict_themselves_are_told(coco, images, annotations, fault):
    write(coco / "coco", "val2017", images, annotations)
    with pytest.raises(DataError, match=fault):
        load_dataset(dataset_section(coco, TEXT))


def test_categories_and_lists_that_are_not_there_are_told(coco):
    with pytest.raises(DataError, match="no class 'cat'; available: person, train, dog"):
        load_dataset(dataset_section(coco, f"{TEXT}\nclasses: [cat]"))
    with pytest.raises(SpecError, match=r"splits.fit: no file of .*'instances_trian2017'. Did"):
        dataset_section(coco, TEXT.replace("fit: instances_train", "fit: instances_trian"))
    with pytest.raises(SpecError, match=r"annotations: no such file: .*instances_val2018.json"):
        dataset_section(coco, TEXT.replace("val2017", "val2018"), check_files=True)


def test_a_file_outside_of_the_data_set_is_told(tmp_path, coco):
    root = tmp_path / "coco"
    Image.new("RGB", (5, 5)).save(tmp_path / "private.jpg")
    for name in ("../private.jpg", str(tmp_path / "private.jpg")):
        write(root, "val2017", [image(11, name), image(12)], [annotation(12, 7)])
        with pytest.raises(DataError, match=f"the file '{name}' is outside of {root}"):
            load_dataset(dataset_section(tmp_path, TEXT))


def test_boxes_beside_the_photo_mark_nothing():
    found = [("dog", -4.0, 0.0, 3.0, 2.0), ("dog", 0.0, -4.0, 2.0, 3.0), ("dog", -1.0, 1.0, 2.0, 1)]
    mask = Boxes(Path("a.json"), {"1": (5, 4)}, {"1": found}).mask("1", {"dog"})
    assert [tuple(at) for at in np.argwhere(mask).tolist()] == [(1, 0)]  # of the last one alone
