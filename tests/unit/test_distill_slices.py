"""Slices: values by hand, p-values against an own loop and by their distribution under chance."""

import numpy as np
import pytest
from intervals import metric_interval
from scipy import stats

from inficond_panel.distill import (
    Outcome,
    class_metrics,
    compare_slices,
    holm,
    slices_by,
    worst_of_all,
)
from inficond_panel.errors import CancelledError, DataError
from inficond_panel.vocabulary.metrics import METRICS


def case(seed=0, n=600, hurt=0.0):
    """Four places; in "d" the student knows less by ``hurt``."""
    rng = np.random.default_rng(seed)
    place = rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1])
    label = (rng.random(n) < np.where(place == "a", 0.5, 0.2)).astype(np.int8)
    signal = np.where(place == "d", 2 - hurt, 2)
    logit = signal * (label - 0.5) + rng.normal(0, 1, n)
    label[rng.random(n) < 0.05] = -1
    return place, Outcome(label, logit, logit + rng.normal(0, 1, n) > 0)


def test_masks_of_a_column_and_of_two():
    masks = slices_by(["b", "", "a", "b"])
    assert list(masks) == ["(none)", "a", "b"]
    assert masks["b"].tolist() == [True, False, False, True]
    both = slices_by(["b", "", "a", "b"], ["x", "x", "x", "y"])
    assert list(both) == ["(none) · x", "a · x", "b · x", "b · y"]
    with pytest.raises(DataError, match="250 different values"):
        slices_by([str(i) for i in range(250)])


@pytest.mark.parametrize("metric", ["ap", "fidelity", "ece"])
def test_values_and_intervals_are_those_of_the_images_alone(metric):
    place, outcome = case(1)
    report = compare_slices({"cat": outcome}, slices_by(place), metric, permutations=99)["cat"]
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
    place, outcome = case(2, hurt=0.9)
    report = compare_slices(
        {"cat": outcome}, slices_by(place), metric, permutations=2000, min_positives=3
    )["cat"]
    rng = np.random.default_rng(99)
    known = np.flatnonzero(outcome.known)
    sign = 1 if metric == "ap" else -1
    for found in report.slices:
        value = sign * found.metrics[metric]
        label = outcome.label[known]
        sizes = [np.sum(label[place[known] == found.name] == side) for side in (0, 1)]
        seen = []
        for _ in range(250):
            rows = np.concatenate(
                [rng.choice(known[label == s], k, replace=False) for s, k in enumerate(sizes)]
            )
            seen.append(outcome.among(rows).value(metric))
        assert found.expected == pytest.approx(np.mean(seen), abs=0.02)
        share = np.mean(sign * np.array(seen) <= value)
        assert found.p == pytest.approx(share, abs=0.02 + 4 * np.sqrt(share * (1 - share) / 20))


@pytest.mark.parametrize("metric", ["ap", "precision", "fidelity"])
def test_p_is_uniform_where_slices_mean_nothing(metric):
    values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 2, 120)
        logit = label + rng.normal(0, 1, 120)
        outcome = Outcome(label, logit, logit + rng.normal(0, 1, 120) > 0)
        masks = {"half": rng.permutation(120) < 60}
        values.append(compare_slices({"cat": outcome}, masks, metric, permutations=199, draws=2))
    p = np.array([report["cat"].slices[0].p for report in values])
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > 0.01  # not too small
    assert 0.3 < p.mean() < 0.75


def test_small_slices_are_shown_not_tested_and_never_the_worst():
    place = np.array(["big"] * 300 + ["few"] * 20 + ["rare"] * 60)
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 380)
    label[320:] = 0
    label[320:325] = 1
    logit = label + rng.normal(0, 1, 380)
    logit[300:] *= -1
    report = compare_slices({"cat": Outcome(label, logit, logit > 0)}, slices_by(place), "ap")[
        "cat"
    ]
    small = {part.name: part.small for part in report.slices}
    assert small == {"big": "", "few": "fewer than 30 images", "rare": "fewer than 10 positives"}
    assert report.worst.name == "big"
    assert report.tests == 1
    assert np.isnan([part.p for part in report.slices if part.small]).all()
    brier = compare_slices({"cat": Outcome(label, logit, logit > 0)}, slices_by(place), "brier")[
        "cat"
    ]
    assert brier.worst.name == "rare"
    with_all = compare_slices(
        {"cat": Outcome(label, logit, logit > 0)}, {"all": np.ones(380, bool)}, "accuracy"
    )["cat"]
    assert with_all.slices[0].small == "nothing to compare with"
    assert with_all.worst is None
    assert worst_of_all({"cat": with_all}) is None


def test_one_family_over_classes_and_repeatable():
    place, one = case(5, hurt=1)
    _, two = case(6)
    both = compare_slices({"cat": one, "dog": two}, slices_by(place), "f1", seed=3)
    parts = [part for report in both.values() for part in report.slices]
    assert [part.p_holm for part in parts] == pytest.approx(holm([part.p for part in parts]))
    assert both["cat"].tests == both["dog"].tests == len(parts)
    class_name, worst = worst_of_all(both)
    assert worst.p == min(part.p for part in parts)
    assert worst in both[class_name].slices
    assert both == compare_slices({"cat": one, "dog": two}, slices_by(place), "f1", seed=3)


def test_progress_and_cancel():
    place, outcome = case(7)
    seen = []
    compare_slices(
        {"cat": outcome}, slices_by(place), "ap", progress=lambda share, text: seen.append(share)
    )
    assert seen == [1.0]
    with pytest.raises(CancelledError):
        compare_slices({"cat": outcome}, slices_by(place), "ap", cancelled=lambda: True)


def test_holm_by_hand():
    # ordered 0.01, 0.02, 0.03, 0.5: 0.04, 0.06, 0.06, 0.5
    found = holm([0.03, 0.01, np.nan, 0.5, 0.02])
    np.testing.assert_allclose(found, [0.06, 0.04, np.nan, 0.5, 0.06])
    assert holm([]) == []
