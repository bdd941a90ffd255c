"""Reads and messages of a step do not grow with the history, and are the same as in full."""

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from factory import small_spec
from histories import alter, make_node
from hypothesis import given, settings
from hypothesis import strategies as st
from long_history import grow

from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import History, Intent, open_tuner
from inficond_panel.views.configuration.view import ConfigurationView
from inficond_panel.views.page.shell import Shell
from inficond_panel.views.provenance.iterations import MOST, WHOLE, cut_window, place_window
from inficond_panel.views.provenance.view import ProvenanceView

ROOT = make_node()


# -- the tree is read once, then what is new ------------------------------------------------------
DONE = {
    "rename": lambda history, node: history.rename(node, f"no {node}"),
    "note": lambda history, node: history.set_note(node, f"it is {node}"),
    "delete": History.delete,
    "restore": History.restore,
    "jump": lambda history, node: history.set_head(ROOT.id, node),
    "undo": lambda history, _: history.undo(ROOT.id),
    "redo": lambda history, _: history.redo(ROOT.id),
    "look": lambda history, node: history.count_look(node, "holdout"),
}


KIND = st.sampled_from(["add", "add", *DONE])
STEP = st.tuples(KIND, st.integers(0, 9), st.integers(0, 1), st.booleans())


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_the_tree_that_is_kept_up_is_that_of_the_file(tmp_path_factory, steps):
    """Two processes write one file; each now and then looks at the tree."""
    path = tmp_path_factory.mktemp("h") / "h.sqlite"
    both = [History(path), History(path)]
    nodes = [both[0].add(ROOT)]
    for at, (kind, which, who, looks) in enumerate(steps):
        history, node = both[who], nodes[which % len(nodes)]
        with suppress(TuningError):  # not possible here: nothing is done
            if kind == "add":
                nodes.append(history.add(make_node(f"n{at}", node)))
            else:
                DONE[kind](history, node.id)
        if looks:
            both[1 - who].iterations(ROOT.id, lambda _: None)
    expected = History(path)
    whole, state = expected.nodes(ROOT.id, deleted=True), expected.state(ROOT.id)
    for history in both:
        found, now = history.iterations(ROOT.id, lambda _: None)
        assert now == state
        for it, node in zip(found, whole, strict=True):
            for field in ("id", "parent", "number", "intents", "created", "weights_hash"):
                assert getattr(it, field) == getattr(node, field)
        assert now.all_hidden() == {it.id for it in found if now.hidden(it.id)}


def test_rows_altered_while_the_file_is_open_are_found(tmp_path):
    history = History(tmp_path / "h.sqlite")
    node = history.add(make_node("a", history.add(ROOT)))
    history.iterations(ROOT.id, lambda _: None)
    alter(history.path, "UPDATE nodes SET author = 'other' WHERE id = ?", node.id)
    with pytest.raises(HistoryError, match="was altered"):
        history.iterations(ROOT.id, lambda _: None)


# -- the window -----------------------------------------------------------------------------------
places = st.integers(-(10**6), 10**6)


@given(st.integers(1, 3000), st.data(), places, places)
def test_any_window_that_is_asked_for_is_cut_to_rows_that_there_are(size, data, first, last):
    """And it goes to the row that is shown."""
    found = cut_window(size, first, last)
    assert 0 <= found[0] < found[1] <= size
    assert found[1] - found[0] <= max(MOST, WHOLE)
    if size <= WHOLE:
        assert found == (0, size)
    elif 0 <= first < last <= size:
        assert found == (first, min(last, first + MOST))
    wanted = data.draw(st.integers(0, size - 1))
    placed = place_window(size, wanted, found)
    assert placed[0] <= wanted < placed[1]
    assert placed == cut_window(size, *placed)
    if found[0] <= wanted < found[1]:
        assert placed == found
    assert place_window(size, None, found) == found


# -- the view -------------------------------------------------------------------------------------
def test_rows_in_a_window_are_those_of_the_whole_list(tmp_path):
    """After each of many steps, also of another session on the same history."""
    tuner = open_tuner(small_spec(tmp_path))
    nodes = grow(tuner, 80)
    app, other = (AppState(tuner, Jobs(inline=True)) for _ in range(2))
    app.tuning.jump(nodes[5].id)
    view = ProvenanceView(app)
    steps = [
        lambda: view.act({"action": "show_rows", "first": 0, "last": 15}),
        lambda: app.tuning.jump(nodes[70].id),
        app.tuning.undo,
        app.tuning.redo,
        lambda: app.tuning.rename(nodes[3].id, "early"),
        lambda: view.act({"action": "show_rows", "first": 70, "last": 500}),
        lambda: app.tuning.set_note(nodes[2].id, "a note"),
        lambda: (other.tuning.toggle(Intent("sheep", "sky", "up")), other.tuning.fine_tune()),
        lambda: (app.tuning.toggle(Intent("bicycle", "wheel", "up")), app.tuning.fine_tune()),
        lambda: app.tuning.jump(nodes[0].id),
        lambda: app.tuning.delete(nodes[40].id),
        lambda: app.tuning.restore(nodes[40].id),
        lambda: app.selection.param.update(class_name="bicycle"),
        lambda: app.tuning.show_split("holdout"),
    ]
    for step in steps:
        step()
        shown, tree = app.tuning.nodes[::-1], view._tree.tree
        assert tree["size"] == len(shown)
        rows = shown[tree["first"] :][: len(tree["rows"])]
        assert rows
        for row, node in zip(tree["rows"], rows, strict=True):
            facts = (node.id, node.number, node.name, node.note)
            assert (row["id"], row["at"], row["name"], row["note"]) == facts
            assert row["current"] == (node.id == app.students.node.id)
            results = view._tree.results
            _expect_value(app, node.id, results["each"][results["of"][node.id]])
        assert tree["current"]["id"] == app.students.node.id
    assert len(app.tuning.nodes) == 83


def _expect_value(app: AppState, node_id: str, result: dict) -> None:
    """As measured directly; on the holdout only where somebody has looked."""
    split, name = app.students.snapshot.split, app.selection.class_name
    if split == "holdout" and not app.tuning.looks[node_id]:
        assert result["quiet"] == "not looked at"
        return
    metrics = app.tuner.metrics(app.tuner.node(node_id), split)
    aps = [metrics[name].ap] if name else [each.ap for each in metrics.values()]
    assert result["value"] == f"{sum(aps) / len(aps):.3f}"


def _sent(tmp_path: Path, iterations: int) -> dict[str, int]:
    """Bytes of all values that components take on: of a click on a class, and of Fine-tune."""
    tmp_path.mkdir()
    tuner = open_tuner(small_spec(tmp_path))
    tuner.set_head(grow(tuner, iterations)[-1])
    app, sent = AppState(tuner, Jobs(inline=True)), Counter()
    page, tree = Shell(app, {})._page, ProvenanceView(app)._tree
    strip = ConfigurationView(app)._strip

    def note(*events) -> None:
        sent[kind] += sum(len(json.dumps(event.new, default=str)) for event in events)

    kind = "before"
    tree.param.watch(note, ["data", "tree", "results", "deleted"])
    strip.param.watch(note, ["data", "student"])
    app.selection.class_name = "bicycle"
    kind = "click"
    app.selection.class_name = "sheep"
    kind = "thumb"
    app.tuning.toggle(Intent("sheep", "sky", "up"))
    kind = "tune"
    app.tuning.fine_tune()
    return {"click": sent["click"], "tune": sent["tune"], "saved": len(json.dumps(page.saved))}


def test_what_is_sent_does_not_grow_with_the_history(tmp_path):
    some, many = _sent(tmp_path / "some", 50), _sent(tmp_path / "many", 400)
    assert min(some.values()) > 0
    for part in some:
        assert many[part] < 1.2 * some[part], part
