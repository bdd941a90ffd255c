"""A real server and a real Chromium. Any console error or outside request fails the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from cutting import Proxy
from factory import small_spec
from forked import Forked
from listening import listen
from ui_parts.server import free_port
from waiting import PATIENCE, wait_until
from warm import WarmContexts

import inficond_panel

playwright_api = pytest.importorskip("playwright.sync_api")

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
#: Takes a page's fonts away before it draws, so that the machine's fall in.
NO_FONTS = """addEventListener("DOMContentLoaded", () => {
  for (const sheet of document.styleSheets) {
    const at = [...sheet.cssRules].findIndex((rule) => rule instanceof CSSFontFaceRule)
    if (at >= 0) sheet.deleteRule(at)
  }
})"""
#: What a browser and BokehJS log when a connection breaks.
BROKEN = (
    r"WebSocket connection to '.*' failed|WebSocket is already in CLOSING"
    r"|net::ERR_(CONNECTION|EMPTY_RESPONSE|SOCKET)|Failed to connect to Bokeh server"
    r"|not connected so cannot send"
)

#: Seconds of one test, after which its browser is ended.
LONGEST = 900

#: Ports of servers, taken again: the browser has compiled the scripts of these addresses already.
_PORTS: set[int] = set()

playwright_api.expect.set_options(timeout=PATIENCE * 1000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.ui)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """End a browser that never answers: not every call has a time limit.

    The test fails then, and so do those after it in this process, at once; they run once more.
    """
    watch = threading.Timer(LONGEST, _end_playwright)
    watch.daemon = True
    watch.start()
    try:
        return (yield)
    finally:
        watch.cancel()


def _end_playwright() -> None:
    """Kill Playwright's driver, which takes its browser along; calls that wait for it raise."""
    for process in psutil.Process().children():
        if process.name().startswith("node"):
            process.kill()


@dataclass
class Server:
    """``inficond serve SPEC``, or ``panel serve`` on the app's file, in a process of its own.

    The process is ``forked``, or a Python of its own where the start is a part of the test;
    ``panel serve`` is always one.
    """

    spec: Path
    history: Path
    port: int = 0
    others: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()
    prefix: str = ""
    plain_panel: bool = False
    forked: bool = True
    process: Forked | subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}{self.prefix}/app"

    @property
    def log(self) -> Path:
        return self.history.with_suffix(f".{self.spec.stem}.log")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "INFICOND_HISTORY": str(self.history)}

    @property
    def command(self) -> list[str]:
        """A module with its arguments."""
        port, specs = f"--port={self.port}", [str(self.spec), *map(str, self.others)]
        if self.plain_panel:
            app = Path(inficond_panel.__file__).with_name("app.py")
            return ["panel", "serve", str(app), port, "--args", *specs]
        return ["inficond_panel", "serve", *specs, port, *self.flags]

    def start(self) -> None:
        self.port = self.port or free_port(_PORTS)
        _PORTS.add(self.port)
        if self.forked and not self.plain_panel:
            self.process = Forked(self.command[1:], self.environment, self.log)
        else:
            with self.log.open("a") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", *self.command],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        wait_until(self.answers, f"{self.url} answers")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(self.url, timeout=PATIENCE) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def check_log(self) -> None:
        """Fail if an exception of this package is in it, a message of its pages was refused, or
        Panel was called from a thread in a way that is not safe."""
        log = self.log.read_text()
        assert f'File "{Path(inficond_panel.__file__).parent}' not in log
        assert "Refused a message" not in log
        assert "inside a thread is not safe" not in log


@contextmanager
def serving(folder: Path) -> Iterator:
    """Start servers; end them, and fail if one logged an exception of this package.

    A page that closes while it is written to is none.
    """
    servers: list[Server] = []

    def start(spec: Path, *others: Path, **how: Any) -> Server:
        server = Server(spec, folder / "history.sqlite", others=others, **how)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()
    for server in servers:
        server.check_log()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator:
    with serving(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """As ``serve``; the servers live as long as the module's tests, which share the history."""
    with serving(tmp_path_factory.mktemp("served")) as start:
        yield start


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("small")
    with serving(folder) as start:
        yield start(small_spec(folder))


@pytest.fixture(scope="module")
def small_url(small_server: Server) -> Iterator[str]:
    """A small store, served for all tests that write nothing to its history."""
    yield small_server.url
    small_server.check_log()


@pytest.fixture(scope="session")
def playwright() -> Iterator:
    """Playwright, of which a process can have one only."""
    with playwright_api.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright) -> Iterator:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        pytest.skip("no Chromium: set CHROMIUM or install Debian's chromium")
    browser = playwright.chromium.launch(
        executable_path=path,
        args=["--no-sandbox", "--disable-gpu", "--process-per-site"],
        timeout=PATIENCE * 1000,
    )
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def _proxy() -> Proxy:
    """One for all tests: its address is one whose scripts the browser has compiled."""
    return Proxy()


@pytest.fixture
def proxy(_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A connection that can be broken; set ``to`` to the port of a server that starts later."""
    monkeypatch.setenv("BOKEH_ALLOW_WS_ORIGIN", f"localhost:{_proxy.port}")
    yield _proxy
    _proxy.reset()


@pytest.fixture(scope="session")
def warm_contexts(browser) -> WarmContexts:
    return WarmContexts(browser)


@contextmanager
def opening(browser, warm_contexts: WarmContexts) -> Iterator:
    """Open pages as other people; console errors and outside requests fail the test.

    Pages with ``options`` are in new contexts, and those with an ``own_context``. ``expected`` is a
    pattern of errors that the test brings about.
    """
    faults: list[str] = []
    warm, contexts, origins = [], [], set()

    def new_page(options: dict, own_context: bool):
        if not options and not own_context:
            warm.append(warm_contexts.take())
            return warm[-1].new_page()
        contexts.append(browser.new_context(**options))
        contexts[-1].set_default_timeout(PATIENCE * 1000)
        return contexts[-1].new_page()

    def open_(
        url: str,
        width: int = 1920,
        height: int = 1080,
        own_font: bool = True,
        expected: str = "(?!)",
        color_scheme: str = "light",
        reduced_motion: str = "no-preference",
        own_context: bool = False,
        **options,
    ):
        page = new_page(options, own_context)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        listen(page, expected, faults)
        if not own_font:
            page.add_init_script(NO_FONTS)
        origins.add("{0.scheme}://{0.netloc}".format(urlsplit(url)))
        page.goto(url)
        return page

    try:
        yield open_
    finally:
        for context in reversed(warm):  # so that the one used most is taken first again
            warm_contexts.give_back(context, origins)
        for context in contexts:
            context.close()
    assert faults == []


@pytest.fixture
def open_page(browser, warm_contexts, serve) -> Iterator:
    """As ``opening``. It asks for ``serve`` so that pages are closed before the servers end."""
    with opening(browser, warm_contexts) as open_:
        yield open_


@pytest.fixture(scope="module")
def share_page(request, browser, warm_contexts, serve_module) -> Iterator:
    """Open a page that the tests of a file go on with, one after the other; anew after a failure.

    Called with the address and options of ``open_page``, and ``begin``, by which the page is
    brought to where each test finds it and leaves it. What it logs is told with the last of them.
    """
    pages: dict[tuple, Any] = {}
    failed = 0
    with ExitStack() as stack:

        def share(
            url: str, begin: Callable[[Any], object] = lambda page: None, **options: Any
        ) -> Any:
            nonlocal failed
            if failed != request.session.testsfailed:
                failed = request.session.testsfailed
                pages.clear()
                stack.close()
            key = (url, *options.items())
            if key not in pages:
                open_ = stack.enter_context(opening(browser, warm_contexts))
                pages[key] = open_(url, **options)
                begin(pages[key])
            return pages[key]

        yield share


@contextmanager
def opening_files(browser) -> Iterator:
    """Open files with all requests blocked; console errors and requests fail the test."""
    faults: list[str] = []
    contexts = []

    def open_(path: Path):
        context = browser.new_context(viewport={"width": 1920, "height": 1080}, offline=True)
        contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        listen(page, "(?!)", faults, here=("file:", "data:", "blob:"))
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def open_file(browser) -> Iterator:
    with opening_files(browser) as open_:
        yield open_
