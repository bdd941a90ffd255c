"""``inficond_panel.build``: from photos, a function and words to opened students, in one call."""

import ast
import shutil
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from PIL import Image
from precompute_factory import CONV, WORDS, photo, tiny_encoder

import inficond_panel
from inficond_panel.errors import DataError, MissingExtraError

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytestmark = pytest.mark.torch

CLASSES = ["red sky", "größe 😀"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Photos, labels and an encoder."""
    folder = tmp_path_factory.mktemp("own")
    names = [f"{i:03d}" for i in range(20)]
    for i, name in enumerate(names):
        photo(i).save(folder / f"{name}.png")
    tiny_encoder(folder / "encoder", CONV)
    values = [[i % 2, (i // 2) % 2] for i in range(20)]
    labels = pd.DataFrame(values, index=names, columns=CLASSES, dtype=float)
    return folder, sorted(folder.glob("*.png")), labels


def teacher(photos):
    """Mean red and mean blue of each photo, around 0."""
    means = np.array([np.asarray(image).mean((0, 1)) for image in photos])
    return (means[:, [0, 2]] - 128) / 16


def build(own, **changed):
    folder, files, labels = own
    given = {"teacher": teacher, "concepts": WORDS, "encoder": folder / "encoder", "labels": labels}
    return inficond_panel.build(**({"images": files} | given | changed))


def test_of_photos_a_function_and_words_the_same_again_is_opened_another_refused(own, tmp_path):
    students = build(own, path=tmp_path / "a", title="Mine: 1")
    store, (_, files, labels) = students.tuner.store, own
    assert (students.tuner.spec.title, store.concepts) == ("Mine: 1", list(WORDS))
    assert store.classes == CLASSES
    file_of = {path.stem: path for path in files}
    expected = teacher([Image.open(file_of[name]) for name in store.images])
    np.testing.assert_allclose(store.teacher_logit, expected, atol=1e-5)
    np.testing.assert_array_equal(store.label, labels.loc[store.images])
    assert [len(students.images(split)) for split in ("fit", "tune", "holdout")] == [12, 4, 4]
    again = inficond_panel.open_students(tmp_path / "a" / "spec.yaml")
    np.testing.assert_array_equal(again.node.weights, students.node.weights)
    changed = (store.path / "zarr.json").stat().st_mtime_ns
    second = build(own, path=tmp_path / "a", title="Mine: 1")
    assert (second.tuner.store.path / "zarr.json").stat().st_mtime_ns == changed
    with pytest.raises(DataError, match="already exists with other content"):
        build(own, path=tmp_path / "a", concepts=["sky"])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        build(own, path=tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["notes.txt"]


def test_splits_files_by_id_tensors_unknown_labels_and_a_frame_of_logits(own, tmp_path, capsys):
    _, files, labels = own
    ids = [f"photo {i}" for i in range(20)]
    split = pd.Series(["fit"] * 10 + ["tune"] * 6 + ["holdout"] * 4, index=ids)
    labels = labels.set_axis(ids)
    labels.iloc[3, 1] = np.nan
    students = build(
        own,
        images=dict(zip(ids, files, strict=True)),
        labels=labels.iloc[2:],  # the first two are of fit, which is learned from the teacher
        split=split,
        teacher=lambda photos: torch.from_numpy(teacher(photos)).bfloat16().requires_grad_(),
        path=tmp_path / "a",
    )
    store = students.tuner.store
    assert students.images("tune") == ids[10:16]
    rows = {name: store.label[row].tolist() for row, name in enumerate(store.images)}
    assert (rows["photo 0"], rows["photo 3"], rows["photo 5"]) == ([-1, -1], [1, -1], [1, 0])
    labels = own[2]
    frame = pd.DataFrame(np.linspace(-2, 2, 40).reshape(20, 2), labels.index, CLASSES)
    students = build(own, teacher=frame)
    store = students.tuner.store
    np.testing.assert_allclose(store.teacher_logit, frame.loc[store.images], atol=1e-6)
    assert "Temporary folder: " in capsys.readouterr().err


def test_tables_without_an_index_match_photos_in_another_form_of_unicode(own, tmp_path):
    """Ids and classes as macOS writes them in the labels, and as Linux does in the logits."""
    _, files, labels = own
    ids = [f"é{i}" for i in range(20)]
    logits = np.linspace(-2, 2, 40).reshape(20, 2)

    def table(form, values):
        named = [unicodedata.normalize(form, name) for name in ("image_id", *CLASSES)]
        rows = [unicodedata.normalize(form, image) for image in ids]
        return pyarrow.table(dict(zip(named, [rows, *values.T], strict=True)))

    students = build(
        own,
        images=dict(zip(ids, files, strict=True)),
        labels=table("NFD", labels.to_numpy()),
        teacher=table("NFC", logits),
        path=tmp_path / "a",
    )
    store = students.tuner.store
    rows = [ids.index(unicodedata.normalize("NFC", image)) for image in store.images]
    assert np.array_equal(store.label, labels.to_numpy()[rows])


def test_what_does_not_fit_and_a_missing_extra_are_told_nothing_is_left(own, tmp_path, monkeypatch):
    _, files, labels = own
    (tmp_path / "019.png").write_text("no photo")
    like_a_column = labels.set_axis(["name of the photo", "b"], axis=1)
    for changed, fault in (
        ({"images": []}, "There is no photo"),
        ({"images": "photos"}, "images is one path, 'photos'"),
        ({"images": ["a/1.jpg", "b/1.jpg"]}, "Several photos have the id '1'"),
        ({"concepts": []}, "there is no concept"),
        ({"concepts": ["sky\nrail"]}, r"'sky\\nrail' is not a line of text"),
        ({"concepts": ["sky", "Sky"]}, "'Sky' listed twice"),
        ({"encoder": "ViT-B-61:openai"}, "Did you mean 'ViT-B-16'"),
        ({"encoder": "./none"}, "There is no folder none"),
        ({"task": "single"}, "task is 'single'. Did you mean 'single_label'"),
        ({"activation": "sofmax"}, "activation is 'sofmax'. Did you mean 'softmax'"),
        ({"teacher": lambda _: np.zeros((3, 2))}, r"returns \(3, 2\) for 16 photos; expected"),
        ({"teacher": lambda photos: np.full((len(photos), 2), np.nan)}, "no finite numbers"),
        ({"teacher": lambda _: "logits"}, "returns str, no array of numbers"),
        ({"teacher": lambda _: 1 / 0}, "The teacher fails on photos, the first is '000': ZeroDiv"),
        ({"labels": None}, "labels is None, expected pandas.DataFrame"),
        ({"split": pd.Series({"0": "fit", "1": "tune", "2": "holdout"})}, "'000' is not in split"),
        ({"split": pd.Series({"000": "fitt"})}, "fitt"),
        ({"images": [*files[:-1], tmp_path / "019.png"]}, "photo of '019' cannot be read: .*019.p"),
        ({"labels": labels.iloc[1:]}, "labels has no row for 1 image of the photos: '000'"),
        ({"labels": like_a_column}, "no class can be called 'name of the photo'"),
    ):
        with pytest.raises(DataError, match=fault):
            build(own, path=tmp_path / "a", **changed)
        assert not (tmp_path / "a").exists()
    monkeypatch.setitem(sys.modules, "precompute", None)
    with pytest.raises(MissingExtraError, match="Building a store needs the package") as told:
        build(own)
    assert "[precompute]" in told.value.remedy


def test_the_example_of_the_docs_runs(own, monkeypatch):
    folder, files, labels = own
    text = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text(encoding="utf-8")
    code = text.partition("```python\n# From photos")[2].partition("```")[0]
    assert len(ast.parse(f"# From photos{code}").body) <= 5
    monkeypatch.chdir(folder)
    (folder / "photos").mkdir()
    for path in files:
        shutil.copy(path, folder / "photos")
    labels.to_csv("labels.csv", index_label="image_id")
    there = {"teacher": teacher, "encoder": "encoder"}
    exec(f"# From photos{code}", there)
    assert list(there["students"].classes) == CLASSES
