"""The finding on a student, labels that are likely wrong, and levers taken by one click."""

from __future__ import annotations

import pytest
from factory import noisy_arrays, small_spec

from inficond_panel.results.shift import student_shift
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Label, open_tuner
from inficond_panel.views.knowledge.finding import make_finding, make_labels
from inficond_panel.views.knowledge.view import KnowledgeView


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> AppState:
    spec = small_spec(tmp_path_factory.mktemp("noisy"), make=noisy_arrays)
    return AppState(open_tuner(str(spec), history=":memory:"), Jobs(inline=True))


@pytest.fixture
def view(app) -> KnowledgeView:
    app.selection.class_name = "bicycle"
    app.tuning.clear()
    return KnowledgeView(app)


def test_wrong_labels_are_said_and_listed_and_a_click_teaches_the_other_label(view, app) -> None:
    panels = view.panels
    assert "without bicycle are labelled as showing it" in panels.finding["sentence"]
    assert panels.finding["remove"] == ""
    one = view.finding.labels[0]
    store = app.store
    assert len(view.finding.labels) == 50
    assert store.split[one["row"]] == "fit"
    assert store.label[one["row"], 0] == one["label"]
    view.act({"action": "correct_label", "row": one["row"]})
    given = Label("bicycle", one["image"], 1 - one["label"])
    assert app.tuning.pending == [given]
    view.act({"action": "correct_label", "row": one["row"]})
    assert app.tuning.pending == []
    with pytest.raises(ValueError, match="no label is listed"):
        view.finding.listed(int(store.rows("holdout")[0]))
    view.act({"action": "open_label", "row": one["row"]})
    assert app.selection.images.enlarged == one["row"]


def test_what_was_taught_is_listed_no_more(view, app) -> None:
    first, second = view.finding.labels[:2]
    for one in (first, second):
        view.act({"action": "correct_label", "row": one["row"]})
    view.act({"action": "fine_tune"})
    taught = app.tuner.terms(app.tuning.head)["bicycle"].taught.labels
    assert taught == {one["image"]: 1 - one["label"] for one in (first, second)}
    assert not {first["row"], second["row"]} & {one["row"] for one in view.finding.labels}
    app.tuning.undo()


def test_where_labels_are_right_none_is_listed(view, app) -> None:
    app.selection.class_name = "sheep"
    assert view.finding.labels == []
    assert view.panels.finding["sentence"].startswith("sheep does about as well")
    assert make_labels(app.store, None, {}) == []


def test_a_teacher_that_does_not_know_the_class_goes_first(app) -> None:
    shift = student_shift(app.tuner, app.tuning.head, "bicycle")
    assert make_finding(shift, None, ["It does not know.", "Look."]) == {
        "sentence": "It does not know. Look.",
        "remove": "",
    }
    assert make_finding(None, None) == {}


def test_every_lever_is_taken_by_one_click_in_place_of_another(view, app) -> None:
    view.act({"action": "suggest"})
    levers = {each["name"]: each for each in view.panels.repair["levers"]}
    assert not levers["as it is"]["can"]
    able = [name for name, each in levers.items() if each["can"]]
    assert len(able) > 1
    for name in able:
        view.act({"action": "take_lever", "name": name})
        edits = app.suggestion.latest.repairs["bicycle"].levers[list(levers).index(name)].edits
        assert set(app.tuning.pending) == set(edits)
    with pytest.raises(ValueError, match="no suggested repair"):
        view.act({"action": "take_lever", "name": "as it is"})
