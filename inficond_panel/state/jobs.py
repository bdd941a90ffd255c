"""Queue of a session's jobs, and the base of states that wait for one.

A worker thread runs work, which can be cancelled. A second thread runs ``idle`` jobs, which nobody
has requested. One starts while no other job runs or waits, also none that a result has led to, as
two busy threads delay each other. A third runs ``long`` jobs, which nobody shall wait for.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, TypeVar

import param

from inficond_panel.common.logs import in_one_line, logger_of
from inficond_panel.common.monitoring import JOBS
from inficond_panel.errors import CancelledError, HistoryError, InficondError

Publish = Callable[[Callable[[], None]], object]
Progress = Callable[[float, str], None]
K = TypeVar("K")
T = TypeVar("T")
#: Names of the worker threads, in the order in which one thread alone would run their jobs.
THREADS = _ASKED, _IDLE, _LONG = "asked", "idle", "long"
_log = logger_of(__name__)
SLICE = 0.1  #: seconds of work after which results are published, and other jobs may run


def run_at_once(update: Callable[[], None]) -> None:
    """Call ``update`` at once on the calling thread; tests and scripts use it as ``publish``."""
    update()


@dataclass
class Job:
    """Piece of work for a worker thread; a newer job with the same key cancels this job.

    ``done`` gets the result of ``work``; ``failed`` gets an error of ``work`` or ``done``, where an
    unexpected exception becomes an ``InficondError``. A job that is ``kept``, such as writing a
    note, runs even after the page was closed. An ``idle`` job is one that nobody has requested, a
    ``long`` one takes minutes, in which all others run as if it were not there.
    """

    key: str
    work: Callable[[Job], Any]
    done: Callable[[Any], None]
    failed: Callable[[InficondError], None]
    report: Progress | None = None
    kept: bool = False
    idle: bool = False
    long: bool = False
    _cancel: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """Return True after ``cancel`` was called: the work shall stop."""
        return self._cancel.is_set()

    def first_of(self, items: Iterable[K], make: Callable[[K], T]) -> dict[K, T]:
        """Return the results of ``make`` for the first items, by item: for as many items as
        ``SLICE`` seconds allow, and for at least one."""
        made, end = {}, time.monotonic() + SLICE
        for item in items:
            made[item] = make(item)
            if self.cancelled() or time.monotonic() > end:
                break
        return made


class Jobs(param.Parameterized):
    """Queue of one session's jobs, and the worker threads that run them in order.

    ``publish`` runs a function on the session's event loop, where results are passed on: with a
    Bokeh document it is ``document.add_next_tick_callback``. Call all methods on that loop; only
    the callback of ``progress`` is called on the worker. ``inline=True`` runs jobs in the caller's
    thread.
    """

    busy = param.Boolean(False, doc="Whether a job runs or waits.")
    #: Whether there is time for work that nobody has requested, such as expected repairs.
    spare = True

    def __init__(self, publish: Publish = run_at_once, *, inline: bool = False) -> None:
        super().__init__()
        self._publish = publish
        self._inline = inline
        self._queues: dict[str, queue.Queue[Job | None]] = {}  # by the thread that runs the jobs
        self._latest: dict[str, Job] = {}
        self._held: list[Job] = []  # ``idle`` jobs that have not started
        self._idling = False
        self._closed = False
        self._turn = threading.RLock()  # without an event loop, both workers tell results

    def submit(self, job: Job) -> None:
        """Queue ``job``, and cancel the running or waiting job with the same key.

        After ``close`` nothing is queued.
        """
        if self._closed:
            return
        self.cancel(job.key)
        self._latest[job.key] = job
        self.busy = True
        if self._inline:
            self._run(job)
        elif job.idle:
            self._held.append(job)
            self._publish(self._start_idle)  # after the event that led to it, and to other jobs
        else:
            self._queue(_LONG if job.long else _ASKED).put(job)

    def cancel(self, key: str) -> None:
        """Cancel the running or waiting job with this key, if any."""
        if key in self._latest:
            self._latest[key].cancel()

    def progress(self, job: Job) -> Progress:
        """Return a callback for the worker that calls ``job.report`` on the event loop."""

        def publish(share: float, text: str) -> None:
            self._publish(partial(report, share, text))

        def report(share: float, text: str) -> None:
            if job.report and not job.cancelled():  # the job may be cancelled since
                job.report(share, text)

        return publish

    def close(self) -> None:
        """End the session: cancel all jobs but those that are ``kept``, then stop the workers."""
        self._closed = True
        for job in list(self._latest.values()):
            if not job.kept:
                job.cancel()
        self._held.clear()
        for waiting in self._queues.values():
            waiting.put(None)

    def _queue(self, thread: str) -> queue.Queue[Job | None]:
        """Return the queue of the jobs of a thread, with this worker."""
        if thread not in self._queues:
            self._queues[thread] = queue.Queue()
            self._start(thread)
        return self._queues[thread]

    def _start(self, thread: str) -> None:
        def run() -> None:
            while self._run_next(thread):
                pass

        threading.Thread(target=run, name="inficond-jobs", daemon=True).start()

    def _run_next(self, thread: str) -> bool:
        """Run the next job; return False to stop the worker.

        The frame of a waiting loop would keep the last job, and so the page, in memory.
        """
        job = self._queues[thread].get()
        if job is not None:
            self._run(job)
        return job is not None

    def _start_idle(self) -> None:
        """Start the next ``idle`` job, unless any job runs but a ``long`` one, or one waits."""
        with self._turn:
            asked = any(not (job.idle or job.long) for job in self._latest.values())
            if self._held and not asked and not self._idling:
                self._idling = True
                self._queue(_IDLE).put(self._held.pop(0))

    def _run(self, job: Job) -> None:
        try:
            if job.cancelled():
                raise CancelledError("Cancelled.")  # noqa: TRY301 - as if the work had noticed
            with _measured(job):
                result = job.work(job)
        except Exception as error:  # a defect must not kill the worker; it is reported too
            self._finish(job, partial(job.failed, _as_inficond(error)))
        else:
            self._finish(job, partial(_done, job, result))

    def _finish(self, job: Job, tell: Callable[[], None]) -> None:
        def update() -> None:
            with self._turn:
                newest = self._latest.get(job.key) is job
                if newest:
                    del self._latest[job.key]
                self.busy = bool(self._latest)
                self._idling &= not job.idle
                if newest:
                    tell()
                self._start_idle()

        self._publish(update)


@dataclass(frozen=True)
class Status:
    """Status of a session's work: kind, sentence, progress (0 to 1), and remedy of an error."""

    kind: str = "idle"  # idle, done, error, cancelling, or what the work does: fitting, exporting
    text: str = ""
    progress: float = 0.0
    remedy: str = ""

    @classmethod
    def of(cls, error: InficondError) -> Status:
        """Return the status that shows an error; idle for a ``CancelledError``."""
        if isinstance(error, CancelledError):
            return cls()
        return cls("error", error.for_page, 0.0, error.remedy_for_page)


class Working(param.Parameterized):
    """State of work that runs in jobs with the key ``KEY``, with the status that a page shows."""

    KEY: ClassVar[str]
    #: Kinds of status while the work runs.
    RUNNING: ClassVar[frozenset[str]]

    status = param.ClassSelector(class_=Status, default=Status())

    def __init__(self, jobs: Jobs, **params: object) -> None:
        self.jobs = jobs
        super().__init__(**params)

    @property
    def busy(self) -> bool:
        """True while the work runs or is being cancelled."""
        return self.status.kind in {*self.RUNNING, "cancelling"}

    def cancel(self) -> None:
        """Cancel the work. It has stopped when the status is idle."""
        if self.status.kind in self.RUNNING:
            self.status = Status("cancelling", "Cancelling")
            self.jobs.cancel(self.KEY)

    def fail(self, error: InficondError) -> None:
        """Show why the work failed; show nothing if it was cancelled."""
        self.status = Status.of(error)

    def _report(self, share: float, text: str) -> None:
        if self.status.kind in self.RUNNING:
            self.status = Status(self.status.kind, text, share)


@contextmanager
def _measured(job: Job) -> Iterator[None]:
    """Count how long the block takes, unless it fails or is cancelled, under the key of ``job``
    without its number."""
    began = time.monotonic()
    yield
    JOBS.observe(job.key.rstrip(" 0123456789"), time.monotonic() - began)


def _done(job: Job, result: Any) -> None:
    try:
        job.done(result)
    except Exception as error:  # reported like an error of the work, or the page waits for ever
        job.failed(_as_inficond(error))


def _as_inficond(error: Exception) -> InficondError:
    """Return the error as an ``InficondError`` for the page; log an unexpected error, and a history
    that cannot be read or written, which whoever runs the server must know."""
    if isinstance(error, HistoryError):
        _log.error("A page cannot use its history: %s", in_one_line(error))
    if isinstance(error, InficondError):
        return error
    _log.error("Unexpected", exc_info=error)
    return InficondError(
        f"{type(error).__name__}: {error}",
        "This is a defect of the program. What was reported as done is saved.",
    )
