"""Students with at most a number of concepts, beside scikit-learn's path of penalties."""

import warnings
from functools import partial

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from inficond_panel.distill import FitProblem, Scores, decision_function
from inficond_panel.distill import sizes as of_size
from inficond_panel.distill.sizes import students_of_sizes
from inficond_panel.distill.solver.exact import made_of

IMAGES, CONCEPTS = 160, 12
SIZES = (1, 3, 6)


def drawn(soft: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and targets of one class that go with four concepts."""
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(IMAGES, CONCEPTS))
    logit = scores[:, :4] @ [2.0, -1.5, 1.0, 0.5] + rng.normal(size=IMAGES)
    return scores, expit(logit) if soft else (logit > 0).astype(float)


def largest_of(scores, target):
    """The least lambda at which all weights are 0."""
    return np.abs(scores.T @ (target - target.mean())).max() / len(target)


def of_sizes(scores, target, sizes=SIZES):
    """Fit of one class at each of the sizes, in columns."""
    problem = FitProblem(Scores(scores), target[:, None], 1.0)
    fits = students_of_sizes(problem, sizes, np.array([largest_of(scores, target)]))
    return made_of(fits, partial(np.concatenate, axis=-1))


def sklearn_of_size(scores, target, size):
    """Weights of scikit-learn at the least of 400 lambdas with at most ``size`` concepts.

    A soft target t is two rows, present with weight t and absent with weight 1 - t.
    """
    rows, label = np.vstack([scores, scores]), np.repeat([1, 0], len(target))
    weight = np.concatenate([target, 1 - target])
    model = LogisticRegression(
        l1_ratio=1, solver="saga", warm_start=True, tol=1e-6, max_iter=5000, random_state=0
    )
    best = np.zeros(scores.shape[1])
    for penalty in np.geomspace(1, 1e-3, 400) * largest_of(scores, target):
        model.C = 1 / (len(target) * penalty)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows[weight > 0], label[weight > 0], weight[weight > 0])
        if np.count_nonzero(model.coef_) > size:
            return best
        best = model.coef_[0].copy()
    return best


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("at", range(len(SIZES)))
def test_the_concepts_are_those_of_scikit_learn(soft, at):
    scores, target = drawn(soft)
    expected = sklearn_of_size(scores, target, SIZES[at])
    found = of_sizes(scores, target).weights[:, at]
    assert np.flatnonzero(found).tolist() == np.flatnonzero(expected).tolist()


@pytest.mark.parametrize("at", range(len(SIZES)))
def test_the_weights_are_those_of_scikit_learn(at):
    scores, target = drawn(soft=True)
    found = of_sizes(scores, target)
    expected = scores @ sklearn_of_size(scores, target, SIZES[at])
    own = decision_function(Scores(scores), found.weights, found.intercepts)[:, at]
    assert np.corrcoef(own, expected)[0, 1] > 0.999


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_no_student_has_more_concepts(size):
    scores, target = drawn(soft=True)
    assert np.count_nonzero(of_sizes(scores, target, (size,)).weights) <= size


def test_a_size_that_no_lambda_reaches_leaves_all_concepts_that_there_are():
    scores, target = drawn(soft=True)
    assert np.count_nonzero(of_sizes(scores, target, (50,)).weights) == CONCEPTS


def test_sizes_of_several_classes_do_not_depend_on_each_other():
    scores, target = drawn(soft=True)
    together = of_sizes(scores, target, (3, 6))
    alone = of_sizes(scores, target, (6,))
    np.testing.assert_allclose(
        together.weights[:, 1], alone.weights[:, 0], atol=0.02
    )  # lambda: 1 %


def test_what_several_sizes_try_alike_is_solved_once(monkeypatch):
    solved, plain = [], of_size.solve

    def solve(problem, **named):
        solved.append(problem.targets.shape[1])
        return plain(problem, **named)

    monkeypatch.setattr(of_size, "solve", solve)
    scores, target = drawn(soft=True)
    of_sizes(scores, target, (3, 3, 3))
    assert solved == [1] * (of_size._STEPS + 1)
