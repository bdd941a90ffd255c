"""One page in Chromium, measured by what it paints and by what comes over its websocket."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PROBE = (Path(__file__).parent / "probe.js").read_text()
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
QUIET = 1500  #: milliseconds without a change after which the page is at rest
SIZE = {"width": 1920, "height": 1080}
PATIENCE = 180_000  #: milliseconds, as on a busy machine
#: Id of the iteration shown, as the history view tells it.
SHOWN = "probe.all('.provenance [role=option][aria-selected=true]')[0]?.dataset.key"

#: Whether the bar shows the change in AP by the batch.
PREVIEWED = (
    "probe.all('.changes .one').some((row) =>"
    " row.firstChild.textContent === 'Preview' && !row.hidden)"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window: $CHROMIUM, or the one that is installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def first_paint(browser: Browser, url: str) -> float:
    """Milliseconds from the address to the views' first rows and the map, painted."""
    page = _new_page(browser)
    page.goto(url, wait_until="commit")
    page.wait_for_function("window.probe?.opened()", timeout=PATIENCE, polling=20)
    milliseconds = page.evaluate("probe.opened()")
    page.context.close()
    return milliseconds


class Measured:
    """An open page whose actions are timed."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.bytes = 0
        self.page = _new_page(browser)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))
        self.page.goto(url)
        self.page.wait_for_function("probe.opened()", timeout=PATIENCE)
        time.sleep(2 * QUIET / 1000)

    def _count(self, frame: str | bytes) -> None:
        self.bytes += len(frame)

    def classes(self) -> list[str]:
        """Names of the classes listed."""
        return self.page.evaluate(
            "probe.all('.performance [role=option]').map((row) => row.dataset.key)"
        )

    def choose(self, name: str) -> dict[str, Any]:
        """Click on a class."""
        return self._measure(
            "probe.all('.performance [role=option]').find((row) => row.dataset.key === given)",
            "probe.all('.knowledge .subtitle').some((element) => element.textContent === given)",
            name,
        )

    def tune(self) -> dict[str, Any]:
        """Downtune the strongest concept, wait for the preview, then click on Fine-tune."""
        page = self.page
        rows = page.locator(".knowledge .rows > .row")
        rows.first.locator(".thumb.down[aria-pressed=false]").click()
        page.wait_for_function(
            "probe.all('button.primary').some((button) => !button.disabled &&"
            " button.textContent.startsWith('Fine-tune'))",
            timeout=PATIENCE,
        )
        time.sleep(2 * QUIET / 1000)
        return self._measure(
            "probe.all('button.primary').find((button) =>"
            " button.textContent.startsWith('Fine-tune'))",
            f"![given, undefined].includes({SHOWN})",
            page.evaluate(SHOWN),
        )

    def preview(self, row: int) -> float:
        """Milliseconds from a click on the thumb down of a concept, by its row, to the preview;
        the thumb is taken back."""
        thumb = "probe.all('.knowledge .rows > .row .thumb.down')[given]"
        found = self.page.evaluate(
            f"(given) => probe.measure(() => {thumb}.click(), () => {PREVIEWED}, {QUIET})", row
        )
        self.page.evaluate(f"(given) => {thumb}.click()", row)
        self.page.wait_for_function(f"!({PREVIEWED})", timeout=PATIENCE)
        return float(found["shown"])

    def undo(self) -> dict[str, Any]:
        """Undo the last iteration."""
        return self._measure(
            "probe.all('.provenance [aria-label^=Undo]')[0]",
            f"{SHOWN} !== given",
            self.page.evaluate(SHOWN),
        )

    def _measure(self, target: str, shown: str, given: Any) -> dict[str, Any]:
        self.bytes = 0
        found = self.page.evaluate(
            f"(given) => {{ const target = {target};"
            f" return probe.measure(() => target.click(), () => {shown}, {QUIET}) }}",
            given,
        )
        views = found["views"].values()
        return {
            "shown": max(found["shown"], *(view["first"] for view in views)),
            "settled": max(found["shown"], found["settled"]),
            "bytes": self.bytes,
        }


def _new_page(browser: Browser) -> Page:
    page = browser.new_context(viewport=SIZE).new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(PROBE)
    return page
