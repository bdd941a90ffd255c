"""The statistics behind suggested repairs, against references that do not share their code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from inficond_panel.distill import average_precision, fit
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.tuning.suggest.drawn_students import image_moves
from inficond_panel.tuning.suggest.gain import Change, change, mean_change

L1 = 1e-3


@pytest.fixture(scope="module")
def problem() -> dict:
    """Scores (400, 12), soft targets, and the student at its optimum."""
    rng = np.random.default_rng(0)
    scores = rng.random((400, 12)) + 0.5 * rng.random((400, 1))
    weights = rng.normal(0, 4, 12) * (rng.random(12) < 0.7)
    targets = expit((scores - 0.7) @ weights + rng.normal(0, 1, 400))[:, None]
    student = fit(scores, targets, l1=L1, tolerance=1e-12)
    return {"scores": scores, "targets": targets, "student": student}


def test_an_image_moves_the_refit_as_it_counts_more(problem: dict) -> None:
    """The weights keep their sum, as they do among as many drawn images."""
    scores, targets, student = problem["scores"], problem["targets"], problem["student"]
    free, weight = np.flatnonzero(student.weights[:, 0]), np.full(400, 1 / 400)
    logits = scores @ student.weights[:, 0] + student.intercepts[0]
    residuals = weight * (expit(logits) - targets[:, 0])
    moves = image_moves(scores, logits, weight, residuals, free, np.arange(400))
    more = 0.02 * np.random.default_rng(5).normal(size=400)
    more -= more.mean()
    refit = fit(scores, targets, l1=L1, sample_weight=1 + more, start=student, tolerance=1e-12)
    after = scores @ refit.weights[:, 0] + refit.intercepts[0]
    expected = (scores[:, free] @ moves[:-1] + moves[-1]) @ more
    np.testing.assert_allclose(after - logits, expected, atol=0.03 * np.abs(expected).max())


def test_changes_of_classes_share_their_draws() -> None:
    rng = np.random.default_rng(10)
    label, before = (rng.random(300) < 0.3).astype(int), rng.normal(size=300)
    first = change(label, before, before + label)
    assert first.estimate == pytest.approx(
        average_precision(label, before + label) - average_precision(label, before)
    )
    both = mean_change([first, first])
    np.testing.assert_allclose(both.draws, first.draws)
    opposite = mean_change([first, Change(-first.estimate, -first.draws)])
    assert opposite.error == pytest.approx(0, abs=1e-12)
    assert first.gain().low <= first.estimate <= first.gain().high


@given(seed=st.integers(0, 99), count=st.integers(2, 6))
@settings(max_examples=30)
def test_folds_share_out_a_rare_class(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    label = (rng.random((200, 3)) < [0.05, 0.3, 0.6]).astype(int)
    folds = stratified_folds(label, count, seed)
    sizes = np.bincount(folds, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    rarest = np.argmin(label.sum(axis=0))
    rare = np.bincount(folds[label[:, rarest] == 1], minlength=count)
    assert rare.max() - rare.min() <= 1
    np.testing.assert_array_equal(folds, stratified_folds(label, count, seed))
