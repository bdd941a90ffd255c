"""A history that fails while it is served: pages tell it, go on after it, and lose nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import panel as pn
import pytest
from factory import small_spec
from waiting import until

from inficond_panel.app import Explorer
from inficond_panel.errors import HistoryError
from inficond_panel.tuning import Intent, Tuner
from inficond_panel.tuning.history.log import HISTORY


@contextmanager
def moved(tuner: Tuner) -> Iterator[None]:
    """The file with what SQLite has beside it."""
    path = Path(tuner.history.path)
    parts = [part for part in ("", "-wal", "-shm") if Path(f"{path}{part}").exists()]
    for part in parts:
        Path(f"{path}{part}").rename(path.with_name(f"elsewhere{part}"))
    yield
    for part in parts:
        path.with_name(f"elsewhere{part}").replace(f"{path}{part}")


@contextmanager
def replaced(tuner: Tuner) -> Iterator[None]:
    path = Path(tuner.history.path)
    with moved(tuner):
        path.write_bytes(b"something else" * 500)
        yield
        path.unlink()


@contextmanager
def set_on_connection(tuner: Tuner, fault: str, mend: str) -> Iterator[None]:
    """SQLite's own errors, as a full or a read-only disk gives them."""
    connection = tuner.history._database._connection
    connection.execute(f"PRAGMA {fault}")
    yield
    connection.execute(f"PRAGMA {mend}")


def write_on(tuner: Tuner, text: str) -> None:
    while True:
        tuner.set_note(tuner.root_id, text)


@contextmanager
def full(tuner: Tuner) -> Iterator[None]:
    """No page more, and the last ones filled up."""
    with set_on_connection(tuner, "max_page_count = 1", "max_page_count = 1000000"):
        for letters in (2000, 200, 20, 1):
            with pytest.raises(HistoryError, match="full"):
                write_on(tuner, "x" * letters)
        yield


def read_only(tuner: Tuner):
    return set_on_connection(tuner, "query_only = 1", "query_only = 0")


@contextmanager
def locked(tuner: Tuner) -> Iterator[None]:
    """By another process, for longer than is waited."""
    with closing(sqlite3.connect(tuner.history.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (moved, "moved"),
        (replaced, "moved"),
        (full, "full"),
        (read_only, "written"),
        (locked, "in use by another process"),
    ],
)
def test_pages_tell_a_history_that_fails_and_go_on(
    fault, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(HISTORY, busy_seconds=0.2)
    monkeypatch.setattr("inficond_panel.tuning.history.history.HISTORY", short)
    spec = small_spec(tmp_path)

    async def tuned(explorer: Explorer) -> str:
        tuning = explorer.app.tuning
        tuning.fine_tune()
        await until(lambda: not tuning.busy)
        return tuning.status.kind

    async def session() -> None:
        page = Explorer([spec])
        await until(lambda: page.app is not None)
        page.app.tuning.toggle(Intent("bicycle", "wheel", "down"))
        with fault(page.app.tuner):
            assert await tuned(page) == "error"
            assert word in page.app.tuning.status.text
            assert page.app.tuning.status.remedy
            assert len(page.app.tuning.pending) == 1
            new = Explorer([spec])
            await until(lambda: new.app is not None or new.opening.error is not None)
        assert await tuned(page) == "done"
        assert (new.app is None) == (word == "moved")
        if new.app is None:
            assert isinstance(new.opening.error, HistoryError)
            assert page.app.tuner.history.path in new.opening.error.message
            assert new.opening.error.remedy
            (again,) = new.opening._page.select(pn.widgets.Button)
            again.clicks += 1
            await until(lambda: new.app is not None)
            assert len(new.app.tuning.nodes) == 2
        new.app.tuning.toggle(Intent("sheep", "wheel", "up"))
        assert await tuned(new) == "done"
        assert len(page.app.tuner.nodes()) == 3
        for explorer in (page, new):
            explorer.close()

    asyncio.run(session())
