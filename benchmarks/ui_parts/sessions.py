"""Sessions without browsers: each is a websocket that says what a browser would say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from bokeh.protocol import Protocol
from bokeh.util.token import generate_session_id
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

THINK = (1.0, 3.0)  #: seconds between two clicks of one session, drawn from a seed
TUNES, THUMBS = 0.12, 0.5  #: share of the steps that fine-tune, and that do this or give a thumb
PATIENCE = 180


class Session:
    """One session of a server: opens the page, then clicks on classes."""

    def __init__(self, url: str, seed: int) -> None:
        self.page, self.url = url, url.replace("http", "ws") + "/ws"
        self.random = random.Random(seed)
        self.seen: dict[tuple[str, str], Any] = {}  # by model and attribute, as it came last
        self.acknowledged = False  # nothing may be said before that
        self.models: dict[str, str] = {}  # id of a component's data, by the component's name
        self.components: dict[str, str] = {}  # id of the component itself
        self.socket: WebSocketClientConnection
        self._coming: asyncio.Future[str | bytes | None] | None = None

    async def open(self) -> float:
        """Seconds until the server has sent all views."""
        began = time.perf_counter()
        token = await self._token()
        self.socket = await websocket_connect(
            self.url,
            subprotocols=["bokeh", token],
            max_message_size=1 << 28,
            connect_timeout=PATIENCE,
        )
        await self.until(lambda: self.acknowledged)
        await self._send(Protocol().create("PULL-DOC-REQ"))
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        await self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready})
        await self.until(self._complete)
        return time.perf_counter() - began

    async def _token(self) -> str:
        """Token that the page gives the browser to open its connection with."""
        page = await AsyncHTTPClient().fetch(
            self.page, connect_timeout=PATIENCE, request_timeout=PATIENCE
        )
        found = re.search(r'"token":"([^"]+)"', page.body.decode())
        assert found is not None
        return found.group(1)

    def _is_whole(self) -> bool:
        """True once no component comes any more."""
        return self._complete()

    def _complete(self) -> bool:
        return {"PerformanceTable", "KnowledgeTable"} <= set(self.models)

    async def classes(self) -> list[str]:
        """Names of the classes that the page lists."""
        return [row["name"] for row in self.seen[self.models["PerformanceTable"], "rows"]]

    async def click(self, name: str) -> float:
        """Seconds from a click on a class until the knowledge view has its rows."""
        began = time.perf_counter()
        self.seen[self.models["PerformanceTable"], "selected"] = name
        model = {"id": self.models["PerformanceTable"]}
        await self._patch({"kind": "ModelChanged", "model": model, "attr": "selected", "new": name})
        knowledge = self.models["KnowledgeTable"]
        await self.until(lambda: self.seen.get((knowledge, "student")) == name)
        return time.perf_counter() - began

    def of(self, component: str, name: str) -> Any:
        """A parameter of a component, as it came last."""
        return self.seen.get((self.models[component], name))

    async def tell(self, component: str, message: dict[str, Any]) -> None:
        """Send what the component's script would send."""
        values = [["model", {"id": self.components[component]}], ["data", _map(message)]]
        event = {
            "type": "event",
            "name": "data_event",
            "values": {"type": "map", "entries": values},
        }
        await self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})

    async def thumb(self, concept: str, direction: str) -> float:
        """Seconds until the thumb is in the batch."""
        began = time.perf_counter()
        await self.tell(
            "KnowledgeTable", {"action": "toggle", "concept": concept, "direction": direction}
        )
        await self.until(lambda: (concept, direction) in self._pending())
        return time.perf_counter() - began

    async def fine_tune(self) -> float:
        """Seconds from *Fine-tune* until it is reported as done."""
        began = time.perf_counter()
        table = self.models["KnowledgeTable"]
        self.seen[table, "status"] = {}
        await self.tell("KnowledgeTable", {"action": "fine_tune"})
        await self.until(self._is_tuned)
        if self.seen[table, "status"]["kind"] == "error":
            raise RuntimeError(self.seen[table, "status"]["text"])
        return time.perf_counter() - began

    def _is_tuned(self) -> bool:
        """True once it is done: words about an earlier one come while the batch still waits."""
        kind = self.of("KnowledgeTable", "status").get("kind")
        return kind == "error" or (kind == "done" and not self._pending())

    def _pending(self) -> list[tuple[str, str]]:
        batch = self.of("KnowledgeTable", "pending") or []
        return [(intent["concept"], intent["direction"]) for intent in batch]

    async def work(self, clicks: int) -> list[float]:
        """Click on classes, with time to think; what each took."""
        names = await self.classes()
        self.random.shuffle(names)
        taken = []
        for at in range(clicks):
            await self.think(self.random.uniform(*THINK))
            taken.append(await self.click(names[at % len(names)]))
        return taken

    async def work_and_tune(self, seconds: float) -> list[tuple[str, float]]:
        """Click on classes, give thumbs and fine-tune for so long; what each step took."""
        end, taken = time.monotonic() + seconds, []
        names = await self.classes()
        await self.click(self.random.choice(names))
        while time.monotonic() < end:
            await self.think(self.random.uniform(*THINK))
            drawn = self.random.random()
            if drawn < TUNES and self._pending():
                taken.append(("tune", await self.fine_tune()))
            elif drawn < THUMBS and (free := self._free()):
                thumb = self.random.choice(free), self.random.choice(("up", "down"))
                taken.append(("thumb", await self.thumb(*thumb)))
            else:
                taken.append(("click", await self.click(self.random.choice(names))))
        return taken

    def _free(self) -> list[str]:
        """Those of the first concepts that have no thumb yet."""
        taken = {concept for concept, _ in self._pending()}
        rows = self.of("KnowledgeTable", "rows")[:8]
        return [row["concept"] for row in rows if row["concept"] not in taken]

    async def think(self, seconds: float) -> None:
        """Read what comes for so long."""
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: False, seconds)

    def close(self) -> None:
        """Close the page."""
        self.socket.close()

    async def _patch(self, event: dict[str, Any]) -> None:
        header = {"msgid": generate_session_id(), "msgtype": "PATCH-DOC"}
        for part in (header, {}, {"events": [event]}):
            await self.socket.write_message(json.dumps(part))

    async def _send(self, message: Any) -> None:
        for part in (message.header_json, message.metadata_json, message.content_json):
            await self.socket.write_message(part)

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Read what comes until the condition holds; ``TimeoutError`` if it does not in time."""
        end = time.monotonic() + seconds
        while not condition():
            # kept, so that nothing is lost when the time is up while one is on its way
            self._coming = self._coming or asyncio.ensure_future(self.socket.read_message())
            await asyncio.wait({self._coming}, timeout=end - time.monotonic())
            if not self._coming.done():
                raise TimeoutError(f"{self.url} did not answer within {seconds} s")
            part, self._coming = self._coming.result(), None
            if part is None:
                raise ConnectionError("the server closed the session")
            if isinstance(part, str) and part.startswith("{"):
                said = json.loads(part)
                # Once all views are there, what is within a change is no model: not walked through,
                # so that the sessions take little of the time that the server needs.
                for item in said.get("events", [said]) if self._is_whole() else _objects(said):
                    self._note(item)

    def _note(self, item: dict[str, Any]) -> None:
        """Keep what a message tells of a component's parameters."""
        self.acknowledged |= item.get("msgtype") == "ACK"
        if item.get("kind") == "ModelChanged":
            self.seen[item["model"]["id"], item["attr"]] = _plain(item["new"])
        data = item.get("attributes", {}).get("data")
        if isinstance(data, dict) and "class_name" in item["attributes"]:
            self.models[item["attributes"]["class_name"]] = data["id"]
            self.components[item["attributes"]["class_name"]] = item["id"]
            for name, value in data.get("attributes", {}).items():
                self.seen[data["id"], name] = _plain(value)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All JSON objects in ``value``, it included."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _map(message: dict[str, Any]) -> dict[str, Any]:
    """A message of plain values in Bokeh's notation."""
    return {"type": "map", "entries": [list(entry) for entry in message.items()]}


def _plain(value: Any) -> Any:
    """A value without Bokeh's notation for maps."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and value.get("type") == "map":
        return {key: _plain(item) for key, item in value.get("entries", [])}
    return value


async def drive(url: str, sessions: int, clicks: int) -> tuple[list[float], list[float]]:
    """Seconds that each page took to open (one after the other), and each click (all at once)."""
    made = [Session(url, seed) for seed in range(sessions)]
    opened = [await session.open() for session in made]
    taken = await asyncio.gather(*(session.work(clicks) for session in made))
    for session in made:
        session.close()
    return opened, [seconds for one in taken for seconds in one]


async def fine_tune(url: str, sessions: int, seconds: float) -> dict[str, list[float]]:
    """Seconds that each step took by kind, with all sessions at work for so long."""
    made = [Session(url, seed) for seed in range(sessions)]
    for session in made:
        await session.open()
    taken = await asyncio.gather(*(session.work_and_tune(seconds) for session in made))
    for session in made:
        session.close()
    steps = [step for one in taken for step in one]
    return {kind: [took for each, took in steps if each == kind] for kind, _ in steps}
