"""The bars of the performance view lie in the rows of their classes, whatever is listed and how."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from factory import small_arrays, small_spec
from PIL import Image
from playwright.sync_api import Page, expect
from steps import classes, names
from waiting import comes_to

from inficond_panel.vocabulary.palette import BOTH_RIGHT, BOTH_WRONG

CLASSES = 120  #: more than the plot covers at once, and than are there at once
#: Words and boxes of the rows that are wholly in view.
ROWS = """(scroll) => {
  const view = scroll.getBoundingClientRect()
  const box = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect()
    return [x, y, width, height]
  }
  const inView = ([, top, , height]) => top >= view.top && top + height <= view.bottom
  return [...scroll.querySelectorAll("[role=option]")].filter((row) => inView(box(row)))
    .map((row) => [row.querySelector(".vh").textContent,
      [...row.querySelectorAll(".bar")].map(box)])
}"""
SIDES = ("positives", "negatives")
#: Words of one side, as for screen readers.
SIDE = r"{}: (\d+) both right, (\d+) teacher right, student wrong, (\d+) both wrong, (\d+) student"


def many_arrays() -> dict[str, np.ndarray]:
    """Many classes; one has a single positive."""
    arrays = small_arrays(classes=CLASSES)
    arrays["class_name"] = np.array([f"class {k}" for k in range(CLASSES)])
    tune = np.flatnonzero(arrays["split"] == "tune")
    arrays["label"][tune, 77] = 0
    arrays["label"][tune[0], 77] = 1
    return arrays


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    return serve_module(small_spec(tmp_path_factory.mktemp("many"), make=many_arrays)).url


@pytest.fixture
def page(url, share_page) -> Page:
    """A page whose classes are all listed, in light."""
    page = share_page(url)
    expect(classes(page).nth(2)).to_be_visible()
    page.mouse.move(1, 1)  # in a larger window something with a card would come below it
    return page


def hex_of(pixel: np.ndarray) -> str:
    return "#" + "".join(f"{part:02x}" for part in pixel[:3])


def misplaced(page: Page, dark: bool = False) -> list[str]:
    """Classes in view whose solid fills are not what their words say; all pixels count."""
    rows = page.locator(".performance .scroll").evaluate(ROWS)
    if not rows or any(len(boxes) != 2 for _, boxes in rows):
        return ["rows are still on their way"]
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot())))
    wrong = []
    for words, boxes in rows:
        for side, (x, y, width, height) in zip(SIDES, boxes, strict=True):
            counts = [int(n) for n in re.search(SIDE.format(side), words).groups()]
            ends = x + width * np.cumsum([0, *counts]) / max(sum(counts), 1)
            for fill, colour in ((0, BOTH_RIGHT), (2, BOTH_WRONG)):
                start, end = int(ends[fill]) + 5, int(ends[fill + 1]) - 5
                part = pixels[round(y) + 1 : round(y + height) - 1, start : max(start, end)]
                found = {hex_of(pixel) for pixel in part.reshape(-1, part.shape[-1])}
                if found - {colour.of(dark)}:
                    wrong.append(f"{words}: {side} {found}")
            around = pixels[[round(y) - 2, round(y + height) + 1], round(x) : round(x + width)]
            if {BOTH_RIGHT.of(dark), BOTH_WRONG.of(dark)} & {
                hex_of(pixel) for pixel in around.reshape(-1, around.shape[-1])
            }:
                wrong.append(f"{words}: {side} beyond its box")
    return wrong


def test_bars_lie_in_their_rows(page) -> None:
    scroll, find = page.locator(".performance .scroll"), page.get_by_label("Find class")
    comes_to(lambda: misplaced(page), [])
    page.get_by_label("Largest first").click()
    page.mouse.move(1, 1)
    comes_to(lambda: misplaced(page), [])
    for part in (0.5, 1):
        scroll.evaluate(f"e => {{ e.scrollTop = {part} * (e.scrollHeight - e.clientHeight) }}")
        comes_to(lambda: misplaced(page), [])
    find.fill("1")
    comes_to(lambda: misplaced(page), [])
    page.emulate_media(color_scheme="dark")
    comes_to(lambda: misplaced(page, dark=True), [])
    find.fill("")
    for width, height in ((1280, 800), (3840, 2160), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        comes_to(lambda: misplaced(page, dark=True), [])
    page.emulate_media(color_scheme="light")

    find.fill("class 77")
    expect(classes(page)).to_have_count(1)
    positives, negatives = (sum(counts(page, side)) for side in SIDES)
    share = 100 * positives / (positives + negatives)
    assert positives == 1
    assert share < 6
    sizes = classes(page).locator(".size > i")
    heights = sizes.evaluate_all("(all) => all.map((i) => parseFloat(i.style.height))")
    assert heights == pytest.approx([share, 100 - share], rel=1e-4)  # however small
    find.fill("")


def counts(page: Page, side: str, at: int = 0) -> list[int]:
    """Numbers of images on a side of a row, in the order of its fills."""
    words = classes(page).nth(at).locator(".vh").text_content()
    return [int(n) for n in re.search(SIDE.format(side), words).groups()]


def test_a_click_fills_no_row_that_shows_the_same(page) -> None:
    rows = classes(page)
    rows.nth(3).locator(".vh").evaluate("(words) => { words.textContent = 'as it was' }")
    rows.nth(1).click()
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    rows.nth(2).click()
    expect(rows.nth(2)).to_have_attribute("aria-selected", "true")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "false")
    expect(rows.nth(3).locator(".vh")).to_have_text("as it was")
    page.get_by_role("combobox", name="Sort by").select_option("f1")
    expect(page.get_by_text("as it was")).to_have_count(0)


def test_of_many_classes_the_rows_near_the_view_are_there_and_keys_reach_all(page) -> None:
    rows, focused = classes(page), page.locator(".performance .row:focus")
    page.locator(".performance .scroll").evaluate("(e) => { e.scrollTop = 0 }")
    expect(page.locator(".performance [aria-posinset='1']")).to_be_in_viewport()
    expect(rows.first).to_have_attribute("aria-setsize", str(CLASSES))
    assert rows.count() < CLASSES / 2
    rows.first.focus()
    for key, place in (
        ("Home", 1), ("End", CLASSES), ("ArrowUp", CLASSES - 1), ("Home", 1), ("ArrowDown", 2),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(focused).to_have_attribute("aria-posinset", str(place))
        expect(focused).to_be_in_viewport()
        comes_to(lambda: misplaced(page), [])
    page.locator(".performance .scroll").evaluate("(e) => { e.scrollTop = e.scrollHeight }")
    expect(page.locator(f".performance [aria-posinset='{CLASSES}']")).to_be_in_viewport()
    expect(focused).to_have_attribute("aria-posinset", "2")  # out of view, and still there
    assert rows.count() < CLASSES / 2


def test_rows_follow_the_images_that_are_picked_out(url, open_page) -> None:
    page = open_page(f"{url}?show=details")
    row, picked = classes(page).nth(2), page.locator(".shell .picked[data-of=images]")
    row.click()
    expect(row).to_have_attribute("aria-selected", "true")
    before, whole = names(classes(page)), row.locator(".vh").text_content()
    page.locator(".knowledge .rows > .row[role=listitem] .patch").first.click()
    expect(picked).to_have_text(re.compile(r"[\d,]+ images?: .*most similar patches"))
    expect(row.locator(".vh")).to_contain_text("picked positives")
    many = int(re.search(r"[\d,]+", picked.inner_text()).group().replace(",", ""))
    assert 0 < sum(sum(counts(page, side, 2)) for side in SIDES) <= many
    assert names(classes(page))[:8] == before[:8]  # no row has moved
    page.keyboard.press("Escape")  # the photo that the patch opened
    picked.get_by_role("button").last.click()
    page.mouse.move(1, 1)  # no card over the rows
    expect(picked).to_be_hidden()
    expect(row.locator(".vh")).to_contain_text(whole.partition("; Too few")[0])
    comes_to(lambda: misplaced(page), [])
