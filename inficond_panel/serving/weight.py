"""Weight of a page: scripts and styles are packed on their way, and what draws nothing is left out.

Bokeh's server sends files as they lie on the disk, and pages load all of its bundles. Tornado's
``compress_response`` would pack each file anew for each visitor, on the event loop, and pages too,
which hold a token beside what their link says.
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

#: Bundles of BokehJS that no plot here is drawn by: each has the canvas as its backend.
UNUSED = frozenset({"bokeh-gl"})
PACKED = frozenset({".js", ".css"})  #: files that are packed; pictures and fonts are so already


def guard_weight() -> None:
    """Pack what can be packed, and leave out the bundles of ``UNUSED``."""
    stand_before(BokehTornado, "resources", _fewer)
    stand_before(StaticFileHandler, "set_headers", _pack)


def _fewer(original: Callable[..., Resources], self: BokehTornado, *args: Any) -> Resources:
    found = original(self, *args)
    found.components = [name for name in found.components if name not in UNUSED]
    return found


def _pack(original: Callable[..., None], self: StaticFileHandler) -> None:
    """Answer with the packed file where the browser takes it; each is packed once a process."""
    original(self)
    file, asked = Path(str(self.absolute_path)), self.request.headers
    if file.suffix not in PACKED:
        return
    self.add_header("Vary", "Accept-Encoding")
    if "gzip" in asked.get("Accept-Encoding", "") and "Range" not in asked:
        content = _packed(file, file.stat().st_mtime_ns)
        self.set_header("Content-Encoding", "gzip")
        vars(self).update(get_content=lambda *_: content, get_content_size=lambda: len(content))


@lru_cache(64)
def _packed(file: Path, _changed: int) -> bytes:
    return gzip.compress(file.read_bytes(), 6, mtime=0)
