"""Contexts that outlive a test keep nothing of it for the next one."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from warm import WarmContexts

pytestmark = pytest.mark.ui

KEEP = """() => {
  localStorage.setItem("kept", "here")
  sessionStorage.setItem("kept", "here")
  document.cookie = "kept=here"
  window.kept = "here"
}"""
KEPT = """() => [
  localStorage.getItem("kept"), sessionStorage.getItem("kept"), document.cookie.includes("kept"),
  window.kept ?? null,
]"""


@pytest.fixture
def contexts(browser):
    made = WarmContexts(browser)
    yield made
    made.close()


def test_nothing_of_a_page_is_left_to_the_next(contexts, small_url) -> None:
    page = contexts.new_page()
    page.goto(small_url)
    page.evaluate(KEEP)
    tab = page.context.new_page()
    tab.goto(small_url)
    assert tab.evaluate(KEPT) == ["here", None, True, None]  # so it is seen where it is left
    other = contexts.new_page()
    other.goto(small_url)
    assert other.evaluate(KEPT) == [None, None, False, None]
    first = page.context
    contexts.forget({small_url.removesuffix("/app")})
    assert page.is_closed()
    assert tab.is_closed()
    again = contexts.new_page()
    assert again.context == first
    again.goto(small_url)
    assert again.evaluate(KEPT) == [None, None, False, None]
    expect(again.locator(".performance [role=option]").first).to_be_visible()
