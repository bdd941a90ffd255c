"""Still picture of a notebook's cell, which the saved notebook keeps and shows without a kernel.

It is an output of its own beside the live one, changed as what is live changes. While the kernel
answers, the browser hides it; where none does, it hides what no longer lives and shows the picture.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import param

from inficond_panel.ui import browser
from inficond_panel.ui.component import Component
from inficond_panel.ui.notebook.drawing import Drawing

if TYPE_CHECKING:
    from bokeh.model import Model

#: Seconds from the first change to a new picture: several changes make one.
CALM = 1.0
NOT_YET = "Live where the cell is run; nothing was on it yet when the notebook was saved."
TOLD = "A still picture: the cell is live where it is run."


class Alive(Component):
    """Nothing to see; tells the browser that the kernel answers: ``{"alive": true}``."""

    still = param.String("", doc="Class of the still pictures of this cell, in the page.")

    _esm = browser.module(Path(__file__).with_name("still.js"))


class Still:
    """Still pictures of one cell, one each time that it is displayed.

    ``draw`` gives the picture as it is now, None where there is none yet.
    """

    def __init__(self, draw: Callable[[], Drawing | None]) -> None:
        self._draw = draw
        self._name = f"inficond-still-{uuid4().hex[:12]}"
        self._shown: dict[str, Any] = {}  # what the outputs hold
        self._handles: list[Any] = []
        self._waiting: asyncio.TimerHandle | None = None

    @cached_property
    def alive(self) -> Alive:
        """Company of the cell in a page, made for the first notebook that shows it."""
        return Alive(still=self._name, width=0, height=0, margin=0)

    def clean_up(self, root: Model | None) -> None:
        """Drop the model of its company in the page of ``root``, if there is one."""
        if "alive" in vars(self):
            self.alive._cleanup(root)

    def show(self) -> None:
        """Display the picture, as an output of the cell that runs; only in a kernel of IPython."""
        if not _in_kernel():
            return
        from IPython.display import display  # noqa: PLC0415 - a notebook has it

        self._shown = self._bundle()
        self._handles.append(display(self._shown, raw=True, display_id=True))

    def tell_alive(self) -> None:
        """Tell all places that show the cell that the kernel answers."""
        self.alive._send_msg({"alive": True})

    def change_soon(self) -> None:
        """Draw it anew in a while, unless nobody has displayed it."""
        if self._handles and self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(CALM, self._change)

    def close(self) -> None:
        """Draw it no more."""
        self._handles.clear()
        if self._waiting is not None:
            self._waiting.cancel()

    def _change(self) -> None:
        self._waiting = None
        now = self._bundle()
        if now != self._shown:
            self._shown = now
            for handle in self._handles:
                handle.update(now, raw=True)

    def _bundle(self) -> dict[str, str]:
        """The output: HTML that stays whole where a notebook is sanitised, and a sentence."""
        drawing = self._draw()
        if drawing is None:
            return {"text/html": f'<p class="{self._name}">{NOT_YET}</p>', "text/plain": NOT_YET}
        picture = f'<img src="{drawing.uri()}" alt="{escape(TOLD)}" style="max-width: 100%">'
        html = f'<div class="{self._name}">{picture}<p>{TOLD}</p></div>'
        return {"text/html": html, "text/plain": TOLD}


def _in_kernel() -> bool:
    """Whether this runs in a notebook's kernel, which takes displays and later changes of them."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
