"""Biased splits of the benchmark: what they keep, and what its teacher knows."""

from types import SimpleNamespace

import numpy as np
import pytest
from shift_parts.pairs import Pair, biased, phi
from shift_parts.teachers import STRONG, strong_logits

#: Class, context and a third one, of nine photos; -1: not known.
LABEL = np.array(
    [[1, 1], [1, 0], [1, -1], [0, 1], [0, 0], [0, -1], [-1, 1], [-1, 0], [-1, -1]], dtype=np.int8
)
PAIR = Pair(0, 1, ())


def test_photos_that_nothing_is_known_of_are_in_no_biased_split() -> None:
    store, fit = SimpleNamespace(label=LABEL), np.arange(9)
    assert biased(store, fit, PAIR, 0.0, 0).tolist() == [0, 4]
    assert biased(store, fit, PAIR, 1.0, 0).tolist() == [0, 1, 3, 4]
    assert phi(store, biased(store, fit, PAIR, 0.0, 0), PAIR) == pytest.approx(1)


def test_a_strong_teacher_does_not_know_what_the_labels_do_not() -> None:
    store = SimpleNamespace(label=np.tile(LABEL, (1000, 1)))
    logit = strong_logits(store, 0, seed=0)
    means = [logit[store.label[:, 0] == value].mean() for value in (1, 0, -1)]
    error = STRONG[1] / np.sqrt(3000)
    np.testing.assert_allclose(means, [STRONG[0], -STRONG[0], 0], atol=4 * error)
