"""Sentences on shifts, on how many students rely on suspects, and on suggestions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inficond_panel.distill import Interval
from inficond_panel.distill.shift_kinds import LabelNoise
from inficond_panel.distill.suspects import Presence, Verdict
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda, Learn
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.tuning.suggest.levers import ClassRepair, Lever
from inficond_panel.tuning.suggest.suggestion import Suggestion
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.vocabulary.shift_kinds import FEW, LOST, NOISE, SHARE
from inficond_panel.wording.repairs import (
    plain_edit,
    repair_notes,
    repair_sentence,
)
from inficond_panel.wording.shift_kinds import finding_sentence
from inficond_panel.wording.suspects import (
    plain_sentence,
    shift_sentence,
)


def test_a_verdict_in_plain_words_has_no_numbers_and_no_names_of_splits():
    for kind in ("shift", "none", "unknown"):
        said = plain_sentence(ClassShift("boat", kind))
        assert "boat" in said
        assert not any(each.isdigit() for each in said)
        assert not {"fit", "tune"} & set(said.split())


def verdict_of(ap: tuple[float, ...], separation: tuple[float, ...]) -> Verdict:
    """Losses of AP and of separation, each with its limits; 90 points and 4 logits on fit."""
    return Verdict(4.0, 0.9, Interval(*separation), Interval(*ap))


def test_a_negative_loss_is_a_gain_and_not_within_noise():
    verdict = verdict_of((0.0, -0.05, 0.05), (-0.43, -0.69, -0.17))
    shown = shift_sentence(ClassShift("boat", "shift", lost_bond=True, verdict=verdict))
    assert "separation is better on tune than on fit by 0.43 logits [0.17, 0.69]" in shown
    assert "−0.43" not in shown
    assert "noise" not in shown
    assert "Wrong labels or harder photos in fit" in shown
    assert shown.startswith("Shift: the student relies on a concept that is clearly less")
    fell = verdict_of((0.0, -0.05, 0.05), (0.43, 0.17, 0.69))
    assert "Wrong labels" not in shift_sentence(ClassShift("boat", "shift", verdict=fell))


@pytest.mark.parametrize(
    ("loss", "times"),
    [
        ((0.02, -0.14, 0.18), 4.0),  # 0.16 wide above, 0.08 to 10 points: (0.16 / 0.08)² times
        ((0.08, -0.12, 0.2), 6.25),  # 0.2 wide below, 0.08 to 0: sooner than (0.12 / 0.02)²
        ((0.2, -0.1, 0.4), 2.25),  # beyond 10 points only a loss can be shown
        ((-0.1, -0.3, 0.12), 1.21),  # a gain can only exclude the loss: (0.22 / 0.2)²
    ],
)
def test_the_photos_needed_follow_from_an_interval_that_narrows_with_their_root(loss, times):
    verdict = verdict_of(loss, (0.0, -1.0, 1.0))
    assert verdict.kind == "unknown"
    assert verdict.times_to_decide == pytest.approx(times)


def test_no_verdict_says_that_nothing_can_gain():
    for kind, loss in (("none", (0.0, -0.05, 0.05)), ("unknown", (0.02, -0.14, 0.18))):
        verdict = verdict_of(loss, (0.0, -1.0, 1.0))
        shown = shift_sentence(ClassShift("boat", kind, verdict=verdict))
        assert "not expected" not in shown
        assert "inficond suggest" in shown


def repair(name: str, gain: float) -> ClassRepair:
    change = Change(gain, np.linspace(gain - 0.1, gain + 0.1, 400))
    still = Lever("as it is", (), "", Change(0.0, np.zeros(400)), 0.5, 0.9, 3)
    levers = (still, Lever("lambda", (Lambda(name),), "", change, 0.5 + gain, 0.9, 2))
    return ClassRepair(ClassShift(name, "none"), levers, change)


def test_a_repair_is_told_with_its_gain_and_where_there_is_none_that_is_said():
    repairs = {"dog": repair("dog", 0.03), "cat": repair("cat", -0.02)}
    made = Suggestion(0, "p", 600, 0.95, repairs, {"cow": "2 photos"})
    assert repair_sentence(made, "dog") == ("Another penalty: +3.0 points expected.")
    assert repair_notes(made, "dog") == [
        "Expected: +3.0 AP points [−6.5, +12.5], cross-fitted: on photos that did not choose."
    ]
    assert repair_sentence(made, "cat") == "No repair of cat is expected to gain."
    assert repair_sentence(made, "cow") == "No repair was searched for: 2 photos."
    assert repair_sentence(made, "bird") == ""


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Intent("dog", "ball", "up"), "Raise ball"),
        (Balance("dog", ("a", "b", "c")), "Reweight by a, b and c"),
        (Doubt("dog"), "Adaptive penalty"),
        (Lambda("dog", 0.003), "Penalty 0.003"),
        (Label("dog", "7.jpg", 0), "7.jpg is not dog"),
        (Learn("dog", "teacher"), "Learn the teacher on the tuning images"),
    ],
)
def test_an_edit_has_words_for_people_who_begin(edit, words):
    assert plain_edit(edit) == words


def test_a_finding_says_what_is_wrong_and_then_what_helps():
    noise = Differences("dog", (40, 50), (200, 200), (NOISE,), (), -1.0, LabelNoise(0.2, 0.05, 90))
    said = finding_sentence(noise, ClassShift("dog", "none"))
    assert said == (
        "By the labels of the tuning images, 20% of the training images without dog are labelled "
        "as showing it, and 5% of those with it are not. Correct the labels that are likely wrong."
    )
    few = Differences("dog", (4, 50), (100, 200), (FEW,), (), 0.0)
    assert "At this share about 250 training images suffice, now 100." in finding_sentence(
        few, ClassShift("dog", "unknown")
    )
    unsure = replace(noise, kinds=(), perhaps=(NOISE, SHARE))
    assert "labels of training images or another share of the class: the images do not" in (
        finding_sentence(unsure, ClassShift("dog", "none"))
    )
    ball = Suspect(
        "ball", 1, 5, 0.0, 0.1, 2.0, 1, 1, 0.2, (), Presence(0.5, (0.9, 0.1), (0.4, 0.3))
    )
    lost = replace(noise, kinds=(LOST,))
    for weight, helps in ((2.0, "Remove the concept."), (0.0, "No concept is left to remove: ")):
        shift = ClassShift("dog", "shift", suspects=(replace(ball, weight=weight),))
        assert helps in finding_sentence(lost, shift)
    nothing = replace(noise, kinds=())
    for found in (nothing, None):
        assert finding_sentence(found, ClassShift("dog", "none")).startswith("dog does about as")
