"""Presence of concepts in photos, and the sentences on shifts, suspects, findings and repairs."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import KMeans

from inficond_panel.common.interval import Interval
from inficond_panel.distill.shift_kinds import LabelNoise
from inficond_panel.distill.suspects import Presence, Verdict, dividing_score, presence
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.tuning.suggest.levers import ClassRepair, Lever
from inficond_panel.tuning.suggest.suggestion import Suggestion
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.vocabulary.shift_kinds import FEW, LOST, NOISE, PHOTOS, SHARE
from inficond_panel.wording import suspects
from inficond_panel.wording.repairs import (
    OTHER_AP_SENTENCE,
    expected_sentence,
    plain_edit,
    repair_notes,
    repair_sentence,
)
from inficond_panel.wording.shift_kinds import LOOK_AT, NO_LABEL, finding_sentence, unsure_sentence
from inficond_panel.wording.suspects import plain_reason, plain_sentence, shift_sentence


# --- presence ------------------------------------------------------------------------------------
def test_the_threshold_parts_two_groups_as_two_means_do_and_shares_are_by_that_of_fit():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(-3, 1, 70), rng.normal(2, 1, 30)])
    groups = KMeans(2, n_init=20, random_state=0).fit_predict(scores[:, None])
    upper = groups == groups[scores.argmax()]
    expected = (scores[upper].min() + scores[~upper].max()) / 2
    assert dividing_score(scores) == pytest.approx(expected)
    assert dividing_score(10 * scores + 7) == pytest.approx(10 * expected + 7)  # of any scale
    assert dividing_score([0, 0, 0, 1]) == 0.5
    assert math.isnan(dividing_score([2, 2, 2]))
    fit, tune = [0.0, 0.0, 1.0, 1.0], [0.4, 0.6, 0.9, 0.1]
    found = presence(fit, np.array([0, 0, 1, 1]), tune, np.array([1, 1, 1, 0]))
    assert (found.threshold, found.fit) == (0.5, (1.0, 0.0))
    assert found.tune == (pytest.approx(2 / 3), 0.0)


# --- suspects ------------------------------------------------------------------------------------
BICYCLE, LIGHT = (
    ClassShift("bicycle", "shift"),
    Presence(0.271, (0.954, 0.03), (0.5, 0.17), (50, 50)),
)
#: Its score, z, q, reliance, weight, what is lost, and scores of fit and tune.
SUSPECT = Suspect("traffic light", 1.0, 8.61, 0.0, 0.4, 1.5, 0.8, 2.2, 1.0, (), LIGHT)


def test_a_concept_that_lowers_the_logit_counts_by_its_absence_and_photos_with_the_class_lead():
    rarer = replace(LIGHT, fit=LIGHT.tune, tune=LIGHT.fit)
    against = replace(SUSPECT, reliance=-SUSPECT.reliance, presence=rarer)
    said = plain_sentence(replace(BICYCLE, suspects=(against,)))
    assert said.startswith(f"bicycle relies on the absence of {SUSPECT.concept}: it is in ")
    ball = replace(SUSPECT, presence=Presence(0.1, (0.9, 0.1), (0.85, 0.5), (50, 50)))
    shift = ClassShift("dog", "shift")
    for reason in (suspects.suspect_reason, plain_reason):
        assert reason(shift, ball).removesuffix(f" {suspects.BY_SCORE}") == (
            "In 90 % of the training images with dog, 85 % of the tuning ones; without dog, in "
            "10 % and 50 %."
        )


def test_z_is_stated_of_labels_where_it_is_and_reliance_at_0_comes_with_its_reason():
    by_scores = suspects.suspect_numbers(BICYCLE, SUSPECT)
    mean = "differ by +2.2 standard deviations in training images and by +1.0 in tuning images"
    assert mean in by_scores
    by_labels = suspects.suspect_numbers(BICYCLE, replace(SUSPECT, labelled="traffic light"))
    correlation = "By labels, the correlation changes by 8.6 standard errors (z). Mean scores"
    assert correlation in by_labels
    assert by_labels.count("(z)") == by_scores.count("(z)") == 1
    why = "Its own influence is 0: correlated concepts carry it."
    held = replace(SUSPECT, weight=0.0)
    assert suspects.suspect_numbers(BICYCLE, held).endswith(why)
    assert plain_reason(BICYCLE, held).endswith(why)
    assert "own" not in plain_reason(BICYCLE, SUSPECT)
    both = replace(BICYCLE, suspects=(held, replace(SUSPECT, concept="pole")))
    assert plain_sentence(both).startswith(f"bicycle relies on {held.concept}: it is in 95 %")
    assert plain_sentence(both).endswith(why)
    by_three = replace(held, carried_by=("pole", "lamp", "street"))
    assert plain_reason(BICYCLE, by_three).endswith(
        f"{why[:-1]}, most of all pole, lamp and street."
    )


def test_what_the_logit_hardly_goes_with_is_not_said_to_be_carried():
    unused = replace(SUSPECT, weight=0.0, unused=True)
    told = plain_sentence(replace(BICYCLE, suspects=(unused,)))
    assert told.startswith("bicycle may rely on traffic light: ")
    assert told.endswith("Its own influence is 0, and the student's logit hardly goes with it.")


def test_a_class_that_is_better_on_tuning_images_is_told_so_with_what_can_be_why():
    better = ClassShift("dog", "none", verdict=verdict_of((-0.2, -0.3, -0.1)))
    assert plain_sentence(better) == (
        "dog does better on photos that it has not learned from. Wrong labels, harder training "
        "images, or chance can be why."
    )
    alike = ClassShift("dog", "none", verdict=verdict_of((-0.1, -0.3, 0.1)))
    assert plain_sentence(alike) == "dog does about as well on photos that it has not learned from."


# --- verdicts ------------------------------------------------------------------------------------
def verdict_of(ap: tuple[float, ...], separation: tuple[float, ...] = (0.0, -1.0, 1.0)) -> Verdict:
    """Losses of AP and of separation, each with its limits; 90 points and 4 logits on fit."""
    return Verdict(4.0, 0.9, Interval(*separation), Interval(*ap))


STILL, UNSURE = (0.0, -0.05, 0.05), (0.02, -0.14, 0.18)


@pytest.mark.parametrize(("kind", "loss"), [("shift", STILL), ("none", STILL), ("unknown", UNSURE)])
def test_no_verdict_says_that_nothing_can_gain_and_in_plain_words_it_has_no_numbers(kind, loss):
    shown = shift_sentence(ClassShift("boat", kind, verdict=verdict_of(loss)))
    assert "not expected" not in shown
    assert "inficond suggest" in shown
    said = plain_sentence(ClassShift("boat", kind))
    assert "boat" in said
    assert not any(each.isdigit() for each in said)
    assert not {"fit", "tune"} & set(said.split())


def test_a_negative_loss_is_a_gain_and_not_within_noise():
    verdict = verdict_of(STILL, (-0.43, -0.69, -0.17))
    shown = shift_sentence(ClassShift("boat", "shift", lost_bond=True, verdict=verdict))
    assert "without it) is better in the tuning images by 0.43 logits [0.17, 0.69]" in shown
    assert "−0.43" not in shown
    assert "noise" not in shown
    assert "Wrong labels, harder training images, or chance" in shown
    assert shown.startswith("Shift: the student relies on a concept that is clearly less")
    fell = verdict_of(STILL, (0.43, 0.17, 0.69))
    assert "Wrong labels" not in shift_sentence(ClassShift("boat", "shift", verdict=fell))
    for removed, words in ((False, "was found."), (True, "is left.")):
        found = ClassShift("boat", "none", lost_bond=removed, verdict=verdict_of(STILL))
        assert f"No suspect concept {words}" in shift_sentence(found)


@pytest.mark.parametrize(
    ("loss", "times"),
    [
        (UNSURE, 4.0),  # 0.16 wide above, 0.08 to 10 points: (0.16 / 0.08)² times
        ((0.08, -0.12, 0.2), 6.25),  # 0.2 wide below, 0.08 to 0: sooner than (0.12 / 0.02)²
        ((0.2, -0.1, 0.4), 2.25),  # beyond 10 points only a loss can be shown
        ((-0.1, -0.3, 0.12), 1.21),  # a gain can only exclude the loss: (0.22 / 0.2)²
    ],
)
def test_the_photos_needed_follow_from_an_interval_that_narrows_with_their_root(loss, times):
    verdict = verdict_of(loss)
    assert (verdict.kind, verdict.times_to_decide) == ("unknown", pytest.approx(times))


def test_the_photos_needed_are_more_than_those_of_now():
    verdict = verdict_of((0.02, -0.14, 0.1005))  # 1.01 times as many
    counts = {"tune_photos": (17, 53), "fit_photos": (40, 60)}
    shift = ClassShift("bus", "unknown", **counts, verdict=verdict)
    told = "About 1.1 times as many training and tuning images would decide: about "
    told += "19 positive and 59 negative tuning images, now 17 and 53, and 44 positive "
    told += "training images, now 40."
    assert told in shift_sentence(shift)
    found = Differences("bus", (40, 17), (100, 70), (FEW,), (), 0.0)
    assert told in finding_sentence(found, shift)


# --- findings and repairs ------------------------------------------------------------------------
def repair(name: str, gain: float) -> ClassRepair:
    change = Change(gain, np.linspace(gain - 0.1, gain + 0.1, 400))
    still = Lever("as it is", (), "", Change(0.0, np.zeros(400)), 0.5, 0.9, 3)
    levers = (still, Lever("lambda", (Lambda(name),), "", change, 0.5 + gain, 0.9, 2))
    return ClassRepair(ClassShift(name, "none"), levers, change)


def test_a_repair_is_told_with_its_gain_and_where_there_is_none_that_is_said():
    repairs = {"dog": repair("dog", 0.03), "cat": repair("cat", -0.02)}
    made = Suggestion(0, "p", 600, 0.95, repairs, {"cow": "2 photos"})
    told = "Fewer or more concepts: +3.0 points [−6.5, +12.5] expected."
    assert repair_sentence(made, "dog") == told
    plain = "Expected on other images: +3.0 points"
    assert expected_sentence(made, "dog") == f"{plain} [−6.5, +12.5]."
    assert expected_sentence(made, "dog", limits=False) == f"{plain}."
    assert repair_notes(made, "dog") == [
        "Expected: +3.0 AP points [−6.5, +12.5], cross-fitted: on images that chose neither lever "
        "nor settings.",
        OTHER_AP_SENTENCE,
    ]
    assert repair_sentence(made, "cat") == (
        "No repair of cat is expected to gain: what is best on some of the images gains −2.0 "
        "points on the others."
    )
    assert repair_sentence(made, "cow") == "No repair was searched for: 2 photos."
    assert repair_sentence(made, "bird") == ""


def test_an_edit_has_words_for_people_who_begin():
    assert plain_edit(Intent("dog", "ball", "up")) == "Raise ball"
    assert plain_edit(Reweight("dog", ("a", "b", "c"))) == "Reweight by a, b and c"
    assert plain_edit(AdaptivePenalty("dog")) == "Adaptive penalty"
    assert plain_edit(Lambda("dog", 0.003)) == "Penalty 0.003"
    assert plain_edit(Label("dog", "7.jpg", 0)) == "7.jpg is not dog"
    assert plain_edit(Learn("dog", "teacher")) == "Learn from the teacher on the images on screen"


DOG = ClassShift("dog", "none")
LISTED = DoubtedLabels(
    np.arange(2),
    np.array([1, 0]),
    np.array([0.1, 0.2]),
    np.array([0.9, 0.1]),
    ((0.15, 0.25), (0.0, 0.1)),
    0.95,
)
WRONG = Differences(
    "dog", (40, 50), (200, 200), (NOISE,), (), -1.0, LabelNoise(0.2, 0.05, 90), labels=LISTED
)


def test_a_finding_says_what_is_wrong_and_then_what_helps():
    said = "By the labels of the tuning images, 15 to 25 % of the training images without dog are "
    said += "labelled as showing it, and 0 to 10 % of those with it are not (95 % limits). "
    assert (
        finding_sentence(WRONG, DOG)
        == f"{said}Look at the labels that are likely wrong, and correct those that are."
    )
    shift = ClassShift("dog", "shift", suspects=(SUSPECT,))
    said = finding_sentence(replace(WRONG, kinds=(LOST,)), shift)
    assert said.endswith("If it should not count, remove it.")


@pytest.mark.parametrize(
    ("changed", "helps"),
    [
        ({}, "Look at the labels that are likely wrong, and correct those that are."),
        ({"perhaps": (SHARE,)}, LOOK_AT),
        ({"kinds": (NOISE, PHOTOS)}, LOOK_AT),
        ({"kinds": (), "perhaps": (NOISE,)}, f"{LOOK_AT} {FEW.remedy}"),
        ({"kinds": (), "perhaps": (LOST, PHOTOS)}, FEW.remedy),
        ({"labels": replace(LISTED, wrong=np.zeros(2))}, NO_LABEL),
        ({"kinds": (), "perhaps": (NOISE,), "labels": None}, FEW.remedy),
    ],
)
def test_the_remedy_for_wrong_labels_agrees_with_the_list(changed, helps):
    assert finding_sentence(replace(WRONG, **changed), DOG).endswith(f" {helps}")


def test_a_finding_that_is_unsure_says_so():
    few = Differences("dog", (4, 1), (100, 200), (FEW,), (), 0.0)
    told = "takes about 250 training images, now 100, and about 2,000 tuning images, now 200."
    assert told in finding_sentence(few, DOG)
    unsure = replace(WRONG, kinds=(), perhaps=(NOISE, SHARE))
    told = "labels of training images or another share of the class: the images do not"
    assert told in finding_sentence(unsure, DOG)
    for found in (replace(WRONG, kinds=()), None):
        assert finding_sentence(found, DOG).startswith("dog does about as")


def test_shares_of_a_class_are_told_only_where_they_are_the_evidence():
    unsure = replace(WRONG, kinds=())
    of_labels = unsure_sentence(replace(unsure, perhaps=(NOISE,)))
    assert of_labels == (
        "Training labels of dog contradict what the tuning labels teach, but not clearly. This may "
        "be wrong labels of training images, or chance."
    )
    assert unsure_sentence(replace(unsure, perhaps=(LOST, PHOTOS))).startswith("Images without dog")
    shares = unsure_sentence(replace(unsure, perhaps=(NOISE, SHARE)))
    assert shares.startswith(
        "20 % of the training images show dog, 25 % of the tuning images. This"
    )
