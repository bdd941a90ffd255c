"""The strip above the views: as high with changes as without, whole on a telephone, in forced
colours."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from waiting import comes_to

pytestmark = pytest.mark.ui


#: Left end and width of each element.
PLACES = "all => all.map((each) => each.getBoundingClientRect()).map(({ x, width }) => [x, width])"


def begin(page: Page) -> None:
    page.locator(".performance [role=option]").first.click()
    expect(page.locator(".knowledge .rows > .row[role=listitem]").first).to_be_visible()


def strip_height(page: Page) -> float:
    return page.locator("[data-view=configuration]").bounding_box()["height"]


def test_the_page_does_not_jump_at_the_first_iteration(open_page, serve, tmp_path) -> None:
    page = open_page(serve(small_spec(tmp_path)).url, 1920, 1080)
    begin(page)
    before = strip_height(page)
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".metric .value > span").first).not_to_be_empty()
    comes_to(lambda: strip_height(page), before)


def test_all_metrics_fit_on_a_telephone(open_page, small_url) -> None:
    page = open_page(small_url, 390, 844)
    page.get_by_role("radio", name="Full").click()
    expect(page.locator("[data-view=configuration] .metric").last).to_be_visible()
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth"), 390)
    metrics = page.locator("[data-view=configuration] .metric")
    comes_to(lambda: len({round(x) for x, _ in metrics.evaluate_all(PLACES)}), 2)
    assert all(width > 150 for _, width in metrics.evaluate_all(PLACES))


def test_the_main_button_can_be_read_in_forced_colours(open_page, small_url) -> None:
    """The browser puts a box of the page's colour behind text; there the text has that colour."""
    page = open_page(small_url, 1280, 800)
    begin(page)
    page.emulate_media(forced_colors="active")
    page.locator(".knowledge .thumb.down").first.click()
    main = page.get_by_role("button", name="Fine-tune")
    expect(main).to_be_enabled()
    expect(main).to_have_css("forced-color-adjust", "none")
    colours = (
        "(e) => new Set([getComputedStyle(e).color, getComputedStyle(e).backgroundColor]).size"
    )
    comes_to(lambda: main.evaluate(colours), 2)
