"""``inficond ...`` in processes forked from one that has loaded the package: they start at once.

All else is as with ``python -m inficond_panel``. What is about the start itself takes that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running, set_forkserver_preload
from pathlib import Path
from unittest.mock import patch


class Forked(ForkServerProcess):
    """A command, with the methods of ``subprocess.Popen`` that are used here."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], log: Path) -> None:
        set_forkserver_preload(["loaded"])
        with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
            ensure_running()
        super().__init__(target=_run, args=(arguments, environment, log), daemon=True)
        self.start()

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self) -> None:
        self.join()


def _run(arguments: Sequence[str], environment: dict[str, str], log: Path) -> None:
    loaded = "inficond_panel.app" in sys.modules  # a module that cannot be preloaded is passed over
    from inficond_panel.cli import main

    assert loaded, "servers are forked from a process that has not loaded the page"
    os.setsid()
    with log.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main(arguments))
