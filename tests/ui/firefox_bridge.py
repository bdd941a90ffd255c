#!/usr/bin/env python3
"""Debian's Firefox for Playwright: a program that starts it and stands between the two.

Both speak WebDriver BiDi. Playwright sets the colour scheme by a command that this Firefox does not
know yet, and gives up; here it is answered. The scheme comes from a preference.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect
from waiting import PATIENCE

PROGRAMS = ("firefox-esr", "firefox")
UNKNOWN = "emulation.setMediaFeaturesOverride"
LISTENING = re.compile(r"(?<=WebDriver BiDi listening on )ws://\S+")
#: A screenshot of a large page is one message.
LARGEST = 256 * 2**20


def program() -> str | None:
    """Firefox of this machine; None where there is none."""
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, PROGRAMS)), None)


class Between(WebSocketHandler):
    """One connection of Playwright, passed on to Firefox."""

    def initialize(self, address: str) -> None:
        """Remember where Firefox listens."""
        self.address = address
        self.there: WebSocketClientConnection | None = None

    async def open(self, *_: str, **__: str) -> None:
        """Connect to Firefox, and pass on what it says until one of the two ends."""
        url = self.address + self.request.path
        self.there = await websocket_connect(
            url, max_message_size=LARGEST, connect_timeout=PATIENCE
        )
        asyncio.create_task(self._listen())  # noqa: RUF006 - ends with the connection

    async def _listen(self) -> None:
        while (message := await self.there.read_message()) is not None:
            await self.write_message(message)
        self.close()

    async def on_message(self, message: str) -> None:
        """Pass on a command, or answer it where Firefox cannot."""
        while self.there is None:
            await asyncio.sleep(0.01)
        asked = json.loads(message)
        if asked["method"] == UNKNOWN:
            answer = {"type": "success", "id": asked["id"], "result": {}}
            await self.write_message(json.dumps(answer))
        else:
            await self.there.write_message(message)

    def on_close(self) -> None:
        """Let Firefox know."""
        if self.there:
            self.there.close()


def listen_for(firefox: str) -> str:
    """Address for Playwright, of a server that passes on to Firefox at another."""
    [socket] = bind_sockets(0, "127.0.0.1")
    application = Application(
        [(r"/.*", Between, {"address": firefox})], websocket_max_message_size=LARGEST
    )
    HTTPServer(application).add_socket(socket)
    return f"ws://127.0.0.1:{socket.getsockname()[1]}"


async def main() -> int:
    """Run Firefox with this program's arguments, and tell Playwright where to connect."""
    firefox = await asyncio.create_subprocess_exec(
        program(), *sys.argv[1:], stderr=asyncio.subprocess.PIPE
    )
    async for line in firefox.stderr:
        told = LISTENING.sub(lambda found: listen_for(found[0]), line.decode(errors="replace"))
        print(told, end="", file=sys.stderr, flush=True)
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
