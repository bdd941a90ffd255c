"""Panel's thread pool, in which a page cannot run.

Panel has the pool if ``config.nthreads`` is set: by ``--num-threads``, by ``PANEL_NUM_THREADS``, or
by an app. It then calls the handlers of browser's messages in the pool's threads, but a page's
state changes on the event loop alone.
"""

from __future__ import annotations

from panel.config import config

from inficond_panel.errors import InficondError


def threads_error(number: object) -> InficondError:
    """Return the error on a thread pool of ``number`` threads."""
    return InficondError(
        f"The page cannot run in Panel's thread pool (nthreads is {number}): its state changes on "
        "the event loop alone. Each session has its own thread for long work already.",
        "Leave out --num-threads and PANEL_NUM_THREADS, and set pn.config.nthreads = None. To "
        "serve many people, use --num-procs.",
    )


def check_threads() -> None:
    """Raise ``InficondError`` if Panel has a thread pool."""
    if config.nthreads is not None:
        raise threads_error(config.nthreads)
