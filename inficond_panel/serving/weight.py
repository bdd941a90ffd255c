"""Reduce the download size of a page: compress scripts and styles, leave out unused bundles.

Bokeh's server sends files uncompressed, and pages load all of its bundles. Tornado's
``compress_response`` would compress each file again for each visitor, on the event loop, and also
the pages, which have a secret token next to text from their link.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from bokeh.resources import Resources
from bokeh.server.tornado import BokehTornado
from tornado.web import StaticFileHandler

from inficond_panel.serving.answers import stand_before

#: Bundles of BokehJS that no plot needs, since all plots are drawn on the canvas.
UNUSED = frozenset({"bokeh-gl"})
PACKED = frozenset({".js", ".css"})  #: files to compress; pictures and fonts are compressed already


def guard_weight() -> None:
    """Make the server compress scripts and styles, and leave out the bundles in ``UNUSED``."""
    stand_before(BokehTornado, "resources", _fewer)
    stand_before(StaticFileHandler, "set_headers", _pack)


def _fewer(original: Callable[..., Resources], self: BokehTornado, *args: Any) -> Resources:
    resources = original(self, *args)
    resources.components = [name for name in resources.components if name not in UNUSED]
    return resources


def _pack(original: Callable[..., None], self: StaticFileHandler) -> None:
    """Send a script or style as gzip if the browser accepts gzip; compress a file only once."""
    original(self)
    file, headers = Path(str(self.absolute_path)), self.request.headers
    if file.suffix not in PACKED:
        return
    self.add_header("Vary", "Accept-Encoding")
    if "gzip" in headers.get("Accept-Encoding", "") and "Range" not in headers:
        content = _packed(file, file.stat().st_mtime_ns)
        self.set_header("Content-Encoding", "gzip")
        vars(self).update(get_content=lambda *_: content, get_content_size=lambda: len(content))


@lru_cache(64)
def _packed(file: Path, _changed: int) -> bytes:
    return gzip.compress(file.read_bytes(), 6, mtime=0)
