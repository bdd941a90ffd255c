"""Number of threads for a pass, and limits to one thread for BLAS and for torch.

The matrix products of a fit are small. Several threads gain little on an idle machine and lose
much on a busy machine, and their number changes the rounding, so that a replay could give other
bits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

#: A container's share of the processors, in microseconds of each period (Linux, cgroup v2).
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def core_count() -> int:
    """Return the number of processors that this process may use: less than the machine has if its
    affinity or a quota of its container allows fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share, period = _QUOTA.read_text(encoding="ascii").split() if _QUOTA.exists() else ("max", "1")
    return min(cores or 1, 1 << 20 if share == "max" else ceil(int(share) / int(period)))


def solver_threads() -> int:
    """Return the number of threads for a pass of a solver: ``core_count``, or fewer if
    ``OMP_NUM_THREADS`` is less."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(core_count(), int(asked) if asked.isdecimal() and int(asked) else 1 << 20)


_lock = Lock()
_users = 0
_limiter: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread in this process, as long as any thread runs such a block."""
    global _users, _limiter  # noqa: PLW0603
    with _lock:
        if _users == 0:
            _free_control()
            _limiter = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _free_control()
                _limiter.restore_original_limits()
                _free_control()


@cache
def _controller() -> ThreadpoolController:
    """Return the controller of NumPy's and SciPy's BLAS."""
    import scipy.linalg  # noqa: F401, PLC0415 - the controller finds only loaded libraries

    return ThreadpoolController()


def _free_control() -> None:
    """Allow this thread to set limits; threadpoolctl 3.8 allows it only to the first caller."""
    for library in _controller().lib_controllers:
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)


_torch_lock = Lock()
_torch_users = 0
_torch_threads = 1


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run torch with one thread in this block; several threads may enter it at once.

    The last digits of forward passes and gradients depend on torch's number of threads, which
    depends on cores, ``OMP_NUM_THREADS`` and the parent process. Only one thread is reproducible
    on every machine.
    """
    global _torch_users, _torch_threads  # noqa: PLW0603
    import torch  # noqa: PLC0415 - an extra

    with _torch_lock:
        if not _torch_users:
            _torch_threads = torch.get_num_threads()
        _torch_users += 1
        torch.set_num_threads(1)  # for this thread too, which may have begun with more
    try:
        yield
    finally:
        with _torch_lock:
            _torch_users -= 1
            if not _torch_users:
                torch.set_num_threads(_torch_threads)
