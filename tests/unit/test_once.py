"""A value that threads ask for together is computed once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from waiting import PATIENCE

from inficond_panel.common.cache import Latest, once


def test_threads_that_ask_together_get_the_first_one_s():
    together, started, go_on = Barrier(5), Event(), Event()
    made = []

    @once(4)
    def slow(name):
        made.append(name)
        started.set()
        assert go_on.wait(PATIENCE)
        return object()

    def ask():
        together.wait(PATIENCE)
        return slow("a")

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        together.wait(PATIENCE)
        assert started.wait(PATIENCE)
        go_on.set()
        got = [one.result(PATIENCE) for one in asked]
    assert made == ["a"]
    assert len(set(map(id, got))) == 1


def test_one_that_is_asked_for_does_not_wait_for_another():
    started, go_on = Event(), Event()

    @once(4)
    def slow(name):
        if name == "a":
            started.set()
            assert go_on.wait(PATIENCE)
        return name

    with ThreadPoolExecutor(1) as pool:
        pool.submit(slow, "a")
        assert started.wait(PATIENCE)
        assert slow("b") == "b"
        go_on.set()


def test_a_failure_is_not_kept():
    asked = []

    @once(1)
    def fails_first(name):
        asked.append(name)
        if len(asked) == 1:
            raise ValueError(name)
        return name

    with pytest.raises(ValueError, match="a"):
        fails_first("a")
    assert fails_first("a") == fails_first("a") == "a"
    assert len(asked) == 2


def test_the_latest_are_kept_and_weigh_no_more_than_the_size():
    made = []
    last_two = once(2)(made.append)
    for name in "ababcba":
        last_two(name)
    assert made == ["a", "b", "c", "a"]
    kept = Latest(10, weigh=len)
    for key, value in (("a", "xxxx"), ("b", "xxx"), ("a", "xx"), ("c", "xxxxx")):
        kept.put(key, value)
    assert [kept.get(key) for key in "abc"] == ["xx", "xxx", "xxxxx"]
    kept.put("d", "xxx")  # "a" was not used for the longest time
    assert [kept.get(key) for key in "abcd"] == [None, None, "xxxxx", "xxx"]
    kept.put("e", "x" * 11)
    assert [kept.get(key) for key in "cde"] == [None, None, None]
