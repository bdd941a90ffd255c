"""A real server and a real Chromium. Any console error or outside request fails the test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import inficond_panel

playwright_api = pytest.importorskip("playwright.sync_api")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: A server on a machine with two busy cores may take its time.
PATIENCE = 60.0


@dataclass
class Server:
    """``inficond serve SPEC``, or ``panel serve`` on the app's file, in a process of its own."""

    spec: Path
    history: Path
    port: int = 0
    plain_panel: bool = False
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/app"

    def start(self) -> None:
        self.port = self.port or free_port()
        port = ["--port", str(self.port)]
        if self.plain_panel:
            app = str(Path(inficond_panel.__file__).with_name("app.py"))
            command = ["panel", "serve", app, *port, "--args", str(self.spec)]
        else:
            command = ["inficond_panel", "serve", str(self.spec), *port]
        environment = {**os.environ, "INFICOND_HISTORY": str(self.history)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self.answers, f"{self.url} answers")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(self.url, timeout=5) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def wait_until(condition, what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition; fail with its name."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:.0f} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator:
    servers: list[Server] = []

    def start(spec: Path, *, plain_panel: bool = False) -> Server:
        server = Server(spec, tmp_path / "history.sqlite", plain_panel=plain_panel)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        pytest.skip("no Chromium: set CHROMIUM or install Debian's chromium")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator:
    """Open pages in contexts of their own; console errors and outside requests fail the test."""
    faults: list[str] = []
    contexts = []

    def listen(page) -> None:
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: None if _is_local(r.url) else faults.append(r.url))

    def open_(url: str, width: int = 1920, height: int = 1080, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        listen(page)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


def _is_local(url: str) -> bool:
    return url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:"))
