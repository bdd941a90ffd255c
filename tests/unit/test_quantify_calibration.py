"""Reliability diagrams, pooled calibration error, entropy, and the measures of outputs."""

import numpy as np
import pytest
from scipy.special import expit, logit

from inficond_panel.distill import Outcome, ece
from inficond_panel.distill.metrics.bootstrap import class_mean, draw_counts
from inficond_panel.quantify.output_report import MEASURES, measure_outputs
from inficond_panel.quantify.outputs import (
    Outputs,
    entropy,
    reliability,
    silhouette,
    single_label_groups,
)


def drawn(images=300, classes=3, seed=0, ignored=0.1):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, (images, classes))
    label = (rng.random(logits.shape) < expit(logits)).astype(np.int8)
    label[rng.random(label.shape) < ignored] = -1
    return label, logits


def outputs(label, teacher, oracle=None):
    logits = {"teacher": teacher} if oracle is None else {"teacher": teacher, "oracle": oracle}
    images, classes = map(str, range(len(label))), map(str, range(label.shape[1]))
    return Outputs("fit", tuple(images), tuple(classes), label, logits)


def test_a_diagram_by_hand():
    label = np.array([0, 1, 1, 0, 1, -1])
    probability = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.5])
    found = reliability(label, logit(probability), bins=2)

    np.testing.assert_array_equal(found.events, [3, 2])
    np.testing.assert_allclose(found.probability, [0.2, 0.75])
    np.testing.assert_allclose(found.frequency, [2 / 3, 0.5])
    np.testing.assert_allclose([found.lower, found.upper], [[0, 0.5], [0.5, 1]])
    assert found.ece == pytest.approx(3 / 5 * (2 / 3 - 0.2) + 2 / 5 * 0.25)


def test_bins_of_equal_mass_hold_equally_many():
    label, logits = drawn(ignored=0)
    found = reliability(label, logits, bins=10, equal_mass=True)

    np.testing.assert_array_equal(found.events, np.full(10, 90))
    assert (found.upper[:-1] <= found.lower[1:]).all()
    assert found.upper[-1] == expit(logits).max()


@pytest.mark.parametrize("pooled", [False, True])
def test_the_diagram_is_scikit_learns(pooled):
    curves = pytest.importorskip("sklearn.calibration")
    label, logits = drawn()
    if not pooled:
        label, logits = label[:, 0], logits[:, 0]
    known = label >= 0
    true, said = curves.calibration_curve(label[known], expit(logits[known]), n_bins=15)
    found = reliability(label, logits)
    there = found.events > 0

    np.testing.assert_allclose(found.frequency[there], true)
    np.testing.assert_allclose(found.probability[there], said)
    share = found.events[there] / found.events.sum()
    assert found.ece == pytest.approx(float(share @ np.abs(true - said)), abs=1e-12)


def test_means_over_classes_share_their_draws():
    label, logits = drawn(60, 3)
    label[:, 2] = 0  # without positives: AP undefined
    teacher = logits + 1
    outcomes = [Outcome(label[:, k], logits[:, k], teacher[:, k] > 0) for k in range(3)]
    counts = draw_counts(60, 5, 0)
    for metric in ("ap", "accuracy", "fidelity", "ece"):
        found = class_mean(outcomes, metric, counts)
        for row, times in enumerate(counts):
            rows = np.repeat(np.arange(60), times)
            again = [
                Outcome(label[rows, k], logits[rows, k], teacher[rows, k] > 0) for k in range(3)
            ]
            values = [outcome.value(metric) for outcome in again]
            assert found[row] == pytest.approx(np.nanmean(values), abs=1e-12), metric
    assert np.isnan(class_mean(outcomes[2:], "ap")).all()


def test_oracle_and_teacher_are_measured_on_the_same_images():
    label, logits = drawn(ignored=0.05)
    oracle = logits + np.where(label == 1, 2.0, -2.0)
    groups = single_label_groups(label, ["a", "b", "c"])
    found = measure_outputs(outputs(label, logits, oracle), groups=groups, draws=50)

    single = {"top1", "top_ece", "entropy_softmax", "silhouette_super"}  # other tasks, other groups
    assert list(found) == [name for name in MEASURES if name not in single]
    for name, measure in found.items():
        assert measure.change is not None
        assert measure.oracle is not None
        difference = measure.oracle.estimate - measure.teacher.estimate
        assert measure.change.estimate == pytest.approx(difference), name
    assert found["ap"].change.low > 0
    assert found["accuracy"].change.low > 0
    assert found["entropy"].change.high < 0
    assert found["silhouette"].change.low > 0
    shape = silhouette(logits, groups)
    assert np.isnan(shape).any()  # of images without a class
    assert found["silhouette"].teacher.estimate == pytest.approx(np.nanmean(shape))
    pooled = found["ece_pooled"].teacher.estimate
    assert pooled == pytest.approx(ece(label.ravel(), logits.ravel()), abs=1e-12)
    assert found["entropy"].teacher.estimate == pytest.approx(entropy(logits).sum(1).mean())
