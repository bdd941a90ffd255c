"""Browser contexts that outlive a test, with a process that has compiled the scripts of all pages.

That is half of what opening a page costs. Nothing else of a test is left in them.
"""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext
from waiting import PATIENCE


class WarmContexts:
    """A context for each page that a test opens, as of another person; kept for the next test.

    Pages of a context share a process by Chromium's ``--process-per-site``; an empty one keeps it.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: list[BrowserContext] = []

    def take(self) -> BrowserContext:
        """A context that nobody else has."""
        return self._free.pop() if self._free else self._warm()

    def give_back(self, context: BrowserContext, origins: set[str]) -> None:
        """Close its pages, and forget cookies, and what was kept for the origins.

        Fails for a context with a clock of a test: pages of later tests would stand still.
        """
        empty, *pages = context.pages
        clock = empty.evaluate("'__pwClock' in globalThis")
        assert not clock, "page.clock is of the whole context: open the page with own_context=True"
        for page in pages:
            page.close()
        context.clear_cookies()
        devtools = context.new_cdp_session(empty)
        for origin in origins:
            devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        devtools.detach()
        self._free.append(context)

    def _warm(self) -> BrowserContext:
        context = self._browser.new_context(viewport={"width": 1920, "height": 1080})
        context.set_default_timeout(PATIENCE * 1000)
        empty = context.new_page()
        empty.route("**", lambda route: route.fulfill(body=""))
        empty.goto("http://localhost/")
        return context
