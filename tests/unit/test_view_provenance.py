"""The tree of iterations: lanes, rows, what each changed, and the way to any of them."""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.distill import Interval
from inficond_panel.plots.student_plots import Branches, make_lanes, make_path
from inficond_panel.state import AppState
from inficond_panel.state.comparison import Churn, Flip
from inficond_panel.tuning import Intent
from inficond_panel.views.provenance.comparison import churn_text, make_flip
from inficond_panel.views.provenance.iterations import make_author, make_axis, make_chip
from inficond_panel.views.provenance.view import ProvenanceView, typed_sentence
from inficond_panel.vocabulary.metrics import BRIER
from inficond_panel.wording.metrics import change_text, make_change

AUTHORS = ("machine:crossfit", "machine", "user", "")


def tree(*parents: int | None) -> list[SimpleNamespace]:
    """Nodes numbered in order, each with the number of its parent."""
    return [
        SimpleNamespace(id=f"n{i}", number=i, parent=None if p is None else f"n{p}")
        for i, p in enumerate(parents)
    ]


def rows(view: ProvenanceView) -> list[dict]:
    """The rows in the window with their results, the card's lines together."""
    made = []
    for row in view._tree.tree["rows"]:
        results, card = view._tree.results, row["card"]
        result = results["each"][results["of"][row["id"]]]
        names = [name for _, name in view._tree.data["metrics"]]
        metrics = zip(names, result["metrics"], strict=False)  # none while they are measured
        made.append(row | result | {"card": [*card["intents"], *metrics, *card["facts"]]})
    return made


def _tune(app: AppState, *thumbs: tuple[str, str, str]) -> str:
    for thumb in thumbs:
        app.tuning.toggle(Intent(*thumb))
    app.tuning.fine_tune()
    return app.students.node.id


# -- the tree -----------------------------------------------------------------------------------


def test_one_branch_is_one_lane():
    assert make_lanes(tree(None, 0, 1, 2)) == [0, 0, 0, 0]


def test_the_older_branch_goes_to_the_right():
    assert make_lanes(tree(None, 0, 1, 1, 3)) == [0, 0, 1, 0, 0]


def test_a_lane_is_free_again_below_its_branch():
    assert make_lanes(tree(None, 0, 0, 2, 2, 4)) == [0, 0, 1, 0, 1, 0]


random_trees = (
    st.integers(1, 30)
    .flatmap(lambda n: st.tuples(*[st.integers(0, max(i - 1, 0)) for i in range(n)]))
    .map(lambda parents: tree(None, *parents))
)


@given(random_trees)
def test_no_line_runs_through_another_node(nodes):
    """A line keeps its child's lane down to the row above the parent: no node may stand there."""
    lanes = make_lanes(nodes)
    for edge in Branches(nodes, nodes[0].id).edges():
        (child, lane), (parent, _) = edge["from"], edge["to"]
        assert parent > child
        assert all(lanes[row] != lane for row in range(child + 1, parent))


@given(random_trees)
def test_newest_child_stands_above_its_parent(nodes):
    lanes = dict(zip([node.id for node in reversed(nodes)], make_lanes(nodes), strict=True))
    for node in nodes:
        children = [child.id for child in nodes if child.parent == node.id]
        if children:
            assert lanes[node.id] == min(lanes[child] for child in children)


def test_the_path_to_the_current_node_is_marked():
    nodes = tree(None, 0, 1, 1)

    assert [node.number for node in make_path(nodes, "n2")] == [2, 1, 0]
    assert [e["path"] for e in Branches(nodes, "n2").edges()] == [False, True, True]


# -- changes ------------------------------------------------------------------------------------


def test_a_change_whose_interval_holds_zero_is_within_noise():
    made = make_change(Interval(0.005, -0.004, 0.015))

    assert made == {
        "text": "+0.5 pp",
        "interval": "[−0.4, +1.5]",
        "at": pytest.approx([-0.4, 0.5, 1.5]),
        "noise": True,
    }
    assert change_text(made) == "+0.5 pp [−0.4, +1.5], within noise"
    assert make_change(Interval(0.023, 0.009, 0.038))["noise"] is False


def test_a_change_of_what_is_no_share_is_no_percentage():
    """The Brier score's unit is none: +0.0123, from +0.0040 to +0.0206."""
    made = make_change(Interval(0.0123, 0.004, 0.0206), unit=BRIER.unit)
    assert change_text(made) == "+0.012 [+0.004, +0.021]"
    assert made["at"] == [0.004, 0.0123, 0.0206]
    assert make_change(None, -0.0123, BRIER.unit)["text"] == "−0.012"


def test_until_its_interval_is_there_a_change_is_told_alone():
    told = {"text": "+1.2 pp", "interval": "", "at": [], "noise": False}
    assert make_change(None, 0.012) == told
    assert make_change(Interval(0.012, math.nan, math.nan)) == told  # undefined on all draws
    assert change_text(told) == "+1.2 pp"
    assert make_change(None) is None
    assert make_change(Interval(math.nan, math.nan, math.nan), 0.012) is None


def test_no_change_at_all_is_told_as_such_and_has_no_whisker():
    told = {"text": "unchanged", "interval": "", "at": [], "noise": False}
    assert make_change(Interval(0.0, 0.0, 0.0)) == make_change(None, 0.0) == told
    assert change_text(told) == "unchanged"
    assert make_change(Interval(0.0, -0.01, 0.0))["noise"]


@given(st.floats(-1, 1).filter(bool), st.floats(-1, 1), st.floats(-1, 1))
def test_noise_is_what_the_interval_says(estimate, low, high):
    found = Interval(estimate, *sorted((low, high)))
    assert make_change(found)["noise"] == (found.words == "within noise")


def test_all_whiskers_lie_on_one_axis_that_holds_zero():
    rows = [{"change": make_change(Interval(0.02, 0.01, 0.03))}, {"change": None}]
    low, high = make_axis(rows)

    assert low < 0 < 3 < high
    assert make_axis([{"change": None}]) == [-0.06, 0.06]


def test_chips_name_the_class_where_it_is_another():
    chip = make_chip(Intent("bicycle", "wheel", "down", 2.0), "sheep")

    assert chip == {"direction": "down", "sign": "▼", "of": "bicycle", "concept": "wheel"}
    assert make_chip(Intent("bicycle", "sky", "remove"), "bicycle")["of"] == ""


# -- the view -----------------------------------------------------------------------------------


def test_rows_follow_a_fine_tune(app):
    view = ProvenanceView(app)
    app.selection.class_name = "bicycle"
    assert [row["number"] for row in rows(view)] == ["#0"]

    _tune(app, ("bicycle", "wheel", "down"), ("bicycle", "sky", "up"))
    newest, oldest = rows(view)
    change = app.changes.last("bicycle", ["ap"])["ap"]

    assert newest["current"]
    assert not oldest["current"]
    assert {chip["concept"] for chip in newest["chips"]} == {"wheel", "sky"}
    assert newest["change"]["at"][1] == pytest.approx(100 * change.estimate)
    assert newest["value"] == f"{app.students.snapshot.metrics['bicycle'].ap:.3f}"
    assert view._tree.data["total"] == newest["change"]
    assert oldest["change"] is None


@pytest.mark.parametrize("metric", ["f1", "recall", "precision", "accuracy", "fidelity"])
def test_rows_tell_any_metric_with_its_noise(app, metric):
    view = ProvenanceView(app)
    app.selection.class_name = "bicycle"
    _tune(app, ("bicycle", "wheel", "remove"))
    card = dict(rows(view)[0]["card"])
    app.settings.history_metric = metric
    row, snapshot = rows(view)[0], app.students.snapshot
    change = app.changes.last("bicycle", [metric])[metric]
    now, before = (getattr(m["bicycle"], metric) for m in (snapshot.metrics, snapshot.before))

    assert row["value"] == f"{now:.3f}" == card[metric.title()]
    assert change.estimate == pytest.approx(now - before)
    assert row["change"]["at"] == [100 * v for v in (change.low, change.estimate, change.high)]
    assert view._tree.data["total"] == row["change"]
    app.selection.class_name = ""
    told = dict(view._tree.data["metrics"])[metric]
    assert told.startswith("Mean ")
    mean = app.changes.last("", [metric])[metric]
    assert rows(view)[0]["change"] == make_change(mean) == view._tree.data["total"]
    assert mean.estimate == pytest.approx(change.estimate / len(app.store.classes))


def test_fidelity_is_told_beside_accuracy(app):
    view = ProvenanceView(app)
    app.selection.class_name = "bicycle"
    _tune(app, ("bicycle", "wheel", "remove"))
    now = app.students.snapshot.metrics["bicycle"]
    for metric, beside in (("accuracy", now.fidelity), ("fidelity", now.accuracy), ("ap", None)):
        app.settings.history_metric = metric
        told = rows(view)[0]["beside"]
        assert told == (f"{beside:.3f}" if beside else "")


def test_an_iteration_on_another_class_changes_nothing_here(app):
    view = ProvenanceView(app)
    app.selection.class_name = "sheep"
    _tune(app, ("bicycle", "wheel", "down"))
    row = rows(view)[0]

    assert row["change"] is None
    assert row["quiet"] == "no change to sheep"
    assert row["chips"][0]["of"] == "bicycle"


def test_without_a_class_rows_tell_the_mean(app):
    view = ProvenanceView(app)
    _tune(app, ("bicycle", "wheel", "down"))
    snapshot = app.students.snapshot
    gain = [snapshot.metrics[k].ap - snapshot.last[k].ap for k in snapshot.metrics]

    assert ["ap", "mAP"] in view._tree.data["metrics"]
    text = rows(view)[0]["change"]["text"].replace("−", "-").removesuffix(" pp")
    assert float(text) == pytest.approx(100 * sum(gain) / len(gain), abs=0.05)


def test_going_back_deletes_nothing_and_tuning_again_branches(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    first = _tune(app, ("bicycle", "wheel", "down"))
    view.act({"action": "jump", "node": root})

    assert [row["id"] for row in rows(view)] == [first, root]
    assert [row["current"] for row in rows(view)] == [False, True]
    second = _tune(app, ("bicycle", "spoke", "up"))
    found = rows(view)
    assert [(row["id"], row["lane"]) for row in found] == [(second, 0), (first, 1), (root, 0)]


def test_undo_and_redo_follow_the_state(app):
    view = ProvenanceView(app)
    first = _tune(app, ("bicycle", "wheel", "down"))
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (True, False)

    view.act({"action": "undo"})
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (False, True)
    view.act({"action": "redo"})
    assert app.students.node.id == first


def test_a_note_is_kept_and_shown(app):
    view = ProvenanceView(app)
    _tune(app, ("bicycle", "wheel", "down"))
    view.act(
        {
            "action": "set_note",
            "text": "<b>wheels</b> are in every scene",
            "node": app.students.node.id,
        }
    )

    assert rows(view)[0]["note"] == "<b>wheels</b> are in every scene"
    assert app.tuner.nodes()[-1].note == "<b>wheels</b> are in every scene"


def test_holdout_numbers_are_shown_only_of_nodes_looked_at(app):
    view = ProvenanceView(app)
    app.selection.class_name = "bicycle"
    _tune(app, ("bicycle", "wheel", "down"))
    app.tuning.show_split("holdout")
    newest, root = rows(view)

    assert newest["looks"] == "1 look"
    assert newest["value"] == f"{app.students.snapshot.metrics['bicycle'].ap:.3f}"
    assert (root["value"], root["change"]) == ("", None)
    assert root["quiet"] == "holdout not looked at"


def test_the_card_tells_factor_bound_and_certificate(app):
    view = ProvenanceView(app)
    _tune(app, ("bicycle", "wheel", "down"), ("bicycle", "sky", "remove"))
    told = dict(rows(view)[0]["card"])

    assert told["▼ wheel, bicycle"].startswith("×2 · ≤ ")
    assert told["✕ sky, bicycle"] == "= 0"
    assert told["Bounds in force"] == "2"


# -- labels, branches, machines ------------------------------------------------------------------


def test_a_machine_is_named_as_the_author():
    made = [make_author(SimpleNamespace(author=author)) for author in AUTHORS]

    assert made == ["by a machine: crossfit", "", "", ""]


def test_a_name_goes_to_the_row_that_was_named(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    _tune(app, ("bicycle", "wheel", "down"))
    view.act({"action": "rename", "text": "untouched", "node": root})

    assert [row["title"] for row in rows(view)] == ["#1", "#0 untouched"]
    view.act({"action": "rename", "text": "#7", "node": root})
    assert "cannot be named" in view._tree.data["problem"]


def test_a_branch_is_deleted_and_restored_and_the_path_shown_is_kept(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    first = _tune(app, ("bicycle", "wheel", "down"))
    assert [row["kept"] for row in rows(view)] == [
        "The iteration shown is in it",
        "The untouched student stays",
    ]
    view.act({"action": "jump", "node": root})
    assert rows(view)[0]["kept"] == ""

    view.act({"action": "delete", "node": first})
    assert [row["id"] for row in rows(view)] == [root]
    assert view._tree.deleted == [
        {"id": first, "title": "#1", "text": "1 iteration · ▼ bicycle: wheel"}
    ]
    view.act({"action": "restore", "branch": first})
    assert len(rows(view)) == 2
    assert view._tree.deleted == []


# -- the comparison ------------------------------------------------------------------------------


def test_a_comparison_tells_metrics_movers_and_images(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    node = _tune(app, ("bicycle", "wheel", "remove"))
    view.act({"action": "compare", "before": root, "after": node})
    shown, found = view._tree.comparison, app.comparison.result
    item = found.of("bicycle")

    assert shown["title"] == "#0 → #1"
    assert shown["unchanged"] == "The same student: tv monitor, sheep, bird"
    assert shown["sides"][0]["steps"] == []
    assert shown["sides"][1]["steps"][0]["chips"][0]["concept"] == "wheel"
    first = shown["detail"]["metrics"][0]
    assert first["change"]["at"][1] == pytest.approx(100 * item.changes["ap"].estimate)
    assert first["words"] == item.changes["ap"].words
    movers = shown["detail"]["movers"]
    assert movers[0]["concept"] == max(item.movers, key=lambda mover: abs(mover.change)).concept
    assert max(abs(mover["share"]) for mover in movers) == 1
    assert len(shown["detail"]["flips"]) == len(item.churn.flips)

    view.act({"action": "close_comparison"})
    assert view._tree.comparison == {}


def test_the_class_that_was_chosen_stays_when_the_sides_are_swapped(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    node = _tune(app, ("bicycle", "wheel", "remove"), ("sheep", "sky", "up"))
    view.act({"action": "compare", "before": root, "after": node})
    assert view._tree.comparison["detail"]["name"] == "bicycle"

    view.act({"action": "choose_class", "name": "sheep"})
    view.act({"action": "swap"})
    assert view._tree.comparison["title"] == "#1 → #0"
    assert view._tree.comparison["detail"]["name"] == "sheep"


def test_an_image_that_changed_sides_tells_way_and_verdict():
    flip = Flip("a", 3, present=True, label=0, teacher=False, before=-0.5, after=0.25)
    made = make_flip(flip)

    assert (made["way"], made["words"]) == ("absent → present", "now present, now wrong")
    assert (made["fill"], made["before"], made["after"]) == ("student-wrong", "−0.50", "+0.25")
    ignored = make_flip(replace(flip, label=-1))
    assert (ignored["fill"], ignored["verdict"]) == ("", "no label")


def test_images_that_changed_sides_are_counted_in_words():
    flips = (
        Flip("a", 0, present=True, label=1, teacher=True, before=-1.0, after=1.0),
        Flip("b", 1, present=True, label=0, teacher=True, before=-1.0, after=1.0),
        Flip("c", 2, present=False, label=-1, teacher=True, before=1.0, after=-1.0),
    )

    assert churn_text(Churn("tune", 400, flips)) == (
        "3 of 400 images changed sides: 1 to right, 1 to wrong, 1 without a label"
    )
    assert churn_text(Churn("tune", 4000, flips[:1] * 500)).startswith("500 of 4,000 images")
    assert churn_text(Churn("tune", 400, ())) == "No image of 400 changed sides"


def test_pictures_are_sent_of_images_in_the_comparison_only(app, monkeypatch):
    view = ProvenanceView(app)
    sent = []
    monkeypatch.setattr(view._tree, "_send_msg", sent.append)
    root = app.students.node.id
    node = _tune(app, ("bicycle", "wheel", "remove"), ("bicycle", "spoke", "remove"))
    view.act({"action": "compare", "before": root, "after": node})
    rows = {flip.row for flip in app.comparison.result.of("bicycle").churn.flips}
    foreign = next(row for row in range(len(app.store.images)) if row not in rows)
    view.act({"action": "pictures", "rows": [*rows, foreign]})

    assert set(sent[-1]["pictures"]) == {str(row) for row in rows}


# -- export --------------------------------------------------------------------------------------


def test_an_export_goes_to_the_browser(app, monkeypatch):
    view = ProvenanceView(app)
    sent = []
    monkeypatch.setattr(view._tree, "_send_msg", sent.append)
    view.act({"action": "find_formats"})
    assert [each["name"] for each in view._tree.exporting["formats"]] == ["npz", "onnx", "sklearn"]

    node = app.students.node.id
    view.act({"action": "export_edits", "node": node})
    [message] = sent
    text = base64.b64decode(message["save"]["content"]).decode()
    assert message["save"]["name"] == f"small-0-{node}-edits.yaml"
    assert app.students.node.weights_hash in text
    assert view._tree.exporting["status"].endswith(f"is ready, {len(text.encode())} B")


def test_the_choices_of_an_export_are_opened_from_elsewhere(app, monkeypatch):
    view = ProvenanceView(app)
    sent = []
    monkeypatch.setattr(view._tree, "_send_msg", sent.append)
    app.export.param.trigger("asked")
    assert sent == [{"export": True}]


def test_an_export_that_fails_is_told_with_its_remedy(app):
    view = ProvenanceView(app)
    view.act({"action": "export_students", "node": app.students.node.id, "formats": []})

    assert view._tree.exporting["error"].startswith("No format to export.")
    assert view._tree.exporting["busy"] is False


def test_where_iterations_without_typed_concepts_are_is_told():
    assert typed_sentence([]) == ""
    assert typed_sentence(["moss"]).startswith("With moss. Iterations without it come back")
    assert "With moss, fog. Iterations without them" in typed_sentence(["moss", "fog"])
