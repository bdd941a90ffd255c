"""What commands write: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from inficond_panel.errors import InficondError


def say(text: str = "") -> None:
    """A line of the result."""
    if sys.stdout is None:
        raise InficondError("Standard output is closed.", "Send it to a file, or to /dev/null.")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line beside the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def progress(share: float, text: str) -> None:
    """Progress of a fit, on one line of a terminal; nothing where there is none."""
    if sys.stderr.isatty():
        end = "\n" if share >= 1 else ""
        sys.stderr.write(f"\r\033[K{share:4.0%} {text}{end}")
        sys.stderr.flush()


def say_json(document: dict[str, Any]) -> None:
    """The document as JSON; it must hold no nan."""
    say(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table; the first column is text, the others are numbers."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        say("  ".join(cells).rstrip())


def number(value: float, digits: int = 3) -> str:
    """A metric for people; nan is ``undefined``."""
    return "undefined" if value != value else f"{value:.{digits}f}"  # noqa: PLR0124 - nan
