"""Shipped functions of specs, on labels that people have: none, -1, repeats, unknown numbers."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from precompute_factory import dataset_section

from inficond_panel.common.installation import shipped_folder
from inficond_panel.errors import DataError
from precompute.datasets import load_dataset

NAMES = ["cat", "dog", "bus"]


def function(library):
    path = shipped_folder("specs") / "functions" / f"from_{library}.py"
    return runpy.run_path(str(path))["images"]


class Rows(list):
    """Rows of the package datasets; the labels' feature is of a class, or of a list of classes."""

    def __init__(self, labels, feature):
        super().__init__(
            {"image": {"bytes": None, "path": f"{k}.jpg"}, "label": label}
            for k, label in enumerate(labels)
        )
        self.features = {"label": feature}

    def cast_column(self, *_):
        return self


CLASS = SimpleNamespace(names=NAMES)
OF_LIST, TEXT = SimpleNamespace(feature=CLASS), SimpleNamespace(dtype="string")


def of_datasets(monkeypatch, labels, feature=CLASS):
    given = {"test": Rows(labels, feature)}
    library = SimpleNamespace(
        Dataset=Rows, Image=lambda decode: None, load_dataset=lambda _: given, load_from_disk=None
    )
    monkeypatch.setitem(sys.modules, "datasets", library)
    return [record["labels"] for record in function("datasets")(Path())]


@pytest.mark.parametrize(
    ("label", "feature", "expected"),
    [
        (1, CLASS, "dog"),
        (np.int64(2), CLASS, "bus"),
        (-1, CLASS, None),
        (np.int64(-1), CLASS, None),
        (None, CLASS, None),
        (float("nan"), CLASS, None),
        ("dog", TEXT, "dog"),
        ("", TEXT, None),
        (3, TEXT, 3),
        (-1, TEXT, None),
        ([0, 2], OF_LIST, ["cat", "bus"]),
        ([1, 1], OF_LIST, ["dog"]),
        ([-1], OF_LIST, None),
        ([], OF_LIST, []),
    ],
)
def test_a_label_of_the_package_datasets(monkeypatch, label, feature, expected):
    assert of_datasets(monkeypatch, [label], feature) == [expected]


def test_a_number_without_a_name_of_the_package_datasets_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="the label 3 has no name: there are 3 classes"):
        of_datasets(monkeypatch, [0, 3])


class Sample(dict):
    filepath, id, tags = "1.jpg", "1", ("train",)


def box(label):
    return SimpleNamespace(label=label)


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (None, None),
        (box("dog"), ["dog"]),
        (box(None), None),
        (SimpleNamespace(detections=[box("dog"), box("dog"), box("cat")]), ["dog", "cat"]),
        (SimpleNamespace(classifications=[box("dog"), box("dog")]), ["dog"]),
        (SimpleNamespace(detections=[box(None), box("cat")]), ["cat"]),
        (SimpleNamespace(detections=[]), []),
    ],
)
def test_a_label_of_fiftyone(monkeypatch, truth, expected):
    library = SimpleNamespace(load_dataset=lambda _: [Sample(ground_truth=truth)])
    monkeypatch.setitem(sys.modules, "fiftyone", library)
    assert [record["labels"] for record in function("fiftyone")(Path("own"))] == [expected]


@pytest.mark.parametrize("single", [True, False])
def test_a_photo_without_a_decided_class_is_written_to_fiftyone(monkeypatch, single):
    sample = Sample(ground_truth=None)
    sample.save = lambda: None
    library = SimpleNamespace(
        load_dataset=lambda _: {"1": sample},
        Classification=lambda **keys: keys,
        Classifications=lambda classifications: classifications,
    )
    monkeypatch.setitem(sys.modules, "fiftyone", library)
    store = SimpleNamespace(task="single_label" if single else "multi_label")
    students = SimpleNamespace(
        tuner=SimpleNamespace(store=store),
        classes=NAMES,
        images=lambda _: ["1"],
        predict=lambda _: np.zeros((1, 3)),
        predict_proba=lambda _: np.full((1, 3), 0.1),
    )
    path = shipped_folder("specs") / "functions" / "from_fiftyone.py"
    runpy.run_path(str(path))["write"](students, "own")
    assert sample["students"] == (None if single else [])


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ({"jpg": b"1", "cls": b"dog"}, "dog"),
        ({"png": b"1", "cls": b"dog\n"}, "dog"),
        ({"jpeg": b"1"}, None),
        ({"jpg": b"1", "cls": b""}, None),
        ({"jpg": b"1", "cls": b"-1"}, None),
    ],
)
def test_a_label_of_webdataset(tmp_path, monkeypatch, sample, expected):
    (tmp_path / "test-000.tar").write_bytes(b"")
    library = SimpleNamespace(WebDataset=lambda *_, **__: [{"__key__": "1", **sample}])
    monkeypatch.setitem(sys.modules, "webdataset", library)
    (record,) = function("webdataset")(tmp_path)
    assert (record["labels"], record["image"]) == (expected, b"1")


@pytest.mark.parametrize(
    ("y", "expected"), [("1", ["waterbird"]), ("0", []), ("-1", None), ("", None)]
)
def test_a_label_of_waterbirds(tmp_path, y, expected):
    header = "img_id,img_filename,y,split,place\n"
    (tmp_path / "metadata.csv").write_text(f"{header}1,a\\1.jpg,{y},2,1\n", encoding="utf-8-sig")
    (record,) = function("waterbirds")(tmp_path)
    assert record == {
        "image": tmp_path / "a" / "1.jpg",
        "labels": expected,
        "id": "1",
        "split": "test",
        "metadata": {"place": "water"},
    }


def test_files_of_systems_in_a_bucket_are_no_photos(tmp_path):
    for name in ("cat/1.jpg", "cat/Thumbs.db", "@eaDir/1.jpg", ".thumbnails/1.jpg", "dog/2.PNG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    assert [record["id"] for record in function("bucket")(tmp_path)] == ["cat/1", "dog/2"]


def labels(folder, code):
    """Labels of the images of a function whose records have the labels that ``code`` lists."""
    splits = "{fit: fit, tune: tune, holdout: holdout}"
    more = [f'{{"image": {i}, "labels": "cat", "split": "{split}"}}'
            for i, split in ((1, "tune"), (2, "holdout"))]  # fmt: skip
    text = f"""
import numpy as np, pandas as pd
from PIL import Image
def images():
    for i, label in enumerate([{code}]):
        yield {{"image": Image.new("RGB", (4, 4)), "labels": label, "split": "fit"}}
    for record in [{", ".join(more)}]:
        yield {{**record, "image": Image.new("RGB", (4, 4))}}
"""
    (folder / "own.py").write_text(text)
    found = dataset_section(
        folder, f"{{kind: python, function: own.py:images, names: [cat, dog], splits: {splits}}}"
    )
    found.allowed = True
    dataset = load_dataset(found)
    return dataset.label[np.array(dataset.split) == "fit"].tolist()


@pytest.mark.parametrize(
    "missing", ["None", "float('nan')", "np.nan", "np.float32('nan')", "pd.NA"]
)
def test_a_missing_label_is_unknown(tmp_path, missing):
    assert labels(tmp_path, f"{missing}, 'dog', 'cat'")[0] == [-1, -1]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("['dog', 'dog']", [0, 1]),
        ("('dog', 1)", [0, 1]),
        ("{'dog', 'cat'}", [1, 1]),
        ("[]", [0, 0]),
        ("np.int32(1)", [0, 1]),
        ("np.str_('dog')", [0, 1]),
        ("np.array([True, False])", [1, 0]),
    ],
)
def test_a_label_in_other_forms(tmp_path, label, expected):
    assert labels(tmp_path, f"{label}, 'dog', 'cat'")[0] == expected


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("-1", "the class -1 is negative; give None where the label is unknown"),
        ("[0, -1]", "the class -1 is negative"),
        ("2", "class 2 has no name: only 0 to 1 have names"),
        ("b'dog'", "b'dog' is not a class: neither a name nor a whole number"),
        ("[True, False]", "True is not a class"),
        ("[1, 1]", "a list that names a class twice"),
        ("0.5", "0.5 is not a class"),
    ],
)
def test_a_label_that_is_no_class_is_refused(tmp_path, label, told):
    with pytest.raises(DataError, match=told.replace("[", r"\[")):
        labels(tmp_path, label)


def test_an_image_that_is_missing_is_refused(tmp_path):
    (tmp_path / "own.py").write_text("def images(): return [{'image': None, 'labels': 'cat'}]")
    found = dataset_section(
        tmp_path, "{kind: python, function: own.py:images, splits: {fit: a, tune: b, holdout: c}}"
    )
    found.allowed = True
    with pytest.raises(DataError, match=r"fails at record 0: the image is None; leave the record"):
        load_dataset(found)


def test_unknown_labels_count_in_no_group_of_the_example():
    sys.path.insert(0, str(shipped_folder("examples")))
    try:
        worst_group = __import__("known_data").worst_group
    finally:
        sys.path.pop(0)
    store = SimpleNamespace(column=lambda _: ["a", "a", "b", "b"], rows=lambda _: np.arange(4))
    student = SimpleNamespace(
        labels=np.array([1, -1, 0, 0]),
        teacher_decided=np.array([1, 1, 0, 1]),
        decided=np.array([1, 0, 0, 0]),
    )
    students = SimpleNamespace(student=lambda *_: student, tuner=SimpleNamespace(store=store))
    expected = pd.DataFrame(
        {"teacher": [0.5, 2 / 3], "students": [1.0, 1.0]},
        index=["worst-group accuracy", "mean accuracy"],
    )
    pd.testing.assert_frame_equal(worst_group(students), expected)
