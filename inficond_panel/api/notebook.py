"""The page in a notebook cell: ``explore``."""

from __future__ import annotations

from pathlib import Path

import panel as pn

from inficond_panel.app import Explorer
from inficond_panel.tuning import Tuner
from inficond_panel.ui.stylesheets import use_own_font


def explore(spec: str | Path | Tuner, history: str | Path = "") -> Explorer:
    """Open the app on ``spec`` in a notebook cell.

    ``spec`` is a file, or ``"demo"``, or an open tuner; ``history`` is the file of the tuning
    history (default: the spec's). The object shows itself; ``.servable()`` and ``.show()``
    work too.
    """
    use_own_font()
    pn.extension(sizing_mode="stretch_width", inline=True)  # nothing is loaded from outside
    return Explorer([spec], history)
