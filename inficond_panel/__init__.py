"""InFiConD Panel: interactive, no-code fine-tuning of concept-based student models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inficond_panel.app import Explorer

__version__ = "0.1.0"
__all__ = ["explore"]


def explore(spec: str | Path, history: str | Path = "") -> Explorer:
    """Open the app on ``spec`` in a notebook cell.

    ``spec`` is a file, or ``"demo"``; ``history`` is the file of the tuning history (default: as
    the spec says). The object shows itself; ``.servable()`` and ``.show()`` work too.
    """
    import panel as pn  # noqa: PLC0415 -- importing the package must not load Panel

    from inficond_panel.app import Explorer  # noqa: PLC0415

    pn.extension(sizing_mode="stretch_width")
    return Explorer([spec], history)
