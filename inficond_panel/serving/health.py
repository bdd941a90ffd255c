"""Health of the server for monitoring, at the routes ``/health`` and ``/metrics``, without a login.

The responses have only numbers and words of the program, no name of data, file or person.
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
#: Returns "" if a page can be opened, else a word for what cannot be read.
Check = Callable[[], str]

#: Seconds for which a result of the checks is reused: they read the disk, and anybody may request.
STANDS = 1.0
#: Seconds after which a check that has not ended does not pass.
PATIENCE = 2.0
SLOW = "slow"  #: word for a check that has not ended
_THREADS = 8  #: for the checks, apart from those of the pages

_checks: list[Check] = []
_started = time.time()


def watch(checks: list[Check]) -> None:
    """Set the checks of this process, a function per page."""
    _checks[:] = checks


class _Checking:
    """Results of the checks, which run in threads; simultaneous requests share one run.

    A check that has not ended after ``PATIENCE`` seconds does not pass. It is not started again
    while it runs, so that checks of a database that hangs do not fill the threads.
    """

    def __init__(self) -> None:
        self._running: dict[tuple[int, Check], Future[str]] = {}
        self._task: asyncio.Task[list[str]] | None = None
        self._ended = 0.0
        self._threads = ThreadPoolExecutor(_THREADS, "health")

    async def faults(self) -> list[str]:
        """Return a word for each check that does not pass, at most ``STANDS`` seconds old."""
        old = time.monotonic() - self._ended > STANDS
        if self._task is None or (self._task.done() and old):
            self._task = asyncio.create_task(self._checked())
        return await asyncio.shield(self._task)

    async def _checked(self) -> list[str]:
        try:
            for check in enumerate(_checks):
                if check not in self._running or self._running[check].done():
                    self._running[check] = self._threads.submit(check[1])
            runs = [self._running[check] for check in enumerate(_checks)]
            if runs:
                await asyncio.wait(map(asyncio.wrap_future, runs), timeout=PATIENCE)
            words = [run.result() if run.done() else SLOW for run in runs]
            return [word for word in words if word]
        finally:
            self._ended = time.monotonic()


_checking = _Checking()


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

    async def _faults(self) -> list[str]:
        """Return a word per check that does not pass, and forbid caching of the response."""
        self.set_header("Cache-Control", "no-store")
        return await _checking.faults()


class HealthHandler(_Watched):
    """Handler of ``/health``: status 200 if all pages can be opened, else 503."""

    async def get(self) -> None:
        """Answer ``{"status": "ok", "ready": m, "specs": n}``: m of the n pages can be opened. With
        the status "failing" there are ``"reasons"``, words for what cannot be read."""
        faults, specs = await self._faults(), len(_checks)
        self.set_status(503 if faults else 200)
        reasons = {"reasons": sorted(set(faults))} if faults else {}
        status = "failing" if faults else "ok"
        self.finish({"status": status, "ready": specs - len(faults), "specs": specs, **reasons})


class MetricsHandler(_Watched):
    """Handler of ``/metrics``, which answers with metrics of this process in Prometheus's format.

    All have the label ``process``, the number of the process, since with several processes any of
    them may answer.
    """

    async def get(self) -> None:
        """Answer with the name, help, type and samples of each metric as text."""
        ready, app = len(_checks) - len(await self._faults()), self.application
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
