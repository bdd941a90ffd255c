"""The page in a notebook cell: ``explore``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import panel as pn

from inficond_panel.app import Explorer
from inficond_panel.tuning import Tuner
from inficond_panel.ui.browser import use_own_font
from inficond_panel.ui.notebook_cell import packed_scripts


def explore(
    spec: str | Path | Tuner,
    history: str | Path = "",
    on_ready: Callable[[Explorer], object] | None = None,
) -> Explorer:
    """Open the app on ``spec`` in a notebook cell.

    ``spec`` is a file, or ``"demo"``, or an open tuner; ``history`` is the file of the tuning
    history (default: the spec's). The returned explorer displays itself, and has ``.servable()``
    and ``.show()``. The store is opened in the background: ``on_ready`` is called with the explorer
    when ``.app``, the state of the page, is set or replaced.
    """
    use_own_font()
    with packed_scripts():
        pn.extension(sizing_mode="stretch_width", inline=True)  # inline: no script from the network
    return Explorer([spec], history, on_ready)
