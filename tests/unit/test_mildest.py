"""The mildest strength within one standard error of the best, by hand."""

import numpy as np
import pytest

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.tuning.repairs.choosing import CHOICE_DRAWS, choose, compared_values, mildest

STRENGTH = np.array([0.5, 0.75, 1.0])
CASES = {
    "the best is milder": ([0.3, 0.2, 0.2], [0.1, 0.1, 0.1], 0),
    "within the error of the best": ([0.20, 0.29, 0.35], [0.1, 0.1, 0.1], 1),
    "all within": ([0.26, 0.29, 0.35], [0.1, 0.1, 0.1], 0),
    "none within": ([0.20, 0.24, 0.35], [0.1, 0.1, 0.1], 2),
    "the error is that of the best": ([0.20, 0.29, 0.35], [1.0, 1.0, 0.01], 2),
    "at the limit": ([0.0, 0.25, 0.5], [0.1, 0.1, 0.25], 1),
    "equal": ([0.3, 0.3, 0.3], [0.0, 0.0, 0.0], 0),
    "not known": ([np.nan, 0.3, 0.4], [np.nan, 0.2, 0.2], 1),
}


@pytest.mark.parametrize("case", CASES)
def test_the_mildest_is_taken(case):
    values, error, expected = CASES[case]
    found = mildest(np.array(values)[:, None], STRENGTH, np.array(error))
    assert found.tolist() == [expected]


def test_of_one_strength_the_best_is_taken():
    """Two students of each strength: of the mildest that is near, the better one."""
    values = np.array([0.1, 0.33, 0.3, 0.35])[:, None]
    found = mildest(values, np.array([0.5, 0.5, 1.0, 1.0]), np.full(4, 0.1))
    assert found.tolist() == [1]


def test_each_draw_chooses_by_itself():
    values = np.array([[0.3, 0.1], [0.2, 0.3]])
    assert mildest(values, np.array([0.5, 1.0]), np.full(2, 0.05)).tolist() == [0, 1]


def test_a_choice_among_strengths_is_by_the_error_of_the_best():
    """The standard error of the best worst group is counted over the draws of the choice."""
    rng, n = np.random.default_rng(3), 160
    label = (np.arange(n) % 2 == 0).astype(int)
    cell = np.where(np.arange(n) % 8 < 2, 2, 0) + (label == 0)
    logits = np.array([label * s + rng.normal(size=n) for s in (1.0, 1.2, 1.6)])
    counts = draw_counts(n, CHOICE_DRAWS, 0)
    values = compared_values(label, logits, np.ones((1, n)), cell)[:, 0]
    best = int(values.argmax())
    error = np.nanstd(compared_values(label, logits[[best]], counts, cell)[0], ddof=1)
    expected = int(np.flatnonzero(values >= values[best] - error)[0])
    found = choose(label, logits, None, cell=cell, strength=STRENGTH)
    assert found.best == expected
