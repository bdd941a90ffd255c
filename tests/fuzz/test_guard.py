"""The guard of the fuzz tests sees what it is there for."""

import time

import pytest
from guard import BYTES, attempt

from inficond_panel.errors import DataError


def fail(error):
    raise error


def test_results_and_errors_of_ours_pass():
    assert attempt("one", lambda: 1) == 1
    error = DataError("It is broken.")
    assert attempt("two", lambda: fail(error)) is error


def spin():
    end = time.process_time() + 60
    while time.process_time() < end:
        try:
            sum(range(1000))
        except Exception:
            continue


FAILING = [lambda: {}["absent"], lambda: bytearray(2 * BYTES), spin, lambda: fail(DataError(""))]


@pytest.mark.parametrize("call", FAILING)
def test_anything_else_fails(call, monkeypatch):
    monkeypatch.setattr("guard.CPU_SECONDS", 0.3)
    with pytest.raises(AssertionError, match="three"):
        attempt("three", call)
