"""Errors of Python code that a user wrote and the program calls: the reason, with its line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

#: Folders of code that no user wrote: this program, its second package, and Python itself.
_OTHERS = (
    *(Path(__file__).parents[2] / name for name in ("inficond_panel", "precompute")),
    Path(sysconfig.get_path("stdlib")),
)
_INSTALLED = {"site-packages", "dist-packages"}


def fault_text(error: BaseException) -> str:
    """Return the kind and the message of an error, with file and line of the user's code.

    The line is the innermost one outside of this program, of Python and of installed packages:
    ``ValueError: boom (own.py:12)``. Without such a line it is left out.
    """
    text = ": ".join(filter(None, [type(error).__name__, str(error)]))
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_users(each)]
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})" if frames else text


def _is_users(frame: traceback.FrameSummary) -> bool:
    file = Path(frame.filename)
    is_code = not frame.filename.startswith("<") and not _INSTALLED & set(file.parts)
    return is_code and not any(file.is_relative_to(folder) for folder in _OTHERS)
