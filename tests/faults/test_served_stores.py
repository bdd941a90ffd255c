"""Stores that change while they are served, and servers that share a history, with real servers."""

from __future__ import annotations

import asyncio
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from factory import ATTRS, small_arrays, small_spec
from forked import Forked
from ui_parts.server import Server, serving
from ui_parts.sessions import Session
from waiting import PATIENCE, wait_until

from inficond_panel.store import write_store
from inficond_panel.tuning import open_tuner

pytestmark = pytest.mark.server


def health(server: Server) -> int:
    try:
        with urllib.request.urlopen(f"http://localhost:{server.port}/health") as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


async def opened(server: Server) -> Session:
    session = Session(server.url, 0)
    await session.open()
    await session.click("bicycle")
    return session


async def looked(session: Session) -> str:
    """What an open page says about its store when it looks for news, as it does by itself."""
    await session.tell("ShellPage", {"action": "look"})
    await session.until(lambda: (session.of("KnowledgeTable", "status") or {}).get("kind"))
    return session.of("KnowledgeTable", "status")["text"]


def test_pages_of_a_store_that_is_replaced_and_then_removed(tmp_path: Path) -> None:
    spec, folder = small_spec(tmp_path), tmp_path / "served"

    async def work(server: Server) -> None:
        old = await opened(server)
        arrays = small_arrays(seed=7, classes=3)
        write_store(tmp_path / "small.zarr", arrays, ATTRS)
        assert "was replaced by another store" in await looked(old)
        new = await opened(server)
        assert len(await old.classes()) == 4
        assert len(await new.classes()) == 3
        shutil.rmtree(tmp_path / "small.zarr")
        assert "was removed" in await looked(new)

    with serving(spec, folder, start=Forked) as server:
        asyncio.run(asyncio.wait_for(work(server), PATIENCE))
        wait_until(lambda: health(server) == 503, "the server is not healthy without its store")
    assert "Traceback" not in (folder / "server.log").read_text()


def test_servers_share_a_history(tmp_path: Path) -> None:
    spec, folder = small_spec(tmp_path), tmp_path / "served"

    async def edit(server: Server, name: str) -> None:
        session = Session(server.url, 0)
        await session.open()
        await session.click(name)
        await session.until(lambda: session.of("KnowledgeTable", "rows"))
        for row in session.of("KnowledgeTable", "rows")[:3]:
            await session.thumb(row["concept"], "remove")
            await session.fine_tune()

    async def work(*servers: Server) -> None:
        names = ("bicycle", "sheep")
        await asyncio.gather(*map(edit, servers, names))

    with serving(spec, folder, start=Forked) as one, serving(spec, folder, start=Forked) as other:
        asyncio.run(asyncio.wait_for(work(one, other), PATIENCE))
    nodes = open_tuner(spec, history=folder / "history.sqlite").nodes()
    assert [node.number for node in nodes] == list(range(7))
    assert sorted(node.intents[0].class_name for node in nodes[1:]) == 3 * ["bicycle"] + 3 * [
        "sheep"
    ]
