"""Softmax or a sigmoid per class: what the labels say, on networks that are one or the other."""

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss

from inficond_panel.distill.metrics.activation_fit import fit_activations
from inficond_panel.store.teacher_outputs import activation_text


def drawn(count=400, classes=4, spread=0.3):
    """Probabilities that are right, from a Dirichlet distribution, and labels drawn by them."""
    rng = np.random.default_rng(0)
    chances = np.clip(rng.dirichlet([spread] * classes, count), 1e-6, None)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances, np.array([rng.multinomial(1, row) for row in chances])


@pytest.fixture(scope="module")
def trained():
    """Logits of scikit-learn's softmax regression on digits that it did not see, and labels."""
    images, digit = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=300).fit(images[:600] / 16, digit[:600])
    return model.decision_function(images[600:] / 16), np.eye(10, dtype=int)[digit[600:]]


@pytest.fixture(scope="module")
def odds():
    """Log-odds of right probabilities of ten classes, whose sigmoids are right, and labels."""
    chances, label = drawn(20_000, classes=10, spread=1.0)
    return logit(chances), label


def least(label, at):
    """Least log loss per image, summed over the classes, over a grid of temperatures."""
    return min(
        sum(log_loss(y, p) for y, p in zip(label.T, at(t).T, strict=True))
        for t in np.exp(np.linspace(-1.5, 1.5, 61))
    )


def test_the_losses_are_those_of_scikit_learn_at_the_best_temperature():
    chances, label = drawn()
    z = 2 * np.log(chances) + 1
    fit = fit_activations(z, label)
    assert fit.softmax_loss == pytest.approx(least(label, lambda t: softmax(z / t, 1)), rel=1e-3)
    assert fit.sigmoid_loss == pytest.approx(least(label, lambda t: expit(z / t)), rel=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1000])
def test_the_losses_do_not_depend_on_the_scale_of_the_logits(scale):
    chances, label = drawn()
    z = 2 * np.log(chances) + 1
    fit = fit_activations(scale * z, label)
    assert fit.softmax_loss == pytest.approx(least(label, lambda t: softmax(z / t, 1)), rel=1e-3)
    assert fit.sigmoid_loss == pytest.approx(least(label, lambda t: expit(z / t)), rel=1e-3)


def test_the_aps_are_those_of_scikit_learn():
    chances, label = drawn()
    z = np.log(chances) + np.random.default_rng(1).normal(size=(len(chances), 1))
    fit = fit_activations(z, label)
    assert fit.softmax_ap == pytest.approx(average_precision_score(label, softmax(z, 1)))
    assert fit.column_ap == pytest.approx(average_precision_score(label, z))
    assert fit.chance == pytest.approx(average_precision_score(label, np.zeros_like(z)))


@pytest.mark.parametrize("scale", [0.25, 1, 4])
@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_a_softmax_network_is_known_at_any_scale_and_shift(trained, scale, shift):
    z, label = trained
    assert fit_activations(scale * z + shift, label).better == "softmax"


def test_a_constant_per_image_changes_nothing_of_the_softmax(trained):
    z, label = trained
    moved = z + np.random.default_rng(0).normal(0, 3, (len(z), 1))
    plain, other = fit_activations(z, label), fit_activations(moved, label)
    assert other.softmax_loss == pytest.approx(plain.softmax_loss, rel=1e-6)


@pytest.mark.parametrize("scale", [0.5, 1, 5])
def test_a_softmax_of_two_classes_is_not_taken_for_sigmoids_because_it_is_too_sure(scale):
    chances, label = drawn(2000, classes=2)
    z = scale * logit(chances) / 2  # two logits that add up to 0
    assert fit_activations(z, label).better != "sigmoid"


def test_right_log_odds_are_sigmoids(odds):
    assert fit_activations(*odds).better == "sigmoid"


def test_other_classes_count_in_the_softmax():
    chances, label = drawn(600)
    z = np.log(chances)
    kept = label[:, :3].any(axis=1)
    alone = fit_activations(z[kept, :3], label[kept, :3])
    beside = fit_activations(z[kept, :3], label[kept, :3], z[kept, 3:])
    assert beside.softmax_loss > alone.softmax_loss  # some of each row's sum goes to the fourth


def test_few_labelled_images_decide_nothing():
    chances, label = drawn(60)
    label[29:] = -1
    assert fit_activations(np.log(chances), label) is None


def test_a_sentence_says_what_to_set_if_the_labels_are_against_the_activation(odds):
    text = activation_text(fit_activations(*odds), "softmax")
    assert text.endswith("set its activation to sigmoid")


def test_no_sentence_says_what_to_set_if_the_labels_agree(trained):
    assert "set its activation" not in activation_text(fit_activations(*trained), "softmax")
