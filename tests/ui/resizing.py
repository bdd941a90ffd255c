"""One page at several sizes, which takes less than several pages."""

from __future__ import annotations

from playwright.sync_api import Page

#: Two frames later. A browser without a window may draw none after a new size, for whatever reason,
#: and would be waited for without end.
DRAWN = """() => Promise.race([
  new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(tell))),
  new Promise((tell) => setTimeout(tell, 5000)),
])"""


def resize(page: Page, width: int, height: int) -> None:
    """Give the page another size in CSS pixels; it has drawn itself once since."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(DRAWN)
