"""Helpers of common/: caches of threads, the clock, messages, threads of BLAS."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits
from waiting import PATIENCE

from inficond_panel.common import clock, threads
from inficond_panel.common.cache import Latest, once
from inficond_panel.common.clock import Clock
from inficond_panel.common.logs import MOST, Seldom
from inficond_panel.common.near_words import near
from inficond_panel.common.threads import core_count, one_thread, solver_threads
from inficond_panel.distill import certify, certify_joint, fit, fit_joint
from inficond_panel.distill.solver import joint, problem


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


def test_the_latest_are_kept():
    made = []
    last_two = once(2)(made.append)
    for name in "ababcba":
        last_two(name)
    assert made == ["a", "b", "c", "a"]


def test_what_is_kept_weighs_no_more_than_the_size():
    kept = Latest(10, weigh=len)
    for key, value in (("a", "xxxx"), ("b", "xxx"), ("a", "xx"), ("c", "xxxxx")):
        kept.put(key, value)
    assert [kept.get(key) for key in "abc"] == ["xx", "xxx", "xxxxx"]
    kept.put("d", "xxx")  # "a" was not used for the longest time
    assert [kept.get(key) for key in "abcd"] == [None, None, "xxxxx", "xxx"]
    kept.put("e", "x" * 11)
    assert [kept.get(key) for key in "cde"] == [None, None, None]


HOUR = 3600.0


@pytest.fixture
def system(monkeypatch) -> dict[str, float]:
    """The system's clock, and its steady one."""
    system = {"time": 1_000_000.0, "steady": 50.0}
    monkeypatch.setattr("inficond_panel.common.clock.time.time", lambda: system["time"])
    monkeypatch.setattr("inficond_panel.common.clock._steady", lambda: system["steady"])
    return system


def test_a_clock_goes_on_while_the_systems_is_moved(system):
    steady = Clock()
    assert steady.now() == "1970-01-12T13:46:40.000+00:00"
    system.update(time=1_000_000.0 - HOUR, steady=50.25)
    assert steady.now() == "1970-01-12T13:46:40.250+00:00"
    system.update(time=9e9, steady=51.0)
    assert steady.now() == "1970-01-12T13:46:41.000+00:00"


def test_a_clock_goes_on_from_a_later_time(system):
    steady = Clock()
    steady.go_on_from("1970-01-12T14:46:40.000+00:00")
    assert steady.now() == "1970-01-12T14:46:40.000+00:00"
    steady.go_on_from("1970-01-12T10:00:00.000+00:00")
    system["steady"] += 1.5
    assert steady.now() == "1970-01-12T14:46:41.500+00:00"


def test_a_stamp_is_in_utc(system):
    assert clock.stamp() == "1970-01-12T13:46:40Z"
    system.update(time=1_000_000.9)
    assert clock.stamp() == "1970-01-12T13:46:40Z"
    system.update(time=951_782_400.0)  # a leap day
    assert clock.stamp() == "2000-02-29T00:00:00Z"


def test_the_nearest_choices_end_a_message_the_best_first():
    assert near("weel", ["sky", "wheel"]) == " Did you mean 'wheel'?"
    assert near("WHEEL", ["sky", "Wheel"]) == " Did you mean 'Wheel'?"
    assert near("xyz", ["sky", "wheel"]) == near("weel", []) == ""
    layers = ["layer1", "layer10", "head"]
    assert near("layr1", layers, 1) == near("layr1", layers) == " Did you mean 'layer1'?"
    assert near("layr1", layers, 2) == " Did you mean 'layer1' or 'layer10'?"


@pytest.fixture
def written(monkeypatch) -> SimpleNamespace:
    """Write to a log that repeats seldom, at a moment that tests set; lines of one kind before."""
    seldom, now = Seldom(), SimpleNamespace(moment=1000.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.moment)

    def write(message, value):
        record = logging.LogRecord("a", logging.WARNING, "a.py", 1, message, (value,), None)
        return record.getMessage() if seldom.filter(record) else None

    now.write, now.lines = write, [write("Refused %s", i) for i in range(3 * MOST)]
    return now


def test_a_kind_is_written_so_often_a_minute(written):
    lines = written.lines
    assert lines[: MOST - 1] == [f"Refused {i}" for i in range(MOST - 1)]
    assert lines[MOST - 1] == f"Refused {MOST - 1} (more of these are left out for a minute)"
    assert lines[MOST:] == [None] * (2 * MOST)


def test_another_kind_is_written_meanwhile(written):
    assert written.write("Failed on %s", 1) == "Failed on 1"


def test_a_kind_is_written_again_after_a_minute(written):
    written.moment += 61
    assert written.write("Refused %s", 1) == "Refused 1"


def blas_threads():
    return [part["num_threads"] for part in threadpool_info() if part["user_api"] == "blas"]


@threadpool_limits.wrap(limits=2, user_api="blas")
def test_the_limit_lasts_until_the_last_has_left():
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


@threadpool_limits.wrap(limits=2, user_api="blas")
def test_the_limit_holds_in_whatever_thread_asks():
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


@threadpool_limits.wrap(limits=2, user_api="blas")
def test_fits_have_one_thread_from_the_checks_of_targets_on(monkeypatch):
    """A product of two long vectors wakes BLAS's threads, which wait for more by spinning."""
    seen = []
    for module, name in ((problem, "make_problems"), (joint, "make_joint_problem")):
        made = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, made=made: seen.append(blas_threads()) or made(*a)
        )
    scores, targets = np.random.default_rng(0).random((50, 4)), np.full((50, 2), 0.5)
    for function in (fit, fit_joint):
        function(scores, targets)
    for function in (certify, certify_joint):
        function(scores, targets, np.zeros((4, 2)))
    assert len(seen) == 4
    assert {number for each in seen for number in each} == {1}


@pytest.mark.parametrize(
    ("quota", "asked", "cores", "of_solver"),
    [
        (None, None, 8, 8),
        ("max 100000", "3", 8, 3),
        ("250000 100000", "", 3, 3),
        ("250000 100000", "2,4", 3, 2),
        ("50000 100000", "many", 1, 1),
        ("max 100000", "64", 8, 8),
    ],
)
def test_threads_are_those_that_container_or_environment_leave(
    tmp_path, monkeypatch, quota, asked, cores, of_solver
):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    if quota:
        threads._QUOTA.write_text(f"{quota}\n")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert (core_count(), solver_threads()) == (cores, of_solver)
