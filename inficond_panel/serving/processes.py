"""The processes of ``--num-procs``: they end when the one that started them does."""

from __future__ import annotations

import os
import signal
import threading


def end_with_this_process() -> None:
    """Have processes that are forked from now on stop when this one has ended, however it did.

    Each waits for the end of a pipe that only this process holds open.
    """
    parent = os.getpid()
    reader, writer = os.pipe()

    def watch() -> None:
        if os.getppid() == parent:
            os.close(writer)
            threading.Thread(target=_stop_after, args=(reader,), daemon=True).start()

    os.register_at_fork(after_in_child=watch)


def _stop_after(reader: int) -> None:
    os.read(reader, 1)
    os.kill(os.getpid(), signal.SIGTERM)
