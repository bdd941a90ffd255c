"""Which photos are asked about, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from inficond_panel.tuning import answers

LOGIT = np.array([0.0, 0.0, 3.0])
WORD = np.array([[0.0], [3.0], [0.0]])
LOW, HIGH = -(0.5**0.5), 2**0.5  # of two equal values and a third, standardised


def sides(monkeypatch, words):
    monkeypatch.setattr(answers, "class_words", lambda *_: words)
    store = SimpleNamespace(concepts=["truck"])
    student = SimpleNamespace(store=store, name="truck", base=None, logits_of=lambda *_: LOGIT)
    return answers._sides(student, WORD)[0]


def test_photos_that_student_and_word_judge_differently_come_first(monkeypatch):
    z, word = np.array([LOW, LOW, HIGH]), np.array([LOW, HIGH, LOW])
    expected = [z - 0.7 * word, word - 0.7 * z]
    np.testing.assert_allclose(sides(monkeypatch, [0]), expected)


def test_without_a_word_the_least_sure_come_first(monkeypatch):
    np.testing.assert_array_equal(sides(monkeypatch, []), [[0, 0, -3]])


@pytest.mark.parametrize(("most", "taken"), [(1, [0]), (3, [0, 1, 2]), (9, [0, 1, 2])])
def test_photos_are_taken_from_each_side_in_turn(most, taken):
    priorities = [np.array([3.0, 1.0, 2.0]), np.array([9.0, 5.0, 4.0])]
    assert answers._in_turn(priorities, most).tolist() == taken
