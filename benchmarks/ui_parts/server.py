"""``inficond serve`` in a process of its own, on a free port, with a history of its own."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 180


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    port: int
    process: int
    page: str

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://localhost:{self.port}/{self.page}"

    def megabytes(self) -> float:
        """Resident memory of all processes now, in 10^6 bytes. Needs Linux."""
        return sum(_resident(folder) for folder in self._processes())

    def processor(self) -> float:
        """Processor seconds that all processes have taken since they started. Needs Linux."""
        return sum(_processor(folder) for folder in self._processes())

    def threads(self) -> int:
        """Threads that run now. Needs Linux."""
        return sum(len(list((folder / "task").iterdir())) for folder in self._processes())

    def files(self) -> int:
        """Files and sockets open now. Needs Linux."""
        return sum(len(list((folder / "fd").iterdir())) for folder in self._processes())

    def _processes(self) -> list[Path]:
        """Folders of the server's process and of those of ``--num-procs``."""
        main = Path("/proc") / str(self.process)
        children = (main / "task" / str(self.process) / "children").read_text().split()
        return [main, *(Path("/proc") / child for child in children)]


def _resident(process: Path) -> float:
    status = (process / "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def _processor(process: Path) -> float:
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")  # utime, stime


def started(
    arguments: Sequence[str], environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """``inficond ...`` in a Python of its own."""
    command = [sys.executable, "-m", "inficond_panel", *arguments]
    with log.open("w") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


@contextmanager
def serving(
    spec: str | Path,
    folder: Path,
    *flags: str,
    command: Sequence[str] = ("serve",),
    page: str = "app",
    start: Callable[[Sequence[str], dict[str, str], Path], Any] = started,
) -> Iterator[Server]:
    """Serve ``spec`` until the block ends; its log and its history are in ``folder``.

    ``command`` is that of ``inficond`` which serves it, and has the page; ``start`` starts it, and
    returns a process with the methods of ``subprocess.Popen``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        **os.environ,
        "INFICOND_HISTORY": str(folder / "history.sqlite"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    arguments = [*command, str(spec), "--port", str(port), *flags]
    process = start(arguments, environment, folder / "server.log")
    try:
        server = Server(port, process.pid, page)
        end = time.monotonic() + PATIENCE
        while not _answers(server.url):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / "server.log").read_text())
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            return reply.status == 200
    except (OSError, urllib.error.URLError):
        return False


def free_port(first: Iterable[int] = ()) -> int:
    """Port that nothing listens on, below those that systems give to connections by themselves.

    So no browser's connection takes it before the server does. Those of ``first`` are tried first.
    """
    for port in (*first, *random.sample(range(20_000, 32_000), 100)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            probe.bind(("localhost", port))
            return port
    raise RuntimeError("No port of a hundred is free.")
