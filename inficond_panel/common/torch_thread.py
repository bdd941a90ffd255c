"""One thread for torch: sums of several threads come in another order, and end in other digits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_users = 0
_before = 1


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute with one thread in here; several threads may be in here at once.

    Forward passes and gradients depend on the number of torch's threads in the last digits, and
    that number on cores, on ``OMP_NUM_THREADS``, and on who started the process. One is the only
    number that is the same everywhere.
    """
    global _users, _before  # noqa: PLW0603
    import torch  # noqa: PLC0415 - an extra

    with _lock:
        if not _users:
            _before = torch.get_num_threads()
        _users += 1
        torch.set_num_threads(1)  # for this thread too, which may have begun with more
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                torch.set_num_threads(_before)
