"""The limit on BLAS threads holds while anybody needs it, and ends with the last."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from inficond_panel.common.threads import one_thread


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
