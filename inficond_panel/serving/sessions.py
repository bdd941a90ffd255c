"""Sessions: the server alone names them, and each belongs to one connection.

Bokeh takes the id of a session from the URL. Who sends a link with an id of their own choice, or
with one that the server gave them, would see and use the page of whoever follows it.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import check_allowlist
from bokeh.server.views.autoload_js_handler import AutoloadJsHandler as BokehAutoload
from bokeh.server.views.session_handler import SessionHandler
from bokeh.settings import settings
from bokeh.util.token import generate_secret_key
from panel.io.server import AutoloadJsHandler, WSHandler
from tornado.web import HTTPError, RequestHandler

from inficond_panel.common.seldom import logger_of
from inficond_panel.serving.answers import allowed_hosts, one_line, stand_before

_SCRIPT_ARGUMENTS = ("bokeh-autoload-element", "bokeh-app-path", "bokeh-absolute-url")
#: What these need; Bokeh puts them into a script.
_PLAIN = re.compile(r"[\w./:~%-]*")

#: Pages that one address may open in a minute: each takes memory and a thread. A class of students
#: behind one address opens one each.
PAGES = 120

_log = logger_of(__name__)
_openings: dict[str, deque[float]] = {}


def guard_sessions() -> None:
    """Guard how sessions are named, opened and embedded."""
    stand_before(SessionHandler, "get_session", _own_id)
    stand_before(BokehTornado, "new_connection", _one_connection)
    stand_before(WSHandler, "_async_open", _opened)
    stand_before(WSHandler, "log_exception", _refused)
    stand_before(BokehAutoload, "set_default_headers", _no_origin)
    stand_before(AutoloadJsHandler, "prepare", _embedded)


def sign_sessions(args: argparse.Namespace) -> None:
    """Sign ids with a key of this start, in all its processes, unless set otherwise."""
    if args.session_ids is None and settings.sign_sessions() is False:
        args.session_ids = "signed"
    if args.session_ids == "signed" and not settings.secret_key():
        key = generate_secret_key()
        settings.secret_key.set_value(key)
        settings._secret_key_bytes = key.encode()  # kept by Bokeh since it was imported


def may_open(address: str) -> bool:
    """True if an address may open one more page; counts it then."""
    past = time.monotonic() - 60
    for other in [other for other, times in _openings.items() if times[-1] < past]:
        del _openings[other]
    times = _openings.setdefault(address, deque())
    while times and times[0] < past:
        times.popleft()
    if len(times) >= PAGES:
        return False
    times.append(time.monotonic())
    return True


def _own_id(original: Callable[..., Any], self: Any) -> Any:
    """The session of a page, under a new id; with ``external-signed`` the client's."""
    asked = self.request.headers.get("Bokeh-Session-Id") or any(
        self.get_argument(name, None) is not None for name in ("bokeh-session-id", "bokeh-token")
    )
    if asked and self.application.generate_session_ids:
        raise HTTPError(403, reason="A link may not name the session")
    if not may_open(self.request.remote_ip):
        raise HTTPError(429, reason="Too many pages were opened from here, wait a minute")
    return original(self)


def _one_connection(
    original: Callable[..., Any], self: Any, protocol: Any, socket: Any, context: Any, session: Any
) -> Any:
    if session.connection_count:
        raise ProtocolError("The session has a connection already")
    return original(self, protocol, socket, context, session)


async def _opened(original: Callable[..., Any], self: Any, token: str) -> None:
    try:
        await original(self, token)
    except (ProtocolError, RuntimeError) as error:
        _log.warning("Refused a connection: %s", one_line(error))
        self.close()


def _refused(original: Callable[..., None], self: Any, kind: Any, error: Any, at: Any) -> None:
    """Log why a connection was not opened: nothing of ours runs before that."""
    if self.connection is None:
        _log.warning("Refused a connection: %s", one_line(error))
    else:
        original(self, kind, error, at)


def _no_origin(original: Callable[..., None], self: RequestHandler) -> None:
    """Drop Bokeh's ``Access-Control-Allow-Origin: *``: the script holds the visitor's cookies."""


async def _embedded(original: Callable[..., Any], self: Any) -> None:
    """The script that embeds a page, for pages of hosts that may open the websocket."""
    origin = self.request.headers.get("Origin", "")
    known = check_allowlist(urlparse(origin).netloc.lower(), allowed_hosts(self.application))
    site = self.request.headers.get("Sec-Fetch-Site", "same-origin")
    if not known and (origin or site not in {"same-origin", "none"}):
        raise HTTPError(403, reason="This host may not embed the page")
    if not all(_PLAIN.fullmatch(self.get_argument(name, "")) for name in _SCRIPT_ARGUMENTS):
        raise HTTPError(400)
    if known:
        self.set_header("Access-Control-Allow-Origin", origin)
        self.set_header("Access-Control-Allow-Credentials", "true")
        self.set_header("Access-Control-Allow-Headers", "*")
    elif self.request.method == "OPTIONS":  # which Bokeh answers with the origin
        raise HTTPError(405)
    await original(self)
    if not self.current_user:  # which Bokeh would lead to a login, and then fail
        raise HTTPError(403)
