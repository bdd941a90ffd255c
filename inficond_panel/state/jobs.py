"""One worker and one queue per session: long work leaves the event loop and can be cancelled."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import param

from inficond_panel.errors import CancelledError, InficondError

Publish = Callable[[Callable[[], None]], object]
Progress = Callable[[float, str], None]


def run_at_once(update: Callable[[], None]) -> None:
    """Publish an update on the calling thread (tests, scripts)."""
    update()


@dataclass
class Job:
    """Work for the worker thread. A newer job with the same key cancels this one.

    ``done`` gets the result, ``failed`` the error of ``work`` or ``done``; an unexpected exception
    becomes an ``InficondError``. A job that is ``kept``, such as a note, is carried out even if the
    page is closed meanwhile.
    """

    key: str
    work: Callable[[Job], Any]
    done: Callable[[Any], None]
    failed: Callable[[InficondError], None]
    report: Progress | None = None
    kept: bool = False
    _cancel: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """True if the work shall stop."""
        return self._cancel.is_set()


class Jobs(param.Parameterized):
    """A session's queue. Results are published on the session's event loop.

    ``publish`` runs a function there: with a Bokeh document it is
    ``document.add_next_tick_callback``. All else here is called there too, but for ``progress``'s
    callback. ``inline=True`` does the work at once in the caller's thread.
    """

    busy = param.Boolean(False, doc="Whether a job runs or waits.")
    #: Whether there is time for what nobody has asked for.
    spare = True

    def __init__(self, publish: Publish = run_at_once, *, inline: bool = False) -> None:
        super().__init__()
        self._publish = publish
        self._inline = inline
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._latest: dict[str, Job] = {}
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Queue ``job``; the one with the same key that runs or waits is cancelled."""
        self.cancel(job.key)
        self._latest[job.key] = job
        self.busy = True
        if self._inline:
            self._run(job)
        else:
            self._start()
            self._queue.put(job)

    def cancel(self, key: str) -> None:
        """Cancel the job of this key, if there is one."""
        if key in self._latest:
            self._latest[key].cancel()

    def progress(self, job: Job) -> Progress:
        """A progress callback for the worker that reports on the event loop."""

        def publish(share: float, text: str) -> None:
            self._publish(partial(report, share, text))

        def report(share: float, text: str) -> None:
            if job.report and not job.cancelled():  # it may have been since
                job.report(share, text)

        return publish

    def close(self) -> None:
        """Stop the worker at the end of the session, after the jobs that are kept; cancel the
        others."""
        for job in self._latest.values():
            if not job.kept:
                job.cancel()
        self._queue.put(None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="inficond-jobs", daemon=True)
            self._thread.start()

    def _loop(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Run the next job in a frame that ends: a waiting frame would keep the last job, and its
        page.
        """
        job = self._queue.get()
        if job is not None:
            self._run(job)
        return job is not None

    def _run(self, job: Job) -> None:
        try:
            if job.cancelled():
                raise CancelledError("Cancelled.")  # noqa: TRY301 - as if the work had noticed
            result = job.work(job)
        except Exception as error:  # a defect must not kill the worker; it is told like the rest
            self._finish(job, partial(job.failed, _as_inficond(error)))
        else:
            self._finish(job, partial(_done, job, result))

    def _finish(self, job: Job, tell: Callable[[], None]) -> None:
        def update() -> None:
            newest = self._latest.get(job.key) is job
            if newest:
                del self._latest[job.key]
            self.busy = bool(self._latest)
            if newest:
                tell()

        self._publish(update)


def _done(job: Job, result: Any) -> None:
    try:
        job.done(result)
    except Exception as error:  # told like what the work raises, or the page would wait for ever
        job.failed(_as_inficond(error))


def _as_inficond(error: Exception) -> InficondError:
    """The error in the form that the page shows; an unexpected one is also logged."""
    if isinstance(error, InficondError):
        return error
    logging.getLogger(__name__).error("Unexpected", exc_info=error)
    return InficondError(
        f"{type(error).__name__}: {error}",
        "This is a defect of the program. What was reported as done is saved.",
    )
