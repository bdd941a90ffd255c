"""Labels of a class in groups of images: one finding, by one rule for doctor, page and card."""

from types import SimpleNamespace

import pytest

from inficond_panel.results.doctor import labels_in_groups as rule
from inficond_panel.results.doctor.labelled_otherwise import LABELLED_OTHERWISE
from inficond_panel.results.doctor.never_labelled import NEVER_LABELLED
from inficond_panel.vocabulary.things import COLUMN, CONCEPT

TUNER = SimpleNamespace(store=None)


@pytest.fixture
def kinds(monkeypatch):
    """The kinds of what is found of bench, where each of the two rules finds it or not, and a
    person is asked about a thing of some kind."""

    def found(*, never=False, otherwise=False, asked=CONCEPT):
        shared = SimpleNamespace(found=SimpleNamespace(asked=[SimpleNamespace(kind=asked)]))
        of = {"never_labelled": never, "labelled_otherwise": otherwise}
        for name, told in of.items():
            monkeypatch.setattr(rule, name, lambda _, told=told: {"bench": "told"} if told else {})
        monkeypatch.setattr(rule, "student_shared", lambda *_, **__: shared)
        return [each.kind for each in rule.labels_in_groups(TUNER, None, "bench")]

    return found


def test_no_label_in_a_group_stands_for_another_number_of_labels(kinds):
    assert kinds(never=True, otherwise=True) == [NEVER_LABELLED]


def test_another_number_of_labels_is_told_alone(kinds):
    assert kinds(otherwise=True) == [LABELLED_OTHERWISE]


def test_a_column_that_is_asked_about_already_is_no_second_finding(kinds):
    assert kinds(never=True, asked=COLUMN) == []


def test_nothing_is_found_of_honest_labels(kinds):
    assert kinds() == []
