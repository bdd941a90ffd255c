"""Concept map and concept detail as a person uses them: tap, lasso, zoom, filter, look closely."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.ui

SLOW = 60_000


@pytest.fixture
def page(small_url, open_page) -> Page:
    page = open_page(small_url)
    page.locator(".performance [role=option]").first.click(timeout=SLOW)
    expect(page.locator(".knowledge .rows > .row[role=listitem]").first).to_be_visible(timeout=SLOW)
    return page


def open_concept(page: Page, rank: int) -> str:
    row = page.locator(".knowledge .rows > .row[role=listitem]").nth(rank)
    name = row.get_attribute("data-key")
    page.locator(".knowledge").get_by_role("button", name=name, exact=True).first.click()
    expect(page.locator(".detail .subtitle")).to_have_text(name, timeout=SLOW)
    return name


def plot(page: Page) -> dict[str, float]:
    return page.locator(".map .plot").bounding_box()


def test_the_lasso_selects_a_group_that_can_be_dropped_again(page) -> None:
    page.get_by_label("Lasso: select").click()
    expect(page.get_by_label("Lasso: select")).to_have_attribute("aria-pressed", "true")
    box = plot(page)
    left, top = box["x"] + 4, box["y"] + 4
    right, bottom = left + box["width"] - 8, top + box["height"] - 8
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 2)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()
    group = page.locator(".map footer .link")
    expect(group).to_have_text("30 selected ×", timeout=SLOW)
    group.click()
    expect(group).to_be_hidden(timeout=SLOW)


def test_a_tap_on_a_mark_opens_its_concept(page) -> None:
    box = plot(page)
    subtitle = page.locator(".detail .subtitle")
    tries = [
        (x, y) for y in range(12, int(box["height"]), 12) for x in range(12, int(box["width"]), 12)
    ]
    for x, y in tries:
        page.mouse.click(box["x"] + x, box["y"] + y)
        if subtitle.inner_text():
            break
    expect(subtitle).not_to_have_text("", timeout=SLOW)
    expect(page.locator(".detail .chart .caption b").first).to_have_text(re.compile(r"\d|–"))


def test_projections_are_chosen_by_keyboard(page) -> None:
    page.get_by_role("radio", name="t-SNE").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="PCA")).to_have_attribute("aria-checked", "true")
    expect(page.get_by_role("radio", name="PCA")).to_be_focused()


def test_filters_narrow_the_gallery_and_an_empty_one_can_be_cleared(page) -> None:
    open_concept(page, 0)
    tiles, chip = page.locator(".detail .tile"), page.locator(".detail .filter-chip")
    expect(tiles.first).to_be_visible(timeout=SLOW)
    everything = tiles.count()
    page.locator(".filter-chip[data-id=positive]").click()
    page.locator(".filter-chip[data-id=wrong]").click()
    told = page.locator(".filter-chip[data-id=wrong] .num").inner_text()
    expect(tiles).to_have_count(int(told))
    if told == "0":
        expect(page.get_by_text("No image passes the filters")).to_be_visible()
        page.get_by_role("button", name="Clear filters").click()
    else:
        chip.first.click()
    expect(tiles).to_have_count(everything)


def test_an_image_opens_large_and_the_keyboard_goes_on(page) -> None:
    open_concept(page, 0)
    first = page.locator(".detail .tile button").first
    expect(page.locator(".detail .tile img").first).to_be_visible(timeout=SLOW)
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.large:has(.apart)")
    expect(dialog).to_be_visible()
    expect(dialog.locator("path.line")).to_be_attached(timeout=SLOW)
    expect(dialog).to_contain_text("Teacher logit")
    title = dialog.locator("#image-title")
    name = title.inner_text()
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(name)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".detail .tile button").nth(1)).to_be_focused()


def test_the_last_image_is_loaded_when_it_is_scrolled_to(page) -> None:
    open_concept(page, 0)
    expect(page.locator(".detail .tile img").first).to_be_visible(timeout=SLOW)
    page.locator(".detail .gallery").evaluate("gallery => { gallery.scrollTop = 1e6 }")
    expect(page.locator(".detail .tile").last.locator("img")).to_be_visible(timeout=SLOW)


def test_a_thumb_shows_on_the_map_and_in_the_charts(page) -> None:
    open_concept(page, 0)
    page.locator(".knowledge .thumb.down").first.click()
    expect(page.locator(".detail .influence")).to_contain_text("pending ≤", timeout=SLOW)


def test_pictures_of_the_next_concept_come_where_it_shares_images(page) -> None:
    open_concept(page, 0)
    tiles = page.locator(".detail .tile")
    expect(tiles.first.locator("img")).to_be_visible(timeout=SLOW)
    for rank in (1, 2, 0):
        open_concept(page, rank)
        for at in range(min(3, tiles.count())):
            expect(tiles.nth(at).locator("img")).to_be_visible(timeout=SLOW)


def test_numbers_of_an_axis_do_not_touch(page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    for rank in range(4):
        open_concept(page, rank)
        boxes = [
            box
            for number in page.locator(".detail .chart").first.locator(".axis > *").all()
            if (box := number.bounding_box())
        ]
        boxes.sort(key=lambda box: box["x"])
        ends = [box["x"] + box["width"] for box in boxes]
        assert all(end < box["x"] for end, box in zip(ends, boxes[1:], strict=False))
