"""The history gives back what was stored, and tells what is wrong with its file."""

from __future__ import annotations

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

ROOT = make_node()


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "h.sqlite")
    history.add(ROOT)
    return history


def test_every_field_comes_back(history: History) -> None:
    stored = history.add(make_node("a", ROOT, seed=1))
    history.rename(stored.id, "less shelf")
    history.set_note(stored.id, "a note")
    again = History(history.path).get(stored.id)
    assert again is not None
    assert (again.name, again.note) == ("less shelf", "a note")
    for field in set(Node.__dataclass_fields__) - {"name", "note"}:
        expected, found = getattr(stored, field), getattr(again, field)
        np.testing.assert_array_equal(found, expected, err_msg=field)
    assert again.weights.tobytes() == make_node("a", ROOT, seed=1).weights.tobytes()
    assert again.number == 1
    assert again.created.endswith("+00:00")
    assert not again.weights.flags.writeable


def test_adding_again_keeps_the_first(history: History) -> None:
    first = history.add(make_node("a", ROOT, seed=1))
    second = history.add(make_node("a", ROOT, seed=2))
    assert second.weights_hash == first.weights_hash
    assert len(history.nodes(ROOT.id)) == 2
    assert [event.kind for event in history.events(ROOT.id)] == ["add", "add"]


def test_a_node_that_does_not_fit_is_not_stored(history: History) -> None:
    good = make_node("a", ROOT)
    with pytest.raises(ValueError, match="is not the id computed from"):
        history.add(dataclasses.replace(good, id="preview-1"))
    with pytest.raises(ValueError, match="is not the id computed from"):
        history.add(dataclasses.replace(good, intents=()))
    with pytest.raises(TuningError, match="no iteration"):
        history.add(make_node("b", good))
    other = history.add(make_node("other root"))
    with pytest.raises(ValueError, match="different roots"):
        history.add(dataclasses.replace(good, root=other.id))
    assert len(history.nodes(ROOT.id)) == 1


@pytest.mark.parametrize("table", ["nodes", "events"])
@pytest.mark.parametrize("change", ["UPDATE {} SET created = ''", "DELETE FROM {}"])
def test_rows_are_append_only(history: History, table: str, change: str) -> None:
    with sqlite3.connect(history.path) as db, pytest.raises(sqlite3.Error, match="append-only"):
        db.execute(change.format(table))


def test_another_current_folder_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    history = History("h.sqlite")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    history.add(ROOT)
    assert (tmp_path / "h.sqlite").exists()
    monkeypatch.chdir(tmp_path)
    assert len(history.nodes(ROOT.id)) == 1


def test_in_memory() -> None:
    history = History(":memory:")
    history.add(ROOT)
    found: list[Node] = []
    thread = threading.Thread(target=lambda: found.extend(history.nodes(ROOT.id)))
    thread.start()
    thread.join()
    assert [n.id for n in found] == [ROOT.id]
    assert not Path(":memory:").exists()


# -- files that are not what they should be -------------------------------------------------


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(b"title: not a history\n" * 100)
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="is not a history: it is not an SQLite") as caught:
        History(path).nodes("root")
    assert "Move it away" in caught.value.remedy
    assert path.read_bytes() == before


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(HistoryError, match="not a history"):
        History(path).nodes("root")


@pytest.mark.parametrize("version", [1, 3, 99])
def test_other_schema_version(history: History, version: int) -> None:
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(HistoryError, match=f"schema version {version}"):
        history.nodes(ROOT.id)


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
    ],
)
def test_a_missing_part_is_named(history: History, change: str, message: str) -> None:
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute(change)
    for use in (history.nodes, history.events, history.head, history.get):
        with pytest.raises(HistoryError, match=message):
            use(ROOT.id)
    with pytest.raises(HistoryError, match=message):
        history.add(make_node("a", ROOT))


def test_an_index_or_statistics_of_somebody_else_do_no_harm(history: History) -> None:
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute("CREATE INDEX mine ON nodes (author)")
        db.execute("ANALYZE")
        db.execute("VACUUM")
    assert len(history.nodes(ROOT.id)) == 1


def test_overwritten_pages(history: History) -> None:
    for i in range(20):
        history.add(make_node(f"n{i}", ROOT, seed=i))
    history.close()
    path = Path(history.path)
    content = bytearray(path.read_bytes())
    content[4096:] = random.Random(0).randbytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(HistoryError, match="damaged"):
        history.nodes(ROOT.id)


def test_a_forged_record_without_gaps(history: History) -> None:
    node = history.add(make_node("a", ROOT))
    history.close()
    alter(history.path, "UPDATE nodes SET gap = '[]' WHERE id = ?", node.id)
    _forge_checksum(history.path, node.id)
    with pytest.raises(HistoryError, match="0 gaps for"):
        history.nodes(ROOT.id)


# -- rows altered by hand -------------------------------------------------------------------

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


def test_all_columns_are_altered_below(history: History) -> None:
    with sqlite3.connect(history.path) as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(nodes)")}
    assert set(ALTERED) == columns - {"id"}


@pytest.mark.parametrize("column", ALTERED)
def test_an_altered_column_is_found(history: History, column: str) -> None:
    node = history.add(make_node("a", ROOT))
    history.close()
    alter(history.path, f"UPDATE nodes SET {column} = ? WHERE id = ?", ALTERED[column], node.id)
    with pytest.raises(HistoryError, match=f"damaged: the record of {node.id} was altered"):
        history.get(node.id)
    with pytest.raises(HistoryError, match="damaged"):
        history.nodes(ROOT.id)
    assert history.get(ROOT.id) is not None


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("intents", "do not match its id"),
        ("settings", "do not match its id"),
        ("parent", "do not match its id"),
        ("weights", "differ from their hash"),
        ("intercepts", "differ from their hash"),
        ("weights_hash", "differ from their hash"),
    ],
)
def test_a_forged_checksum_does_not_hide_it(history: History, column: str, message: str) -> None:
    node = history.add(make_node("a", ROOT))
    history.close()
    alter(history.path, f"UPDATE nodes SET {column} = ? WHERE id = ?", ALTERED[column], node.id)
    _forge_checksum(history.path, node.id)
    with pytest.raises(HistoryError, match=message):
        history.get(node.id)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("intents", "["),
        ("intents", "[3]"),
        ("intents", '[{"class": "a"}]'),
        ("intents", '[{"class": "a", "concept": "b", "direction": "sideways"}]'),
        ("bounds", "[1]"),
        ("bounds", '[[{}, "b", 1, 2]]'),
        ("bounds", "{}5"),
        ("gap", "1"),
        ("settings", "[]"),
        ("weights", b"x"),
        ("weights", records._packed(np.zeros(3))),
        ("weights", ""),
    ],
)
def test_a_row_that_holds_no_node_is_no_traceback(history: History, column: str, value) -> None:
    history.close()
    alter(history.path, f"UPDATE nodes SET {column} = ?", value)
    _forge_checksum(history.path, ROOT.id)
    with pytest.raises(HistoryError, match=rf"damaged: .*{ROOT.id}"):
        history.get(ROOT.id)


def _forge_checksum(path: str, node_id: str) -> None:
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        row = db.execute("SELECT * FROM nodes WHERE id = ?", (node_id,)).fetchone()
    checksum = records._checksum(row)
    alter(path, "UPDATE nodes SET checksum = ? WHERE id = ?", checksum, node_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET text = 'other' WHERE number = 3",
        "UPDATE events SET author = 'other' WHERE number = 3",
        "UPDATE events SET created = '2020' WHERE number = 3",
        "UPDATE events SET kind = 'undo' WHERE number = 3",
        "UPDATE events SET checksum = '' WHERE number = 3",
        "UPDATE events SET node = root WHERE number = 3",
        "UPDATE events SET origin = root WHERE number = 3",
        "UPDATE events SET root = 'x' WHERE number = 3",
        "UPDATE events SET number = 30 WHERE number = 3",
        "DELETE FROM events WHERE number = 3",
        "DELETE FROM events WHERE number = 1",
    ],
)
def test_an_altered_log_is_found(history: History, statement: str) -> None:
    node = history.add(make_node("a", ROOT))
    history.set_note(node.id, "a note")
    history.set_head(ROOT.id, node.id)
    history.close()
    alter(history.path, statement)
    for use in (history.state, history.events, history.nodes, history.head, history.undo):
        with pytest.raises(HistoryError, match=r"event \d of its log was altered"):
            use(ROOT.id)


def test_a_node_that_was_taken_out_is_missed(history: History) -> None:
    node = history.add(make_node("a", ROOT))
    history.add(make_node("b", ROOT))
    history.close()
    alter(history.path, "DELETE FROM nodes WHERE id = ?", node.id)
    with pytest.raises(HistoryError, match="differ from those in its log"):
        history.nodes(ROOT.id)


def test_an_event_that_cannot_have_happened(history: History) -> None:
    """The chain is whole, the events make no sense: written by another program."""
    with history._database.transaction(write=True) as db:
        log.append(db, "explode", ROOT.id)
    with pytest.raises(HistoryError, match="unknown kind 'explode'"):
        history.state(ROOT.id)


# -- places that cannot be read or written --------------------------------------------------


def test_locked_by_another_process(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_file_that_goes_away_while_in_use(history: History, tmp_path: Path, how: str) -> None:
    """SQLite would go on writing to it, where nobody looks for it."""
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


def test_disk_full_loses_nothing_and_goes_on_when_there_is_room(history: History) -> None:
    def limit(pages: int) -> None:
        with history._database.transaction() as db:
            db.execute(f"PRAGMA max_page_count = {pages}")

    limit(15)
    done, message = _fill(history)
    assert "cannot be written: database or disk is full" in message
    assert "Free some space" in message
    assert len(done) > 1
    assert [node.id for node in history.nodes(ROOT.id)] == [ROOT.id, *done]
    limit(1000)
    assert history.add(make_node("more", ROOT)).number == len(done) + 1


def _fill(history: History) -> tuple[list[str], str]:
    """Nodes added until that fails, and why."""
    done = []
    try:
        for i in range(1000):
            done.append(history.add(make_node(f"n{i}", ROOT, seed=i)).id)
    except HistoryError as error:
        return done, str(error)
    return done, ""


@pytest.fixture
def still_disk(tmp_path: Path):
    """A file system that may be made full and read-only; skipped where it may not be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    made = subprocess.run(asked, capture_output=True, check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _stop_writing(disk: Path, how: str) -> None:
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        return
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def _let_write(disk: Path, how: str) -> None:
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    else:
        (disk / "filler").unlink()


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_history_on_a_disk_without_room_can_be_opened_and_read(still_disk, how) -> None:
    path = still_disk / "h.sqlite"
    history = History(str(path))
    history.add(ROOT)
    history.add(make_node("one", ROOT))
    history.close()
    _stop_writing(still_disk, how)
    opened = History(str(path))
    assert [node.id for node in opened.nodes(ROOT.id)] == [ROOT.id, make_node("one", ROOT).id]
    with pytest.raises(HistoryError, match="disk is full, or the file or its folder may only be"):
        opened.add(make_node("two", ROOT))
    assert [node.id for node in opened.nodes(ROOT.id)] == [ROOT.id, make_node("one", ROOT).id]
    _let_write(still_disk, how)
    assert opened.add(make_node("two", ROOT)).number == 2


def test_weights_that_would_unpack_to_more_than_there_are_are_refused(history: History) -> None:
    """256 MB of zeros, which are packed into 256 kB, in the place of the weights of 6 numbers."""
    bomb = zlib.compress(bytes(2**28))
    history.add(ROOT)
    with sqlite3.connect(history.path) as db:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM nodes").fetchone())
    forged = {**row, "weights": bomb}
    forged["checksum"] = records._checksum(forged)
    tracemalloc.start()
    with pytest.raises(HistoryError, match="damaged"):
        records.to_node(history.path, forged, {})
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
