"""Answers of the server: addresses and headers, and the login with slow answers to wrong words.

Panel's ``/components/MODULE/...`` imports the module that the URL names, without a login. Here it
serves what is loaded already, of Panel and of this package, and no path makes an error of the
server. The headers say who may frame an answer, its type and referrer, and whose its cookies are.

Panel takes ``next=///host`` for a path of the server, and browsers take it for another host.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from panel import auth
from panel.auth import BasicLoginHandler
from panel.io.server import ComponentResourceHandler, RootHandler
from tornado.web import ErrorHandler, HTTPError, RequestHandler

_LONGEST = 120  #: characters of a line of the log


def stand_before(owner: type | ModuleType, name: str, guard: Callable[..., Any]) -> None:
    """Have ``owner.name(...)`` call ``guard(original, self, ...)``."""
    original = getattr(owner, name)

    @wraps(original)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        return guard(original, self, *args, **kwargs)

    setattr(owner, name, guarded)


def one_line(text: object) -> str:
    """Text from outside for a log: ASCII, without control characters, shortened."""
    line = ascii(str(text)[:_LONGEST])[1:-1]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


#: What Bokeh's patterns of hosts and those of a content policy have in common.
_HOST = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*(:(\d+|\*))?")


def guard_answers() -> None:
    """Put the headers on what any handler answers, errors too."""
    stand_before(RequestHandler, "clear", _with_headers)
    stand_before(RequestHandler, "set_cookie", _same_site)


def allowed_hosts(application: BokehTornado) -> list[str]:
    """Hosts whose pages may open the websocket, as Bokeh writes them."""
    return sorted(settings.allowed_ws_origin() or application.websocket_origins)


def frame_ancestors(hosts: Iterable[str]) -> str:
    """The policy that lets pages of the own host and of ``hosts`` embed a page."""
    named = [host.removesuffix(":80") for host in hosts if _HOST.fullmatch(host)]
    return " ".join(["frame-ancestors", "'self'", *named])


def _with_headers(original: Callable[..., None], self: RequestHandler) -> None:
    original(self)
    if isinstance(self.application, BokehTornado):
        policy = frame_ancestors(allowed_hosts(self.application))
        self.set_header("Content-Security-Policy", policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


def _same_site(
    original: Callable[..., None], self: RequestHandler, *args: Any, **kwargs: Any
) -> None:
    """Set a cookie that is not sent from other sites, and only over https where the page is."""
    kwargs.setdefault("samesite", "Lax")
    kwargs.setdefault("secure", self.request.protocol == "https")
    original(self, *args, **kwargs)


#: Packages whose components a page may ask for files of.
SERVED = ("panel", "inficond_panel")


def guard_routes() -> None:
    """Guard Panel's components, handlers from paths that name no file, and links to the root."""
    stand_before(ComponentResourceHandler, "parse_url_path", _only_loaded)
    stand_before(BokehTornado, "get_handler_delegate", _printable_path)
    stand_before(RootHandler, "redirect", _with_query)


def _only_loaded(original: Callable[..., str], self: Any, path: str) -> str:
    """The file of a component; a module, class or resource that is not there is 404."""
    module = path.partition("/")[0]
    if module.partition(".")[0] not in SERVED or module not in sys.modules:
        raise HTTPError(404)
    try:
        return original(self, path)
    except (AttributeError, TypeError, ValueError, LookupError, OSError) as error:
        raise HTTPError(404) from error


def _with_query(original: Callable[..., None], self: Any, url: str, **kwargs: Any) -> None:
    """Redirect from the root to the page, with the query: it says what the page shows."""
    query = self.request.query if "?" not in url else ""
    original(self, f"{url}?{query}" if query else url, **kwargs)


def _printable_path(
    original: Callable[..., Any], self: Any, request: Any, target: Any, *args: Any, **kwargs: Any
) -> Any:
    """The handler of a request: 404 where the path has control characters, as files have none."""
    if not unquote(request.path, errors="replace").isprintable():
        return original(self, request, ErrorHandler, {"status_code": 404})
    return original(self, request, target, *args, **kwargs)


#: Seconds until a wrong password is answered.
PAUSE = 2.0
#: Wrong passwords of one address that wait for their answer; more are refused unread.
WAITING = 5

#: A path of this server: one slash, and not a second one nor a backslash, which begin the name of
#: a host, also behind characters that browsers leave out.
_OWN_PATH = re.compile(r"/(?![\x00-\x20]*[/\\])[!-\[\]-~]*")

_waiting: Counter[str] = Counter()


def guard_login() -> None:
    """Guard the login page, and where any login leads to."""
    stand_before(auth, "_validate_next_url", _own_path)
    stand_before(BasicLoginHandler, "get", _with_token)
    stand_before(BasicLoginHandler, "post", _slowly)


def take_password(args: argparse.Namespace) -> None:
    """Take ``--basic-auth`` from the environment as it is: Panel would make it lower case."""
    if not args.basic_auth:
        args.basic_auth = os.environ.pop("PANEL_BASIC_AUTH", None)


class _Form:
    """A template whose page carries the token against forged forms, where there is one."""

    def __init__(self, template: Any, token: str) -> None:
        self._template, self._token = template, token

    def render(self, **values: Any) -> str:
        """The page."""
        return str(self._template.render(xsrf=self._token, **values))


def _with_token(original: Callable[..., None], self: Any) -> None:
    token = self.xsrf_form_html() if self.settings.get("xsrf_cookies") else ""
    self._login_template = _Form(self._login_template, token)
    original(self)


def _own_path(original: Callable[..., str | None], asked: str | None) -> str | None:
    """Return the path that a login leads to; 400 for anything but a path of this server."""
    if asked and not (_OWN_PATH.fullmatch(asked) and _OWN_PATH.match(unquote(asked))):
        raise HTTPError(400, reason="The login leads to pages of this server only")
    return original(asked)


async def _slowly(original: Callable[..., None], self: Any) -> None:
    """Answer a right password at once, a wrong one after a pause.

    An address with too many that wait is refused, so that many connections guess no faster. Others
    do not notice.
    """
    address = self.request.remote_ip
    if _waiting[address] >= WAITING:
        raise HTTPError(429, reason="Too many wrong passwords, wait a moment")
    credentials = [self.get_argument(name, "") for name in ("username", "password")]
    if not self._validate(*credentials):
        _waiting[address] += 1
        try:
            await asyncio.sleep(PAUSE)
        finally:
            _waiting.subtract([address])
            if not _waiting[address]:
                del _waiting[address]
    original(self)
