"""Compression of Bokeh's and Panel's scripts in a notebook's outputs.

Panel and HoloViews publish 3 MB of scripts, each as two outputs of a cell, so that a saved notebook
with one page had 6.6 MB. Of the two, ``application/javascript``, which all notebooks run, is kept.
"""

from __future__ import annotations

import base64
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inficond_panel.ui.notebook_cell import in_kernel

_SCRIPT = "application/javascript"
_OF_PANEL = "application/vnd.holoviews_load.v0+json"
#: Smallest number of characters of a compressed script; shorter scripts set up Panel's comms.
_LONG = 50_000


@contextmanager
def packed_scripts() -> Iterator[None]:
    """Context that compresses the long scripts published by its block in a notebook's kernel."""
    if not in_kernel():
        yield
        return
    publisher: Any = sys.modules["IPython"].get_ipython().display_pub
    publisher.register_hook(_pack)
    try:
        yield
    finally:
        publisher.unregister_hook(_pack)


def _pack(message: dict[str, Any]) -> dict[str, Any]:
    """Return the kernel's message with an output, whose long script is compressed."""
    data = message["content"]["data"]
    if len(data.get(_SCRIPT, "")) >= _LONG:
        data.pop(_OF_PANEL, None)
        data[_SCRIPT] = packed(data[_SCRIPT])
    return message


def packed(script: str) -> str:
    """Return a JS script that decompresses ``script`` and runs it."""
    small = base64.b64encode(zlib.compress(script.encode(), 9)).decode()
    runs = Path(__file__).with_name("notebook_scripts.js").read_text(encoding="utf-8")
    return runs.replace("PACKED", small)
