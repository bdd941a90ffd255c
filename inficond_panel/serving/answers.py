"""Answers of the server: which addresses have one, and the headers that all of them carry.

Panel's ``/components/MODULE/...`` imports the module that the URL names, without a login. Here it
serves what is loaded already, of Panel and of this package, and no path makes an error of the
server. The headers say who may frame an answer, its type and referrer, and whose its cookies are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from panel.io.server import ComponentResourceHandler, RootHandler
from tornado.web import ErrorHandler, HTTPError, RequestHandler

from inficond_panel.serving.replace import stand_before

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
