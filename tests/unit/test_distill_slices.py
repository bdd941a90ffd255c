"""Slices and groups: values by hand, p-values against a loop, intervals by their coverage."""

import numpy as np
import pytest
from intervals import metric_interval
from scipy import stats

from inficond_panel.distill import (
    Outcome,
    class_metrics,
    compare_groups,
    compare_slices,
    holm,
    label_groups,
    slices_by,
    worst_of_all,
)
from inficond_panel.distill.metrics.slices import too_small
from inficond_panel.errors import CancelledError, DataError
from inficond_panel.vocabulary.metrics import METRICS


def placed(seed=0, n=600, hurt=0.0):
    """Four places; in "d" the student knows less by ``hurt``."""
    rng = np.random.default_rng(seed)
    place = rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1])
    label = (rng.random(n) < np.where(place == "a", 0.5, 0.2)).astype(np.int8)
    signal = np.where(place == "d", 2 - hurt, 2)
    logit = signal * (label - 0.5) + rng.normal(0, 1, n)
    label[rng.random(n) < 0.05] = -1
    return place, Outcome(label, logit, logit + rng.normal(0, 1, n) > 0)


def compared(outcome, place, metric, **options):
    """The report of one class."""
    return compare_slices({"cat": outcome}, slices_by(place), metric, **options)["cat"]


def test_masks_by_hand():
    masks = slices_by(["b", "", "a", "b"])
    assert list(masks) == ["(none)", "a", "b"]
    assert masks["b"].tolist() == [True, False, False, True]
    both = slices_by(["b", "", "a", "b"], ["x", "x", "x", "y"])
    assert list(both) == ["(none) · x", "a · x", "b · x", "b · y"]


def test_too_many_slices_are_refused():
    with pytest.raises(DataError, match="250 different values"):
        slices_by([str(i) for i in range(250)])


def test_holm_by_hand():
    found = holm([0.03, 0.01, np.nan, 0.5, 0.02])
    np.testing.assert_allclose(found, [0.06, 0.04, np.nan, 0.5, 0.06])
    assert holm([]) == []


@pytest.mark.parametrize("metric", ["ap", "fidelity", "ece"])
def test_values_and_intervals_are_those_of_the_images_alone(metric):
    place, outcome = placed(1)
    report = compared(outcome, place, metric, permutations=99)
    for found in report.slices:
        rows = place == found.name
        args = outcome.label[rows], outcome.all_logits[rows], outcome.teacher[rows]
        truth = class_metrics(*args)
        for name in METRICS:
            assert found.metrics[name] == pytest.approx(getattr(truth, name), abs=1e-12), name
        assert (found.n, found.positives) == (truth.n, truth.positives)
        assert found.interval == metric_interval(args[0], args[1], metric=metric, teacher=args[2])
        others = class_metrics(
            outcome.label[~rows], outcome.all_logits[~rows], outcome.teacher[~rows] - 0.5
        )
        assert found.rest == pytest.approx(getattr(others, metric), abs=1e-12)
    assert report.whole == outcome.value(metric)


@pytest.mark.parametrize("metric", ["ap", "brier"])
def test_p_equals_a_loop_with_other_random_numbers(metric):
    place, outcome = placed(2, hurt=0.9)
    report = compared(outcome, place, metric, permutations=2000, min_positives=3)
    rng = np.random.default_rng(99)
    known = np.flatnonzero(outcome.known)
    sign = 1 if metric == "ap" else -1
    for found in report.slices:
        value = sign * found.metrics[metric]
        label = outcome.label[known]
        sizes = [np.sum(label[place[known] == found.name] == side) for side in (0, 1)]
        seen = []
        for _ in range(250):
            drawn = (rng.choice(known[label == s], k, replace=False) for s, k in enumerate(sizes))
            rows = np.concatenate(list(drawn))
            seen.append(outcome.among(rows).value(metric))
        assert found.expected == pytest.approx(np.mean(seen), abs=0.02)
        share = np.mean(sign * np.array(seen) <= value)
        assert found.p == pytest.approx(share, abs=0.02 + 4 * np.sqrt(share * (1 - share) / 20))


@pytest.mark.parametrize("metric", ["ap", "precision"])
def test_p_is_uniform_where_slices_mean_nothing(metric):
    values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 2, 120)
        logit = label + rng.normal(0, 1, 120)
        outcome = Outcome(label, logit, logit + rng.normal(0, 1, 120) > 0)
        masks = {"half": rng.permutation(120) < 60}
        report = compare_slices({"cat": outcome}, masks, metric, permutations=199, draws=2)
        values.append(report["cat"].slices[0].p)
    p = np.array(values)
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > 0.01  # not too small
    assert 0.3 < p.mean() < 0.75


@pytest.fixture(scope="module")
def with_small():
    """Three slices: one of few images, one of few positives, where the student is worst."""
    place = np.array(["big"] * 300 + ["few"] * 20 + ["rare"] * 60)
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 380)
    label[320:] = 0
    label[320:325] = 1
    logit = label + rng.normal(0, 1, 380)
    logit[300:] *= -1
    outcome = Outcome(label, logit, logit > 0)
    return place, outcome


def test_small_slices_say_why_they_are_not_tested(with_small):
    place, outcome = with_small
    report = compared(outcome, place, "ap")
    small = {part.name: part.small for part in report.slices}
    assert small == {"big": "", "few": "fewer than 30 images", "rare": "fewer than 10 positives"}
    assert report.tests == 1
    assert np.isnan([part.p for part in report.slices if part.small]).all()


def test_neither_small_slices_nor_one_that_does_better_than_random_images_are_the_worst(with_small):
    place, outcome = with_small
    report = compared(outcome, place, "ap")
    assert report.slices[0].interval.estimate > report.slices[0].expected  # of big
    assert report.worst is None
    assert worst_of_all({"cat": report}) is None


def test_for_an_error_of_images_few_positives_are_enough(with_small):
    place, outcome = with_small
    assert compared(outcome, place, "brier").worst.name == "rare"


def test_a_slice_of_all_images_is_compared_with_nothing(with_small):
    _, outcome = with_small
    with_all = compared(outcome, ["all"] * 380, "accuracy")
    assert with_all.slices[0].small == "nothing to compare with"
    assert with_all.worst is None
    assert worst_of_all({"cat": with_all}) is None


@pytest.fixture(scope="module")
def two_classes():
    """Two classes in four places, and their reports."""
    place, one = placed(5, hurt=1)
    _, two = placed(6)
    both = compare_slices({"cat": one, "dog": two}, slices_by(place), "f1", seed=3)
    return place, one, two, both


def test_p_values_are_corrected_over_all_classes(two_classes):
    *_, both = two_classes
    parts = [part for report in both.values() for part in report.slices]
    assert [part.p_holm for part in parts] == pytest.approx(holm([part.p for part in parts]))
    assert both["cat"].tests == both["dog"].tests == len(parts)


def test_the_worst_of_all_has_the_smallest_p(two_classes):
    *_, both = two_classes
    parts = [part for report in both.values() for part in report.slices]
    class_name, worst = worst_of_all(both)
    assert worst.p == min(part.p for part in parts)
    assert worst in both[class_name].slices


def test_a_comparison_of_slices_is_repeatable(two_classes):
    place, one, two, both = two_classes
    assert both == compare_slices({"cat": one, "dog": two}, slices_by(place), "f1", seed=3)


def test_progress_of_slices_ends_at_one():
    place, one = placed(5, hurt=1)
    seen = []
    compared(one, place, "ap", progress=lambda share, text: seen.append(share))
    assert seen == [0.5, 1.0]  # a class, then more draws


def test_a_comparison_of_slices_can_be_cancelled():
    place, one = placed(5, hurt=1)
    with pytest.raises(CancelledError):
        compared(one, place, "ap", cancelled=lambda: True)


#: Ten images on land and six on water; -1 is ignored. Decided right: land 3 of 4 present and
#: 5 of 5 absent, water 1 of 3 present and 2 of 2 absent.
LABEL = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, -1, 1, 1, 1, 0, 0, -1])
LOGIT = np.array([2, 2, 2, -1, -2, -2, -2, -2, -2, 5, 1, -1, -3, -2, -2, 5.0])
OUTCOME, MASKS = Outcome(LABEL, LOGIT, -LOGIT > 0), slices_by(["land"] * 10 + ["water"] * 6)


def minima(**options):
    return {"min_images": 1, "min_positives": 1, "draws": 50, **options}


@pytest.fixture(scope="module")
def of_places():
    """The report of the groups land and water."""
    return compare_groups(OUTCOME, MASKS, ("accuracy", "recall", "brier"), **minima())


def test_groups_by_hand(of_places):
    report = of_places
    assert [(group.name, group.n, group.positives) for group in report.groups] == [
        ("land", 9, 4), ("water", 5, 3)
    ]  # fmt: skip
    land, water = report.groups
    assert land.metrics["accuracy"].estimate == pytest.approx(8 / 9)
    assert water.metrics["accuracy"].estimate == pytest.approx(3 / 5)


def test_the_gap_between_groups_by_hand(of_places):
    report = of_places
    land, water = report.groups
    gap = report.gaps["accuracy"]
    assert (gap.worst, gap.best) == (water, land)
    assert gap.difference.estimate == pytest.approx(8 / 9 - 3 / 5)
    assert report.gaps["recall"].difference.estimate == pytest.approx(3 / 4 - 1 / 3)


def test_of_an_error_the_largest_is_the_worst_group(of_places):
    report = of_places
    brier = report.gaps["brier"]  # the largest error is the worst
    assert brier.worst.metrics["brier"].estimate > brier.best.metrics["brier"].estimate
    assert brier.difference.estimate > 0


def test_cells_by_hand():
    cells = label_groups(OUTCOME, MASKS)
    report = compare_groups(OUTCOME, cells, ("accuracy",), **minima())
    found = {group.name: (group.n, group.metrics["accuracy"].estimate) for group in report.groups}
    assert found == {
        "present · land": (4, 3 / 4),
        "absent · land": (5, 1.0),
        "present · water": (3, pytest.approx(1 / 3)),
        "absent · water": (2, 1.0),
    }
    assert report.gaps["accuracy"].worst.name == "present · water"
    assert report.gaps["accuracy"].difference.estimate == pytest.approx(2 / 3)


def test_cells_without_images_are_left_out():
    none_absent = label_groups(Outcome(np.ones(16), LOGIT), MASKS)
    assert list(none_absent) == ["present · land", "present · water"]


@pytest.mark.parametrize("metric", ["accuracy", "ap"])
def test_intervals_of_groups_are_those_of_slices(metric):
    report = compare_groups(OUTCOME, MASKS, ("accuracy", "ap"), **minima())
    slices = compare_slices({"cat": OUTCOME}, MASKS, metric, **minima())["cat"].slices
    for group, part in zip(report.groups, slices, strict=True):
        assert group.metrics[metric] == part.interval


def test_groups_of_few_images_have_no_gap():
    report = compare_groups(OUTCOME, MASKS, ("accuracy", "ap"), **minima(min_images=6))
    assert report.groups[1].small == dict.fromkeys(("accuracy", "ap"), "fewer than 6 images")
    assert report.gaps == {}


def test_groups_of_few_positives_have_no_gap_in_ap():
    few = compare_groups(OUTCOME, MASKS, ("accuracy", "ap"), **minima(min_positives=4))
    assert few.groups[1].small == {"ap": "fewer than 4 positives"}
    assert list(few.gaps) == ["accuracy"]


@pytest.mark.parametrize(
    ("sizes", "shares"), [((100, 100, 40, 40), (0.9, 0.85, 0.7, 0.75)), ((60,) * 10, (0.8,) * 10)]
)
def test_the_interval_of_the_difference_holds_though_its_groups_are_picked(sizes, shares):
    """Groups of ``sizes`` images, each decided right with the chance in ``shares``."""
    truth, held = max(shares) - min(shares), []
    place = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    for seed in range(120):
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 2, len(place))
        right = rng.random(len(place)) < np.repeat(shares, sizes)
        outcome = Outcome(label, np.where(right, 1.0, -1.0) * (2 * label - 1))
        found = compare_groups(outcome, slices_by(place), ("accuracy",)).gaps["accuracy"].difference
        held.append(found.low - 1e-12 <= truth <= found.high + 1e-12)
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 120)


def test_the_interval_of_a_slice_has_the_level_that_is_asked():
    place, outcome = placed()
    report = compared(outcome, place, "accuracy", level=0.5, draws=100, permutations=1)
    part = outcome.among(place == "a")
    right = part.decided == part.positive
    interval = next(each for each in report.slices if each.name == "a").interval
    truth = stats.binomtest(int(right.sum()), len(right)).proportion_ci(0.5, method="wilson")
    assert [interval.low, interval.high] == pytest.approx([truth.low, truth.high])


@pytest.mark.parametrize(("least", "reason"), [(2, ""), (3, "fewer than 3 positives")])
def test_as_many_positives_as_asked_are_enough(least, reason):
    part = Outcome(np.array([1, 1, 0, 0, 0]), np.zeros(5))
    assert too_small(part, "ap", 0.5, (5, least)) == reason


@pytest.mark.parametrize(("least", "reason"), [(5, ""), (6, "fewer than 6 images")])
def test_as_many_images_as_asked_are_enough(least, reason):
    part = Outcome(np.array([1, 1, 0, 0, 0]), np.zeros(5))
    assert too_small(part, "ap", 0.5, (least, 1)) == reason


def test_a_difference_from_a_share_of_0_is_not_too_sure():
    """0 of 11 and 6 of 30: by Newcombe's interval, about -0.08 to 0.37, 0 is possible."""
    label = np.repeat([1, 0], [41, 100]).astype(np.int8)
    found = np.concatenate([np.repeat([0, 1, 0], [11, 6, 24]), np.zeros(100)])
    first = np.arange(141) < 11
    first[41:91] = True
    outcome = Outcome(label, np.where(found == 1, 1.0, -1.0))
    gap = compare_groups(outcome, {"a": first, "b": ~first}, ("recall",)).gaps["recall"]
    assert gap.difference.estimate == pytest.approx(0.2)
    assert gap.difference.low == 0
    assert gap.difference.high == pytest.approx(0.37, abs=0.06)


def test_equal_shares_differ_clearly_as_often_as_chance_says():
    """200 draws: at most 9 % where 5 % are expected (binomial: 1 % of runs have more)."""
    clear, counted = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = (rng.random(200) < 0.25).astype(np.int8)
        logit, first = np.where(rng.random(200) < 0.15, 1.0, -1.0), rng.random(200) < 0.3
        report = compare_groups(Outcome(label, logit), {"a": first, "b": ~first}, ("recall",))
        counted += "recall" in report.gaps
        clear += "recall" in report.gaps and report.gaps["recall"].difference.low > 0
    assert clear <= 0.09 * counted
