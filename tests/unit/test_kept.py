"""``kept``: in tests, what equal values give is computed once; nothing else is."""

import numpy as np
import pytest
from kept import MOST_VALUES, kept

from inficond_panel.distill import FitProblem, Scores, fit


@pytest.fixture
def counted():
    """A kept function that adds up an array, and its calls so far."""
    calls = []

    def total(values, **named):
        calls.append(named)
        return np.array([np.sum(values)])

    return kept(total), calls


def test_equal_arrays_are_computed_once(counted):
    total, calls = counted
    assert total(np.arange(3.0)) is total(np.arange(3.0))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "other",
    [np.array([0.0, 1.0, 3.0]), np.arange(3), np.arange(3.0)[:, None], [0.0, 1.0, 2.0]],
    ids=["value", "type", "shape", "list"],
)
def test_another_value_is_computed(counted, other):
    total, calls = counted
    total(np.arange(3.0))
    total(other)
    assert len(calls) == 2


def test_another_named_argument_is_computed(counted):
    total, calls = counted
    for tolerance in (1e-3, 1e-4):
        total(np.arange(3.0), tolerance=tolerance)
    assert calls == [{"tolerance": 1e-3}, {"tolerance": 1e-4}]


@pytest.mark.parametrize(
    ("values", "named"),
    [(np.zeros(MOST_VALUES + 1), {}), (np.zeros(3), {"progress": print})],
    ids=["large", "tells its progress"],
)
def test_what_cannot_be_compared_is_computed_each_time(counted, values, named):
    total, calls = counted
    for _ in range(2):
        total(values, **named)
    assert len(calls) == 2


def test_a_shared_result_cannot_be_written(counted):
    result = counted[0](np.arange(3.0))
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 1.0


def problem(l1):
    rng = np.random.default_rng(0)
    return FitProblem(Scores.of(rng.random((20, 3))), rng.random((20, 1)), l1)


@pytest.mark.parametrize(("l1", "calls"), [(1e-3, 1), (1e-2, 2)], ids=["same", "another penalty"])
def test_a_problem_is_equal_by_all_its_values(l1, calls):
    solved = []
    solve = kept(solved.append)
    solve(problem(1e-3))
    solve(problem(l1))
    assert len(solved) == calls


def test_a_fit_gives_the_same_bits_again():
    """Which no test sees whose fits are kept."""
    rng = np.random.default_rng(0)
    given = {"scores": rng.random((200, 30)), "targets": rng.random((200, 4)), "l1": 1e-3}
    first, second = fit(**given), fit(**given)
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.intercepts, second.intercepts)
