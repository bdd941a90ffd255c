"""A teacher that was trained on ``fit``: its students fall on ``tune``, and that is no shift."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.common.interval import Interval
from inficond_panel.distill.suspects import NONE, SHIFT, UNKNOWN, Verdict
from inficond_panel.tuning.shift import ClassShift, TeacherMemory, class_shift, shift_photos
from inficond_panel.wording.suspects import memory_sentence, plain_sentence, shift_sentence

FIT, TUNE, ALL, WORDS = 400, 300, 720, 150
SPLIT = np.repeat(["fit", "tune", "holdout"], [FIT, TUNE, ALL - FIT - TUNE])


def students_of(teacher: str, *, biased: bool = False, labels: bool = True) -> TunableStudents:
    """Students of a dog, which a weak word shows; biased: on fit only dogs are on grass.

    The teacher is right but for noise (``strong``), or an L2 regression on the labels of fit, which
    knows its photos by heart (``trained``), or of which each photo of fit is judged by a model that
    has not seen its label (``cross-fitted``).
    """
    rng = np.random.default_rng(3)
    dog, grass = rng.random((2, ALL)) < 0.25
    grass = np.where(biased & (SPLIT == "fit"), dog, grass)
    scores = rng.normal(size=(ALL, WORDS))
    scores[:, :4] += 0.8 * dog[:, None]
    scores[:, 4:8] += 1.5 * grass[:, None]
    of_fit = SPLIT == "fit"
    model = LogisticRegression(C=0.01, max_iter=500).fit(scores[of_fit], dog[of_fit])
    logit = model.decision_function(scores)
    if teacher == "cross-fitted":
        given = scores[of_fit], dog[of_fit]
        logit[of_fit] = cross_val_predict(model, *given, method="decision_function")
    if teacher == "strong":
        logit = rng.normal(5.0 * dog - 2.5, 1.2)
    names = [f"{place:03d}.jpg" for place in range(ALL)]
    words = [f"dog {place}" for place in range(4)] + [f"grass {place}" for place in range(4)]
    words += [f"word {place}" for place in range(8, WORDS)]
    label = pd.DataFrame({"dog": np.where(of_fit & (not labels), np.nan, dog)}, index=names)
    return inficond_panel.from_frames(
        pd.DataFrame(scores, index=names, columns=words),
        pd.DataFrame({"dog": logit}, index=names),
        label,
        split=pd.Series(SPLIT, index=names),
    ).fit()


def shift(students: TunableStudents) -> ClassShift:
    return class_shift(shift_photos(students.tuner, students.node, "dog"))


@pytest.fixture(scope="module")
def trained() -> TunableStudents:
    return students_of("trained")


def test_the_fall_of_a_student_of_a_trained_teacher_is_no_shift(trained):
    found = shift(trained)
    assert found.verdict is not None
    assert (found.verdict.kind, found.kind) == (SHIFT, UNKNOWN)


def test_the_teacher_is_said_to_be_trained_on_the_images(trained):
    memory = shift(trained).memory
    assert memory is not None
    assert memory.trained


def test_the_aps_of_the_teacher_are_those_of_scikit_learn(trained):
    """On fit as if the class were as frequent as on tune: photos with it weigh by the odds."""
    store = trained.tuner.store
    label, logit = np.asarray(store.label)[:, 0], store.teacher_log_odds[:, 0]
    rows = {split: store.rows(split) for split in ("fit", "tune")}
    odds = {split: label[at].mean() / (1 - label[at].mean()) for split, at in rows.items()}
    weight = np.where(label[rows["fit"]] == 1, odds["tune"] / odds["fit"], 1.0)
    expected = [
        average_precision_score(label[rows["fit"]], logit[rows["fit"]], sample_weight=weight),
        average_precision_score(label[rows["tune"]], logit[rows["tune"]]),
    ]
    memory = shift(trained).memory
    assert memory is not None
    np.testing.assert_allclose(memory.ap, expected, rtol=1e-6)


def test_no_suspect_is_named_of_a_student_of_a_trained_teacher(trained):
    assert shift(trained).suspects == ()


def test_the_doctor_names_the_teacher_once(trained):
    found = trained.doctor()["findings"]
    finding = found.loc[found["kind"] == "trained on these rows", "finding"]
    assert finding.str.startswith(
        "The teacher was probably trained on these training"
    ).tolist() == [True]


def test_the_doctor_has_the_aps_of_the_teacher_on_both_splits(trained):
    row, memory = trained.doctor()["classes"].loc["dog"], shift(trained).memory
    assert memory is not None
    assert (row["teacher_fit_ap"], row["teacher_ap"]) == pytest.approx(memory.ap, rel=1e-6)


def test_the_doctor_s_table_has_the_numbers_of_the_verdict_and_says_whose_they_are(trained):
    classes, found = trained.doctor()["classes"], shift(trained)
    row, decisive = classes.loc["dog"], found.memory.labels
    lost = decisive.ap_lost
    limits = ["fit_ap", "ap_change", "ap_change_low", "ap_change_high"]
    expected = [decisive.ap, -lost.estimate, -lost.high, -lost.low]
    assert row[limits].to_list() == pytest.approx(expected, rel=1e-6)
    assert row["separation_change"] == pytest.approx(-decisive.separation_lost.estimate, rel=1e-6)
    assert row["verdict_of"] == "model of the training labels"
    assert any("in place of the student: dog." in note for note in classes.attrs["notes"])


def test_the_doctor_s_table_has_the_numbers_of_the_student_if_the_verdict_is_on_it():
    students = students_of("strong", biased=True)
    classes, verdict = students.doctor()["classes"], shift(students).verdict
    assert verdict is not None
    assert classes.loc["dog", "ap_change"] == pytest.approx(-verdict.ap_lost.estimate, rel=1e-6)
    assert classes.loc["dog", "verdict_of"] == "student"
    assert not any("in place of the student" in note for note in classes.attrs["notes"])


def test_the_fall_of_a_student_of_a_cross_fitted_teacher_is_no_shift():
    """The student of the other photos has learned a photo's label from the models that saw it."""
    found = shift(students_of("cross-fitted"))
    assert found.verdict is not None
    assert (found.verdict.kind, found.kind) == (SHIFT, UNKNOWN)


@pytest.mark.parametrize("teacher", ["trained", "strong", "cross-fitted"])
def test_a_bias_is_found_whether_the_teacher_has_learned_it_or_not(teacher):
    found = shift(students_of(teacher, biased=True))
    assert found.kind == SHIFT
    assert {suspect.concept.split()[0] for suspect in found.suspects[:3]} == {"grass"}


def test_a_teacher_that_is_as_good_on_tune_has_no_memory():
    assert shift(students_of("strong", biased=True)).memory is None


def test_without_labels_of_fit_no_memory_can_be_seen():
    assert shift(students_of("trained", labels=False)).memory is None


# --- sentences -----------------------------------------------------------------------------------
def remembering(*, known: bool = True) -> TunableStudents:
    """Students with two concepts, of a teacher that has learned each label of fit by heart; not
    ``known``: it is as good on all photos."""
    rng = np.random.default_rng(1)
    dog = rng.random(ALL) < 0.3
    scores = rng.normal(size=(ALL, 2)) + np.outer(dog, [1.5, 0.0])
    logit = 2 * scores[:, 0] - 2 + rng.normal(size=ALL)
    if known:
        logit = np.where(SPLIT == "fit", 6 * dog - 3 + rng.normal(size=ALL), logit)
    names = [f"{place:03d}.jpg" for place in range(ALL)]
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, ["dog", "grass"]),
        pd.DataFrame({"dog": logit}, names),
        pd.DataFrame({"dog": dog.astype(int)}, names),
        split=pd.Series(SPLIT, names),
    ).fit()


def test_a_student_that_cannot_imitate_what_the_teacher_knows_by_heart_is_not_worse():
    found = shift(remembering())
    assert found.memory is None
    assert found.by_heart is not None
    assert found.decisive == found.verdict


def test_the_doctor_says_so_of_the_teacher_all_the_same():
    findings = remembering().doctor()["findings"]
    assert "trained on these rows" in [*findings["kind"]]


def test_a_teacher_that_knows_the_photos_no_better_is_not_said_to():
    assert shift(remembering(known=False)).by_heart is None


def test_where_the_labels_fall_as_well_the_teacher_is_not_blamed():
    """On fit only dogs are on grass: teacher and model of the labels lose the same."""
    assert shift(students_of("strong", biased=True)).by_heart is None


def verdict_of(ap: float, lost: float, low: float, high: float) -> Verdict:
    return Verdict(4.0, ap, Interval(0.0, -1.0, 1.0), Interval(lost, low, high))


FALLS = verdict_of(0.91, 0.67, 0.4, 0.8)
MEMORY = TeacherMemory(FALLS, verdict_of(0.3, 0.02, -0.05, 0.08), 0.85)
SAID = (
    "The teacher was probably trained on these training images: its AP is 0.91 there, 0.24 on "
    "tuning images."
)


def test_the_sentence_has_both_aps():
    assert memory_sentence(MEMORY) == SAID


def test_a_teacher_whose_labels_fall_as_much_is_not_said_to_be_trained():
    memory = TeacherMemory(FALLS, verdict_of(0.9, 0.6, 0.3, 0.8), 0.85)
    assert "trained" not in memory_sentence(memory)


def test_a_student_that_is_better_than_its_teacher_has_both_aps():
    same = verdict_of(0.48, -0.02, -0.1, 0.1)
    sentence = memory_sentence(TeacherMemory(same, same, 0.65))
    assert sentence == (
        "On training images the student is better than its teacher, perhaps because the teacher "
        "was fitted to their labels: AP 0.65 and 0.48."
    )


def test_without_another_reason_the_plain_sentence_says_so():
    found = ClassShift("bench", NONE, verdict=FALLS, memory=MEMORY)
    rest = "The labels of bench show no other reason why its student does worse."
    assert plain_sentence(found) == f"{SAID} {rest}"


def test_with_few_photos_the_plain_sentence_says_both():
    found = ClassShift("bench", UNKNOWN, verdict=FALLS, memory=MEMORY)
    assert plain_sentence(found).startswith(f"{SAID} There are too few images to say whether bench")


def test_the_numbers_are_those_of_the_model_of_the_labels():
    shown = shift_sentence(ClassShift("bench", NONE, verdict=FALLS, memory=MEMORY))
    assert "compared in the student's place" in shown
    assert "AP shows no clear change (−2.0 points" in shown
