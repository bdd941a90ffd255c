"""inficond init: what it finds in a folder or in three tables; its specs pass ``check``."""

import json
import os
import tarfile
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pandas as pd
import pytest
from factory import small_store
from frames import frames
from PIL import Image
from precompute_factory import write_table
from ruamel.yaml import YAML

from inficond_panel.cli import main
from inficond_panel.common.installation import join
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset
from precompute.detect.foreign import check_libraries
from precompute.detect.layout import role_of
from precompute.detect.writing import value

pytestmark = pytest.mark.commands

CLASSES = ("cat", "train")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "open_clip_config.json").write_text("{}")
    (tmp_path / "encoder" / "open_clip_model.safetensors").write_bytes(b"")
    return tmp_path


@pytest.fixture
def data(home):
    """A folder with twenty photos and the table of their labels."""
    table(home / "data")
    return home / "data"


def photos(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(list(f"{folder}/{name}".encode())).integers(
            0, 256, (5, 6, 3)
        )
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)


def label(count):
    return np.array([[i % 2, (i // 2) % 2] for i in range(count)])


def init(capsys, *arguments):
    assert main(["init", *map(str, arguments)]) == 0
    out = capsys.readouterr().out
    file = next(line for line in out.splitlines() if line.startswith("Wrote"))
    path = file.removeprefix("Wrote ").removesuffix(". Next:")
    assert main(["check", path]) == 0
    capsys.readouterr()
    return load_spec(path), out


def refused(capsys, *arguments):
    assert main(["init", *map(str, arguments)]) == 1
    return capsys.readouterr().err


def logits(path, ids, classes=CLASSES):
    rng = np.random.default_rng(0)
    write_table(path, ids, np.round(rng.normal(size=(len(ids), len(classes))), 3), classes)


def table(folder, count=20):
    ids = [f"{i:03d}" for i in range(count)]
    photos(folder, [f"pictures/{name}.jpg" for name in ids])
    write_table(folder / "labels.csv", ids, label(count), CLASSES)
    return ids


def sizes(dataset):
    return [dataset.split.count(name) for name in ("fit", "tune", "holdout")]


@pytest.fixture
def begun(home, capsys) -> tuple:
    """The spec of photos beside a table, and what init said."""
    ids = table(home / "my data")
    logits(home / "my data" / "teacher_logits.csv", ids)
    spec, out = init(capsys, "my data")
    return spec, out


def test_init_finds_photos_beside_a_table(home, begun):
    spec, _ = begun
    assert (spec.path, spec.title) == (home / "my data.yaml", "my data")
    assert (spec.dataset.kind, spec.dataset.images.name) == ("table", "pictures")
    assert spec.teacher.path == home / "my data" / "teacher_logits.csv"
    assert spec.concepts.encoder.model == home / "encoder"


def test_init_writes_a_list_of_words(home, begun):
    spec, _ = begun
    assert spec.concepts.corpus == home / "my data.words.txt"
    assert len(spec.concepts.corpus.read_text().splitlines()) == 584


def test_init_divides_images_without_a_split(begun):
    spec, out = begun
    dataset = load_dataset(spec.dataset)
    assert sizes(dataset) == [12, 4, 4]
    assert dataset.label[np.array(dataset.split) == "tune"].sum(0).tolist() == [2, 2]
    assert "12 fit, 4 tune, 4 holdout (none found: 60, 20 and 20 %" in out


def test_init_says_what_to_run_next(begun):
    _, out = begun
    assert join(["inficond", "precompute", "my data.yaml"]) in out


def test_a_spec_of_init_names_the_schema_for_editors(begun):
    first = begun[0].path.read_text().splitlines()[0]
    schema = Path(urlparse(first.removeprefix("# yaml-language-server: $schema=")).path)
    assert json.loads(schema.read_text(encoding="utf-8"))["title"] == "The spec"


def test_a_spec_of_init_explains_its_keys(begun):
    spec, _ = begun
    text = spec.path.read_text()
    assert "# students are fitted on these" in text
    assert "belongs in fit, and only there" in text


def test_a_split_by_chance_is_said_to_share_every_bias(home, capsys):
    logits(home / "teacher_logits.csv", table(home / "photos"))
    _, out = init(capsys, "photos", "--teacher", "teacher_logits.csv")
    assert out.count("Splits by chance share every bias of the images") == 1


def test_splits_of_the_folder_are_not_said_to_share_every_bias(data, capsys):
    ids = [f"{i:03d}" for i in range(20)]
    logits(data.parent / "z.csv", ids)
    (data / "train.txt").write_text("\n".join(ids[:12]))
    (data / "test.txt").write_text("\n".join(ids[12:]))
    _, out = init(capsys, "data", "--teacher", "z.csv")
    assert "Splits by chance" not in out


@pytest.fixture
def listed(data, capsys):
    """The spec of a folder with a table of labels, two lists of images, a column of metadata and
    captions beside it; and what ``init`` says."""
    ids = [f"{i:03d}" for i in range(20)]
    logits(data.parent / "z.csv", ids)
    (data / "train.txt").write_text("\n".join(ids[:12]))
    (data / "test.txt").write_text("\n".join(ids[12:]))
    (data / "notes.txt").write_text("nothing of that sort")
    rows = ["image_id,place", *(f"{name},p{i % 3}" for i, name in enumerate(ids))]
    (data / "places.csv").write_text("\n".join(rows))
    rows = ["image_id,caption", *(f"{name},photo no. {name}" for name in ids)]
    (data / "captions.csv").write_text("\n".join(rows))
    return init(capsys, "data", "--teacher", "z.csv", "--output", "my.yaml", "--title", "A: b")


def test_the_title_that_is_given_is_in_the_spec(listed):
    assert listed[0].title == "A: b"


def test_metadata_beside_the_table_are_found(listed):
    spec, out = listed
    assert spec.dataset.metadata.name == "places.csv"
    assert "\nmetadata  place of places.csv, for inficond metrics --by\n" in out


@pytest.mark.parametrize("first", ["image_id", "file", "filename", "path", "image"])
def test_metadata_by_any_name_of_an_image_are_taken(home, capsys, first):
    ids = table(home / "data")
    rows = [f"{name}.jpg,{'ridge' if name < '010' else 'valley'}" for name in ids]
    (home / "data" / "meta.csv").write_text("\n".join([f"{first},site", *rows]))
    dataset = load_dataset(init(capsys, "data")[0].dataset)
    assert dataset.metadata_columns == ("site",)
    sites = dict(zip(dataset.ids, dataset.metadata[:, 0], strict=True))
    assert sites == {name: "ridge" if name < "010" else "valley" for name in ids}


@pytest.mark.parametrize("cells", ["label", "logits"])
def test_other_labels_and_logits_are_no_metadata(home, capsys, cells):
    ids = table(home / "data")
    rows = [f"{name}.jpg,{i % 2 + (0.5 if cells == 'logits' else 0)}" for i, name in enumerate(ids)]
    (home / "data" / "more.csv").write_text("\n".join(["file,owl", *rows]))
    assert init(capsys, "data")[0].dataset.metadata is None


def class_folders(folder, rows):
    names = [f"{name}/{i}.jpg" for name in ("cat", "dog") for i in range(10)]
    photos(folder, names)
    text = "\n".join(
        ["file,site", *(f"{name},{i % 2}ridge" for i, name in enumerate(names[:rows]))]
    )
    (folder / "meta.csv").write_text(text)


def test_metadata_beside_folders_of_classes_are_taken(home, capsys):
    class_folders(home / "data", 20)
    assert init(capsys, "data")[0].dataset.metadata.name == "meta.csv"


def test_metadata_without_a_row_for_each_photo_are_left_out_with_the_reason(home, capsys):
    class_folders(home / "data", 12)
    spec, out = init(capsys, "data")
    assert spec.dataset.metadata is None
    assert "not used: meta.csv, as it has no row for some photos" in out


def test_lists_of_images_are_splits(listed):
    assert sizes(load_dataset(listed[0].dataset)) == [12, 4, 4]


def test_a_list_that_is_divided_is_told(listed):
    assert "(test.txt is divided into two halves)" in listed[1]


def test_a_table_is_what_all_of_its_rows_are(home, capsys):
    names = [f"{i:04d}.jpg" for i in range(1500)]
    photos(home / "data", names[10:])
    rows = [f"{name},{int(i > 1200)}" for i, name in enumerate(names)]
    (home / "data" / "all.csv").write_text("\n".join(["file,cat", *rows[500:], *rows[:500]]))
    spec, _ = init(capsys, "data")
    found = spec.dataset.kind, spec.dataset.path, spec.dataset.labels
    assert found == ("columns", "file", ["cat"])
    (home / "data" / "all.csv").write_text("\n".join(["file,cat", *rows, "a.jpg,7"]))
    told = "data/all.csv:1502: 'cat' of image 'a.jpg' is '7'; expected 1, 0 or nothing"
    assert told in refused(capsys, "data", "--output", "b.yaml")


def test_a_fault_in_a_table_is_told_with_its_place(data, capsys):
    logits(data / "logits.csv", [f"{i:03d}" for i in range(20)], ["cat"])
    for name, old, new, told in (
        ("labels", "002,0,1", "002,0,often", "labels.csv:4: 'train' of image '002' is 'often'"),
        ("labels", "002,0,1", "002,2,1", "data/labels.csv:4: 'cat' of image '002' is '2'; exp"),
        ("labels", "image_id", "nr", "the first column is called 'nr'; expected 'image_id'"),
        ("logits", "\n002,", "\n002,inf\nx,", "data/logits.csv:4: 'cat' of image '002' is 'inf'"),
        ("logits", "\n002,", "\n002,\nx,", "data/logits.csv:4: 'cat' of image '002' is ''; exp"),
        ("logits", "\n002,", "\n002,1e400\nx,", "'cat' of image '002' is '1e400'; expected a"),
    ):
        text = (data / f"{name}.csv").read_text()
        assert old in text
        (data / f"{name}.csv").write_text(text.replace(old, new, 1))
        assert told in refused(capsys, "data")
        (data / f"{name}.csv").write_text(text)


@pytest.mark.parametrize("absent", [0, -1])
def test_an_empty_column_or_mixed_labels_of_a_table_are_told(data, capsys, absent):
    rows = [f"{i:03d},{1 if i % 2 else absent}," for i in range(20)]
    (data / "labels.csv").write_text("\n".join(["image_id,cat,train", *rows]))
    told = f"data/labels.csv: the column 'train' is empty; expected labels, 1 or {absent}."
    assert told in refused(capsys, "data")
    rows[4:6] = [f"004,{-1 - absent},1", "005,1,1"]
    (data / "labels.csv").write_text("\n".join(["image_id,cat,train", *rows]))
    told = f"csv:6: 'cat' of image '004' is '{-1 - absent}'; expected 1, {absent} or nothing (unk"
    assert told in refused(capsys, "data")


def test_a_table_that_may_be_no_teachers_can_be_left_out(home, capsys):
    names = [f"{kind}/{i:02d}.jpg" for kind in CLASSES for i in range(10)]
    photos(home / "data", names)
    rows = [f"{name},{0.5 if i else ''},0.{i}" for i, name in enumerate(names)]
    (home / "data" / "info.csv").write_text("\n".join(["image_id,cat,blur", *rows]))
    told = refused(capsys, "data")
    assert "expected a finite number.\nCorrect the cell, or leave the table out: " in told
    assert told.endswith(": --teacher head\n")
    assert init(capsys, "data", "--teacher", "head")[0].teacher.kind == "head"


def renamed(path, name):
    """Rename the column of ids of a table."""
    path.write_text(path.read_text().replace("image_id", name, 1))


@pytest.mark.parametrize("name", ["filename", "File", "image", "path", "name"])
def test_logits_may_name_their_images_as_other_tables_do(data, capsys, name):
    logits(data / "out.csv", [f"{i:03d}.jpg" for i in range(20)])
    renamed(data / "out.csv", name)
    spec, _ = init(capsys, "data")
    assert spec.teacher.path == data / "out.csv"


def test_a_named_table_of_logits_may_name_its_images_so_too(home, data, capsys):
    logits(home / "z.csv", [f"{i:03d}" for i in range(20)])
    renamed(home / "z.csv", "filename")
    spec, _ = init(capsys, "data", "--teacher", "z.csv")
    assert spec.teacher.path == home / "z.csv"


def test_a_table_of_coordinates_is_no_teacher(data, capsys):
    logits(data / "gps.csv", [f"{i:03d}" for i in range(20)], ["lat", "lon"])
    renamed(data / "gps.csv", "filename")
    spec, out = init(capsys, "data")
    assert spec.teacher.kind == "head"
    assert "Assumed: not used: gps.csv, as no column is named like a class." in out


def test_a_column_with_too_many_values_for_groups_is_named(home, capsys):
    names = [f"{i:03d}.jpg" for i in range(120)]
    photos(home / "data", [f"pictures/{name}" for name in names])
    rows = [
        f"pictures/{name},{'cat' if i % 2 else 'train'},sea,day {i}" for i, name in enumerate(names)
    ]
    (home / "data" / "t.csv").write_text("\n".join(["filename,label,place,date", *rows]))
    spec, out = init(capsys, "data")
    assert spec.dataset.metadata == ["place"]
    assert "\nmetadata  place, for inficond metrics --by\n" in out
    assert "Assumed: not in dataset.metadata: date, of more than 99 values" in out


@pytest.fixture
def incomplete(home):
    """A folder with a table of 101 photos, of which one has no file."""
    table(home / "data", 101)
    (home / "data" / "pictures" / "003.jpg").unlink()
    return home / "data"


def test_photos_without_a_file_are_told(incomplete, capsys):
    _, out = init(capsys, "data")
    assert "1 image to be skipped. There is no file" in out


def test_missing_logits_of_photos_without_a_file_say_so(incomplete, capsys):
    logits(incomplete / "logits.csv", [f"{i:03d}" for i in range(101) if i != 3])
    told = refused(capsys, "data")
    assert "Or leave images without a file out of the labels: 1 image to be skipped" in told


def test_a_class_without_logits_is_said_to_be_left_out(data, capsys):
    logits(data / "logits.csv", [f"{i:03d}" for i in range(20)], ["cat"])
    spec, out = init(capsys, "data")
    assert list(spec.dataset.classes) == ["cat"]
    assert "Assumed: logits.csv has no logits of train: left out." in out


def test_what_is_left_out_beside_a_table_is_said(data, capsys):
    names = [path.name for path in sorted((data / "pictures").iterdir())]
    (data / "train.txt").write_text("\n".join(f"elsewhere/{name}" for name in names))
    photos(data, ["pictures/more.jpg"])
    (data / "logits.csv").write_text("image_id;cat\n000;1,5\n001;-0,25")
    _, out = init(capsys, "data")
    assert "not used: train.txt, as most of their lines are no image_id" in out
    why = "its columns are neither labels nor logits"
    assert f"Assumed: not used: logits.csv, as {why}." in out
    assert "Left out: 1 image of " in out


def test_a_folder_of_the_same_names_is_said(data, capsys):
    photos(data, [f"depth/{i:03d}.png" for i in range(20)])
    (data / "pictures").rename(data / "images")
    spec, out = init(capsys, "data")
    assert spec.dataset.images.name == "images"
    assert "Assumed: not used: depth, with files of the same names." in out


def test_other_splits_are_left_out_an_image_id_may_be_a_path_labels_unknown(data, capsys):
    parts = ["train", "val", "test", "extra"]
    rows = [f"{i:03d},{i % 2},0,{parts[i % 4]}" for i in range(20)]
    (data / "labels.csv").write_text("\n".join(["image_id,cat,train,split", *rows]))
    spec, out = init(capsys, "data")
    assert sizes(load_dataset(spec.dataset)) == [5, 5, 5]
    assert "5 of 20 images are in no split and are left out, the first are 003, 007" in out
    rows = [f"pictures/{i:03d}.jpg,{i % 2},{(i // 2) % 2}" for i in range(20)]
    (data / "labels.csv").write_text("\n".join(["image_id,cat,train", *rows]))
    spec, _ = init(capsys, "data", "--output", "b.yaml")
    assert load_dataset(spec.dataset).load(0).size == (6, 5)
    logits(data / "logits.csv", [f"{i:03d}" for i in range(20)])
    rows = ["image_id,cat,train", *(f"{i:03d},," for i in range(20))]
    (data / "labels.csv").write_text("\n".join(rows))
    spec, _ = init(capsys, "data", "--output", "c.yaml")
    assert (load_dataset(spec.dataset).label == -1).all()


def test_a_column_of_text_beside_labels_is_told(data, capsys):
    text = (data / "labels.csv").read_text()
    header, *rows = text.splitlines()
    rows = [f"{header},place", *(f"{row},sea" for row in rows)]
    (data / "labels.csv").write_text("\n".join(rows))
    told = refused(capsys, "data")
    assert "data/labels.csv:2: 'place' of image '000' is 'sea'; expected 1, 0" in told
    assert "write 'place' into another table: image_id, place." in told


def test_a_table_that_breaks_off_is_told(data, capsys):
    text = (data / "labels.csv").read_text()
    more = "".join(f"x{i},1,0\n" for i in range(2000))
    (data / "labels.csv").write_text(f"{text}{more}y,1\n")
    told = refused(capsys, "data")
    assert "data/labels.csv:2022: 2 cells, but the header has 3.\nWrite a cell per" in told


@pytest.fixture
def of_words(data, capsys):
    """A data set whose labels are yes or no, beside a column of splits; it lies there twice."""
    words = ["No", "Yes"]
    rows = [f"{i:03d},{words[i % 2]},{words[i // 2 % 2]},{i % 3}" for i in range(20)]
    (data / "labels.csv").write_text("\n".join(["image_id,cat,train,Set", *rows]))
    (data / "attributes.csv").write_text((data / "labels.csv").read_text())
    return load_dataset(init(capsys, "data")[0].dataset)


def test_a_column_of_splits_beside_labels_divides_the_images(of_words):
    assert sizes(of_words) == [7, 7, 6]


def test_a_column_of_splits_beside_labels_is_metadata_too(of_words):
    assert of_words.metadata_columns == ("Set",)


def test_the_words_yes_or_no_are_labels(of_words):
    rows = np.array([int(name) for name in of_words.ids])
    assert (of_words.label == label(20)[rows]).all()


@pytest.fixture(params=[("", ".jpg"), (".jpg", "")], ids=["suffix in table", "suffix in lists"])
def mixed_suffixes(data, capsys, request):
    """The spec of a folder whose table, or whose lists and logits, name images with a suffix."""
    of_list, of_table = request.param
    ids = [f"{i:03d}" for i in range(20)]
    write_table(data / "labels.csv", [f"{name}{of_table}" for name in ids], label(20), CLASSES)
    logits(data / "logits.csv", [f"{name}{of_list}" for name in ids])
    for name, part in (("train", ids[:12]), ("test", ids[12:])):
        (data / f"{name}.txt").write_text("\n".join(f"{image}{of_list}" for image in part))
    return init(capsys, "data")[0]


def test_lists_may_name_images_by_other_suffixes_than_labels(mixed_suffixes):
    assert sizes(load_dataset(mixed_suffixes.dataset)) == [12, 4, 4]


def test_logits_may_name_images_by_other_suffixes_than_labels(data, mixed_suffixes):
    assert mixed_suffixes.teacher.path == data / "logits.csv"


def test_nothing_is_overwritten(data, capsys):
    home = data.parent
    logits(data / "z.csv", [f"{i:03d}" for i in range(20)])
    (home / "data.yaml").write_text("mine")
    (home / "other.words.txt").write_text("wheel\n")
    assert "data.yaml already exists" in refused(capsys, "data")
    assert (home / "data.yaml").read_text() == "mine"
    spec, _ = init(capsys, "data", "--output", "other.yaml")
    assert spec.concepts.corpus.read_text() == "wheel\n"
    assert "There is no folder none" in refused(capsys, "data", "--output", "none/a.yaml")
    assert not [path.name for path in home.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("teacher", "told"),
    [
        ("z.csv", "no logits for 3 of 20 images"),
        ("y.csv", "'trian'"),
        ("none.pth", "There is no file none.pth"),
        ("model.pth", "model.pth has no known format.\nName a file (.csv, .parquet"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_without_a_trace(data, capsys, teacher, told):
    home, ids = data.parent, [f"{i:03d}" for i in range(20)]
    logits(home / "z.csv", ids[:-3])
    logits(home / "y.csv", ids, ("cat", "trian"))
    (home / "model.pth").write_bytes(b"")
    before = sorted(home.iterdir())
    assert told in refused(capsys, "data", "--teacher", teacher)
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize("place", [".", "VOCdevkit/VOC2007"])
def test_voc_with_a_class_called_train(home, capsys, place):
    root = home / "voc" / place
    lists = root / "ImageSets" / "Main"
    for folder in (lists, root / "Annotations"):
        folder.mkdir(parents=True)
    ids = [f"{i:06d}" for i in range(12)]
    photos(root / "JPEGImages", [f"{name}.jpg" for name in ids])
    for i, name in enumerate(ids):
        things = "".join(f"<object><name>{CLASSES[k]}</name></object>" for k in range(i % 3))
        (root / "Annotations" / f"{name}.xml").write_text(f"<a>{things}</a>")
    parts = {"trainval": ids[:6], "train": ids[:3], "val": ids[3:6], "test": ids[6:]}
    for name, part in parts.items():
        (lists / f"{name}.txt").write_text("\n".join(part))
        for kind in CLASSES:
            (lists / f"{kind}_{name}.txt").write_text("\n".join(f"{i} -1" for i in part))
    logits(home / "z.csv", ids)
    with tarfile.open(home / "voc" / "archive.tar", "w") as tar:  # as it was fetched
        tar.add(root / "Annotations", "VOCdevkit/VOC2007/Annotations")
    spec, _ = init(capsys, "voc", "--teacher", "z.csv")
    dataset = load_dataset(spec.dataset)
    assert (dataset.classes, sizes(dataset)) == (CLASSES, [6, 3, 3])
    logits(home / "one.csv", ids, ("train",))
    spec, _ = init(capsys, "voc", "--teacher", "one.csv", "--output", "one.yaml")
    assert spec.dataset.classes == ["train"]


def test_folders_of_splits_with_folders_of_classes_are_said(home, capsys):
    parts = [f"{part}/{name}" for part in ("train", "val") for name in CLASSES]
    photos(home / "data", [f"{part}/{i}.jpg" for part in parts for i in range(4)])
    spec, out = init(capsys, "data")
    assert sizes(load_dataset(spec.dataset)) == [8, 4, 4]
    assert "found     folders of splits (train, val) that hold folders of classes" in out


def test_folders_of_classes_twice_are_refused(home, capsys):
    photos(home / "nested", [f"{part}{name}/1.jpg" for part in ("", "test/") for name in "abc"])
    told = "folders of classes (a, b, c), and the same again in test.\nPut the first into a folder"
    assert told in refused(capsys, "nested")


def test_folders_of_splits_in_those_of_classes_are_said_to_be_none(home, capsys):
    parts = [f"{name}/{part}" for name in CLASSES for part in ("train", "test")]
    photos(home / "first", [f"{part}/{i}.jpg" for part in parts for i in range(3)])
    spec, out = init(capsys, "first")
    assert load_dataset(spec.dataset).classes == CLASSES
    assert "Assumed: the folders test, train in those of the classes are no splits." in out


def test_folders_beside_those_of_splits_are_said_to_be_left_out(home, capsys):
    photos(home / "flat", [f"train/{name}/{i}.jpg" for name in CLASSES for i in range(4)])
    photos(home / "flat", ["test/1.jpg"])
    spec, out = init(capsys, "flat")
    assert load_dataset(spec.dataset).classes == CLASSES
    assert "Assumed: not used: the folders test beside those of the splits." in out


@pytest.fixture(params=["csv", "parquet"])
def one_table(home, capsys, request):
    """The spec of a table with paths, names, labels in one column, splits and metadata."""
    names = [f"photos/{i}.jpg" for i in range(12)]
    photos(home / "data", names)
    rows = pd.DataFrame({"file": names, "id": [f"x{i}" for i in range(12)]})
    rows["label"] = ["cat|train", "cat", "train"] * 4
    rows["split"] = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    rows["camera"], rows["blurry"] = ["a", "b"] * 6, [True, False] * 6
    if request.param == "csv":
        rows.to_csv(home / "data" / "all.csv", index=False)
    else:
        pytest.importorskip("pyarrow")
        rows.to_parquet(home / "data" / "all.parquet")
    logits(home / "z.csv", rows["id"])
    return init(capsys, "data", "--teacher", "z.csv")[0]


def test_a_column_names_the_images(one_table):
    assert one_table.dataset.kind == "columns"
    assert one_table.dataset.image_id == "id"


def test_a_column_has_the_labels_of_an_image(one_table):
    assert load_dataset(one_table.dataset).classes == CLASSES


def test_a_column_divides_the_images(one_table):
    assert sizes(load_dataset(one_table.dataset)) == [6, 3, 3]


def test_other_columns_are_metadata(one_table):
    columns = load_dataset(one_table.dataset).metadata_columns
    assert columns in (("split", "camera", "blurry"), ("camera", "blurry"))


def test_a_store(home, capsys):
    store = small_store(home / "a.zarr")
    logits(home / "z.csv", store.images, store.classes)
    given = ("a.zarr", "--teacher", "z.csv", "--output")
    spec, out = init(capsys, *given, "b.yaml")
    assert spec.dataset.path == home / "a.zarr"
    assert list(load_dataset(spec.dataset).ids) == store.images
    assert "a store: images that synthetic encoder has encoded" in out
    told = refused(capsys, "a.zarr", "--output", "c.yaml")
    assert "Name a table of logits: --teacher FILE" in told
    told = refused(capsys, *given, "c.yaml", "--class", store.classes[0])
    assert "The classes of a store cannot be limited" in told


@pytest.mark.parametrize(
    ("name", "told"),
    [("backup.tar", "looks like shards of WebDataset"), ("broken.parquet", "cannot be read")],
)
def test_files_of_another_kind_hide_no_data_set(home, capsys, name, told):
    photos(home / "data", [f"{kind}/{i:02d}.jpg" for kind in CLASSES for i in range(10)])
    (home / "alone").mkdir()
    for folder in (home / "data", home / "alone"):
        (folder / name).write_bytes(b"none")
    spec, out = init(capsys, "data")
    assert load_dataset(spec.dataset).classes == CLASSES
    assert ("not used: " in out) == (name == "broken.parquet")
    assert told in refused(capsys, "alone")


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("a/b/0001.tar", "WebDataset"),
        ("a/data.arrow", "package datasets"),
        ("train-00000-of-00001.parquet", "Parquet files of the package datasets"),
        ("a/cifar-10-batches-py/batches.meta", "CIFAR-10"),
        ("cifar-100-python/meta", "CIFAR-100"),
        ("a/samples.json", "FiftyOne"),
    ],
)
def test_files_of_a_library_are_recognized_in_any_folder(tmp_path, file, told):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(DataError, match=told):
        check_libraries(tmp_path)


@pytest.mark.parametrize("file", ["meta", "a/batches.meta", "cats-of-towns/a.parquet", "a.tar.gz"])
def test_other_files_are_of_no_library(tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    check_libraries(tmp_path)


def test_files_of_libraries_are_looked_for_in_each_folder_once(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).mkdir()
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    check_libraries(tmp_path)
    assert len(listed) == 4


def test_what_is_no_data_set_is_told(home, capsys, monkeypatch):
    empty, none = home / "empty", "No data set was found in {}. Looked for: a store, the layout of"
    empty.mkdir()
    assert f"{none.format('empty')} PASCAL" in refused(capsys, "empty")
    monkeypatch.chdir(empty)
    assert none.format(empty) in refused(capsys, ".")
    monkeypatch.chdir(home)
    assert "There is no folder nowhere" in refused(capsys, "nowhere")
    write_table(empty / "labels.csv", ["a", "b"], label(2), CLASSES)
    told = "no folder in empty holds any of their files, the first image_id is a."
    assert told in refused(capsys, "empty")
    photos(home / "data", ["0.jpg"])  # a sparse column of notes is no label
    (home / "data" / "notes.csv").write_text("image_id,notes\n0,\n1,\n2,\n3,blurred\n")
    why = "it has no column of labels"
    assert f"found in data (not used: notes.csv, as {why}). Looked" in refused(capsys, "data")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("instances_val2017", "tune"), ("trainval", "fit"), ("TRAIN.txt", "fit"), ("trains", ""),
        ("valid/_annotations.coco", "tune"), ("test-dev", "holdout"), ("cat", ""),
    ],
)  # fmt: skip
def test_roles_of_names(name, role):
    assert role_of(name) == role


@pytest.mark.parametrize(
    "text", ["a: b", "#x", "1", "yes", "", "é\n", " a", "*a", "- a", "a'b", "."]
)
def test_values_survive_yaml(text):
    loaded = YAML(typ="safe", pure=True).load(f"a: {value([text, {'k': text}])}")
    assert loaded["a"] == [text, {"k": text}]


FORM = ["scores.csv", "logits.csv", "labels.csv", "--splits", "split.csv", "--output", "own.zarr"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, given in frames(40).items():
        frame = given.to_frame("split") if name == "split" else given
        frame.rename_axis("image_id").to_csv(f"{name}.csv")
    return tmp_path


def test_three_tables_become_a_store(folder, capsys):
    given = frames(40)
    assert main(["init", *FORM, "--title", "Birds"]) == 0
    store = open_store("own.zarr")
    assert store.title == "Birds"
    assert store.images[:2] == ["0000", "0001"]  # leading zeros stay
    np.testing.assert_allclose(store.concept_score, given["scores"].to_numpy(), atol=1e-6)
    np.testing.assert_array_equal(store.label, given["labels"].to_numpy())
    told = capsys.readouterr().out
    assert "20 fit, 10 tune, 10 holdout" in told
    assert "This store has no photos" in told
    assert "inficond serve own.zarr" in told


def test_a_store_is_not_overwritten_by_tables(folder, capsys):
    assert main(["init", *FORM]) == 0
    assert "own.zarr already exists" in refused(capsys, *FORM)


def test_labels_may_be_yes_or_no(folder):
    given = frames(40)
    words = given["labels"].replace({1: "Yes", 0: "No"}).rename_axis("image_id")
    words.to_csv("labels.csv", sep=";", encoding="utf-8-sig", lineterminator="\r\n")
    assert main(["init", *FORM[:-1], "words.zarr"]) == 0
    np.testing.assert_array_equal(open_store("words.zarr").label, given["labels"].to_numpy())


def test_photos_beside_their_own_table_are_in_the_store(folder):
    (folder / "photos").mkdir()
    rows, given = ["image_id,path"], frames(40)
    for image in given["split"].index:
        Image.new("RGB", (20, 10)).save(folder / "photos" / f"{image}.png")
        rows.append(f"{image},{image}.png")
    (folder / "photos" / "list.csv").write_text("\n".join(rows))
    assert main(["init", *FORM[:-1], "b.zarr", "--photos", "photos/list.csv"]) == 0
    assert open_store("b.zarr").picture(0).size == (20, 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (FORM[1:], "Three tables are needed (scores, logits, labels), got 2"),
        ([FORM[0], *FORM[3:]], "its splits in a column called split: name it without --splits"),
        ([*FORM[:3], *FORM[5:]], "--splits table is missing"),
        ([*FORM[:6], "own.yaml"], "--output must name a store, such as own.zarr"),
        ([*FORM, "--teacher", "t.onnx"], "--teacher is only for a folder of photos"),
        (["scores.csv"], "scores.csv is one table of numbers, and a store needs three"),
        (["none.csv", *FORM[1:]], "There is no file none.csv"),
        ([*FORM[:4], "labels.csv", *FORM[5:]], "labels.csv has no column split"),
        (["x.bin", *FORM[1:]], "x.bin cannot be read as CSV"),
        (["ids.csv", *FORM[1:]], "no column image_id; its first columns are: a, b"),
        (["text.csv", *FORM[1:]], "scores has columns that are not numeric: 'a'"),
        (["scores.csv", "scores.csv", *FORM[2:]], "logits look like probabilities"),
    ],
)
def test_tables_that_make_no_store_are_refused_without_a_trace(folder, capsys, arguments, message):
    (folder / "x.bin").write_bytes(b"\xff\xfe\x00\x01" * 9)
    (folder / "ids.csv").write_text("a,b\n1,2\n")
    (folder / "text.csv").write_text("image_id,a\n0000,many\n")
    before = sorted(folder.iterdir())
    assert message.lower() in refused(capsys, *arguments).lower()
    assert sorted(folder.iterdir()) == before
