"""Names of other packages that are no public interface, and that guards and components stand on.

With a version that no longer has one, the guard before it would stand before nothing.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import inficond_panel
from inficond_panel.serving import answers, messages, sessions

#: Module, class or empty, name.
NAMES = [
    # what a server takes in
    ("bokeh.core.serialization", "Deserializer", "_decode_bytes"),
    ("bokeh.core.serialization", "Deserializer", "_decode_ndarray"),
    ("bokeh.protocol.receiver", "Receiver", "_HEADER"),
    ("bokeh.server.views.ws", "WSHandler", "on_message"),
    ("bokeh.server.views.ws", "WSHandler", "_receive"),
    ("bokeh.server.views.ws", "WSHandler", "_handle"),
    ("bokeh.server.views.ws", "WSHandler", "_schedule"),
    ("bokeh.server.views.ws", "WSHandler", "_internal_error"),
    ("bokeh.server.views.ws", "WSHandler", "_protocol_error"),
    ("bokeh.server.protocol_handler", "ProtocolHandler", "handle"),
    # sessions and addresses
    ("bokeh.server.views.session_handler", "SessionHandler", "get_session"),
    ("bokeh.server.tornado", "BokehTornado", "new_connection"),
    ("bokeh.server.tornado", "BokehTornado", "get_handler_delegate"),
    ("bokeh.server.views.autoload_js_handler", "AutoloadJsHandler", "set_default_headers"),
    ("panel.io.server", "AutoloadJsHandler", "prepare"),
    ("panel.io.server", "WSHandler", "_async_open"),
    ("panel.io.server", "WSHandler", "log_exception"),
    ("panel.io.server", "ComponentResourceHandler", "parse_url_path"),
    ("panel.io.server", "RootHandler", "redirect"),
    ("panel.auth", "", "_validate_next_url"),
    ("panel.auth", "BasicLoginHandler", "get"),
    ("panel.auth", "BasicLoginHandler", "post"),
    ("panel.auth", "BasicLoginHandler", "_validate"),
    ("tornado.web", "RequestHandler", "clear"),
    ("tornado.web", "RequestHandler", "set_cookie"),
    # what a page is sent
    ("panel.io.document", "", "_dispatch_msgs"),
    ("panel.io.document", "", "_WRITE_BLOCK"),
    ("panel.io.document", "", "dispatch_tornado"),
    ("tornado.websocket", "WebSocketHandler", "write_message"),
    # components, panes and notebooks
    ("panel.custom", "JSComponent", "_linked_properties"),
    ("panel.custom", "JSComponent", "_get_properties"),
    ("panel.custom", "JSComponent", "_process_event"),
    ("panel.custom", "JSComponent", "_process_events"),
    ("panel.custom", "JSComponent", "_patch_datamodel_ref"),
    ("panel.custom", "JSComponent", "_send_msg"),
    ("panel.custom", "JSComponent", "_data_model"),
    ("panel.layout", "Column", "_get_objects"),
    ("panel.layout", "Column", "_get_model"),
    ("panel.layout", "Column", "_cleanup"),
]


@pytest.mark.parametrize("place", NAMES, ids=lambda place: ".".join(filter(None, place)))
def test_the_installed_version_has_the_name(place):
    module, owner, name = place
    holder = importlib.import_module(module)
    assert hasattr(getattr(holder, owner) if owner else holder, name)


def test_every_guard_is_in_the_list():
    listed = {(module, owner, name) for module, owner, name in NAMES}
    for module in (answers, messages, sessions):
        for owner, name in _guarded(module):
            place = (owner.__name__, "", name)
            if inspect.isclass(owner):
                place = (owner.__module__, owner.__name__, name)
            assert place in listed


def _guarded(module):
    """Owner and name of each ``stand_before(OWNER, "NAME", ...)`` of a module."""
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "stand_before":
            owner, name, _ = call.args
            names = [name.value] if isinstance(name, ast.Constant) else []
            for each in names or ("_internal_error", "_protocol_error"):
                yield getattr(module, owner.id), each


def test_a_private_name_of_a_base_class_that_is_overridden_is_in_the_list():
    source = (Path(inficond_panel.__file__).parent / "ui" / "component.py").read_text()
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    supers = {
        node.attr for node in calls
        if isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "super"
        and node.attr.startswith("_") and not node.attr.startswith("__")
    }  # fmt: skip
    assert supers
    assert supers <= {name for _, _, name in NAMES}
