"""Loops that numba compiles: the same sums as in extended precision, and where they are used."""

import sys

import numba
import numpy as np
import pytest

from inficond_panel.distill import Scores, certify, fit, scores, soft_targets
from inficond_panel.distill.compiled import loops

#: Rounding of a sum of hundreds of terms in float64, relative to the sum of their sizes.
ROUNDING = 1e-14


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(scores, "LEAST_VALUES", 0)


@pytest.fixture
def anew():
    loops.cache_clear()
    yield
    loops.cache_clear()


def table(images, concepts=37):
    return np.random.default_rng(0).normal(0.2, 0.1, (images, concepts)).astype(np.float32)


def problem():
    x = table(403)
    rng = np.random.default_rng(1)
    logit = (x - 0.2) @ rng.normal(0, 8, (37, 1)) - 3 + rng.normal(0, 1, (403, 1))
    return x, soft_targets(logit)


@pytest.mark.parametrize("images", [3, 4, 401])
@pytest.mark.parametrize("residuals", [1, 3])
def test_a_gradient_is_that_of_extended_precision(images, residuals):
    x = table(images)
    u = np.random.default_rng(2).normal(0, 1, (images, residuals))
    exact = x.T.astype(np.longdouble) @ u.astype(np.longdouble)
    sizes = np.abs(x.T).astype(np.float64) @ np.abs(u)
    assert (np.abs(loops().gradient(x, u) - exact) <= ROUNDING * sizes).all()


@pytest.mark.parametrize("columns", [1, 4, 7])
def test_a_product_is_that_of_extended_precision(columns):
    block = table(401).T.copy()
    rows, w = np.arange(columns) * 3 % 37, np.random.default_rng(3).normal(0, 1, columns)
    exact = w.astype(np.longdouble) @ block[rows].astype(np.longdouble)
    sizes = np.abs(w) @ np.abs(block[rows]).astype(np.float64)
    assert (np.abs(loops().product(block, rows, w) - exact) <= ROUNDING * sizes).all()


def test_centred_columns_have_the_bits_of_numpy():
    block = table(401).T.copy()
    rows, root = np.array([5, 0, 36]), np.random.default_rng(4).random(401, dtype=np.float32)
    pivot = np.full(3, 0.2, np.float32)
    expected = (block[rows] - pivot[:, None]) * root
    assert np.array_equal(loops().centred(block, rows, pivot, root), expected)


@pytest.mark.parametrize("made", [np.asfortranarray, np.memmap])
def test_other_arrays_have_the_same_sums(made, tmp_path):
    x, u = table(401), np.ones((401, 1))
    other = np.memmap(tmp_path / "x", x.dtype, "w+", shape=x.shape) if made is np.memmap else x
    other[:] = x
    other = other if made is np.memmap else made(x)
    other.setflags(write=False)
    assert np.array_equal(loops().gradient(other, u), loops().gradient(x, u))


def test_a_sum_has_the_same_bits_beside_others():
    x, u = table(401), np.random.default_rng(5).normal(0, 1, (401, 3))
    assert np.array_equal(loops().gradient(x, u)[:, [1]], loops().gradient(x, u[:, [1]]))


@pytest.mark.usefixtures("compiled")
def test_a_student_of_compiled_loops_is_certified_without_them():
    x, target = problem()
    student = fit(x, target, l1=1e-3)
    assert Scores(x).columns.loops is not None
    other = certify(x.astype(np.float64), target, student.weights, student.intercepts, l1=1e-3)
    assert Scores(x.astype(np.float64)).columns.loops is None
    assert other.converged.all()
    assert other.objective == pytest.approx(student.objective, rel=1e-12)


def test_a_student_of_compiled_loops_differs_by_less_than_the_gap(monkeypatch):
    x, target = problem()
    plain = fit(x, target, l1=1e-3)
    monkeypatch.setattr(scores, "LEAST_VALUES", 0)
    unit = certify(x, target, np.zeros((37, 1)), l1=1e-3).objective
    assert np.abs(fit(x, target, l1=1e-3).objective - plain.objective) <= 1e-6 * unit


def test_a_small_table_compiles_nothing():
    assert Scores(table(403)).columns.loops is None


@pytest.mark.usefixtures("compiled", "anew")
def test_a_fit_without_numba_takes_numpy(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    x, target = problem()
    assert Scores(x).columns.loops is None
    assert fit(x, target, l1=1e-3).converged.all()


@pytest.mark.usefixtures("anew")
def test_loops_compile_where_no_cache_can_be_written(monkeypatch):
    njit = numba.njit

    def refused(kind, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function")
        return njit(kind, **options)

    monkeypatch.setattr(numba, "njit", refused)
    x = table(3)
    assert loops().gradient(x, np.ones((3, 1)))[:, 0] == pytest.approx(x.sum(axis=0), rel=1e-6)
