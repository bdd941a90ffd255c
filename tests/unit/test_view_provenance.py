"""The tree of iterations: lanes, rows, what each changed, and the way to any of them."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from sessions import fine_tune
from viewing import ask, saved

from inficond_panel.common.interval import Interval
from inficond_panel.plots.student_plots import Branches, make_lanes, make_path, make_provenance
from inficond_panel.results.refit_changes import Churn, Flip
from inficond_panel.state import AppState
from inficond_panel.state.selection import Rights
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.views.provenance.comparison import churn_text, make_flip
from inficond_panel.views.provenance.iterations import make_author, make_axis, make_chips
from inficond_panel.views.provenance.view import ProvenanceView, typed_sentence
from inficond_panel.vocabulary.metrics import BRIER, METRICS
from inficond_panel.wording.metrics import change_text, make_change

pytestmark = pytest.mark.page


# -- the tree -----------------------------------------------------------------------------------
def tree(*parents: int | None) -> list[SimpleNamespace]:
    """Nodes numbered in order, each with the number of its parent."""
    above = [None if p is None else f"n{p}" for p in parents]
    return [SimpleNamespace(id=f"n{i}", number=i, parent=p) for i, p in enumerate(above)]


def test_a_branch_has_a_lane_and_the_path_to_the_current_node_is_marked():
    assert make_lanes(tree(None, 0, 1, 2)) == [0, 0, 0, 0]
    older_to_the_right, free_again_below = tree(None, 0, 1, 1, 3), tree(None, 0, 0, 2, 2, 4)
    assert make_lanes(older_to_the_right) == [0, 0, 1, 0, 0]
    assert make_lanes(free_again_below) == [0, 0, 1, 0, 1, 0]
    nodes = tree(None, 0, 1, 1)
    assert [node.number for node in make_path(nodes, "n2")] == [2, 1, 0]
    assert [e["path"] for e in Branches(nodes, "n2").edges()] == [False, True, True]


@hypothesis_given(st.lists(st.floats(0, 0.999), max_size=30))
def test_no_line_runs_through_another_node_and_the_newest_child_stands_above_its_parent(draws):
    """A line keeps its child's lane down to the row above the parent: no node may stand there."""
    nodes = tree(None, *(int(draw * (at + 1)) for at, draw in enumerate(draws)))
    lanes = make_lanes(nodes)
    for edge in Branches(nodes, nodes[0].id).edges():
        (child, lane), (parent, _) = edge["from"], edge["to"]
        assert parent > child
        assert all(lanes[row] != lane for row in range(child + 1, parent))
    lane_of = dict(zip([node.id for node in reversed(nodes)], lanes, strict=True))
    for node in nodes:
        children = [lane_of[child.id] for child in nodes if child.parent == node.id]
        assert lane_of[node.id] == min(children, default=lane_of[node.id])


# -- changes ------------------------------------------------------------------------------------
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


def test_a_change_that_nobody_can_tell_is_none_and_whiskers_lie_on_one_axis_that_holds_zero():
    assert make_change(None) is None
    assert make_change(Interval(math.nan, math.nan, math.nan), 0.012) is None
    assert make_change(Interval(0.0, -0.01, 0.0))["noise"]
    rows = [{"change": make_change(Interval(0.02, 0.01, 0.03))}, {"change": None}]
    low, high = make_axis(rows)
    assert low < 0 < 3 < high
    assert make_axis([{"change": None}]) == [-0.06, 0.06]


@hypothesis_given(st.floats(-1, 1).filter(bool), st.floats(-1, 1), st.floats(-1, 1))
def test_noise_is_what_the_interval_says(estimate, low, high):
    found = Interval(estimate, *sorted((low, high)))
    assert make_change(found)["noise"] == (found.words == "within noise")


def test_chips_name_the_class_rows_a_machine_and_a_sentence_typed_concepts():
    wheel = Intent("bicycle", "wheel", "down", 2.0)
    answers = [Label("bicycle", f"scene-{i}", i % 2, "unsure") for i in range(3)]
    corrected = [Label("bicycle", f"photo-{i}", 0) for i in range(2)]
    labels = [answers[0], corrected[0], *answers[1:], corrected[1]]
    learn = Learn("bicycle", "answers")
    chips = make_chips([wheel, *labels, Label("cat", "scene-4", 1), learn])
    kind = {"direction": "down", "verb": "lower", "sign": "▼"}
    assert chips[3] == {**kind, "of": "bicycle", "concept": "wheel"}
    learned = "the teacher on the tuning images, corrected by the answers"
    told = ["3 answers", "2 labels", "scene-4 present", "wheel", learned]
    assert [chip["concept"] for chip in chips] == told
    assert chips[0]["title"] == "scene-0 absent, scene-1 present, scene-2 absent"
    root = SimpleNamespace(id="a", parent="", number=0, edits=[], name="", note="")
    node = SimpleNamespace(id="b", parent="a", number=1, edits=answers, name="", note="")
    points = make_provenance([root, node], "b").get(1)
    assert list(points["intents"]) == ["", f"{answers[0].kind.glyph} 3 answers, bicycle"]
    authors = ("machine:crossfit", "machine", "user", "")
    made = [make_author(SimpleNamespace(author=author)) for author in authors]
    assert made == ["by a machine: crossfit", "", "", ""]
    assert typed_sentence([]) == ""
    assert typed_sentence(["moss"]).startswith("With moss. Delete it (T) to show the iterations")
    assert "With moss, fog. Delete them (T) to show" in typed_sentence(["moss", "fog"])


@pytest.mark.parametrize("closed", ["", "typing", "forgetting"])
def test_where_no_typed_concept_can_be_deleted_nothing_says_to_delete_it(app, monkeypatch, closed):
    monkeypatch.setattr(type(app.concepts), "typed", ["moss"])
    monkeypatch.setattr(app, "rights", Rights(**({closed: False} if closed else {})))
    typed = ProvenanceView(app)._tree.data["typed"]
    assert ("Delete it (T)" in typed) is (not closed)
    assert ("The iterations without it cannot be shown here." in typed) is bool(closed)


# -- the view -----------------------------------------------------------------------------------
@pytest.fixture
def view(app) -> ProvenanceView:
    """The view of a class."""
    app.selection.class_name = "bicycle"
    return ProvenanceView(app)


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


def tune(app: AppState, *thumbs: str) -> str:
    """Fine-tune with thumbs, each in three words: class, concept and direction."""
    for thumb in thumbs:
        app.tuning.toggle(Intent(*thumb.split()))
    app.tuning.fine_tune()
    return app.students.node.id


def test_rows_follow_a_fine_tune_and_on_the_holdout_a_look(app, view):
    assert [row["number"] for row in rows(view)] == ["#0"]
    tune(app, "bicycle wheel down", "bicycle sky remove")
    newest, oldest = rows(view)
    change = app.changes.last("bicycle", ["ap"])["ap"]
    assert (newest["current"], oldest["current"]) == (True, False)
    assert {chip["concept"] for chip in newest["chips"]} == {"wheel", "sky"}
    assert newest["change"]["at"][1] == pytest.approx(100 * change.estimate)
    assert newest["value"] == f"{app.students.snapshot.metrics['bicycle'].ap:.3f}"
    assert view._tree.data["total"] == newest["change"]
    assert oldest["change"] is None
    card = dict(newest["card"])
    assert card["▼ wheel, bicycle"].startswith("×2 · ≤ ")
    assert (card["✕ sky, bicycle"], card["Bounds"]) == ("= 0", "2")
    app.selection.class_name = "sheep"
    fine_tune(app, "fur")
    row = rows(view)[0]
    assert (row["change"], row["quiet"]) == (None, "unchanged")
    assert row["chips"][0]["of"] == "bicycle"
    app.selection.class_name = "bicycle"
    app.tuning.show_split("holdout")
    newest, second, root = rows(view)
    assert newest["looks"] == "1 look"
    assert newest["value"] == f"{app.students.snapshot.metrics['bicycle'].ap:.3f}"
    for row in (second, root):
        assert (row["value"], row["change"]) == ("", None)
        assert row["quiet"] == "not looked at"
    assert ">AP<" in view.picture().svg()
    app.selection.class_name = ""  # then the mean
    assert ">mAP<" in view.picture().svg()


@pytest.mark.parametrize("metric", ["ap", "f1", "recall", "precision", "accuracy", "fidelity"])
def test_rows_tell_any_metric_with_its_noise(app, view, metric):
    fine_tune(app, "wheel")
    card = dict(rows(view)[0]["card"])
    app.settings.history_metric = metric
    row, snapshot = rows(view)[0], app.students.snapshot
    change = app.changes.last("bicycle", [metric])[metric]
    of = snapshot.metrics["bicycle"]
    now, before = (getattr(m["bicycle"], metric) for m in (snapshot.metrics, snapshot.before))
    name = "AP" if metric == "ap" else metric.title()
    assert row["value"] == f"{now:.3f}" == card[name]
    beside = {"accuracy": f"{of.fidelity:.3f}", "fidelity": f"{of.accuracy:.3f}"}
    assert row["beside"] == beside.get(metric, "")
    assert change.estimate == pytest.approx(now - before)
    assert row["change"]["at"] == [100 * v for v in (change.low, change.estimate, change.high)]
    assert view._tree.data["total"] == row["change"]
    app.selection.class_name = ""
    assert view._tree.data["head"] == {"ap": "mAP"}.get(metric, METRICS[metric].short)
    told = dict(view._tree.data["metrics"])[metric]
    assert told.lower() == ("map" if metric == "ap" else f"mean {metric}")
    mean = app.changes.last("", [metric])[metric]
    assert rows(view)[0]["change"] == make_change(mean) == view._tree.data["total"]
    assert mean.estimate == pytest.approx(change.estimate / len(app.store.classes))


def test_moves_notes_names_and_branches(app, view):
    root, first = app.students.node.id, fine_tune(app, "wheel", "down")
    kept = ["The iteration shown is in it", "The original student stays"]
    assert [row["kept"] for row in rows(view)] == kept
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (True, False)
    ask(view, "undo")
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (False, True)
    ask(view, "redo")
    assert app.students.node.id == first
    ask(view, "set_note", text="<b>wheels</b>", node=first)
    assert rows(view)[0]["note"] == app.tuner.nodes()[-1].note == "<b>wheels</b>"
    ask(view, "rename", text="untouched", node=root)
    assert [row["title"] for row in rows(view)] == ["#1", "#0 untouched"]
    ask(view, "rename", text="#7", node=root)
    assert "cannot be named" in view._tree.data["problem"]

    ask(view, "jump", node=root)  # going back deletes nothing
    assert [(row["id"], row["current"]) for row in rows(view)] == [(first, False), (root, True)]
    second = fine_tune(app, "spoke", "up")
    found = [(row["id"], row["lane"]) for row in rows(view)]
    assert found == [(second, 0), (first, 1), (root, 0)]
    assert rows(view)[1]["kept"] == ""
    ask(view, "delete", node=first)
    assert [row["id"] for row in rows(view)] == [second, root]
    gone = {"id": first, "title": "#1", "text": "1 iteration · ▼ bicycle: wheel"}
    assert view._tree.deleted == [gone]
    ask(view, "restore", branch=first)
    assert (len(rows(view)), view._tree.deleted) == (3, [])


# -- the comparison ------------------------------------------------------------------------------
def test_a_comparison_tells_metrics_movers_and_images(app, view, sent):
    root = app.students.node.id
    node = tune(app, "bicycle spoke remove", "bicycle wheel remove", "sheep sky up")
    ask(view, "compare", before=root, after=node)
    shown, item = view._tree.comparison, app.comparison.result.of("bicycle")
    assert shown["title"] == "#0 → #1"
    assert shown["unchanged"] == "The same student: tv monitor, bird"
    before, after = (side["steps"] for side in shown["sides"])
    assert before == []
    assert {chip["concept"] for chip in after[0]["chips"]} == {"spoke", "wheel", "sky"}
    first = shown["detail"]["metrics"][0]
    assert first["change"]["at"][1] == pytest.approx(100 * item.changes["ap"].estimate)
    assert first["words"] == item.changes["ap"].words
    movers = shown["detail"]["movers"]
    assert movers[0]["concept"] == max(item.movers, key=lambda mover: abs(mover.change)).concept
    assert max(abs(mover["share"]) for mover in movers) == 1
    rows = {flip.row for flip in item.churn.flips}
    assert len(shown["detail"]["flips"]) == len(item.churn.flips) == len(rows) > 0
    foreign = next(row for row in range(len(app.store.images)) if row not in rows)
    ask(view, "pictures", rows=[*rows, foreign])
    assert set(sent[-1]["pictures"]) == {str(row) for row in rows}

    assert shown["detail"]["name"] == "bicycle"
    ask(view, "choose_class", name="sheep")
    ask(view, "swap")  # the class that was chosen stays
    assert view._tree.comparison["title"] == "#1 → #0"
    assert view._tree.comparison["detail"]["name"] == "sheep"
    ask(view, "close_comparison")
    assert view._tree.comparison == {}


def test_an_image_that_changed_sides_tells_way_and_verdict_and_all_are_counted():
    flip = Flip("a", 3, present=True, label=0, teacher=False, before=-0.5, after=0.25)
    made = make_flip(flip)
    assert (made["way"], made["words"]) == ("absent → present", "now present, now wrong")
    assert (made["fill"], made["before"], made["after"]) == ("student-wrong", "−0.50", "+0.25")
    ignored = make_flip(replace(flip, label=-1))
    assert (ignored["fill"], ignored["verdict"]) == ("", "no label")
    right = Flip("a", 0, present=True, label=1, teacher=True, before=-1.0, after=1.0)
    ignored = Flip("c", 2, present=False, label=-1, teacher=True, before=1.0, after=-1.0)
    flips = (right, replace(right, row=1, label=0), ignored)
    told = "3 of 400 images changed their prediction: 1 to right, 1 to wrong, 1 without a label"
    assert churn_text(Churn("tune", 400, flips)) == told
    assert churn_text(Churn("tune", 4000, flips[:1] * 500)).startswith("500 of 4,000 images")
    assert churn_text(Churn("tune", 400, ())) == "No image of 400 changed its prediction"


# -- export --------------------------------------------------------------------------------------
def test_an_export_goes_to_the_browser_and_one_that_fails_is_told_with_its_remedy(app, view, sent):
    app.export.param.trigger("asked")  # its choices are opened from elsewhere
    assert sent.pop() == {"export": True}
    ask(view, "find_formats")
    assert [each["name"] for each in view._tree.exporting["formats"]] == ["npz", "onnx", "sklearn"]
    node = app.students.node
    ask(view, "export_edits", node=node.id)
    [message] = sent
    name, text = saved(message)
    assert name == f"small-0-{node.id}-edits.yaml"
    assert node.weights_hash in text
    assert view._tree.exporting["status"].endswith(f"is ready, {len(text.encode())} B")
    ask(view, "export_students", node=node.id, formats=[])
    assert view._tree.exporting["error"].startswith("No format to export.")
    assert view._tree.exporting["busy"] is False
