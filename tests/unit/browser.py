"""The browser's end of a page in a notebook: a copy of its document that only messages change."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent
from bokeh.model import Model
from bokeh.protocol import Protocol
from bokeh.protocol.receiver import Receiver
from pyviz_comms import Comm, CommManager

from inficond_panel.ui.widget import PageWidget


class Wire(Comm):
    """An end of a comm that the browser has opened, or will: keeps what is sent, part by part."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.parts: list[str | bytes] = []
        self.senders: set[threading.Thread] = set()
        self.after_send = lambda: None

    def init(self, on_msg: Any = None) -> None:
        self._comm = self
        if self._on_open:
            self._on_open({})

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = ()) -> None:
        self.senders.add(threading.current_thread())
        if data is not None or buffers:  # else it only acknowledges
            self.parts.append(data if data is not None else bytes(buffers[0]))
        self.after_send()


class Wires(CommManager):
    """Stand-in for the comms of a notebook."""

    server_comm = client_comm = Wire


class Browser:
    """Shows a page through Panel's own comm. ``document`` is the kernel's, ``copy`` is here."""

    def __init__(self, page: pn.Column) -> None:
        page._repr_mimebundle_()
        *_, self.ref = page._models
        self.wire, self._client = page._comms[self.ref]
        self._start(pn.state._views[self.ref][2])

    def _start(self, document: Document) -> None:
        self.document = document
        self.copy = Document.from_json(document.to_json())
        self._receiver = Receiver(Protocol())

    def open(self) -> None:
        """The page is drawn: the browser opens its end."""
        self._client._on_open({})

    def click(self, component: Any, **message: Any) -> None:
        """Send a message of a component, as a thread of the kernel gets it."""
        model, _ = component._models[self.ref]
        data = {"type": "map", "entries": [list(item) for item in message.items()]}
        values = {"type": "map", "entries": [["model", {"id": model.id}], ["data", data]]}
        event = {"type": "event", "name": "data_event", "values": values}
        self._hear({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})

    def _hear(self, event: dict[str, Any]) -> None:
        header = {"msgid": "1", "msgtype": "PATCH-DOC"}
        message = {"header": header, "metadata": {}, "content": {"events": [event]}}
        self._client._handle_msg({**message, "_buffers": {}})

    def read(self) -> None:
        """Put parts together and apply them, in the order sent. Fails where they do not fit."""
        parts, self.wire.parts = self.wire.parts, []
        for part in parts:
            consume = self._receiver.consume(part)
            try:
                consume.send(None)  # it awaits nothing
            except StopIteration as end:
                if end.value is not None:
                    self._apply(end.value)

    def _apply(self, message: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ColumnDataChangedEvent, "_handle_event", staticmethod(_merge_columns))
            message.apply_to_document(self.copy)

    def differences(self) -> list[str]:
        """Properties whose values differ between the kernel's document and the copy."""
        ours, theirs = _contents(self.document), _contents(self.copy)
        return [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]


class WidgetBrowser(Browser):
    """Shows a page as a widget."""

    def __init__(self, page: pn.Column) -> None:
        self.widget = PageWidget(page, page.publish)
        self.ref = self.widget._model.ref["id"]
        self.wire = Wire()
        self.widget.send = self._take
        self._start(self.widget._model.document)

    def _take(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.wire.send(content.get("payload"), buffers=buffers)

    def open(self) -> None:
        self._tell(method="update", state={"_view_count": 1}, buffer_paths=[])

    def _hear(self, event: dict[str, Any]) -> None:
        self._tell(method="custom", content={"event": "jsevent", **event})

    def _tell(self, **data: Any) -> None:
        self.widget._handle_msg({"content": {"data": data}, "buffers": []})


def _merge_columns(_: Document, event: ColumnDataChangedEvent) -> None:
    """Take over the columns sent and keep the others, as BokehJS does and Bokeh does not."""
    event.model.data = {**event.model.data, **event.data}


def _contents(document: Document) -> dict[str, Any]:
    return {
        f"{type(model).__name__} {model.id} {name}": _plain(value)
        for model in document.models
        for name, value in model.properties_with_values().items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.id
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if value != value else value  # nan is nan here
