"""A history that fails while it is served: pages tell it, go on after it, and lose nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

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


FAULTS = {
    moved: "moved",
    replaced: "moved",
    full: "full",
    read_only: "written",
    locked: "in use by another process",
}


async def refit(explorer: Explorer) -> str:
    """Refit the pending thumbs; the kind of what the page tells at the end."""
    tuning = explorer.app.tuning
    tuning.fine_tune()
    await until(lambda: not tuning.busy)
    return tuning.status.kind


async def session(fault, spec: Path) -> SimpleNamespace:
    """What two pages tell: one that is open while the history fails, one that is opened then."""
    told = SimpleNamespace()
    page = Explorer([spec])
    await until(lambda: page.app is not None)
    page.app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    told.path = page.app.tuner.history.path
    with fault(page.app.tuner):
        told.failed = await refit(page)
        told.status, told.pending = page.app.tuning.status, list(page.app.tuning.pending)
        new = Explorer([spec])
        await until(lambda: new.app is not None or new.opening.error is not None)
    told.mended = await refit(page)
    told.refusal = new.opening.error if new.app is None else None
    if new.app is None:
        (again,) = new.opening._page.select(pn.widgets.Button)
        again.clicks += 1
        await until(lambda: new.app is not None)
    told.seen = len(new.app.tuning.nodes)
    new.app.tuning.toggle(Intent("sheep", "wheel", "up"))
    told.later, told.nodes = await refit(new), len(page.app.tuner.nodes())
    for explorer in (page, new):
        explorer.close()
    return told


@pytest.fixture(scope="module", params=FAULTS, ids=lambda fault: fault.__name__)
def fault(request):
    return request.param


@pytest.fixture(scope="module")
def told(fault, tmp_path_factory) -> SimpleNamespace:
    short = replace(HISTORY, busy_seconds=0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inficond_panel.tuning.history.history.HISTORY", short)
        return asyncio.run(session(fault, small_spec(tmp_path_factory.mktemp("history"))))


def test_a_page_tells_a_history_that_fails(fault, told) -> None:
    assert told.failed == "error"
    assert FAULTS[fault] in told.status.text


def test_a_page_says_what_to_do_about_a_history_that_fails(told) -> None:
    assert told.status.remedy


def test_a_page_keeps_the_thumbs_that_were_not_refitted(told) -> None:
    assert len(told.pending) == 1


def test_a_page_goes_on_after_the_history_is_back(told) -> None:
    assert told.mended == "done"


def test_a_page_is_not_opened_without_the_file_of_its_history(fault, told) -> None:
    assert isinstance(told.refusal, HistoryError) == (FAULTS[fault] == "moved")


def test_a_page_that_is_not_opened_names_the_file(told) -> None:
    if told.refusal is not None:
        assert told.path in told.refusal.message
        assert told.refusal.remedy


def test_a_page_that_is_opened_later_has_the_iterations(fault, told) -> None:
    if told.refusal is not None:
        assert told.seen == 2


def test_a_page_that_was_opened_during_the_fault_goes_on(told) -> None:
    assert told.later == "done"
    assert told.nodes == 3
