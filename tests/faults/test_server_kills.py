"""A server killed at any moment: what it reported is in the history, and it starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from factory import small_spec
from tornado.websocket import WebSocketClosedError
from ui_parts.server import Server, serving
from ui_parts.sessions import Session
from waiting import PATIENCE

from inficond_panel.tuning import Node, open_tuner

PEOPLE = 3
#: One fine-tune as its person knows it: class, concept, direction.
Asked = tuple[str, str, str]


async def work(session: Session, seed: int, reported: list[Asked]) -> None:
    """Fine-tune again and again until the server is gone; each is noted once it is reported."""
    rng = random.Random(seed)
    with contextlib.suppress(ConnectionError, WebSocketClosedError):
        await session.open()
        name = (await session.classes())[seed % PEOPLE]
        await session.click(name)
        while True:
            await session.until(lambda: session.of("KnowledgeTable", "rows"))
            concept = rng.choice(session.of("KnowledgeTable", "rows"))["concept"]
            direction = rng.choice(["up", "down", "remove"])
            await session.thumb(concept, direction)
            await session.fine_tune()
            reported.append((name, concept, direction))


async def until_killed(server: Server, seed: int) -> list[Asked]:
    """Reports to people who worked until the server was killed."""
    reported: list[Asked] = []
    rng = random.Random(seed)
    sessions = [Session(server.url, seed) for _ in range(PEOPLE)]
    people = [
        asyncio.create_task(work(session, number, reported))
        for number, session in enumerate(sessions)
    ]
    wanted = rng.choice([1, 2, 5])
    async with asyncio.timeout(PATIENCE):
        while len(reported) < wanted and not any(person.done() for person in people):
            await asyncio.sleep(0.002)
    await asyncio.sleep(rng.uniform(0, 0.1))  # the moment of the kill, at random
    os.kill(server.process, signal.SIGKILL)
    await asyncio.gather(*people)
    return reported


def stored(spec: Path, history: Path) -> list[Node]:
    """All iterations of the history; reading them checks hashes, numbers and the chain."""
    tuner = open_tuner(spec, history=history)
    nodes = tuner.nodes(deleted=True)
    tuner.history.close()
    with contextlib.closing(sqlite3.connect(history)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    return nodes


def asked(node: Node) -> Asked:
    (intent,) = node.intents
    return intent.class_name, intent.concept, intent.direction


@pytest.mark.parametrize("kills", [1, pytest.param(40, marks=pytest.mark.more)])
def test_a_killed_server_loses_nothing_that_it_reported(tmp_path: Path, kills: int) -> None:
    spec, folder = small_spec(tmp_path), tmp_path / "served"
    before: list[str] = []
    for kill in range(kills):
        with serving(spec, folder) as server:
            reported = asyncio.run(until_killed(server, kill))
        assert "Traceback" not in (folder / "server.log").read_text()
        nodes = stored(spec, folder / "history.sqlite")
        assert [node.id for node in nodes][: len(before)] == before
        assert [node.number for node in nodes] == list(range(len(nodes)))
        new = [asked(node) for node in nodes[max(len(before), 1) :]]
        # the same thumb from the same iteration is the same iteration: that one may be an old one
        lost = Counter(reported) - Counter(new)
        assert set(lost) <= {asked(node) for node in nodes[1 : len(before)]}
        assert len(new) <= len(reported) + PEOPLE  # no more than one each that was not yet told
        before = [node.id for node in nodes]
