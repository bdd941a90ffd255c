"""One page at several sizes, which takes less than several pages."""

from __future__ import annotations

from playwright.sync_api import Page

DRAWN = "() => new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(tell)))"


def resize(page: Page, width: int, height: int) -> None:
    """Give the page another size in CSS pixels; it has drawn itself once since."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(DRAWN)
