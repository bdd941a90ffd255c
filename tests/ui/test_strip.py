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


def test_on_a_telephone_all_metrics_fit_and_the_views_below_are_scrolled_to(
    open_page, small_url
) -> None:
    page = open_page(small_url, 390, 844)
    page.get_by_role("switch", name="Details").check()
    expect(page.locator("[data-view=configuration] .metric").last).to_be_visible()
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth"), 390)
    metrics = page.locator("[data-view=configuration] .metric")
    comes_to(lambda: len({round(x) for x, _ in metrics.evaluate_all(PLACES)}), 2)
    assert all(width > 150 for _, width in metrics.evaluate_all(PLACES))
    tabs = page.locator(".tabs")
    comes_to(lambda: 590 <= tabs.bounding_box()["height"] < 700, True)
    page.mouse.move(195, 300)
    page.mouse.wheel(0, 2000)
    comes_to(lambda: page.evaluate("scrollY") > 0, True)
    comes_to(lambda: tabs.bounding_box()["y"] + tabs.bounding_box()["height"] <= 844, True)
    page.get_by_role("tab", name="Performance").click()
    page.locator(".performance [role=option]").first.click()
    page.get_by_role("tab", name="Knowledge").click()
    expect(page.locator(".knowledge .rows > .row").last).to_be_attached()
    comes_to(lambda: tabs.bounding_box()["height"] < 700, True)  # its list scrolls, not the page


def in_forced_colours_the_main_button_can_be_read(page: Page) -> None:
    """The browser puts a box of the page's colour behind text; there the text has that colour."""
    page.emulate_media(forced_colors="active")
    page.locator(".knowledge .thumb.down").first.click()
    main = page.get_by_role("button", name="Fine-tune")
    expect(main).to_be_enabled()
    expect(main).to_have_css("forced-color-adjust", "none")
    colours = (
        "(e) => new Set([getComputedStyle(e).color, getComputedStyle(e).backgroundColor]).size"
    )
    comes_to(lambda: main.evaluate(colours), 2)


def test_the_strip_takes_as_many_lines_as_it_has(open_page, small_url) -> None:
    page = open_page(small_url, 1024, 768)
    begin(page)
    page.get_by_role("switch", name="Details").check()
    metrics = page.locator("[data-view=configuration] .metric:visible")
    expect(metrics).to_have_count(6)
    comes_to(lambda: len({round(each.bounding_box()["y"]) for each in metrics.all()}), 1)
    page.get_by_role("switch", name="Details").uncheck()
    expect(metrics).to_have_count(1)
    for width in (1920, 1024):
        page.set_viewport_size({"width": width, "height": 768})
        comes_to(lambda: strip_height(page), 44)
    in_forced_colours_the_main_button_can_be_read(page)
