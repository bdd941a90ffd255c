"""Where to begin: the students that rely on the wrong thing, their pictures, and a removal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factory import small_spec, twin_arrays
from spread_shortcut import shifted_frames
from test_detail_starts import shift

import inficond_panel
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.tuning import tuned_text
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.suggest import suggest
from inficond_panel.views.page.page import AllStudents
from inficond_panel.views.start.view import (
    BEHIND,
    CARDS,
    StartView,
    make_behind,
    make_cards,
    make_offers,
)
from inficond_panel.wording.suspects import relying_sentence

FOUND = {
    "cat": shift("cat", 0.1, "sofa"),
    "dog": shift("dog", 0.3, "ball", "grass"),
    "cow": shift("cow", 0.4, "field", kind="none"),
    "bus": shift("bus", 0.5),
}


def test_the_first_suspect_of_each_shift_the_largest_loss_first():
    cards = make_cards(FOUND)
    assert [(card["class_name"], card["concept"]) for card in cards] == [
        ("dog", "ball"),
        ("cat", "sofa"),
    ]
    assert cards[0]["shares"] == "in 90 % of the training images with dog, 40 % of the tuning ones"


def test_a_suspect_that_was_tuned_gives_its_card_to_the_next():
    assert [card["concept"] for card in make_cards(FOUND, {("dog", "ball")})] == ["grass", "sofa"]
    tuned = {("dog", "ball"), ("dog", "grass")}
    assert [card["class_name"] for card in make_cards(FOUND, tuned)] == ["cat"]


@pytest.mark.parametrize(
    ("known", "how", "said"),
    [
        (FOUND, {"wrong": 2, "shown": 2}, "2 of them rely on the wrong thing:"),
        (FOUND, {"wrong": 9, "shown": 5}, "9 of them rely on the wrong thing; the 5 that lose"),
        (FOUND, {"wrong": 1, "shown": 1}, "1 of them relies on the wrong thing:"),
        (FOUND, {"wrong": 0, "shown": 0}, "None of them is seen to rely on the wrong thing."),
        ({"cat": FOUND["cat"]}, {"wrong": 0, "shown": 0}, "1 of 4 are checked so far."),
        ({}, {"wrong": 0, "shown": 0, "looked": False}, "Select a class to see what its student"),
    ],
)
def test_one_sentence_says_what_students_are_and_how_many_are_wrong(known, how, said):
    sentence = relying_sentence(known, 4, **how)
    assert sentence.startswith("A teacher decides which classes an image shows. 4 students imitate")
    assert said in sentence


def test_classes_with_too_few_images_are_counted_where_none_is_wrong():
    unsure = {"cat": shift("cat", 0.0, kind="unknown")}
    assert relying_sentence(unsure, 1, wrong=0, shown=0).endswith(
        "It is not seen to rely on the wrong thing. There are too few images to say."
    )


@pytest.fixture
def app(tmp_path) -> AppState:
    tuner = open_tuner(small_spec(tmp_path, make=twin_arrays), history=":memory:")
    return AppState(tuner, Jobs(inline=True))


def suspect_all(app: AppState, concept: str) -> None:
    app.shifts.by_class = {name: shift(name, 0.1, concept) for name in app.store.classes}


def test_cards_come_once_all_students_are_known_each_with_a_picture_of_its_class(app):
    view, names = StartView(app), app.store.classes
    app.shifts.by_class = {names[0]: shift(names[0], 0.1, "wheel")}
    assert view.panel.cards == []
    suspect_all(app, "wheel")
    assert len(view.panel.cards) == min(CARDS, len(names))
    name = view.panel.cards[0]["class_name"]
    picture = view.panel.photos[name]
    row = app.store.images.index(picture["image"])
    assert app.store.split[row] == "fit"
    assert app.store.label[row, names.index(name)] == 1
    assert picture["source"].startswith("data:image/")


def test_remove_puts_the_concept_and_its_twins_into_the_batch_and_opens_the_student(app):
    view, name = StartView(app), app.store.classes[0]
    suspect_all(app, "wheel")
    twins = app.students.group(name, "wheel").twins
    assert len(twins) > 1  # else this test sees nothing
    view.act({"action": "remove", "class_name": name, "concept": "wheel"})
    assert {intent.key for intent in app.tuning.thumbs} == {(name, twin) for twin in twins}
    assert {intent.direction for intent in app.tuning.thumbs} == {"remove"}
    assert (app.selection.class_name, app.selection.concept) == (name, "wheel")
    app.selection.class_name = ""
    assert view.panel.removed == [name]
    assert view.panel.batch["thumbs"] == len(twins)


def test_where_no_student_relies_on_a_suspect_the_farthest_behind_have_a_card(app):
    view, names = StartView(app), app.store.classes
    app.shifts.by_class = {name: shift(name, 0.0, kind="none") for name in names}
    metrics = app.students.snapshot.metrics
    behind = {name: metrics[name].teacher_ap - metrics[name].ap for name in names}
    expected = sorted((name for name in names if behind[name] > 0), key=lambda n: -behind[n])
    cards = view.panel.cards
    assert [card["class_name"] for card in cards] == expected[:BEHIND] != []
    first = cards[0]
    assert first["shares"] == (
        f"AP {metrics[expected[0]].ap:.3f}, its teacher {metrics[expected[0]].teacher_ap:.3f}"
    )
    assert view.panel.purpose.endswith("Begin with those that are farthest behind the teacher:")
    row = app.store.images.index(view.panel.photos[expected[0]]["image"])
    assert app.store.label[row, names.index(expected[0])] == 1
    view.act({"action": "look", "class_name": expected[0], "concept": ""})
    assert (app.selection.class_name, app.selection.concept) == (expected[0], "")


def test_a_class_with_few_positives_or_ahead_of_its_teacher_has_no_such_card(app):
    metrics = dict(app.students.snapshot.metrics)
    name = next(iter(metrics))
    metrics[name] = replace(metrics[name], ap=0.5, teacher_ap=0.9, positives=9)
    assert name not in {card["class_name"] for card in make_behind(metrics)}
    metrics[name] = replace(metrics[name], positives=10)
    assert make_behind(metrics)[0]["class_name"] == name
    metrics[name] = replace(metrics[name], ap=0.95)
    assert name not in {card["class_name"] for card in make_behind(metrics)}


@pytest.fixture
def shifted(tmp_path) -> AppState:
    tuner = inficond_panel.from_frames(**shifted_frames(), path=tmp_path / "own.zarr").tuner
    return AppState(tuner, Jobs(inline=True))


def test_the_repair_that_is_recommended_is_offered_with_its_gain_and_taken(shifted, monkeypatch):
    view = StartView(shifted)
    shifted.shifts.start()
    assert [card["class_name"] for card in view.panel.cards] == ["truck"]
    expected = suggest(shifted.tuner, classes=["truck"])
    gain = 100 * expected.gain_of("truck").estimate
    assert view.panel.offers == {"truck": {"removes": False, "gain": f"+{gain:.1f} points"}}
    assert shifted.tuning.pending == []  # nobody has asked for it
    view.act({"action": "repair", "class_name": "truck", "concept": ""})
    assert tuple(shifted.tuning.pending) == expected.intents
    assert shifted.selection.class_name == "truck"
    assert shifted.suggestion.latest.intents == expected.intents
    shifted.tuning.clear()
    monkeypatch.setattr("inficond_panel.results.shift.suggest", None)  # what is known is not sought
    shifted.suggestion.ask(["truck"])
    assert tuple(shifted.tuning.pending) == expected.intents
    previewed = shifted.tuning.preview.of("truck", "ap").estimate
    shifted.tuning.fine_tune()
    assert shifted.tuning.notice.text == f"#1: AP of truck +{100 * previewed:.1f} points"
    unseen = tuned_text(shifted.students.snapshot, None)  # its change is not cross-fitted yet
    assert unseen == "#1 is fitted."


def test_nothing_is_offered_where_a_repair_may_gain_nothing_or_the_spec_shows_none(shifted):
    lever = suggest(shifted.tuner, classes=["bird"])
    assert make_offers({"bird": lever}) == {}
    view = StartView(shifted)
    with pytest.raises(ValueError, match="no repair is offered"):
        view.act({"action": "repair", "class_name": "bird", "concept": ""})
    shifted.spec.tuning.suggest = False
    view = StartView(shifted)
    shifted.shifts.start()
    assert (view.panel.offering, view.panel.offers) == (False, {})


def test_what_is_expected_is_of_the_iteration_shown(shifted):
    shifted.suggestion.expect(["truck"])
    assert set(shifted.suggestion.expected) == {"truck"}
    shifted.tuning.put(shifted.suggestion.expected["truck"].intents)
    shifted.tuning.fine_tune()
    assert shifted.suggestion.expected.keys() <= {"truck"}
    assert all(
        each.parent == shifted.students.node.id for each in shifted.suggestion.expected.values()
    )


def test_look_opens_class_and_concept_and_changes_nothing(app):
    view = StartView(app)
    view.act({"action": "look", "class_name": app.store.classes[1], "concept": "wheel"})
    assert (app.selection.class_name, app.selection.concept) == (app.store.classes[1], "wheel")
    assert app.tuning.pending == []


def test_the_matrix_is_made_only_where_details_are_shown(app):
    app.settings.show = "simple"
    views = AllStudents(app)
    assert views._matrix is None
    app.selection.class_name = app.store.classes[0]
    app.settings.show = "details"
    assert views._matrix is None  # a student stands in its place
    app.selection.class_name = ""
    assert views._matrix is not None
    app.tuning.toggle(Intent(app.store.classes[0], "wheel", "down"))
    assert views.picture() is not None
    views.close()
