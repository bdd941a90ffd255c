"""A limit to the memory pools of the C library, so that a server's memory does not grow with the
number of threads that ever ran.

glibc gives threads pools of their own, up to eight for each processor, and keeps what is free in
each. Every page has a thread for its refits, so these pools fill one after the other.
"""

import ctypes
import os
import sys

#: ``M_ARENA_MAX`` of glibc's malloc.h, and the number of pools; two are enough for a lock that is
#: held only while memory is asked for.
_ARENA_MAX, _ARENAS = -8, 2


def limit_memory_pools() -> None:
    """Let threads share two memory pools in this process, as ``MALLOC_ARENA_MAX=2`` does, unless
    this variable is set; on systems without glibc nothing changes."""
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        library = ctypes.CDLL(None)
        if hasattr(library, "gnu_get_libc_version"):
            library.mallopt(_ARENA_MAX, _ARENAS)
