"""The same students wherever the scores lie: other array libraries, disk, a cluster."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import zarr
from scipy.sparse import csr_array, csr_matrix

from inficond_panel.distill import (
    Scores,
    certify,
    certify_joint,
    decision_function,
    fit,
    fit_joint,
    fit_paper,
    soft_targets,
)
from inficond_panel.distill.solver.newton import NewtonState
from inficond_panel.distill.solver.problem import make_problems
from inficond_panel.distill.sources import SlicedSource, in_order
from inficond_panel.errors import DataError, OptimumWarning

pytestmark = pytest.mark.server

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    scores = np.maximum(rng.normal(0.2, 0.1, (700, 40)) + rng.normal(0, 0.03, (700, 1)), 0)
    logits = (scores - 0.2) @ rng.normal(0, 8, (40, 3)) - 3 + rng.normal(0, 1, (700, 3))
    return scores.astype(np.float16).astype(np.float32), soft_targets(logits)


@pytest.fixture(scope="module")
def expected(case):
    return fit(*case, tolerance=TOLERANCE)


def check_equal(answer, expected, case):
    """Same students, and a certificate that numpy confirms."""
    np.testing.assert_allclose(answer.objective, expected.objective, rtol=0, atol=1e-9)
    np.testing.assert_allclose(answer.weights, expected.weights, atol=1e-3)
    assert answer.converged.all()
    assert certify(*case, answer.weights, tolerance=1e-8).converged.all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_torch_tensors(case, expected, dtype):
    torch = pytest.importorskip("torch")
    scores = torch.tensor(case[0]).to(getattr(torch, dtype))
    check_equal(fit(scores, case[1], tolerance=TOLERANCE), expected, case)
    logits = decision_function(scores, expected.weights, expected.intercepts)
    direct = case[0].astype(float) @ expected.weights + expected.intercepts
    np.testing.assert_allclose(logits, direct, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_library_of_the_array_api_standard(case, expected, dtype):
    strict = pytest.importorskip("array_api_strict")
    scores = strict.asarray(case[0], dtype=getattr(strict, dtype))
    check_equal(fit(scores, case[1], tolerance=TOLERANCE), expected, case)
    assert fit(scores, case[1], l1=0).converged.all()  # the conditions need the variances


def test_numbers_that_are_not_finite_are_counted_in_any_library(case):
    torch = pytest.importorskip("torch")
    scores = torch.tensor(case[0])
    scores[3, 4], scores[5, 6] = torch.nan, torch.inf
    with pytest.raises(DataError, match="2 of 28000 scores"):
        fit(scores, case[1])
    with pytest.raises(DataError, match="complex64"):
        fit(torch.ones((3, 3), dtype=torch.complex64), case[1][:3])


def stored(tmp_path, values, rows=100):
    shape = {"shape": values.shape, "chunks": (rows, 40), "dtype": values.dtype}
    array = zarr.create_array(tmp_path / "scores.zarr", **shape)
    array[:] = values
    return array


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("keep", [0, 1 << 30])
def test_zarr_arrays(case, expected, tmp_path, dtype, keep):
    source = SlicedSource(stored(tmp_path, case[0].astype(dtype)), keep)
    assert source.slow == (keep == 0)
    data = Scores(source)
    check_equal(fit(data, case[1], tolerance=TOLERANCE), expected, case)


def test_passes_over_a_slow_source_are_few(case, tmp_path):
    lower = np.full((40, 1), -np.inf)
    parent = fit(case[0], case[1][:, [0]])
    lower[5] = parent.weights[5] + 1
    data = Scores(SlicedSource(stored(tmp_path, case[0]), 0))
    refit = fit(data, case[1][:, [0]], lower=lower, start=parent)
    assert refit.converged.all()
    assert data.passes <= 8


def test_a_refit_of_one_student_settles_its_own_weights_before_the_first_pass(case):
    data, target = Scores(case[0]), case[1][:, [0]]
    parent = fit(data, target, l1=1e-2)
    first = np.abs(parent.weights).argmax()
    bound = np.full((40, 1), np.inf)
    bound[first] = parent.weights[first] - 1
    (problem,) = make_problems(data.shape, target, 1e-2, 0.0, None, bound, None)
    student = NewtonState(data, problem, [problem.penalty.clip(parent.weights[:, 0])])
    before, passes = student.at.objective, data.passes
    student.settle()
    assert data.passes == passes
    best = fit(data, target, l1=1e-2, upper=bound).objective[0]
    assert student.at.objective - best < 0.5 * (before - best)
    assert set(np.flatnonzero(student.at.weights)) <= set(np.flatnonzero(parent.weights))


def test_blocks_come_in_order_from_any_number_of_threads():
    seen = [list(in_order(lambda k: k * k, ((k,) for k in range(50)), n)) for n in (1, 2, 5)]
    assert seen[0] == seen[1] == seen[2] == [k * k for k in range(50)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_rough_gradient_is_that_of_float32(case, dtype):
    data = Scores(case[0].astype(dtype))
    residuals = case[1] - case[1].mean(axis=0)
    exact = case[0].astype(dtype).astype(np.float64).T @ residuals
    off = [np.abs(data.gradient(residuals, rough) - exact).max() for rough in (False, True)]
    assert off[0] < 1e-10
    assert (off[1] > 1e-8) == data.narrow == (dtype == np.float32)
    assert off[1] < 1e-4


class TestDask:
    def test_local_threads(self, case, expected):
        array = pytest.importorskip("dask.array").from_array(case[0], chunks=(150, 17))
        check_equal(fit(array, case[1], tolerance=TOLERANCE), expected, case)

    def test_the_number_of_workers_changes_no_bit(self, case, expected):
        distributed = pytest.importorskip("distributed")
        array = pytest.importorskip("dask.array").from_array(case[0], chunks=(150, 40))
        weights = []
        for workers in (1, 3):
            sizes = {"n_workers": workers, "threads_per_worker": 1, "processes": workers == 1}
            local = distributed.LocalCluster(**sizes, dashboard_address=None)
            with local as cluster, distributed.Client(cluster):
                answer = fit(array.persist(), case[1], tolerance=TOLERANCE)
            weights.append(answer.weights.tobytes())
            check_equal(answer, expected, case)
        assert weights[0] == weights[1]


@pytest.mark.parametrize("kind", ["zarr", "dask"])
def test_what_is_read_in_parts_is_checked(case, tmp_path, kind):
    scores = case[0].copy()
    scores[650, 3] = np.nan
    if kind == "zarr":
        array = stored(tmp_path, scores)
    else:
        array = pytest.importorskip("dask.array").from_array(scores, chunks=(150, 40))
    with pytest.raises(DataError, match="1 of the scores" if kind == "dask" else "1 of"):
        fit(array, case[1])


MEMORY = """
import resource, sys
import numpy as np
import zarr
from inficond_panel.distill import Scores, fit
from inficond_panel.distill.sources import SlicedSource

array = zarr.open_array(sys.argv[1], mode="r")
targets = np.random.default_rng(0).random((array.shape[0], 1))
fit(Scores(SlicedSource(array[:100], 0)), targets[:100])  # everything is loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer = fit(Scores(SlicedSource(array, 0)), targets, l1=3e-3)
assert answer.converged.all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, (answer.weights != 0).sum())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in KiB")
def test_a_refit_holds_its_columns_and_not_the_table(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "large.zarr"
    array = zarr.create_array(path, shape=(40_000, 584), chunks=(4000, 584), dtype="float16")
    for first in range(0, 40_000, 4000):
        array[first : first + 4000] = rng.random((4000, 584), dtype=np.float32)
    command = [sys.executable, "-c", MEMORY, str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    grown, _ = map(int, subprocess.check_output(command, text=True, env=environment).split())
    assert grown * 1024 < 0.75 * 40_000 * 584 * 4  # of the table in float32


# --- sparse matrices


X, Y, W = np.eye(4, 3), np.full((4, 2), 0.5), np.zeros((3, 2))
SPARSE = {
    "fit scores": (lambda sparse: fit(sparse(X), Y), "scores"),
    "fit targets": (lambda sparse: fit(X, sparse(Y)), "targets"),
    "fit lower": (lambda sparse: fit(X, Y, lower=sparse(W)), "lower"),
    "fit sample_weight": (lambda sparse: fit(X, Y, sample_weight=sparse(Y)), "sample_weight"),
    "fit_joint scores": (lambda sparse: fit_joint(sparse(X), Y), "scores"),
    "fit_joint targets": (lambda sparse: fit_joint(X, sparse(Y)), "targets"),
    "fit_paper scores": (lambda sparse: fit_paper(sparse(X), Y), "scores"),
    "certify scores": (lambda sparse: certify(sparse(X), Y, W), "scores"),
    "certify weights": (lambda sparse: certify(X, Y, sparse(W)), "weights"),
    "certify_joint targets": (lambda sparse: certify_joint(X, sparse(Y), W), "targets"),
    "certify_joint weights": (lambda sparse: certify_joint(X, Y, sparse(W)), "weights"),
    "decision scores": (lambda sparse: decision_function(sparse(X), W, W[0]), "scores"),
    "decision weights": (lambda sparse: decision_function(X, sparse(W), W[0]), "weights"),
    "soft_targets": (lambda sparse: soft_targets(sparse(Y)), "teacher_logit"),
}


@pytest.mark.parametrize("sparse", [csr_matrix, csr_array])
@pytest.mark.parametrize("case", SPARSE)
def test_a_sparse_matrix_is_refused_by_its_name(case, sparse):
    call, name = SPARSE[case]
    with pytest.raises(DataError, match=rf"{name} is .*csr_\w+, a sparse matrix") as caught:
        call(sparse)
    assert caught.value.remedy == f"Pass an array: {name}.toarray()."


# --- students that stop before the optimum


@pytest.mark.parametrize("solver", [fit, fit_joint])
def test_a_student_that_stops_early_warns(case, solver):
    scores, targets = case
    with pytest.warns(OptimumWarning, match="stopped before the optimum"):
        solver(scores, targets / targets.sum(axis=1, keepdims=True), max_iterations=0)


@pytest.mark.parametrize("solver", [fit, fit_joint])
def test_a_student_at_the_optimum_does_not_warn(case, solver):
    scores, targets = case
    with warnings.catch_warnings():
        warnings.simplefilter("error", OptimumWarning)
        solver(scores, targets / targets.sum(axis=1, keepdims=True))
