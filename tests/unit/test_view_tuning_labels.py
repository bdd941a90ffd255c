"""The page on labels of tuning images that may be wrong: they can be looked at."""

import pytest
from missing_labels import of_birds
from sessions import session_on
from viewing import ask

from inficond_panel.results.shift import student_differences
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    students, _ = of_birds(tmp_path_factory.mktemp("birds") / "own.zarr", missing=0.3)
    return students.tuner.store.path


@pytest.fixture(scope="module")
def app(path):
    return session_on(path, history=":memory:")


@pytest.fixture
def view(app):
    view = KnowledgeView(app)
    app.tuning.show_split(TUNE)
    app.selection.class_name = "bird"
    app.shifts.start()
    return view


@pytest.fixture
def doubted(app):
    labels = student_differences(app.tuner, app.tuner.root(), "bird").tune_labels
    return labels.rows[labels.likely_wrong].tolist()


def test_a_button_names_their_number(view, doubted):
    told = view.panels.finding["tune_labels"]["button"]
    assert told == f"Look at {len(doubted)} tuning images"


def test_it_picks_these_images(view, app, doubted):
    ask(view, "open_tune_labels")
    assert sorted(app.selection.images.rows) == sorted(doubted)


def test_on_other_images_there_is_no_button(view, app):
    app.tuning.show_split(HOLDOUT)
    assert view.panels.finding["tune_labels"]["rows"] == []


def test_without_such_labels_nothing_can_be_opened(view, app):
    app.tuning.show_split(HOLDOUT)
    with pytest.raises(ValueError, match="no tuning image"):
        ask(view, "open_tune_labels")


def test_the_start_has_a_card_of_the_class(app):
    start = StartView(app)
    app.selection.class_name = ""
    app.shifts.start()
    assert [card["class_name"] for card in start.panel.cards if card.get("button")] == ["bird"]
    assert "Tuning labels of bird may be wrong." in start.panel.purpose
