"""The history gives back what was stored, whatever happens to the process."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from inficond_panel.errors import HistoryError
from inficond_panel.tuning import History, Intent, Node


def node(name: str, parent: str | None = None, root: str = "root", seed: int = 0) -> Node:
    rng = np.random.default_rng(seed)
    return Node(
        id=name,
        root=root,
        parent=parent,
        intents=(Intent("tv monitor", "Bücherregal", "down", 1.5),) if parent else (),
        bounds={("tv monitor", "Bücherregal"): (None, 0.1 + 0.2), ("cat", "é"): (0.0, 0.0)},
        weights=rng.normal(size=(7, 3)) / 3,
        intercepts=rng.normal(size=3),
        gap=(1e-7, float("nan"), 0.0),
        certificate=("gap", "kkt", "gap"),
        seconds=0.25,
        author="me",
        settings={"reference": "parent", "step": 0.05},
    )


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "h.sqlite")


def test_every_field_comes_back(history: History) -> None:
    history.add(node("root"))
    stored = history.add(node("a", "root", seed=1))
    again = History(history.path).get("a")
    assert again is not None
    for field in Node.__dataclass_fields__:
        expected, found = getattr(stored, field), getattr(again, field)
        np.testing.assert_array_equal(found, expected, err_msg=field)
    assert again.weights.tobytes() == node("a", "root", seed=1).weights.tobytes()
    assert again.number == 1
    assert again.created.endswith("+00:00")
    assert not again.weights.flags.writeable


def test_numbers_count_within_a_root_and_order_is_of_age(history: History) -> None:
    for item in (node("root"), node("other", root="other"), node("b", "root"), node("a", "root")):
        history.add(item)
    assert [(n.id, n.number) for n in history.nodes("root")] == [("root", 0), ("b", 1), ("a", 2)]
    assert [n.id for n in history.nodes("other")] == ["other"]
    assert history.nodes("none") == []
    assert history.get("none") is None


def test_adding_again_keeps_the_first(history: History) -> None:
    history.add(node("root"))
    first = history.add(node("a", "root", seed=1))
    second = history.add(node("a", "root", seed=2))
    assert second.weights_hash == first.weights_hash
    assert len(history.nodes("root")) == 2


def test_head_moves_are_events(history: History) -> None:
    history.add(node("root"))
    assert history.head("root") == "root"
    history.add(node("a", "root"))
    assert history.head("root") == "root"
    history.set_head("root", "a", "fine-tune")
    history.set_head("root", "root", "undo")
    history.set_head("root", "a", "redo")
    assert history.head("root") == "a"
    kinds = [(event.node, event.kind) for event in history.head_events("root")]
    assert kinds == [("a", "fine-tune"), ("root", "undo"), ("a", "redo")]


def test_looks_and_notes(history: History) -> None:
    history.add(node("root"))
    history.add(node("a", "root"))
    assert history.looks("a", "holdout") == 0
    assert history.count_look("a", "holdout") == 1
    assert history.count_look("a", "holdout") == 2
    history.count_look("root", "holdout")
    history.count_look("a", "tune")
    assert history.looks("a", "holdout") == 2
    assert history.looks_at("root", "holdout") == 3
    history.set_note("a", "first")
    history.set_note("a", "better")
    assert [n.note for n in history.nodes("root")] == ["", "better"]


def test_unknown_node_is_refused(history: History) -> None:
    with pytest.raises(HistoryError, match="refused"):
        history.set_head("root", "none")
    with pytest.raises(HistoryError, match="refused"):
        history.add(node("a", "root"))


@pytest.mark.parametrize("table", ["nodes", "head_events", "looks", "notes"])
@pytest.mark.parametrize("change", ["UPDATE {} SET created = ''", "DELETE FROM {}"])
def test_rows_are_append_only(history: History, table: str, change: str) -> None:
    history.add(node("root"))
    history.set_head("root", "root")
    history.count_look("root", "holdout")
    history.set_note("root", "x")
    with sqlite3.connect(history.path) as db, pytest.raises(sqlite3.Error, match="append-only"):
        db.execute(change.format(table))


def test_file_is_made_on_first_use_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    history = History(path)
    assert not path.exists()
    assert history.nodes("root") == []
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_in_memory() -> None:
    history = History(":memory:")
    history.add(node("root"))
    found: list[Node] = []
    thread = threading.Thread(target=lambda: found.extend(history.nodes("root")))
    thread.start()
    thread.join()
    assert [n.id for n in found] == ["root"]
    assert not Path(":memory:").exists()


def _add_some(path: Path, prefix: str, count: int) -> None:
    history = History(path)
    history.add(node("root"))
    for i in range(count):
        history.add(node(f"{prefix}-{i}", "root", seed=i))


def test_threads_share_one_history(history: History) -> None:
    history.add(node("root"))

    def work(prefix: int) -> None:
        for i in range(10):
            history.add(node(f"{prefix}-{i}", "root"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(n.number for n in history.nodes("root")) == list(range(41))


def test_processes_share_one_new_history(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_some, args=(path, f"p{n}", 8)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert sorted(n.number for n in History(path).nodes("root")) == list(range(33))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_opens_the_file_anew(history: History) -> None:
    history.add(node("root"))
    child = os.fork()
    if child == 0:
        try:
            history.add(node("child", "root"))
            history.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    history.add(node("parent", "root"))
    assert [n.id for n in history.nodes("root")] == ["root", "child", "parent"]


def test_locked_by_another_process(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inficond_panel.tuning.database._BUSY_SECONDS", 0.05)
    history.add(node("root"))
    history.close()
    other = sqlite3.connect(history.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="in use by another process") as caught:
        history.add(node("a", "root"))
    assert "--history" in caught.value.remedy
    assert len(history.nodes("root")) == 1  # reading goes on
    other.execute("ROLLBACK")
    history.add(node("a", "root"))


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(b"title: not a history\n" * 100)
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="damaged") as caught:
        History(path).nodes("root")
    assert "Move it away" in caught.value.remedy
    assert path.read_bytes() == before


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(HistoryError, match="not a history"):
        History(path).nodes("root")


def test_other_schema_version(history: History) -> None:
    history.add(node("root"))
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(HistoryError, match="schema version 99"):
        history.nodes("root")


def test_overwritten_pages(history: History) -> None:
    history.add(node("root"))
    for i in range(20):
        history.add(node(f"n{i}", "root", seed=i))
    history.close()
    path = Path(history.path)
    content = bytearray(path.read_bytes())
    content[4096:] = random.Random(0).randbytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(HistoryError, match="damaged"):
        history.nodes("root")


@pytest.mark.parametrize(
    ("column", "value"),
    [("weights", b"x"), ("weights_hash", "0"), ("intents", "["), ("bounds", "[1]"), ("gap", "1")],
)
def test_changed_row(history: History, column: str, value: object) -> None:
    history.add(node("root"))
    history.close()
    with sqlite3.connect(history.path) as db:
        db.execute("DROP TRIGGER nodes_update")
        db.execute(f"UPDATE nodes SET {column} = ?", (value,))
    with pytest.raises(HistoryError, match=r"damaged: .*root"):
        history.get("root")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be opened") as caught:
        History(tmp_path / "none" / "h.sqlite").nodes("root")
    assert "--history" in caught.value.remedy


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be opened"):
        History(tmp_path).add(node("root"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_file_that_may_not_be_written(history: History) -> None:
    history.add(node("root"))
    history.close()
    Path(history.path).chmod(0o400)
    with pytest.raises(HistoryError, match="cannot be opened or written"):
        history.add(node("a", "root"))


WRITER = """
import sys
sys.path[:0] = sys.argv[2:]
from test_history import History, node
history = History(sys.argv[1])
history.add(node("root"))
print("ready", flush=True)
name = "root"
for i in range(10_000):
    name = history.add(node(f"{name[:8]}-{i}", name, seed=i)).id
    history.set_head("root", name, "fine-tune")
    print(name, flush=True)
"""


def test_killed_at_any_moment_nothing_reported_is_lost(tmp_path: Path) -> None:
    rng = random.Random(0)
    folders = [str(Path(__file__).parent), *sys.path]
    for attempt in range(5):
        path = tmp_path / f"{attempt}.sqlite"
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), *folders], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.02, 0.4))  # the moment of the kill, at random
        process.kill()
        reported = process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
        stored = [n.id for n in History(path).nodes("root")]
        assert stored[1 : len(reported) + 1] == reported
        assert len(stored) - 1 <= len(reported) + 1
        if reported:
            assert History(path).head("root") in stored[-2:]
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
