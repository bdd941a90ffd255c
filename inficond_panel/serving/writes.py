"""Writes of the server to a page: all of them, at once.

Where a page's connection is busy, Panel keeps changes and a task of its own writes them. One that
is kept while another task still writes was left lying: that task took the mark away which the next
one looks for. The page then showed the change with the change after it, and waited until then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bokeh.document import Document
from panel.io import document

from inficond_panel.serving.replace import stand_before


def install() -> None:
    """Write also what was kept in the meantime."""
    stand_before(document, "_dispatch_msgs", _all_dispatched)


async def _all_dispatched(original: Callable[[Document], Awaitable[None]], page: Document) -> None:
    await original(page)
    while page in document._WRITE_MSGS and page not in document._WRITE_BLOCK:
        document._WRITE_BLOCK[page] = True
        await original(page)
