"""The order of a teacher's outputs held against labels: what is found, named, and left alone."""

import sys
from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from inficond_panel.distill.metrics.output_order import (
    OppositeSign,
    _assigned,
    _halves,
    check_order,
    fitting_outputs,
)

metrics = pytest.importorskip("sklearn.metrics")


def labelled(rng, images, classes, single):
    """Labels (n, K): one class an image, or several that occur together."""
    if single:
        return np.eye(classes, dtype=np.int8)[rng.integers(0, classes, images)]
    scene = rng.normal(size=(images, 2)) @ rng.normal(size=(2, classes))
    return (scene + rng.normal(size=(images, classes)) > 1).astype(np.int8)


def knowing(rng, label, strength=3.0):
    """Logits of a teacher that knows the classes, in their order, with a bias for each output."""
    images, classes = label.shape
    return strength * label + rng.normal(size=(images, classes)) + rng.normal(size=classes)


def test_the_halves_have_equal_shares_of_each_class():
    label = np.eye(4, dtype=np.int8)[np.repeat(np.arange(4), [2, 6, 10, 40])]
    first, second = (label[rows].sum(0).tolist() for rows in _halves(label))
    assert first == second == [1, 3, 5, 20]


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
@pytest.mark.parametrize("single", [True, False])
def test_the_order_found_is_the_best_of_all_permutations_by_scikit_learns_auc(classes, single):
    rng = np.random.default_rng([classes, single])
    label = labelled(rng, 400, classes, single)
    logits = knowing(rng, label)[:, np.roll(np.arange(classes), 1)]
    auc = np.array([[metrics.roc_auc_score(own, output) for output in logits.T] for own in label.T])
    best = max(permutations(range(classes)), key=lambda p: auc[np.arange(classes), p].sum())
    found = check_order(logits, label, single=single)
    assert found.outputs == best
    assert found.moved == tuple(range(classes))
    expected = np.mean([auc[k, j] - auc[k, k] for k, j in enumerate(best)])
    assert found.gain == pytest.approx(expected, abs=0.05)
    assert 0 < found.low < found.gain


def test_the_limit_of_the_gain_is_students_t_with_20_degrees_of_freedom_by_hand():
    """Two classes of 12 images, whose exchanged outputs are 0 and 1 without any deviation.

    Each half has 6 positives of each class, so that both halves have 2 * 2 * (6 - 1) degrees. A
    half's variance is the floor alone, 0.1^2 * (1/6 + 1/6) / 2^2. At 99.9 % tables of t have 3.552.
    """
    label = np.eye(2, dtype=np.int8)[np.arange(24) % 2]
    found = check_order(label[:, ::-1].astype(float), label, single=True)
    error = np.sqrt(2 * (0.01 * 2 / 6 / 4)) / 2
    assert found.gain == pytest.approx(1, abs=1e-6)
    assert found.low == pytest.approx(1 - 3.552 * error, abs=1e-4)


@pytest.mark.parametrize("single", [True, False])
def test_the_figures_are_top1_or_mean_ap_of_both_orders(single):
    rng = np.random.default_rng(1)
    label = labelled(rng, 300, 4, single)
    logits = knowing(rng, label)[:, [1, 2, 0, 3]]
    found = check_order(logits, label, single=single)
    right = logits[:, [2, 0, 1, 3]]
    for value, outputs in ((found.given, logits), (found.better, right)):
        top1 = (outputs.argmax(1) == label.argmax(1)).mean()
        ap = metrics.average_precision_score(label, outputs, average="macro")
        assert value == pytest.approx(top1 if single else ap)
    assert found.measure == ("top-1" if single else "mean AP")
    assert found.outputs == (2, 0, 1, 3)
    assert found.moved == (0, 1, 2)  # the fourth class keeps its output, and is not accused


def test_a_softmax_is_held_by_probabilities_which_a_number_on_all_logits_does_not_change():
    rng = np.random.default_rng(2)
    label = labelled(rng, 200, 3, True)
    logits = knowing(rng, label)[:, [1, 0, 2]] + 50 * rng.normal(size=(200, 1))
    assert check_order(logits, label, single=True) is None
    logits[::7] = np.nan  # images that cannot be read are left out
    assert check_order(logits, label, single=True, softmax=True).outputs == (1, 0, 2)


def test_classes_that_cannot_be_told_keep_their_outputs():
    """No label, one positive, an output that is constant, and two classes with the same labels."""
    rng = np.random.default_rng(3)
    label = labelled(rng, 400, 7, False)
    label[:, 6] = label[:, 5]
    logits = knowing(rng, label)[:, [1, 0, 2, 3, 4, 5, 6]]
    logits[:, 6], logits[:, 4] = logits[:, 5], 0.3
    label[:, 2], label[1:, 3] = -1, 0
    label[0, 3] = 1
    found = check_order(logits, label)
    assert found.outputs == (1, 0, 2, 3, 4, 5, 6)
    assert found.moved == (0, 1)


def test_a_certain_but_small_gain_moves_no_class():
    """Two classes that nearly go together, on many images."""
    rng = np.random.default_rng(0)
    one = rng.random(20_000) < 0.5
    label = np.stack([one, one ^ (rng.random(20_000) < 0.05)], axis=1).astype(np.int8)
    assert check_order(3 * label[:, ::-1] + rng.normal(size=label.shape), label) is None


def test_a_gain_by_chance_on_few_images_moves_no_class():
    rng, label = np.random.default_rng(19), np.eye(2, dtype=np.int8)[np.arange(12) % 2]
    assert check_order(label[:, ::-1] + rng.normal(size=label.shape), label, single=True) is None


@pytest.mark.parametrize("label", [np.zeros((0, 3)), -np.ones((9, 3)), np.eye(3)])
def test_too_little_to_say_anything(label):
    assert check_order(np.random.default_rng(0).normal(size=label.shape), label) is None
    assert fitting_outputs(np.zeros((len(label), 5)), label) == {}


@pytest.mark.parametrize("outputs", [40, 3])
def test_other_outputs_than_classes_are_named_where_they_fit(outputs):
    """Of 40 outputs three fit; of three outputs a network has none for the fourth class."""
    rng = np.random.default_rng(5)
    label = labelled(rng, 300, 4, True)
    at = {0: 2, 1: 0, 2: 1} if outputs == 3 else {0: 31, 1: 4, 2: 17}
    logits = rng.normal(size=(300, outputs))
    for k, j in at.items():
        logits[:, j] += 4 * label[:, k]
    assert fitting_outputs(logits, label) == at


def weak(rng, label):
    return knowing(rng, label, rng.uniform(0, 0.5))


def biased(rng, label):
    """Each output answers to the other classes too."""
    classes = label.shape[1]
    return knowing(rng, label) + label @ rng.uniform(-0.8, 0.8, (classes, classes))


def shifted(rng, label):
    """Outputs share two features of the photo that are not classes."""
    images, classes = label.shape
    return knowing(rng, label, 2) + rng.normal(size=(images, 2)) @ rng.normal(size=(2, classes)) * 2


def half_blind(rng, label):
    """Some of the outputs know nothing, or are constant."""
    logits = knowing(rng, label)
    blind = rng.random(label.shape[1]) < 0.5
    logits[:, blind] = rng.normal(size=(len(label), blind.sum()))
    logits[:, :1] = 0
    return logits


def twins(rng, label):
    """Two outputs for the mean of two classes."""
    logits = knowing(rng, label)
    logits[:, :2] = logits[:, :2].mean(1, keepdims=True) + 0.1 * rng.normal(size=(len(label), 2))
    return logits


@pytest.mark.parametrize("teacher", [knowing, weak, biased, shifted, half_blind, twins])
def test_no_false_alarm_in_720_data_sets_in_part_without_labels(teacher):
    alarms = 0
    for seed in range(120):
        rng = np.random.default_rng([seed, len(teacher.__name__)])
        classes, images = rng.choice([2, 3, 4, 8, 20]), rng.choice([12, 30, 80, 240, 500])
        label = labelled(rng, images, classes, single := bool(rng.integers(2)))
        logits = teacher(rng, label)
        if rng.random() < 0.4:
            hidden = rng.random((images, 1 if single else classes)) < 0.3
            label = np.where(hidden, -1, label)
        alarms += check_order(logits, label, single=single, softmax=single) is not None
    assert alarms <= 1


@pytest.mark.parametrize("classes", [1, 3, 4, 20])
@pytest.mark.parametrize("single", [True, False])
def test_the_opposite_sign_is_found_with_scikit_learns_mean_auc(classes, single):
    rng = np.random.default_rng([classes, single])
    label = labelled(rng, 400, max(classes, 2), single)[:, :classes]
    logits = -knowing(rng, label)
    auc = [metrics.roc_auc_score(*each) for each in zip(label.T, logits.T, strict=True)]
    assert check_order(logits, label).auc == pytest.approx(np.mean(auc), abs=1e-6)


@pytest.mark.parametrize("teacher", [knowing, weak, biased, shifted, half_blind, twins])
def test_no_teacher_of_360_data_sets_has_the_opposite_sign(teacher):
    for seed in range(60):
        rng = np.random.default_rng([seed, len(teacher.__name__)])
        classes, images = rng.choice([2, 3, 4, 8, 20]), rng.choice([12, 30, 80, 240, 500])
        label = labelled(rng, images, classes, bool(rng.integers(2)))
        assert not isinstance(check_order(teacher(rng, label), label), OppositeSign)


def test_two_outputs_that_changed_places_have_no_opposite_sign():
    rng = np.random.default_rng(3)
    label = labelled(rng, 400, 2, single=True)
    logits = knowing(rng, label)[:, ::-1]
    assert check_order(logits, label, single=True).outputs == (1, 0)


@pytest.fixture(scope="module", params=[knowing, biased])
def in_wrong_order(request):
    """The order of 60 data sets, each with the order that is found."""
    order, found = np.array([1, 2, 0, 3]), []
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        label = labelled(rng, 240, 4, single := bool(seed % 2))
        found.append(check_order(request.param(rng, label)[:, order], label, single=single))
    return order, [better for better in found if better]


def test_a_wrong_order_is_found_in_nearly_all_data_sets(in_wrong_order):
    _, found = in_wrong_order
    assert len(found) >= 57


def test_no_class_gets_the_output_of_another(in_wrong_order):
    order, found = in_wrong_order
    wrong = [k for better in found for k in better.moved if order[better.outputs[k]] != k]
    assert wrong == []


def test_300_classes_of_ten_images_are_ordered_by_the_confusions():
    rng = np.random.default_rng(6)
    label = np.eye(300, dtype=np.int8)[np.repeat(np.arange(300), 10)]
    order = rng.permutation(300)
    logits = knowing(rng, label, 5)
    found = check_order(logits[:, order], label, single=True)
    assert (order[list(found.outputs)] == np.arange(300)).mean() > 0.99
    top1 = (logits.argmax(1) == label.argmax(1)).mean()
    assert (found.given, found.better) == pytest.approx((0, top1), abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_the_assignment_has_the_largest_sum(seed):
    value = np.random.default_rng(seed).normal(size=(6, 8))
    rows, columns = linear_sum_assignment(value, maximize=True)
    assert value[_assigned(value)].sum() == pytest.approx(value[rows, columns].sum())


def test_classes_that_each_have_a_best_output_need_no_assignment(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)  # takes a fifth of a second to load
    value = np.random.default_rng(0).random((6, 8)) + 2 * np.eye(6, 8)[:, ::-1]
    assert _assigned(value)[1].tolist() == [7, 6, 5, 4, 3, 2]
