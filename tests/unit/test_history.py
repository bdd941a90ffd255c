"""The history gives back what was stored, and tells what is wrong with its file."""

import contextlib
import dataclasses
import os
import random
import sqlite3
import subprocess
import threading
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from histories import alter, make_node

from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.tuning import History, Node
from inficond_panel.tuning.history import log, records
from inficond_panel.tuning.history.log import HISTORY

pytestmark = pytest.mark.server

ROOT = make_node()


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "h.sqlite")
    history.add(ROOT)
    return history


def test_every_field_comes_back(history, monkeypatch):
    stored = history.add(make_node("a", ROOT, seed=1))
    history.rename(stored.id, "less shelf")
    history.set_note(stored.id, "a note")
    monkeypatch.setattr(records, "_known", records.Latest(8))  # as in another process
    again = History(history.path).get(stored.id)
    assert again is not None
    assert (again.name, again.note) == ("less shelf", "a note")
    for field in set(Node.__dataclass_fields__) - {"name", "note"}:
        expected, found = getattr(stored, field), getattr(again, field)
        np.testing.assert_array_equal(found, expected, err_msg=field)
        assert repr(found) == repr(expected)  # types too
    assert again.weights.tobytes() == make_node("a", ROOT, seed=1).weights.tobytes()
    assert again.number == 1
    assert again.created.endswith("+00:00")
    assert not again.weights.flags.writeable


def test_a_node_that_does_not_fit_is_not_stored(history):
    good, other = make_node("a", ROOT), history.add(make_node("other root"))
    for wrong, message in (
        (dataclasses.replace(good, id="preview-1"), "is not the id computed from"),
        (dataclasses.replace(good, intents=()), "is not the id computed from"),
        (make_node("b", good), "no iteration"),
        (dataclasses.replace(good, root=other.id), "different roots"),
    ):
        with pytest.raises((ValueError, TuningError), match=message):
            history.add(wrong)
    assert len(history.nodes(ROOT.id)) == 1


def test_adding_again_keeps_the_first(history):
    first = history.add(make_node("a", ROOT, seed=1))
    second = history.add(make_node("a", ROOT, seed=2))
    assert second.weights_hash == first.weights_hash
    assert len(history.nodes(ROOT.id)) == 2
    assert [event.kind for event in history.events(ROOT.id)] == ["add", "add"]


@pytest.mark.parametrize("table", ["nodes", "events"])
@pytest.mark.parametrize("change", ["UPDATE {} SET created = ''", "DELETE FROM {}"])
def test_rows_are_append_only(history, table, change):
    with sqlite3.connect(history.path) as db, pytest.raises(sqlite3.Error, match="append-only"):
        db.execute(change.format(table))


def test_a_history_in_memory_is_one_for_all_threads():
    history = History(":memory:")
    history.add(ROOT)
    found: list[Node] = []
    thread = threading.Thread(target=lambda: found.extend(history.nodes(ROOT.id)))
    thread.start()
    thread.join()
    assert [n.id for n in found] == [ROOT.id]
    assert not Path(":memory:").exists()


def test_a_history_stays_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    history = History("h.sqlite")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    history.add(ROOT)
    assert (tmp_path / "h.sqlite").exists()
    monkeypatch.chdir(tmp_path)
    assert len(history.nodes(ROOT.id)) == 1


def test_a_file_that_is_no_database_is_told_and_stays(tmp_path):
    path = tmp_path / "h.sqlite"
    before = b"title: not a history\n" * 100
    path.write_bytes(before)
    with pytest.raises(HistoryError, match="is not a history: it is not an SQLite") as caught:
        History(path).nodes("root")
    assert "Move it away" in caught.value.remedy
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP TABLE events", "table 'events' is missing"),
        ("DROP TABLE nodes", "table 'nodes' is missing"),
        ("ALTER TABLE events DROP COLUMN text", "table 'events' was changed"),
        ("ALTER TABLE nodes RENAME COLUMN gap TO lap", "table 'nodes' was changed"),
        ("ALTER TABLE nodes ADD COLUMN more", "table 'nodes' was changed"),
        ("DROP TRIGGER nodes_update", "trigger 'nodes_update' is missing"),
        ("DROP INDEX events_of_root", "index 'events_of_root' is missing"),
        ("PRAGMA user_version = 1", "has format 1, of an earlier version"),
        ("PRAGMA user_version = 3", "has format 3, of a newer version"),
        ("PRAGMA user_version = 99", "has format 99, of a newer version"),
        ("PRAGMA application_id = 1", "not a history"),
    ],
)
def test_a_file_of_another_form_is_told(history, change, message):
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute(change)
    for use in (history.nodes, history.events, history.head, history.get):
        with pytest.raises(HistoryError, match=message):
            use(ROOT.id)
    with pytest.raises(HistoryError, match=message):
        history.add(make_node("a", ROOT))


def test_an_index_or_statistics_of_somebody_else_do_no_harm(history):
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute("CREATE INDEX mine ON nodes (author)")
        db.execute("ANALYZE")
        db.execute("VACUUM")
    assert len(history.nodes(ROOT.id)) == 1


def test_overwritten_pages(history):
    for i in range(20):
        history.add(make_node(f"n{i}", ROOT, seed=i))
    history.close()
    path = Path(history.path)
    content = bytearray(path.read_bytes())
    content[4096:] = random.Random(0).randbytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(HistoryError, match="damaged"):
        history.nodes(ROOT.id)


ALTERED = {
    "intents": "[]",
    "bounds": '[["tv monitor", "B\\u00fccherregal", null, 0.5]]',
    "settings": '{"step": 0.06}',
    "parent": None,
    "weights": records._packed(np.ones((7, 3))),
    "intercepts": records._packed(np.zeros(3)),
    "weights_hash": "0" * 64,
    "gap": "[0, 0, 0]",
    "certificate": '["gap", "gap", "gap"]',
    "seconds": 0.0,
    "author": "somebody else",
    "created": "2020-01-01T00:00:00.000+00:00",
    "concepts": 3,
    "classes": 7,
    "root": "0" * 12,
    "number": 7,
    "checksum": "0" * 64,
}


@pytest.mark.parametrize("column", ALTERED)
def test_an_altered_column_is_found(history, column):
    node = history.add(make_node("a", ROOT))
    _alter_node(history, column, ALTERED[column], node.id)
    with pytest.raises(HistoryError, match=f"damaged: the record of {node.id} was altered"):
        history.get(node.id)
    with pytest.raises(HistoryError, match="damaged"):
        history.nodes(ROOT.id)
    assert history.get(ROOT.id) is not None
    with sqlite3.connect(history.path) as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(nodes)")}
    assert set(ALTERED) == columns - {"id"}


def _alter_node(history, column, value, node_id, *, forge=False):
    """Change a column by hand; forged, its checksum fits."""
    history.close()
    alter(history.path, f"UPDATE nodes SET {column} = ? WHERE id = ?", value, node_id)
    if forge:
        with sqlite3.connect(history.path) as db:
            db.row_factory = sqlite3.Row
            row = db.execute("SELECT * FROM nodes WHERE id = ?", (node_id,)).fetchone()
        checksum = records._checksum(row)
        alter(history.path, "UPDATE nodes SET checksum = ? WHERE id = ?", checksum, node_id)


OF_THE_ID = ("intents", "settings", "parent")
OF_THE_HASH = ("weights", "intercepts", "weights_hash")


NO_NODE = [
    ("intents", "["), ("intents", "[3]"), ("intents", '[{"class": "a"}]'),
    ("intents", '[{"class": "a", "concept": "b", "direction": "sideways"}]'),
    ("bounds", "[1]"), ("bounds", '[[{}, "b", 1, 2]]'), ("bounds", "{}5"), ("gap", "1"),
    ("settings", "[]"), ("weights", b"x"), ("weights", records._packed(np.zeros(3))),
    ("weights", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        *((column, ALTERED[column], "do not match its id") for column in OF_THE_ID),
        *((column, ALTERED[column], "differ from their hash") for column in OF_THE_HASH),
        *((column, value, "damaged") for column, value in NO_NODE),
        ("gap", "[]", "0 gaps for"),
    ],
)
def test_a_forged_checksum_hides_nothing(history, column, value, message):
    node = history.add(make_node("a", ROOT))
    _alter_node(history, column, value, node.id, forge=True)
    with pytest.raises(HistoryError, match=rf"(?s)damaged: .*{node.id}") as caught:
        history.get(node.id)
    assert message in str(caught.value)


UPDATED = [f"UPDATE events SET {each} WHERE number = 3" for each in (
    "text = 'other'", "author = 'other'", "created = '2020'", "kind = 'undo'", "checksum = ''",
    "node = root", "origin = root", "root = 'x'", "number = 30")]  # fmt: skip
DELETED = [f"DELETE FROM events WHERE number = {number}" for number in (3, 1)]


@pytest.mark.parametrize("change", UPDATED + DELETED)
def test_an_altered_log_is_found(history, change):
    node = history.add(make_node("a", ROOT))
    history.set_note(node.id, "a note")
    history.set_head(ROOT.id, node.id)
    history.close()
    alter(history.path, change)
    for use in (history.state, history.events, history.nodes, history.head, history.undo):
        with pytest.raises(HistoryError, match=r"event \d of its log was altered"):
            use(ROOT.id)


def test_a_node_that_was_taken_out_is_missed(history):
    node = history.add(make_node("a", ROOT))
    history.add(make_node("b", ROOT))
    history.close()
    alter(history.path, "DELETE FROM nodes WHERE id = ?", node.id)
    with pytest.raises(HistoryError, match="differ from those in its log"):
        history.nodes(ROOT.id)


def test_an_event_that_cannot_have_happened(history):
    """The chain is whole, the events make no sense: written by another program."""
    with history._database.transaction(write=True) as db:
        log.append(db, "explode", ROOT.id)
    with pytest.raises(HistoryError, match="unknown kind 'explode'"):
        history.state(ROOT.id)


def test_locked_by_another_process(history, monkeypatch):
    quick = dataclasses.replace(HISTORY, busy_seconds=0.05)
    monkeypatch.setattr(history._database, "schema", quick)
    history.close()
    other = sqlite3.connect(history.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="in use by another process") as caught:
        history.add(make_node("a", ROOT))
    assert "--history" in caught.value.remedy
    assert len(history.nodes(ROOT.id)) == 1  # reading goes on
    other.execute("ROLLBACK")
    history.add(make_node("a", ROOT))


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_file_that_goes_away_while_in_use_is_no_longer_written_to(history, tmp_path, how):
    path, other = Path(history.path), tmp_path / "other.sqlite"
    if how == "replaced":
        with sqlite3.connect(path) as db:
            db.execute("VACUUM INTO ?", (str(other),))
        other.replace(path)
    else:
        path.rename(other)
    with pytest.raises(HistoryError, match="moved, removed or replaced") as caught:
        history.add(make_node("a", ROOT))
    assert "Move the file back" in caught.value.remedy
    assert path.exists() == (how == "replaced")
    if how == "moved":
        other.rename(path)
        assert history.add(make_node("a", ROOT)).number == 1


def test_disk_full_loses_nothing_and_goes_on_when_there_is_room(history):
    def limit(pages: int) -> None:
        with history._database.transaction() as db:
            db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        while len(done) < 1000:
            done.append(history.add(make_node(f"n{len(done)}", ROOT, seed=len(done))).id)

    done: list[str] = []
    limit(15)
    with pytest.raises(HistoryError, match="cannot be written: database or disk is full") as caught:
        fill()
    assert "Free some space" in caught.value.remedy
    assert len(done) > 1
    assert [node.id for node in history.nodes(ROOT.id)] == [ROOT.id, *done]
    limit(1000)
    assert history.add(make_node("more", ROOT)).number == len(done) + 1


@pytest.fixture
def still_disk(tmp_path):
    """A file system that may be made full and read-only; skipped where it may not be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    made = subprocess.run(asked, capture_output=True, check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_history_on_a_disk_without_room_can_be_opened_and_read(still_disk, how):
    path = still_disk / "h.sqlite"
    history = History(str(path))
    history.add(ROOT)
    history.add(make_node("one", ROOT))
    history.close()
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", still_disk], check=True)
    else:
        filler = (still_disk / "filler").open("wb", buffering=0)
        with contextlib.suppress(OSError), filler:
            while True:
                filler.write(bytes(4096))
    opened = History(str(path))
    assert [node.id for node in opened.nodes(ROOT.id)] == [ROOT.id, make_node("one", ROOT).id]
    with pytest.raises(HistoryError, match="disk is full, or the file or its folder may only be"):
        opened.add(make_node("two", ROOT))
    assert [node.id for node in opened.nodes(ROOT.id)] == [ROOT.id, make_node("one", ROOT).id]
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,rw", still_disk], check=True)
    else:
        (still_disk / "filler").unlink()
    assert opened.add(make_node("two", ROOT)).number == 2


def test_weights_of_6_numbers_that_would_unpack_to_256_megabytes_are_refused(history):
    with sqlite3.connect(history.path) as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM nodes").fetchone())
    forged = {**row, "weights": zlib.compress(bytes(2**28))}
    forged["checksum"] = records._checksum(forged)
    tracemalloc.start()
    with pytest.raises(HistoryError, match="damaged"):
        records.to_node(history.path, forged, {})
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
