"""A value that threads ask for together is computed once."""

from threading import Barrier, Event, Thread

import pytest
from waiting import PATIENCE

from inficond_panel.common.cache import once


def in_threads(number, function):
    threads = [Thread(target=function) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


def test_threads_that_ask_together_get_the_first_one_s():
    together, made, got = Barrier(5), [], []

    @once(4)
    def slow(name):
        made.append(name)
        started.set()
        assert go_on.wait(PATIENCE)
        return object()

    def ask():
        together.wait(PATIENCE)
        got.append(slow("a"))

    started, go_on = Event(), Event()
    threads = in_threads(4, ask)
    together.wait(PATIENCE)
    assert started.wait(PATIENCE)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert made == ["a"]
    assert len(set(map(id, got))) == 1
    assert len(got) == 4


def test_one_that_is_asked_for_does_not_wait_for_another():
    started, go_on = Event(), Event()

    @once(4)
    def slow(name):
        if name == "a":
            started.set()
            assert go_on.wait(PATIENCE)
        return name

    (thread,) = in_threads(1, lambda: slow("a"))
    assert started.wait(PATIENCE)
    assert slow("b") == "b"
    go_on.set()
    thread.join(PATIENCE)


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


def test_the_latest_are_kept():
    made = []
    last_two = once(2)(made.append)
    for name in "abab":
        last_two(name)
    last_two("c")
    last_two("b")
    last_two("a")
    assert made == ["a", "b", "c", "a"]
