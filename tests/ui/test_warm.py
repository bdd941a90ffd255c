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


def test_nothing_of_a_page_is_left_to_the_next(browser, small_url) -> None:
    contexts = WarmContexts(browser)
    first, second = contexts.take(), contexts.take()
    page, tab, other = first.new_page(), first.new_page(), second.new_page()
    page.goto(small_url)
    page.evaluate(KEEP)
    tab.goto(small_url)
    assert tab.evaluate(KEPT) == ["here", None, True, None]  # so it is seen where it is left
    other.goto(small_url)
    assert other.evaluate(KEPT) == [None, None, False, None]
    contexts.give_back(first, {small_url.removesuffix("/app")})
    assert page.is_closed()
    assert tab.is_closed()
    assert contexts.take() == first
    again = first.new_page()
    again.goto(small_url)
    assert again.evaluate(KEPT) == [None, None, False, None]
    expect(again.locator(".performance [role=option]").first).to_be_visible()
    for context in (first, second):
        context.close()
