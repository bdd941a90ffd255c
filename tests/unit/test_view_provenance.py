"""The tree of iterations: lanes, rows, what each changed, and the way to any of them."""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given as hypothesis_given
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


@pytest.mark.parametrize(
    ("parents", "lanes"),
    [
        ((None, 0, 1, 2), [0, 0, 0, 0]),
        ((None, 0, 1, 1, 3), [0, 0, 1, 0, 0]),  # the older branch goes to the right
        ((None, 0, 0, 2, 2, 4), [0, 0, 1, 0, 1, 0]),  # a lane is free again below its branch
    ],
)
def test_a_branch_has_a_lane(parents, lanes):
    assert make_lanes(tree(*parents)) == lanes


random_trees = (
    st.integers(1, 30)
    .flatmap(lambda n: st.tuples(*[st.integers(0, max(i - 1, 0)) for i in range(n)]))
    .map(lambda parents: tree(None, *parents))
)


@hypothesis_given(random_trees)
def test_no_line_runs_through_another_node(nodes):
    """A line keeps its child's lane down to the row above the parent: no node may stand there."""
    lanes = make_lanes(nodes)
    for edge in Branches(nodes, nodes[0].id).edges():
        (child, lane), (parent, _) = edge["from"], edge["to"]
        assert parent > child
        assert all(lanes[row] != lane for row in range(child + 1, parent))


@hypothesis_given(random_trees)
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


UNDEFINED = Interval(math.nan, math.nan, math.nan)


@pytest.mark.parametrize(
    ("given", "text", "interval", "at"),
    [
        ((Interval(0.005, -0.004, 0.015),), "+0.5 points", "[−0.4, +1.5]", [-0.4, 0.5, 1.5]),
        ((Interval(0.0123, 0.004, 0.0206), None, BRIER.unit),
         "+0.012", "[+0.004, +0.021]", [0.004, 0.0123, 0.0206]),
        ((None, -0.0123, BRIER.unit), "−0.012", "", []),
        ((None, 0.012), "+1.2 points", "", []),  # its interval is not there yet
        ((Interval(0.012, math.nan, math.nan),), "+1.2 points", "", []),  # undefined on all draws
        ((Interval(0.0, 0.0, 0.0),), "unchanged", "", []),
        ((None, 0.0), "unchanged", "", []),
    ],
)  # fmt: skip
def test_a_change_with_its_interval(given, text, interval, at):
    made = make_change(*given)
    assert (made["text"], made["interval"]) == (text, interval)
    assert made["at"] == pytest.approx(at)
    noise = bool(at) and at[0] <= 0 <= at[2]
    assert made["noise"] is noise
    assert change_text(made) == " ".join(filter(None, [text, interval])) + noise * ", within noise"


def test_a_change_that_nobody_can_tell_is_none():
    assert make_change(None) is None
    assert make_change(UNDEFINED, 0.012) is None
    assert make_change(Interval(0.0, -0.01, 0.0))["noise"]


@hypothesis_given(st.floats(-1, 1).filter(bool), st.floats(-1, 1), st.floats(-1, 1))
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


@pytest.fixture
def view(app) -> ProvenanceView:
    """The view of a class."""
    app.selection.class_name = "bicycle"
    return ProvenanceView(app)


@pytest.fixture
def sent(view, monkeypatch) -> list[dict]:
    """Messages to the browser."""
    messages: list[dict] = []
    monkeypatch.setattr(view._tree, "_send_msg", messages.append)
    return messages


def test_rows_follow_a_fine_tune(app, view):
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
def test_rows_tell_any_metric_with_its_noise(app, view, metric):
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


def test_fidelity_is_told_beside_accuracy(app, view):
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
    text = rows(view)[0]["change"]["text"].replace("−", "-").removesuffix(" points")
    assert float(text) == pytest.approx(100 * sum(gain) / len(gain), abs=0.05)


def test_moves_notes_names_and_branches(app, view):
    root = app.students.node.id
    first = _tune(app, ("bicycle", "wheel", "down"))
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (True, False)
    assert [row["kept"] for row in rows(view)] == [
        "The iteration shown is in it",
        "The original student stays",
    ]
    view.act({"action": "undo"})
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (False, True)
    view.act({"action": "redo"})
    assert app.students.node.id == first
    view.act({"action": "set_note", "text": "<b>wheels</b>", "node": first})
    assert rows(view)[0]["note"] == app.tuner.nodes()[-1].note == "<b>wheels</b>"
    view.act({"action": "rename", "text": "untouched", "node": root})
    assert [row["title"] for row in rows(view)] == ["#1", "#0 untouched"]
    view.act({"action": "rename", "text": "#7", "node": root})
    assert "cannot be named" in view._tree.data["problem"]

    view.act({"action": "jump", "node": root})  # going back deletes nothing
    assert [(row["id"], row["current"]) for row in rows(view)] == [(first, False), (root, True)]
    second = _tune(app, ("bicycle", "spoke", "up"))
    found = [(row["id"], row["lane"], row["kept"]) for row in rows(view)]
    assert [made[:2] for made in found] == [(second, 0), (first, 1), (root, 0)]
    assert found[1][2] == ""
    view.act({"action": "delete", "node": first})
    assert [row["id"] for row in rows(view)] == [second, root]
    assert view._tree.deleted == [
        {"id": first, "title": "#1", "text": "1 iteration · ▼ bicycle: wheel"}
    ]
    view.act({"action": "restore", "branch": first})
    assert len(rows(view)) == 3
    assert view._tree.deleted == []


def test_holdout_numbers_are_shown_only_of_nodes_looked_at(app, view):
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


# -- the comparison ------------------------------------------------------------------------------


def test_a_comparison_tells_metrics_movers_and_images(app):
    view = ProvenanceView(app)
    root = app.students.node.id
    node = _tune(app, ("bicycle", "wheel", "remove"), ("sheep", "sky", "up"))
    view.act({"action": "compare", "before": root, "after": node})
    shown, found = view._tree.comparison, app.comparison.result
    item = found.of("bicycle")

    assert shown["title"] == "#0 → #1"
    assert shown["unchanged"] == "The same student: tv monitor, bird"
    assert shown["sides"][0]["steps"] == []
    assert shown["sides"][1]["steps"][0]["chips"][0]["concept"] == "wheel"
    first = shown["detail"]["metrics"][0]
    assert first["change"]["at"][1] == pytest.approx(100 * item.changes["ap"].estimate)
    assert first["words"] == item.changes["ap"].words
    movers = shown["detail"]["movers"]
    assert movers[0]["concept"] == max(item.movers, key=lambda mover: abs(mover.change)).concept
    assert max(abs(mover["share"]) for mover in movers) == 1
    assert len(shown["detail"]["flips"]) == len(item.churn.flips)

    assert shown["detail"]["name"] == "bicycle"
    view.act({"action": "choose_class", "name": "sheep"})
    view.act({"action": "swap"})  # the class that was chosen stays
    assert view._tree.comparison["title"] == "#1 → #0"
    assert view._tree.comparison["detail"]["name"] == "sheep"
    view.act({"action": "close_comparison"})
    assert view._tree.comparison == {}


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
        "3 of 400 images changed their prediction: 1 to right, 1 to wrong, 1 without a label"
    )
    assert churn_text(Churn("tune", 4000, flips[:1] * 500)).startswith("500 of 4,000 images")
    assert churn_text(Churn("tune", 400, ())) == "No image of 400 changed its prediction"


def test_pictures_are_sent_of_images_in_the_comparison_only(app, view, sent):
    root = app.students.node.id
    node = _tune(app, ("bicycle", "wheel", "remove"), ("bicycle", "spoke", "remove"))
    view.act({"action": "compare", "before": root, "after": node})
    rows = {flip.row for flip in app.comparison.result.of("bicycle").churn.flips}
    foreign = next(row for row in range(len(app.store.images)) if row not in rows)
    view.act({"action": "pictures", "rows": [*rows, foreign]})

    assert set(sent[-1]["pictures"]) == {str(row) for row in rows}


# -- export --------------------------------------------------------------------------------------


def test_an_export_goes_to_the_browser(app, view, sent):
    app.export.param.trigger("asked")  # its choices are opened from elsewhere
    assert sent.pop() == {"export": True}
    view.act({"action": "find_formats"})
    assert [each["name"] for each in view._tree.exporting["formats"]] == ["npz", "onnx", "sklearn"]

    node = app.students.node.id
    view.act({"action": "export_edits", "node": node})
    [message] = sent
    text = base64.b64decode(message["save"]["content"]).decode()
    assert message["save"]["name"] == f"small-0-{node}-edits.yaml"
    assert app.students.node.weights_hash in text
    assert view._tree.exporting["status"].endswith(f"is ready, {len(text.encode())} B")


def test_an_export_that_fails_is_told_with_its_remedy(app):
    view = ProvenanceView(app)
    view.act({"action": "export_students", "node": app.students.node.id, "formats": []})

    assert view._tree.exporting["error"].startswith("No format to export.")
    assert view._tree.exporting["busy"] is False


def test_where_iterations_without_typed_concepts_are_is_told():
    assert typed_sentence([]) == ""
    assert typed_sentence(["moss"]).startswith("With moss. Iterations without it come back")
    assert "With moss, fog. Iterations without them" in typed_sentence(["moss", "fog"])
