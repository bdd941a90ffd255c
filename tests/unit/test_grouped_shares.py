"""Limits of a share of images in groups, such as the visits of patients: coverage and width."""

import numpy as np
import pytest

from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import metric_intervals
from inficond_panel.distill.metrics.few_images import effective_images, wilson

#: Groups, and the sizes that they may have.
SETTINGS = [(135, (2, 3, 4, 5)), (40, (2, 4, 6)), (20, (5, 10)), (100, (1, 1, 1, 3))]


def coverage(groups: int, sizes: tuple[int, ...], share: float, alike: float) -> float:
    """How often limits of 95 % hold the share; ``alike`` is the correlation within a group."""
    rng, held, samples = np.random.default_rng(7), 0, 300
    for _ in range(samples):
        size = rng.choice(sizes, groups)
        spread = (1 - alike) / max(alike, 1e-9)
        chance = rng.beta(share * spread, (1 - share) * spread, groups) if alike < 1 else share
        same = (rng.random(groups) < share).astype(float)
        right = rng.binomial(size, same if alike == 1 else chance if alike else share)
        counts = rng.multinomial(groups, np.full(groups, 1 / groups), size=300)
        found = right.sum() / size.sum()
        images = effective_images(found, (counts @ right) / (counts @ size), size, 0.95)
        low, high = wilson(found, images, 0.95)
        held += low <= share <= high
    return held / samples


@pytest.mark.parametrize("alike", [0, 0.1, 0.4, 1])
@pytest.mark.parametrize(("groups", "sizes"), SETTINGS)
def test_limits_hold_the_share(groups, sizes, alike):
    assert coverage(groups, sizes, 0.9, alike) >= 0.915  # 0.95 less 2.8 standard errors


def outcome(alike: bool, group: bool = True) -> Outcome:
    """Outcome of 150 patients with three images each; a student errs in 12 %, by patient or not."""
    rng, patient = np.random.default_rng(3), np.repeat(np.arange(150), 3)
    wrong = (rng.random(150) < 0.12)[patient] if alike else rng.random(450) < 0.12
    teacher = rng.random(450) < 0.3
    logit = np.where(teacher ^ wrong, 1.0, -1.0)
    label = teacher.astype(np.int8)
    return Outcome(label, logit, teacher, group=patient if group else None)


def width(found: Outcome, metric: str) -> float:
    limits = metric_intervals(found, (metric,))[metric]
    return limits.high - limits.low


@pytest.mark.parametrize("metric", ["fidelity", "accuracy", "recall", "f1"])
def test_where_images_of_a_group_are_as_different_as_others_they_count_nearly_all(metric):
    alone = width(outcome(False, group=False), metric)
    assert width(outcome(False), metric) == pytest.approx(alone, rel=0.35)


@pytest.mark.parametrize("metric", ["fidelity", "accuracy"])
def test_where_images_of_a_group_are_alike_a_group_counts_as_one(metric):
    found = outcome(True)
    value, low_high = found.value(metric), wilson(found.value(metric), 150, 0.95)
    limits = metric_intervals(found, (metric,))[metric]
    assert limits.estimate == value
    assert (limits.low, limits.high) == pytest.approx(low_high, abs=0.01)


def test_images_without_groups_have_wilsons_limits():
    found = outcome(False, group=False)
    limits = metric_intervals(found, ("accuracy",))["accuracy"]
    assert (limits.low, limits.high) == pytest.approx(wilson(found.value("accuracy"), 450, 0.95))
