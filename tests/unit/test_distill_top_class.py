"""Metrics of the likeliest class, against scikit-learn and by hand."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    top_k_accuracy_score,
)

from inficond_panel.distill.metrics.bootstrap import draw_counts, metric_intervals
from inficond_panel.distill.metrics.top_class import TopClass, confusions
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import TOP_METRICS


def made(images=300, classes=7, seed=0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 2, (images, classes))
    label = np.where(
        rng.random(images) < 0.5, logit.argmax(1), rng.integers(classes - 1, size=images)
    )
    return label, softmax(logit, axis=1)


def test_as_scikit_learn_has_them():
    label, p = made()
    label[label == 6] = 0  # no image has the last class
    found = TopClass(label, p, k=3)
    named = p.argmax(1)
    assert found.value("top1") == accuracy_score(label, named)
    assert found.value("balanced_accuracy") == pytest.approx(balanced_accuracy_score(label, named))
    expected = top_k_accuracy_score(label, p, k=3, labels=range(7))
    assert found.value("top_k") == pytest.approx(expected)
    assert found.confusion().tolist() == confusion_matrix(label, named, labels=range(7)).tolist()


def test_counts_are_as_images_that_are_there_as_often():
    label, p = made(60)
    teacher = np.roll(p, 1, axis=0).argmax(1)
    counts = np.random.default_rng(1).integers(0, 4, (5, 60))
    found = TopClass(label, p, teacher, k=2)
    for metric in TOP_METRICS:
        whole = (label, p, teacher)
        drawn = ([np.repeat(each, count, axis=0) for each in whole] for count in counts)
        repeated = [TopClass(*parts, k=2).value(metric) for parts in drawn]
        np.testing.assert_allclose(found.values(metric, counts), repeated, rtol=1e-12)


def test_calibration_ties_and_unknown_labels_by_hand():
    p = np.array([[0.9, 0.06, 0.04], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    found = TopClass(np.array([0, 2, 2]), p, bins=2)
    assert found.value("top_ece") == pytest.approx((abs(1 - 0.9 - 0.8) + (1 - 0.4)) / 3)
    p = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [1, 0, 0], [0, 0, 1]])
    found = TopClass(np.array([1, 1, -1, -1]), p, np.array([0, 2, 0, 1]), k=2)
    assert found.value("top1") == 0.5
    assert found.value("top_k") == 1.0
    assert found.value("agreement") == 0.5
    assert TopClass(np.array([2]), np.full((1, 3), 1 / 3), k=2).value("top_k") == 0


def test_what_is_undefined_is_nan():
    label, p = made(20, classes=4)
    assert np.isnan(TopClass(label, p, k=4).value("top_k"))
    none = TopClass(np.full(20, -1), p, p.argmax(1))
    for metric in set(TOP_METRICS) - {"agreement"}:
        assert np.isnan(none.value(metric))
    assert none.value("agreement") == 1
    with pytest.raises(DataError, match="needs the teacher"):
        TopClass(label, p).value("agreement")
    with pytest.raises(DataError, match="no metric 'ap'"):
        none.value("ap")


def test_intervals_are_the_quantiles_of_resampled_metrics():
    label, p = made(80)
    found = TopClass(label, p, p.argmax(1), k=2)
    counts = draw_counts(80, 100, 0)
    drawn = [accuracy_score(label, p.argmax(1), sample_weight=c) for c in counts]
    found_of = metric_intervals(found, ["top1", "top_ece"], draws=100)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found_of["top1"].low, found_of["top1"].high) == pytest.approx((low, high))
    # the error is too large by noise: the basic interval
    resampled = found.values("top_ece", counts)
    expected = 2 * found.value("top_ece") - np.quantile(resampled, [0.975, 0.025])
    assert found_of["top_ece"].high == pytest.approx(expected[1])
    assert found_of["top_ece"].low == pytest.approx(max(expected[0], 0))


def test_confusions_with_their_intervals():
    label, p = made(120, classes=3, seed=4)
    found, counts = TopClass(label, p), draw_counts(120, 50, 0)
    matrix, all_of = found.confusion(), confusions(found, counts, wrong=False)
    cells = {(c.label, c.named): c.images for c in all_of}
    assert cells == {place: n for place, n in np.ndenumerate(matrix) if n}
    assert [c.images for c in all_of] == sorted((c.images for c in all_of), reverse=True)
    first = confusions(found, counts)[0]
    assert first.label != first.named
    place, named = (first.label, first.named), p.argmax(1)
    drawn = [
        confusion_matrix(label, named, sample_weight=c, normalize="true")[place] for c in counts
    ]
    limits = first.share.low, first.share.high
    assert limits == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    assert first.share.estimate == pytest.approx(matrix[place] / matrix[first.label].sum())
