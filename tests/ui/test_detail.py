"""Concept detail as a person uses it: read the charts, filter, scroll, look closely, take away."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from PIL import Image
from playwright.sync_api import Page, expect
from resizing import resize
from waiting import comes_to, wait_until

from inficond_panel.store import open_store

pytestmark = pytest.mark.ui

WHOLE = "(it) => it.scrollWidth <= it.clientWidth && it.scrollHeight <= it.clientHeight"
#: Rings that leave the field of their chart.
BEYOND = """charts => charts.flatMap((chart) => {
  const field = chart.querySelector(".field").getBoundingClientRect()
  return [...chart.querySelectorAll("circle")].map((ring) => ring.getBoundingClientRect())
    .filter(({ top, bottom }) => top < field.top - 1 || bottom > field.bottom + 1)
    .map(({ top, bottom }) => [top, bottom, field.top, field.bottom])
})"""
#: Left and right end of each number that is drawn, all at one moment.
ENDS = """all => all.map((one) => one.getBoundingClientRect()).filter((box) => box.width)
  .map((box) => [box.left, box.right])"""


@pytest.fixture
def page(share_page, small_url) -> Page:
    """A page of a class; tests leave it with nothing pending, no filter, the exact curves."""
    return share_page(small_url, class_of)


def class_of(page: Page) -> Page:
    page.locator(".performance [role=option]").first.click()
    expect(page.locator(".knowledge .rows > .row[role=listitem]").first).to_be_visible()
    return page


def open_concept(page: Page, rank: int) -> str:
    row = page.locator(".knowledge .rows > .row[role=listitem]").nth(rank)
    name = row.get_attribute("data-key")
    page.locator(".knowledge").get_by_role("button", name=name, exact=True).first.click()
    expect(page.locator(".detail .subtitle")).to_have_text(name)
    expect(page.locator(".detail .tile").first).to_be_visible()
    return name


def chip(page: Page, name: str):
    return page.locator(f".detail .filter-chip[data-id='{name}']")


def counted(page: Page, name: str) -> int:
    return int(chip(page, name).locator(".num").inner_text().replace(",", ""))


# --- charts ------------------------------------------------------------------------------------


def test_the_pointer_reads_all_charts_at_one_influence(page) -> None:
    open_concept(page, 0)
    expect(page.locator(".detail path.band")).to_have_count(5)
    field = page.locator(".detail .field").nth(1).bounding_box()
    page.mouse.move(field["x"] + field["width"] * 0.9, field["y"] + field["height"] / 2)
    card = page.locator(".card:has-text('Influence')")
    expect(card).to_be_visible()
    for metric in ("Accuracy", "Fidelity", "F1", "Recall", "Precision"):
        expect(card).to_contain_text(metric)
    expect(page.locator(".detail .reading line").first).to_be_attached()
    expect(page.locator(".detail .reading:has(line)")).to_have_count(5)
    expect(card.locator("dd:has-text(' points [')")).to_have_count(5)
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()
    expect(page.locator(".detail .reading line")).to_have_count(0)


def test_the_curves_have_bands_which_the_legend_names(page) -> None:
    open_concept(page, 0)
    expect(page.locator(".detail path.band")).to_have_count(5)
    expect(page.locator(".detail .samples")).to_contain_text("95 % interval")
    page.get_by_role("radio", name="Others re-optimised").click()
    expect(page.locator(".detail .samples")).to_contain_text("refit")
    expect(page.locator(".detail path.refit")).to_have_count(5)
    expect(page.locator(".detail path.exact.behind")).to_have_count(5)
    expect(page.locator(".detail .field").first.locator("circle.solved").nth(10)).to_be_attached()
    expect(page.locator(".detail path.band")).to_have_count(5)
    field = page.locator(".detail .field").nth(2).bounding_box()
    page.mouse.move(field["x"] + field["width"] * 0.9, field["y"] + field["height"] / 2)
    card = page.locator(".card:has-text('refit at')")
    expect(card.locator("dd:has-text(' points [')")).to_have_count(5)
    page.mouse.move(2, 2)
    page.get_by_role("radio", name="Others re-optimised").press("ArrowLeft")
    expect(page.get_by_role("radio", name="Others held (exact)")).to_be_focused()
    expect(page.locator(".detail path.refit")).to_have_count(0)


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
    expect(reader).to_have_attribute("aria-valuenow", reader.get_attribute("aria-valuemax"))
    page.keyboard.press("Escape")
    expect(reader).to_have_attribute("aria-valuetext", re.compile(r"teacher"))


def test_a_thumb_is_marked_with_its_bound_and_what_the_batch_would_give(page) -> None:
    open_concept(page, 0)
    page.locator(".knowledge .thumb.down").first.click()
    expect(page.locator(".detail .samples")).to_contain_text("pending ≤")
    expect(page.locator(".detail line.bound")).to_have_count(5)
    expect(page.locator(".detail circle.ghost").first).to_be_attached()
    comes_to(lambda: page.locator(".detail .chart").evaluate_all(BEYOND), [])
    page.locator(".knowledge .thumb.down").first.click()
    expect(page.locator(".detail line.bound")).to_have_count(0)
    expect(page.locator(".detail circle.ghost")).to_have_count(0)


def test_numbers_of_an_axis_do_not_touch(page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    for rank in range(4):
        open_concept(page, rank)
        comes_to(lambda: touching(page), [])
    page.set_viewport_size({"width": 1920, "height": 1080})


def touching(page: Page) -> list[object]:
    """Neighbours among the numbers of the first axis that have no room between them."""
    boxes = page.locator(".detail .chart").first.locator(".axis > *").evaluate_all(ENDS)
    pairs = itertools.pairwise(sorted(boxes))
    return [(end, start) for (_, end), (start, _) in pairs if end >= start] if boxes else ["none"]


def test_nothing_in_heading_and_legend_is_cut(page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    open_concept(page, 0)
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("radio", name="Others re-optimised").click()
    legend = page.locator(".detail .samples")
    for width in (1280, 3840, 1920):
        resize(page, width, width * 5 // 8)
        for words in ("teacher", "refit", "exact", "preview"):
            there = f"{words} in the legend at {width}"
            wait_until(lambda w=words: w in legend.inner_text().split("\n"), there)
        wait_until(lambda: legend.evaluate(WHOLE), f"the legend is whole at {width}")
        comes_to(lambda w=width: [w, *cut_in_heading(page)], [width])
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("radio", name="Others held (exact)").click()
    expect(page.locator(".detail circle.ghost")).to_have_count(0)


def cut_in_heading(page: Page) -> list[str]:
    """Parts of the heading that are cut, or lie beyond it."""
    head, choice = (page.locator(f".detail {it}").bounding_box() for it in (".panel-head", ".how"))
    beyond = choice["x"] + choice["width"] > head["x"] + head["width"]
    cut = "name => name.scrollWidth > name.clientWidth + 1"
    names = [it for it in (".subtitle", ".what") if page.locator(f".detail {it}").evaluate(cut)]
    return [*names, ".how"] if beyond else names


# --- gallery -----------------------------------------------------------------------------------


def test_filters_narrow_the_gallery_and_an_empty_one_can_be_cleared(page) -> None:
    open_concept(page, 0)
    tile = page.locator(".detail .tile").first
    expect(chip(page, "assigned")).to_have_attribute("aria-pressed", "true")
    assigned, everything = counted(page, "assigned"), counted(page, "")
    assert assigned < everything
    expect(tile).to_have_attribute("aria-setsize", str(assigned))
    chip(page, "").click()
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


def unassigned_arrays() -> dict[str, np.ndarray]:
    """No segment is nearest to 'wheel'."""
    arrays = small_arrays()
    names = list(arrays["concept"])
    wheel, sky = names.index("wheel"), names.index("sky")
    own = arrays["segment_concept"] == wheel
    arrays["segment_concept"] = np.where(own, sky, arrays["segment_concept"])
    return arrays


def test_a_concept_without_assigned_segments_says_so_and_offers_all(
    serve_module, open_page, tmp_path: Path
) -> None:
    url = serve_module(small_spec(tmp_path, make=unassigned_arrays)).url
    page = open_page(f"{url}?class=bicycle&concept=wheel")
    expect(page.get_by_text("No segment of these images is assigned")).to_be_visible()
    page.get_by_role("button", name=re.compile("Show all .* images by their scores")).click()
    expect(page.locator(".detail .tile").first).to_be_visible()
    expect(page).to_have_url(re.compile("images=all"))


def test_an_image_opens_large_and_the_keyboard_goes_on(page) -> None:
    open_concept(page, 0)
    first = page.locator(".detail .tile button").first
    expect(page.locator(".detail .tile img").first).to_be_visible()
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.large:has(.apart)")
    expect(dialog).to_be_visible()
    expect(dialog.locator("path.line")).to_be_attached()
    expect(dialog).to_contain_text("Teacher logit")
    expect(dialog).to_contain_text("Smallest flip")
    title = dialog.locator("#image-title")
    name = title.inner_text()
    assert name
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(name)
    expect(dialog).to_contain_text("Teacher logit")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".detail .tile[aria-posinset='2'] button")).to_be_focused()


def test_pictures_of_the_next_concept_come_where_it_shares_images(small_url, open_page) -> None:
    page = class_of(open_page(small_url))  # which has no picture yet
    open_concept(page, 0)
    tiles = page.locator(".detail .tile")
    expect(tiles.first.locator("img")).to_be_visible()
    for rank in (1, 2, 0):
        open_concept(page, rank)
        for at in range(min(3, tiles.count())):
            expect(tiles.nth(at).locator("img")).to_be_visible()


def open_image(page: Page):
    """The first image of the gallery in the dialog, when its picture is there."""
    open_concept(page, 0)
    expect(page.locator(".detail .tile img").first).to_be_visible()
    page.locator(".detail .tile button").first.click()
    dialog = page.locator("dialog.large:has(.apart)")
    expect(dialog.locator(".picture > img").first).to_be_visible()
    return dialog


def test_the_photo_takes_the_place_of_the_thumbnail(serve, open_page, tmp_path: Path) -> None:
    spec = small_spec(tmp_path)
    store, folder = open_store(tmp_path / "small.zarr"), tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    for row in store.rows("tune"):
        photo = Image.open(io.BytesIO(store.thumbnail(row))).resize((320, 320))
        photo.save(folder / f"{store.images[row]}.png")
    dialog = open_image(class_of(open_page(serve(spec).url)))
    expect(dialog.locator("header")).to_contain_text("320 × 320 pixels")
    picture = dialog.locator(".picture")
    comes_to(lambda: picture.locator("img").evaluate("(image) => image.naturalWidth"), 320)
    wait_until(lambda: picture.bounding_box()["width"] > 400, "the photo is drawn large")
    outline = picture.locator("svg")  # in pixels of the thumbnail, drawn as large as the photo
    expect(outline).to_have_attribute("viewBox", "0 0 32 32")
    comes_to(lambda: outline.bounding_box() == picture.locator("img").bounding_box(), True)
    page = dialog.page
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("2 of")
    expect(dialog.locator("header")).to_contain_text("320 × 320 pixels")


@pytest.fixture(scope="module")
def large_url(serve_module, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store whose galleries hold a thousand images."""
    spec = small_spec(tmp_path_factory.mktemp("large"), images=6000, concepts=10, classes=2)
    return serve_module(spec).url


def test_of_a_thousand_images_only_those_near_the_view_are_there(large_url, open_page) -> None:
    page = class_of(open_page(large_url))
    open_concept(page, 0)
    chip(page, "").click()
    everything = counted(page, "")
    assert everything > 1000
    tiles, gallery = page.locator(".detail .tile"), page.locator(".detail .gallery")
    assert tiles.count() < 100
    gallery.evaluate("gallery => { gallery.scrollTop = gallery.scrollHeight / 2 }")
    middle = page.locator(f".detail .tile[aria-posinset='{everything // 2}']")
    expect(middle.locator("img")).to_be_visible()
    assert tiles.count() < 100
    page.locator(".detail .tile[aria-posinset='1'] button").focus()
    page.keyboard.press("End")
    last = page.locator(f".detail .tile[aria-posinset='{everything}']")
    expect(last.locator("button")).to_be_focused()
    expect(last.locator("img")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.large:has(.apart)")).to_contain_text(
        f"{everything:,} of {everything:,}"
    )


def test_parts_of_bars_and_patches_open_their_images_and_images_give_thumbs(page) -> None:
    row = page.locator(".performance [role=option]").first
    name = row.get_attribute("data-key")
    bar = row.locator("[data-side=negatives] .bar").bounding_box()
    page.mouse.click(bar["x"] + 2, bar["y"] + bar["height"] / 2)
    expect(page.locator(".detail .subtitle")).to_have_text(f"{name}, negatives: both right")
    both = "all negatives that are shown are right"
    wait_until(lambda: counted(page, "negative") == counted(page, "right"), both)
    page.locator(".detail .tile button").first.click()
    large = page.locator("dialog.large[open]")
    part = large.locator(".parts li:has(.thumb)").first
    concept = part.locator(".clip").inner_text()
    part.locator(".thumb.down").click()
    expect(part.locator(".thumb.down")).to_have_attribute("aria-pressed", "true")
    field = page.get_by_label("Add a tag")
    field.fill("odd")
    field.press("Enter")
    expect(large.locator(".tags .chip")).to_have_text("odd")
    page.keyboard.press("Escape")
    expect(page.locator(".knowledge .block.down")).to_have_attribute("title", re.compile(concept))
    patch = page.locator(".knowledge .rows > .row[role=listitem]").nth(1).locator(".patch").first
    patch.click()
    expect(large.locator(".picture .line")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".detail .subtitle")).to_contain_text("most similar patches")
    page.locator(".detail .back").click()
    expect(page.locator(".detail .empty")).to_contain_text("Open a concept")
    page.locator(".knowledge .block.down").click()
    expect(page.locator(".knowledge .block.down")).to_have_count(0)


def test_where_nothing_is_open_the_concepts_to_begin_with_are_listed(open_page, serve) -> None:
    page = open_page(serve(Path("demo")).url, 1280, 800)
    starts = page.locator(".detail .starts button")
    page.locator(".performance [role=option]", has_text="bird").click()
    expect(starts.first).to_contain_text("influence")  # no suspect: the strongest
    page.locator(".performance [role=option]", has_text="dog").click()
    expect(starts.first).to_contain_text("of the training images with dog")
    first = starts.first.locator("b").inner_text()
    starts.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".detail .subtitle")).to_have_text(first)
    expect(page.locator(".knowledge .subtitle")).to_have_text("dog")
    expect(starts.first).to_be_hidden()
    expect(page.locator(".detail .filter-chip").first).to_be_focused()
