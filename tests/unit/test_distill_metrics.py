"""Metrics, agreement, discrepancy and collinearity by hand and against other libraries."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    top_k_accuracy_score,
)

from inficond_panel.distill import Outcome, agreement, average_precision, class_metrics, discrepancy
from inficond_panel.distill.correlations import Correlations, collinear
from inficond_panel.distill.metrics.bootstrap import draw_counts, metric_intervals
from inficond_panel.distill.metrics.thresholds import ThresholdChoice, counts_above
from inficond_panel.distill.metrics.top_class import TopClass, confusions
from inficond_panel.distill.metrics.weighted_ap import exact_type, rank
from inficond_panel.distill.spread import spread
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import METRICS, TOP_METRICS

LABEL = np.array([1, 1, 0, 0, 1, -1], dtype=np.int8)
STUDENT = np.array([2.0, -1.0, 1.0, -2.0, 3.0, 4.0])
TEACHER = np.array([1.0, 1.0, -1.0, -3.0, -2.0, -5.0])


@st.composite
def ranked(draw):
    n = draw(st.integers(1, 40))
    levels = draw(st.integers(1, 12))  # few levels: many ties
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < draw(st.sampled_from([0.05, 0.5, 0.95]))).astype(np.int8)
    return label, rng.integers(0, levels, n) / 7.0 - 0.5


@given(ranked(), st.none() | st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_average_precision_equals_sklearn(case, seed):
    """Without weights, and with some of 0."""
    (label, score), weight = case, None
    if seed is not None:
        weight = np.random.default_rng(seed).choice([0.0, 0.3, 1.0, 2.5], len(label))
    ours = average_precision(label, score, weight)
    if not (label if weight is None else weight * label).any():
        assert np.isnan(ours)
    else:
        theirs = sklearn_metrics.average_precision_score(label, score, sample_weight=weight)
        assert ours == pytest.approx(theirs, abs=1e-12)


def test_average_precision_of_many_distinct_logits_equals_sklearn():
    rng = np.random.default_rng(6)
    label = (rng.random(3000) < 0.1).astype(np.int8)
    logit = rng.normal(size=3000) + label
    theirs = sklearn_metrics.average_precision_score(label, logit)
    assert average_precision(label, logit) == pytest.approx(theirs, abs=1e-12)


def test_equal_logits_are_ranked_in_the_order_of_the_images():
    logit = np.random.default_rng(7).integers(0, 9, 500) / 7.0
    expected = sorted(range(500), key=lambda image: -logit[image])  # Python's sort is stable
    assert rank(np.ones(500, dtype=bool), logit).order.tolist() == expected


def test_another_cutoff_changes_decisions_that_were_read():
    outcome = Outcome(LABEL, STUDENT)
    outcome.value("accuracy")
    assert outcome.deciding(1.5).decided.tolist() == [True, False, False, False, True]


def test_many_rows_of_weights_equal_one_by_one():
    rng = np.random.default_rng(5)
    label = (rng.random(3000) < 0.1).astype(np.int8)
    logit = np.round(rng.normal(size=3000) + label, 2)
    rows = rng.integers(0, 4, (200, 3000)).astype(np.uint8)  # several blocks of rows
    found = Outcome(label, logit).values("ap", rows)
    for row in (0, 77, 199):
        theirs = sklearn_metrics.average_precision_score(label, logit, sample_weight=rows[row])
        assert found[row] == pytest.approx(theirs, abs=1e-12)


@given(ranked())
def test_decision_metrics_equal_sklearn(case):
    label, logit = case
    found, decided = class_metrics(label, logit, logit), logit > 0
    for name in ("precision", "recall", "f1"):
        of_sklearn = getattr(sklearn_metrics, f"{name}_score")
        expected = of_sklearn(label, decided, zero_division=np.nan)
        assert getattr(found, name) == pytest.approx(expected, abs=1e-12, nan_ok=True), name
    assert found.accuracy == pytest.approx(np.mean(label == decided))


@pytest.fixture(scope="module")
def found():
    return class_metrics(LABEL, STUDENT, TEACHER)


def test_metrics_of_labels_by_hand(found):
    # labelled: TP 2 (rows 0, 4), FN 1, FP 1, TN 1
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(4 / 6)
    assert found.accuracy == pytest.approx(3 / 5)
    assert (found.n, found.positives, found.negatives) == (5, 3, 2)


def test_metrics_of_agreement_with_the_teacher_by_hand(found):
    # all six rows: student + - + - + +, teacher + + - - - -
    assert found.differ == 4
    assert found.fidelity == pytest.approx(2 / 6)
    assert found.constant_fidelity == pytest.approx(4 / 6)
    assert found.logit_correlation == pytest.approx(np.corrcoef(STUDENT, TEACHER)[0, 1])


def test_the_ap_of_the_teacher_is_that_of_scikit_learn(found):
    theirs = sklearn_metrics.average_precision_score(LABEL[:5], TEACHER[:5])
    assert found.teacher_ap == pytest.approx(theirs)


def test_another_threshold_is_of_the_teacher_too():
    above = class_metrics(LABEL, STUDENT, TEACHER, threshold=1.5)  # of the teacher too
    assert above.recall == pytest.approx(2 / 3)
    assert (above.precision, above.constant_fidelity) == (1, 1)


def test_who_is_right_by_hand():
    found = agreement(LABEL, STUDENT > 0, TEACHER > 0)
    sides = ("both_right", "student_wrong", "both_wrong", "teacher_wrong")
    assert vars(found.positives) == dict(zip(sides, (1, 1, 0, 1), strict=True))
    assert vars(found.negatives) == dict(zip(sides, (1, 1, 0, 0), strict=True))
    assert found.positives.total == 3
    assert found.negatives.total == 2


def test_decision_metrics_of_the_teacher_by_hand():
    found = agreement(LABEL, STUDENT > 0, TEACHER > 0)
    teacher = {"accuracy": 4 / 5, "precision": 1.0, "recall": 2 / 3, "f1": 4 / 5}
    assert found.teacher_metrics() == pytest.approx(teacher)


@pytest.mark.parametrize("metric", METRICS)
def test_one_metric_is_as_all_at_once(found, metric):
    assert Outcome(LABEL, STUDENT, TEACHER > 0).value(metric) == getattr(found, metric)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="There is no metric"):
        Outcome(LABEL, STUDENT, TEACHER > 0).value("auc")


def test_fidelity_without_a_teacher_is_refused():
    with pytest.raises(ValueError, match="teacher"):
        Outcome(LABEL, STUDENT).value("fidelity")


def test_without_positives_metrics_of_positives_are_undefined():
    none = class_metrics(np.zeros(3, np.int8), np.full(3, -1.0), np.full(3, -1.0))
    for name in ("ap", "teacher_ap", "precision", "recall", "f1", "logit_correlation"):
        assert np.isnan(getattr(none, name)), name
    assert none.accuracy == none.fidelity == 1.0


def test_without_a_predicted_positive_precision_is_undefined():
    undecided = class_metrics(np.ones(2, np.int8), np.full(2, -1.0), np.full(2, -1.0))
    assert np.isnan(undecided.precision)
    assert undecided.recall == 0.0
    assert undecided.f1 == 0.0


def test_without_labels_only_fidelity_is_defined():
    empty = class_metrics(np.full(2, -1, np.int8), np.ones(2), np.ones(2))
    for name in ("accuracy", "brier", "ece", "ap"):
        assert np.isnan(getattr(empty, name)), name
    assert empty.fidelity == 1.0


def test_discrepancy_by_hand():
    scores = np.array([[0.1, 0.9], [0.5, 0.2], [0.3, 0.3], [0.7, 0.1], [0.9, 0.4], [9, 9]])
    # positives decided differently: rows 1 and 4; alike: row 0
    found = discrepancy(scores.astype(np.float32), LABEL, STUDENT > 0, TEACHER > 0, positives=True)
    np.testing.assert_allclose(found, [0.7 - 0.1, 0.3 - 0.9], atol=1e-7)
    found = discrepancy(scores, LABEL, STUDENT > 0, TEACHER > 0, positives=False)
    np.testing.assert_allclose(found, [0.3 - 0.7, 0.3 - 0.1])
    alike = discrepancy(np.ones((3, 4)), *np.ones((3, 3), bool), positives=True)  # none differs
    np.testing.assert_array_equal(alike, np.full(4, np.nan))


@pytest.fixture(scope="module")
def with_twins() -> tuple:
    """Correlations of concepts with a near and an equal twin, a constant and a mirrored one."""
    rng = np.random.default_rng(0)
    base = rng.random(500)
    columns = [base, rng.random(500), base + 0.05 * rng.random(500), np.full(500, 0.3), 1 - base]
    scores = np.stack([*columns, base], axis=1).astype(np.float32)
    every = Correlations(scores)
    return base, scores, every


def test_collinear_finds_the_twins(with_twins):
    base, scores, every = with_twins
    rows = every.rows(range(6))
    found = collinear(rows[0], 0)
    assert [index for index, _ in found] == [5, 2]
    assert found[0][1] == pytest.approx(1.0)
    assert found[1][1] == pytest.approx(np.corrcoef(base, scores[:, 2])[0, 1], abs=1e-6)


def test_a_constant_is_collinear_with_nothing(with_twins):
    *_, every = with_twins
    rows = every.rows(range(6))
    assert collinear(rows[3], 3) == []
    assert not rows[3].any()
    assert not rows[:, 3].any()


def test_groups_follow_from_the_threshold(with_twins):
    *_, every = with_twins
    assert every.groups([0, 3], -1.0) == [(0, 1, 2, 3, 4, 5)]
    assert every.groups([3], 0.1) == []


def test_of_many_images_some_are_sampled(monkeypatch):
    x = np.random.default_rng(0).uniform(size=(100, 3))
    monkeypatch.setattr("inficond_panel.distill.correlations.SAMPLE", 40)
    found = Correlations(x).rows(range(3))
    np.testing.assert_allclose(found, np.corrcoef(x[::3], rowvar=False))


@pytest.fixture(params=[np.float16, np.float32, np.float64])
def many_rows(request) -> np.ndarray:
    """Scores of more images than are read at one time."""
    x = np.random.default_rng(0).uniform(size=(9000, 5)).astype(request.param)
    x[:, 1] = x[:, 0] + x[:, 1] / 4
    return x


def test_spread_is_that_of_numpy(many_rows):
    x = many_rows
    np.testing.assert_allclose(spread(x), x.std(axis=0, dtype=np.float64), rtol=1e-6)


def test_correlations_are_those_of_numpy(many_rows):
    x = many_rows
    expected = np.corrcoef(x.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(Correlations(x).rows([3, 0, 1]), expected[[3, 0, 1]], atol=1e-9)


@given(size=st.integers(2, 9), threshold=st.floats(0.1, 0.99), seed=st.integers(0, 10**6))
def test_groups_are_the_connected_components(size, threshold, seed):
    x = np.random.default_rng(seed).uniform(size=(4, size))
    r, every = np.corrcoef(x.T), Correlations(x)
    assume(np.abs(r - threshold).min() > 1e-9)
    expected = set()
    for start in range(size):
        reached, waiting = set(), [start]
        while waiting:
            at = waiting.pop()
            if at not in reached:
                reached.add(at)
                waiting += [j for j in range(size) if r[at, j] >= threshold]
        if len(reached) > 1:
            expected.add(tuple(sorted(reached)))
    assert every.groups(range(size), threshold) == sorted(expected)
    assert every.groups([0], threshold) == [group for group in sorted(expected) if 0 in group]
    alike = np.argwhere(np.triu(r, 1) >= threshold)
    assert list(every.pairs(threshold)) == [tuple(pair) for pair in alike]


def made(images=300, classes=7, seed=0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 2, (images, classes))
    right = rng.random(images) < 0.5
    label = np.where(right, logit.argmax(1), rng.integers(classes - 1, size=images))
    return label, softmax(logit, axis=1)


def test_metrics_of_the_top_class_are_those_of_scikit_learn():
    label, p = made()
    label[label == 6] = 0  # no image has the last class
    found = TopClass(label, p, k=3)
    named = p.argmax(1)
    assert found.value("top1") == accuracy_score(label, named)
    assert found.value("balanced_accuracy") == pytest.approx(balanced_accuracy_score(label, named))
    expected = top_k_accuracy_score(label, p, k=3, labels=range(7))
    assert found.value("top_k") == pytest.approx(expected)
    assert found.confusion().tolist() == confusion_matrix(label, named, labels=range(7)).tolist()


def test_top_k_of_k_classes_is_undefined():
    label, p = made(20, classes=4)
    assert np.isnan(TopClass(label, p, k=4).value("top_k"))


@pytest.fixture(scope="module")
def unlabelled() -> TopClass:
    _, p = made(20, classes=4)
    return TopClass(np.full(20, -1), p, p.argmax(1))


@pytest.mark.parametrize("metric", sorted(set(TOP_METRICS) - {"agreement"}))
def test_without_labels_a_metric_of_the_top_class_is_undefined(unlabelled, metric):
    assert np.isnan(unlabelled.value(metric))


def test_agreement_needs_no_labels(unlabelled):
    assert unlabelled.value("agreement") == 1


def test_agreement_without_a_teacher_is_refused():
    label, p = made(20, classes=4)
    with pytest.raises(DataError, match="needs the teacher"):
        TopClass(label, p).value("agreement")


def test_a_metric_of_one_class_is_refused(unlabelled):
    with pytest.raises(DataError, match="no metric 'ap'"):
        unlabelled.value("ap")


def test_the_calibration_error_of_the_top_class_by_hand():
    p = np.array([[0.9, 0.06, 0.04], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    found = TopClass(np.array([0, 2, 2]), p, bins=2)
    assert found.value("top_ece") == pytest.approx((abs(1 - 0.9 - 0.8) + (1 - 0.4)) / 3)


def test_ties_by_hand():
    p = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [1, 0, 0], [0, 0, 1]])
    found = TopClass(np.array([1, 1, -1, -1]), p, np.array([0, 2, 0, 1]), k=2)
    assert found.value("top1") == 0.5
    assert found.value("top_k") == 1.0
    assert found.value("agreement") == 0.5
    assert TopClass(np.array([2]), np.full((1, 3), 1 / 3), k=2).value("top_k") == 0


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


def test_top_1_has_the_interval_of_a_share():
    label, p = made(80)
    found = metric_intervals(TopClass(label, p, p.argmax(1), k=2), ["top1"])["top1"]
    hits = int((label == p.argmax(1)).sum())
    truth = binomtest(hits, 80).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((truth.low, truth.high))


def test_the_calibration_error_has_the_basic_interval():
    label, p = made(80)
    found = TopClass(label, p, p.argmax(1), k=2)
    counts = draw_counts(80, 100, 0)
    found_of = metric_intervals(found, ["top_ece"], draws=100)
    # the error is too large by noise
    resampled = found.values("top_ece", counts)
    expected = 2 * found.value("top_ece") - np.quantile(resampled, [0.975, 0.025])
    assert found_of["top_ece"].high == pytest.approx(expected[1])
    assert found_of["top_ece"].low == pytest.approx(max(expected[0], 0))


def test_cells_of_confusions_are_all_that_have_images():
    label, p = made(120, classes=3, seed=4)
    found = TopClass(label, p)
    matrix, all_of = found.confusion(), confusions(found, wrong=False)
    cells = {(c.label, c.named): c.images for c in all_of}
    assert cells == {place: n for place, n in np.ndenumerate(matrix) if n}
    assert [c.images for c in all_of] == sorted((c.images for c in all_of), reverse=True)


def test_a_wrong_cell_is_a_share_of_the_images_of_its_label():
    label, p = made(120, classes=3, seed=4)
    first = confusions(TopClass(label, p))[0]
    assert first.label != first.named
    of_label = int((label == first.label).sum())
    truth = binomtest(first.images, of_label).proportion_ci(method="wilson")
    assert first.share.estimate == pytest.approx(first.images / of_label)
    assert (first.share.low, first.share.high) == pytest.approx((truth.low, truth.high))


@pytest.mark.parametrize(
    ("given", "exact"), [("uint8", "int32"), ("int32", "int64"), ("float32", "float64")]
)
def test_sums_of_weights_are_exact(given, exact):
    assert np.dtype(exact_type(np.zeros((1, 4), given))) == exact


def test_thresholds_of_a_curve_are_the_middles_between_logits():
    cuts, _, _ = counts_above(np.array([0, 1, 1, 0]), np.array([0.0, 1, 2, 2]), 0.25)
    assert cuts.tolist() == [-1, 0.25, 0.5, 1.5, 3]


def test_images_above_each_threshold_are_counted():
    _, *above = counts_above(np.array([0, 1, 1, 0]), np.array([0.0, 1, 2, 2]), 0.25)
    assert np.array(above).tolist() == [[2, 2, 2, 1, 0], [2, 1, 1, 1, 0]]


@pytest.mark.parametrize(
    ("label", "logit", "precision", "threshold"),
    [
        ([1, 0, 1, 0], [3, 2, 1, 0], None, 0.5),  # F1 0.8, of three images
        ([1, 1], [3, 1], None, 0),  # all: 1 below the least logit
        ([1, 0, 1, 0], [3, 2, 1, 0], 0.9, 2.5),
        ([0, 1], [1, 0], 0.9, np.nan),
    ],
)
def test_a_threshold_is_chosen(label, logit, precision, threshold):
    choice = ThresholdChoice(np.array(label), np.array(logit, float), precision)
    np.testing.assert_equal(choice.value(), threshold)
