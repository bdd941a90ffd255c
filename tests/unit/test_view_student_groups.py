"""The page on a group of images in which a student is worse: as the doctor names it."""

import pytest
from lines import of_lines
from viewing import ask

from inficond_panel.state import AppState, Jobs
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    return of_lines(0, path=tmp_path_factory.mktemp("lines") / "own.zarr").tuner


@pytest.fixture
def app(tuner):
    return AppState(tuner, Jobs(inline=True))


@pytest.fixture
def view(app):
    view = KnowledgeView(app)
    app.selection.class_name = "warp"
    return view


def test_the_page_names_the_group(view):
    told = view.panels.finding["worse_group"]["sentence"]
    assert told.startswith("The student's AP of warp is ")
    assert "in “line: B”" in told


def test_its_button_picks_the_images_of_the_group(view, app):
    ask(view, "open_worse_group")
    line = app.store.column("line")
    assert {line[row] for row in app.selection.images.rows} == {"B"}


def test_the_start_has_a_card(app):
    start = StartView(app)
    app.shifts.start()
    cards = {card["class_name"]: card["sentence"] for card in start.panel.cards}
    assert "The student's AP of warp is " in cards["warp"]


def test_another_node_has_groups_of_its_own(app, view):
    """A student without the exchanged columns is as bad in all lines."""
    student = app.students
    assert "warp" in app.student_groups.found
    for concept in ("c0", "c1"):
        app.tuning.toggle_group("warp", [concept], "remove")
    app.tuning.fine_tune()
    assert student.node.id != app.tuner.root_id
    assert "warp" not in app.student_groups.found
