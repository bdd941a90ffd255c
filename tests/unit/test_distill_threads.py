"""The limit on BLAS threads holds while anybody needs it, and ends with the last."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from inficond_panel.common import threads
from inficond_panel.common.threads import core_count, one_thread, solver_threads


@pytest.fixture(autouse=True)
def _two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


def blas_threads():
    return [part["num_threads"] for part in threadpool_info() if part["user_api"] == "blas"]


def test_limit_lasts_until_the_last_has_left():
    before = blas_threads()
    assert set(before) == {2}
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    assert set(blas_threads()) == {1}
    first.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_limit_holds_in_whatever_thread_asks():
    before = blas_threads()

    def inside():
        with one_thread():
            return blas_threads()

    with one_thread():
        pass
    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(inside).result()) == {1}
        first = one_thread()
        pool.submit(first.__enter__).result()
        assert set(blas_threads()) == {1}
        first.__exit__(None, None, None)
    assert blas_threads() == before
    assert set(inside()) == {1}


def test_threads_are_those_that_affinity_container_and_environment_leave(tmp_path, monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    for quota, asked, cores, of_solver in (
        (None, None, 8, 8),
        ("max 100000", "3", 8, 3),
        ("250000 100000", "", 3, 3),
        ("250000 100000", "2,4", 3, 2),
        ("50000 100000", "many", 1, 1),
        ("max 100000", "64", 8, 8),
    ):
        if quota:
            threads._QUOTA.write_text(f"{quota}\n")
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if asked is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert (core_count(), solver_threads()) == (cores, of_solver)
