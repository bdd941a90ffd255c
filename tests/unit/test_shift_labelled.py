"""Suspects that are classes too: their bonds are measured by labels, held against hand counts."""

import numpy as np
import pandas as pd
import pytest
from factory import shift_of
from scipy.stats import ttest_ind

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.tuning.repairs.class_photos import ClassPhotos
from inficond_panel.tuning.shift import ClassShift, class_shift
from inficond_panel.wording.suspects import suspect_numbers, suspect_reason

FIT, TUNE = 400, 300


class Made:
    """Photos where dog goes with ball on fit only. The concept *leash* tells dogs best.

    A leash is there with every dog, and with every other ball besides, on both splits.
    """

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.split = np.repeat(["fit", "tune", "holdout"], [FIT, TUNE, 20])
        size = len(self.split)
        ball = rng.random(size) < 0.4
        with_ball = rng.random(size) < np.where(ball, 0.95, 0.03)
        dog = np.where(self.split == "fit", with_ball, rng.random(size) < 0.4)
        self.label = pd.DataFrame({"ball": ball * 1.0, "dog": dog * 1.0})
        noise = rng.normal(size=(size, 4))
        score = np.outer(dog, [1, 1, 0.3, 0]) + noise * [0.9, 0.2, 1, 1]
        self.scores = pd.DataFrame(score, columns=["dog", "leash", "canine", "grass"])
        self.logits = pd.DataFrame({"ball": 6.0 * ball - 3, "dog": 6.0 * dog - 3})

    def known(self, where: np.ndarray) -> None:
        self.label.loc[~where, "dog"] = np.nan

    def students(self) -> TunableStudents:
        names = [f"{place:03d}.jpg" for place in range(len(self.split))]
        frames = [frame.set_axis(names) for frame in (self.scores, self.logits, self.label)]
        split = pd.Series(self.split, index=names)
        return inficond_panel.from_frames(*frames, split=split).fit()

    def shift(self) -> ClassShift:
        return shift_of(self.students().tuner, "ball")


def shares(made: Made, split: str) -> tuple[float, float]:
    """Photos of dogs among those with a ball and among those without, of known label."""
    these = made.label[made.split == split].dropna()
    return tuple(these.groupby("ball")["dog"].mean()[[1.0, 0.0]])


def check_counted(made: Made, suspect) -> None:
    """Its presence is the shares of the photos of dogs."""
    assert suspect.labelled == "dog"
    assert suspect.presence.fit == pytest.approx(shares(made, "fit"))
    assert suspect.presence.tune == pytest.approx(shares(made, "tune"))


def test_its_lost_bond_is_the_difference_of_two_differences_of_shares():
    made = Made()
    parts = [
        made.label.loc[(made.split == split) & (made.label["ball"] == side), "dog"].to_numpy()
        for split in ("fit", "tune")
        for side in (1, 0)
    ]
    means = [part.mean() for part in parts]
    lost = (means[0] - means[1]) - (means[2] - means[3])
    t = [ttest_ind(parts[0], parts[2]).statistic, ttest_ind(parts[3], parts[1]).statistic]
    errors = [(means[0] - means[2]) / t[0], (means[3] - means[1]) / t[1]]
    first = made.shift().suspects[0]
    assert first.z == pytest.approx(lost / np.hypot(*errors), rel=1e-5)
    expected = np.sqrt(abs(first.reliance)) * np.hypot(*np.maximum(t, 0))
    assert first.score == pytest.approx(expected, rel=1e-4)


def test_photos_without_a_label_are_left_out_and_few_are_less_sure_than_a_teacher_on_all():
    made = Made()
    made.known(np.random.default_rng(1).random(len(made.split)) < 0.8)
    check_counted(made, made.shift().suspects[0])
    made = Made()
    made.known(np.random.default_rng(1).random(len(made.split)) < 0.4)
    assert {one.by_teacher for one in made.shift().suspects if one.labelled} == {True}


@pytest.mark.parametrize("split", ["fit", "tune"])
def test_without_labels_on_both_splits_the_teacher_is_asked(split):
    made = Made()
    decided = made.label["dog"].copy()
    made.known(made.split != split)
    first = made.shift().suspects[0]
    assert (first.concept, first.by_teacher) == ("dog", True)
    made.label["dog"] = decided
    check_counted(made, first)


def test_the_teachers_decision_is_by_the_threshold_of_the_class():
    made = Made()
    made.known(made.split != "fit")
    made.logits["dog"] += 4  # of 1 without a dog, of 7 with one
    assert {one.labelled for one in made.shift().suspects} == {""}
    tuner = made.students().tuner
    student, rows = tuner.repairs.class_fit(tuner.root(), "ball"), tuner.store.rows("tune")
    found = class_shift(ClassPhotos(student, rows, {"dog": 4.0}))
    assert found.suspects[0].labelled == "dog"


def test_a_teacher_that_tells_less_than_the_scores_is_not_asked():
    made = Made()
    made.known(made.split != "fit")
    rng = np.random.default_rng(2)
    made.logits["dog"] = rng.normal(size=len(made.split)) + 0.1 * made.logits["dog"]
    found = made.shift()
    assert found.suspects[0].concept == "leash"
    assert {one.labelled for one in found.suspects} == {""}


def test_the_word_that_the_student_leans_on_most_stands_for_a_class():
    made = Made()
    made.scores.columns = ["Dogs", "dog", "canine", "grass"]
    first = made.shift().suspects[0]
    assert (first.concept, first.labelled) == ("dog", "dog")


def test_the_sentence_says_that_labels_were_counted():
    made = Made()
    found = made.shift()
    first = found.suspects[0]
    fit, tune = (100 * shares(made, split)[0] for split in ("fit", "tune"))
    said = f"In {fit:.0f} % of the training images with ball, {tune:.0f} % of the tuning ones"
    assert suspect_reason(found, first) == f"{said}, by the labels of 'dog'."
    told = suspect_numbers(found, first)
    assert f"By labels, the correlation changes by {first.z:.1f} standard errors (z)." in told
    assert "a score of" not in told
    made.known(made.split != "tune")
    first = made.shift().suspects[0]
    assert ", by the decisions of the teacher on 'dog'." in suspect_reason(found, first)
    assert "by the decisions of the teacher. By decisions, the" in suspect_numbers(found, first)
