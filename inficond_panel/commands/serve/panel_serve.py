"""Guards of a bare ``panel serve inficond_panel/app.py``, active from the first request.

The flags of ``inficond serve`` are in ``server.py``.

Panel runs an app's file only when its first page is opened, which is too late for a guard. Before
Panel reads its command line it loads the entry points ``panel.io.rest`` of all packages
(pyproject.toml), and so this module, which adds the plugin with the guards to pages of ours
(``upstream.SETUP``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[2]


def health_routes(files: Sequence[str], endpoint: str) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return routes ``/health`` and ``/metrics``; ``panel serve --rest-provider`` calls this."""
    from inficond_panel.serving.health import ROUTES

    return ROUTES


def guarded(argv: Sequence[str]) -> list[str]:
    """Return the command line ``argv``, with our plugin if it is ``panel serve`` of our page.

    ``/health`` then reports whether the specs after ``--args`` can be read. Exits if Panel would
    have a thread pool.
    """
    at = argv.index("--args") if "--args" in argv else len(argv)
    if argv[1:2] != ["serve"] or not any(map(_is_ours, argv[2:at])):
        return list(argv)
    from inficond_panel.serving import health, plugin
    from inficond_panel.ui.threads import threads_error

    if number := _threads(argv[2:at]):
        sys.exit(threads_error(number).for_shell)
    health.watch([partial(_fault_of, spec) for spec in argv[at + 1 :] or ["demo"]])
    return [*argv[:2], "--plugins", plugin.__name__, *argv[2:]]


def _fault_of(spec: str) -> str:
    from inficond_panel.commands.serve.server import fault_of  # which needs what loads this module

    return fault_of(spec)


def _threads(arguments: Sequence[str]) -> str | None:
    """Return the number of threads in the flag ``--num-threads``, which may be shortened, or in the
    environment; None if there is neither."""
    for at, argument in enumerate(arguments):
        flag, _, number = argument.partition("=")
        if len(flag) > len("--num-") and "--num-threads".startswith(flag):
            return number or " ".join(arguments[at + 1 : at + 2])
    return os.environ.get("PANEL_NUM_THREADS")


def _is_ours(argument: str) -> bool:
    return argument.endswith(".py") and _PACKAGE in Path(argument).expanduser().resolve().parents


sys.argv[:] = guarded(sys.argv)
