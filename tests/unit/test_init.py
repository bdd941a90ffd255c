"""inficond init: what it finds in a folder, and that its spec passes ``check``."""

import tarfile

import numpy as np
import pytest
from factory import small_store
from PIL import Image
from precompute_factory import write_table

from inficond_panel.cli import main
from inficond_panel.spec import load_spec
from precompute.datasets import load_dataset
from precompute.detect.layout import role_of
from precompute.detect.writing import value

CLASSES = ("cat", "train")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "open_clip_config.json").write_text("{}")
    (tmp_path / "encoder" / "open_clip_model.safetensors").write_bytes(b"")
    return tmp_path


def photos(folder, names):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5), (i % 256, 9, 9)).save(folder / name)


def label(count):
    return np.array([[i % 2, (i // 2) % 2] for i in range(count)])


def init(capsys, *arguments):
    """Run it; return the spec and what was said."""
    assert main(["init", *map(str, arguments)]) == 0
    out = capsys.readouterr().out
    file = next(line for line in out.splitlines() if line.startswith("Wrote"))
    path = file.removeprefix("Wrote ").removesuffix(". Next:")
    assert main(["check", path]) == 0
    capsys.readouterr()
    return load_spec(path), out


def logits(path, ids, classes=CLASSES):
    rng = np.random.default_rng(0)
    write_table(path, ids, np.round(rng.normal(size=(len(ids), len(classes))), 3), classes)


def table(folder, count=20):
    ids = [f"{i:03d}" for i in range(count)]
    photos(folder, [f"pictures/{name}.jpg" for name in ids])
    write_table(folder / "labels.csv", ids, label(count), CLASSES)
    return ids


def test_photos_and_a_table(home, capsys):
    ids = table(home / "my data")
    logits(home / "my data" / "teacher_logits.csv", ids)
    spec, out = init(capsys, "my data")
    assert spec.path == home / "my data.yaml"
    assert spec.title == "my data"
    assert (spec.dataset.kind, spec.dataset.images.name) == ("table", "pictures")
    assert spec.teacher.path == home / "my data" / "teacher_logits.csv"
    assert spec.concepts.encoder.model == home / "encoder"
    assert spec.concepts.corpus == home / "my data.words.txt"
    assert len(spec.concepts.corpus.read_text().splitlines()) == 584
    dataset = load_dataset(spec.dataset)
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [12, 4, 4]
    assert dataset.label[np.array(dataset.split) == "tune"].sum(0).tolist() == [2, 2]
    assert "12 fit, 4 tune, 4 holdout (none found: 60, 20 and 20 %" in out
    assert "inficond precompute my data.yaml" in out
    text = spec.path.read_text()
    assert "# students are fitted on these" in text
    assert "belongs in fit, and only there" in text


def test_lists_and_metadata_beside_the_table(home, capsys):
    ids = table(home / "data")
    logits(home / "z.csv", ids)
    (home / "data" / "train.txt").write_text("\n".join(ids[:12]))
    (home / "data" / "test.txt").write_text("\n".join(ids[12:]))
    (home / "data" / "notes.txt").write_text("nothing of that sort")
    rows = ["image_id,place", *(f"{name},p{i % 3}" for i, name in enumerate(ids))]
    (home / "data" / "places.csv").write_text("\n".join(rows))
    rows = ["image_id,caption", *(f"{name},photo no. {name}" for name in ids)]
    (home / "data" / "captions.csv").write_text("\n".join(rows))
    spec, out = init(capsys, "data", "--teacher", "z.csv", "--output", "my.yaml", "--title", "A: b")
    assert spec.title == "A: b"
    assert spec.dataset.metadata.name == "places.csv"
    dataset = load_dataset(spec.dataset)
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [12, 4, 4]
    assert "(test.txt is divided into two halves)" in out


def test_a_table_is_what_all_of_its_rows_are(home, capsys):
    names = [f"{i:04d}.jpg" for i in range(1500)]
    photos(home / "data", names[600:])
    rows = [f"{name},{int(i > 1200)}" for i, name in enumerate(names)]
    (home / "data" / "all.csv").write_text("\n".join(["file,cat", *rows[500:], *rows[:500]]))
    spec, _ = init(capsys, "data")
    assert (spec.dataset.kind, spec.dataset.path, spec.dataset.labels) == (
        "columns", "file", ["cat"],
    )  # fmt: skip
    (home / "data" / "all.csv").write_text("\n".join(["file,cat", *rows, "a.jpg,7"]))
    assert main(["init", "data", "--output", "b.yaml"]) == 1
    assert "No data set was found" in capsys.readouterr().err


def test_a_table_that_breaks_off_late_is_told(home, capsys):
    table(home / "data")
    with (home / "data" / "labels.csv").open("a") as file:
        file.writelines(f"x{i},1,0\n" for i in range(2000))
        file.write("y,1\n")
    assert main(["init", "data"]) == 1
    err = capsys.readouterr().err
    assert "No data set was found in data (not used: data/labels.csv:2022: 2 cells" in err


def test_nothing_is_overwritten(home, capsys):
    ids = table(home / "data")
    logits(home / "data" / "z.csv", ids)
    (home / "data.yaml").write_text("mine")
    (home / "other.words.txt").write_text("wheel\n")
    assert main(["init", "data"]) == 1
    assert "data.yaml already exists" in capsys.readouterr().err
    assert (home / "data.yaml").read_text() == "mine"
    spec, _ = init(capsys, "data", "--output", "other.yaml")
    assert spec.concepts.corpus.read_text() == "wheel\n"
    assert main(["init", "data", "--output", "none/a.yaml"]) == 1
    assert "There is no folder none" in capsys.readouterr().err
    assert not [path.name for path in home.iterdir() if path.name.startswith(".")]


def test_a_teacher_that_does_not_fit_is_told_and_nothing_is_written(home, capsys):
    ids = table(home / "data")
    logits(home / "z.csv", ids[:-3])
    assert main(["init", "data", "--teacher", "z.csv"]) == 1
    assert "no logits for 3 of 20 images" in capsys.readouterr().err
    logits(home / "y.csv", ids, ("cat", "trian"))
    assert main(["init", "data", "--teacher", "y.csv"]) == 1
    assert "'trian'" in capsys.readouterr().err
    assert main(["init", "data", "--teacher", "model.pth"]) == 1
    assert "There is no file model.pth" in capsys.readouterr().err
    (home / "model.pth").write_bytes(b"")
    assert main(["init", "data", "--teacher", "model.pth"]) == 1
    assert "model.pth has no known format.\nName a file (.csv, .parquet" in capsys.readouterr().err
    assert sorted(path.name for path in home.iterdir()) == [
        "data", "encoder", "model.pth", "y.csv", "z.csv"
    ]  # fmt: skip


@pytest.mark.parametrize("place", [".", "VOCdevkit/VOC2007"])
def test_voc_with_a_class_called_train(home, capsys, place):
    root = home / "voc" / place
    main_folder = root / "ImageSets" / "Main"
    for folder in (main_folder, root / "Annotations"):
        folder.mkdir(parents=True)
    ids = [f"{i:06d}" for i in range(12)]
    photos(root / "JPEGImages", [f"{name}.jpg" for name in ids])
    for i, name in enumerate(ids):
        things = "".join(f"<object><name>{CLASSES[k]}</name></object>" for k in range(i % 3))
        (root / "Annotations" / f"{name}.xml").write_text(f"<a>{things}</a>")
    for name, part in (
        ("trainval", ids[:6]),
        ("train", ids[:3]),
        ("val", ids[3:6]),
        ("test", ids[6:]),
    ):
        (main_folder / f"{name}.txt").write_text("\n".join(part))
        (main_folder / f"train_{name}.txt").write_text("\n".join(f"{i} -1" for i in part))
        (main_folder / f"cat_{name}.txt").write_text("\n".join(f"{i} -1" for i in part))
    logits(home / "z.csv", ids)
    with tarfile.open(home / "voc" / "archive.tar", "w") as tar:  # as it was fetched
        tar.add(root / "Annotations", "VOCdevkit/VOC2007/Annotations")
    spec, _ = init(capsys, "voc", "--teacher", "z.csv")
    dataset = load_dataset(spec.dataset)
    assert dataset.classes == CLASSES
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [6, 3, 3]
    logits(home / "one.csv", ids, ("train",))
    spec, _ = init(capsys, "voc", "--teacher", "one.csv", "--output", "one.yaml")
    assert spec.dataset.classes == ["train"]


def write(names):
    return [f"{name}.jpg" for name in names]


def test_folders_of_splits_with_folders_of_classes(home, capsys):
    ids = [f"{part}/{name}/{i}" for part in ("train", "val") for name in CLASSES for i in range(4)]
    photos(home / "data", write(ids))
    spec, out = init(capsys, "data")
    dataset = load_dataset(spec.dataset)
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [8, 4, 4]
    assert "found     folders of splits (train, val) that hold folders of classes" in out


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_with_paths_splits_and_names(home, capsys, suffix):
    pandas = pytest.importorskip("pandas")
    names = [f"photos/{i}.jpg" for i in range(12)]
    photos(home / "data", names)
    rows = pandas.DataFrame(
        {
            "file": names,
            "id": [f"x{i}" for i in range(12)],
            "label": [("cat|train", "cat", "train")[i % 3] for i in range(12)],
            "split": ["train"] * 6 + ["val"] * 3 + ["test"] * 3,
            "camera": ["a", "b"] * 6,
        }
    )
    if suffix == "csv":
        rows.to_csv(home / "data" / "all.csv", index=False)
    else:
        pytest.importorskip("pyarrow")
        rows.to_parquet(home / "data" / "all.parquet")
    logits(home / "z.csv", rows["id"])
    spec, _ = init(capsys, "data", "--teacher", "z.csv")
    assert (spec.dataset.kind, spec.dataset.image_id) == ("columns", "id")
    dataset = load_dataset(spec.dataset)
    assert dataset.classes == CLASSES
    assert dataset.metadata_columns == ("split", "camera") or dataset.metadata_columns == (
        "camera",
    )
    assert [dataset.split.count(name) for name in ("fit", "tune", "holdout")] == [6, 3, 3]


def test_a_store(home, capsys):
    store = small_store(home / "a.zarr")
    logits(home / "z.csv", store.images, store.classes)
    spec, out = init(capsys, "a.zarr", "--teacher", "z.csv", "--output", "b.yaml")
    assert spec.dataset.path == home / "a.zarr"
    assert list(load_dataset(spec.dataset).ids) == store.images
    assert "a store: images that synthetic encoder has encoded" in out
    assert main(["init", "a.zarr", "--output", "c.yaml"]) == 1
    assert "Name a table of logits: --teacher FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("backup.tar", "looks like shards of WebDataset"),
        ("broken.parquet", "broken.parquet cannot be read"),
    ],
)
def test_files_of_another_kind_hide_no_data_set(home, capsys, name, told):
    photos(home / "data", [f"{kind}/{i:02d}.jpg" for kind in CLASSES for i in range(10)])
    (home / "alone").mkdir()
    for folder in (home / "data", home / "alone"):
        (folder / name).write_bytes(b"none")
    spec, out = init(capsys, "data")
    assert load_dataset(spec.dataset).classes == CLASSES
    assert ("not used: " in out) == (name == "broken.parquet")
    assert main(["init", "alone"]) == 1
    assert told in capsys.readouterr().err


def test_what_is_no_data_set_is_told(home, capsys, monkeypatch):
    (home / "empty").mkdir()
    assert main(["init", "empty"]) == 1
    told = capsys.readouterr().err
    assert "No data set was found in empty. Looked for: a store, the layout of PASCAL" in told
    monkeypatch.chdir(home / "empty")
    assert main(["init", "."]) == 1
    assert f"No data set was found in {home / 'empty'}. Looked" in capsys.readouterr().err
    monkeypatch.chdir(home)
    assert main(["init", "nowhere"]) == 1
    assert "There is no folder nowhere" in capsys.readouterr().err
    write_table(home / "empty" / "labels.csv", ["a", "b"], label(2), CLASSES)
    assert main(["init", "empty"]) == 1
    assert "no folder in empty holds any of their files, such as a.jpg" in capsys.readouterr().err


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
    from ruamel.yaml import YAML

    loaded = YAML(typ="safe", pure=True).load(f"a: {value([text, {'k': text}])}")
    assert loaded["a"] == [text, {"k": text}]
