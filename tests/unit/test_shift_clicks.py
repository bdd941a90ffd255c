"""Clicks in the benchmark of shifts: forms of a thumb, suspects, a shared bias, intervals."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from shift_parts.cases import biased_cases
from shift_parts.clicks import LOWERED, RAISED, Fitted, adjusted, average, bounded, held, near
from shift_parts.pairs import draw_split
from shift_parts.shared import clustered

from inficond_panel import from_frames
from inficond_panel.tuning import Intent
from inficond_panel.vocabulary.intents import REMOVE, TARGET, UP

CONCEPTS = [f"concept {c}" for c in range(12)]


@pytest.fixture(scope="module")
def students():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(500, 12)) * np.linspace(0.5, 2, 12)
    logits = scores @ np.where(np.arange(12) < 6, 0.7, 0) + rng.normal(size=500)
    label = (logits + rng.normal(size=500) > 0).astype(float)
    names = [f"photo {n}" for n in range(500)]
    return (
        from_frames(
            pd.DataFrame(scores, index=names, columns=CONCEPTS),
            pd.DataFrame({"class": logits}, index=names),
            pd.DataFrame({"class": label}, index=names),
            split=pd.Series(["fit"] * 300 + ["tune"] * 100 + ["holdout"] * 100, index=names),
        )
        .with_settings(lambda_=3e-3)
        .fit()
    )


@pytest.fixture
def of(students):
    return Fitted.of(students, students.tuner.store.rows("holdout"))


def test_the_plain_adjusted_target_gives_the_student_of_the_product(students, of):
    thumbs = Intent("class", "concept 8", UP.key, 2.0), Intent("class", "concept 1", REMOVE.key)
    node = students.tuner.fine_tune(students.node, thumbs, refit=TARGET)
    product = students.tuner.logits(node)[students.tuner.store.rows("holdout"), 0]
    plain = adjusted(of, {8: RAISED, 1: LOWERED}, [1])
    np.testing.assert_allclose(plain - plain.mean(), product - product.mean(), atol=2e-3)


def smallest_near(of: Fitted, moved: dict[int, float], rho: float) -> np.ndarray:
    """Logits of the minimum by L-BFGS-B; a weight is the difference of two that are at least 0."""
    goal = of.weights.copy()
    goal[list(moved)] = list(moved.values())
    size, target = len(goal), expit(of.log_odds)

    def objective(point):
        up, down, intercept = point[:size], point[size:-1], point[-1]
        away = of.scores.std(axis=0) * (up - down - goal)
        logit = of.scores @ (up - down) + intercept
        error = (expit(logit) - target) / len(target)
        slope = of.scores.T @ error + rho * of.scores.std(axis=0) * away
        value = np.mean(np.logaddexp(0, logit) - target * logit) + rho / 2 * away @ away
        gradient = np.concatenate([slope + of.l1, of.l1 - slope, [error.sum()]])
        return value + of.l1 * (up + down).sum(), gradient

    start = np.concatenate([np.maximum(goal, 0), np.maximum(-goal, 0), [0.0]])
    limits = [(0, None)] * (2 * size) + [(None, None)]
    for c, value in moved.items():
        limits[c], limits[size + c] = [(abs(x), abs(x)) for x in (max(value, 0), min(value, 0))]
    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=limits, options=options)
    return of.logits(found.x[:size] - found.x[size:-1])


@pytest.mark.parametrize("rho", [0.01, 1.0])
def test_near_is_the_minimum_that_another_solver_finds(of, rho):
    moved = {8: 0.9, 1: 0.0}
    np.testing.assert_allclose(near(of, moved, rho), smallest_near(of, moved, rho), atol=2e-3)


def test_near_with_a_large_rho_holds_the_other_weights(of):
    moved = {8: 0.9, 1: 0.0}
    np.testing.assert_allclose(near(of, moved, 1e5), held(of, moved), atol=1e-3)


def test_bounds_of_the_papers_size_double_a_weight_of_the_given_student(students):
    weights = np.zeros((12, 1))
    weights[8] = 0.7
    assert bounded(students, 8, 1, weights) == {8: pytest.approx(1.4), 1: 0.0}


def test_held_changes_logits_by_the_moved_weights_alone(of):
    change = held(of, {8: of.weights[8] + 0.5}) - of.before
    np.testing.assert_allclose(change, 0.5 * of.shown[:, 8])


def test_the_average_adds_student_and_word_in_their_own_spreads(of):
    own, word = of.scores @ of.weights, of.scores[:, 8]
    expected = (of.shown @ of.weights - own.mean()) / own.std()
    expected += (of.shown[:, 8] - word.mean()) / word.std()
    np.testing.assert_allclose(average(of, 8), expected / 2)


def test_an_interval_clustered_by_class_is_that_of_drawn_classes():
    drawn = [np.mean([a, b]) for a in (1, 5) for b in (1, 5)]  # two classes, two drawn: 1, 3, 3, 5
    mean, low, high = clustered([1, 1, 5, 5], ["a", "a", "b", "b"])
    assert (mean, low, high) == (3, min(drawn), max(drawn))


class Tables:
    """A store of tables alone, whose concepts are the only words that it knows."""

    def holds(self, _):
        return False


def cases_of(shared: bool, most_shown: int | None = None):
    """The biased case, if any, without any leak, of a store with two classes; and the labels (n, 2)
    of its photos. Half of the photos show a class."""
    rng = np.random.default_rng(0)
    label = (rng.random((1000, 2)) < 0.5).astype(np.int8)
    store = Tables()
    store.__dict__ |= {
        "label": label,
        "images": np.arange(1000),
        "classes": ["dog", "boat"],
        "concepts": ["dog", "boat"],
        "synonyms": {},
        "concept_score": rng.normal(size=(1000, 2)),
    }
    given = {"first_seed": 0, "seeds": 1, "pairs": 1, "least": (10, 10), "leak": 0.0}
    how = {"teacher": "strong", "fit": None, "tune": None, "half": None, "shared": shared}
    args = SimpleNamespace(**given, **how, most_shown=most_shown)
    return label, draw_split(store, 0), [*biased_cases(store, args)]


def case_of(shared: bool):
    """The labels (n, 2) of tune of the biased case; and of tune as it was drawn."""
    label, split, (case,) = cases_of(shared)
    return label[case.split.tune], label[split.tune]


def test_a_shared_bias_leaves_the_photos_of_tune_where_class_and_context_agree():
    tune, drawn = case_of(shared=True)
    np.testing.assert_array_equal(tune, drawn[drawn[:, 0] == drawn[:, 1]])


def test_a_bias_of_fit_alone_leaves_all_photos_of_tune():
    np.testing.assert_array_equal(*case_of(shared=False))


@pytest.mark.parametrize(("more", "expected"), [(0, 1), (-1, 0)], ids=["as many", "fewer"])
def test_a_class_that_more_photos_of_tune_show_is_left_out(more, expected):
    label, split, (case,) = cases_of(shared=False)
    shown = np.count_nonzero(label[split.tune, case.k])
    _, _, cases = cases_of(shared=False, most_shown=shown + more)
    assert sum(each.k == case.k for each in cases) == expected
