"""A PostgreSQL server for tests, from the programs that Debian's ``postgresql`` installs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from ui_parts.server import free_port
from waiting import PATIENCE

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


class PostgresServer:
    """A server in a folder; each ``address`` is of a new database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._bin = _BINARIES[-1].parent
        self._databases = 0
        folder.mkdir()
        if os.getuid() == 0:  # which PostgreSQL refuses to be
            shutil.chown(folder, "postgres")
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "inficond", "-N")

    def start(self) -> None:
        """Start it, also after ``kill``; what a killed one left is taken away first."""
        options = f"-p {self.port} -k {self.folder} -h localhost"
        data = str(self.folder / "data")
        self._run("pg_ctl", "-D", data, "-o", options, "-l", f"{self.folder}/log", "-w", "start")

    def stop(self) -> None:
        data = self.folder / "data"
        if (data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """End the server and all that works for it, as ``kill -9`` does."""
        server = psutil.Process(int((self.folder / "data/postmaster.pid").read_text().split()[0]))
        server.suspend()  # it starts nobody any more
        processes = [server, *server.children()]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=PATIENCE)  # they hold its shared memory

    def address(self) -> str:
        self._databases += 1
        name = f"history{self._databases}"
        server = ["-h", "localhost", "-p", str(self.port), "-U", "inficond"]
        subprocess.run([self._bin / "createdb", *server, name], check=True)
        return f"postgresql://inficond@localhost:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server; skip the test, visibly, where PostgreSQL is not installed."""
    if not _BINARIES:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "server")
        server.start()
        try:
            yield server
        finally:
            server.stop()
