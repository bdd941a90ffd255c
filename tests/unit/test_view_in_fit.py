"""The page on a column of metadata whose value goes with a class in the training images only."""

import pytest
from sites import students
from viewing import ask

from inficond_panel.state import AppState, Jobs
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

SITE = {"kind": "column", "thing": "site = 0"}


@pytest.fixture
def app():
    return AppState(students(0, biased=True).tuner, Jobs(inline=True))


@pytest.fixture
def start(app):
    view = StartView(app)
    app.shifts.start()
    return view


@pytest.fixture
def card(start):
    [card] = [each for each in start.panel.cards if each.get("thing") == "site = 0"]
    return card


def test_a_card_counts_both_splits(app, card):
    [suspect] = app.shared.by_class["k0"].found.in_fit
    (fit, of_fit), (tune, of_tune) = suspect.in_fit.fit[0], suspect.in_fit.tune[0]
    assert f"{fit} of {of_fit} with k0 have site = 0" in card["sentence"]
    assert f"of the tuning rows {tune} of {of_tune}" in card["sentence"]


def test_its_bars_are_the_shares_of_both_splits(app, card):
    [suspect] = app.shared.by_class["k0"].found.in_fit
    shares = [part / of for part, of in (suspect.in_fit.fit[0], suspect.in_fit.tune[0])]
    assert [row[1] for row in card["bars"]["rows"]] == shares


def test_the_start_does_not_say_that_all_rows_share_it(start, card):
    assert "1 of them may rely on the wrong thing" in start.panel.purpose
    assert "share" not in start.panel.purpose


def test_its_thumb_lowers_the_concept_that_shows_it(start, app, card):
    ask(start, "thumb", class_name="k0", **SITE)
    assert [(each.concept, each.direction) for each in app.tuning.thumbs] == [("c20", "down")]


def test_the_class_has_it_as_a_question(app):
    view = KnowledgeView(app)
    app.selection.class_name = "k0"
    [asked] = view.panels.finding["questions"]
    assert asked["name"] == "site = 0"
    assert asked["sentence"].startswith("k0 may rely on site = 0. Of the training rows ")


def test_the_list_marks_the_class(app, start):
    assert PerformanceView(app).table.shifts["k0"]["relies"]


def test_what_belongs_to_the_class_has_no_card(start, card):
    ask(start, "belongs", class_name="k0", **SITE)
    assert not [each for each in start.panel.cards if each.get("thing")]
