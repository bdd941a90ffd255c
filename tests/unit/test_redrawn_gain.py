"""A gain whose draws choose anew, against a slow one by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.tuning.cures.cross_fit import CrossFitted
from inficond_panel.tuning.suggest.repair import redrawn_change
from inficond_panel.tuning.suggest.suggestion import DRAWS, change

PHOTOS, FOLDS = 90, 3


def ranked(students: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, CrossFitted, list]:
    """Labels, some unknown; logits before and after; of students equally good but for chance."""
    rng = np.random.default_rng(seed)
    label = np.where(rng.random(PHOTOS) < 0.1, -1, rng.random(PHOTOS) < 0.4)
    folds, shown = np.arange(PHOTOS) % FOLDS, 1.5 * (label == 1)
    tried = [shown + rng.normal(size=(students, PHOTOS)) for _ in range(FOLDS)]
    logits = np.choose(folds, [each[0] for each in tried])
    before = 0.5 * shown + rng.normal(size=PHOTOS)
    return label, before, CrossFitted(logits, folds, ()), tried


def test_one_student_a_fold_leaves_nothing_to_choose() -> None:
    label, before, after, tried = ranked(1)
    plain, found = change(label, before, after.logits), redrawn_change(label, before, after, tried)
    assert found.estimate == plain.estimate
    np.testing.assert_allclose(found.draws, plain.draws, rtol=1e-12)


def test_each_draw_chooses_by_the_other_folds_and_ranks_its_own() -> None:
    ap = pytest.importorskip("sklearn.metrics").average_precision_score
    label, before, after, tried = ranked(4)
    found = redrawn_change(label, before, after, tried)
    known, drawn = label >= 0, draw_counts(PHOTOS, DRAWS, 0)
    others = [known & (after.folds != fold) for fold in range(FOLDS)]
    every = np.array(
        [
            [
                [ap(label[rows], x[rows], sample_weight=counts[rows]) for x in logits]
                for counts in drawn
            ]
            for rows, logits in zip(others, tried, strict=True)
        ]
    )  # fold, draw, student
    error = np.std(every - every[..., :1], axis=1, ddof=1)
    for draw, counts in enumerate(drawn[:30]):
        chosen = np.empty(PHOTOS)
        for fold, logits in enumerate(tried):
            gain = every[fold, draw] - every[fold, draw, 0]
            best = int(np.argmax(gain))
            taken = best if gain[best] > error[fold, best] else 0
            chosen[after.folds == fold] = logits[taken][after.folds == fold]
        values = [ap(label[known], x[known], sample_weight=counts[known]) for x in (chosen, before)]
        assert found.draws[draw] == pytest.approx(values[0] - values[1], abs=1e-12)


def test_an_unsure_choice_makes_the_interval_wider() -> None:
    every = [ranked(8, seed) for seed in range(20)]
    plain = [change(label, before, after.logits).error for label, before, after, _ in every]
    redrawn = [redrawn_change(*each).error for each in every]
    assert np.mean(redrawn) > 1.02 * np.mean(plain)
