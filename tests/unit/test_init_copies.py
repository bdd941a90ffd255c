"""inficond init on folders with copies of photos, and with labels and metadata in two tables."""

import shutil

import numpy as np
import pandas as pd
import pytest
from test_init import home, init, photos, refused  # noqa: F401

from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.store.near_images import contradictions
from precompute.datasets import load_dataset

pytestmark = pytest.mark.commands

COUNT = 40
NAMES = [f"{i:02d}.png" for i in range(COUNT)]


@pytest.fixture
def folder(home):  # noqa: F811
    """Photos beside a table of labels by file name; every photo of the second half is a copy of one
    of the first half, with equal labels."""
    photos(home / "data" / "images", NAMES[: COUNT // 2])
    for first, copy in zip(NAMES, NAMES[COUNT // 2 :], strict=False):
        shutil.copy(home / "data" / "images" / first, home / "data" / "images" / copy)
    write_labels(home / "data", "file", np.arange(COUNT) % 2)
    return home / "data"


def write_labels(folder, key, dog):
    frame = pd.DataFrame({key: NAMES, "dog": dog, "cat": np.arange(COUNT) // 2 % 2})
    frame.to_csv(folder / "labels.csv", index=False)


def write_metadata(folder, key, names=NAMES, **columns):
    frame = pd.DataFrame({key: names, "site": ["A", "B"] * (len(names) // 2), **columns})
    frame.to_csv(folder / "metadata.csv", index=False)


def test_shares_by_chance_keep_copies_together(folder, capsys):
    spec, _ = init(capsys, "data")
    dataset = load_dataset(spec.dataset)
    split = dict(zip(dataset.ids, dataset.split, strict=True))
    assert all(split[f"{i:02d}"] == split[f"{i + COUNT // 2:02d}"] for i in range(COUNT // 2))


def test_the_proposed_shares_pass_the_check(folder, capsys):
    init(capsys, "data")
    assert main(["check", "data.yaml"]) == 0


def test_shares_divide_copies_that_may_lie_across_splits(folder, capsys):
    spec, _ = init(capsys, "data")
    section = spec.dataset.model_copy(update={"across_splits": "allow"})
    dataset = load_dataset(section)
    split = dict(zip(dataset.ids, dataset.split, strict=True))
    assert any(split[f"{i:02d}"] != split[f"{i + COUNT // 2:02d}"] for i in range(COUNT // 2))


def test_copies_with_other_labels_are_told_with_the_first(folder, capsys):
    dog = np.arange(COUNT) % 2
    dog[COUNT // 2] = 1  # a copy of 00.png, which is no dog
    write_labels(folder, "file", dog)
    told = "In 1 group of near-equal images labels contradict each other: 20 (dog) = 00 (not dog)."
    assert told in init(capsys, "data")[1]
    main(["check", "data.yaml"])
    assert told in capsys.readouterr().err


def test_copies_with_equal_labels_are_no_contradiction(folder, capsys):
    assert "contradict" not in init(capsys, "data")[1]


def test_contradictions_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 12, 60)
    group = np.array([np.flatnonzero(first == each)[0] for each in first])
    label = rng.choice([-1, 0, 1], size=(60, 3), p=[0.6, 0.2, 0.2])
    pairs = {
        group[i]
        for i in range(60)
        for j in range(60)
        if group[i] == group[j] and ((label[i] == 1) & (label[j] == 0)).any()
    }
    found = contradictions(group, label, [str(i) for i in range(60)], list("abc"))
    assert {group[int(text.partition(" ")[0])] for text in found} == pairs
    assert len(found) == len(pairs)


@pytest.mark.parametrize("key", ["file", "filename", "path", "image", "image_id"])
@pytest.mark.parametrize("labelled_by", ["file", "name", "image_path"])
def test_metadata_beside_labels_by_file_name_are_taken(folder, capsys, labelled_by, key):
    write_labels(folder, labelled_by, np.arange(COUNT) % 2)
    write_metadata(folder, key)
    spec, _ = init(capsys, "data")
    dataset = load_dataset(spec.dataset)
    assert spec.dataset.metadata_table == folder / "metadata.csv"
    assert dict(zip(dataset.ids, dataset.metadata[:, 0], strict=True))["01"] == "B"


def test_metadata_of_both_tables_are_joined(folder, capsys):
    write_labels(folder, "file", np.arange(COUNT) % 2)
    labels = pd.read_csv(folder / "labels.csv", dtype=str)
    labels["camera"] = ["x", "y", "y", "x"] * (COUNT // 4)
    labels.to_csv(folder / "labels.csv", index=False)
    write_metadata(folder, "file")
    dataset = load_dataset(init(capsys, "data")[0].dataset)
    assert dataset.metadata_columns == ("camera", "site")
    assert dataset.metadata[dataset.ids.index("02")].tolist() == ["y", "A"]


def test_splits_are_taken_from_the_metadata_beside(folder, capsys):
    write_metadata(folder, "file", split=["train", "val"] * (COUNT // 2))
    spec, _ = init(capsys, "data")
    section = spec.dataset.model_copy(update={"across_splits": "allow"})
    dataset = load_dataset(section)
    split = dict(zip(dataset.ids, dataset.split, strict=True))
    assert {name for name in split if split[name] == "fit"} == {name[:-4] for name in NAMES[::2]}


def test_a_table_of_splits_with_yes_and_no_is_metadata_beside_the_labels(home, capsys):  # noqa: F811
    photos(home / "data" / "images", NAMES)
    table = pd.DataFrame({"image_id": [name[:-4] for name in NAMES], "dog": [0, 1] * 20})
    table.to_csv(home / "data" / "labels.csv", index=False)
    table = table.assign(dog=["yes", "no"] * 20, part=["train"] * 20 + ["val"] * 20)
    table.rename(columns={"dog": "car"}).to_csv(home / "data" / "parts.csv", index=False)
    dataset = load_dataset(init(capsys, "data")[0].dataset)
    assert dataset.metadata_columns == ("car", "part")


def test_metadata_that_lack_a_photo_are_not_used_with_the_reason(folder, capsys):
    write_metadata(folder, "file", NAMES[:-2])
    spec, out = init(capsys, "data")
    assert spec.dataset.metadata_table is None
    assert "not used: metadata.csv, as it has no row for some photos" in out


@pytest.mark.parametrize(
    ("table", "where"),
    [("data/metadata.csv", "a table in the folder"), ("other.csv", "if it lies in the folder")],
)
def test_the_flag_metadata_beside_a_folder_says_what_init_finds(folder, capsys, table, where):
    write_metadata(folder, "file")
    assert where in refused(capsys, "data", "--metadata", table)


def test_photos_that_are_all_equal_are_named_as_why_a_split_is_empty(folder, capsys):
    spec, _ = init(capsys, "data")
    for name in NAMES[1:]:
        shutil.copy(folder / "images" / NAMES[0], folder / "images" / name)
    with pytest.raises(DataError, match="40 of 40 images are equal or of one group") as raised:
        load_dataset(spec.dataset)
    assert "across_splits: allow" in str(raised.value)
