"""Views have their places at every size of the page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from resizing import resize
from waiting import comes_to, wait_until

pytestmark = pytest.mark.ui


@pytest.fixture
def page(share_page, small_url) -> Page:
    """A page whose views are there."""
    return share_page(small_url, begin)


def begin(page: Page) -> None:
    expect(page.locator(".performance [role=option]").first).to_be_visible()


def misplaced(page: Page, width: int, height: int) -> list[str]:
    """Faults in the places of the views on a page of this size."""
    shown = page.locator(".place:visible").evaluate_all(
        "all => all.map((one) => { const b = one.getBoundingClientRect();"
        " return [one.dataset.view, b.left, b.top, b.right, b.bottom] })"
    )
    wrong = [] if len(shown) >= 5 else [f"{len(shown)} views"]
    for at, (name, left, top, right, bottom) in enumerate(shown):
        if left < 0 or right > width or bottom > height:
            wrong.append(f"{name} leaves the page")
        for other, *box in shown[at + 1 :]:
            apart = right <= box[0] or box[2] <= left
            if not (apart or bottom <= box[1] or box[3] <= top):
                wrong.append(f"{name} overlaps {other}")
    return wrong


def test_no_view_overlaps_another_or_leaves_the_page(page) -> None:
    for width, height in ((3840, 2160), (1920, 1080), (1280, 800), (1024, 780), (1920, 1080)):
        resize(page, width, height)
        expect(page.locator("main > .column").first).to_be_visible()
        comes_to(lambda w=width, h=height: [w, *misplaced(page, w, h)], [width])


#: Texts that are drawn in letters of less than 12 pixels; those of tooltips and options are not.
SMALL = """() => {
  const found = [], drawn = (element) => element.getScreenCTM?.().a ?? 1
  const look = (root) => { for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) look(element.shadowRoot)
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    if (own && element.checkVisibility() && element.getBoundingClientRect().width > 1
      && parseFloat(getComputedStyle(element).fontSize) * drawn(element) < 11.9)
      found.push(element.textContent)
  } }
  look(document.body)
  return found
}"""
WIDE = "Math.max(document.documentElement.scrollWidth, innerWidth)"
FITS = "(panel) => panel.scrollWidth <= panel.clientWidth"
CUT = "(parts) => parts.filter((part) => part.scrollWidth > part.clientWidth + 1).length"
IMAGES = """(gallery) => {
  const box = gallery.getBoundingClientRect()
  const whole = (tile) => tile.getBoundingClientRect().bottom <= box.bottom + 1
  return new Set([...gallery.querySelectorAll(".tile")].filter(whole).map((tile) =>
    Math.round(tile.getBoundingClientRect().top))).size
}"""


def test_a_dialog_stays_over_the_page_where_its_view_becomes_a_tab(page) -> None:
    page.locator(".performance [role=option]").first.click()
    expect(page.locator(".knowledge .rows > .row").first).to_be_visible()
    page.keyboard.press("t")
    field = page.get_by_label("Name; synonyms")
    expect(field).to_be_focused()
    dialog = page.get_by_role("dialog", name="Add a concept")
    for width, height in ((640, 400), (1920, 1080)):
        resize(page, width, height)
        expect(page.locator(".shell[data-form=single]")).to_have_count(int(width == 640))
        comes_to(lambda: dialog.evaluate("(dialog) => dialog.matches(':modal')"), True)
        expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_at_no_width_is_there_scrolling_sideways_and_simple_has_no_small_letters(page) -> None:
    page.locator(".performance [role=option]").first.click()
    page.locator(".knowledge .rows > .row .open").first.click()
    expect(page.locator(".detail .tile").first).to_be_visible()
    for width, height in (
        (2560, 1440),
        (1920, 1080),
        (1366, 768),
        (1280, 720),
        (1024, 768),
        (960, 540),
        (768, 1024),
    ):
        resize(page, width, height)
        comes_to(lambda: page.evaluate(WIDE), width)
        if 1280 <= width <= 1366:
            gallery = page.locator(".detail .gallery")
            comes_to(lambda g=gallery: g.evaluate(IMAGES) >= 2, True)
    for name in ("Performance", "Knowledge", "Embedding", "Provenance", "Detail"):
        page.get_by_role("tab", name=name).click()
        panel = page.locator(".place:visible .panel").last
        wait_until(lambda p=panel: p.evaluate(FITS), f"{name} fits its width")
    page.get_by_role("tab", name="Knowledge").click()
    parts = page.locator(".knowledge :is(.concept, .changes)")
    for width, height in ((640, 400), (320, 512), (768, 1024)):  # 1280 enlarged twice, four times
        resize(page, width, height)
        comes_to(lambda: page.evaluate(WIDE), width)
        comes_to(lambda: parts.evaluate_all(CUT), 0)
    page.get_by_role("switch", name="Details").uncheck()
    for name in ("Performance", "Knowledge", "Embedding", "Provenance", "Detail"):
        page.get_by_role("tab", name=name).click()
        comes_to(lambda: page.evaluate(SMALL), [])
    page.reload()
    expect(page.get_by_role("switch", name="Details")).not_to_be_checked()
    expect(page).to_have_url(re.compile("show=simple"))
