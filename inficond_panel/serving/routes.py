"""Addresses: a request imports nothing, and no path makes an error of the server.

Panel's ``/components/MODULE/...`` imports the module that the URL names, without a login. Here it
serves what is loaded already, of Panel and of this package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from bokeh.server.tornado import BokehTornado
from panel.io.server import ComponentResourceHandler
from tornado.web import ErrorHandler, HTTPError

from inficond_panel.serving.replace import stand_before

#: Packages whose components a page may ask for files of.
SERVED = ("panel", "inficond_panel")


def guard_routes() -> None:
    """Guard Panel's components, and all handlers from paths that name no file."""
    stand_before(ComponentResourceHandler, "parse_url_path", _only_loaded)
    stand_before(BokehTornado, "get_handler_delegate", _printable_path)


def _only_loaded(original: Callable[..., str], self: Any, path: str) -> str:
    """The file of a component; a module, class or resource that is not there is 404."""
    module = path.partition("/")[0]
    if module.partition(".")[0] not in SERVED or module not in sys.modules:
        raise HTTPError(404)
    try:
        return original(self, path)
    except (AttributeError, TypeError, ValueError, LookupError, OSError) as error:
        raise HTTPError(404) from error


def _printable_path(
    original: Callable[..., Any], self: Any, request: Any, target: Any, *args: Any, **kwargs: Any
) -> Any:
    """The handler of a request: 404 where the path has control characters, as files have none."""
    if not unquote(request.path, errors="replace").isprintable():
        return original(self, request, ErrorHandler, {"status_code": 404})
    return original(self, request, target, *args, **kwargs)
