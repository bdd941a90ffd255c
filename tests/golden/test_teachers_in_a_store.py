"""The whole way with teachers that are run: photos, a store, students, and photos added to it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from precompute_factory import HEAD, SPEC, TABLE, TIMM, photo, photo_folder, write_table

import precompute
from inficond_panel.errors import DataError, StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.more_photos import more_photos
from inficond_panel.tuning import History, Tuner
from precompute.batches.results import Results
from precompute.teachers.stage import Pass

pytest.importorskip("torch")

import timm
import torch

pytestmark = pytest.mark.torch
ORACLE = HEAD.replace("}", ", oracle: {gamma: 0.2}}")
OWN = f"{TIMM}  oracle: {{}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = photo_folder(tmp_path_factory.mktemp("teachers"))
    (folder / "photos" / "images" / "00003.jpg").write_text("no image")
    return folder


def make(folder, teacher, students="", single=False):
    text = SPEC.replace(TABLE, teacher) + students
    if single:
        text = text.replace("  labels:", "  task: single_label\n  labels:")
    (folder / "spec.yaml").write_text(text)
    spec = load_spec(folder / "spec.yaml")
    report = precompute.run(spec, folder / "a.zarr")
    return spec, report, open_store(folder / "a.zarr")


@pytest.fixture(scope="module", params=[(ORACLE, 0.2), (OWN, 0.5)], ids=["head", "own"])
def reached(request, tmp_path_factory, folder) -> SimpleNamespace:
    """A store of a teacher with an oracle: its spec, report, and folder."""
    teacher, gamma = request.param
    own = tmp_path_factory.mktemp("reached") / "own"
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns("*.zarr*"))
    spec, report, store = make(own, teacher)
    return SimpleNamespace(
        teacher=teacher, gamma=gamma, own=own, spec=spec, report=report, store=store
    )


def test_an_image_that_cannot_be_read_is_left_out(reached):
    store = reached.store
    assert "00003" not in store.images


def test_logits_reach_the_store(reached):
    spec, store = reached.spec, reached.store
    assert np.isfinite(store.teacher_logit).all()
    assert store.attrs["teacher"] == spec.teacher.title
    assert len(store.attrs["teacher_digest"]) == 64
    assert store.attrs["teacher_preprocessing"]["size"] == [64, 64]


def test_logits_of_the_oracle_on_fit_reach_the_store(reached):
    store, gamma = reached.store, reached.gamma
    fit = store.split == "fit"
    assert np.isfinite(store.oracle_logit[fit]).all()
    assert np.isnan(store.oracle_logit[~fit]).all()
    assert store.attrs["oracle"]["gamma"] == gamma
    assert store.attrs["oracle"]["images"] == fit.sum()


def test_a_second_run_changes_nothing(reached):
    folder, teacher, report = reached.own, reached.teacher, reached.report
    again = make(folder, teacher)[1]
    assert (again.changed, again.content_hash) == (False, report.content_hash)


@pytest.fixture
def counted(monkeypatch) -> dict[str, list[str]]:
    """Photos that go through networks, by what they are run for."""
    before, seen = Pass.__call__, {}

    def counting(work, rows):
        seen.setdefault(work.name, []).extend(work.dataset.ids[row] for row in rows)
        return before(work, rows)

    monkeypatch.setattr(Pass, "__call__", counting)
    return seen


def take(counted: dict[str, list[str]]) -> dict[str, list[str]]:
    found = dict(counted)
    counted.clear()
    return found


def planned(folder):
    plan = precompute.plan(load_spec(folder / "spec.yaml"), folder / "a.zarr")
    return next(stage for stage in plan.stages if stage.name == "teacher")


@pytest.fixture
def own(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "own", ignore=shutil.ignore_patterns("*.zarr*"))
    return tmp_path / "own"


SMALL = OWN.replace("  oracle", "  batch: 2\n  oracle")


def test_only_batches_with_a_changed_photo_go_through_the_network_again(own, counted):
    make(own, SMALL)
    counted.clear()
    images = own / "photos" / "images"
    photo(99).save(images / "00002.jpg")
    plan = planned(own)
    assert plan.does == "run"
    assert plan.photos <= 5  # of its old batch, and of its new one
    assert "photos changed: 1 (00002)" in plan.why
    report = make(own, SMALL)[1]
    seen = take(counted)
    assert len(seen["logits"]) == plan.photos
    assert "00002" in seen["logits"]
    assert "00002" in seen["oracle"]
    assert len(seen["oracle"]) <= 5
    shutil.rmtree(own / "a.zarr")
    assert make(own, SMALL)[1].content_hash == report.content_hash  # as if run from nothing


def test_another_label_or_gamma_leaves_the_logits_alone(own, counted):
    make(own, SMALL)
    counted.clear()
    labels = own / "photos" / "labels.csv"
    labels.write_text(labels.read_text().replace("00001,1,0", "00001,0,0"))
    assert planned(own).photos == 0
    make(own, SMALL)
    seen = take(counted)
    assert "logits" not in seen
    assert "00001" in seen["oracle"]
    assert len(seen["oracle"]) <= 5
    make(own, SMALL.replace("{}", "{gamma: 0.25}"))
    assert take(counted).keys() == {"oracle"}


def test_heads_are_fitted_again_on_the_features_that_are_there(own, counted):
    make(own, HEAD)
    counted.clear()
    other = HEAD.replace("l2: 0.1", "l2: 1.0")
    _, report, store = make(own, other)
    assert take(counted) == {}
    assert store.teacher_feature.shape == (15, 24)
    np.testing.assert_allclose(np.linalg.norm(store.teacher_feature, axis=1), 1, atol=1e-5)
    (own / "a.zarr").rename(own / "old")
    assert make(own, other)[1].content_hash == report.content_hash
    # the batch of the photo that cannot be read; the others came with their segments
    assert len(take(counted)["features"]) == 1


@pytest.mark.parametrize(("teacher", "name"), [(SMALL, "oracle"), (ORACLE, "features")])
def test_a_disk_that_is_full_while_a_teacher_runs_is_told_and_the_run_goes_on(
    own, counted, monkeypatch, teacher, name
):
    put = Results.put

    def full(results, of, *given):
        if of == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(results, of, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Results, "put", full)
        with pytest.raises(StoreError, match="is full"):
            make(own, teacher)
    assert not (own / "a.zarr").exists()
    before = take(counted)
    report = make(own, teacher)[1]
    again = take(counted)
    assert name in again
    if name == "oracle":
        assert len(before["logits"]) == 16
        assert "logits" not in again
    shutil.rmtree(own / "a.zarr")
    assert make(own, teacher)[1].content_hash == report.content_hash


def test_a_softmax_teacher_with_other_classes_reaches_the_store(tmp_path):
    """One class an image; the oracle's students learn a softmax over all four classes; another run
    takes every photo's logits from the store."""
    photo_folder(tmp_path)
    label = np.eye(2, dtype=int)[np.arange(16) % 2]
    write_table(tmp_path / "photos" / "labels.csv", [f"{i:05d}" for i in range(16)], label)
    torch.save(timm.create_model("test_resnet", num_classes=4).state_dict(), tmp_path / "mine.pt")
    teacher = OWN.replace("{}", "{gamma: 0.01}")
    teacher += "  activation: softmax\n  classes: [eel, train, cat, bicycle]\n"
    students = "students: {targets: oracle, temperature: 2}\n"
    spec, _, store = make(tmp_path, teacher, students, single=True)
    store.verify()
    assert (store.task, store.activation) == ("single_label", "softmax")
    assert [str(name) for name in store.read("other_class")] == ["eel", "cat"]
    rows = store.rows("fit")
    every = np.hstack([store.oracle_logit[rows], store.other_oracle_logit[rows]]) / 2
    odds = np.exp(every.astype(float))
    tuner = Tuner(store, spec, History(":memory:"))
    expected = (odds / odds.sum(axis=1, keepdims=True))[:, :2]
    np.testing.assert_allclose(tuner.fit_data.targets.values, expected, rtol=1e-5)
    assert not precompute.run(spec, tmp_path / "a.zarr").changed
    text, told = spec.path.read_text(), []
    spec.path.write_text(text.replace("gamma: 0.01", "gamma: 0.02"))
    precompute.run(load_spec(spec.path), tmp_path / "a.zarr", progress=told.append)
    assert not any("(logits)" in line for line in told)
    assert any("(oracle)" in line for line in told)
    again = open_store(tmp_path / "a.zarr")
    np.testing.assert_array_equal(again.other_logit, store.other_logit)


def test_images_with_two_classes_stop_a_run_of_one_class_an_image(folder):
    teacher = TABLE.replace("}", ", activation: softmax}")
    with pytest.raises(DataError, match=r"single_label, but 4 of 16 images have several classes"):
        make(folder, teacher, single=True)


@pytest.fixture(scope="module")
def more(tmp_path_factory) -> Path:
    more = photo_folder(tmp_path_factory.mktemp("extend"))
    (more / "new").mkdir()
    for file in (more / "photos" / "images").iterdir():  # other content, the same pixels
        (more / "new" / file.name).write_bytes(file.read_bytes() + b"\0")
    return more


@pytest.mark.parametrize("teacher", [TIMM, f"{TIMM}  oracle: {{gamma: 0.5}}\n", HEAD])
def test_the_teacher_labels_added_photos_as_those_of_the_store(more, teacher):
    name = f"teacher{len(teacher)}"
    text = SPEC.replace(TABLE, teacher).replace("title: Tiny", f"title: Tiny\nstore: {name}.zarr")
    (more / f"{name}.yaml").write_text(text)
    spec = load_spec(more / f"{name}.yaml")
    precompute.run(spec, spec.store)
    store = open_store(spec.store)
    assert len(precompute.extend(spec, spec.store, [more / "new"]).added) == 16
    found = more_photos(store)
    own = [store.images.index(name.removesuffix(" (2)")) for name in found.images]
    np.testing.assert_allclose(found.score, store.concept_score[own], atol=1e-5)
    seen = np.isin(own, store.rows("fit"))
    assert 0 < seen.sum() < 16
    expected = store.teacher_logit[own]
    np.testing.assert_allclose(found.teacher_logit[~seen], expected[~seen], atol=1e-4)
    # a head of a fold has not seen the photo, that of all of fit has
    alike = np.allclose(found.teacher_logit[seen], expected[seen], atol=1e-4)
    assert alike == (teacher != HEAD)
    one = more / "one.jpg"
    one.write_bytes((more / "new" / "00001.jpg").read_bytes() + b"1")
    with pytest.raises(DataError, match="computes logits"):
        precompute.extend(spec, spec.store, [one], logits=more / "logits.csv")
