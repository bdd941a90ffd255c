"""A server in a process of its own, and a client that speaks to it without a browser."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from bokeh.protocol import Protocol
from bokeh.protocol.receiver import Receiver
from forked import Forked
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect
from ui_parts.server import free_port
from waiting import PATIENCE, wait_until


class Served:
    """A server on a port of its own; ``page`` answers when it is ready.

    It is ``python -m MODULE ...``, or, with ``forked``, ``inficond ...`` in a process that starts
    at once.
    """

    def __init__(
        self, folder: Path, arguments: list[str], page: str, forked: bool, **environment: str
    ) -> None:
        self.ended = False  # by a test
        self.port, self.page, self.log = free_port(), page, folder / f"{free_port()}.log"
        at = arguments.index("--args") if "--args" in arguments else len(arguments)
        command = [*arguments[:at], "--port", str(self.port), *arguments[at:]]
        given = {**os.environ, **environment}
        self.process: Forked | subprocess.Popen[bytes]
        if forked:
            self.process = Forked(command, given, self.log)
            return
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdout=log,
                stderr=log,
                env=given,
                start_new_session=True,
            )

    def get(self, path: str, method: str = "GET", body: str | None = None, **headers: str):
        """Status, headers and text of the answer; ``a_b`` stands for the header ``a-b``."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, answer.headers, text

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError):
            return self.get(self.page)[0] == 200
        return False

    def token(self, **headers: str) -> str:
        """The token of a new session, as the page holds it."""
        status, _, html = self.get(self.page, **headers)
        assert status == 200
        return re.search(r'"token":"([^"]+)"', html)[1]


@contextmanager
def serving(folder: Path, *arguments: str, page: str, forked: bool = False, **environment: str):
    server = Served(folder, list(arguments), page, forked, **environment)
    try:
        wait_until(server.answers, f"{arguments} answers")
        yield server
        log = server.log.read_text()
        assert "Traceback" not in log, log
        assert server.ended or server.process.poll() is None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, 9)
        server.process.wait()


def session_of(token: str) -> str:
    """The id of the session that a token is for."""
    payload = token.split(".", maxsplit=1)[0]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["session_id"]


def _components(value: object):
    """Class, id and data of all components in a document as JSON."""
    if isinstance(value, dict):
        attributes = value.get("attributes") or {}
        if name := attributes.get("class_name"):
            yield name, (value["id"], attributes["data"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _components(item)


def _packed(value: object) -> object:
    """An object with a key ``type`` as Bokeh writes it, for which it means something else."""
    if isinstance(value, dict) and "type" in value:
        return {"type": "map", "entries": [[key, item] for key, item in value.items()]}
    return value


class Client:
    """One websocket to a page."""

    def __init__(self, server: Served, socket) -> None:
        self.server, self._socket, self._receiver = server, socket, Receiver(Protocol())

    @classmethod
    async def open(cls, server: Served, token: str, **headers: str) -> Client:
        url = f"ws://localhost:{server.port}{server.page}/ws"
        named = {"Origin": f"http://localhost:{server.port}", **headers}
        protocols = ["bokeh", token]
        patient = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}
        request = HTTPRequest(url, headers=named, **patient)
        return cls(server, await websocket_connect(request, subprotocols=protocols))

    async def read(self):
        """The next message; None once the server has closed."""
        message = None
        while message is None:
            fragment = await self._socket.read_message()
            if fragment is None:
                return None
            message = await self._receiver.consume(fragment)
        return message

    async def send(self, kind: str, content: object, **header: object) -> None:
        await self.send_raw(
            json.dumps({"msgid": "1", "msgtype": kind, **header}), "{}", json.dumps(content)
        )

    async def send_raw(self, *fragments: str | bytes) -> None:
        for fragment in fragments:
            await self._socket.write_message(fragment, binary=isinstance(fragment, bytes))

    async def answer(self):
        """Kind and content of the answer to what was sent; patches are passed over."""
        while message := await self.read():
            if message.msgtype in {"OK", "ERROR", "PULL-DOC-REPLY"}:
                return message.msgtype, message.content
        return "CLOSED", None

    async def components(self) -> dict[str, tuple[str, dict]]:
        """By class: the id of each component of the page, and its data model."""
        await self.send("PULL-DOC-REQ", {})
        kind, content = await self.answer()
        while kind == "OK":  # to what was sent before
            kind, content = await self.answer()
        assert kind == "PULL-DOC-REPLY"
        return dict(_components(content))

    async def until(self, name: str, condition) -> dict:
        """Attributes of a component's data, once they are as ``condition`` says."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = (await self.components()).get(name)
            if found and condition(found[1]["attributes"]):
                return found[1]["attributes"]
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {PATIENCE} s: {name}")

    async def event(self, name: str, **values: object) -> None:
        """Send an event, as a browser does."""
        entries = {"type": "map", "entries": [[key, _packed(v)] for key, v in values.items()]}
        event = {"type": "event", "name": name, "values": entries}
        await self.patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})

    async def tell(self, model: str, message: object) -> None:
        """Send what a component's ``send_msg`` sends."""
        await self.event("data_event", model={"id": model}, data=message)

    async def patch(self, *events: object) -> None:
        await self.send("PATCH-DOC", {"events": list(events)})

    def close(self) -> None:
        self._socket.close()
