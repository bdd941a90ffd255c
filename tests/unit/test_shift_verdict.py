"""Verdict on a class, against scikit-learn and by how often it is wrong."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import average_precision_score

from inficond_panel.distill.suspects import ALPHA, NONE, SHIFT, UNKNOWN, UnseenLogits, verdict


def judged(rng, count, share, apart, students=1):
    """Logits of positives ``apart`` from those of negatives; students agree but for a little."""
    label = (rng.random(count) < share).astype(int)
    logit = rng.normal(size=count) + apart * label
    return UnseenLogits(label, logit + 0.1 * rng.normal(size=(students, count)))


def test_separation_and_its_limits_are_those_of_welch():
    rng = np.random.default_rng(0)
    fit, tune = judged(rng, 400, 0.4, 2.0), judged(rng, 200, 0.3, 1.0)
    found = verdict(fit, tune)

    def of(one: UnseenLogits) -> tuple[float, float]:
        positive, negative = one.logits[0, one.label == 1], one.logits[0, one.label == 0]
        variance = positive.var(ddof=1) / len(positive) + negative.var(ddof=1) / len(negative)
        return float(positive.mean() - negative.mean()), float(variance)

    (ours, first), (theirs, second) = of(fit), of(tune)
    assert found.separation == pytest.approx(ours)
    assert found.separation_lost.estimate == pytest.approx(ours - theirs)
    half = 2.053749 * np.sqrt(first + second)
    assert found.separation_lost.low == pytest.approx(ours - theirs - half)
    assert found.separation_lost.high == pytest.approx(ours - theirs + half)


def test_ap_of_fit_is_weighed_to_the_frequency_of_tune():
    rng = np.random.default_rng(1)
    fit, tune = judged(rng, 300, 0.6, 1.0), judged(rng, 200, 0.1, 1.0)
    positives, negatives = np.count_nonzero(fit.label == 1), np.count_nonzero(fit.label == 0)
    share = tune.label.mean()
    weight = np.where(fit.label == 1, share / positives, (1 - share) / negatives)
    expected = average_precision_score(fit.label, fit.logits[0], sample_weight=weight)
    assert verdict(fit, tune).ap == pytest.approx(expected)


def test_only_a_lost_separation_is_a_shift_and_few_photos_cannot_exclude_a_loss():
    rng = np.random.default_rng(3)
    found = verdict(judged(rng, 1000, 0.3, 3.0), judged(rng, 300, 0.3, 2.0))
    assert found.kind == SHIFT
    assert found.separation_lost.low > 0
    assert found.ap_lost.low > 0
    rng = np.random.default_rng(4)
    assert verdict(judged(rng, 1000, 0.3, 2.0), judged(rng, 300, 0.3, 3.0)).kind == NONE
    rng = np.random.default_rng(7)
    assert verdict(judged(rng, 100, 0.1, 2.0), judged(rng, 60, 0.1, 2.0)).kind == UNKNOWN
    rng = np.random.default_rng(2)
    found = verdict(judged(rng, 4000, 0.5, 2.0), judged(rng, 20_000, 0.05, 2.0, students=3))
    assert found.kind == NONE
    assert abs(found.ap_lost.estimate) < 0.05


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_false_alarms_of_300_classes_without_a_shift_stay_at_their_level(share):
    rng = np.random.default_rng(6)
    alarms = sum(
        verdict(judged(rng, 300, share, 2.0), judged(rng, 150, share, 2.0), seed=n).kind == SHIFT
        for n in range(300)
    )
    assert alarms <= binom.ppf(0.999, 300, ALPHA)
