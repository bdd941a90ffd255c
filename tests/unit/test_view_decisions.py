"""Findings on decisions, on the start page and on the page of the class."""

import pytest
from preferred import with_constant

from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent
from inficond_panel.ui import upstream
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page


@pytest.fixture
def preferred(tmp_path):
    """A session on rows of one class each, of which the teacher prefers ship."""
    students = with_constant(tmp_path / "own.zarr", 6.0)
    upstream.apply()
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    return app


def test_a_class_that_is_called_too_often_has_a_card(preferred):
    view = StartView(preferred)
    told = {card["class_name"]: card["sentence"] for card in view.panel.cards}
    assert "of 500 tuning rows are called ship" in told["ship"]


def test_the_page_of_the_class_says_so(preferred):
    preferred.selection.class_name = "ship"
    view = KnowledgeView(preferred)
    assert "are called ship" in view.panels.finding["sentence"]


def test_the_page_of_another_class_does_not(preferred):
    preferred.selection.class_name = "car"
    view = KnowledgeView(preferred)
    assert "called" not in view.panels.finding["sentence"]


def test_the_refit_of_another_class_looks_at_the_decisions_again(preferred):
    """Where images have one class, all students decide together."""
    told = preferred.decided.by_class["ship"]
    preferred.tuning.toggle(Intent("car", "car", "up"))
    preferred.tuning.fine_tune()
    assert preferred.decided.by_class["ship"] != told
