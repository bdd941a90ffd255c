"""Large arrays are files, few classes are solved at one time: the numbers stay the same."""

import errno
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec, small_store
from tuners import tuner_of

from inficond_panel import open_students
from inficond_panel.common import arrays
from inficond_panel.distill import fit
from inficond_panel.distill.solver import exact
from inficond_panel.distill.sources import in_order
from inficond_panel.errors import StoreFormatError
from inficond_panel.store import open_store
from inficond_panel.tuning import student as evaluation
from inficond_panel.tuning.fitting.images import scores_on


@pytest.fixture
def large(monkeypatch, tmp_path):
    """Arrays of more than 100 bytes count as large; their files are in the folder returned."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(arrays, "LARGE", 100)
    monkeypatch.setattr(arrays, "_is_memory", lambda folder: False)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def is_file(values):
    while values is not None:
        if isinstance(values, np.memmap):
            return True
        values = getattr(values, "base", None)
    return False


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a folder in memory (Linux)")
def test_no_file_is_made_in_a_folder_that_is_memory(large, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(arrays, "LARGE", 100)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    assert not is_file(arrays.empty((7, 9), np.float32))


def test_all_numbers_of_float16_are_the_same_in_float32():
    half = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(arrays.single(half), half.astype(np.float32))
        np.testing.assert_array_equal(arrays.single(half.T[::3]), half.T[::3].astype(np.float32))
    swapped = half.astype(">f2")
    np.testing.assert_array_equal(arrays.single(swapped), arrays.single(half))


def test_consecutive_rows_are_not_copied(large):
    values = np.arange(600.0).reshape(100, 6)
    together = arrays.rows_of(values, np.arange(20, 60))
    assert np.shares_memory(together, values)
    np.testing.assert_array_equal(together, values[20:60])


def test_rows_apart_are_copied_to_a_file(large):
    values = np.arange(600.0).reshape(100, 6)
    apart = arrays.rows_of(values, np.arange(20, 60, 3))
    assert is_file(apart)
    np.testing.assert_array_equal(apart, values[20:60:3])


def test_no_rows_have_the_width_of_all(large):
    values = np.arange(600.0).reshape(100, 6)
    assert arrays.rows_of(values, np.arange(0)).shape == (0, 6)


def test_a_large_array_is_a_file_without_a_name(large):
    values = arrays.empty((7, 9), np.float32)
    values[:] = np.arange(63).reshape(7, 9)
    assert is_file(values)
    assert type(values) is np.ndarray
    assert values.sum() == 63 * 62 / 2
    assert not list(large.iterdir())


def test_a_small_array_is_in_memory(large):
    assert not is_file(arrays.empty((2, 3), np.float32))


def test_a_large_array_is_in_memory_where_the_disk_is_full(large, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    values = arrays.empty((7, 9), np.float32)
    values[:] = 1
    assert not is_file(values)
    assert values.sum() == 63


def test_students_and_metrics_are_the_same_from_files(tmp_path, monkeypatch, request):
    spec = small_spec(tmp_path, images=200)

    def made():
        students = open_students(spec, history=":memory:").fit()
        tuned = students.down(students.classes[0], students.concepts[1])
        tables = [each.metrics("tune") for each in (students, tuned)]
        return students.tuner.store, [students.node, tuned.node], tables

    store, nodes, tables = made()
    request.getfixturevalue("large")
    monkeypatch.setattr(evaluation, "_OUTCOME_BYTES", 0)
    monkeypatch.setattr(evaluation, "_KEPT_NODES", (1, 1))
    again, same_nodes, same_tables = made()
    assert is_file(again.concept_score)
    assert not is_file(store.concept_score)
    for name in ("concept_score", "teacher_logit", "label", "image"):
        np.testing.assert_array_equal(again.read(name), store.read(name))
    for node, other in zip(nodes, same_nodes, strict=True):
        np.testing.assert_array_equal(node.weights, other.weights)
    for table, other in zip(tables, same_tables, strict=True):
        assert table.equals(other)


def test_a_store_read_by_parts_tells_of_damage(tmp_path, large):
    store = small_store(tmp_path / "a.zarr")
    chunk = next(path for path in (store.path / "concept_score" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-8] + bytes(8))
    with pytest.raises(StoreFormatError, match="concept_score"):
        open_store(store.path).concept_score  # noqa: B018


def problem(images=300, concepts=30, classes=5):
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=(images, concepts)).astype(np.float32)
    logits = scores[:, :classes] - scores[:, classes : 2 * classes] + rng.normal(size=(images, 1))
    return scores, 1 / (1 + np.exp(-logits))


def test_few_classes_at_one_time_are_solved_as_all_at_once(monkeypatch):
    scores, targets = problem()
    whole = fit(scores, targets, l1=1e-3)
    monkeypatch.setattr(exact, "_KEPT_VALUES", 2 * len(scores))
    told = []
    parts = fit(scores, targets, l1=1e-3, progress=lambda share, text: told.append((share, text)))
    for name in ("weights", "intercepts"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-6)
    apart = np.abs(np.subtract(parts.objective, whole.objective))
    assert (apart <= np.add(parts.gap, whole.gap)).all()
    assert parts.certificate == whole.certificate
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, "5 of 5 students fitted")
    assert any(text == "2 of 5 students fitted" for _, text in told)


def test_threads_change_no_bit(monkeypatch):
    scores, targets = problem()
    alone, threads = fit(scores, targets, l1=1e-3), set()
    step = exact.NewtonState.step

    def watched(student):
        threads.add(threading.current_thread().name)
        step(student)

    monkeypatch.setattr(exact.NewtonState, "step", watched)
    monkeypatch.setattr(exact, "_THREADED_IMAGES", 1)
    monkeypatch.setattr(exact, "solver_threads", lambda: 3)
    together = fit(scores, targets, l1=1e-3)
    assert threading.main_thread().name not in threads
    np.testing.assert_array_equal(together.weights, alone.weights)
    np.testing.assert_array_equal(together.gap, alone.gap)


def test_a_thread_of_a_pool_starts_no_pool():
    def inner(_):
        return {named(), *in_order(named, [()] * 3, threads=3)}

    def named():
        return threading.current_thread().name

    for names in in_order(inner, [(1,), (2,)], threads=2):
        assert len(names) == 1


def test_a_split_without_images_has_no_logits(tmp_path):
    arrays = small_arrays()
    arrays["split"] = np.where(arrays["split"] == "holdout", "tune", arrays["split"])
    students = tuner_of(arrays, tmp_path)
    root = students.root()
    assert scores_on(students.store, "fit") is students.fit_data.images.gathered
    assert students.logits(root, np.arange(0)).shape == (0, len(students.store.classes))
    assert all(np.isnan(each.ap) for each in students.metrics(root, "holdout").values())
