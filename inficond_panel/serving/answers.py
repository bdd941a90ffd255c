"""Guards of HTTP responses: routes, security headers, cookies, size.

Panel's ``/components/MODULE/...`` imports any module that the URL names, without a login. The guard
serves only modules of Panel and of this package that are already loaded, and answers 404 to bad
paths. The headers limit who may embed a page, its content type and referrer, and its cookies.

Bokeh's server sends files uncompressed, and pages load all of its bundles. Scripts and styles are
compressed, and unused bundles left out. Tornado's ``compress_response`` would compress each file
again for each visitor, on the event loop, and also the pages, which have a secret token next to
text from their link.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bokeh.resources import Resources
from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from panel.config import config
from panel.io.server import ComponentResourceHandler, RootHandler
from tornado.web import ErrorHandler, HTTPError, RequestHandler, StaticFileHandler

from inficond_panel.common import upstream

_LONGEST = 120  #: most characters of a logged text


def one_line(text: object) -> str:
    """Return untrusted text as one short line of a log, in ASCII without control characters."""
    line = ascii(str(text)[:_LONGEST])[1:-1]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


#: Host patterns that are valid both in Bokeh and in a Content-Security-Policy.
_HOST = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*(:(\d+|\*))?")


def guard_answers() -> None:
    """Install the guards of headers and cookies of all responses, also of errors; of component
    files, paths and redirects to pages; and of the size of scripts and styles."""
    upstream.stand_before(upstream.HEADERS, RequestHandler, "clear", _with_headers)
    upstream.stand_before(upstream.COOKIES, RequestHandler, "set_cookie", _same_site)
    upstream.stand_before(
        upstream.ANY_MODULE, ComponentResourceHandler, "parse_url_path", _only_loaded
    )
    upstream.stand_before(upstream.CONTROLS, BokehTornado, "get_handler_delegate", _printable_path)
    upstream.stand_before(upstream.PREFIX, BokehTornado, "get_handler_delegate", _with_slash)
    upstream.stand_before(upstream.QUERY, RootHandler, "redirect", _with_query)
    upstream.stand_before(upstream.BUNDLES, BokehTornado, "resources", _fewer)
    upstream.stand_before(upstream.PACKED, StaticFileHandler, "set_headers", _pack)


def allowed_hosts(application: BokehTornado) -> list[str]:
    """Return the hosts whose pages may open a websocket to this server, as sorted ``HOST:PORT``."""
    return sorted(settings.allowed_ws_origin() or application.websocket_origins)


def _with_headers(original: Callable[..., None], self: RequestHandler) -> None:
    """Add headers, among them the policy that this host and ``allowed_hosts`` may embed a page."""
    original(self)
    if isinstance(self.application, BokehTornado):
        hosts = filter(_HOST.fullmatch, allowed_hosts(self.application))
        policy = " ".join(["frame-ancestors 'self'", *(host.removesuffix(":80") for host in hosts)])
        self.set_header("Content-Security-Policy", policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


def _same_site(
    original: Callable[..., None], self: RequestHandler, *args: Any, **kwargs: Any
) -> None:
    """Set or delete a cookie that is not sent from other sites, and over https only if the page is.

    By default it has the path of the login's cookies: Panel would delete these at ``/``."""
    kwargs.setdefault("path", config.cookie_path)
    kwargs.setdefault("samesite", "Lax")
    kwargs.setdefault("secure", self.request.protocol == "https")
    original(self, *args, **kwargs)


#: Packages whose component files a page may request.
SERVED = ("panel", "inficond_panel")


def _only_loaded(original: Callable[..., str], self: Any, path: str) -> str:
    """Return the path of a component's file; answer 404 for a module that is not loaded, and for a
    missing file."""
    module = path.partition("/")[0]
    if module.partition(".")[0] not in SERVED or module not in sys.modules:
        raise HTTPError(404)
    try:
        return original(self, path)
    except (AttributeError, TypeError, ValueError, LookupError, OSError) as error:
        raise HTTPError(404) from error


def _with_query(original: Callable[..., None], self: Any, url: str, **kwargs: Any) -> None:
    """Redirect from ``/`` to the page, and keep the query, which selects the content shown."""
    query = self.request.query if "?" not in url else ""
    original(self, f"{url}?{query}" if query else url, **kwargs)


def _printable_path(
    original: Callable[..., Any], self: Any, request: Any, target: Any, *args: Any, **kwargs: Any
) -> Any:
    """Return the handler of a request; answer 404 for a path with control characters."""
    if not unquote(request.path, errors="replace").isprintable():
        return original(self, request, ErrorHandler, {"status_code": 404})
    return original(self, request, target, *args, **kwargs)


def _with_slash(
    original: Callable[..., Any], self: Any, request: Any, target: Any, *args: Any, **kwargs: Any
) -> Any:
    """Return the handler of a request; a request of the prefix without its slash is redirected to
    the address with the slash, to which redirects and links of the pages are relative."""
    if self.prefix and request.path == self.prefix:
        return original(self, request, SlashHandler)
    return original(self, request, target, *args, **kwargs)


class SlashHandler(RequestHandler):
    """Handler that redirects to the same address with a slash, and keeps the query.

    The redirect is relative, since a proxy may have removed the beginning of the path.
    """

    def get(self) -> None:
        """Answer with the redirect."""
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(f"./{self.request.path.rpartition('/')[2]}/{query}")


#: Bundles of BokehJS that no plot needs, since all plots are drawn on the canvas.
UNUSED = frozenset({"bokeh-gl"})
COMPRESSED = frozenset(
    {".js", ".css"}
)  #: files to compress; pictures and fonts are compressed already


def _fewer(original: Callable[..., Resources], self: BokehTornado, *args: Any) -> Resources:
    resources = original(self, *args)
    resources.components = [name for name in resources.components if name not in UNUSED]
    return resources


def _pack(original: Callable[..., None], self: StaticFileHandler) -> None:
    """Send a script or style as gzip if the browser accepts gzip; compress a file only once."""
    original(self)
    file, headers = Path(str(self.absolute_path)), self.request.headers
    if file.suffix not in COMPRESSED:
        return
    self.add_header("Vary", "Accept-Encoding")
    if "gzip" in headers.get("Accept-Encoding", "") and "Range" not in headers:
        content = _packed(file, file.stat().st_mtime_ns)
        self.set_header("Content-Encoding", "gzip")
        vars(self).update(get_content=lambda *_: content, get_content_size=lambda: len(content))


@lru_cache(64)
def _packed(file: Path, _changed: int) -> bytes:
    return gzip.compress(file.read_bytes(), 6, mtime=0)
