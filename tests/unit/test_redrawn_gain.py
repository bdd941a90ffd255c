"""A gain whose draws choose anew, against a slow one by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.tuning.suggest.repair import redrawn_change
from inficond_panel.tuning.suggest.suggestion import DRAWS, Change, change

PHOTOS, FOLDS = 90, 3


def ranked(students: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
    """Labels, some unknown; logits before and after; of students equally good but for chance."""
    rng = np.random.default_rng(seed)
    label = np.where(rng.random(PHOTOS) < 0.1, -1, rng.random(PHOTOS) < 0.4)
    folds, shown = np.arange(PHOTOS) % FOLDS, 1.5 * (label == 1)
    tried = [shown + rng.normal(size=(students, PHOTOS)) for _ in range(FOLDS)]
    before = 0.5 * shown + rng.normal(size=PHOTOS)
    return label, before, folds, tried


def redrawn(label: np.ndarray, before: np.ndarray, folds: np.ndarray, tried: list) -> Change:
    known, counts = label >= 0, draw_counts(PHOTOS, DRAWS, 0)
    tried = [each[:, known] for each in tried]
    return redrawn_change(label[known], before[known], folds[known], tried, counts[:, known])


def first_of(folds: np.ndarray, tried: list) -> np.ndarray:
    """Logits of the first student of each fold."""
    return np.choose(folds, [each[0] for each in tried])


def test_one_student_a_fold_leaves_nothing_to_choose() -> None:
    label, before, folds, tried = ranked(1)
    plain = change(label, before, first_of(folds, tried))
    found = redrawn(label, before, folds, tried)
    assert found.estimate == plain.estimate
    np.testing.assert_allclose(found.draws, plain.draws, rtol=1e-12)


def test_each_draw_chooses_by_the_other_folds_and_ranks_its_own() -> None:
    ap = pytest.importorskip("sklearn.metrics").average_precision_score
    label, before, folds, tried = ranked(4)
    found = redrawn(label, before, folds, tried)
    known, drawn = label >= 0, draw_counts(PHOTOS, DRAWS, 0)
    others = [known & (folds != fold) for fold in range(FOLDS)]
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
            chosen[folds == fold] = logits[taken][folds == fold]
        values = [ap(label[known], x[known], sample_weight=counts[known]) for x in (chosen, before)]
        assert found.draws[draw] == pytest.approx(values[0] - values[1], abs=1e-12)


def test_an_unsure_choice_makes_the_interval_wider() -> None:
    every = [ranked(8, seed) for seed in range(20)]
    plain = [change(label, before, first_of(*rest)).error for label, before, *rest in every]
    assert np.mean([redrawn(*each).error for each in every]) > 1.02 * np.mean(plain)
