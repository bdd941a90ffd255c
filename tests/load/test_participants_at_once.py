"""Participants of a study at once, while the server is killed: every event is there, in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from studies import small_study
from tornado.httpclient import HTTPError
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError
from ui_parts.server import Server, serving
from ui_parts.sessions import Session

from inficond_panel.study.results.timeline import own_events, progress_of
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import History

GONE = (ConnectionError, StreamClosedError, WebSocketClosedError, HTTPError)
#: Steps of the study, as their events name them.
STEPS = ["consent", "introduction-1", "form", "bicycle", "sheep", "questionnaire-1"]


class Page(Session):
    """One opening of a participant's page."""

    def _complete(self) -> bool:
        return "StudyFrame" in self.models

    def _is_whole(self) -> bool:
        return False  # the views of a task come and go

    @property
    def screen(self) -> dict:
        return self.of("StudyFrame", "screen") or {}

    async def at(self, *kinds: str) -> dict:
        """The screen, once it is one of these kinds and has its button."""
        await self.until(lambda: self.screen.get("kind") in kinds and not self.screen.get("busy"))
        return self.screen

    async def say(self, action: str, **arguments: object) -> None:
        await self.tell("StudyFrame", {"action": action, **arguments})

    async def leave(self, screen: dict) -> None:
        """Press the button of a screen; it is done when another is there."""
        self.models.pop("KnowledgeTable", None)  # that of the next task is another
        await self.say("leave" if screen["kind"] == "task" else "next", step=screen["step"])
        await self.until(lambda: self.screen.get("key") != screen["key"])


class Person:
    """Goes through the study; opens the page anew where the server was killed."""

    def __init__(self, token: str, seed: int) -> None:
        self.token, self.seed, self.random = token, seed, random.Random(seed)
        self.tuned: list[tuple[str, str]] = []  # task and concept of what was reported
        self.left: list[str] = []  # screens whose successor was shown
        self.over = False

    async def take_part(self, url: str) -> None:
        page = Page(url, self.seed)
        with contextlib.suppress(*GONE):
            await page.open()
            await page.say("enter", token=self.token)
            while not self.over:
                await self._step(page)
            page.close()

    async def _step(self, page: Page) -> None:
        screen = await page.at("consent", "text", "questions", "brief", "task", "end")
        await page.think(self.random.uniform(0, 0.1))
        if screen["kind"] == "end":
            self.over = True
        elif screen["kind"] == "brief":
            await page.leave(screen)
        else:
            if screen["key"] == "form":
                await page.say("answer", name="age", answer=20 + self.seed)
            elif screen["kind"] == "questions":
                await page.say("answer", name="q1", answer=1 + self.seed % 5)
            elif screen["kind"] == "task":
                await self._tune(page, screen["key"].removesuffix(" work"))
            await page.leave(screen)
            self.left.append(screen["key"].removesuffix(" work"))

    async def _tune(self, page: Page, task: str) -> None:
        """Two iterations, however many there are already."""
        await page.until(lambda: page.models.keys() >= {"KnowledgeTable"})
        for _ in range(2):
            await page.until(lambda: page.of("KnowledgeTable", "rows"))
            for concept, _ in page._pending():  # waited when the server was killed
                place = ["thumb", page.of("KnowledgeTable", "student"), concept]
                await page.tell("KnowledgeTable", {"action": "take_out", "place": place})
            await page.until(lambda: not page._pending())
            concept = self.random.choice(page.of("KnowledgeTable", "rows"))["concept"]
            await page.thumb(concept, self.random.choice(("up", "down")))
            await page.fine_tune()
            self.tuned.append((task, concept))
        await page.until(lambda: page.screen.get("button"))


@contextlib.contextmanager
def study_server(study: Study, folder: Path) -> Iterator[Server]:
    with serving(study.spec.path, folder, command=("study", "serve"), page="study") as server:
        yield server


async def take_part(server: Server, people: list[Person], seconds: float) -> None:
    """Everybody goes on; after so many seconds (0: never) the server is killed."""
    tasks = [asyncio.create_task(person.take_part(server.url)) for person in people]
    if seconds:
        await asyncio.wait(tasks, timeout=seconds)
        os.kill(server.process, signal.SIGKILL)
    async with asyncio.timeout(600):
        await asyncio.gather(*tasks)


def check(study: Study, person: Person, number: int) -> None:
    participant = study.log.participant(number)
    progress = progress_of(study, participant)  # checks the chain of the events
    events = progress.events
    assert progress.finished
    assert [event.number for event in events] == sorted(event.number for event in events)
    assert [event.time for event in events] == sorted(event.time for event in events)
    for action in ("enter", "leave"):
        steps = [event.step for event in events if event.action == action]
        assert steps[: len(STEPS)] == STEPS, action
        assert steps[len(STEPS) :] in ([], ["end"]), action
    assert set(person.left) <= set(STEPS)
    assert progress.answers()["age"] == 20 + person.seed
    assert progress.answers()["q1"] == 1 + person.seed % 5
    for task in ("bicycle", "sheep"):
        ready = study.ready[task]
        with contextlib.closing(History(study.history(participant, task))) as history:
            made = own_events(history, study.concept_sets(participant, task))
            nodes = {node.id: node for node in history.nodes(ready.start.root, deleted=True)}
        tuned = [nodes[event.node].intents for event in made if event.kind == "fine-tune"]
        stored = [(task, intent.concept) for batch in tuned for intent in batch]
        for reported in person.tuned:
            assert reported in stored or reported[0] != task
        assert sum(event.action == "start" for event in progress.of(task)) == 1


@pytest.mark.more  # one who is alone: test_server_kills.py; many who wait: test_sessions_at_once.py
@pytest.mark.parametrize(("count", "kills"), [(3, 1), (10, 2)])
def test_participants_lose_nothing_while_the_server_is_killed(
    tmp_path: Path, count: int, kills: int
) -> None:
    study = small_study(tmp_path)
    people = [Person(study.add_participant()[1], seed) for seed in range(count)]
    study.close()
    for kill in range(kills + 1):
        with study_server(study, tmp_path / f"served-{kill}") as server:
            seconds = random.Random(kill).uniform(1, 3) if kill < kills else 0
            asyncio.run(take_part(server, people, seconds))
        assert "Traceback" not in (tmp_path / f"served-{kill}" / "server.log").read_text()
    assert all(person.over for person in people)
    for number, person in enumerate(people, start=1):
        check(study, person, number)
