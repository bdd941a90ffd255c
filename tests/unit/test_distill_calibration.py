"""Brier score and calibration error by hand, against scikit-learn, and by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from inficond_panel.distill import brier, ece, ece_floor

sklearn_metrics = pytest.importorskip("sklearn.metrics")
calibration = pytest.importorskip("sklearn.calibration")


def make_case(seed, n):
    rng = np.random.default_rng(seed)
    f = np.round(rng.normal(-1, 2, n), 1)  # with ties
    return (rng.random(n) < expit(1.5 * f)).astype(np.int8), f


def test_by_hand():
    # probabilities 0.2, 0.4 (two images) and 0.9; five bins
    f = logit(np.array([0.15, 0.35, 0.35, 0.9]))
    label = np.array([0, 1, 0, 1])
    assert brier(label, f) == pytest.approx((0.15**2 + 0.65**2 + 0.35**2 + 0.1**2) / 4)
    # bins hold {0.15}, {0.35, 0.35}, {0.9}: |0 - 0.15|, 2 |0.5 - 0.35|, |1 - 0.9|
    assert ece(label, f, bins=5) == pytest.approx((0.15 + 2 * 0.15 + 0.1) / 4)
    # two bins of equal mass are cut at the median 0.35: {0.15, 0.35, 0.35} and {0.9}
    assert ece(label, f, bins=2, equal_mass=True) == pytest.approx((abs(0.85 - 1) + 0.1) / 4)


def test_a_bin_holds_its_upper_edge():
    # 0.5 belongs to (0, 0.5], with 0.1: |mean label 0.5 - mean probability 0.3|
    found = ece(np.array([1, 0]), logit(np.array([0.5, 0.1])), bins=2)
    assert found == pytest.approx(0.2)


@given(st.integers(0, 10**6), st.integers(1, 80))
@settings(max_examples=80, deadline=None)
def test_brier_equals_sklearn(seed, n):
    label, f = make_case(seed, n)
    theirs = np.mean((label - expit(f)) ** 2)
    assert brier(label, f) == pytest.approx(theirs, abs=1e-14)
    if 0 < label.sum() < n:
        theirs = sklearn_metrics.brier_score_loss(label, expit(f))
        assert brier(label, f) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("strategy", "equal_mass"), [("uniform", False), ("quantile", True)])
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_ece_equals_sklearns_reliability_diagram(strategy, equal_mass, seed, each, bins):
    """Probabilities without ties, and as many in each bin of equal mass: there the two agree."""
    rng = np.random.default_rng(seed)
    f = rng.normal(-1, 2, each * bins)
    label = (rng.random(len(f)) < expit(1.5 * f)).astype(np.int8)
    if not 0 < label.sum() < len(f):
        return
    true, said = calibration.calibration_curve(label, expit(f), n_bins=bins, strategy=strategy)
    mass = np.full(bins, each)
    if not equal_mass:
        mass = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], expit(f)))
    expected = np.sum(mass[mass > 0] / len(f) * np.abs(true - said))
    assert ece(label, f, bins, equal_mass) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("equal_mass", [False, True])
def test_the_floor_is_what_a_perfect_student_shows(equal_mass):
    rng = np.random.default_rng(2)
    f = rng.normal(-1, 2, 500)
    seen = [ece(rng.random(500) < expit(f), f, equal_mass=equal_mass) for _ in range(400)]
    assert ece_floor(f, equal_mass=equal_mass) == pytest.approx(np.mean(seen), rel=0.05)
    biased = [ece(rng.random(500) < expit(f - 1), f) for _ in range(20)]
    assert np.mean(biased) > 2 * ece_floor(f)
