"""The history as a session shows it: moves, deleted branches, cancelling, one redraw a change."""

import json
import queue
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec
from histories import alter, make_node
from hypothesis import given, settings
from hypothesis import strategies as st
from long_history import grow
from sessions import fine_tune
from waiting import PATIENCE

from inficond_panel.common.sqlite_file import Database
from inficond_panel.errors import CancelledError, HistoryError, TuningError
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import write_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import History, Intent, open_tuner
from inficond_panel.views.configuration.view import ConfigurationView
from inficond_panel.views.page.shell import Shell
from inficond_panel.views.provenance.iterations import MOST, WHOLE, cut_window, place_window
from inficond_panel.views.provenance.view import ProvenanceView

pytestmark = pytest.mark.page


def numbers(app: AppState) -> list[int]:
    return [node.number for node in app.tuning.nodes]


def test_each_change_is_one_redraw(app):
    drawn: list[tuple[int, int]] = []

    def draw(*_: object) -> None:
        students = app.students
        assert students.node.id in [node.id for node in students.tree.nodes]
        drawn.append((students.node.number, len(students.tree.nodes)))

    app.students.param.watch(draw, ["snapshot", "tree"])
    fine_tune(app, "wheel")
    app.tuning.undo()
    app.tuning.redo()
    app.tuning.set_note(app.students.node.id, "why")
    app.tuning.rename(app.students.node.id, "no wheels")
    app.tuning.show_split("holdout")
    assert drawn == [(1, 2), (0, 2), (1, 2), (1, 2), (1, 2), (1, 2)]
    shown = app.tuning.nodes[1]
    assert (shown.note, shown.name, app.tuning.looks[shown.id]) == ("why", "no wheels", 1)


# -- with a worker --------------------------------------------------------------------------
class Loop:
    """The session's event loop: publishes only when it is run, on this thread."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Callable[[], None]] = queue.Queue()
        self.jobs = Jobs(self.waiting.put)

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.waiting.get(timeout=PATIENCE)()


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.jobs.close()


@pytest.fixture
def session(loop: Loop, tmp_path: Path) -> AppState:
    return AppState(
        open_tuner(small_spec(tmp_path, extra="tuning: {refit: all, preview: false}\n")), loop.jobs
    )


class Held:
    """A refit without wheel that goes on until it is let go, and then heeds a cancellation."""

    def __init__(self, session: AppState, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()
        self.refit = session.tuner.fine_tune
        monkeypatch.setattr(session.tuner, "fine_tune", self)
        session.tuning.toggle(Intent("bicycle", "wheel", "remove"))
        session.tuning.fine_tune()
        assert self.began.wait(PATIENCE)

    def __call__(self, parent, batch, progress, cancelled, author):
        self.began.set()
        assert self.let_go.wait(PATIENCE)
        if cancelled():
            raise CancelledError("Cancelled.")
        return self.refit(parent, batch, author=author)


def test_a_cancelled_refit_says_so_until_it_has_stopped(session, loop, monkeypatch):
    tuning = session.tuning
    tuning.cancel()  # nothing
    assert tuning.status.kind == "idle"
    held = Held(session, monkeypatch)
    tuning.cancel()
    assert tuning.status.kind == "cancelling"
    assert tuning.busy
    tuning._report(0.5, "late")  # a report that was on its way
    tuning.fine_tune()  # not twice
    tuning.undo()  # nor a move meanwhile
    assert tuning.status.kind == "cancelling"
    held.let_go.set()
    loop.until(lambda: not tuning.busy)
    assert tuning.status.kind == "idle"
    assert [intent.concept for intent in tuning.pending] == ["wheel"]
    assert numbers(session) == [0]
    assert not session.jobs.busy


def test_thumbs_during_a_refit_wait_and_what_is_fitted_is_not_cleared(session, loop, monkeypatch):
    held, tuning = Held(session, monkeypatch), session.tuning
    tuning.clear()
    assert [intent.concept for intent in tuning.pending] == ["wheel"]
    assert tuning.notice is None
    tuning.toggle(Intent("bicycle", "sky", "down"))
    assert tuning.status.kind == "fitting"
    held.let_go.set()
    loop.until(lambda: not tuning.busy)
    assert session.students.node.number == 1
    assert [intent.concept for intent in tuning.pending] == ["sky"]


def test_quick_moves_all_count_and_a_look_of_the_node_that_was_asked_for(session, loop):
    for concept in ("wheel", "sky", "fur"):
        fine_tune(session, concept)
        loop.until(lambda: not session.jobs.busy)
    for move, number in ((session.tuning.undo, 1), (session.tuning.redo, 3)):
        move()
        move()  # before the first has been shown
        loop.until(lambda: not session.jobs.busy)
        assert session.students.node.number == number
    session.tuning.undo()
    session.tuning.show_split("holdout")  # of #3, while #2 is on its way
    loop.until(lambda: not session.jobs.busy)
    assert (session.students.node.number, session.dataset.split) == (2, "tune")
    assert session.tuner.looks() == 0


def test_the_history_is_read_and_written_off_the_event_loop(session, loop, monkeypatch):
    threads, transaction, tuning = set(), Database.transaction, session.tuning

    def noted(self, write: bool = False):
        threads.add(threading.current_thread())
        return transaction(self, write)

    monkeypatch.setattr(Database, "transaction", noted)
    for act in (
        lambda: tuning.toggle(Intent("bicycle", "wheel", "remove")),
        tuning.fine_tune,
        lambda: tuning.show_split("holdout"),
        tuning.undo,
        tuning.redo,
        lambda: tuning.set_note(tuning.head.id, "why"),
        lambda: tuning.rename(tuning.head.id, "name"),
        lambda: tuning.jump(tuning.nodes[0].id),
        lambda: tuning.delete(tuning.nodes[1].id),
    ):
        act()
        loop.until(lambda: not session.jobs.busy)
        assert tuning.status.kind in {"idle", "done"}
        assert set(tuning.looks.values()) <= {0, 1}
    assert numbers(session) == [0]
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_the_log_tells_who_did_it(app):
    app.tuning.author = "ada"
    node = fine_tune(app, "fur", "down")
    app.tuning.rename(node, "less fur")
    app.tuning.set_note(node, "it is the grass")
    app.tuning.show_split("holdout")
    app.tuning.undo()
    app.tuning.redo()
    app.tuning.jump(app.tuner.root_id)
    app.tuning.delete(node)
    app.tuning.restore(node)
    assert app.tuner.node(node).author == "ada"
    own = app.tuner.history.events(app.tuner.root_id)[1:]
    assert {event.author for event in own} == {"ada"}
    kinds = "add fine-tune rename note look undo redo jump delete restore"
    assert {event.kind for event in own} == set(kinds.split())


def test_an_undo_is_told_with_its_redo(app):
    tuning = app.tuning
    fine_tune(app, "wheel")
    tuning.undo()
    assert (tuning.notice.text, tuning.notice.offer) == ("#1 is undone, and kept.", "Redo")
    tuning.notice.run()
    assert app.students.node.number == 1
    assert tuning.notice is None  # there is nothing to redo


def test_a_deletion_is_told_with_its_way_back(app):
    tuning = app.tuning
    fine_tune(app, "wheel")
    fine_tune(app, "sky")
    root, first = (node.id for node in tuning.nodes[:2])
    tuning.jump(root)
    tuning.delete(first)
    assert tuning.notice.text == "#1 and 1 more deleted."
    assert numbers(app) == [0]
    tuning.notice.run()
    assert numbers(app) == [0, 1, 2]


def test_a_batch_that_is_cleared_is_told_with_its_way_back(app):
    tuning = app.tuning
    tuning.toggle(Intent("bicycle", "wheel", "down"))
    waiting = tuning.pending
    tuning.clear()
    assert tuning.notice.text == "1 change cleared."
    tuning.notice.run()
    assert tuning.pending == waiting


def test_a_refit_after_an_undo_offers_its_own_undo(app):
    tuning = app.tuning
    fine_tune(app, "wheel")
    first = app.students.node.id
    fine_tune(app, "sky")
    root = tuning.nodes[0].id
    tuning.jump(first)
    tuning.toggle(Intent("bicycle", "wheel", "down"))
    tuning.undo()
    assert tuning.notice.offer == "Redo"
    tuning.fine_tune()
    told = tuning.notice  # a redo would leave what was just made
    assert told.text == "bicycle is fine-tuned: #3"
    assert (told.offer, told.compared) == ("Undo", (root, app.students.node.id))
    told.run()
    assert app.students.node.id == root


def test_a_page_is_told_that_its_store_was_replaced(app):
    write_store(app.store.path, small_arrays(seed=7), ATTRS)
    app.tuning.look()
    status = app.tuning.status
    assert (status.kind, status.text) == (
        "error",
        "small.zarr was replaced by another store while it was in use.",
    )


def test_a_page_looks_on_after_maps_were_added_to_its_store(app):
    pixels = app.store.read("mask_offset")[-1]
    maps = {"knowledge_contrast": np.zeros(pixels, np.float16)}
    add_arrays(app.store, maps, {"knowledge": {"b": 0.5}})
    app.tuning.look()
    assert app.tuning.status.kind == "idle"


def test_iterations_of_another_window_are_told_once_and_shown_on_request(app, tmp_path):
    fine_tune(app, "wheel")
    app.tuning.look()
    assert app.tuning.notice.text.endswith("fine-tuned: #1")  # its own are no news
    other = AppState(open_tuner(tmp_path / "small.yaml"), Jobs(inline=True))
    made = fine_tune(other, "sky")
    app.tuning.look()
    told = app.tuning.notice
    assert told.text == "#2 came from another page or a script."
    assert (numbers(app), app.students.node.number) == ([0, 1, 2], 1)
    app.tuning.look()
    assert app.tuning.notice is told
    told.run()
    assert app.students.node.id == made


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
