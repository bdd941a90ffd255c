"""Browser contexts that outlive a test, with a process that has compiled the scripts of all pages.

That is half of what opening a page costs. Nothing else of a test is left in them.
"""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext, Page
from waiting import PATIENCE


class WarmContexts:
    """A context for each page that a test opens, as of another person; kept for the next test.

    Pages of a context share a process by Chromium's ``--process-per-site``; an empty one keeps it.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._taken = 0

    def new_page(self) -> Page:
        """A page in a context which no other page of this test is in."""
        if self._taken == len(self._contexts):
            self._contexts.append(self._warm())
        self._taken += 1
        return self._contexts[self._taken - 1].new_page()

    def forget(self, origins: set[str]) -> None:
        """End a test: close its pages, and forget cookies, and what was kept for the origins."""
        for context in self._contexts[: self._taken]:
            empty, *pages = context.pages
            for page in pages:
                page.close()
            context.clear_cookies()
            devtools = context.new_cdp_session(empty)
            for origin in origins:
                wish = {"origin": origin, "storageTypes": "all"}
                devtools.send("Storage.clearDataForOrigin", wish)
            devtools.detach()
        self._taken = 0

    def close(self) -> None:
        """End all of them."""
        for context in self._contexts:
            context.close()

    def _warm(self) -> BrowserContext:
        context = self._browser.new_context(viewport={"width": 1920, "height": 1080})
        context.set_default_timeout(PATIENCE * 1000)
        empty = context.new_page()
        empty.route("**", lambda route: route.fulfill(body=""))
        empty.goto("http://localhost/")
        return context
