"""inficond init on tables of Hugging Face, Kaggle, Roboflow and Excel, and tables per split."""

import json
from types import SimpleNamespace

import pytest
from frames import frames
from test_init import home, init, photos, refused  # noqa: F401

from inficond_panel.cli import main
from inficond_panel.common.files import separator_of
from precompute.datasets import load_dataset
from precompute.detect import tables

pytestmark = pytest.mark.commands

NAMES = ("bus", "cat", "dog")
SPLITS = {"train": range(12), "validation": range(12, 18), "test": range(18, 24)}


def name_of(number):
    return NAMES[number % 3]


def found(capsys, *arguments):
    """Class by image id, and number of images per split, of the data set that init found."""
    dataset = load_dataset(init(capsys, "data", *arguments)[0].dataset)
    classes = {image: dataset.classes[row.argmax()]
               for image, row in zip(dataset.ids, dataset.label, strict=True)}  # fmt: skip
    return classes, [dataset.split.count(split) for split in ("fit", "tune", "holdout")]


def write(path, rows):
    """A table of CSV or of JSON lines, by its suffix; ``rows`` are mappings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))


EXPECTED = {f"{split}/{i:04d}": name_of(i) for split, part in SPLITS.items() for i in part}


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("beside", [True, False], ids=["a table per split", "one table"])
def test_an_imagefolder_of_hugging_face(home, capsys, suffix, beside):  # noqa: F811
    photos(home / "data", [f"{name}.jpg" for name in EXPECTED])
    for split, part in SPLITS.items():
        rows = [{"file_name": f"{i:04d}.jpg", "label": name_of(i)} for i in part]
        if beside:
            write(home / "data" / split / f"metadata.{suffix}", rows)
    if not beside:
        rows = [{"file_name": f"{name}.jpg", "label": label} for name, label in EXPECTED.items()]
        write(home / "data" / f"metadata.{suffix}", rows)
    assert found(capsys) == (EXPECTED, [12, 6, 6])


def test_names_start_from_the_folder_of_their_table(home, capsys):  # noqa: F811
    for split, step in (("train", 0), ("test", 1)):
        photos(home / "data", [f"{split}/{i}.jpg" for i in range(12)])
        rows = [{"file_name": f"{i}.jpg", "label": name_of(i + step)} for i in range(12)]
        write(home / "data" / split / "metadata.csv", rows)
    classes, _ = found(capsys)
    assert classes == {
        f"{split}/{i}": name_of(i + step)
        for split, step in (("train", 0), ("test", 1))
        for i in range(12)
    }


@pytest.mark.parametrize("label", ["caption", "objects"])
def test_an_imagefolder_without_labels_is_told(home, capsys, label):  # noqa: F811
    photos(home / "data", [f"{name}.jpg" for name in EXPECTED])
    value = {"caption": "a photo no. {}", "objects": '{{"bbox": [{}]}}'}[label]
    rows = [{"file_name": f"{name}.jpg", label: value.format(i)} for i, name in enumerate(EXPECTED)]
    write(home / "data" / "metadata.jsonl", rows)
    told = refused(capsys, "data")
    assert "not used: metadata.jsonl, as it has no column of labels" in told


@pytest.mark.parametrize("key", ["id", "image", "filename", "image_id", "Id", "file_name"])
@pytest.mark.parametrize("suffix", [".jpg", ""])
@pytest.mark.parametrize("label", ["label", "breed", "species"])
def test_tables_of_kaggle(home, capsys, key, suffix, label):  # noqa: F811
    photos(home / "data", [f"train/{i:05d}.jpg" for i in range(24)])
    photos(home / "data", [f"test/{i:05d}.jpg" for i in range(24, 30)])
    rows = [{key: f"{i:05d}{suffix}", label: name_of(i)} for i in range(24)]
    write(home / "data" / "train.csv", rows)
    write(home / "data" / "test.csv", [{key: f"{i:05d}{suffix}"} for i in range(24, 30)])
    form = [{key: f"{i:05d}", **dict.fromkeys(NAMES, 0.33)} for i in range(24, 30)]
    write(home / "data" / "sample_submission.csv", form)
    assert found(capsys)[0] == {f"{i:05d}": name_of(i) for i in range(24)}


def test_tables_of_kaggle_that_were_not_used_are_named(home, capsys):  # noqa: F811
    photos(home / "data", [f"train/{i}.jpg" for i in range(24)])
    write(home / "data" / "train.csv", [{"id": i, "label": name_of(i)} for i in range(24)])
    write(home / "data" / "test.csv", [{"id": i} for i in range(24, 30)])
    out = init(capsys, "data")[1]
    assert "not used: test.csv, as it has no column of labels." in out


def test_a_form_of_kaggle_is_no_table_of_logits(home, capsys):  # noqa: F811
    photos(home / "data", [f"images/{i}.jpg" for i in range(24)])
    write(home / "data" / "train.csv", [{"image_id": i, "rust": i % 2} for i in range(24)])
    write(home / "data" / "sample_submission.csv", [{"image_id": 99, "rust": 0.5}])
    spec, out = init(capsys, "data")
    assert "sample_submission.csv, as a form for the answers" in out
    assert spec.teacher.kind == "head"


def test_numbers_of_classes_are_classes(home, capsys):  # noqa: F811
    photos(home / "data", [f"train_images/{i}.jpg" for i in range(24)])
    rows = [{"image_id": f"{i}.jpg", "label": (0, 0, 1, 2)[i % 4]} for i in range(24)]
    write(home / "data" / "train.csv", rows)
    dataset = load_dataset(init(capsys, "data")[0].dataset)
    assert dataset.classes == ("0", "1", "2")


def test_minus_one_is_no_class(home, capsys):  # noqa: F811
    photos(home / "data", [f"{i:04d}.jpg" for i in range(24)])
    rows = [{"file_name": f"{i:04d}.jpg", "label": i % 3 - 1} for i in range(24)]
    write(home / "data" / "metadata.csv", [*rows[:1], {**rows[1], "label": 2}, *rows[2:]])
    spec, out = init(capsys, "data")
    dataset = load_dataset(spec.dataset)
    assert dataset.classes == ("0", "1", "2")
    assert dataset.label[dataset.ids.index("0000")].tolist() == [-1, -1, -1]
    assert "Assumed: the label -1 means that the label is unknown." in out


@pytest.mark.parametrize("place", ["", "{}/"], ids=["train.csv", "train/_classes.csv"])
def test_a_table_of_labels_per_split(home, capsys, place):  # noqa: F811
    for split, part in SPLITS.items():
        photos(home / "data", [f"{place.format(split) or 'images/'}{i}.jpg" for i in part])
        rows = [{"image_id": i, "cat": i % 2, "dog": 1 - i % 2} for i in part]
        file = f"{place.format(split)}_classes.csv" if place else f"{split}.csv"
        write(home / "data" / file, rows)
    classes, sizes = found(capsys)
    odd = [image.rpartition("/")[2] for image, name in classes.items() if name == "cat"]
    assert (sorted(map(int, odd)), sizes) == (list(range(1, 24, 2)), [12, 6, 6])


def test_a_fault_in_the_table_of_one_split_stops_init(home, capsys):  # noqa: F811
    for split, part in SPLITS.items():
        photos(home / "data", [f"{split}/{i}.jpg" for i in part])
        write(home / "data" / split / "metadata.csv",
              [{"file_name": f"{i}.jpg", "label": name_of(i)} for i in part])  # fmt: skip
    file = home / "data" / "test" / "metadata.csv"
    file.write_text(f"{file.read_text()}\n24.jpg")
    assert "data/test/metadata.csv:8: 1 cell, but the header has 2" in refused(capsys, "data")


@pytest.mark.parametrize("start", ["C:\\data\\", "d:/data/", "\\\\server\\photos\\"])
def test_a_table_of_paths_of_windows(home, capsys, start):  # noqa: F811
    photos(home / "data", [f"pool/{name_of(i)}/{i}.jpg" for i in range(24)])
    rows = [{"file": f"{start}pool\\{name_of(i)}\\{i}.jpg", "label": name_of(i)} for i in range(24)]
    write(home / "data" / "all.csv", rows)
    assert sorted(found(capsys)[0].values()) == sorted(name_of(i) for i in range(24))


def test_a_table_in_a_sub_folder(home, capsys):  # noqa: F811
    photos(home / "data", [f"images/{i}.jpg" for i in range(24)])
    rows = [{"image_id": i, "cat": i % 2, "dog": 1 - i % 2} for i in range(24)]
    write(home / "data" / "annotations" / "labels.csv", rows)
    assert len(found(capsys)[0]) == 24


def test_a_column_of_cameras_is_no_class_beside_folders_of_classes(home, capsys):  # noqa: F811
    names = [f"{name_of(i)}/{i}.jpg" for i in range(24)]
    photos(home / "data", names)
    rows = [{"file": name, "camera": "ab"[i // 3 % 2]} for i, name in enumerate(names)]
    write(home / "data" / "cameras.csv", rows)
    assert found(capsys)[0] == {name[:-4]: name[:3] for name in names}


def test_only_cells_of_label_columns_are_read_as_text(tmp_path, monkeypatch):
    header, cells = [f"c{i}" for i in range(50)], []
    (tmp_path / "a.csv").write_text("\n".join([",".join(header), ",".join(["1"] * 50)]))
    monkeypatch.setattr(tables, "as_text", lambda cell: cells.append(cell) or str(cell))
    table = SimpleNamespace(path=tmp_path / "a.csv", header=header, label_cells={"0", "1"})
    tables._check_cells(table, ["c1", "c3"])
    assert len(cells) == 2


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("sep=;", (";", 1)),
        ("sep=,", (",", 1)),
        ("sep=\t", ("\t", 1)),
        ('"sep=;"', (";", 1)),
        ("SEP=|", ("|", 1)),
        ("a;b", (";", 0)),
        ("a", (",", 0)),
        ("sep,label", (",", 0)),
        ("sep=a", (",", 0)),
        ('sep="', (",", 0)),
        ("sep=:,a", (",", 0)),
        ("sep=1", (",", 0)),
    ],
)
def test_the_line_by_which_excel_names_the_separator(tmp_path, first, expected):
    (tmp_path / "a.csv").write_text(f"{first}\r\n1;2\r\n", newline="")
    assert separator_of(tmp_path / "a.csv") == expected


def test_a_table_of_labels_of_excel_is_read(home, capsys):  # noqa: F811
    photos(home / "data", [f"images/{i}.jpg" for i in range(24)])
    rows = [f"{i};{i % 2};{1 - i % 2}" for i in range(24)]
    text = "\r\n".join(["sep=;", "image_id;cat;dog", *rows])
    (home / "data" / "labels.csv").write_text(text, encoding="utf-8-sig", newline="")
    assert {int(image) % 2: name for image, name in found(capsys)[0].items()} == {
        1: "cat",
        0: "dog",
    }


def test_a_fault_below_the_line_of_excel_is_told_with_its_line(home, capsys):  # noqa: F811
    photos(home / "data", [f"images/{i}.jpg" for i in range(4)])
    (home / "data" / "labels.csv").write_text("sep=;\nimage_id;cat\n0;1\n1;0\n2\n3;0\n")
    assert "data/labels.csv:5: 1 cell, but the header has 2." in refused(capsys, "data")


def test_three_tables_of_excel_become_a_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, given in frames(40).items():
        frame = given.to_frame("split") if name == "split" else given
        text = frame.rename_axis("image_id").to_csv(sep=";")
        (tmp_path / f"{name}.csv").write_text(f"sep=;\n{text}")
    tables = ["scores.csv", "logits.csv", "labels.csv", "--splits", "split.csv"]
    assert main(["init", *tables, "--output", "own.zarr"]) == 0
    told = capsys.readouterr().out
    assert "20 fit, 10 tune, 10 holdout" in told
    assert "no map of its concepts: scores from tables have no text vectors" in told
    assert "one is made" not in told  # there will be none


@pytest.fixture
def by_batch(home):  # noqa: F811
    """A table with the batch of each photo, and columns by which no data set is divided."""
    photos(home / "data", [f"{i}.jpg" for i in range(40)])
    rows = [
        {
            "filename": f"{i}.jpg",
            "label": name_of(i),
            "batch": 2024 if i < 30 else 2025,
            "kind": f"a {name_of(i)}",  # the class again
            "number": i % 20,
        }
        for i in range(40)
    ]
    write(home / "data" / "labels.csv", rows)


def test_a_column_of_few_values_is_named_as_one_to_split_by(by_batch, capsys):
    _, out = init(capsys, "data")
    line = next(line for line in out.splitlines() if "source of photos" in line)
    assert line.split("Columns: ")[1] == (
        'batch. splits: {fit: {column: batch, value: "2024"}, '
        'tune: {column: batch, value: "2025", share: 0.5}, holdout: rest}'
    )


def test_the_splits_that_are_named_can_be_written(by_batch, capsys):
    spec, out = init(capsys, "data")
    splits = next(line for line in out.splitlines() if " splits: " in line).split(" splits: ")[1]
    text = spec.path.read_text()
    start = text.index("  splits:")
    end = text.index("  max_bad_share")
    spec.path.write_text(f"{text[:start]}  splits: {splits}\n{text[end:]}")
    assert main(["check", str(spec.path)]) == 0


def test_a_column_with_unknown_values_is_not_named(home, capsys):  # noqa: F811
    """The camera of six photos of ten is not known."""
    photos(home / "data", [f"{i}.jpg" for i in range(40)])
    cameras = ["", "", "", "A", "B", "", "", "", "B", "A"]
    rows = [
        {"filename": f"{i}.jpg", "label": name_of(i), "camera": cameras[i % 10]} for i in range(40)
    ]
    write(home / "data" / "labels.csv", rows)
    assert "source of photos" not in init(capsys, "data")[1]


def test_without_such_a_column_none_is_named(home, capsys):  # noqa: F811
    photos(home / "data", [f"{i}.jpg" for i in range(12)])
    rows = [{"filename": f"{i}.jpg", "label": name_of(i)} for i in range(12)]
    write(home / "data" / "labels.csv", rows)
    assert "source of photos" not in init(capsys, "data")[1]
