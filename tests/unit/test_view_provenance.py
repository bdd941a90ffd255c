"""The tree of iterations: lanes, rows, what each changed, and the way to any of them."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from sessions import fine_tune, small_session
from viewing import ask, saved

from inficond_panel.common.interval import Interval
from inficond_panel.plots.student_plots import Branches, make_lanes, make_path, make_provenance
from inficond_panel.results.refit_changes import Churn, Flip
from inficond_panel.state import AppState
from inficond_panel.state.selection import Rights
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.ui.component import Component
from inficond_panel.views.provenance.comparison import churn_text, make_flip
from inficond_panel.views.provenance.iterations import make_axis, make_chips, make_machine_author
from inficond_panel.views.provenance.view import ProvenanceView, typed_sentence
from inficond_panel.vocabulary.metrics import BRIER, METRICS
from inficond_panel.wording.metrics import change_text, make_change

pytestmark = pytest.mark.page


# -- the tree -----------------------------------------------------------------------------------
def tree(*parents: int | None) -> list[SimpleNamespace]:
    """Nodes numbered in order, each with the number of its parent."""
    above = [None if p is None else f"n{p}" for p in parents]
    return [SimpleNamespace(id=f"n{i}", number=i, parent=p) for i, p in enumerate(above)]


@pytest.mark.parametrize(
    ("parents", "lanes"),
    [
        ((None, 0, 1, 2), [0, 0, 0, 0]),
        ((None, 0, 1, 1, 3), [0, 0, 1, 0, 0]),  # older to the right
        ((None, 0, 0, 2, 2, 4), [0, 0, 1, 0, 1, 0]),  # free again below
    ],
)
def test_a_branch_has_a_lane(parents, lanes):
    assert make_lanes(tree(*parents)) == lanes


def test_the_path_to_the_current_node_is_marked():
    nodes = tree(None, 0, 1, 1)
    assert [node.number for node in make_path(nodes, "n2")] == [2, 1, 0]
    assert [e["path"] for e in Branches(nodes, "n2").edges()] == [False, True, True]


SHARES = st.lists(st.floats(0, 0.999), max_size=30)


def drawn_tree(draws: list[float]) -> list[SimpleNamespace]:
    return tree(None, *(int(draw * (at + 1)) for at, draw in enumerate(draws)))


@hypothesis_given(SHARES)
def test_no_line_runs_through_another_node(draws):
    """A line keeps its child's lane down to the row above the parent: no node may stand there."""
    nodes = drawn_tree(draws)
    lanes = make_lanes(nodes)
    for edge in Branches(nodes, nodes[0].id).edges():
        (child, lane), (parent, _) = edge["from"], edge["to"]
        assert parent > child
        assert all(lanes[row] != lane for row in range(child + 1, parent))


@hypothesis_given(SHARES)
def test_the_newest_child_stands_above_its_parent(draws):
    nodes = drawn_tree(draws)
    lanes = make_lanes(nodes)
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


def test_a_change_that_nobody_can_tell_is_none():
    assert make_change(None) is None
    assert make_change(Interval(math.nan, math.nan, math.nan), 0.012) is None


def test_an_interval_that_ends_at_zero_is_noise():
    assert make_change(Interval(0.0, -0.01, 0.0))["noise"]


def test_whiskers_lie_on_one_axis_that_holds_zero():
    rows = [{"change": make_change(Interval(0.02, 0.01, 0.03))}, {"change": None}]
    low, high = make_axis(rows)
    assert low < 0 < 3 < high
    assert make_axis([{"change": None}]) == [-0.06, 0.06]


@hypothesis_given(st.floats(-1, 1).filter(bool), st.floats(-1, 1), st.floats(-1, 1))
def test_noise_is_what_the_interval_says(estimate, low, high):
    found = Interval(estimate, *sorted((low, high)))
    assert make_change(found)["noise"] == (found.words == "within noise")


ANSWERS = [Label("bicycle", f"scene-{i}", i % 2, "unsure") for i in range(3)]


@pytest.fixture(scope="module")
def chips() -> list[dict]:
    """Chips of a batch with a thumb, answers, labels and what is learned."""
    wheel = Intent("bicycle", "wheel", "down", 2.0)
    answers = ANSWERS
    corrected = [Label("bicycle", f"photo-{i}", 0) for i in range(2)]
    labels = [answers[0], corrected[0], *answers[1:], corrected[1]]
    learn = Learn("bicycle", "answers")
    return make_chips([wheel, *labels, Label("cat", "scene-4", 1), learn])


def test_a_chip_of_a_thumb_names_what_it_tunes(chips):
    kind = {"direction": "down", "verb": "lower", "sign": "▼"}
    assert chips[3] == {**kind, "of": "bicycle", "concept": "wheel"}


def test_chips_put_labels_of_a_class_together(chips):
    learned = "the teacher on the tuning images, corrected by the answers"
    told = ["3 answers", "2 labels", "scene-4 present", "wheel", learned]
    assert [chip["concept"] for chip in chips] == told


def test_a_chip_of_answers_lists_them_in_its_title(chips):
    assert chips[0]["title"] == "scene-0 absent, scene-1 present, scene-2 absent"


def test_the_plot_puts_answers_of_a_class_together():
    answers = ANSWERS
    root = SimpleNamespace(id="a", parent="", number=0, edits=[], name="", note="")
    node = SimpleNamespace(id="b", parent="a", number=1, edits=answers, name="", note="")
    points = make_provenance([root, node], "b").get(1)
    assert list(points["intents"]) == ["", f"{answers[0].kind.glyph} 3 answers, bicycle"]


@pytest.mark.parametrize(
    ("author", "told"),
    [("machine:crossfit", "by a machine: crossfit"), ("machine", ""), ("user", ""), ("", "")],
)
def test_a_row_names_the_machine_that_made_it(author, told):
    assert make_machine_author(SimpleNamespace(author=author)) == told


def test_a_sentence_names_typed_concepts():
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


def test_the_original_students_are_the_first_row(view):
    assert [row["number"] for row in rows(view)] == ["#0"]


BATCH = "bicycle wheel down", "bicycle sky remove"


def test_a_fine_tune_adds_a_row_with_its_change(app, view):
    tune(app, *BATCH)
    newest, oldest = rows(view)
    change = app.changes.last("bicycle", ["ap"])["ap"]
    assert (newest["current"], oldest["current"]) == (True, False)
    assert {chip["concept"] for chip in newest["chips"]} == {"wheel", "sky"}
    assert newest["change"]["at"][1] == pytest.approx(100 * change.estimate)
    assert newest["value"] == f"{app.students.snapshot.metrics['bicycle'].ap:.3f}"
    assert view._tree.data["total"] == newest["change"]
    assert oldest["change"] is None


def test_the_card_of_a_row_has_the_bound_of_each_thumb(app, view):
    tune(app, *BATCH)
    card = dict(rows(view)[0]["card"])
    assert card["▼ wheel, bicycle"].startswith("×2 · ≤ ")
    assert card["✕ sky, bicycle"] == "= 0"


def test_the_card_of_a_row_counts_bounds(app, view):
    tune(app, *BATCH)
    assert dict(rows(view)[0]["card"])["Bounds"] == "2"


def test_a_row_of_another_class_is_quiet(app, view):
    app.selection.class_name = "sheep"
    fine_tune(app, "fur")
    row = rows(view)[0]
    assert (row["change"], row["quiet"]) == (None, "unchanged")
    assert row["chips"][0]["of"] == "bicycle"


def test_on_the_holdout_a_row_has_values_once_it_was_looked_at(app, view):
    tune(app, *BATCH)
    fine_tune(app, "fur")
    app.tuning.show_split("holdout")
    newest, second, root = rows(view)
    assert newest["looks"] == "1 look"
    assert newest["value"] == f"{app.students.snapshot.metrics['bicycle'].ap:.3f}"
    for row in (second, root):
        assert (row["value"], row["change"]) == ("", None)
        assert row["quiet"] == "not looked at"


def test_the_picture_is_of_the_class_or_of_the_mean(app, view):
    assert ">AP<" in view.picture().svg()
    app.selection.class_name = ""  # then the mean
    assert ">mAP<" in view.picture().svg()


EACH_METRIC = ("ap", "f1", "recall", "precision", "accuracy", "fidelity")


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[AppState, ProvenanceView]:
    """A session with one refit of bicycle, whose metric tests choose."""
    app = small_session(tmp_path_factory.mktemp("measured"))
    app.selection.class_name = "bicycle"
    view = ProvenanceView(app)
    fine_tune(app, "wheel")
    return app, view


@pytest.mark.parametrize("metric", EACH_METRIC)
def test_rows_tell_any_metric_of_the_class_with_its_noise(measured, metric):
    app, view = measured
    app.selection.class_name = "bicycle"
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


@pytest.mark.parametrize("metric", EACH_METRIC)
def test_rows_tell_the_mean_of_any_metric_with_its_noise(measured, metric):
    app, view = measured
    app.selection.class_name = ""
    app.settings.history_metric = metric
    assert view._tree.data["head"] == {"ap": "mAP"}.get(metric, METRICS[metric].short)
    told = dict(view._tree.data["metrics"])[metric]
    assert told.lower() == ("map" if metric == "ap" else f"mean {metric}")
    mean = app.changes.last("", [metric])[metric]
    assert rows(view)[0]["change"] == make_change(mean) == view._tree.data["total"]
    change = app.changes.last("bicycle", [metric])[metric]
    assert mean.estimate == pytest.approx(change.estimate / len(app.store.classes))


def test_rows_say_why_they_are_kept(app, view):
    fine_tune(app, "wheel", "down")
    kept = ["The iteration shown is in it", "The original student stays"]
    assert [row["kept"] for row in rows(view)] == kept


def test_the_iteration_in_view_moves_back_with_undo_or_on_with_redo(app, view):
    first = fine_tune(app, "wheel", "down")
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (True, False)
    ask(view, "undo")
    assert (view._tree.data["undo"], view._tree.data["redo"]) == (False, True)
    ask(view, "redo")
    assert app.students.node.id == first


def test_a_row_has_its_note_as_it_was_written(app, view):
    first = fine_tune(app, "wheel", "down")
    ask(view, "set_note", text="<b>wheels</b>", node=first)
    assert rows(view)[0]["note"] == app.tuner.nodes()[-1].note == "<b>wheels</b>"


def test_a_row_has_the_name_of_its_iteration(app, view):
    root = app.students.node.id
    fine_tune(app, "wheel", "down")
    ask(view, "rename", text="untouched", node=root)
    assert [row["title"] for row in rows(view)] == ["#1", "#0 untouched"]


def test_a_name_like_a_number_is_refused(app, view):
    root = app.students.node.id
    ask(view, "rename", text="#7", node=root)
    assert "cannot be named" in view._tree.data["problem"]


def test_going_back_deletes_nothing(app, view):
    root, first = app.students.node.id, fine_tune(app, "wheel", "down")
    ask(view, "jump", node=root)  # going back deletes nothing
    assert [(row["id"], row["current"]) for row in rows(view)] == [(first, False), (root, True)]


def test_a_second_branch_has_a_lane_of_its_own(app, view):
    root, first = app.students.node.id, fine_tune(app, "wheel", "down")
    app.tuning.jump(root)
    second = fine_tune(app, "spoke", "up")
    found = [(row["id"], row["lane"]) for row in rows(view)]
    assert found == [(second, 0), (first, 1), (root, 0)]
    assert rows(view)[1]["kept"] == ""


def test_a_branch_that_was_deleted_can_be_restored(app, view):
    root, first = app.students.node.id, fine_tune(app, "wheel", "down")
    app.tuning.jump(root)
    second = fine_tune(app, "spoke", "up")
    ask(view, "delete", node=first)
    assert [row["id"] for row in rows(view)] == [second, root]
    gone = {"id": first, "title": "#1", "text": "1 iteration · ▼ bicycle: wheel"}
    assert view._tree.deleted == [gone]
    ask(view, "restore", branch=first)
    assert (len(rows(view)), view._tree.deleted) == (3, [])


# -- the comparison ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> tuple[AppState, ProvenanceView]:
    """A comparison of the original students with an iteration of two classes."""
    app = small_session(tmp_path_factory.mktemp("compared"))
    app.selection.class_name = "bicycle"
    view = ProvenanceView(app)
    root = app.students.node.id
    node = tune(app, "bicycle spoke remove", "bicycle wheel remove", "sheep sky up")
    ask(view, "compare", before=root, after=node)
    return app, view


def test_a_comparison_names_its_sides(compared):
    shown = compared[1]._tree.comparison
    assert shown["title"] == "#0 → #1"
    before, after = (side["steps"] for side in shown["sides"])
    assert before == []
    assert {chip["concept"] for chip in after[0]["chips"]} == {"spoke", "wheel", "sky"}


def test_a_comparison_names_the_students_that_are_the_same(compared):
    shown = compared[1]._tree.comparison
    assert shown["unchanged"] == "The same student: tv monitor, bird"


def test_a_comparison_tells_changes_of_metrics(compared):
    app, view = compared
    shown, item = view._tree.comparison, app.comparison.result.of("bicycle")
    first = shown["detail"]["metrics"][0]
    assert first["change"]["at"][1] == pytest.approx(100 * item.changes["ap"].estimate)
    assert first["words"] == item.changes["ap"].words


def test_a_comparison_tells_the_concepts_that_moved_most(compared):
    app, view = compared
    shown, item = view._tree.comparison, app.comparison.result.of("bicycle")
    movers = shown["detail"]["movers"]
    assert movers[0]["concept"] == max(item.movers, key=lambda mover: abs(mover.change)).concept
    assert max(abs(mover["share"]) for mover in movers) == 1


def test_a_comparison_has_pictures_of_the_images_that_changed_alone(compared, monkeypatch):
    app, view = compared
    sent = []
    monkeypatch.setattr(Component, "_send_msg", lambda _, message: sent.append(message))
    shown, item = view._tree.comparison, app.comparison.result.of("bicycle")
    rows = {flip.row for flip in item.churn.flips}
    assert len(shown["detail"]["flips"]) == len(item.churn.flips) == len(rows) > 0
    foreign = next(row for row in range(len(app.store.images)) if row not in rows)
    ask(view, "pictures", rows=[*rows, foreign])
    assert set(sent[-1]["pictures"]) == {str(row) for row in rows}


def test_a_comparison_begins_with_the_class_that_is_selected(compared):
    shown = compared[1]._tree.comparison
    assert shown["detail"]["name"] == "bicycle"


def test_sides_that_are_swapped_keep_the_class_that_was_chosen(app, view):
    root, node = app.students.node.id, tune(app, "sheep sky up")
    ask(view, "compare", before=root, after=node)
    ask(view, "choose_class", name="sheep")
    ask(view, "swap")  # the class that was chosen stays
    assert view._tree.comparison["title"] == "#1 → #0"
    assert view._tree.comparison["detail"]["name"] == "sheep"


def test_a_comparison_is_closed(app, view):
    root, node = app.students.node.id, tune(app, "sheep sky up")
    ask(view, "compare", before=root, after=node)
    ask(view, "close_comparison")
    assert view._tree.comparison == {}


ABSENT_TO_PRESENT = Flip("a", 3, present=True, label=0, teacher=False, before=-0.5, after=0.25)


def test_an_image_whose_prediction_changed_tells_its_way():
    made = make_flip(ABSENT_TO_PRESENT)
    assert (made["way"], made["before"], made["after"]) == ("absent → present", "−0.50", "+0.25")


def test_an_image_whose_prediction_changed_tells_the_verdict():
    made = make_flip(ABSENT_TO_PRESENT)
    assert (made["fill"], made["words"]) == ("student-wrong", "now present, now wrong")


def test_an_image_without_a_label_has_no_verdict():
    ignored = make_flip(replace(ABSENT_TO_PRESENT, label=-1))
    assert (ignored["fill"], ignored["verdict"]) == ("", "no label")


def test_images_whose_prediction_changed_are_counted():
    right = Flip("a", 0, present=True, label=1, teacher=True, before=-1.0, after=1.0)
    ignored = Flip("c", 2, present=False, label=-1, teacher=True, before=1.0, after=-1.0)
    flips = (right, replace(right, row=1, label=0), ignored)
    told = "3 of 400 images changed their prediction: 1 to right, 1 to wrong, 1 without a label"
    assert churn_text(Churn("tune", 400, flips)) == told
    assert churn_text(Churn("tune", 4000, flips[:1] * 500)).startswith("500 of 4,000 images")
    assert churn_text(Churn("tune", 400, ())) == "No image of 400 changed its prediction"


# -- export --------------------------------------------------------------------------------------
def test_choices_of_an_export_are_opened_from_elsewhere(app, view, sent):
    app.export.param.trigger("asked")
    assert sent.pop() == {"export": True}


def test_formats_of_an_export_are_told(view):
    ask(view, "find_formats")
    assert [each["name"] for each in view._tree.exporting["formats"]] == ["npz", "onnx", "sklearn"]


def test_an_export_goes_to_the_browser(app, view, sent):
    node = app.students.node
    ask(view, "export_edits", node=node.id)
    [message] = sent
    name, text = saved(message)
    assert name == f"small-0-{node.id}-edits.yaml"
    assert node.weights_hash in text
    assert view._tree.exporting["status"].endswith(f"is ready, {len(text.encode())} B")


def test_an_export_that_fails_is_told_with_its_remedy(app, view, sent):
    node = app.students.node
    ask(view, "export_students", node=node.id, formats=[])
    assert view._tree.exporting["error"].startswith("No format to export.")
    assert view._tree.exporting["busy"] is False
