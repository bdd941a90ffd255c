"""The log of a history: moves, labels, deleted branches, and the state that follows from them."""

from datetime import datetime

import pytest
from histories import make_node
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.tuning import Event, History, HistoryState, Node
from inficond_panel.tuning.history.belongs import ReliedThing

ROOT = make_node()
A = make_node("a", ROOT)
B = make_node("b", A)
C = make_node("c", ROOT)


@pytest.fixture
def history(place):
    """#0 ── #1 (a) ── #2 (b), and #3 (c) from #0; the head at b."""
    history = History(place)
    for node in (ROOT, A, B, C):
        history.add(node)
    for node in (A, B):
        history.set_head(ROOT.id, node.id, "fine-tune")
    return history


def kinds(history: History) -> list[str]:
    return [event.kind for event in history.events(ROOT.id) if event.kind != "add"]


def visible(history: History) -> list[str]:
    return [node.id for node in history.nodes(ROOT.id)]


@pytest.fixture
def opened_again(history):
    """The history opened again, after two undos and a redo."""
    assert history.undo(ROOT.id) == A.id
    assert history.undo(ROOT.id, author="somebody") == ROOT.id
    history.close()
    again = History(history.path)
    assert again.state(ROOT.id).redo == [B.id, A.id]
    assert again.redo(ROOT.id) == A.id
    return again


def test_moves_survive_a_restart(opened_again):
    again = opened_again
    events = [event for event in again.events(ROOT.id) if event.kind != "add"]
    assert [(event.kind, event.origin, event.node) for event in events] == [
        ("fine-tune", ROOT.id, A.id), ("fine-tune", A.id, B.id),
        ("undo", B.id, A.id), ("undo", A.id, ROOT.id), ("redo", ROOT.id, A.id),
    ]  # fmt: skip
    assert events[3].author == "somebody"


def test_moves_have_their_times_with_a_zone(opened_again):
    again = opened_again
    events = [event for event in again.events(ROOT.id) if event.kind != "add"]
    times = [datetime.fromisoformat(event.created) for event in events]
    assert times == sorted(times)
    assert all(time.utcoffset() is not None for time in times)


def test_a_redo_ends_where_nothing_was_undone(opened_again):
    again = opened_again
    assert again.redo(ROOT.id) == B.id
    with pytest.raises(TuningError, match="nothing to redo"):
        again.redo(ROOT.id)


def test_a_session_undoes_from_what_it_shows(history):
    # another session jumped to c; this one still shows b
    history.set_head(ROOT.id, C.id)
    assert history.undo(ROOT.id, origin=B.id) == A.id
    assert history.state(ROOT.id).redo == [B.id]
    assert history.redo(ROOT.id, origin=A.id) == B.id


def test_a_session_redoes_only_a_child_of_what_it_shows(history):
    history.undo(ROOT.id, origin=B.id)
    history.set_head(ROOT.id, C.id)
    with pytest.raises(TuningError):  # b is not a child of what is shown
        history.redo(ROOT.id)


def test_a_move_to_a_node_that_is_not_there_is_refused(history):
    other = history.add(make_node("other root"))
    moves = [lambda node=node: history.set_head(ROOT.id, node) for node in ("none", other.id)]
    for go in (history.undo, history.redo):
        moves += [lambda go=go: go("none"), lambda go=go: go(ROOT.id, origin="none")]
    for move in moves:
        with pytest.raises(TuningError, match="no iteration"):
            move()


def test_an_undo_is_no_kind_of_move_to_a_node(history):
    with pytest.raises(ValueError, match="kind must be"):
        history.set_head(ROOT.id, A.id, "undo")


def test_looks_are_counted_by_node_with_split(history):
    assert history.looks(A.id, "holdout") == 0
    assert [history.count_look(A.id, "holdout") for _ in range(2)] == [1, 2]
    history.count_look(ROOT.id, "holdout")
    history.count_look(A.id, "tune")
    assert history.looks(A.id, "holdout") == 2
    assert history.looks_at(ROOT.id, "holdout") == 3
    looks = {(A.id, "holdout"): 2, (ROOT.id, "holdout"): 1, (A.id, "tune"): 1}
    assert history.state(ROOT.id).looks == looks


def expect_note(note: str, kept: str) -> None:
    history = History(":memory:")
    history.add(ROOT)
    history.set_note(ROOT.id, note)
    found = history.get(ROOT.id)
    assert found is not None
    assert found.note == history.nodes(ROOT.id)[0].note == kept
    assert history.state(ROOT.id).labels["note", ROOT.id] == kept


@settings(max_examples=15)
@given(st.text())
def test_any_text_is_a_note(text):
    expect_note(text, text)


def test_half_a_character_of_a_note_is_replaced():
    expect_note("a\ud800b", "a?b")


def test_a_deleted_branch_is_hidden_with_all_that_follows_from_it(history):
    history.set_head(ROOT.id, C.id)
    assert history.delete(A.id) == [A.id, B.id]
    assert visible(history) == [ROOT.id, C.id]
    everything = history.nodes(ROOT.id, deleted=True)
    assert [node.number for node in everything] == [0, 1, 2, 3]
    assert history.get(B.id) is not None
    child = history.add(make_node("late", B))
    assert child.number == 4
    assert child.id not in visible(history)
    assert history.delete(B.id) == []  # hidden already: nothing happens
    assert kinds(history)[-1] == "delete"


@pytest.mark.parametrize(
    ("node", "shown", "fault"),
    [
        (A.id, [], "new pages show, is in this branch"),
        (B.id, [], "new pages show, is in this branch"),
        (C.id, [C.id], "shown is in this branch"),
        (ROOT.id, [], "cannot be deleted"),
        ("none", [], "no iteration"),
    ],
    ids=["a", "b", "c", "root", "none"],
)
def test_what_is_shown_is_not_deleted(history, node, shown, fault):
    with pytest.raises(TuningError, match=fault):
        history.delete(node, shown=shown)
    assert len(visible(history)) == 4


def test_the_same_thumbs_bring_a_deleted_branch_back(history):
    history.set_head(ROOT.id, ROOT.id)
    history.delete(A.id)
    history.set_head(ROOT.id, B.id, "fine-tune")
    assert kinds(history)[-2:] == ["restore", "fine-tune"]
    assert visible(history) == [ROOT.id, A.id, B.id, C.id]
    assert history.head(ROOT.id) == B.id


class Machine(RuleBasedStateMachine):
    """Any course of actions, held against a plain model that keeps no events."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History(":memory:")
        self.nodes: list[Node] = []
        self.head = 0
        self.redo: list[int] = []
        self.hidden_tops: set[int] = set()

    @initialize()
    def root(self) -> None:
        self.nodes.append(self.history.add(ROOT))

    def parent(self, i: int) -> int | None:
        by_id = {node.id: number for number, node in enumerate(self.nodes)}
        return by_id.get(self.nodes[i].parent or "")

    def up(self, i: int | None) -> list[int]:
        return [] if i is None else [i, *self.up(self.parent(i))]

    def is_hidden(self, i: int) -> bool:
        return any(at in self.hidden_tops for at in self.up(i))

    def shown(self) -> list[int]:
        return [i for i in range(len(self.nodes)) if not self.is_hidden(i)]

    @rule()
    def fine_tune(self) -> None:
        parent = self.nodes[self.head]
        node = self.history.add(make_node(f"n{len(self.nodes)}", parent))
        self.history.set_head(ROOT.id, node.id, "fine-tune")
        self.nodes.append(node)
        self.head, self.redo = len(self.nodes) - 1, []

    @rule()
    def undo(self) -> None:
        parent = self.parent(self.head)
        if parent is None:
            with pytest.raises(TuningError):
                self.history.undo(ROOT.id)
            return
        assert self.history.undo(ROOT.id) == self.nodes[parent].id
        self.redo.append(self.head)
        self.head = parent

    @rule()
    def do_again(self) -> None:
        if self.redo:
            self.head = self.redo.pop()
            assert self.history.redo(ROOT.id) == self.nodes[self.head].id
        else:
            with pytest.raises(TuningError):
                self.history.redo(ROOT.id)

    @rule(data=st.data())
    def jump(self, data) -> None:
        i = data.draw(st.integers(0, len(self.nodes) - 1))
        if self.is_hidden(i):
            with pytest.raises(TuningError, match="deleted branch") as caught:
                self.history.set_head(ROOT.id, self.nodes[i].id)
            assert "Restore" in caught.value.remedy
        else:
            self.history.set_head(ROOT.id, self.nodes[i].id)
            self.head, self.redo = i, []

    @rule(data=st.data())
    def delete(self, data) -> None:
        i = data.draw(st.integers(0, len(self.nodes) - 1))
        if i == 0 or i in self.up(self.head):
            with pytest.raises(TuningError):
                self.history.delete(self.nodes[i].id)
            return
        before = self.shown()
        gone = self.history.delete(self.nodes[i].id)
        if not self.is_hidden(i):
            self.hidden_tops.add(i)
        assert gone == [self.nodes[at].id for at in before if self.is_hidden(at)]
        self.redo = [node for node in self.redo if not self.is_hidden(node)]

    @rule(data=st.data())
    def restore(self, data) -> None:
        i = data.draw(st.integers(0, len(self.nodes) - 1))
        before = self.shown()
        back = self.history.restore(self.nodes[i].id)
        self.hidden_tops -= set(self.up(i))
        assert back == [self.nodes[at].id for at in self.shown() if at not in before]

    @invariant()
    def agree(self) -> None:
        if not self.nodes:
            return
        state = self.history.state(ROOT.id)
        assert state.head == self.nodes[self.head].id
        assert state.redo == [self.nodes[i].id for i in self.redo]
        assert not state.hidden(state.head)
        assert [node.number for node in self.history.nodes(ROOT.id)] == self.shown()

    def teardown(self) -> None:
        """Replay from the log alone gives the same state."""
        replayed = HistoryState()
        for event in self.history.events(ROOT.id):
            assert isinstance(event, Event)
            replayed.apply(event)
        assert replayed == self.history.state(ROOT.id)
        self.history.close()


TestAnyCourse = Machine.TestCase
TestAnyCourse.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


ACTS = {
    "jump": lambda history, by: history.set_head(ROOT.id, C.id, author=by),
    "undo": lambda history, by: history.undo(ROOT.id, author=by),
    "redo": lambda history, by: (history.undo(ROOT.id), history.redo(ROOT.id, author=by)),
    "rename": lambda history, by: history.rename(C.id, "third", by),
    "note": lambda history, by: history.set_note(C.id, "seen", by),
    "meant": lambda history, by: history.set_meant(C.id, "{}", by),
    "expected": lambda history, by: history.set_expected(C.id, "{}", by),
    "delete": lambda history, by: history.delete(C.id, author=by),
    "restore": lambda history, by: (history.delete(C.id), history.restore(C.id, by)),
    "look": lambda history, by: history.count_look(C.id, "holdout", by),
    "tag": lambda history, by: history.tag(C.id, ["1.jpg"], "blurred", by),
    "belongs": lambda history, by: history.set_belongs(
        C.id, ReliedThing("cat", "concept", "fur"), by
    ),
    "untag": lambda history, by: history.tag(C.id, ["1.jpg"], "blurred", by, on=False),
}


@pytest.mark.parametrize("kind", ACTS)
def test_an_event_has_the_author_who_acts(history, kind):
    ACTS[kind](history, "somebody")
    last = history.events(ROOT.id)[-1]
    assert (last.kind, last.author) == (kind, "somebody")


def test_a_branch_that_a_fine_tune_restores_is_restored_by_its_author(history):
    history.delete(C.id)
    history.set_head(ROOT.id, C.id, "fine-tune", author="somebody")
    assert [event.author for event in history.events(ROOT.id)[-2:]] == ["somebody"] * 2


def test_tags_of_an_image_are_sorted(history):
    for tag in ("night", "blurred", "night"):
        history.tag(A.id, ["1.jpg"], tag)
    assert history.tags() == {"1.jpg": ("blurred", "night")}


def test_a_tag_is_removed_alone(history):
    for tag in ("night", "blurred"):
        history.tag(A.id, ["1.jpg", "2.jpg"], tag)
    history.tag(A.id, ["1.jpg"], "night", on=False)
    assert history.tags() == {"1.jpg": ("blurred",), "2.jpg": ("blurred", "night")}


def test_an_image_without_tags_is_left_out(history):
    history.tag(A.id, ["1.jpg"], "night")
    history.tag(A.id, ["1.jpg"], "night", on=False)
    assert history.tags() == {}


@pytest.mark.parametrize("write", ["set_note", "rename"])
def test_a_text_with_nul_is_refused(history, write):
    with pytest.raises(TuningError, match="NUL"):
        getattr(history, write)(A.id, "a\0b")


# --- the chain of checksums


@pytest.fixture
def known(history) -> str:
    """The checksum of the last event."""
    return history.verify()[1]


def cut(history: History) -> None:
    """Remove the last event, as the owner of the database can."""
    database = history._database
    with database.transaction(write=True) as db:
        name = "events_append_only" if "postgres" in history.path else "events_delete"
        more = " ON events" if "postgres" in history.path else ""
        db.execute(f"DROP TRIGGER {name}{more}")
        db.execute("DELETE FROM events WHERE number = (SELECT max(number) FROM events)")


def test_the_head_of_the_log_is_the_checksum_of_its_last_event(history, known):
    with history._database.transaction() as db:
        select = "SELECT checksum FROM events ORDER BY number DESC LIMIT 1"
        assert db.execute(select).fetchone()[0] == known


def test_the_events_of_a_log_are_counted(history):
    """4 iterations and 2 moves."""
    assert history.verify()[0] == 6


def test_a_head_noted_earlier_is_still_found(history, known):
    history.set_note(A.id, "later")
    assert history.verify(known)[1] != known


def test_an_event_removed_from_the_end_is_found_by_the_head(history, known):
    cut(history)
    with pytest.raises(HistoryError, match=f"no event with the checksum {known}"):
        history.verify(known)


def test_the_head_of_another_history_is_not_found(history):
    with pytest.raises(HistoryError, match="no event with the checksum ffff"):
        history.verify("f" * 64)


def test_an_empty_history_has_no_head(tmp_path):
    assert History(tmp_path / "none.sqlite").verify() == (0, "")
