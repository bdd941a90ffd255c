"""One thread for torch, where sums of several threads would come in another order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute with one thread in here.

    A gradient's sums depend on the number of threads, in the last digits; what forward passes give
    does not.
    """
    import torch  # noqa: PLC0415 - an extra

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
