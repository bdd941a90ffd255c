"""Names of images in data files: POSIX or Windows, with or without suffix, relative or absolute."""

import json

import numpy as np
import pytest
from PIL import Image
from precompute_factory import dataset_section, write_table

from inficond_panel.errors import DataError
from precompute.datasets import load_dataset, photo_files
from precompute.datasets.photo_files import (
    PhotoFiles,
    id_finder,
    image_files,
    names_below,
    posix_name,
)

PHOTOS = ("train/1.jpg", "train/2.jpg", "test/3.jpg", "test/4.jpg")


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(PHOTOS, 1):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (number, 5)).save(tmp_path / "photos" / name)
    return tmp_path


def folder_per_patient(folder, patients):
    """Files of one name, each in the folder of its patient."""
    for patient in range(patients):
        (folder / f"p{patient}").mkdir()
        (folder / f"p{patient}" / "image.jpg").touch()
    return [f"p{patient}/image" for patient in range(patients)]


def test_files_of_one_name_are_compared_with_their_own_row_alone(tmp_path, monkeypatch):
    names = folder_per_patient(tmp_path, 100)
    compared = []
    start = photo_files._start
    monkeypatch.setattr(photo_files, "_start", lambda *pair: compared.append(pair) or start(*pair))
    PhotoFiles(tmp_path).start_of(names, tmp_path / "labels.csv")
    assert len(compared) == 100


def test_folders_are_counted_on_a_sample_of_names(tmp_path):
    names = folder_per_patient(tmp_path, 1)
    assert PhotoFiles(tmp_path).starts(names * 100_000)["."] <= 500


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", ["a", "a/b", "b"]),
        ("1.jpg", ["a", "b"]),
        ("b/1", [".", "a"]),
        ("b/1.png", ["a"]),
        ("/x/b/1.jpg", ["."]),
        ("b\\1.jpg", ["."]),
        ("11", []),
        ("bb/1", []),
    ],
)
def test_the_folders_that_a_name_starts_from(tmp_path, name, expected):
    for file in ("a/1.jpg", "a/b/1.png", "b/1.jpg", "a/111.jpg"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert sorted(PhotoFiles(tmp_path).starts([name])) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train/1.jpg", "train/1.jpg"),
        ("train\\1.jpg", "train/1.jpg"),
        (".\\train\\1.jpg", "train/1.jpg"),
        ("./train/1.jpg", "train/1.jpg"),
        ("C:\\data\\1.jpg", "/data/1.jpg"),
        ("d:/data/1.jpg", "/data/1.jpg"),
        ("\\\\server\\share\\1.jpg", "/server/share/1.jpg"),
        ("/data/1.jpg", "/data/1.jpg"),
        ("..\\1.jpg", "../1.jpg"),
        ("cat: 1.jpg", "cat: 1.jpg"),
        ("", ""),
    ],
)
def test_a_name_is_read_as_posix_or_windows(name, expected):
    assert posix_name(name) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/1.jpg"], ["train/1.jpg"]),
        (["C:\\a\\train\\1.jpg", "C:\\a\\test\\3.jpg"], ["train/1.jpg", "test/3.jpg"]),
        (["/train/1.jpg", "/train/9.jpg"], ["train/1.jpg", "train/9.jpg"]),
        (["/b/train/9.jpg", "/b/train/1.jpg"], ["train/9.jpg", "train/1.jpg"]),
        (["/a/test/1.jpg", "/a/train/1.jpg"], ["test/1.jpg", "train/1.jpg"]),
        (["/a/9.jpg"], ["/a/9.jpg"]),
        ([], []),
    ],
)
def test_absolute_names_lose_the_folders_that_all_share(names, expected):
    assert names_below(names, PHOTOS.__contains__) == expected


@pytest.mark.parametrize(
    ("ids", "name", "expected"),
    [
        (["train/1"], "train\\1.jpg", "train/1"),
        (["train/1", "1"], "C:\\data\\train\\1.jpg", "train/1"),
        (["/data/train/1.jpg"], "train/1", "/data/train/1.jpg"),
        (["train\\1.jpg"], "train/1", "train\\1.jpg"),
        (["1.jpg", "1.png"], "1", "1"),
        (["a.b"], "a.b", "a.b"),
    ],
)
def test_an_id_is_found_by_each_form_of_its_name(ids, name, expected):
    assert id_finder(ids)(name) == expected


def test_a_file_whose_name_has_a_backslash_is_found(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "train\\1.jpg")  # as unpacked from a ZIP of Windows
    assert PhotoFiles(tmp_path).paths(["train/1.jpg"]) == [tmp_path / "train\\1.jpg"]


@pytest.mark.parametrize(
    "place",
    ["@eaDir", ".thumbnails", "__MACOSX", "lost+found", "$RECYCLE.BIN", "#recycle",
     "System Volume Information", "cat/@eaDir"],
)  # fmt: skip
def test_folders_of_systems_hold_no_images(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / place / "1.jpg")
    assert image_files(tmp_path) == []


def in_windows(names):
    return [f"C:\\data\\{name.replace('/', chr(92))}" for name in names]


SPLITS = "splits: {fit: {from: all, share: 0.5}, tune: {from: all, share: 0.25}, holdout: rest}"


def widths(dataset):
    """Width of each photo by the image's id: 1 to 4, as its name says."""
    return {image: dataset.load(i).width for i, image in enumerate(dataset.ids)}


def test_a_table_of_labels_may_hold_windows_paths(folder):
    write_table(folder / "labels.csv", in_windows(PHOTOS), np.eye(4, 2, dtype=int))
    text = f"kind: table\nroot: .\nimages: photos\nlabels: labels.csv\n{SPLITS}"
    dataset = load_dataset(dataset_section(folder, text))
    assert widths(dataset) == {name: int(name[-5]) for name in PHOTOS}


def test_the_table_of_paths_may_hold_windows_paths(folder):
    rows = [f"{name},{i % 2}" for i, name in enumerate(in_windows(PHOTOS))]
    (folder / "all.csv").write_text("\n".join(["file,label", *rows]))
    keys = "kind: columns\nroot: .\nimages: photos\ntable: all.csv\npath: file\nlabel: label"
    text = f"{keys}\n{SPLITS}"
    dataset = load_dataset(dataset_section(folder, text))
    assert widths(dataset) == {name[:-4]: int(name[-5]) for name in PHOTOS}


@pytest.mark.parametrize("start", ["C:\\data\\", "", "\\\\server\\share\\", "E:/"])
def test_coco_may_hold_windows_paths(folder, start):
    document = {
        "images": [
            {"id": i, "file_name": f"{start}{name.replace('/', chr(92))}"}
            for i, name in enumerate(PHOTOS)
        ],
        "annotations": [{"image_id": i, "category_id": i % 2} for i in range(4)],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    (folder / "all.json").write_text(json.dumps(document))
    text = f"kind: coco\nroot: .\nimages: photos\nannotations: [all.json]\n{SPLITS}"
    dataset = load_dataset(dataset_section(folder, text))
    assert widths(dataset) == {name[:-4]: int(name[-5]) for name in PHOTOS}


@pytest.mark.parametrize("name", ["..\\..\\private.jpg", "C:\\..\\private.jpg"])
def test_a_windows_path_leads_to_no_file_outside_of_the_root(folder, name):
    document = {
        "images": [{"id": 1, "file_name": name}],
        "annotations": [{"image_id": 1, "category_id": 1}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (folder / "all.json").write_text(json.dumps(document))
    text = f"kind: coco\nroot: photos\nannotations: [../all.json]\n{SPLITS}"
    with pytest.raises(DataError, match=r"outside of"):
        load_dataset(dataset_section(folder, text))


def test_lists_and_metadata_may_hold_windows_paths(folder):
    ids = [name[:-4] for name in PHOTOS]
    write_table(folder / "labels.csv", ids, np.eye(4, 2, dtype=int))
    rows = [f"{name},{i}" for i, name in enumerate(in_windows(PHOTOS))]
    (folder / "places.csv").write_text("\n".join(["image_id,place", *rows]))
    for split, part in (("a", PHOTOS[:2]), ("b", PHOTOS[2:3]), ("c", PHOTOS[3:])):
        (folder / f"{split}.txt").write_text("\n".join(in_windows(part)))
    text = (
        "kind: table\nroot: .\nimages: photos\nlabels: labels.csv\nmetadata: places.csv\n"
        "splits: {fit: a, tune: b, holdout: c}"
    )
    dataset = load_dataset(dataset_section(folder, text))
    found = dict(zip(dataset.ids, zip(dataset.split, dataset.metadata[:, 0], strict=True),
                     strict=True))  # fmt: skip
    parts = ("fit", "fit", "tune", "holdout")
    assert found == {image: (parts[i], str(i)) for i, image in enumerate(ids)}


def test_splits_by_a_column_find_images_with_a_suffix(folder):
    write_table(folder / "labels.csv", [name[:-4] for name in PHOTOS], np.eye(4, 2, dtype=int))
    rows = [f"{name},{part}" for name, part in zip(PHOTOS, "aabc", strict=True)]
    (folder / "parts.csv").write_text("\n".join(["image_id,part", *rows]))
    value = "{{column: part, value: {}}}".format
    text = (
        "kind: table\nroot: .\nimages: photos\nlabels: labels.csv\nmetadata: parts.csv\n"
        f"splits: {{fit: {value('a')}, tune: {value('b')}, holdout: {value('c')}}}"
    )
    assert load_dataset(dataset_section(folder, text)).split == ("fit", "fit", "tune", "holdout")
