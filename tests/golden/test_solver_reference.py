"""The exact solver against other methods: interior point, L-BFGS-B, and 40-digit decimals."""

import functools
from decimal import Decimal

import numpy as np
import pytest
from many_digits import optimum
from problems import KINDS, concept_problem, random_case, seeds, tiny_case
from references import conic, lbfgs, objective, problem, unit

from inficond_panel.distill import fit, soft_targets

# Split forms without L1 have no central point, and the others take the barrier an hour.
NOT_FOR_DECIMALS = {"no L1, L2", "far bounds", "values 1e6", "large mean"}


@functools.cache
def answered(kind: str, seed: int):
    """A random problem, and what the solver answers."""
    case = random_case(kind, seed)
    return case, fit(**case, tolerance=1e-8)


def each_problem(test):
    """Run a test on each random problem."""
    by_kind = pytest.mark.parametrize("kind", KINDS)(test)
    return pytest.mark.parametrize("seed", seeds(2, 10))(by_kind)


@each_problem
def test_a_random_problem_is_solved_with_a_certificate(kind, seed):
    _, answer = answered(kind, seed)
    assert answer.converged.all(), answer.gap
    assert answer.certificate == ("gap", "gap")


@each_problem
def test_the_answer_of_a_random_problem_is_within_its_bounds(kind, seed):
    case, answer = answered(kind, seed)
    assert (case["lower"] <= answer.weights).all()
    assert (answer.weights <= case["upper"]).all()


@each_problem
def test_a_random_problem_reaches_the_references(kind, seed):
    case, answer = answered(kind, seed)
    for k in range(2):
        p = problem(case, k)
        found = objective(p, answer.weights[:, k], answer.intercepts[k])
        assert answer.objective[k] == pytest.approx(found, rel=1e-12)
        primal, dual = conic(p)
        least = min(primal, lbfgs(p))
        assert least - dual <= 1e-6 * unit(p)  # or the references are of no use
        assert found <= least + 1e-8 * unit(p)
        assert found >= dual - 1e-6 * unit(p)
        assert found - least <= (answer.gap[k] + 1e-13) * unit(p)


#: Kinds of each part of a problem, in each run; the others with ``--more``.
QUICK = {"plain", "duplicates", "constant class", "few images", "fixed weights", "L1 and L2"}
QUICK |= {"one concept", "uneven sample weights", "L1 near its maximum"}
DECIMAL = [
    kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.more)
    for kind in KINDS
    if kind not in NOT_FOR_DECIMALS
]


@pytest.mark.parametrize("kind", DECIMAL)
def test_tiny_problem_is_right_to_the_last_digits(kind):
    case = tiny_case(kind, 0)
    p = problem(case)
    least, whole = optimum(p), Decimal(unit(p))
    answer = fit(**case, tolerance=1e-12)
    assert answer.converged.all()
    assert abs(Decimal(answer.objective[0]) - least) <= Decimal("2e-12") * whole
    for most in (0, 1, 2):
        early = fit(**case, tolerance=1e-12, max_iterations=most)
        distance = (Decimal(early.objective[0]) - least) / whole
        assert distance <= Decimal(early.gap[0]) + Decimal("1e-15")


@pytest.mark.parametrize("seed", range(3))
def test_concept_scores_reach_lbfgs(seed):
    scores, logits = concept_problem(600, 80, 2, seed)
    case = {"scores": scores, "targets": soft_targets(logits)}
    answer = fit(**case, tolerance=1e-10)
    for k in range(2):
        p = problem(case, k)
        assert answer.converged[k]
        assert answer.objective[k] <= lbfgs(p) + 1e-10 * unit(p)


@pytest.mark.parametrize("shape", [(300, 20), (60, 59), (20, 60)])
@pytest.mark.parametrize("seed", seeds(1, 3))
def test_no_penalty_reaches_lbfgs(shape, seed):
    scores, logits = concept_problem(*shape, 1, seed)
    lower = np.full((shape[1], 1), -np.inf)
    lower[:3] = 1.0
    case = {"scores": scores, "targets": soft_targets(logits), "l1": 0.0, "lower": lower}
    answer = fit(**case, tolerance=1e-8)
    assert answer.certificate == ("kkt",)
    assert answer.converged.all()
    p = problem(case)
    assert answer.objective[0] <= lbfgs(p) + 1e-8 * unit(p)
