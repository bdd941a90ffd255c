"""Work that a person has not finished is there again after the page was loaded anew."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from test_main_job import iterations, rows, select_class
from waiting import comes_to

pytestmark = pytest.mark.ui


@pytest.fixture
def page(small_url, open_page) -> Page:
    return begin(open_page(small_url))


def begin(page: Page) -> Page:
    expect(rows(page).first).to_be_visible()
    return page


def test_thumbs_that_wait_are_there_after_a_reload(serve, tmp_path, open_page) -> None:
    page = begin(open_page(serve(small_spec(tmp_path)).url))
    select_class(page, "bicycle")
    page.locator(".knowledge .thumb.down").first.click()
    page.locator(".knowledge .rows > .row").nth(1).locator(".thumb.remove").click()
    blocks = page.locator(".knowledge .block:is(.up, .down, .remove)")
    expect(blocks).to_have_count(2)
    words = blocks.all_inner_texts()
    in_storage = "JSON.stringify(sessionStorage).split('direction').length - 1"
    comes_to(lambda: page.evaluate(in_storage), 2)
    page.reload()
    comes_to(blocks.all_inner_texts, words)
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(2)
    expect(blocks).to_have_count(0)
    comes_to(lambda: page.evaluate(in_storage), 0)
    page.reload()
    expect(iterations(page)).to_have_count(2)
    expect(blocks).to_have_count(0)


def test_another_tab_has_a_batch_of_its_own(page, open_page) -> None:
    select_class(page, "bicycle")
    page.locator(".knowledge .thumb.down").first.click()
    blocks = ".knowledge .block:is(.up, .down, .remove)"
    expect(page.locator(blocks)).to_have_count(1)
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".knowledge .subtitle").first).to_have_text("bicycle")
    expect(other.locator(blocks)).to_have_count(0)
