"""Headers of all answers: who may frame them, what their type and referrer are, whose cookies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from tornado.web import RequestHandler

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
