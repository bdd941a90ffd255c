"""The page over scores from elsewhere: no photos, segments or map, and scores below 0."""

from __future__ import annotations

import pytest
from frames import frames
from playwright.sync_api import expect

import inficond_panel
from inficond_panel.cli import main

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("own") / "signed.zarr"
    students = inficond_panel.from_frames(**frames(signed=True), path=place)
    students.fit().tune([("bird", "beak", "remove")])
    return place


def test_each_view_says_what_the_store_lacks_and_how_scores_are_scaled(serve, store, open_page):
    page = open_page(f"{serve(store).url}?class=bird&concept=tail&show=details", 1280, 900)
    expect(page.locator(".knowledge .row.current")).to_be_visible()
    expect(page.get_by_label("Concept embedding", exact=True)).to_contain_text(
        "This store has no map of its concepts"
    )
    expect(page.locator(".knowledge .legend")).to_contain_text("no patches: no segments")
    expect(page.locator(".knowledge .patch")).to_have_count(0)
    expect(page.locator(".detail .listed")).to_contain_text("no segments to assign to concepts")
    expect(page.locator(".detail .filter-chip[data-id=assigned]")).to_be_hidden()
    tile = page.locator(".gallery .tile").first
    expect(tile.locator(".no-photo")).to_be_visible()
    image = tile.locator(".no-photo > b").inner_text()
    tile.get_by_role("button").click()
    expect(page.locator("dialog.large[open]")).to_contain_text(f"Image {image}")
    expect(page.locator("dialog.large[open]")).to_contain_text("no photo in this store")
    expect(page.locator("dialog.large[open]")).to_contain_text("Smallest flip")
    page.keyboard.press("Escape")
    page.locator(".knowledge .row.current .influence").hover()
    card = page.locator(".card:popover-open").first
    expect(card).to_contain_text("Score on fit")
    expect(card).to_contain_text("λ per spread")
    page.get_by_title("Add a concept by typing it").click()
    expect(page.locator("dialog.typing[open]")).to_contain_text("No concept can be typed.")
    expect(page.locator("dialog.typing[open] input")).to_be_disabled()
    page.keyboard.press("Escape")


def test_the_page_as_a_file(store, tmp_path, open_file):
    assert main(["page", str(store), "--output", str(tmp_path / "page.html")]) == 0
    page = open_file(tmp_path / "page.html")
    expect(page.get_by_text("No map of the concepts")).to_be_visible()
