"""A folder for each class."""

import pytest
from PIL import Image
from precompute_factory import dataset_section

from inficond_panel.errors import DataError, SpecError
from precompute.datasets import load_dataset

PARTS = "kind: folder\nroot: .\nsplits: {fit: train, tune: {from: val, share: 0.5}, holdout: rest}"
WHOLE = (
    "kind: folder\nroot: .\n"
    "splits: {fit: {from: all, share: 0.5}, tune: {from: all, share: 0.25}, holdout: rest}"
)


def photos(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5)).save(folder / name)


def test_folders_of_splits_that_hold_folders_of_classes(tmp_path):
    photos(
        tmp_path, "train/cat/1.jpg", "train/cat/deep/2.png", "train/train/1.jpg",
        "val/dog/1.jpg", "val/cat/1.jpg", "val/.trash/9.jpg", "val/loose.jpg",
    )  # fmt: skip
    (tmp_path / "val" / "cat" / "Thumbs.db").write_bytes(b"")
    dataset = load_dataset(dataset_section(tmp_path, PARTS, check_files=False))
    assert dataset.classes == ("cat", "dog", "train")
    assert dataset.ids[:3] == ("train/cat/1", "train/cat/deep/2", "train/train/1")
    assert sorted(dataset.ids[3:]) == ["val/cat/1", "val/dog/1"]
    label = dict(zip(dataset.ids, dataset.label.tolist(), strict=True))
    assert label["train/train/1"] == [0, 0, 1]
    assert label["val/dog/1"] == [0, 1, 0]
    assert dataset.load(1).size == (6, 5)
    assert dataset.notes == (
        f"1 images of {tmp_path / 'val'} are left out: they are in no class folder.",
    )


def test_a_class_called_train_without_folders_of_splits(tmp_path):
    photos(tmp_path, *(f"{name}/{i}.jpg" for name in ("train", "car") for i in range(4)))
    dataset = load_dataset(dataset_section(tmp_path, WHOLE))
    assert dataset.classes == ("car", "train")
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [4, 2, 2]
    assert dataset.label.sum(0).tolist() == [4, 4]


def test_chosen_classes_leave_the_others_images_without_a_class(tmp_path):
    photos(tmp_path, *(f"{name}/{i}.jpg" for name in "abc" for i in range(4)))
    dataset = load_dataset(dataset_section(tmp_path, f"{WHOLE}\nclasses: [c, a]"))
    assert dataset.classes == ("c", "a")
    assert dataset.label.sum(0).tolist() == [4, 4]
    assert len(dataset.ids) == 12
    with pytest.raises(DataError, match="no class 'd'; available: a, b, c"):
        load_dataset(dataset_section(tmp_path, f"{WHOLE}\nclasses: [d]"))


def test_what_is_wrong_with_folders_is_told(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(SpecError, match=r"splits.tune.*no such folder: .*/val"):
        dataset_section(tmp_path, PARTS, check_files=True)
    with pytest.raises(DataError, match=r"/val/?, cannot be read"):
        load_dataset(dataset_section(tmp_path, PARTS))
    with pytest.raises(DataError, match="has no class"):
        load_dataset(dataset_section(tmp_path, WHOLE))
    photos(tmp_path, "train/a/1.jpg", "train/a/1.png", "val/a/2.jpg")
    with pytest.raises(DataError, match="several files for 1 images, the first are train/a/1"):
        load_dataset(dataset_section(tmp_path, PARTS))
    both = PARTS.replace("from: val", "from: all")
    with pytest.raises(DataError, match="mixes all with the folder train"):
        load_dataset(dataset_section(tmp_path, both))
