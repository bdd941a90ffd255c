"""Names of other packages that are no public interface, and that guards and components stand on.

With a version that no longer has one, the guard before it would stand before nothing.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import inficond_panel
from inficond_panel.serving import answers, login, messages, sessions

#: Names by module and class.
PLACES = {
    # what a server takes in
    "bokeh.core.serialization:Deserializer": "_decode_bytes _decode_ndarray",
    "bokeh.protocol.receiver:Receiver": "_HEADER",
    "bokeh.server.views.ws:WSHandler": "on_message _receive _handle _schedule _internal_error"
    " _protocol_error",
    "bokeh.server.protocol_handler:ProtocolHandler": "handle",
    # sessions and addresses
    "bokeh.server.views.session_handler:SessionHandler": "get_session",
    "bokeh.server.tornado:BokehTornado": "new_connection get_handler_delegate resources",
    "bokeh.server.views.autoload_js_handler:AutoloadJsHandler": "set_default_headers",
    "panel.io.server:AutoloadJsHandler": "prepare",
    "panel.io.server:WSHandler": "_async_open log_exception",
    "panel.io.server:ComponentResourceHandler": "parse_url_path",
    "panel.io.server:RootHandler": "redirect",
    "panel.io.server:LoginUrlMixin": "get_login_url",
    "panel.auth:": "_validate_next_url",
    "panel.auth:BasicLoginHandler": "get post redirect _validate",
    "tornado.web:RequestHandler": "clear set_cookie",
    "tornado.web:StaticFileHandler": "set_headers get_content get_content_size",
    # what a page is sent
    "panel.io.document:": "_dispatch_msgs _WRITE_BLOCK dispatch_tornado",
    "tornado.websocket:WebSocketHandler": "write_message",
    # components, panes and notebooks
    "panel.custom:JSComponent": "_linked_properties _get_properties _process_event _process_events"
    " _patch_datamodel_ref _send_msg _data_model",
    "panel.layout:Column": "_get_objects _get_model _cleanup",
    "panel.viewable:Viewable": "_preprocessing_hooks",
    "panel.custom:": "freeze_doc",
}
NAMES = [(*place.split(":"), name) for place, names in PLACES.items() for name in names.split()]


@pytest.mark.parametrize("place", NAMES, ids=lambda place: ".".join(filter(None, place)))
def test_the_installed_version_has_the_name(place):
    module, owner, name = place
    holder = importlib.import_module(module)
    assert hasattr(getattr(holder, owner) if owner else holder, name)


@pytest.mark.parametrize("module", [answers, login, messages, sessions])
def test_every_guard_is_in_the_list(module):
    """Owner and name of each ``stand_before(REASON, OWNER, "NAME", ...)``."""
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "stand_before":
            owner, name = getattr(module, call.args[1].id), call.args[2]
            names = [name.value] if isinstance(name, ast.Constant) else []
            is_class = inspect.isclass(owner)
            place = (owner.__module__, owner.__name__) if is_class else (owner.__name__, "")
            for each in names or ("_internal_error", "_protocol_error"):
                assert (*place, each) in NAMES


@pytest.mark.parametrize("file", ["component.py", "upstream.py"])
def test_a_private_name_of_a_base_class_that_is_overridden_is_in_the_list(file):
    source = (Path(inficond_panel.__file__).parent / "ui" / file).read_text()
    supers = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "super"
        and re.match("_[^_]", node.attr)
    }
    assert supers
    assert supers <= {name for _, _, name in NAMES}
