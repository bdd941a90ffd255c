"""Two people at one server: what each chooses is theirs, the history of the spec is for both."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from test_main_job import iterations, rows, select_class

pytestmark = pytest.mark.ui


def fine_tune(page: Page) -> None:
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("button", name="Fine-tune").click()


def test_choices_are_of_a_session_and_iterations_are_shared(serve, open_page, tmp_path) -> None:
    server = serve(small_spec(tmp_path))
    ada, bob = open_page(server.url), open_page(server.url)
    for page in (ada, bob):
        expect(rows(page).first).to_be_visible()
    select_class(ada, "bicycle")
    select_class(bob, "sheep")
    ada.locator(".knowledge .rows > .row .open").first.click()
    ada.locator(".knowledge .thumb.up").nth(1).click()
    expect(ada.locator(".knowledge .thumb[aria-pressed=true]")).to_have_count(1)

    expect(ada.locator(".performance [aria-selected=true]")).to_contain_text("bicycle")
    expect(bob.locator(".performance [aria-selected=true]")).to_contain_text("sheep")
    expect(bob.locator(".knowledge .thumb[aria-pressed=true]")).to_have_count(0)
    expect(bob.locator(".detail .tile")).to_have_count(0)

    ada.get_by_role("button", name="Fine-tune").click()
    expect(iterations(ada)).to_have_count(2)
    bob.evaluate("window.dispatchEvent(new Event('focus'))")  # looks at once, not in a while
    expect(iterations(bob)).to_have_count(2)
    expect(bob.locator(".provenance [aria-selected=true]")).to_contain_text("#0")

    fine_tune(bob)  # from #0, which bob still sees: a branch beside ada's
    expect(iterations(bob)).to_have_count(3)
    expect(bob.locator(".provenance [aria-selected=true]")).to_contain_text("2")
    expect(ada.locator(".provenance [aria-selected=true]")).to_contain_text("1")

    new = open_page(server.url)  # begins where somebody was last
    expect(iterations(new)).to_have_count(3)
    expect(new.locator(".provenance [aria-selected=true]")).to_contain_text("2")
