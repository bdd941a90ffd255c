"""Views are moved, sized and collapsed, by keys and by pointer; the spec that is saved says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from resizing import resize
from waiting import comes_to, wait_until

from inficond_panel.spec import load_spec

pytestmark = pytest.mark.ui

STANDARD = [["performance"], ["knowledge"], ["embedding", "detail", "provenance"]]


@pytest.fixture
def page(share_page, small_url) -> Page:
    """A page whose views lie as in the spec; where a test ends, some may lie elsewhere."""
    page = share_page(small_url, begin)
    as_in_the_spec = page.get_by_role("button", name="As in the spec")
    if as_in_the_spec.is_visible():
        as_in_the_spec.click()
        page.keyboard.press("Escape")
        expect(as_in_the_spec).to_be_hidden()
    comes_to(lambda: columns(page), STANDARD)
    return page


def begin(page: Page) -> None:
    expect(page.locator(".performance [role=option]").first).to_be_visible()


def columns(page: Page) -> list[list[str]]:
    """Names of the views by column, as they are on screen."""
    return page.locator("main > .column").evaluate_all(
        "all => all.map((one) => [...one.querySelectorAll('.place')].map((p) => p.dataset.view))"
    )


def cover(page: Page, name: str):
    return page.locator(f"[data-view={name}] > .cover")


def box(page: Page, name: str) -> dict[str, float]:
    found = page.locator(f".place[data-view={name}]").bounding_box()
    assert found
    return found


def save(page: Page, folder: Path):
    """The spec that the page saves, read again."""
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save spec").click()
    file = folder / saved.value.suggested_filename
    saved.value.save_as(file)
    return load_spec(file, check_files=False)


def test_keys_move_and_collapse_views_and_the_saved_spec_opens_the_same(
    small_url, serve, open_page, tmp_path
) -> None:
    page = open_page(small_url)
    begin(page)
    comes_to(lambda: columns(page), STANDARD)
    page.keyboard.press("v")
    expect(cover(page, "performance")).to_be_focused()
    cover(page, "detail").focus()
    page.keyboard.press("ArrowLeft")
    expect(cover(page, "detail")).to_be_focused()
    expect(page.get_by_text("Concept detail: column 2 of 3, place 2 of 2")).to_be_attached()
    page.keyboard.press("ArrowUp")
    cover(page, "provenance").focus()
    page.keyboard.press("ArrowRight")
    cover(page, "performance").focus()
    page.keyboard.press("Enter")
    wanted = [["performance"], ["detail", "knowledge"], ["embedding"], ["provenance"]]
    comes_to(lambda: columns(page), wanted)
    spec = save(page, tmp_path)
    assert [[*spec.layout.columns[0][1:]], *spec.layout.columns[1:]] == wanted
    assert spec.layout.collapsed == ["performance"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Arrange the views")).to_be_focused()
    bars = page.get_by_role("button", name="Student performance", exact=True)
    expect(bars).to_be_visible()
    expect(page.locator(".performance")).to_be_hidden()
    wait_until(lambda: box(page, "performance")["width"] < 50, "the view is a bar")

    small_spec(tmp_path)
    file = tmp_path / "small.yaml"
    file.write_text(spec.to_yaml())
    again = open_page(serve(file).url)
    expect(again.locator(".panel.matrix")).to_be_visible()
    comes_to(lambda: columns(again), wanted)
    for name in ("performance", "detail", "knowledge", "embedding", "provenance"):
        wait_until(lambda n=name: box(again, n) == pytest.approx(box(page, n), abs=1), name)
    bars.click()
    expect(page.locator(".performance")).to_be_visible()


def test_a_view_is_dragged_to_another_place(page) -> None:
    page.get_by_role("button", name="Arrange the views").click()
    expect(cover(page, "performance")).to_be_visible()
    start, goal = box(page, "provenance"), box(page, "performance")
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(goal["x"] + goal["width"] / 2, goal["y"] + goal["height"] * 0.8, steps=4)
    expect(page.locator(".drop")).to_be_visible()
    page.mouse.up()
    assert page.evaluate("getSelection().toString()") == ""
    expect(page.locator(".drop")).to_be_hidden()
    comes_to(
        lambda: columns(page),
        [["performance", "provenance"], ["knowledge"], ["embedding", "detail"]],
    )
    page.get_by_role("button", name="As in the spec").click()
    expect(page.locator("main > .column")).to_have_count(3)
    comes_to(lambda: columns(page), STANDARD)


def test_columns_and_views_are_sized_by_pointer_and_by_keys(page, tmp_path) -> None:
    before = box(page, "performance")["width"]
    line = page.get_by_role("separator", name="Width of Student performance")
    place = line.bounding_box()
    page.mouse.move(place["x"] + 6, place["y"] + 300)
    page.mouse.down()
    page.mouse.move(place["x"] + 106, place["y"] + 300, steps=4)
    page.mouse.up()
    comes_to(lambda: box(page, "performance")["width"], pytest.approx(before + 100, abs=2))
    height, value = box(page, "embedding")["height"], "aria-valuenow"
    line = page.get_by_role("separator", name="Height of Concept embedding")
    told = int(line.get_attribute(value))
    line.focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(line).to_be_focused()
    wait_until(lambda: box(page, "embedding")["height"] > height + 20, "the map is higher")
    wait_until(lambda: int(line.get_attribute(value)) > told, "the line tells a greater height")
    page.keyboard.press("v")
    layout = save(page, tmp_path).layout
    assert layout.widths[0] == pytest.approx(3 + 100 / before * 3, rel=0.02)
    assert sum(layout.widths) == pytest.approx(12, abs=0.05)
    assert set(layout.heights) == {"embedding", "detail", "provenance"}


def test_the_layout_is_copied_as_yaml(browser, small_url, open_page) -> None:
    page = open_page(small_url, permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    page.keyboard.press("v")
    cover(page, "configuration").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Expand Configuration")).to_be_visible()
    page.get_by_role("button", name="Copy layout").click()
    expect(page.get_by_role("toolbar", name="Layout")).to_contain_text("Copied")
    words = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"^layout:\n(.*\n)*  collapsed:\n  - configuration\n", words)


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
    page.get_by_role("radio", name="Simple").click()
    expect(page.get_by_role("tab", name="Embedding")).to_have_count(0)
    for name in ("Performance", "Knowledge", "Provenance", "Detail"):
        page.get_by_role("tab", name=name).click()
        comes_to(lambda: page.evaluate(SMALL), [])
    page.reload()
    expect(page.get_by_role("radio", name="Simple")).to_be_checked()
    expect(page).to_have_url(re.compile("show=simple"))
