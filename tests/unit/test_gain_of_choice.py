"""Gains of choices on photos that did not choose, against slow ones and truths that are known."""

from __future__ import annotations

import numpy as np
import pytest

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.tuning.suggest.gain import Choice, gain_of_choice, gain_of_levers

PHOTOS, DRAWS = 120, 60


def ranked(students: int, seed: int = 0, better: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and logits of students equally good but for chance; the last is ``better``."""
    rng = np.random.default_rng(seed)
    label = (rng.random(PHOTOS) < 0.3).astype(int)
    logits = 1.5 * label + rng.normal(size=(students, PHOTOS))
    logits[-1] += better * label
    return label, logits


def test_drawn_photos_choose_and_the_others_measure() -> None:
    ap = pytest.importorskip("sklearn.metrics").average_precision_score
    label, logits = ranked(4)
    counts = draw_counts(PHOTOS, DRAWS, 1)
    gains, within = [], []
    for drawn in counts:
        values = [ap(label, each, sample_weight=drawn) for each in logits]
        best, rest = 1 + int(np.argmax(values[1:])), drawn == 0
        gains.append(ap(label[rest], logits[best][rest]) - ap(label[rest], logits[0][rest]))
        within.append(values[best] - values[0])
    found = gain_of_choice(label, logits, counts, careful=False)
    assert found.gain.estimate == pytest.approx(np.mean(gains), abs=1e-12)
    moved = np.array(within) - np.mean(within) + np.mean(gains)
    np.testing.assert_allclose(found.gain.draws, moved, atol=1e-12)


@pytest.mark.parametrize("careful", [False, True])
def test_of_students_equally_good_none_gains(careful: bool) -> None:
    """The best of them seems to: that is the optimism which is taken away."""
    ap = pytest.importorskip("sklearn.metrics").average_precision_score
    counts, stated, seeming = draw_counts(PHOTOS, DRAWS, 0), [], []
    for seed in range(60):
        label, logits = ranked(12, seed)
        values = [ap(label, each) for each in logits]
        seeming.append(max(values[1:]) - values[0])
        stated.append(gain_of_choice(label, logits, counts, careful=careful).gain.estimate)
    error = np.std(stated) / np.sqrt(len(stated))
    assert np.mean(seeming) > 10 * error
    assert abs(np.mean(stated)) < 0.2 * np.mean(seeming) + 3 * error


def lever(drawn: list[float], left_out: list[float], taught: float = 0.0) -> Choice:
    return Choice(np.array(drawn), np.array(left_out), np.full(len(drawn), taught))


def test_each_draw_takes_the_lever_that_gains_most_less_its_optimism() -> None:
    """By hand: the first lever's optimism is 0.2, the second's 0.1."""
    first = lever([0.30, 0.10, 0.20], [0.0, 0.0, 0.0])
    second = lever([0.15, 0.05, 0.25], [0.05, 0.10, 0.0], taught=0.01)
    found = gain_of_levers([first, second])
    # less optimism: 0.10 and 0.05, -0.10 and -0.05 (none is taken), 0.00 and 0.15
    assert found.estimate == pytest.approx((0.0 + 0.0 + 0.0) / 3)
    spread = np.array([0.30, 0.0, 0.26])
    np.testing.assert_allclose(found.draws, spread - spread.mean() + found.estimate)


def test_the_best_of_levers_that_gain_nothing_is_not_stated_to_gain() -> None:
    """The largest stated gain of four levers seems to gain; that of their choice does not."""
    counts, stated, seeming = draw_counts(PHOTOS, DRAWS, 0), [], []
    for seed in range(60):
        label, logits = ranked(13, seed)
        levers = [
            gain_of_choice(label, logits[[0, *range(first, first + 3)]], counts, careful=False)
            for first in (1, 4, 7, 10)
        ]
        seeming.append(max(each.gain.estimate for each in levers))
        stated.append(gain_of_levers(levers).estimate)
    error = np.std(stated) / np.sqrt(len(stated))
    assert np.mean(seeming) > 5 * error
    assert abs(np.mean(stated)) < 0.3 * np.mean(seeming) + 3 * error
