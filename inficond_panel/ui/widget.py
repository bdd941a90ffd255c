"""Page as a Jupyter widget, for notebooks that support only widgets, such as VS Code.

jupyter_bokeh shows a Bokeh model as a widget, but sends each change at once: before Panel has added
the style sheets, and without messages of components. So Panel gets a comm, as in other notebooks,
and the widget transports the comm's messages (``upstream.WIDGETS``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import IPython.display
import panel as pn
from bokeh.document import Document
from jupyter_bokeh.widgets import BokehModel
from panel.io.model import add_to_doc
from pyviz_comms import Comm
from traitlets import observe

from inficond_panel.state.jobs import Publish

if TYPE_CHECKING:
    from bokeh.model import Model
    from traitlets.utils.bunch import Bunch

#: Kinds of the browser's events that change models in Python.
_FROM_BROWSER = {"ModelChanged", "MessageSent"}
Part = dict[str, Any] | str | None


def display(page: pn.Column, publish: Publish, seconds: float = 2) -> None:
    """Display ``page`` as a widget; without a view retry after ``seconds``, 2 ``seconds``, ...

    When all cells are run, a notebook may reach the widget before it has run the scripts of the
    output above, and gives up. Each retry needs a new widget: the same widget would fail again or
    stay empty, since Panel's components find their element by the id of their model.
    """
    widget = PageWidget(page, publish)
    handle = IPython.display.display(widget._repr_mimebundle_(), raw=True, display_id=True)
    loop = asyncio.get_running_loop()

    def again(widget: PageWidget, wait: float) -> None:
        if widget.waits and wait <= 16 * seconds:
            widget.clean_up()  # not close(), which would remove its successor too
            successor = PageWidget(page, publish)
            handle.update(successor._repr_mimebundle_(), raw=True)
            loop.call_later(2 * wait, again, successor, 2 * wait)

    loop.call_later(seconds, again, widget, seconds)


class WidgetComm(Comm):
    """Comm of a page that sends Panel's messages to the browser through a widget."""

    def __init__(self, widget: PageWidget) -> None:
        super().__init__()
        self._comm = widget

    def send(self, data: Part = None, metadata: Part = None, buffers: Sequence[bytes] = ()) -> None:
        """Send one part of a message: JSON, or one buffer."""
        self._comm.patch(data, buffers)


class PageWidget(BokehModel):
    """Jupyter widget that shows ``page`` once in a notebook.

    ``publish`` runs handlers of the browser's messages.
    """

    def __init__(self, page: pn.Column, publish: Publish) -> None:
        self._page, self._publish = page, publish
        self._fresh = True  # whether ``render_bundle``, from which a view starts, is up to date
        super().__init__(self._make_root())
        self._view_count = 0  # from here on the browser counts its views

    def _make_root(self) -> Model:
        document = Document()
        root = self._page.get_root(document, WidgetComm(self))
        add_to_doc(root, document, hold=True)
        return root

    @property
    def waits(self) -> bool:
        """True while the page is open and has no view yet."""
        return not self._view_count and self._model.ref["id"] in pn.state._views

    def clean_up(self) -> None:
        """Drop this widget's models of the page, which no view shows."""
        pn.state._views.pop(self._model.ref["id"], None)
        self._page._cleanup(self._model)

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        self._publish(partial(super()._handle_msg, msg))

    def patch(self, data: Part, buffers: Sequence[bytes]) -> None:
        """Send one part of a message (``data`` or ``buffers``) to the view, if there is a view."""
        self._fresh = False
        if self._view_count:
            self.send({"msg": "patch", "payload": data} if data else {"msg": "patch"}, [*buffers])

    @observe("_view_count")
    def _follow_view(self, change: Bunch) -> None:
        if change.old and not change.new:
            self.clean_up()
            self._fresh = False
        elif change.new and not change.old and not self._fresh:
            self.clean_up()
            self.update_from_model(self._make_root())

    def _document_patched(self, event: Any) -> None:
        """Do nothing on a change of a model: Panel sends the change through its comm."""

    def _sync_model(self, _: Any, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        """Apply changes that the browser has made to the page's models, as Panel's comm does."""
        document = self._model.document
        if content.pop("event", "") == "jsevent" and content["kind"] in _FROM_BROWSER:
            document.apply_json_patch({"events": [content]}, setter=self)
            document.unhold()  # which calls Panel back
            document.hold()
