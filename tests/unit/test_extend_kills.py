"""Photos are added by a process that is killed at any moment, or by two at once: none is lost."""

import multiprocessing
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from precompute_factory import named_encoder, photo, photo_set, without_torch, write_table
from waiting import PATIENCE

import precompute
from inficond_panel.errors import StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.more_photos import more_photos, parts_of
from inficond_panel.store.write import only_run

pytestmark = pytest.mark.server

FORK = multiprocessing.get_context("fork")
NEW = [f"p{seed}" for seed in range(50, 56)]
#: What a process does to files and folders.
CHANGES = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a store, and new photos with their logits."""
    folder = tmp_path_factory.mktemp("extend")
    photo_set(folder, 12)
    named_encoder(folder / "encoder")
    (folder / "new").mkdir()
    for name in NEW:
        photo(int(name[1:])).save(folder / "new" / f"{name}.png")
    write_table(folder / "new.csv", NEW, np.arange(2.0 * len(NEW)).reshape(-1, 2))
    with pytest.MonkeyPatch.context() as patch:
        without_torch(patch)
        precompute.run(load_spec(folder / "spec.yaml"), folder / "spec.zarr")
    return folder


@pytest.fixture
def folder(home, tmp_path, monkeypatch):
    without_torch(monkeypatch)
    return Path(shutil.copytree(home, tmp_path / "own"))


def extend(folder):
    spec = load_spec(folder / "spec.yaml")
    precompute.extend(spec, spec.store, [folder / "new"], logits=folder / "new.csv", workers=1)


def die_at(folder, number):
    """Add the photos; die before the change of this number to a file beside the store."""
    changes = count()

    def note(event, given):
        if event not in CHANGES or not str(given[0]).startswith(str(folder / "spec.")):
            return
        written = event != "open" or (given[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if written and next(changes) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(note)
    extend(folder)


def in_child(work, *args):
    """Exit code of a process that does the work; -9 where it was killed."""
    child = FORK.Process(target=work, args=args)
    child.start()
    child.join(PATIENCE)
    return child.exitcode


# The process makes about 240 changes to files.
@pytest.mark.parametrize("step", [pytest.param(1, marks=[pytest.mark.more, pytest.mark.slow]), 83])
def test_a_run_killed_at_any_change_of_a_file_is_whole_or_nothing_and_goes_on(folder, step):
    for number in count(step // 2, step):
        place = Path(shutil.copytree(folder, folder.parent / str(number)))
        if in_child(die_at, place, number) == 0:
            break
        store = open_store(place / "spec.zarr")
        assert more_photos(store).images in {(), tuple(NEW)}
        assert in_child(extend, place) == 0
        assert more_photos(store).images == tuple(NEW)
        assert [part.images for part in parts_of(store)] == [len(NEW)]
        shutil.rmtree(place)
    assert number > step
    print(f"{number} changes")


def test_a_second_run_on_the_same_store_is_told_who_has_it(folder):
    with only_run(folder / "spec.zarr"), pytest.raises(StoreError) as told:
        extend(folder)
    assert f"is being written by process {os.getpid()} on" in told.value.message


def try_extend(folder, ready):
    """Add the photos as soon as the others are ready; exit 1 if another process does."""
    ready.wait(PATIENCE)
    try:
        extend(folder)
    except StoreError as error:
        sys.exit(int("is being written by" in error.message))


def test_of_runs_at_once_each_photo_is_added_once(folder):
    ready = FORK.Barrier(3)
    runs = [FORK.Process(target=try_extend, args=(folder, ready)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(PATIENCE)
    assert {run.exitcode for run in runs} <= {0, 1}
    assert more_photos(open_store(folder / "spec.zarr")).images == tuple(NEW)
