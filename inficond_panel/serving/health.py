"""Health of the server for monitoring, at the routes ``/health`` and ``/metrics``, without a login.

The responses have only numbers, no name of data, file or person.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from bokeh.server.tornado import BokehTornado
from tornado.web import RequestHandler

from inficond_panel.common import monitoring

Sample = tuple[str, dict[str, str], float]  #: suffix of the name, labels, value
Check = Callable[[], bool]  #: returns True if a page can be opened

#: Seconds for which a result of the checks is reused: they read the disk, and anybody may request.
STANDS = 1.0
#: Seconds after which a check that has not ended does not pass.
PATIENCE = 2.0
_THREADS = 8  #: for the checks, apart from those of the pages

_checks: list[Check] = []
_started = time.time()


def watch(checks: list[Check]) -> None:
    """Set the checks of this process, a function per page that returns True if the page can be
    opened."""
    _checks[:] = checks


class _Counting:
    """Counter of passing checks, which run in threads; simultaneous requests share one count.

    A check that has not ended after ``PATIENCE`` seconds does not pass. It is not started again
    while it runs, so that checks of a database that hangs do not fill the threads.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[int, Check], Future[bool]] = {}
        self._task: asyncio.Task[int] | None = None
        self._ended = 0.0
        self._threads = ThreadPoolExecutor(_THREADS, "health")

    async def count(self) -> int:
        """Return the number of passing checks, at most ``STANDS`` seconds old."""
        old = time.monotonic() - self._ended > STANDS
        if self._task is None or (self._task.done() and old):
            self._task = asyncio.create_task(self._counted())
        return await asyncio.shield(self._task)

    async def _counted(self) -> int:
        try:
            for check in enumerate(_checks):
                if check not in self._running or self._running[check].done():
                    self._running[check] = self._threads.submit(check[1])
            runs = [self._running[check] for check in enumerate(_checks)]
            if runs:
                await asyncio.wait(map(asyncio.wrap_future, runs), timeout=PATIENCE)
            return sum(run.done() and run.result() for run in runs)
        finally:
            self._ended = time.monotonic()


_counting = _Counting()


def measure(application: BokehTornado) -> None:
    """Count the requests of ``application`` with their durations, and the errors in the logs."""
    standard = application.log_request

    def log_request(handler: RequestHandler) -> None:
        if handler.get_status() != 101:  # a websocket lasts as long as its page
            seconds = handler.request.request_time()
            monitoring.REQUESTS.observe(str(handler.get_status()), seconds)
        standard(handler)

    setattr(application, "log_request", log_request)  # noqa: B010 - for a type checker
    monitoring.count_errors()


class _Watched(RequestHandler):
    """Base class of the request handlers that answer with results of the checks."""

    async def head(self) -> None:
        """Answer a HEAD request like a GET request, without a body."""
        if (answer := self.get()) is not None:
            await answer

    async def _ready(self) -> int:
        """Return the number of passing checks, and forbid caching of the response."""
        self.set_header("Cache-Control", "no-store")
        return await _counting.count()


class HealthHandler(_Watched):
    """Handler of ``/health``: status 200 if all pages can be opened, else 503."""

    async def get(self) -> None:
        """Answer ``{"status": "ok" | "failing", "ready": m, "specs": n}``: m of the n pages can be
        opened."""
        ready = await self._ready()
        well = ready == len(_checks)
        self.set_status(200 if well else 503)
        self.finish({"status": "ok" if well else "failing", "ready": ready, "specs": len(_checks)})


class MetricsHandler(_Watched):
    """Handler of ``/metrics``, which answers with metrics of this process in Prometheus's format.

    All have the label ``process``, the number of the process, since with several processes any of
    them may answer.
    """

    async def get(self) -> None:
        """Answer with the name, help, type and samples of each metric as text."""
        ready, app = await self._ready(), self.application
        assert isinstance(app, BokehTornado)
        sessions = sum(len(app.get_sessions(path)) for path in app.app_paths)
        gauges = {
            "inficond_ready": (int(ready == len(_checks)), "1 if all pages can be opened"),
            "inficond_specs": (len(_checks), "specs served"),
            "inficond_specs_ready": (ready, "specs whose store and history can be read"),
            "inficond_sessions": (sessions, "pages open in this process"),
            "inficond_start_time_seconds": (round(_started), "start of this process, Unix time"),
        }
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        for name, (value, words) in gauges.items():
            self._write(name, "gauge", words, [("", {}, value)])
        errors: Sample = ("", {}, monitoring.errors())
        self._write("inficond_errors_total", "counter", "errors in the log", [errors])
        for each in (monitoring.REQUESTS, monitoring.JOBS):
            self._write(each.name, "histogram", each.words, each.samples())
        self.finish()

    def _write(self, name: str, kind: str, words: str, samples: Iterable[Sample]) -> None:
        self.write(f"# HELP {name} {words}\n# TYPE {name} {kind}\n")
        for suffix, labels, value in samples:
            named = {"process": str(os.getpid()), **labels}
            text = ",".join(f"{label}={json.dumps(each)}" for label, each in named.items())
            self.write(f"{name}{suffix}{{{text}}} {value}\n")


#: Routes in the form that a plugin of ``panel serve`` defines.
ROUTES: list[tuple[str, type[RequestHandler], dict[str, Any]]] = [
    ("/health", HealthHandler, {}),
    ("/metrics", MetricsHandler, {}),
]
