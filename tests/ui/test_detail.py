"""Concept detail as a person uses it: read the charts, filter, scroll, look closely, take away."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.ui

SLOW = 60_000


@pytest.fixture
def page(small_url, open_page) -> Page:
    return class_of(open_page(small_url))


def class_of(page: Page) -> Page:
    page.locator(".performance [role=option]").first.click(timeout=SLOW)
    expect(page.locator(".knowledge .rows > .row[role=listitem]").first).to_be_visible(timeout=SLOW)
    return page


def open_concept(page: Page, rank: int) -> str:
    row = page.locator(".knowledge .rows > .row[role=listitem]").nth(rank)
    name = row.get_attribute("data-key")
    page.locator(".knowledge").get_by_role("button", name=name, exact=True).first.click()
    expect(page.locator(".detail .subtitle")).to_have_text(name, timeout=SLOW)
    expect(page.locator(".detail .tile").first).to_be_visible(timeout=SLOW)
    return name


def chip(page: Page, name: str):
    return page.locator(f".detail .filter-chip[data-id='{name}']")


def counted(page: Page, name: str) -> int:
    return int(chip(page, name).locator(".num").inner_text().replace(",", ""))


# --- charts ------------------------------------------------------------------------------------


def test_the_pointer_reads_all_charts_at_one_influence(page) -> None:
    open_concept(page, 0)
    field = page.locator(".detail .field").nth(1).bounding_box()
    page.mouse.move(field["x"] + field["width"] * 0.9, field["y"] + field["height"] / 2)
    card = page.locator(".card:has-text('Influence')")
    expect(card).to_be_visible()
    for metric in ("Accuracy", "Fidelity", "F1", "Recall", "Precision"):
        expect(card).to_contain_text(metric)
    expect(page.locator(".detail .reading line").first).to_be_attached()
    expect(page.locator(".detail .reading:has(line)")).to_have_count(5)
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()
    expect(page.locator(".detail .reading line")).to_have_count(0)


def test_the_keyboard_reads_the_charts(page) -> None:
    open_concept(page, 0)
    reader = page.get_by_role("slider", name="Influence at which the curves are read")
    expect(reader).to_have_attribute("aria-valuetext", re.compile(r"Accuracy .*teacher"))
    now = float(reader.get_attribute("aria-valuenow"))
    reader.focus()
    page.keyboard.press("ArrowRight")
    expect(reader).to_have_attribute("aria-valuetext", re.compile(r"^Influence .*Precision"))
    assert float(reader.get_attribute("aria-valuenow")) > now
    page.keyboard.press("End")
    assert reader.get_attribute("aria-valuenow") == reader.get_attribute("aria-valuemax")
    page.keyboard.press("Escape")
    expect(reader).to_have_attribute("aria-valuetext", re.compile(r"teacher"))


def test_the_refit_is_drawn_beside_the_exact_curve(page) -> None:
    open_concept(page, 0)
    expect(page.locator(".detail path.refit")).to_have_count(0)
    page.get_by_role("radio", name="Others re-optimised").click()
    expect(page.locator(".detail path.refit")).to_have_count(5, timeout=SLOW)
    expect(page.locator(".detail .solving")).to_be_hidden(timeout=SLOW)
    solved = page.locator(".detail .field").first.locator("circle.solved")
    assert solved.count() > 10
    expect(page.locator(".detail path.exact.behind")).to_have_count(5)
    page.get_by_role("radio", name="Others held (exact)").click()
    expect(page.locator(".detail path.refit")).to_have_count(0)


def test_a_thumb_is_marked_with_its_bound_and_what_the_batch_would_give(page) -> None:
    open_concept(page, 0)
    page.locator(".knowledge .thumb.down").first.click()
    expect(page.locator(".detail .influence")).to_contain_text("pending ≤", timeout=SLOW)
    expect(page.locator(".detail line.bound")).to_have_count(5)
    expect(page.locator(".detail circle.ghost").first).to_be_attached(timeout=SLOW)
    page.locator(".knowledge .thumb.down").first.click()
    expect(page.locator(".detail line.bound")).to_have_count(0, timeout=SLOW)
    expect(page.locator(".detail circle.ghost")).to_have_count(0)


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


@pytest.mark.parametrize("width", [1280, 1920, 3840])
def test_nothing_in_the_heading_is_cut(small_url, open_page, width) -> None:
    page = class_of(open_page(small_url, width, width * 5 // 8))
    open_concept(page, 0)
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("radio", name="Others re-optimised").click()
    expect(page.locator(".detail .influence")).to_contain_text("pending ≤", timeout=SLOW)
    head = page.locator(".detail .panel-head").bounding_box()
    choice = page.locator(".detail .how").bounding_box()
    assert choice["x"] + choice["width"] <= head["x"] + head["width"]
    cut = "name => name.scrollWidth > name.clientWidth + 1"
    assert not page.locator(".detail .subtitle").evaluate(cut)


# --- gallery -----------------------------------------------------------------------------------


def test_filters_narrow_the_gallery_and_an_empty_one_can_be_cleared(page) -> None:
    open_concept(page, 0)
    tile = page.locator(".detail .tile").first
    everything = counted(page, "")
    expect(tile).to_have_attribute("aria-setsize", str(everything))
    chip(page, "positive").click()
    chip(page, "wrong").click()
    told = counted(page, "wrong")
    if told:
        expect(tile).to_have_attribute("aria-setsize", str(told))
        chip(page, "").click()
    else:
        expect(page.get_by_text("No image passes the filters")).to_be_visible()
        page.get_by_role("button", name="Clear filters").click()
    expect(tile).to_have_attribute("aria-setsize", str(everything))


def test_the_images_that_pass_are_saved(page, tmp_path: Path) -> None:
    name = open_concept(page, 0)
    chip(page, "negative").click()
    with page.expect_download() as download:
        page.get_by_label("Save the images shown as CSV").click()
    path = tmp_path / "images.csv"
    download.value.save_as(path)
    lines = list(csv.DictReader(path.open()))
    assert len(lines) == counted(page, "negative")
    assert {line["label"] for line in lines} == {"0"}
    assert {line["concept"] for line in lines} == {name}


def test_an_image_opens_large_and_the_keyboard_goes_on(page) -> None:
    open_concept(page, 0)
    first = page.locator(".detail .tile button").first
    expect(page.locator(".detail .tile img").first).to_be_visible(timeout=SLOW)
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.large:has(.apart)")
    expect(dialog).to_be_visible()
    expect(dialog.locator("path.line")).to_be_attached(timeout=SLOW)
    expect(dialog).to_contain_text("Teacher logit", timeout=SLOW)
    expect(dialog).to_contain_text("Smallest flip", timeout=SLOW)
    title = dialog.locator("#image-title")
    name = title.inner_text()
    assert name
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(name)
    expect(dialog).to_contain_text("Teacher logit", timeout=SLOW)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".detail .tile[aria-posinset='2'] button")).to_be_focused()


def test_pictures_of_the_next_concept_come_where_it_shares_images(page) -> None:
    open_concept(page, 0)
    tiles = page.locator(".detail .tile")
    expect(tiles.first.locator("img")).to_be_visible(timeout=SLOW)
    for rank in (1, 2, 0):
        open_concept(page, rank)
        for at in range(min(3, tiles.count())):
            expect(tiles.nth(at).locator("img")).to_be_visible(timeout=SLOW)


@pytest.fixture(scope="module")
def large_url(serve_module, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store whose galleries hold a thousand images."""
    spec = small_spec(tmp_path_factory.mktemp("large"), images=6000, concepts=10, classes=2)
    return serve_module(spec).url


def test_of_a_thousand_images_only_those_near_the_view_are_there(large_url, open_page) -> None:
    page = class_of(open_page(large_url))
    open_concept(page, 0)
    everything = counted(page, "")
    assert everything > 1000
    tiles, gallery = page.locator(".detail .tile"), page.locator(".detail .gallery")
    assert tiles.count() < 100
    gallery.evaluate("gallery => { gallery.scrollTop = gallery.scrollHeight / 2 }")
    middle = page.locator(f".detail .tile[aria-posinset='{everything // 2}']")
    expect(middle.locator("img")).to_be_visible(timeout=SLOW)
    assert tiles.count() < 100
    page.locator(".detail .tile[aria-posinset='1'] button").focus()
    page.keyboard.press("End")
    last = page.locator(f".detail .tile[aria-posinset='{everything}']")
    expect(last.locator("button")).to_be_focused()
    expect(last.locator("img")).to_be_visible(timeout=SLOW)
    page.keyboard.press("Enter")
    expect(page.locator("dialog.large:has(.apart)")).to_contain_text(
        f"{everything:,} of {everything:,}"
    )
