"""Concept detail as a person uses it: the charts are read, images are filtered and opened large."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from resizing import resize
from steps import blocks, classes, concepts, open_concept, select_first
from waiting import comes_to, wait_until

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays

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
    page = share_page(small_url, select_first)
    open_concept(page)
    return page


def chip(page: Page, name: str) -> Locator:
    return page.locator(f".detail .filter-chip[data-id='{name}']")


def counted(page: Page, name: str) -> int:
    return int(chip(page, name).locator(".num").inner_text().replace(",", ""))


def large(page: Page) -> Locator:
    return page.locator("dialog.large:has(.apart)")


# --- charts ------------------------------------------------------------------------------------


def point_at_chart(page: Page, at: int) -> None:
    field = page.locator(".detail .field").nth(at).bounding_box()
    page.mouse.move(field["x"] + field["width"] * 0.9, field["y"] + field["height"] / 2)


def test_pointer_and_keyboard_read_all_charts_at_one_influence_with_their_bands(page) -> None:
    expect(page.locator(".detail path.band")).to_have_count(5)
    expect(page.locator(".detail .samples")).to_contain_text("95 % interval")
    point_at_chart(page, 1)
    card = page.locator(".card:has-text('Influence')")
    for metric in ("Accuracy", "Fidelity", "F1", "Recall", "Precision"):
        expect(card).to_contain_text(metric)
    expect(page.locator(".detail .reading:has(line)")).to_have_count(5)
    expect(card.locator("dd:has-text(' points [')")).to_have_count(5)
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()
    expect(page.locator(".detail .reading line")).to_have_count(0)
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


def test_the_refit_is_drawn_over_the_exact_curves_with_bands(page) -> None:
    page.get_by_role("radio", name="Refit: the others are fitted again").click()
    expect(page.locator(".detail .samples")).to_contain_text("refit")
    for drawn in ("refit", "exact.behind", "band"):
        expect(page.locator(f".detail path.{drawn}")).to_have_count(5)
    expect(page.locator(".detail .field").first.locator("circle.solved").nth(10)).to_be_attached()
    point_at_chart(page, 2)
    card = page.locator(".card:has-text('refit at')")
    expect(card.locator("dd:has-text(' points [')")).to_have_count(5)
    page.mouse.move(2, 2)
    page.get_by_role("radio", name="Refit: the others are fitted again").press("ArrowLeft")
    expect(page.get_by_role("radio", name="The other influences stay fixed")).to_be_focused()
    expect(page.locator(".detail path.refit")).to_have_count(0)


def touching(page: Page) -> list[object]:
    """Neighbours among the numbers of the first axis that have no room between them."""
    boxes = page.locator(".detail .chart").first.locator(".axis > *").evaluate_all(ENDS)
    pairs = itertools.pairwise(sorted(boxes))
    return [(end, start) for (_, end), (start, _) in pairs if end >= start] if boxes else ["none"]


def cut_in_heading(page: Page) -> list[str]:
    """Parts of the heading that are cut, or lie beyond it."""
    head, choice = (page.locator(f".detail {it}").bounding_box() for it in (".panel-head", ".how"))
    beyond = choice["x"] + choice["width"] > head["x"] + head["width"]
    cut = "name => name.scrollWidth > name.clientWidth + 1"
    names = [it for it in (".subtitle", ".what") if page.locator(f".detail {it}").evaluate(cut)]
    return [*names, ".how"] if beyond else names


def test_a_thumb_is_marked_with_its_bound_and_preview_and_nothing_is_cut(page) -> None:
    resize(page, 1280, 800)
    for rank in (1, 2, 3, 0):
        open_concept(page, rank)
        comes_to(lambda: touching(page), [])
    thumb, legend = page.locator(".knowledge .thumb.down").first, page.locator(".detail .samples")
    thumb.click()
    expect(legend).to_contain_text("pending ≤")
    expect(page.locator(".detail line.bound")).to_have_count(5)
    expect(page.locator(".detail circle.ghost").first).to_be_attached()
    page.get_by_role("radio", name="Refit: the others are fitted again").click()
    for width in (1280, 3840, 1920):
        resize(page, width, width * 5 // 8)
        comes_to(lambda: page.locator(".detail .chart").evaluate_all(BEYOND), [])
        for words in ("teacher", "refit", "others fixed", "preview"):
            there = f"{words} in the legend at {width}"
            wait_until(lambda w=words: w in legend.inner_text().split("\n"), there)
        wait_until(lambda: legend.evaluate(WHOLE), f"the legend is whole at {width}")
        comes_to(lambda w=width: [w, *cut_in_heading(page)], [width])
    resize(page, 1920, 1080)
    thumb.click()
    page.get_by_role("radio", name="The other influences stay fixed").click()
    expect(page.locator(".detail :is(circle.ghost, line.bound)")).to_have_count(0)


# --- gallery -----------------------------------------------------------------------------------


def test_filters_narrow_the_gallery_and_an_empty_one_can_be_cleared(page) -> None:
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


def test_an_image_opens_large_with_parts_that_add_up_and_the_keyboard_goes_on(page) -> None:
    first, dialog = page.locator(".detail .tile button").first, large(page)
    first.focus()
    page.keyboard.press("Enter")
    expect(dialog.locator("path.line")).to_be_attached()
    expect(dialog).to_contain_text("Teacher logit")
    expect(dialog.locator(".flip").first).to_contain_text("Smallest change:")
    parts = dialog.locator(".parts > li")
    expect(parts.last).to_contain_text("Student logit")
    texts = parts.locator(":scope > .num").all_inner_texts()
    *values, logit = [float(text.replace("−", "-")) for text in texts]
    assert abs(sum(values) - logit) < 0.01 * len(texts)
    title, apart = dialog.locator("#image-title"), dialog.locator(".apart")
    before = title.inner_text(), apart.inner_text()
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(before[0])
    expect(apart).not_to_have_text(before[1])
    expect(dialog).to_contain_text("Teacher logit")
    expect(parts.last).to_contain_text("Student logit")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".detail .tile[aria-posinset='2'] button")).to_be_focused()


def test_parts_of_bars_and_patches_open_their_images_and_images_give_thumbs(page) -> None:
    row = classes(page).first
    bar = row.locator("[data-side=negatives] .bar").bounding_box()
    page.mouse.click(bar["x"] + 2, bar["y"] + bar["height"] / 2)
    subtitle = page.locator(".detail .subtitle")
    expect(subtitle).to_have_text(f"{row.get_attribute('data-key')}, negatives: both right")
    both = "all negatives that are shown are right"
    wait_until(lambda: counted(page, "negative") == counted(page, "right"), both)
    page.locator(".detail .tile button").first.click()
    dialog = page.locator("dialog.large[open]")
    part = dialog.locator(".parts li:has(.thumb)").first
    concept = part.locator(".clip").inner_text()
    part.locator(".thumb.down").click()
    expect(part.locator(".thumb.down")).to_have_attribute("aria-pressed", "true")
    field = page.get_by_label("Add a tag")
    field.fill("odd")
    field.press("Enter")
    expect(dialog.locator(".tags .chip")).to_have_text("odd")
    page.keyboard.press("Escape")
    expect(blocks(page, ".down")).to_have_attribute("title", re.compile(concept))
    concepts(page).and_(page.locator("[role=listitem]")).nth(1).locator(".patch").first.click()
    expect(dialog.locator(".picture .line")).to_be_visible()
    page.keyboard.press("Escape")
    expect(subtitle).to_contain_text("most similar patches")
    page.locator(".detail .back").click()
    expect(page.locator(".detail .empty")).to_contain_text("Open a concept")
    blocks(page, ".down").click()
    expect(blocks(page, ".down")).to_have_count(0)


def test_pictures_of_the_next_concept_come_where_it_shares_images(small_url, open_page) -> None:
    page = select_first(open_page(small_url))  # which has no picture yet
    tiles = page.locator(".detail .tile")
    for rank in (0, 1, 2, 0):
        open_concept(page, rank)
        for at in range(min(3, tiles.count())):
            expect(tiles.nth(at).locator("img")).to_be_visible()


# --- other stores ------------------------------------------------------------------------------


def unassigned_arrays(**sizes: int) -> dict[str, np.ndarray]:
    """A thousand images in a gallery; no segment is nearest to 'wheel'."""
    arrays = small_arrays(**sizes)
    wheel, sky = (list(arrays["concept"]).index(name) for name in ("wheel", "sky"))
    own = arrays["segment_concept"] == wheel
    arrays["segment_concept"] = np.where(own, sky, arrays["segment_concept"])
    return arrays


def test_of_a_thousand_images_only_those_near_the_view_are_there(
    serve, open_page, tmp_path
) -> None:
    sizes = {"images": 6000, "concepts": 10, "classes": 2}
    url = serve(small_spec(tmp_path, make=unassigned_arrays, **sizes)).url
    page = open_page(f"{url}?class=bicycle&concept=wheel")
    expect(page.get_by_text("No segment of these images is assigned")).to_be_visible()
    page.get_by_role("button", name=re.compile("Show all .* images by their scores")).click()
    tiles, gallery = page.locator(".detail .tile"), page.locator(".detail .gallery")
    expect(tiles.first).to_be_visible()
    expect(page).to_have_url(re.compile("images=all"))
    everything = counted(page, "")
    assert everything > 1000
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
    expect(large(page)).to_contain_text(f"{everything:,} of {everything:,}")


def photographed(folder: Path) -> Path:
    """A spec with photos behind its thumbnails, and maps of knowledge of every other one."""
    spec = small_spec(folder)
    store, photos = open_store(load_spec(spec, check_files=False).store), folder / "data/images"
    photos.mkdir(parents=True)
    maps = np.full(int(store.mask_offset[-1]), np.nan, np.float16)
    for at, row in enumerate(store.rows("tune")):
        photo = Image.open(io.BytesIO(store.thumbnail(row))).resize((320, 320))
        photo.save(photos / f"{store.images[row]}.png")
        one = np.zeros(store.thumbnail_shape[row], np.float16)
        one[: len(one) // 2] = 0.5
        if at % 2 == 0:
            maps[store.mask_offset[row] : store.mask_offset[row + 1]] = one.ravel()
    facts = {"network": "encoder", "layer": "trunk", "b": 0.2}
    add_arrays(store, {"knowledge_contrast": maps}, {"knowledge": facts})
    return spec


def test_the_photo_takes_the_place_of_the_thumbnail_and_knowledge_points_lie_over_it(
    serve, open_page, tmp_path
) -> None:
    page = select_first(open_page(serve(photographed(tmp_path)).url))
    open_concept(page)
    page.locator(".detail .tile button").first.click()
    dialog = large(page)
    picture = dialog.locator(".picture")
    photo = picture.locator("img:not(.heat)")
    expect(dialog.locator("header")).to_contain_text("320 × 320 pixels")
    comes_to(lambda: photo.evaluate("(image) => image.naturalWidth"), 320)
    wait_until(lambda: picture.bounding_box()["width"] > 400, "the photo is drawn large")
    outline = picture.locator("svg")  # in pixels of the thumbnail, drawn as large as the photo
    expect(outline).to_have_attribute("viewBox", "0 0 32 32")
    comes_to(lambda: outline.bounding_box() == photo.bounding_box(), True)
    switch, apart = dialog.get_by_role("button", name="Knowledge points"), dialog.locator(".apart")
    seen = set()
    for at in range(2, 40):  # images with and without a map come in the gallery's order
        expect(dialog).to_contain_text("Smallest change")
        seen.add(switch.is_visible())
        if seen == {True, False} and switch.is_visible():
            break
        before = apart.inner_text()
        page.keyboard.press("ArrowRight")
        expect(dialog).to_contain_text(f"{at} of")
        expect(apart).not_to_have_text(before)
        expect(dialog.locator("header")).to_contain_text("320 × 320 pixels")
    heat = dialog.locator("img.heat")
    expect(heat).to_have_count(0)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(dialog).to_contain_text("Bright: parts that the layer trunk of encoder keeps")
    comes_to(lambda: heat.bounding_box() == picture.bounding_box(), True)
    switch.click()
    expect(heat).to_have_count(0)
