"""Single training labels that the teacher and the other images contradict, where nothing speaks for
wrong labels of the class."""

import numpy as np
import pytest
from mislabelled import WRONG, few_wrong

from inficond_panel.results.shift import student_contradicted
from inficond_panel.tuning.label_noise import _contradicted_by_chance


@pytest.fixture(scope="module")
def few():
    return few_wrong(0)


def listed(frame):
    return set(frame.index.get_level_values("image"))


def test_the_labels_of_a_named_class_are_listed_to_look_at(few):
    students, wrong = few
    found = listed(students.doctor("k0")["labels_to_look_at"])
    assert len(found & wrong) >= WRONG - 1
    assert len(found - wrong) <= 1


def test_a_note_says_that_no_share_of_wrong_labels_is_measured(few):
    students, _ = few
    notes = students.doctor("k0")["labels_to_look_at"].attrs["notes"]
    assert any(note.startswith("Of k0 no share of wrong labels is measured") for note in notes)


def test_they_are_not_likely_wrong(few):
    students, _ = few
    assert not len(students.doctor("k0")["labels"])


def test_five_or_more_of_a_class_are_a_finding_without_its_name(few):
    students, _ = few
    found = students.doctor()
    [finding] = found["findings"].query("kind == 'single labels to look at'").itertuples()
    count = len(listed(found["labels_to_look_at"]))
    assert (finding.Index, count >= 5) == ("k0", True)
    assert f"contradict {count} training labels of k0" in finding.finding


def test_fewer_are_listed_of_a_named_class_alone():
    students, wrong = few_wrong(0, wrong=3)
    assert listed(students.doctor("k0")["labels_to_look_at"]) & wrong
    found = students.doctor()
    assert not len(found["labels_to_look_at"])
    assert "single labels to look at" not in set(found["findings"]["kind"])


@pytest.mark.parametrize("sure", [1.0, 20.0])
def test_of_right_labels_hardly_one_is_listed(sure):
    """Also where the teacher is far too sure of itself."""
    found = [few_wrong(seed, wrong=0, sure=sure)[0].doctor("k0") for seed in range(3)]
    assert sum(len(each["labels_to_look_at"]) for each in found) <= 3


def test_a_teacher_that_learned_the_labels_contradicts_none():
    students, wrong = few_wrong(0, learned=True)
    assert not listed(students.doctor("k0")["labels_to_look_at"]) & wrong


def test_where_the_differences_doubt_labels_theirs_is_the_one_list():
    students, _ = few_wrong(1, wrong=120)
    assert student_contradicted(students.tuner, students.node, "k0") is None
    assert len(students.doctor("k0")["labels"])


def test_so_many_right_labels_are_contradicted_by_chance_as_show_the_class_seldom():
    """300 images that show the class with a probability of 1 in 200, and 700 of which half do."""
    logit = np.repeat(np.log([1 / 199, 1.0]), [300, 700])
    assert _contradicted_by_chance(logit, logit) == pytest.approx(300 / 200)
