"""Guards of sessions: only the server chooses session ids, and a session has one connection.

Bokeh accepts a session id from the URL. An attacker who sends a link with a known session id would
see and use the page of the person who opens the link.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import deque
from collections.abc import Callable
from functools import partial
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
from tornado.web import HTTPError

from inficond_panel.common import upstream
from inficond_panel.common.logs import logger_of
from inficond_panel.serving.allowance import in_turn
from inficond_panel.serving.answers import allowed_hosts, one_line

_SCRIPT_ARGUMENTS = ("bokeh-autoload-element", "bokeh-app-path", "bokeh-absolute-url")
#: Characters allowed in these arguments, which Bokeh writes into a script.
_PLAIN = re.compile(r"[\w./:~%-]*")

#: Most pages that one address may open per minute, since a page takes memory and a thread; enough
#: for a class of students behind one address.
PAGES = 120

_log = logger_of(__name__)
_openings: dict[str, deque[float]] = {}


def guard_sessions() -> None:
    """Install the guards of session ids, of connections and of embedding."""
    upstream.stand_before(upstream.SESSION_ID, SessionHandler, "get_session", _own_id)
    upstream.stand_before(upstream.CONNECTIONS, BokehTornado, "new_connection", _one_connection)
    upstream.stand_before(upstream.OPENING, WSHandler, "_async_open", _opened)
    upstream.stand_before(upstream.OPENING, WSHandler, "log_exception", _refused)
    # no header ``Access-Control-Allow-Origin: *``, which is Bokeh's, since the script has cookies
    upstream.stand_before(upstream.EMBEDDING, BokehAutoload, "set_default_headers", lambda *_: None)
    upstream.stand_before(upstream.EMBEDDING, AutoloadJsHandler, "prepare", _embedded)


def sign_sessions(args: argparse.Namespace) -> None:
    """Make the server sign session ids with a new random key, unless it is configured otherwise."""
    if args.session_ids is None and settings.sign_sessions() is False:
        args.session_ids = "signed"
    if args.session_ids == "signed" and not settings.secret_key():
        key = generate_secret_key()
        settings.secret_key.set_value(key)
        settings._secret_key_bytes = key.encode()  # kept by Bokeh since it was imported


def may_open(address: str) -> bool:
    """Return True, and count the page, if ``address`` may open one more page in this minute."""
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


async def _own_id(original: Callable[..., Any], self: Any) -> Any:
    """Return the session of a page, with a new id; with session ids ``external-signed``, with the
    client's id. The pages of one address are made one after the other."""
    requested = self.request.headers.get("Bokeh-Session-Id") or any(
        self.get_argument(name, None) is not None for name in ("bokeh-session-id", "bokeh-token")
    )
    if requested and self.application.generate_session_ids:
        raise HTTPError(403, reason="A link may not name a session; open the page without it")
    if not may_open(self.request.remote_ip):
        raise HTTPError(429, reason="Too many pages were opened from this address, wait a minute")
    return await in_turn(self, partial(original, self))


def _one_connection(
    original: Callable[..., Any], self: Any, protocol: Any, socket: Any, context: Any, session: Any
) -> Any:
    if session.connection_count:
        raise ProtocolError("The session already has a connection")
    return original(self, protocol, socket, context, session)


async def _opened(original: Callable[..., Any], self: Any, token: str) -> None:
    try:
        await original(self, token)
    except (ProtocolError, RuntimeError) as error:
        _log.warning("Refused a connection: %s", one_line(error))
        self.close()
    except AssertionError:
        if self.ws_connection is not None:  # else the browser has left, and nothing is wrong
            raise


def _refused(original: Callable[..., None], self: Any, kind: Any, error: Any, at: Any) -> None:
    """Log the reason why a connection was not opened; no other guard can see this error.

    Tornado asserts that the browser is there. One that has left while its page opened is no fault.
    """
    if self.ws_connection is None and isinstance(error, AssertionError):
        return
    if self.connection is None:
        _log.warning("Refused a connection: %s", one_line(error))
    else:
        original(self, kind, error, at)


async def _embedded(original: Callable[..., Any], self: Any) -> None:
    """Serve the script that embeds a page, but only to hosts that may open the websocket."""
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
    elif self.request.method == "OPTIONS":  # Bokeh would allow any origin
        raise HTTPError(405)
    await original(self)
    if not self.current_user:  # Bokeh would redirect to a login, and then fail
        raise HTTPError(403)
