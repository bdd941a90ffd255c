"""A run that is killed at any moment, or finds the disk full, goes on and gives the same store."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path
from unittest.mock import Mock

import pytest
from precompute_factory import named_encoder, photo_set, without_torch
from waiting import PATIENCE, wait_until

import precompute
from inficond_panel.common import files as whole_files
from inficond_panel.errors import StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store, write
from inficond_panel.store.write import only_run
from precompute.batches.results import batches_of
from precompute.pipeline.inputs import read_inputs

pytestmark = pytest.mark.server

FORK = multiprocessing.get_context("fork")
PHOTOS = 24


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Photos, a spec, and the store that a run gives that is not disturbed."""
    folder = tmp_path_factory.mktemp("faults")
    photo_set(folder, PHOTOS)
    named_encoder(folder / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        without_torch(patch)
        precompute.run(load_spec(folder / "spec.yaml"), folder / "whole" / "a.zarr")
    return folder


@pytest.fixture
def encoder(monkeypatch):
    return without_torch(monkeypatch)


def in_child(work, *args):
    """Exit code of a process that does the work; -9 where it was killed."""
    child = FORK.Process(target=work, args=args)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode is not None
    return child.exitcode


def die(*_args, **_options):
    os.kill(os.getpid(), signal.SIGKILL)


def die_on_line(home, store, beginning, count):
    def progress(line):
        nonlocal count
        count -= line.startswith(beginning)
        if not count:
            die()

    precompute.run(load_spec(home / "spec.yaml"), store, progress=progress)


STAGES = ("Stage teacher", "Stage text", "Stage scores", "Stage projections", "Writing")


@pytest.mark.parametrize(
    ("line", "count"), [*((line, 1) for line in STAGES), *(("Images encoded", n) for n in (1, 4))]
)
def test_a_run_killed_in_any_stage_goes_on(home, tmp_path, encoder, line, count):
    store = tmp_path / "a.zarr"
    assert in_child(die_on_line, home, store, line, count) == -signal.SIGKILL
    assert not store.exists()
    kept = len(list((tmp_path / "a.zarr.partial").glob("segments-*")))
    lines = goes_on(home, store)
    batches = len([line for line in lines if line.startswith("Images encoded")])
    assert encoder.runs == batches
    assert batches == total(home) - kept
    if line in {"Stage scores", "Stage projections", "Writing"}:
        assert batches == 0
        assert "Stage text" not in lines


def test_a_run_killed_before_the_classes_own_words_goes_on(home, tmp_path, encoder):
    store = tmp_path / "a.zarr"
    assert in_child(die_on_line, home, store, "Own words", 1) == -signal.SIGKILL
    goes_on(home, store)
    assert encoder.runs == 0


def test_an_old_store_is_there_until_the_new_one_is(home, tmp_path, encoder, monkeypatch):
    store = tmp_path / "a.zarr"
    spec = load_spec(home / "spec.yaml")
    old = precompute.run(spec, store).content_hash
    other = tmp_path / "words.txt"
    other.write_text("sky\nsea")
    spec.concepts.corpus = other
    rename, renamed = Path.rename, []

    def stop(path, target):
        if renamed:
            raise KeyboardInterrupt  # between the two renames
        renamed.append(path)
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            precompute.run(spec, store)
    assert not store.exists()
    whole_files.restore(store)
    assert open_store(store).content_hash == old
    store.rename(tmp_path / "a.zarr.replaced")
    runs = encoder.runs
    assert precompute.run(spec, store).content_hash != old
    assert encoder.runs == runs
    assert files(tmp_path) == ["a.words", "a.zarr", "words.txt"]


@pytest.mark.parametrize("left", ["partial", "replaced", "lock"])
def test_what_a_killed_run_left_beside_a_finished_store_is_removed(home, tmp_path, encoder, left):
    store, spec = tmp_path / "a.zarr", load_spec(home / "spec.yaml")
    made = precompute.run(spec, store).content_hash
    beside = tmp_path / f"a.zarr.{left}"
    if left == "lock":
        beside.write_text("process 0 on nowhere")
    else:
        (beside / "label").mkdir(parents=True)
    assert precompute.run(spec, store).content_hash == made
    assert files(tmp_path) == ["a.words", "a.zarr"]


def total(home):
    inputs = read_inputs(load_spec(home / "spec.yaml"), lambda _: None)
    return len(batches_of(inputs.keys, inputs.encoder.batch))


def goes_on(home, store):
    """Run to the end; the store is that of an undisturbed run, and its words alone are left."""
    lines = []
    report = precompute.run(load_spec(home / "spec.yaml"), store, progress=lines.append)
    assert report.content_hash == open_store(home / "whole" / "a.zarr").content_hash
    open_store(store).verify()
    assert files(store.parent) == ["a.words", store.name]
    return lines


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def full_at(monkeypatch, where):
    """The disk is full when the second result of a stage, or its only one, is to be written."""
    put, left = precompute.batches.results.Results.put, [2 if where == "segments" else 1]

    def full(results, name, key, arrays):
        left[0] -= name == where
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(results, name, key, arrays)

    monkeypatch.setattr("precompute.batches.results.Results.put", full)


@pytest.mark.parametrize("stage", ["teacher", "segments", "text", "scores", "projections"])
def test_a_full_disk_is_told_and_the_run_goes_on(home, tmp_path, encoder, monkeypatch, stage):
    store = tmp_path / "a.zarr"
    with monkeypatch.context() as patch:
        full_at(patch, stage)
        with pytest.raises(StoreError, match="is full") as told:
            precompute.run(load_spec(home / "spec.yaml"), store)
    assert "resumes" in told.value.remedy
    assert not store.exists()
    assert not list((tmp_path / "a.zarr.partial").glob("*.writing"))
    runs, done = encoder.runs, list((tmp_path / "a.zarr.partial").glob("segments-*"))
    goes_on(home, store)
    assert encoder.runs - runs == total(home) - len(done)


def test_a_disk_full_at_the_end_leaves_the_old_store(home, tmp_path, encoder, monkeypatch):
    """Other faults of the disk are told as they are."""
    store = tmp_path / "a.zarr"
    spec = load_spec(home / "spec.yaml")
    old = precompute.run(spec, store).content_hash
    spec.title = "Other words"
    spec.concepts.corpus = tmp_path / "words.txt"
    spec.concepts.corpus.write_text("sky\nsea")

    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(write, "_write", Mock(side_effect=full))
        with pytest.raises(StoreError, match="is full"):
            precompute.run(spec, store)
    assert open_store(store).content_hash == old
    runs = encoder.runs
    assert precompute.run(spec, store).content_hash != old
    assert encoder.runs == runs
    fault = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr("precompute.batches.results.save", Mock(side_effect=fault))
    with pytest.raises(StoreError, match="Input/output error") as told:
        precompute.run(load_spec(home / "spec.yaml"), tmp_path / "b.zarr")
    assert "--store" in told.value.remedy


def hold(store):
    with only_run(store):
        store.with_name("held").write_text("")
        signal.pause()


def test_a_second_run_on_the_same_store_is_told_who_has_it(tmp_path):
    store, flag = tmp_path / "a.zarr", tmp_path / "held"
    holder = FORK.Process(target=hold, args=(store,))
    holder.start()
    wait_until(flag.exists, "the lock is held")
    with pytest.raises(StoreError, match=f"being written by process {holder.pid} on ") as told:
        only_run(store).__enter__()
    assert "--store" in told.value.remedy
    with pytest.raises(ZeroDivisionError), only_run(tmp_path / "b.zarr"):
        _ = 1 / 0
    with only_run(tmp_path / "b.zarr"):  # the lock ends with an error too
        pass
    holder.kill()
    holder.join()
    with only_run(store):  # the lock went with its process
        assert str(os.getpid()) in (tmp_path / "a.zarr.lock").read_text()
    assert not list(tmp_path.glob("*.lock"))
