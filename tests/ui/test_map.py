"""Concept map as a person uses it: tap, lasso, group, projections, the segments of the cloud."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from steps import select_first
from waiting import comes_to


@pytest.fixture
def page(share_page, small_url) -> Page:
    """A page of a class; tests leave its map without a group."""
    return share_page(small_url, begin)


def begin(page: Page) -> None:
    select_first(page)
    expect(page.locator(".map canvas").first).to_be_visible()


def plot(page: Page) -> dict[str, float]:
    return page.locator(".map .plot").bounding_box()


def group(page: Page, count: int) -> Locator:
    """The list of a group of so many concepts."""
    card = page.get_by_role("dialog", name=f"{count} concepts")
    expect(card).to_be_visible()
    return card


def lasso(page: Page, start: float = 0, end: float = 1) -> None:
    """Select what lies between two shares of the map's width."""
    tool(page, pressed="true")
    box = plot(page)
    left, right = (box["x"] + 4 + share * (box["width"] - 8) for share in (start, end))
    top, bottom = box["y"] + 4, box["y"] + box["height"] - 4
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 2)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()


def tool(page: Page, pressed: str) -> None:
    button = page.get_by_label("Lasso: select")
    if button.get_attribute("aria-pressed") != pressed:
        button.click()
    expect(button).to_have_attribute("aria-pressed", pressed)


def forget(page: Page) -> None:
    listing = page.get_by_role("button", name="selected: list them")
    button = page.get_by_role("button", name="Forget the group")
    if not button.is_visible():
        listing.click()
    button.click()
    expect(listing).to_be_hidden()
    tool(page, pressed="false")
    selected(page, 0)


def selected(page: Page, marks: int) -> None:
    """Wait until so many marks are selected in the plot, which tells only of what differs."""
    page.wait_for_function(
        """(marks) => {
            const models = [...Bokeh.documents[0]._all_models.values()]
            const selections = models.filter((model) => model.type === "Selection")
            return Math.max(...selections.map((each) => each.indices.length)) === marks
        }""",
        arg=marks,
    )


def scan(page: Page, step: int):
    """Places on the map, row by row."""
    box = plot(page)
    for y in range(step, int(box["height"]), step):
        for x in range(step, int(box["width"]), step):
            yield box["x"] + x, box["y"] + y


def test_the_lasso_lists_a_group_that_is_thumbed_saved_and_forgotten(page) -> None:
    lasso(page)
    card = group(page, 30)
    expect(card.locator("li")).to_have_count(30)
    map_, list_ = plot(page), card.bounding_box()
    assert list_["x"] + list_["width"] <= map_["x"] + map_["width"]
    card.get_by_role("button", name="Take").first.click()
    card = group(page, 29)
    second = card.locator(".member").nth(1)
    second.click()
    expect(page.locator(".detail .subtitle")).to_have_text(second.inner_text())

    lower = card.get_by_label("Lower all of the group")
    for pressed, marks in (("true", 29), ("false", 0)):
        lower.click()
        expect(lower).to_have_attribute("aria-pressed", pressed)
        expect(card.locator(".mark.down")).to_have_count(marks)

    with page.expect_download() as download:
        card.get_by_label("Save the group as CSV").click()
    lines = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(lines) == 29
    assert {"concept", "influence", "discrepancy_p", "segments"} <= lines[0].keys()

    card.get_by_role("button", name="Look at").click()
    expect(page.locator(".detail .subtitle")).to_have_text("29 concepts of the map")
    expect(page.locator(".detail .listed")).to_contain_text("student right on")
    image = page.locator(".detail .gallery .tile button").first
    expect(image).to_have_accessible_name(re.compile(r"^Image \d+, (?!concept)"))
    forget(page)


def test_a_list_that_was_closed_is_opened_by_keys_and_by_the_lasso_again(page) -> None:
    for _ in range(2):
        lasso(page)
        group(page, 30)
        forget(page)
    lasso(page)
    card = group(page, 30)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.get_by_role("button", name="30 selected: list them").focus()
    page.keyboard.press("Enter")
    card.get_by_role("button", name="Take").first.wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Raise all of the group")).to_be_focused()
    card.get_by_role("button", name="Take").first.click()
    group(page, 29)
    selected(page, 29)
    page.keyboard.press("Escape")
    lasso(page)
    group(page, 30)
    forget(page)


def test_the_list_lies_beside_its_group(page) -> None:
    """From the moment on in which it is open; the browser tells of that later, and here never."""
    card = page.locator(".group-card")
    for start, end in ((0.0, 0.4), (0.6, 1.0), (0.0, 1.0)):
        card.evaluate("""(card) => {
          const stop = (event) => event.stopImmediatePropagation()
          card.addEventListener("toggle", stop, { capture: true, once: true })
        }""")
        lasso(page, start, end)
        expect(card).to_be_visible()
        map_, list_ = plot(page), card.bounding_box()
        assert 0 <= list_["y"] <= list_["y"] + list_["height"] <= 1080
        ends = [(list_["x"] + side * list_["width"] - map_["x"]) / map_["width"] for side in (0, 1)]
        if (start, end) == (0.0, 1.0):
            assert list_["y"] >= map_["y"] + map_["height"]
        else:
            assert ends[1] <= start or end <= ends[0]
        forget(page)


def test_pointing_at_the_cloud_shows_the_photo_of_a_segment(page) -> None:
    with page.expect_websocket() as opened:
        page.reload()
    expect(page.locator(".map canvas").first).to_be_visible()
    card = page.locator(".card:has(.picture)")
    for x, y in scan(page, 20):
        with opened.value.expect_event(
            "framereceived", lambda it: '["segment",' in str(it)
        ) as told:
            page.mouse.move(x, y)
        if '["segment",null]' not in str(told.value):  # the page draws its card later
            break
    expect(card).to_be_visible()
    expect(card.locator("img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    expect(card.locator("path.line")).to_be_attached()
    expect(card).to_contain_text("Concept")
    expect(page.locator(".map .spot")).to_be_visible()
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()
    expect(page.locator(".map .spot")).to_be_hidden()


def test_projections_are_chosen_by_keyboard_and_a_missing_one_says_how_to_get_it(page) -> None:
    tsne, pca, umap = (page.get_by_role("radio", name=name) for name in ("t-SNE", "PCA", "UMAP"))
    tsne.focus()
    page.keyboard.press("ArrowRight")
    expect(pca).to_have_attribute("aria-checked", "true")
    expect(pca).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(umap).to_be_focused()
    told = page.get_by_text("This store has no UMAP map")
    expect(told).to_contain_text("inficond-panel[umap]")
    expect(pca).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Tab")
    expect(told).to_be_hidden()
    tsne.click()
    expect(tsne).to_have_attribute("aria-checked", "true")


#: Green discs on the map: Bokeh's sources of the glyphs that are 4 pixels across, and the crosses.
LIT = """() => [...Bokeh.documents[0]._all_models.values()]
  .filter((model) => model.type === "ColumnDataSource" && "across" in model.data)
  .filter(({ data }) => data.across.length && data.across.every((size) => size === SIZE))
  .map(({ data }) => data.x.length)"""


def test_a_concept_that_is_opened_has_its_segments_lit_and_counted(small_url, open_page) -> None:
    page = select_first(open_page(small_url))
    line = page.locator(".map .assigned")
    expect(line).to_have_text("Open a concept: its segments are lit.")
    row = page.locator(".knowledge .rows > .row[role=listitem]").first
    name = row.locator(".open").inner_text()
    row.locator(".open").click()
    expect(line).to_have_text(re.compile(rf"^\d+ segments assigned to {name}; . is their centre"))
    told = int(line.inner_text().split()[0])
    comes_to(lambda: page.evaluate(LIT.replace("SIZE", "4")), [told])  # drawn after it is told

    row.locator(".strength").hover()
    card = page.locator(".card:visible", has_text="Assigned segments")
    expect(card.locator("dl")).to_contain_text(f"Assigned segments{told}")

    segments = row.locator(".patch")
    expect(segments).to_have_count(5)
    page.get_by_label("Patches shown").select_option("assigned")
    expect(page).to_have_url(re.compile("patches=assigned"))
    expect(segments).to_have_count(min(5, told))
    shown = segments.evaluate_all("all => all.map(({ dataset }) => dataset.segment)")
    expect(row.locator(".patch img").first).to_have_attribute("src", re.compile("image/webp"))
    segments.first.click()
    expect(page.locator("dialog.large[open] .picture .line")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".detail .subtitle")).to_have_text(f"{name}, its segments")
    assert len(set(shown)) == len(shown)
