"""A second run takes over stages of the first, keeps little in memory, and is alone."""

import multiprocessing
import os

import pytest

from inficond_panel.errors import StoreError
from inficond_panel.store.write import only_run


def test_a_second_run_on_the_same_store_is_told_who_has_it(tmp_path):
    store = tmp_path / "a.zarr"
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(store,))
    holder.start()
    flag = tmp_path / "held"
    while not flag.exists():
        holder.join(0.01)
        assert holder.is_alive()
    with pytest.raises(StoreError, match=f"being written by process {holder.pid} on ") as told:
        only_run(store).__enter__()
    assert "--store" in told.value.remedy
    with only_run(tmp_path / "b.zarr"):
        pass
    holder.kill()
    holder.join()
    with only_run(store):  # the lock went with its process
        assert str(os.getpid()) in (tmp_path / "a.zarr.lock").read_text()
    assert not list(tmp_path.glob("*.lock"))


def hold(store):
    with only_run(store):
        store.with_name("held").write_text("")
        multiprocessing.Event().wait()


def test_the_lock_ends_with_an_error_too(tmp_path):
    with pytest.raises(ZeroDivisionError), only_run(tmp_path / "a.zarr"):
        _ = 1 / 0
    with only_run(tmp_path / "a.zarr"):
        pass
