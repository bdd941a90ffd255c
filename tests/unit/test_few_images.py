"""Intervals on few images: against scipy, by hand, and how often they hold the truth."""

import numpy as np
import pytest
from intervals import metric_interval
from scipy.stats import beta, binomtest, norm, t
from sklearn.metrics import average_precision_score

from inficond_panel.distill import Outcome, metric_intervals
from inficond_panel.distill.metrics.few_images import ap_limits, f1_limits, wilson


@pytest.mark.parametrize(("hits", "images"), [(0, 5), (10, 10), (7, 10), (480, 500)])
def test_a_share_has_the_limits_of_scipy(hits, images):
    truth = binomtest(hits, images).proportion_ci(0.9, method="wilson")
    assert wilson(hits / images, images, 0.9) == pytest.approx((truth.low, truth.high))


def test_f1_has_the_limits_of_the_share_that_it_follows_from():
    truth = binomtest(6, 6 + 3 + 1).proportion_ci(method="wilson")
    low, high = (2 * end / (1 + end) for end in (truth.low, truth.high))
    assert f1_limits(12 / (12 + 3 + 1), 10, 0.95) == pytest.approx((low, high))


@pytest.mark.parametrize("images", range(2, 60))
def test_limits_hold_their_estimate_whatever_is_rounded(images):
    """Else a perfect ranking is marked as outside of its interval."""
    for value in (0.0, 1.0, 2 / 3, 1 / images):
        for low, high in (
            ap_limits(value, np.full(9, value), images, 0.95),
            f1_limits(value, images, 0.95),
        ):
            assert low <= value <= high


def test_ap_is_taken_on_the_scale_of_the_logit():
    drawn = np.array([0.3, 0.4, 0.5, 0.6])
    spread = np.std([np.log((20 * a + 0.5) / (20 * (1 - a) + 0.5)) for a in drawn])
    reach = t(19).ppf(0.975) * np.sqrt(20 / 19) * spread
    odds = np.exp(np.log((20 * 0.45 + 0.5) / (20 * 0.55 + 0.5)) + reach * np.array([-1, 1]))
    expected = (21 * odds / (1 + odds) - 0.5) / 20
    assert ap_limits(0.45, drawn, 20, 0.95) == pytest.approx(tuple(expected))


def test_a_perfect_ranking_has_the_limit_of_a_perfect_share():
    label = np.arange(40) < 10
    found = metric_interval(label.astype(int), label.astype(float))
    assert (found.low, found.high) == pytest.approx((beta.ppf(0.025, 10.5, 0.5), 1.0))


@pytest.mark.parametrize("positives", [1, 39])
def test_ap_of_a_single_image_of_a_side_has_no_limits(positives):
    label = np.arange(40) < positives
    found = metric_interval(label.astype(int), np.linspace(1, 0, 40))
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("metric", ["recall", "precision", "f1", "accuracy", "ap"])
def test_near_equal_images_count_once(metric):
    rng = np.random.default_rng(0)
    label = (np.arange(30) < 12).astype(int)
    logit = label + rng.normal(size=30)
    twice = Outcome(np.repeat(label, 2), np.repeat(logit, 2), group=np.repeat(np.arange(30), 2))
    once = metric_intervals(Outcome(label, logit), (metric,))[metric]
    found = metric_intervals(twice, (metric,))[metric]
    assert (found.low, found.high) == pytest.approx((once.low, once.high))


def normal_logits(rng, images, share, apart):
    label = (rng.random(images) < share).astype(int)
    return label, rng.normal(size=images) + apart * label


@pytest.mark.parametrize(
    ("images", "share", "apart"),
    [(750, 0.02, 2.5), (750, 0.02, 3.5), (200, 0.3, 3.5), (100, 0.1, 1.5), (100, 0.1, 3.5)],
)
def test_limits_of_ap_hold_the_truth(images, share, apart):
    rng = np.random.default_rng(1)
    truth = average_precision_score(*normal_logits(rng, 2_000_000, share, apart))
    found = [metric_interval(*normal_logits(rng, images, share, apart)) for _ in range(300)]
    held = [each.low <= truth <= each.high for each in found if not np.isnan(each.low)]
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize(("images", "positives"), [(100, 10), (300, 30)])
def test_limits_of_recall_hold_the_truth(images, positives):
    rng = np.random.default_rng(2)
    label, truth = (np.arange(images) < positives).astype(int), norm.cdf(1.5)  # 0.93
    logits = rng.normal(size=(500, images)) + 1.5 * label
    found = [metric_interval(label, logit, "recall") for logit in logits]
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.93
