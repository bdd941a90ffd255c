"""Calibration by hand, against scikit-learn and by simulation; the measures of outputs."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from inficond_panel.distill import Outcome, brier, ece, ece_floor
from inficond_panel.distill.metrics.bootstrap import class_mean, draw_counts
from inficond_panel.quantify.output_report import MEASURES, measure_outputs
from inficond_panel.quantify.outputs import (
    Outputs,
    entropy,
    reliability,
    silhouette,
    single_label_groups,
)


def test_errors_by_hand():
    # probabilities 0.2, 0.4 (two images) and 0.9; five bins
    f = logit(np.array([0.15, 0.35, 0.35, 0.9]))
    label = np.array([0, 1, 0, 1])
    assert brier(label, f) == pytest.approx((0.15**2 + 0.65**2 + 0.35**2 + 0.1**2) / 4)
    # bins hold {0.15}, {0.35, 0.35}, {0.9}: |0 - 0.15|, 2 |0.5 - 0.35|, |1 - 0.9|
    assert ece(label, f, bins=5) == pytest.approx((0.15 + 2 * 0.15 + 0.1) / 4)
    # two bins of equal mass are cut at the median 0.35: {0.15, 0.35, 0.35} and {0.9}
    assert ece(label, f, bins=2, equal_mass=True) == pytest.approx((abs(0.85 - 1) + 0.1) / 4)
    # a bin holds its upper edge: 0.5 belongs to (0, 0.5], with 0.1
    edge = ece(np.array([1, 0]), logit(np.array([0.5, 0.1])), bins=2)
    assert edge == pytest.approx(abs(0.5 - 0.3))


def test_bins_of_equal_mass_hold_equally_many():
    label, logits = drawn(ignored=0)
    found = reliability(label, logits, bins=10, equal_mass=True)
    np.testing.assert_array_equal(found.events, np.full(10, 90))
    assert (found.upper[:-1] <= found.lower[1:]).all()
    assert found.upper[-1] == expit(logits).max()


@given(st.integers(0, 10**6), st.integers(1, 80))
def test_brier_equals_sklearn(seed, n):
    rng = np.random.default_rng(seed)
    f = np.round(rng.normal(-1, 2, n), 1)  # with ties
    label = (rng.random(n) < expit(1.5 * f)).astype(np.int8)
    theirs = brier_score_loss(label, expit(f), labels=[0, 1], pos_label=1)
    assert brier(label, f) == pytest.approx(theirs, abs=1e-14)


@pytest.mark.parametrize(("strategy", "equal_mass"), [("uniform", False), ("quantile", True)])
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_ece_equals_sklearns_reliability_diagram(strategy, equal_mass, seed, each, bins):
    """Probabilities without ties, and as many in each bin of equal mass: there the two agree."""
    rng = np.random.default_rng(seed)
    f = rng.normal(-1, 2, each * bins)
    label = (rng.random(len(f)) < expit(1.5 * f)).astype(np.int8)
    assume(0 < label.sum() < len(f))
    true, said = calibration_curve(label, expit(f), n_bins=bins, strategy=strategy)
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


def drawn(images=300, ignored=0.1):
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 2, (images, 3))
    label = (rng.random(logits.shape) < expit(logits)).astype(np.int8)
    label[rng.random(label.shape) < ignored] = -1
    return label, logits


@pytest.mark.parametrize("shape", [6, (2, 3)])
def test_a_diagram_by_hand(shape):
    """Of one class, and of three that are pooled."""
    label = np.array([0, 1, 1, 0, 1, -1])
    probability = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.5])
    found = reliability(label.reshape(shape), logit(probability).reshape(shape), bins=2)
    np.testing.assert_array_equal(found.events, [3, 2])
    np.testing.assert_allclose(found.probability, [0.2, 0.75])
    np.testing.assert_allclose(found.frequency, [2 / 3, 0.5])
    np.testing.assert_allclose([found.lower, found.upper], [[0, 0.5], [0.5, 1]])
    assert found.ece == pytest.approx(3 / 5 * (2 / 3 - 0.2) + 2 / 5 * 0.25)
    assert len(reliability(label, logit(probability)).events) == 15


def test_means_over_classes_share_their_draws():
    label, logits = drawn(60)
    label[:, 2] = 0  # without positives: AP undefined
    teacher = logits + 1
    outcomes = [Outcome(label[:, k], logits[:, k], teacher[:, k] > 0) for k in range(3)]
    counts = draw_counts(60, 5, 0)
    for metric in ("ap", "accuracy", "fidelity", "ece"):
        found = class_mean(outcomes, metric, counts)
        for row, times in enumerate(counts):
            rows = np.repeat(np.arange(60), times)
            parts = ((label[rows, k], logits[rows, k], teacher[rows, k] > 0) for k in range(3))
            values = [Outcome(*part).value(metric) for part in parts]
            assert found[row] == pytest.approx(np.nanmean(values), abs=1e-12), metric
    assert np.isnan(class_mean(outcomes[2:], "ap")).all()


@pytest.fixture(scope="module")
def outputs():
    """Labels, the teacher's logits, groups, and the measures of teacher and oracle."""
    label, logits = drawn(ignored=0.05)
    oracle = logits + np.where(label == 1, 2.0, -2.0)
    groups = single_label_groups(label, ["a", "b", "c"])
    images, logits_of = tuple(map(str, range(300))), {"teacher": logits, "oracle": oracle}
    outputs = Outputs("fit", images, ("0", "1", "2"), label, logits_of)
    found = measure_outputs(outputs, groups=groups, draws=50)
    return label, logits, groups, found


def test_outputs_have_all_measures_but_those_of_other_tasks(outputs):
    *_, found = outputs
    single = {"top1", "top_ece", "entropy_softmax", "silhouette_super"}  # other tasks, other groups
    assert list(found) == [name for name in MEASURES if name not in single]


def test_the_oracle_is_compared_with_the_teacher_on_the_same_images(outputs):
    *_, found = outputs
    for name, measure in found.items():
        assert measure.change is not None
        assert measure.oracle is not None
        difference = measure.oracle.estimate - measure.teacher.estimate
        assert measure.change.estimate == pytest.approx(difference), name


def test_an_oracle_that_knows_the_labels_is_better_beyond_noise(outputs):
    *_, found = outputs
    assert found["ap"].change.low > 0
    assert found["accuracy"].change.low > 0
    assert found["entropy"].change.high < 0
    assert found["silhouette"].change.low > 0


def test_the_silhouette_is_the_mean_over_images_with_a_class(outputs):
    _, logits, groups, found = outputs
    shape = silhouette(logits, groups)
    assert np.isnan(shape).any()  # of images without a class
    assert found["silhouette"].teacher.estimate == pytest.approx(np.nanmean(shape))


def test_the_pooled_calibration_error_is_of_all_classes_together(outputs):
    label, logits, _, found = outputs
    pooled = found["ece_pooled"].teacher.estimate
    assert pooled == pytest.approx(ece(label.ravel(), logits.ravel()), abs=1e-12)


def test_the_entropy_of_outputs_is_the_sum_over_classes(outputs):
    _, logits, _, found = outputs
    assert found["entropy"].teacher.estimate == pytest.approx(entropy(logits).sum(1).mean())


def test_ece_has_fifteen_bins_unless_asked():
    rng = np.random.default_rng(0)
    label, logits = rng.integers(0, 2, 400), rng.normal(size=400)
    assert ece(label, logits) == ece(label, logits, bins=15) != ece(label, logits, bins=16)
