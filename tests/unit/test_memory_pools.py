"""Threads of a server share two memory pools."""

import os
import platform
import re
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="pools are glibc's"),
]

#: Sixteen threads hold memory at one time; then the C library tells its pools.
_THREADS = """
import ctypes, threading
from inficond_panel.serving.memory import limit_memory_pools
{call}
held = threading.Barrier(16)
def work():
    some = [bytes(5000 + i) for i in range(100)]
    held.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library = ctypes.CDLL(None)
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
"""


def _pools(call: str, **variables: str) -> int:
    command = [sys.executable, "-c", _THREADS.format(call=call)]
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment(variables)
    )
    assert told.returncode == 0, told.stderr
    return len(re.findall("<heap nr", told.stdout))


def _environment(variables: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    return {**kept, **variables}


def test_without_a_limit_threads_have_pools_of_their_own():
    assert _pools("") > 2


def test_with_the_limit_there_are_two():
    assert _pools("limit_memory_pools()") <= 2


def test_a_number_that_the_environment_names_stays():
    assert _pools("limit_memory_pools()", MALLOC_ARENA_MAX="6") > 2
