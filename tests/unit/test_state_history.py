"""The history as a session shows it: moves, deleted branches, cancelling, one redraw a change."""

import queue
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from factory import small_spec
from sessions import fine_tune
from waiting import PATIENCE

from inficond_panel.common.sqlite_file import Database
from inficond_panel.errors import CancelledError
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, open_tuner


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
    return AppState(open_tuner(small_spec(tmp_path, extra="tuning: {preview: false}\n")), loop.jobs)


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
    assert session.students.node.number == 2
    assert session.dataset.split == "tune"
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


def test_what_can_be_taken_back_is_told_with_the_way_back(app):
    tuning = app.tuning
    fine_tune(app, "wheel")
    tuning.undo()
    assert (tuning.notice.text, tuning.notice.offer) == ("#1 is undone, and kept.", "Redo")
    tuning.notice.run()
    assert app.students.node.number == 1
    assert tuning.notice is None  # there is nothing to redo

    fine_tune(app, "sky")
    root, first = (node.id for node in tuning.nodes[:2])
    tuning.jump(root)
    tuning.delete(first)
    assert tuning.notice.text == "#1 and 1 more deleted."
    assert numbers(app) == [0]
    tuning.notice.run()
    assert numbers(app) == [0, 1, 2]

    tuning.toggle(Intent("bicycle", "wheel", "down"))
    waiting = tuning.pending
    tuning.clear()
    assert tuning.notice.text == "1 change cleared."
    tuning.notice.run()
    assert tuning.pending == waiting

    tuning.jump(first)
    tuning.undo()
    assert tuning.notice.offer == "Redo"
    tuning.fine_tune()
    told = tuning.notice  # a redo would leave what was just made
    assert re.fullmatch(r"#3: AP of bicycle [+−]\d+\.\d points", told.text)
    assert (told.offer, told.compared) == ("Undo", (root, app.students.node.id))
    told.run()
    assert app.students.node.id == root


def test_iterations_of_another_window_are_told_once_and_shown_on_request(app, tmp_path):
    fine_tune(app, "wheel")
    app.tuning.look()
    assert app.tuning.notice.text.startswith("#1: ")  # its own are no news
    other = AppState(open_tuner(tmp_path / "small.yaml"), Jobs(inline=True))
    made = fine_tune(other, "sky")
    app.tuning.look()
    told = app.tuning.notice
    assert told.text == "#2 was made in another window."
    assert (numbers(app), app.students.node.number) == ([0, 1, 2], 1)
    app.tuning.look()
    assert app.tuning.notice is told
    told.run()
    assert app.students.node.id == made
