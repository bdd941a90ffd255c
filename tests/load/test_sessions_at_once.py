"""Sessions at one server, as browsers would have them: nobody gets another's answer, nothing stays.

``--more`` runs 50 for three minutes on the demo, in two processes, each with an action every one to
three seconds; and 300 one after the other.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec
from ui_parts.server import Server, serving
from ui_parts.sessions import Session
from waiting import PATIENCE

#: A session ends soon after its page was closed, so that a test need not wait.
SOON = ("--check-unused-sessions", "100", "--unused-session-lifetime", "100")
GOAL = 1.0  #: seconds of an answer, 95th percentile


class Person:
    """Works at a page, and checks that each answer is to what was asked here."""

    def __init__(self, url: str, seed: int, think: tuple[float, float]) -> None:
        self.session, self.random, self.think = Session(url, seed), random.Random(seed), think
        self.answers: list[float] = []
        self.tunes: list[float] = []

    async def work(self, steps: Iterable[object]) -> None:
        classes = await self.session.classes()
        for _ in steps:
            name = self.random.choice(classes)
            self.answers.append(await self.session.click(name))
            assert self.session.of("KnowledgeTable", "student") == name
            await self._think()
            if self.random.random() < 0.5:
                await self._tune(name)
                await self._think()

    async def _think(self) -> None:
        await self.session.think(self.random.uniform(*self.think))

    async def _tune(self, name: str) -> None:
        await self.session.until(lambda: self.session.of("KnowledgeTable", "rows"))
        concept = self.random.choice(self.session.of("KnowledgeTable", "rows"))["concept"]
        self.answers.append(await self.session.thumb(concept, "down"))
        (pending,) = self.session.of("KnowledgeTable", "pending")
        assert (pending["concept"], pending["student"]) == (concept, name)
        await self._think()
        if self.random.random() < 0.25:
            self.tunes.append(await self.session.fine_tune())
            assert self.session.of("KnowledgeTable", "pending") == []
        else:
            self.answers.append(await self._withdraw())

    async def _withdraw(self) -> float:
        began = time.perf_counter()
        await self.session.tell("KnowledgeTable", {"action": "clear"})
        await self.session.until(lambda: self.session.of("KnowledgeTable", "pending") == [])
        return time.perf_counter() - began


def for_seconds(seconds: float) -> Iterator[None]:
    """Steps for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


async def settled(server: Server, threads: int, files: int) -> None:
    """Wait until as many threads and files as before are there."""
    async with asyncio.timeout(PATIENCE):
        while server.threads() > threads or server.files() > files:
            await asyncio.sleep(0.1)


async def warmed(server: Server, sessions: int = 3) -> tuple[int, int]:
    """Threads and files once the first sessions have come and gone."""
    for seed in range(sessions):
        await visit(server, seed)
    return server.threads(), server.files()


async def visit(server: Server, seed: int) -> None:
    """A page that is opened, used and closed."""
    session = Session(server.url, seed)
    await session.open()
    await session.click((await session.classes())[seed % 2])
    session.close()


async def crowd(
    server: Server, people: int, steps: Callable[[], Iterable[object]], think: tuple[float, float]
):
    threads, files = await warmed(server)
    memory = server.megabytes()
    crowd = [Person(server.url, seed, think) for seed in range(people)]
    for person in crowd:
        await person.session.open()
    await asyncio.gather(*(person.work(steps()) for person in crowd))
    for person in crowd:
        person.session.close()
    # a pool of the event loop's own, which Python keeps, may have grown to its size meanwhile
    await settled(server, threads + 8, files)
    return crowd, server.megabytes() - memory


def test_a_few_sessions_at_once_get_their_own_answers(tmp_path: Path) -> None:
    with serving(small_spec(tmp_path), tmp_path / "served", *SOON) as server:
        people, _ = asyncio.run(crowd(server, 5, lambda: range(8), (0.05, 0.2)))
    assert all(person.answers for person in people)
    assert sum(len(person.tunes) for person in people)
    assert "Traceback" not in (tmp_path / "served" / "server.log").read_text()


@pytest.mark.more
def test_fifty_sessions_are_answered_within_a_second(tmp_path: Path) -> None:
    with serving("demo", tmp_path / "served", *SOON, "--num-procs", "2") as server:
        people, grown = asyncio.run(crowd(server, 50, lambda: for_seconds(180), (1.0, 3.0)))
    thumbs = [seconds for person in people for seconds in person.answers]
    tunes = [seconds for person in people for seconds in person.tunes]
    for name, taken in ("classes and thumbs", thumbs), ("fine-tunes", tunes):
        share = np.percentile(taken, [50, 95, 100]).round(2)
        print(f"{len(taken)} {name}: median, 95 %, longest {share} s")
    print(f"memory: {grown:+.0f} MB")
    assert "Traceback" not in (tmp_path / "served" / "server.log").read_text()
    assert np.percentile(thumbs + tunes, 95) <= GOAL


@pytest.mark.more
def test_memory_is_back_after_three_hundred_sessions(tmp_path: Path) -> None:
    async def visits(server: Server) -> tuple[float, float]:
        threads, files = await warmed(server, 10)
        before = server.megabytes()
        for seed in range(300):
            await visit(server, seed)
        await settled(server, threads + 8, files)
        return before, server.megabytes()

    with serving(small_spec(tmp_path), tmp_path / "served", *SOON) as server:
        before, after = asyncio.run(visits(server))
    print(f"{before:.0f} MB, after 300 sessions {after:.0f} MB")
    assert after <= 1.1 * before
