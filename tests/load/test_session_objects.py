"""The objects of sessions that were opened and closed at a server: none is left."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from pathlib import Path

import pytest
from factory import small_spec
from panel.io.application import build_single_handler_application
from panel.io.server import Server
from ui_parts.sessions import Session
from waiting import until

import inficond_panel

SESSIONS = 4
KINDS = {"AppState", "Document", "Explorer", "ShellPage", "EmbeddingView", "Jobs", "figure"}


def alive() -> Counter[str]:
    """Objects of a session, by kind."""
    gc.collect()
    names = (type(one).__name__ for one in gc.get_objects())
    return Counter(name for name in names if name in KINDS)


def workers() -> int:
    return sum(thread.name == "inficond-jobs" for thread in threading.enumerate())


@pytest.mark.more  # without a server: test_session_end.py
def test_nothing_of_a_closed_session_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFICOND_HISTORY", str(tmp_path / "history.sqlite"))
    app = Path(inficond_panel.__file__).with_name("app.py")
    page = build_single_handler_application(str(app), [str(small_spec(tmp_path))])

    async def visits() -> None:
        server = Server(
            {"/app": page},
            port=0,
            check_unused_sessions_milliseconds=50,
            unused_session_lifetime_milliseconds=10,
        )
        server.start()
        before, threads = alive(), workers()
        made = [Session(f"http://localhost:{server.port}/app", seed) for seed in range(SESSIONS)]
        for session in made:
            await session.open()
            await session.click((await session.classes())[0])
        assert (alive() - before)["AppState"] == SESSIONS
        for session in made:
            session.close()
        await until(lambda: not server.get_sessions("/app") and workers() == threads)
        # one document is the process's own, made with the first session
        await until(lambda: alive() - before <= Counter(Document=1))
        server.stop()

    asyncio.run(visits())
