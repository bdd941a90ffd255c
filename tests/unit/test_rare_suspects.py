"""Suspects among words that are 0 or 1: rare, constant, equal, and at any scale and offset."""

import numpy as np
import pandas as pd
import pytest
from factory import shift_of
from scipy.stats import ttest_ind

import inficond_panel
from inficond_panel.distill import fit
from inficond_panel.distill.suspects import Photos, lost_bond, suspicion
from inficond_panel.tuning.shift import ClassShift

FIT, TUNE, ALL = 800, 400, 1220
SPLIT = np.repeat(["fit", "tune", "holdout"], [FIT, TUNE, ALL - FIT - TUNE])


def words(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Words of captions, and which photos show blond hair: in fit no man has it, in tune many."""
    rng = np.random.default_rng(seed)
    man = rng.random(ALL) < 0.5
    blond = rng.random(ALL) < np.where((SPLIT == "fit") & man, 0.0, 0.3)
    shown = {"hair": rng.random(ALL) < np.where(blond, 0.7, 0.1), "man": man}
    shown |= {f"word {place}": rng.random(ALL) < 0.2 for place in range(20)}
    return pd.DataFrame(shown) * 1.0, blond


def rare(blond: np.ndarray, photos: int, seed: int = 5) -> np.ndarray:
    """A word on so many photos without the class, of fit and of tune in turn, the first of them
    among the first 64 of the split: means are taken from those, and then rounded."""
    rng, scores = np.random.default_rng(seed), np.zeros(ALL)
    for split, count in (("fit", (photos + 1) // 2), ("tune", photos // 2)):
        rows = np.flatnonzero((split == SPLIT) & ~blond)
        chosen = [rng.choice(rows[:30]), *rng.permutation(rows[30:])]
        scores[chosen[:count]] = 1.0
    return scores


def shift(scores: pd.DataFrame, blond: np.ndarray) -> ClassShift:
    names = [f"{place:04d}.jpg" for place in range(ALL)]
    logit = np.random.default_rng(9).normal(5.0 * blond - 2.5, 1.2)
    students = inficond_panel.from_frames(
        scores.set_axis(names),
        pd.DataFrame({"blond": logit}, index=names),
        pd.DataFrame({"blond": blond * 1.0}, index=names),
        split=pd.Series(SPLIT, index=names),
    ).fit()
    return shift_of(students.tuner, "blond")


def listed(found: ClassShift) -> list[str]:
    return [suspect.concept for suspect in found.suspects]


def test_the_word_that_misled_is_the_first_suspect():
    assert listed(shift(*words()))[0] == "man"


@pytest.mark.parametrize("seed", [0, 1, 5])
@pytest.mark.parametrize("photos", [1, 2, 8, 30])
def test_words_of_few_photos_do_not_hide_it(photos, seed):
    scores, blond = words(seed)
    for number in range(60):
        scores[f"rare {number}"] = rare(blond, photos, number)
    assert listed(shift(scores, blond))[0] == "man"


@pytest.mark.parametrize("photos", [1, 2, 3, 5, 8, 16])
def test_a_word_of_fewer_than_ten_training_images_is_no_suspect(photos):
    scores, blond = words()
    scores["rare"] = rare(blond, photos)
    scores["rare where it goes with the class"] = 0.0
    of_fit = np.flatnonzero(blond & (SPLIT == "fit"))[:photos]
    scores.loc[of_fit[:9], "rare where it goes with the class"] = 1.0
    assert not {"rare", "rare where it goes with the class"} & set(listed(shift(scores, blond)))


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0), (1e5, 0), (1, 1e3), (-1, 0), (1, -7.3)])
def test_scale_and_offset_of_the_words_change_no_suspect(scale, offset):
    scores, blond = words()
    scores["rare"] = rare(blond, 3)
    assert listed(shift(offset + scale * scores, blond))[0] == "man"


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e6])
def test_a_constant_word_is_no_suspect(value):
    scores, blond = words()
    scores["same"] = value
    assert "same" not in listed(shift(scores, blond))


def test_equal_words_are_in_one_group():
    scores, blond = words()
    scores["twin"] = scores["man"]
    first = shift(scores, blond).suspects[0]
    assert {first.concept, *first.group} == {"man", "twin"}


def test_a_graded_score_beside_rare_words_is_the_first_suspect():
    scores, blond = words()
    scores["man"] += np.random.default_rng(3).normal(0, 0.2, ALL)
    scores["rare"] = rare(blond, 3)
    assert listed(shift(scores, blond))[0] == "man"


def test_a_class_of_nine_training_images_is_measured_by_its_scores():
    scores, blond = words()
    names = [f"{place:04d}.jpg" for place in range(ALL)]
    shown = (scores["man"] == 1) & (SPLIT != "fit")
    shown |= np.isin(np.arange(ALL), np.flatnonzero(blond & (SPLIT == "fit"))[:9])
    label = pd.DataFrame({"blond": blond * 1.0, "man": shown * 1.0})
    students = inficond_panel.from_frames(
        scores.set_axis(names),
        (6 * label - 3).set_axis(names),
        label.set_axis(names),
        split=pd.Series(SPLIT, index=names),
    ).fit()
    suspects = shift_of(students.tuner, "blond").suspects
    assert {each.concept: each.labelled for each in suspects}["man"] == ""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-6, 0), (1e5, 0), (1, 1e3)])
@pytest.mark.parametrize("photos", [1, 2, 3, 8])
def test_positives_without_the_word_lose_nothing(photos, scale, offset, dtype):
    """So the weakening is Student's t of the negatives alone, whatever rows the pivot is from."""
    label = np.arange(300) % 5 == 0
    fitted, tuned = np.zeros((2, 300))
    fitted[np.flatnonzero(~label)[:1]] = 1.0
    tuned[np.flatnonzero(~label)[:photos]] = 1.0
    sides = [(offset + scale * each[:, None]).astype(dtype) for each in (fitted, tuned)]
    weakening = lost_bond(np.ones((1, 1)), [Photos(sides[0], label)], Photos(sides[1], label))[2]
    expected = ttest_ind(tuned[~label], fitted[~label]).statistic
    assert weakening[0] == pytest.approx(max(expected, 0), abs=1e-4, rel=1e-3)


def test_a_word_of_all_positives_of_fit_and_none_of_tune_is_finite():
    """As if one of the positives differed: the variance of all scores over their number."""
    label = np.arange(300) % 5 == 0
    fitted, tuned = (np.where(label, value, np.arange(300) % 2)[:, None] * 1.0 for value in (1, 0))
    found = lost_bond(np.ones((1, 1)), [Photos(fitted, label)], Photos(tuned, label))[2]
    least = np.concatenate([fitted, tuned]).var() / (2 * label.sum() - 1)
    assert found[0] == pytest.approx(1 / np.sqrt(least * 2 / label.sum()), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e6])
def test_a_constant_word_is_weakened_by_nothing(value):
    label, same = np.arange(300) % 5 == 0, np.full((300, 1), value)
    z, _, weakening = lost_bond(np.ones((1, 1)), [Photos(same, label)], Photos(same, label))
    assert (abs(z[0]), weakening[0]) == pytest.approx((0, 0), abs=1e-6)


def test_words_that_photos_without_weight_show_do_not_disturb_the_fit():
    """A fold's student does not see the photo of a word: the rest is as without the word."""
    scores, blond = words()
    seen = np.arange(ALL) > 0
    word = (np.arange(ALL) == 0) * 1.0
    given = np.column_stack([scores, word])
    target = np.where(blond, 0.9, 0.1)[:, None]
    found = fit(given, target, l1=1e-3, sample_weight=seen * 1.0)
    plain = fit(scores.to_numpy()[1:], target[1:], l1=1e-3)
    np.testing.assert_allclose(found.weights[:-1], plain.weights, atol=1e-6)


def test_of_honest_splits_of_rare_words_few_have_a_clear_suspect():
    """Words of 1 to 30 of 1,200 photos, alike on both splits: 1 % of the draws may be called."""
    rng, called = np.random.default_rng(7), 0
    label = np.arange(1200) % 10 == 0
    for _ in range(40):
        scores = (rng.random((1200, 150)) < rng.uniform(1, 30, 150) / 1200) * 1.0
        fitted, tuned = Photos(scores[:800], label[:800]), Photos(scores[800:], label[800:])
        found = suspicion([fitted], tuned, rng.normal(size=(1, 400)), np.ones((1, 150)))
        called += found.q.min() <= 0.01
    assert called <= 4
