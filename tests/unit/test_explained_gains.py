"""Sentences on gains and APs that a reader would otherwise take for faults."""

import numpy as np
import pytest
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.results.levers import levers
from inficond_panel.results.slices import by_words
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever
from inficond_panel.wording.repairs import OTHER_AP_SENTENCE

#: Draws of which nearly all are equal.
EQUAL = np.append(np.zeros(399), 0.01)


def lever(name, draws, *, few=False):
    return Lever(name, (), "", Change(0.01, draws, few), 0.5, 0.9, 4)


def notes(*tried):
    still = lever(AS_IT_IS, np.zeros(400))
    repair = ClassRepair(ClassShift("truck", "none"), (still, *tried))
    return " ".join(levers(Suggestion(0, "", 9, 0.95, {"truck": repair})).attrs["notes"])


def test_a_gain_without_limits_is_explained():
    told = notes(lever("👍 word", EQUAL), lever("penalty λ", np.linspace(-1, 1, 400)))
    assert "the same in nearly all bootstrap draws" in told
    assert told.endswith("(truck: 👍 word).")


@pytest.mark.parametrize(
    "one", [lever("a", np.linspace(-1, 1, 400)), lever("a", EQUAL, few=True)], ids=["limits", "few"]
)
def test_a_gain_with_limits_or_with_a_note_of_its_own_is_not(one):
    assert "nearly all bootstrap draws" not in notes(one)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("gains") / "own.zarr"
    return inficond_panel.from_frames(**shifted_frames(seed=1), path=path).fit()


def test_a_proposal_says_that_metrics_show_another_ap(students):
    assert OTHER_AP_SENTENCE in levers(students.suggest()).attrs["notes"]


def test_without_a_proposal_no_other_ap_is_spoken_of():
    assert OTHER_AP_SENTENCE not in notes(lever("a", EQUAL))


def test_metrics_of_a_chosen_repair_say_that_suggest_states_another_ap(students):
    edit = {"class": "truck", "direction": "lambda", "value": "auto"}
    learn = {"class": "truck", "direction": "learn", "from": "labels", "value": "auto"}
    told = " ".join(students.tune([learn, edit]).metrics().attrs["notes"])
    assert "suggest takes the mean over bootstrap draws instead" in told


def test_a_heading_says_that_the_score_of_a_concept_divides_the_images(students):
    concept = next(each for each in students.concepts if each not in students.classes)
    title = students.slices(concept).attrs["title"]
    assert title.endswith(f" by {concept} (score of the concept), ap")


def test_a_heading_has_a_class_and_a_column_by_their_names_alone(students):
    assert by_words(students.tuner.store, "truck and selection") == "truck and selection"
