"""State of repairs, suspects, suggestions and the refit what-if, without a browser."""

import re
from pathlib import Path

import pytest
from factory import shift_of

from inficond_panel.errors import InficondError, TuningError
from inficond_panel.state import AppState, Jobs, Status, jobs, repairs
from inficond_panel.state.batch import toggled
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.views.knowledge.view import KnowledgeView

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def demo_tuner(tmp_path_factory):
    demo = Path(__file__).parents[2] / "specs" / "demo.yaml"
    return open_tuner(demo, history=tmp_path_factory.mktemp("demo") / "h.sqlite")


@pytest.fixture
def demo(demo_tuner) -> AppState:
    """A session on #0 of the demo."""
    app = AppState(demo_tuner, Jobs(inline=True))
    app.tuning.jump(demo_tuner.root_id)
    return app


THUMB = Intent("bicycle", "wheel", "down", 2.0)


@pytest.mark.parametrize(
    ("batch", "item", "after"),
    [
        ([], Lambda("bicycle", 0.1), [Lambda("bicycle", 0.1)]),
        ([Lambda("bicycle", 0.1)], Lambda("bicycle", 0.1), []),
        ([Lambda("bicycle", 0.1)], Lambda("bicycle"), [Lambda("bicycle")]),
        ([Lambda("bird")], Lambda("bicycle"), [Lambda("bird"), Lambda("bicycle")]),
        ([Label("bird", "a", 1)], Label("bird", "a", 0), [Label("bird", "a", 0)]),
        ([Label("bird", "a", 1)], Label("bird", "b", 1), [Label("bird", x, 1) for x in "ab"]),
        ([THUMB], AdaptivePenalty("bicycle"), [THUMB, AdaptivePenalty("bicycle")]),
        ([THUMB, AdaptivePenalty("bicycle")], THUMB, [AdaptivePenalty("bicycle")]),
    ],
)
def test_a_batch_has_one_item_of_each_kind_for_a_class(batch, item, after):
    assert toggled(batch, [item]) == after


def test_what_waits_comes_back_with_the_page(app):
    for item in (THUMB, Lambda("bicycle", 0.05), Reweight("bicycle", ("wheel",))):
        app.tuning.toggle(item)
    app.tuning.scale(3.0)  # of thumbs alone
    before, at = list(app.tuning.pending), app.tuning.head.id
    assert {i.factor for i in app.tuning.thumbs} == {3.0}
    assert Lambda("bicycle", 0.05) in before
    kept = [*(item.to_json() for item in before), {"class": "bicycle", "direction": "repair"}]
    app.tuning.clear()
    assert (app.tuning.take_back(at, kept), app.tuning.pending) == ((None, 1), before)


def test_a_repair_of_an_unknown_name_is_refused_and_one_that_cannot_be_is_told(app):
    for unknown in (Reweight("bicycle", ("none",)), Label("bicycle", "no such image", 1)):
        with pytest.raises(TuningError, match="does not have"):
            app.tuning.toggle(unknown)
    assert app.tuning.pending == []
    held = Label("bicycle", app.store.images[app.store.rows("holdout")[0]], 1)
    app.tuning.toggle(held)
    assert app.tuning.status.kind == "error"
    assert "holdout" in app.tuning.status.text
    assert app.tuning.pending == [held]


@pytest.mark.parametrize(("seconds", "told"), [(0, 16), (60, 1)])
def test_the_class_in_view_is_looked_at_first_and_told_in_time(demo, monkeypatch, seconds, told):
    monkeypatch.setattr(jobs, "SLICE", seconds)
    seen = []
    demo.selection.class_name = "sheep"
    demo.shifts.param.watch(lambda event: seen.append([*event.new]), "by_class")
    demo.shifts.start()
    assert (seen[0][0], len(seen), set(seen[-1])) == ("sheep", told, set(demo.store.classes))


def test_of_many_classes_only_those_selected_are_looked_at(demo, monkeypatch):
    monkeypatch.setattr(repairs, "ALL_UP_TO", 15)
    demo.shifts.start()
    assert demo.shifts.by_class == {}
    for name in ("bird", "sheep"):
        demo.selection.class_name = name
    assert [*demo.shifts.by_class] == ["bird", "sheep"]


def test_shifts_are_those_of_the_doctor_when_asked_for_and_a_repaired_student_is_judged_anew(demo):
    assert demo.shifts.by_class == {}
    demo.shifts.start()
    assert demo.shifts.complete
    for name in ("bicycle", "bird", "bottle"):
        expected = shift_of(demo.tuner, name)
        assert demo.shifts.by_class[name].kind == expected.kind
        assert demo.shifts.suspects(name) == [s.concept for s in expected.suspects]
    before, seen = demo.shifts.by_class, []
    demo.tuning.put([AdaptivePenalty("bicycle"), Lambda("bicycle")])
    demo.shifts.param.watch(lambda event: seen.append(set(event.new)), "by_class")
    demo.tuning.fine_tune()
    assert seen[0] == {*before} - {"bicycle"}  # the others are not looked for again
    after = demo.shifts.by_class
    assert demo.shifts.complete
    assert after["bicycle"].verdict.ap_lost.estimate < before["bicycle"].verdict.ap_lost.estimate
    assert after["bird"] is before["bird"]


def test_a_suggestion_waits_in_the_batch_and_is_forgotten_at_another_iteration(demo):
    panels, suggestion = KnowledgeView(demo).panels, demo.suggestion
    suggestion.ask(["train"])
    assert demo.tuning.pending == []
    assert suggestion.latest.intents == ()
    assert "Taking the best lever gains nothing on images" in suggestion.latest.summary
    demo.selection.class_name = "bicycle"
    suggestion.ask(["bicycle"])
    told = r"Expected on other images: \+\d+\.\d points \[\S+, \S+\]\."
    assert re.fullmatch(told, panels.repair["sentence"])
    assert set(demo.tuning.pending) == set(suggestion.latest.intents)
    demo.selection.class_name = "horse"
    assert panels.repair["sentence"] == ""
    demo.tuning.fine_tune()
    assert suggestion.latest is None


def test_a_proposal_that_left_the_batch_names_its_edits_again(demo):
    panels = KnowledgeView(demo).panels
    demo.selection.class_name = "bicycle"
    demo.suggestion.ask(["bicycle"])
    demo.tuning.clear()
    assert panels.repair["sentence"].endswith("] expected.")


# -- the refit what-if of one concept: point by point, behind a fine-tune -----------------------
def test_points_come_one_by_one_and_a_curve_that_is_known_is_not_solved_again(app, monkeypatch):
    refit, seen = app.refit_what_if, []
    refit.param.watch(lambda _: seen.append((len(refit.points), refit.share)), "points")
    refit.solve("sheep", "fur")
    counts, shares = zip(*seen, strict=True)
    assert counts == tuple(range(1, len(refit.points) + 1))
    assert list(shares) == sorted(shares)
    assert (refit.state, refit.share) == ("done", 1.0)
    known = refit.points
    monkeypatch.setattr(repairs, "refit_curve", lambda *_, **__: pytest.fail("solved again"))
    refit.solve("sheep", "fur")
    assert refit.points is known


def test_it_waits_for_a_fine_tune_and_goes_on_then_and_tells_a_failure(app, monkeypatch):
    refit = app.refit_what_if
    app.tuning.status = Status("fitting", "Fitting")
    refit.solve("sheep", "fur")
    assert (refit.state, refit.points) == ("waiting", [])
    app.tuning.status = Status()
    assert refit.state == "done"

    def fail(*_, **__):
        raise InficondError("No finite solution.", "Raise lambda.")
        yield

    monkeypatch.setattr(repairs, "refit_curve", fail)
    refit.solve("sheep", "sky")
    told = (app.tuning.status.text, app.tuning.status.remedy)
    assert told == ("No finite solution.", "Raise lambda.")
    assert refit.state == "stopped"
