"""Metrics, agreement, discrepancy and collinearity by hand and against other libraries."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from inficond_panel.distill import Outcome, agreement, average_precision, class_metrics, discrepancy
from inficond_panel.distill.correlations import Correlations, collinear, spread
from inficond_panel.vocabulary.metrics import AP11, METRICS

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
@settings(max_examples=60, deadline=None)
def test_eleven_point_equals_the_devkit_in_fractions(case):
    """Step by step: at each recall the best precision of all cuts that reach it."""
    label, score = case
    if not label.any():
        assert np.isnan(Outcome(label, score).value(AP11.key))
        return
    best = [Fraction(0)] * 11
    for cut in set(score.tolist()):
        above = score >= cut
        hits = int((label[above] == 1).sum())
        for tenth in range(11):
            if Fraction(hits, int(label.sum())) >= Fraction(tenth, 10):
                best[tenth] = max(best[tenth], Fraction(hits, int(above.sum())))
    eleven = Outcome(label, score).value(AP11.key)
    assert eleven == pytest.approx(float(sum(best) / 11), abs=1e-12)


@given(ranked())
@settings(max_examples=40, deadline=None)
def test_decision_metrics_equal_sklearn(case):
    label, logit = case
    found, decided = class_metrics(label, logit, logit), logit > 0
    for name in ("precision", "recall", "f1"):
        of_sklearn = getattr(sklearn_metrics, f"{name}_score")
        expected = of_sklearn(label, decided, zero_division=np.nan)
        assert getattr(found, name) == pytest.approx(expected, abs=1e-12, nan_ok=True), name
    assert found.accuracy == pytest.approx(np.mean(label == decided))


def test_class_metrics_and_agreement_by_hand_all_at_once_and_a_wrong_name():
    found = class_metrics(LABEL, STUDENT, TEACHER)
    # labelled: TP 2 (rows 0, 4), FN 1, FP 1, TN 1
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(4 / 6)
    assert found.accuracy == pytest.approx(3 / 5)
    # all six rows: student + - + - + +, teacher + + - - - -
    assert found.differ == 4
    assert found.fidelity == pytest.approx(2 / 6)
    assert found.constant_fidelity == pytest.approx(4 / 6)
    assert found.logit_correlation == pytest.approx(np.corrcoef(STUDENT, TEACHER)[0, 1])
    assert (found.n, found.positives, found.negatives) == (5, 3, 2)
    theirs = sklearn_metrics.average_precision_score(LABEL[:5], TEACHER[:5])
    assert found.teacher_ap == pytest.approx(theirs)
    above = class_metrics(LABEL, STUDENT, TEACHER, threshold=1.5)  # of the teacher too
    assert above.recall == pytest.approx(2 / 3)
    assert (above.precision, above.constant_fidelity) == (1, 1)
    found = agreement(LABEL, STUDENT > 0, TEACHER > 0)
    sides = ("both_right", "student_wrong", "both_wrong", "teacher_wrong")
    assert vars(found.positives) == dict(zip(sides, (1, 1, 0, 1), strict=True))
    assert vars(found.negatives) == dict(zip(sides, (1, 1, 0, 0), strict=True))
    assert found.positives.total == 3
    assert found.negatives.total == 2
    teacher = {"accuracy": 4 / 5, "precision": 1.0, "recall": 2 / 3, "f1": 4 / 5}
    assert found.teacher_metrics() == pytest.approx(teacher)
    found = class_metrics(LABEL, STUDENT, TEACHER)
    outcome = Outcome(LABEL, STUDENT, TEACHER > 0)
    for metric in METRICS:
        assert outcome.value(metric) == getattr(found, metric), metric
    with pytest.raises(ValueError, match="There is no metric"):
        outcome.value("auc")
    with pytest.raises(ValueError, match="teacher"):
        Outcome(LABEL, STUDENT).value("fidelity")


def test_undefined_is_nan_never_zero():
    none = class_metrics(np.zeros(3, np.int8), np.full(3, -1.0), np.full(3, -1.0))
    for name in ("ap", "ap11", "teacher_ap", "precision", "recall", "f1", "logit_correlation"):
        assert np.isnan(getattr(none, name)), name
    assert none.accuracy == none.fidelity == 1.0
    undecided = class_metrics(np.ones(2, np.int8), np.full(2, -1.0), np.full(2, -1.0))
    assert np.isnan(undecided.precision)
    assert undecided.recall == 0.0
    assert undecided.f1 == 0.0
    empty = class_metrics(np.full(2, -1, np.int8), np.ones(2), np.ones(2))
    for name in ("accuracy", "brier", "ece", "ap", "ap11"):
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


def test_collinear_finds_the_twin_and_a_constant_correlates_with_none():
    rng = np.random.default_rng(0)
    base = rng.random(500)
    columns = [base, rng.random(500), base + 0.05 * rng.random(500), np.full(500, 0.3), 1 - base]
    scores = np.stack([*columns, base], axis=1).astype(np.float32)
    every = Correlations(scores)
    rows = every.rows(range(6))
    found = collinear(rows[0], 0)
    assert [index for index, _ in found] == [5, 2]
    assert found[0][1] == pytest.approx(1.0)
    assert found[1][1] == pytest.approx(np.corrcoef(base, scores[:, 2])[0, 1], abs=1e-6)
    assert collinear(rows[3], 3) == []
    assert not rows[3].any()
    assert not rows[:, 3].any()
    assert every.groups([0, 3], -1.0) == [(0, 1, 2, 3, 4, 5)]
    assert every.groups([3], 0.1) == []


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_correlation_and_spread_are_those_of_numpy(kind):
    x = np.random.default_rng(0).uniform(size=(9000, 5)).astype(kind)
    x[:, 1] = x[:, 0] + x[:, 1] / 4
    np.testing.assert_allclose(spread(x), x.std(axis=0, dtype=np.float64), rtol=1e-6)
    expected = np.corrcoef(x.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(Correlations(x).rows([3, 0, 1]), expected[[3, 0, 1]], atol=1e-9)


def test_many_images_are_sampled_evenly(monkeypatch):
    x = np.random.default_rng(0).uniform(size=(100, 3))
    monkeypatch.setattr("inficond_panel.distill.correlations.SAMPLE", 40)
    found = Correlations(x).rows(range(3))
    np.testing.assert_allclose(found, np.corrcoef(x[::3], rowvar=False))


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
