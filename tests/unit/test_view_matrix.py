"""View of all students at once: rows, thumbs for several students, what it tells of a batch."""

from __future__ import annotations

import pytest

from inficond_panel.distill import Interval
from inficond_panel.errors import TuningError
from inficond_panel.state import AppState, Jobs, Preview, Status
from inficond_panel.tuning import Intent
from inficond_panel.views.matrix.panel import effect_words, make_batch, make_given, meant
from inficond_panel.views.matrix.view import MatrixView


def influences(app: AppState, concept: str) -> dict[str, float]:
    row = app.students.node.weights[app.store.concepts.index(concept)]
    return dict(zip(app.store.classes, row, strict=True))


INFLUENCE = {"bird": 0.5, "boat": 0.0, "cat": -0.2}


@pytest.mark.parametrize(
    ("chosen", "direction", "expected"),
    [
        ([], "up", ["bird", "cat"]),
        ([], "remove", ["bird", "boat", "cat"]),
        (["cat", "boat"], "down", ["boat", "cat"]),
    ],
)
def test_a_thumb_of_a_row_is_for_those_chosen_else_for_those_it_makes_sense_for(
    chosen, direction, expected
):
    assert meant(INFLUENCE, chosen, direction) == expected


def test_a_thumb_is_given_where_all_that_it_would_be_for_have_it():
    batch = [Intent("bird", "fur", "up", 2.0), Intent("cat", "fur", "up", 2.0)]
    assert make_given(batch, {"fur": INFLUENCE}, []) == {"fur": "up"}
    assert make_given(batch[:1], {"fur": INFLUENCE}, []) == {}
    assert make_given(batch[:1], {"fur": INFLUENCE}, ["bird"]) == {"fur": "up"}
    assert make_given(batch, {"fur": INFLUENCE}, ["boat"]) == {}


def test_a_row_is_removed_from_all_students_in_one_iteration(app):
    view = MatrixView(app)
    view.act({"action": "thumb", "concept": "wheel", "direction": "remove"})
    assert {intent.class_name for intent in app.tuning.pending} == set(app.store.classes)
    assert view.panel.given == {"wheel": "remove"}
    assert view.panel.batch["words"] == ["✕ wheel: 4 students"]
    view.act({"action": "fine_tune"})
    assert app.students.node.number == 1
    assert app.students.node.tuned == tuple(sorted(app.store.classes))
    assert not any(influences(app, "wheel").values())
    assert view.panel.batch["words"] == ["#1 tuned 4 students."]
    assert ["bird", "wheel", "= 0"] in view.panel.bounds


def test_the_same_thumb_once_more_takes_it_back(app):
    view = MatrixView(app)
    view.panel.chosen = ["bird", "sheep"]
    for _ in range(2):
        view.act({"action": "thumb", "concept": "sky", "direction": "down"})
    assert app.tuning.pending == []
    assert view.panel.batch == {}
    view.act({"action": "thumb", "concept": "sky", "direction": "down"})
    view.act({"action": "thumb", "concept": "sky", "direction": "up"})
    assert app.tuning.pending == [Intent(name, "sky", "up", 2.0) for name in ("sheep", "bird")]


def test_a_cell_opens_its_student_and_concept_and_the_view_rests_until_it_is_left(app):
    view = MatrixView(app)
    view.act({"action": "open", "class_name": "bird", "concept": "fur"})
    assert (app.selection.class_name, app.selection.concept) == ("bird", "fur")
    before = view.panel.concepts
    view.panel.order = "name"
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert (view.panel.concepts, view.panel.batch) == (before, {})
    app.selection.class_name = ""
    assert view.panel.concepts == sorted(app.store.concepts, key=str.casefold)
    assert view.panel.pending == [["bird", "fur", "down"]]


@pytest.mark.parametrize(
    "message",
    [
        {"action": "open", "class_name": "brid", "concept": "fur"},
        {"action": "open", "class_name": "bird", "concept": "furr"},
        {"action": "thumb", "concept": "furr", "direction": "up"},
        {"action": "thumb", "concept": "fur", "direction": "sideways"},
    ],
)
def test_names_that_are_not_there_are_refused(app, message):
    view = MatrixView(app)
    with pytest.raises((TuningError, ValueError)):
        view.act(message)
    assert app.tuning.pending == []


def test_marks_come_first_where_that_is_asked_for(app):
    view = MatrixView(app)
    view.panel.order = "marked"
    view.marked = frozenset({("bird", "hair"), ("sheep", "hair"), ("bird", "leaf")})
    assert view.panel.concepts[:2] == ["hair", "leaf"]
    assert view.panel.marked == [["bird", "hair"], ["bird", "leaf"], ["sheep", "hair"]]


def test_an_order_that_comes_late_does_not_replace_the_one_chosen_since(app):
    late: list = []
    view = MatrixView(AppState(app.tuner, Jobs(late.append, inline=True)))
    late.clear()
    view.panel.order = "similar"
    view.panel.order = "name"
    (tell,) = late
    tell()
    assert view.panel.concepts == sorted(app.store.concepts, key=str.casefold)


def test_what_a_batch_does_is_told_with_the_clear_changes_first():
    changes = {
        "bird": Interval(0.01, -0.01, 0.03),
        "boat": Interval(0.05, 0.02, 0.08),
        "cat": Interval(0.0, 0.0, 0.0),
        "dog": Interval(-0.2, -0.3, -0.1),
    }
    preview = Preview(None, {name: {"ap": change} for name, change in changes.items()})
    assert effect_words(preview) == (
        "AP: dog −20.0 points [−30.0, −10.0]; boat +5.0 points [+2.0, +8.0]; 1 within noise; "
        "1 unchanged"
    )


def test_a_fault_is_told_though_nothing_waits():
    told = make_batch([], None, Status("error", "No room.", remedy="Make room."), "")
    assert (told["kind"], told["text"]) == ("error", "No room. Make room.")


def test_a_matrix_on_few_pixels_is_drawn_from_them_until_there_are_more(app):
    view = MatrixView(app)
    view.panel.get_root()
    (plot, _), *_ = view._plot._plots.values()
    source = plot.state.renderers[0].data_source
    assert source.data["image"][0].shape == (30, 4)
    view.panel.pixels = [4, 10]
    assert source.data["image"][0].shape == (10, 4)
    assert (source.data["dw"][0], source.data["dh"][0]) == (4, 30)
    view.panel.pixels = []
    assert source.data["image"][0].shape == (30, 4)
