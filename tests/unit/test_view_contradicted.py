"""The page on single labels that the teacher and the other images contradict."""

import pytest
from mislabelled import few_wrong
from viewing import ask

from inficond_panel.state import AppState, Jobs
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page


def opened(students) -> KnowledgeView:
    """The view on a class with few wrong labels."""
    app = AppState(students.tuner, Jobs(inline=True))
    view = KnowledgeView(app)
    app.selection.class_name = "k0"
    return view


def test_the_page_lists_them_for_the_class_that_is_open():
    students, wrong = few_wrong(0)
    view = opened(students)
    shown = view.panels.finding
    assert {each["image"] for each in shown["labels"]} & wrong
    assert shown["labels_words"] == "labels that may be wrong"


def test_a_label_that_was_corrected_is_listed_no_more():
    view = opened(few_wrong(0)[0])
    first = view.finding.labels[0]
    ask(view, "correct_label", row=first["row"])
    ask(view, "fine_tune")
    assert first["row"] not in {each["row"] for each in view.finding.labels}


def test_several_of_them_are_said_where_the_class_is_open():
    shown = opened(few_wrong(0)[0]).panels.finding
    count = len(shown["labels"])
    assert f"contradict {count} training labels of k0 (about " in shown["sentence"]


def test_few_of_them_are_only_listed():
    shown = opened(few_wrong(0, wrong=3)[0]).panels.finding
    assert shown["labels"]
    assert "each by itself" not in shown["sentence"]


def test_several_of_them_have_a_card_on_the_start_page():
    app = AppState(few_wrong(0)[0].tuner, Jobs(inline=True))
    start = StartView(app)
    app.shifts.start()
    [card] = [each for each in start.panel.cards if each.get("button") == "Look at the labels"]
    assert card["class_name"] == "k0"
    assert "contradict" in card["sentence"]
