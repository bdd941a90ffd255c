"""State of repairs, suspects and suggestions, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from factory import shift_of

from inficond_panel.errors import TuningError
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.batch import toggled
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda
from inficond_panel.views.knowledge.view import KnowledgeView

DEMO = Path(__file__).parents[2] / "specs" / "demo.yaml"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return open_tuner(DEMO, history=tmp_path_factory.mktemp("demo") / "h.sqlite")


THUMB = Intent("bicycle", "wheel", "down", 2.0)
BALANCE = Balance("bicycle", ("sky",), suspects=True)


@pytest.mark.parametrize(
    ("batch", "item", "after"),
    [
        ([], Lambda("bicycle", 0.1), [Lambda("bicycle", 0.1)]),
        ([Lambda("bicycle", 0.1)], Lambda("bicycle", 0.1), []),
        ([Lambda("bicycle", 0.1)], Lambda("bicycle"), [Lambda("bicycle")]),
        ([Lambda("bird")], Lambda("bicycle"), [Lambda("bird"), Lambda("bicycle")]),
        ([Label("bird", "a", 1)], Label("bird", "a", 0), [Label("bird", "a", 0)]),
        ([Label("bird", "a", 1)], Label("bird", "b", 1), [Label("bird", x, 1) for x in "ab"]),
        ([THUMB], Doubt("bicycle"), [THUMB, Doubt("bicycle")]),
        ([THUMB, Doubt("bicycle")], THUMB, [Doubt("bicycle")]),
    ],
)
def test_a_batch_has_one_item_of_each_kind_for_a_class(batch, item, after):
    assert toggled(batch, [item]) == after


def test_concepts_to_balance_add_up_and_are_taken_out_again():
    both = toggled([THUMB, BALANCE], [Balance("bicycle", ("road",), suspects=True)])
    assert both == [THUMB, Balance("bicycle", ("sky", "road"), suspects=True)]
    assert toggled(both, [Balance("bicycle", ("sky",))]) == [
        THUMB,
        Balance("bicycle", ("road",), suspects=True),
    ]
    assert toggled([BALANCE], [BALANCE]) == []


def test_what_the_factor_changes_are_thumbs_alone(app: AppState):
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.toggle(Lambda("bicycle", 0.05))
    app.tuning.scale(3.0)
    assert {i.factor for i in app.tuning.thumbs} == {3.0}
    assert Lambda("bicycle", 0.05) in app.tuning.pending


def test_repairs_that_wait_come_back_with_the_page(app: AppState):
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.toggle(Lambda("bicycle", 0.05))
    app.tuning.toggle(Balance("bicycle", ("wheel",)))
    kept = [item.to_json() for item in app.tuning.pending]
    before, at = list(app.tuning.pending), app.tuning.head.id
    app.tuning.clear()
    assert app.tuning.take_back(at, [*kept, {"class": "bicycle", "direction": "repair"}]) == (
        None,
        1,
    )
    assert app.tuning.pending == before


def test_a_repair_with_an_unknown_name_is_refused(app: AppState):
    with pytest.raises(TuningError, match="does not have"):
        app.tuning.toggle(Balance("bicycle", ("no such concept",)))
    with pytest.raises(TuningError, match="does not have"):
        app.tuning.toggle(Label("bicycle", "no such image", 1))
    assert app.tuning.pending == []


def test_a_repair_that_cannot_be_is_told_and_stays_in_the_batch(app: AppState):
    image = app.store.images[app.store.rows("holdout")[0]]
    app.tuning.toggle(Label("bicycle", image, 1))
    assert app.tuning.status.kind == "error"
    assert "holdout" in app.tuning.status.text
    assert len(app.tuning.pending) == 1


def test_shifts_are_those_of_the_doctor_and_wait_until_asked_for(demo):
    app = AppState(demo, Jobs(inline=True))
    assert app.shifts.by_class == {}
    app.shifts.start()
    assert app.shifts.complete
    for name in ("bicycle", "bird", "bottle"):
        expected = shift_of(demo, name)
        assert app.shifts.by_class[name].kind == expected.kind
        assert app.shifts.suspects(name) == [s.concept for s in expected.suspects]


@pytest.mark.parametrize(("seconds", "told"), [(0, 16), (60, 1)])
def test_the_class_in_view_is_looked_at_first_and_told_in_time(demo, monkeypatch, seconds, told):
    monkeypatch.setattr("inficond_panel.state.repairs.SLICE", seconds)
    app, seen = AppState(demo, Jobs(inline=True)), []
    app.selection.class_name = "sheep"
    app.shifts.param.watch(lambda event: seen.append([*event.new]), "by_class")
    app.shifts.start()
    assert seen[0][0] == "sheep"
    assert len(seen) == told
    assert set(seen[-1]) == set(app.store.classes)


def test_of_many_classes_only_those_selected_are_looked_at(demo, monkeypatch):
    monkeypatch.setattr("inficond_panel.state.repairs.ALL_UP_TO", 15)
    app = AppState(demo, Jobs(inline=True))
    app.shifts.start()
    assert app.shifts.by_class == {}
    for name in ("bird", "sheep"):
        app.selection.class_name = name
    assert [*app.shifts.by_class] == ["bird", "sheep"]


def test_a_repaird_student_is_judged_anew(demo):
    app = AppState(demo, Jobs(inline=True))
    app.shifts.start()
    before = app.shifts.by_class
    app.tuning.put([Doubt("bicycle"), Lambda("bicycle")])
    seen = []
    app.shifts.param.watch(lambda event: seen.append(set(event.new)), "by_class")
    app.tuning.fine_tune()
    assert seen[0] == {*before} - {"bicycle"}  # the others are not looked for again
    after = app.shifts.by_class
    assert app.shifts.complete
    assert after["bicycle"].verdict.ap_lost.estimate < before["bicycle"].verdict.ap_lost.estimate
    assert after["bird"] is before["bird"]
    app.tuning.undo()


def test_a_suggestion_is_told_and_waits_in_the_batch(demo):
    app = AppState(demo, Jobs(inline=True))
    panels = KnowledgeView(app).panels
    app.selection.class_name = "bicycle"
    app.suggestion.ask(["bicycle"])
    assert panels.repair["sentence"].endswith(" points expected.")
    assert set(app.tuning.pending) == set(app.suggestion.latest.intents)
    app.selection.class_name = "horse"
    assert panels.repair["sentence"] == ""


def test_nothing_is_put_where_nothing_is_suggested(demo):
    app = AppState(demo, Jobs(inline=True))
    app.suggestion.ask(["train"])
    assert app.tuning.pending == []
    assert app.suggestion.latest.intents == ()
    assert "Taking the best lever gains nothing on photos" in app.suggestion.latest.summary


def test_a_suggestion_for_another_iteration_is_forgotten(demo):
    app = AppState(demo, Jobs(inline=True))
    app.suggestion.ask(["bicycle"])
    app.tuning.fine_tune()
    assert app.suggestion.latest is None
    app.tuning.undo()
