"""On a screen of very many pixels the page is drawn larger, and all that points still meets."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from resizing import resize
from waiting import comes_to, wait_until

pytestmark = pytest.mark.ui

ZOOM = 1.8  #: at 3840×2160


@pytest.fixture
def page(share_page, small_url) -> Page:
    return share_page(small_url, begin, width=3840, height=2160)


def begin(page: Page) -> None:
    page.locator(".performance [role=option]").first.click()
    expect(page.locator(".knowledge .rows > .row[role=listitem]").first).to_be_visible()
    expect(page.locator(".map canvas").first).to_be_visible()


def zoom(page: Page) -> float:
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    return page.locator(".shell").evaluate("(shell) => shell.currentCSSZoom")


def fits(page: Page, size: tuple[int, int], drawn: float) -> None:
    """The page is drawn ``drawn`` times as large, and fills the window."""
    comes_to(lambda: zoom(page), pytest.approx(drawn))
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth <= innerWidth"), True)
    height = pytest.approx(size[1], abs=1)
    comes_to(lambda: page.locator(".shell").bounding_box()["height"], height)


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ((2080, 1170), 1.5),  # of a screen of 3120 pixels
        ((3840, 2000), 0.5),  # made smaller by the person, on a screen of 1920 pixels
    ],
)
def test_the_page_is_no_larger_where_pixels_have_another_size(
    small_url, open_page, size, pixels
) -> None:
    fits(open_page(small_url, *size, device_scale_factor=pixels), size, 1)


def test_the_page_is_drawn_larger_on_a_large_screen_alone(page) -> None:
    for size, drawn in (
        ((3200, 1800), 1.5),
        ((1280, 800), 1),
        ((3840, 2160), ZOOM),
        ((2560, 1440), 1.2),
        ((3840, 2160), ZOOM),
        ((3440, 1170), 1),  # wide, but no higher than a desk's
    ):
        resize(page, *size)
        fits(page, size, drawn)


def is_below(card: Locator, anchor: Locator, aside: float) -> bool:
    box, place = card.bounding_box(), anchor.bounding_box()
    return abs(box["x"] - place["x"]) < aside and 0 < box["y"] - place["y"] < 100


def test_cards_and_dialogs_are_beside_what_they_are_about(page) -> None:
    part = page.locator(".performance .bar").nth(3)
    part.hover()
    card = page.locator(".card:popover-open")
    expect(card).to_be_visible()
    wait_until(lambda: is_below(card, part, 200), "the card is below the bar")
    button = page.get_by_role("radio", name="Holdout")
    button.click()
    question = page.get_by_label("Look at holdout?")
    expect(question).to_be_visible()
    wait_until(lambda: is_below(question, button, 100), "the question is below its button")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()


def test_the_map_meets_the_pointer_and_has_letters_as_large_as_the_page(page) -> None:
    plot, canvas = page.locator(".map .plot"), page.locator(".map canvas").first
    width = pytest.approx(plot.bounding_box()["width"], abs=2)
    comes_to(lambda: canvas.bounding_box()["width"], width)
    box, subtitle = plot.bounding_box(), page.locator(".detail .subtitle")
    for y in range(20, int(box["height"]), 18):
        for x in range(20, int(box["width"]), 18):
            page.mouse.click(box["x"] + x, box["y"] + y)
        if subtitle.inner_text():
            break
    expect(subtitle).not_to_have_text("")


def test_the_gallery_goes_on_as_it_is_scrolled(page) -> None:
    concept = page.locator(".knowledge .rows > .row .open").first
    concept.click()
    expect(page.locator(".detail .subtitle")).to_have_text(concept.inner_text())
    tiles = page.locator(".detail .tile")
    expect(tiles.first).to_be_visible()
    grid, last = page.locator(".detail .scroll:has(.tile)").first, tiles.last
    grid.evaluate("(grid) => { grid.scrollTop = grid.scrollHeight }")
    expect(last).to_be_in_viewport()
    chip = page.locator(".detail .filter-chip[aria-pressed=true]")
    expect(chip).to_have_text(re.compile(r"\d"))
