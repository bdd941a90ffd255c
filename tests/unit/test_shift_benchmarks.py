"""The benchmark of shifts: biased splits, strong teachers, environments that are inferred."""

from types import SimpleNamespace

import numpy as np
import pytest
from shift_parts.environments import ROUNDS, group_weights, inferred_environment
from shift_parts.pairs import Pair, biased, phi
from shift_parts.teachers import STRONG, strong_logits

from inficond_panel.distill import decision_function, fit

#: Class, context and a third one, of nine photos; -1: not known.
LABEL = np.array(
    [[1, 1], [1, 0], [1, -1], [0, 1], [0, 0], [0, -1], [-1, 1], [-1, 0], [-1, -1]], dtype=np.int8
)
PAIR = Pair(0, 1, ())


def test_photos_that_nothing_is_known_of_are_in_no_biased_split():
    store, fit = SimpleNamespace(label=LABEL), np.arange(9)
    assert biased(store, fit, PAIR, 0.0, 0).tolist() == [0, 4]
    assert biased(store, fit, PAIR, 1.0, 0).tolist() == [0, 1, 3, 4]
    assert phi(store, biased(store, fit, PAIR, 0.0, 0), PAIR) == pytest.approx(1)


def test_a_strong_teacher_does_not_know_what_the_labels_do_not():
    store = SimpleNamespace(label=np.tile(LABEL, (1000, 1)))
    logit = strong_logits(store, 0, seed=0)
    means = [logit[store.label[:, 0] == value].mean() for value in (1, 0, -1)]
    error = STRONG[1] / np.sqrt(3000)
    np.testing.assert_allclose(means, [STRONG[0], -STRONG[0], 0], atol=4 * error)


def logits(scores, label, weights=None):
    found = fit(scores, label.astype(float)[:, None], l1=1e-3, sample_weight=weights)
    return decision_function(scores, found.weights, found.intercepts)[:, 0]


def test_a_student_of_the_shortcut_tells_environments_and_group_dro_weighs_the_worst_up():
    rng = np.random.default_rng(0)
    label, turned = rng.random(1200) < 0.4, rng.random(1200) < 0.1
    # a shortcut holds in one environment and is turned in the other
    scores = np.stack([label + rng.normal(0, 0.8, 1200), (label ^ turned) + 0.0], axis=1)
    found = inferred_environment(label, logits(scores[:, 1:], label))
    np.testing.assert_array_equal(found, turned)
    group = 2 * label + turned

    def losses(weights):
        logit = logits(scores, label, weights)
        return np.logaddexp(0, np.where(label, -logit, logit))

    def worst(weights):
        each = losses(weights)
        return max(each[group == g].mean() for g in range(4))

    tried = group_weights(group, losses)
    assert len(tried) == ROUNDS
    for weights in tried:
        assert weights.mean() == pytest.approx(1)
    alike = [tried[0][group == g].sum() for g in range(4)]
    assert alike == pytest.approx([300] * 4)
    assert worst(tried[0]) < 0.5 * worst(np.ones(len(label)))
    assert worst(tried[-1]) < worst(tried[0])
