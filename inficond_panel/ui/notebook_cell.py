"""Notebook cell with the live page or one view, and with a still picture for saved notebooks.

The picture is a second output, which is updated with the live output. While the kernel answers, the
browser hides the picture; without a kernel, it hides the live output and shows the picture.

Panel and HoloViews publish 3 MB of scripts, each as two outputs of a cell, so that a saved notebook
with one page had 6.6 MB. Of the two, ``application/javascript``, which all notebooks run, is kept,
compressed (``upstream.SCRIPTS``).
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import panel as pn
import param
from panel.models.esm import DataEvent
from pyviz_comms import Comm

from inficond_panel.common.installation import missing_extra
from inficond_panel.state.jobs import Publish, run_at_once
from inficond_panel.ui import browser
from inficond_panel.ui.browser import InlineStyles
from inficond_panel.ui.component import Component
from inficond_panel.ui.drawing import Drawing

if TYPE_CHECKING:
    from bokeh.document import Document
    from bokeh.model import Model

    from inficond_panel.ui.widget import Part


class Cell(pn.Column):
    """Column that displays itself in a notebook: through Panel's comms, or as a Jupyter widget.

    ``publish`` runs the handlers of the browser's messages on one thread: a kernel may receive
    messages in several threads, but the session's state, Panel and Bokeh allow one. ``draw``
    returns a picture for the saved notebook. On a server the cell is an ordinary column.
    """

    def __init__(
        self,
        *objects: Any,
        publish: Publish = run_at_once,
        draw: Callable[[], Drawing | None] | None = None,
        **params: Any,
    ) -> None:
        self.still = Still(draw) if draw is not None else None
        super().__init__(*objects, margin=0, hooks=[InlineStyles()], **params)
        self.publish = publish

    def close(self) -> None:
        """Forget all displays of the cell, and stop drawing pictures of it."""
        if self.still is not None:
            self.still.close()
        forget_places(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if self.still is not None:
            self.still.show()
        if pn.config.comms not in {"ipywidgets", "vscode"}:
            return super()._repr_mimebundle_(include, exclude)
        try:
            from inficond_panel.ui.widget import display  # noqa: PLC0415 - optional
        except ModuleNotFoundError as error:
            raise missing_extra(
                "A notebook that shows widgets", error, "notebook", more=", and restart the kernel."
            ) from error
        display(self, self.publish)
        return {"text/html": '<div style="display: none"></div>'}, {}  # it is displayed already

    def _get_objects(
        self, model: Model, old: list[Any], doc: Document, root: Model, comm: Comm | None = None
    ) -> tuple[list[Model], list[Model]]:
        """Return the models of the column; in a notebook also that of the invisible ``Alive``."""
        shown, before = super()._get_objects(model, old, doc, root, comm)
        if self.still is not None and comm is not None:
            known = self.still.alive._models.get(root.ref["id"])
            shown.append(known[0] if known else self.still.alive._get_model(doc, root, model, comm))
        return shown, before

    def _cleanup(self, root: Model | None = None) -> None:
        super()._cleanup(root)
        if self.still is not None:
            self.still.clean_up(root)

    def _render_model(self, doc: Document | None = None, comm: Comm | None = None) -> Model:
        return super()._render_model(doc, comm and PageComm(comm))

    def _render_mimebundle(self, model: Model, *arguments: Any) -> Any:
        bundle = super()._render_mimebundle(model, *arguments)
        _, browser = self._comms[model.ref["id"]]

        def published(handle: Callable[[Any], None]) -> Callable[[Any], object]:
            return lambda message: self.publish(partial(handle, message))

        browser._handle_msg = published(browser._handle_msg)
        browser._on_open = published(browser._on_open)
        return bundle


class PageComm(Comm):
    """Comm of a cell: Panel's messages wait until the browser opens ``comm``, and stay in order.

    Panel's comm would send an early message again after a while, after later messages
    (``upstream.EARLY_MESSAGES``).
    """

    def __init__(self, comm: Comm) -> None:
        super().__init__(comm.id)
        self._comm = comm
        self._kept: list[tuple[Any, Sequence[bytes]]] = []
        comm._on_open = lambda _: self._send_kept()

    def send(self, data: Part = None, metadata: Part = None, buffers: Sequence[bytes] = ()) -> None:
        """Send one part of a message, JSON or one buffer, or keep it until ``comm`` is open."""
        self._kept.append((data, buffers))
        if self._comm._comm:
            self._send_kept()

    def _send_kept(self) -> None:
        kept, self._kept = self._kept, []
        for data, buffers in kept:
            self._comm.send(with_models(data) if in_marimo() else data, buffers=buffers)


_EVENT = "MessageSent"


def with_models(data: Part) -> Part:
    """Return a part of a message, whose events name their model where marimo looks for it
    (``upstream.EVENTS``)."""
    if not isinstance(data, str) or f'"{_EVENT}"' not in data:
        return data
    patch = json.loads(data)
    for event in patch["events"]:
        if event["kind"] == _EVENT:
            model = dict(event["msg_data"]["values"]["entries"])["model"]
            event["model"] = {"id": model["id"]}
    return json.dumps(patch)


def forget_places(page: pn.Column) -> None:
    """Forget all displays of ``page`` in a notebook, which Panel would keep in memory
    (``upstream.DISPLAYS``)."""
    for ref, (shown, root, *_) in list(pn.state._views.items()):
        if shown is page:
            del pn.state._views[ref]
            page._cleanup(root)


#: Seconds from the first change to a new picture, which shows all changes up to then.
CALM = 1.0
_NEEDS = (
    "The live page appears here when a kernel answers: not while another cell runs. In JupyterLab "
    "it needs pyviz_comms: pip install pyviz_comms, reload JupyterLab, and run the cell again."
)
NOT_YET = f"The page was still empty. {_NEEDS}"
TOLD = f"This is a still picture. {_NEEDS}"


class Alive(Component):
    """Invisible component that reports to the browser: the kernel answers, ``{"alive": true}``.

    Each display is answered once: a display that asks again is a saved one, with an old page.
    """

    still = param.String("", doc="Class of the still pictures of this cell, in the page.")

    _esm = browser.module(Path(__file__).with_name("still.js"))

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._answered: set[str] = set()  # ids of the models of displays
        self.on_msg(self._answer)

    def _answer(self, event: DataEvent) -> None:
        if event.model and event.model.id not in self._answered:
            self._answered.add(event.model.id)
            self._send_msg({"alive": True})


class Still:
    """Still pictures of one cell, one per display of the cell.

    ``draw`` returns the present picture, or None if there is nothing to draw yet.
    """

    def __init__(self, draw: Callable[[], Drawing | None]) -> None:
        self._draw = draw
        self._name = f"inficond-still-{uuid4().hex[:12]}"
        self._shown: dict[str, Any] = {}  # content of the outputs
        self._handles: list[Any] = []
        self._waiting: asyncio.TimerHandle | None = None

    @cached_property
    def alive(self) -> Alive:
        """Invisible component displayed with the cell, made at its first display in a notebook."""
        return Alive(still=self._name, width=0, height=0, margin=0)

    def clean_up(self, root: Model | None) -> None:
        """Drop the model of ``alive`` from the page with this root, if it has such a model."""
        if "alive" in vars(self):
            self.alive._cleanup(root)

    def show(self) -> None:
        """Display the picture as an output of the running cell; do nothing outside a notebook."""
        if not in_kernel():
            return
        from IPython.display import display  # noqa: PLC0415 - a notebook has it

        self._shown = self._bundle()
        self._handles.append(display(self._shown, raw=True, display_id=True))

    def change_soon(self) -> None:
        """Redraw the picture after a pause, if the cell is displayed."""
        if self._handles and self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(CALM, self._change)

    def close(self) -> None:
        """Stop updating the still pictures."""
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
        """Return the cell's output by MIME type: HTML of the picture, and a plain sentence."""
        drawing = self._draw()
        if drawing is None:
            return {"text/html": f'<p class="{self._name}">{NOT_YET}</p>', "text/plain": NOT_YET}
        picture = f'<img src="{drawing.uri()}" alt="{escape(TOLD)}" style="max-width: 100%">'
        html = f'<div class="{self._name}">{picture}<p>{TOLD}</p></div>'
        return {"text/html": html, "text/plain": TOLD}


def in_kernel() -> bool:
    """Return True in a notebook's kernel, which can display outputs and update them later."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def in_marimo() -> bool:
    """Return True in a notebook of marimo, which has no kernel of Jupyter."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def running_cell() -> tuple[str, int]:
    """Return id ("" if the notebook sends none) and execution count of the cell that runs."""
    shell: Any = sys.modules["IPython"].get_ipython()
    return shell.get_parent().get("metadata", {}).get("cellId", ""), shell.execution_count


_SCRIPT = "application/javascript"
_OF_PANEL = "application/vnd.holoviews_load.v0+json"
#: Smallest number of characters of a compressed script; shorter scripts set up Panel's comms.
_LONG = 50_000


@contextmanager
def packed_scripts() -> Iterator[None]:
    """Context that compresses the long scripts published by its block in a notebook's kernel."""
    if not in_kernel():
        yield
        return
    publisher: Any = sys.modules["IPython"].get_ipython().display_pub
    publisher.register_hook(_pack)
    try:
        yield
    finally:
        publisher.unregister_hook(_pack)


def _pack(message: dict[str, Any]) -> dict[str, Any]:
    """Return the kernel's message with an output, whose long script is compressed."""
    data = message["content"]["data"]
    if len(data.get(_SCRIPT, "")) >= _LONG:
        data.pop(_OF_PANEL, None)
        data[_SCRIPT] = packed(data[_SCRIPT])
    return message


def packed(script: str) -> str:
    """Return a JS script that decompresses ``script`` and runs it."""
    small = base64.b64encode(zlib.compress(script.encode(), 9)).decode()
    runs = Path(__file__).with_name("notebook_scripts.js").read_text(encoding="utf-8")
    return runs.replace("PACKED", small)
