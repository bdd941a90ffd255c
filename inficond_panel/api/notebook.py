"""The page in a notebook cell, ``explore``, and its questions on photos, ``ask_widget``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import panel as pn

from inficond_panel.app import Explorer
from inficond_panel.tuning import Tuner
from inficond_panel.ui.browser import use_own_font
from inficond_panel.ui.notebook_cell import Cell, in_kernel, in_marimo, packed_scripts


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

    Of Panel's settings two change: pages made from now on have our font, and in a notebook
    ``pn.config.inline`` is True, so that nothing is loaded from the network. Raises
    ``InficondError`` if Panel has a thread pool.
    """
    use_own_font()
    inline = pn.config.inline
    with packed_scripts():
        pn.extension(inline=True)
    if not (in_kernel() or in_marimo()):
        pn.config.inline = inline  # type: ignore[misc]  # Panel types it as read-only
    return Explorer([spec], history, on_ready)


def ask_widget(tuner: Tuner, class_name: str) -> Cell:
    """Return a notebook cell that asks about photos of a class, see ``TunableStudents.ask_widget``.

    It is the view ``photos`` of a session of its own.
    """

    def begin(session: Explorer) -> None:
        if (app := session.app) is not None:
            app.selection.class_name = class_name
            if not app.asking.missing:  # else the view says why
                app.asking.open(class_name)

    return explore(tuner, on_ready=begin).place("photos")
