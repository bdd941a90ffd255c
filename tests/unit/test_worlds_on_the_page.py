"""The choice of a world on the page: with the thumb, its figures after the preview, kept by the
refit."""

import pytest

from inficond_panel.errors import TuningError
from inficond_panel.results.two_worlds import two_worlds
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.two_worlds import ClassWorlds
from inficond_panel.views.knowledge.batch import make_worlds
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.two_worlds import figure_texts

pytestmark = pytest.mark.page

REMOVE = Intent("bicycle", "wheel", "remove")


@pytest.fixture
def view(app):
    app.selection.class_name = "bicycle"
    return KnowledgeView(app)


def test_the_preview_has_figures_of_each_class_with_a_thumb(app):
    app.tuning.toggle(REMOVE, Intent("bird", "sky", "down"), Lambda("sheep"))
    assert list(app.tuning.worlds) == ["bicycle", "bird"]


def test_the_figures_are_those_of_the_frame(app):
    app.tuning.toggle(REMOVE)
    frame = two_worlds(app.tuner, app.tuning.preview.node)
    shown = [each.after.estimate for each in app.tuning.worlds["bicycle"].figures]
    assert shown == pytest.approx(frame["after"].tolist(), nan_ok=True)


def test_an_empty_batch_has_no_figures(app):
    app.tuning.toggle(REMOVE)
    app.tuning.clear()
    assert app.tuning.worlds == {}


def test_nothing_is_meant_until_a_person_says(app):
    app.tuning.toggle(REMOVE)
    app.tuning.fine_tune()
    assert app.students.node.worlds_meant == {}


def test_the_refit_keeps_what_is_meant(app):
    app.tuning.toggle(REMOVE)
    app.tuning.mean("bicycle", "independent")
    app.tuning.fine_tune()
    assert app.students.node.worlds_meant == {"bicycle": "independent"}


def test_the_next_batch_begins_without_a_choice(app):
    app.tuning.toggle(REMOVE)
    app.tuning.mean("bicycle", "independent")
    app.tuning.fine_tune()
    assert app.tuning.meant == {}


def test_a_thumb_that_is_taken_out_takes_its_choice_along(app):
    app.tuning.toggle(REMOVE)
    app.tuning.mean("bicycle", "these")
    app.tuning.toggle(REMOVE)
    assert app.tuning.meant == {}


def test_another_thumb_on_the_class_keeps_the_choice(app):
    app.tuning.toggle(REMOVE)
    app.tuning.mean("bicycle", "these")
    app.tuning.toggle(Intent("bicycle", "sky", "down"))
    assert app.tuning.meant == {"bicycle": "these"}


def test_a_class_without_a_thumb_cannot_be_meant(app):
    with pytest.raises(TuningError, match="no thumb"):
        app.tuning.mean("bicycle", "these")


def test_the_choice_names_the_photos_of_both_worlds():
    rows = make_worlds(ClassWorlds("bicycle", ("road",), False, ()), "")["rows"]
    assert [row["photos"] for row in rows] == [
        "images like these",
        "images where bicycle appears equally often with and without road",
    ]


@pytest.mark.parametrize(
    ("concepts", "words"),
    [
        (("road", "sky"), "without road or sky"),
        (("road", "sky", "lane"), "without road, sky or lane"),
        (("road", "sky", "lane", "car", "bus"), "without road, sky, lane or 2 more"),
    ],
)
def test_several_concepts_are_named_up_to_three(concepts, words):
    rows = make_worlds(ClassWorlds("bicycle", concepts, False, ()), "")["rows"]
    assert rows[1]["photos"].endswith(words)


def test_a_concept_of_a_table_is_high_or_not():
    numbers = frozenset({"ggt", "alp"})
    worlds = ClassWorlds("ill", ("ggt", "fever", "alp"), False, (), numeric=numbers)
    told = make_worlds(worlds, "")["rows"][1]["photos"]
    assert told.endswith("equally often with and without a high ggt, fever or a high alp")


def test_the_class_word_alone_says_what_is_missing():
    worlds = ClassWorlds("bicycle", (), False, ())
    assert "lower or remove another concept" in figure_texts(worlds, "independent")[0][0]


def test_the_bar_has_the_choice_of_the_student_in_view(view, app):
    app.tuning.toggle(REMOVE)
    assert [row["key"] for row in view.bar.worlds["rows"]] == ["these", "independent"]


def test_the_bar_has_no_choice_without_a_thumb(view):
    assert view.bar.worlds is None


def test_a_click_on_the_choice_is_shown(view, app):
    app.tuning.toggle(REMOVE)
    view.act({"action": "mean", "world": "independent", "seen": "bicycle"})
    assert view.bar.worlds["meant"] == "independent"


def test_the_bar_has_no_choice_on_the_holdout(view, app):
    app.tuning.toggle(REMOVE)
    app.tuning.show_split("holdout")
    assert view.bar.worlds is None


def test_a_choice_made_while_answers_are_learned_stays(app):
    app.tuning.toggle(REMOVE)
    app.tuning.mean("bicycle", "these")
    app.tuning._tuned([], (app.tuning._see(app.students.node.id), (), [], {}))
    assert app.tuning.meant == {"bicycle": "these"}


@pytest.fixture
def report(view, app):
    """The open report on the refit that has removed a concept, meant for the other world."""
    view.table.extent = view.panels.extent = "details"
    app.tuning.toggle(REMOVE)
    app.tuning.mean("bicycle", "independent")
    app.tuning.fine_tune()
    view.panels.explained = True
    return view.panels


def test_the_report_has_the_sentences_of_the_frame(report, app):
    told = two_worlds(app.tuner, app.students.node).attrs["notes"]
    assert [f"bicycle: {text}" for text in report.report["worlds"]] == told


def test_the_report_has_a_world_that_was_said_afterwards(report, view, app):
    app.tuner.set_meant(app.students.node.id, {"bicycle": "these"})
    view.report.show()
    assert report.report["worlds"][-1] == "The thumbs are meant for images like these."


def test_the_report_of_a_refit_without_thumbs_has_no_worlds(view, app):
    view.panels.extent = "details"
    app.tuning.toggle(Lambda("bicycle", 1e-3))
    app.tuning.fine_tune()
    view.panels.explained = True
    assert view.panels.report["worlds"] == []
