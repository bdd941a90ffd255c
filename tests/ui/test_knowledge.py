"""Student knowledge beyond the main job: metrics, influence by hand, several students, concepts."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from playwright.sync_api import Locator, Page, expect
from steps import blocks, classes, concepts, fine_tune, iterations, names, select_class
from waiting import comes_to, wait_until

#: Scrolls the list of concepts from top to end; gives the number of concepts that came into view.
SCROLLED_THROUGH = """async () => {
  const find = (root, name) => root.querySelector(name) ?? [...root.querySelectorAll("*")]
    .map((each) => each.shadowRoot && find(each.shadowRoot, name)).find(Boolean)
  const rows = find(document, ".knowledge .rows"), scroll = rows.parentElement, seen = new Set()
  const frame = () => new Promise(requestAnimationFrame)
  for (let top = 0; top < scroll.scrollHeight; top += scroll.clientHeight) {
    scroll.scrollTop = top
    await frame(); await frame()
    const { top: from, bottom: to } = scroll.getBoundingClientRect()
    for (const row of rows.children) {
      const box = row.getBoundingClientRect()
      if (box.bottom > from && box.top < to) seen.add(row.dataset.key)
    }
  }
  return seen.size
}"""


def sliced_arrays() -> dict[str, np.ndarray]:
    """Images that have metadata."""
    arrays = small_arrays(images=600)
    light = np.where(np.arange(600) % 3, "day", "<b>night</b>")
    arrays["metadata"] = light[:, None].astype(object)
    arrays["metadata_column"] = np.array(["light"])
    return arrays


def large_arrays(classes: int, concepts: int) -> dict[str, np.ndarray]:
    """Many classes, some with long names, and concepts."""
    arrays = small_arrays(images=300, concepts=concepts, classes=classes)
    arrays["class_name"] = np.array(
        [f"class {k} " + "with a long name " * (k % 4) for k in range(classes)]
    )
    return arrays


@pytest.fixture(scope="module")
def sliced(tmp_path_factory, serve_module) -> str:
    return serve_module(small_spec(tmp_path_factory.mktemp("sliced"), make=sliced_arrays)).url


@pytest.fixture
def page(sliced, share_page) -> Page:
    """A page of 'bicycle'; tests leave it with nothing pending and nothing searched."""
    return select_class(share_page(sliced), "bicycle")


def row(page: Page, at: int) -> Locator:
    return concepts(page).nth(at)


def test_metrics_open_with_their_noise_and_the_worst_slice(page) -> None:
    line, body = page.locator(".measures .unfold-line"), page.locator("#measures-body")
    expect(line).to_contain_text(re.compile(r"accuracy 0\.\d+ · fidelity 0\.\d+ \(if always"))
    row(page, 0).focus()
    page.keyboard.press("a")
    expect(body.locator("tbody tr")).to_have_count(8)
    comes_to(lambda: body.evaluate("(body) => body.scrollHeight - body.clientHeight"), 0)
    expect(body).not_to_contain_text("Preview")
    row(page, 0).locator(".thumb.remove").click()
    expect(body).to_contain_text("Preview")
    expect(line).to_contain_text("→")
    fine_tune(page)
    expect(body).to_contain_text("Since start")
    f1 = body.locator("tbody tr").nth(1).locator("td").first.inner_text()
    tried, slider = body.locator(".threshold p").nth(1), body.get_by_label("Try another")
    expect(tried).to_contain_text(f"Above 0.000: F1 {f1} · ")  # as the one in force decides
    slider.press("Home")
    expect(tried).to_contain_text(re.compile(r"recall 1\.000 · (\d+) of \1 found"))
    slider.press("End")
    expect(tried).to_contain_text("precision – · recall 0.000")
    body.get_by_label("Slices by").select_option("light")
    slices = body.locator(".slices:not(.groups)")
    status = slices.locator("[role=status]")
    expect(status).to_contain_text("Worst slice by its p: ")
    expect(slices.locator("tbody tr")).to_have_count(2)
    expect(slices).to_contain_text("<b>night</b>")
    metric = body.get_by_label("Metric of the slices")
    metric.focus()
    metric.select_option("accuracy")
    expect(metric).to_be_focused()
    expect(slices.locator("thead")).to_contain_text("Accuracy95 %Fidelity")
    expect(status).to_contain_text("does worse than random images")  # day and night alike
    expect(slices.locator("tbody td").nth(1)).to_have_text(re.compile(r"^\[0\.\d+, [01]\."))
    select_class(page, "sheep")
    expect(status).to_contain_text("for sheep")
    expect(page).to_have_url(re.compile("metrics=open&slices=light&by=accuracy"))
    page.keyboard.press("a")


def drag(page: Page, grip: Locator, across: float) -> None:
    """Drag what is at the middle of ``grip`` by so many pixels, and hold it."""
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y, steps=4)


def test_an_influence_is_set_by_hand_and_released(serve, tmp_path, open_page) -> None:
    page = select_class(open_page(serve(small_spec(tmp_path)).url), "bicycle")  # nothing is held
    first, second = row(page, 0), row(page, 1)
    slider = first.locator(".handle")
    expect(first.locator(".effect .grip")).to_have_count(1)
    expect(slider).to_be_hidden()  # until the pointer or the focus is in the row
    first.hover()
    start = slider.get_attribute("aria-valuenow")
    drag(page, slider, -20)
    expect(first.locator(".note")).to_contain_text("≤")
    expect(page.locator(".card:popover-open")).to_contain_text("others fixed")
    page.keyboard.press("Escape")
    expect(slider).to_have_attribute("aria-valuenow", start)
    page.mouse.up()
    expect(blocks(page, ".down")).to_have_count(0)
    drag(page, first.locator(".effect .grip"), -20)
    page.mouse.up()
    expect(blocks(page, ".down")).to_have_count(1)
    now = "(slider) => Number(slider.getAttribute('aria-valuenow'))"
    wait_until(lambda: slider.evaluate(now) < float(start), "the influence is less")
    expect(first).not_to_have_class(re.compile("current"))  # a drag is no click
    second.locator(".thumb.up").click()
    factor = second.get_by_label("Factor of")
    expect(factor).to_have_value("2")
    factor.select_option("1.5")
    expect(page.get_by_label("Factor", exact=True)).to_have_value("2")
    expect(factor).to_have_value("1.5")
    fine_tune(page)
    held = page.locator(".knowledge .held .chip")
    expect(held).to_have_count(2)
    held.first.get_by_role("button", name=re.compile("^Release ")).click()
    expect(blocks(page, ".release")).to_have_count(1)
    fine_tune(page)
    expect(held).to_have_count(1)


#: The browser has been told of a thumb.
WAITING = """() => [...Bokeh.documents[0]._all_models.values()]
  .some((model) => model.data?.pending?.length)"""


def test_what_arrives_while_a_pointer_is_pressed_is_drawn_after_the_click(page) -> None:
    name, thumb = row(page, 0).locator(".open"), row(page, 1).locator(".thumb.down")
    box = name.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    thumb.evaluate("(thumb) => thumb.click()")
    page.wait_for_function(WAITING)  # it has a block above the rows, which would move them
    page.mouse.up()
    expect(page.locator(".detail .subtitle")).to_have_text(name.inner_text())
    expect(blocks(page, ".down")).to_have_count(1)
    thumb.click()
    expect(blocks(page)).to_have_count(0)


def test_a_batch_over_two_students_says_which(page) -> None:
    row(page, 0).locator(".thumb.down").click()
    touched = page.locator(".knowledge .touched")
    expect(page.locator('.performance [data-key="bicycle"] .touch')).to_have_text("1")
    expect(touched).to_be_hidden()
    select_class(page, "sheep")
    expect(touched).to_contain_text("This batch tunes 1 student:")
    row(page, 1).locator(".thumb.up").click()
    expect(touched).to_contain_text("This batch tunes 2 students:")
    expect(touched.get_by_role("button").first).to_contain_text("points")
    expect(row(page, 1).locator(".note")).to_contain_text("≥")
    touched.get_by_role("button").first.click()
    expect(page.locator(".knowledge .subtitle")).to_have_text("bicycle")
    expect(blocks(page, ".down")).to_have_count(1)
    fine_tune(page)
    expect(touched).to_be_hidden()
    expect(page.locator(".performance .touch:not(:empty)")).to_have_count(0)
    page.locator('.performance [data-key="sheep"] .ring').first.hover()
    expect(page.locator(".card:popover-open")).to_contain_text("AP since start")


def test_a_thumb_that_waits_is_seen_in_the_row_of_the_open_concept(page) -> None:
    row(page, 0).locator(".open").click()
    expect(row(page, 0)).to_have_class(re.compile("current"))
    thumb, other = (row(page, 0).locator(f".thumb.{kind}") for kind in ("remove", "up"))
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    look = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    under_pointer, colour = thumb.evaluate(look)
    assert under_pointer != colour
    page.mouse.move(1, 1)
    comes_to(lambda: thumb.evaluate(look)[0], under_pointer)
    wait_until(lambda: other.evaluate(look)[0] != under_pointer, "the others look otherwise")
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "false")


def ranked(page: Page) -> Locator:
    """Rows with a rank; those that bounds hold at 0 are listed beside them."""
    ranks = page.locator(".knowledge .rows > .row > .rank")
    return ranks.filter(has_text=re.compile(r"^\d+$"))


def test_rows_shown_are_saved(page) -> None:
    def save(view: str, kind: str) -> Path:
        page.locator(view).get_by_label("Save the rows shown").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=kind).click()
        return download.value.path()

    page.get_by_label("Concepts listed").select_option("5")
    expect(ranked(page)).to_have_count(5)
    saved = json.loads(save(".knowledge", "JSON").read_text())
    assert {each["concept"] for each in saved} == set(names(concepts(page)))
    page.get_by_label("Find class").fill("b")
    expect(classes(page)).to_have_count(2)
    with save(".performance", "CSV").open() as file:
        assert [each["class"] for each in csv.DictReader(file)] == names(classes(page))
    page.get_by_label("Find class").fill("")
    page.get_by_label("Concepts listed").select_option("10")


def test_what_cannot_be_added_is_told_in_the_dialog(page) -> None:
    page.get_by_label("Find concept").fill("no such word")
    page.get_by_role("button", name="Add “no such word”").click()
    dialog = page.locator("dialog.typing[open]")
    field = dialog.get_by_label("Name; synonyms")
    expect(field).to_have_value("no such word")
    expect(dialog).to_contain_text("Encoded by synthetic encoder")
    field.fill("Wheel")
    field.press("Enter")
    expect(dialog).to_contain_text("'wheel' already exists. Type another word.")
    field.fill("")
    expect(dialog.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Back to the list").click()
    expect(ranked(page)).to_have_count(10)


def test_a_concept_that_is_made_of_photos_with_a_tag_joins_the_page_and_leaves_it(page) -> None:
    row(page, 0).locator(".open").click()
    page.locator('.detail .filter-chip[data-id=""]').click()  # nearest are too few for a concept
    page.locator(".detail .tile button").first.click()
    page.get_by_label("Add a tag").fill("<b>strap</b>")
    page.locator("dialog.large[open] .tags .btn.plain").click()
    expect(page.locator("dialog.large[open] .tags .chip")).to_have_text("<b>strap</b>")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    dialog = page.locator("dialog.typing[open]")
    made = dialog.get_by_label("Made from")
    expect(made.locator("option")).to_have_count(2)
    words = made.locator("option").nth(1).inner_text()
    assert re.fullmatch(r"[0-9]+ photos tagged <b>strap</b>", words)
    made.select_option("<b>strap</b>")
    expect(dialog).to_contain_text("What these photos have in common.")
    dialog.get_by_label("Name; synonyms").fill("harness")
    page.keyboard.press("Enter")
    notices = page.locator(".knowledge .notices")
    expect(notices).to_contain_text(f"Added harness (from {words.split()[0]} photos): scores")
    expect(page.locator(".detail .subtitle")).to_have_text("harness")
    expect(page.locator(".knowledge .subtitle")).to_have_text("bicycle")
    expect(page.get_by_label("Find concept")).to_have_value("harness")
    expect(page.locator('.knowledge .row[data-key="harness"] img')).to_have_count(5)
    expect(page.get_by_text("31 concepts").first).to_be_visible()
    many = iterations(page).count()
    typed = page.locator(".provenance .typed")
    expect(typed).to_have_attribute("title", re.compile(r"With harness\. Delete it \(T\)"))
    expect(typed).to_have_css("-webkit-line-clamp", "2")  # the rows go before
    page.keyboard.press("t")
    page.get_by_role("button", name="Delete harness").click()
    expect(notices).to_contain_text("harness was taken away")
    expect(page.get_by_text("30 concepts").first).to_be_visible()
    expect(iterations(page)).to_have_count(many)
    page.get_by_label("Find concept").fill("")


@pytest.mark.more  # rows near the view: test_bars_in_rows.py, test_provenance.py
@pytest.mark.parametrize(("many", "count"), [(40, 200), (80, 2000)])
def test_many_classes_and_concepts(serve, tmp_path, open_page, many, count) -> None:
    spec = small_spec(tmp_path, make=large_arrays, classes=many, concepts=count)
    page = open_page(serve(spec).url, 1280, 800)
    expect(page.get_by_text(f"{many} students")).to_be_visible()
    classes(page).nth(3).click()
    listed, first = concepts(page), concepts(page).first
    expect(first).to_be_visible()
    page.get_by_label("Sort concepts by").select_option("discrepancy_n")
    page.get_by_label("Concepts listed").select_option("All")
    expect(first).to_have_attribute("aria-setsize", str(count))
    comes_to(lambda: page.evaluate(SCROLLED_THROUGH), count)
    assert listed.count() < 50
    first.focus()
    page.keyboard.press("End")
    last = page.locator(f'.knowledge .row[aria-posinset="{count}"]')
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport(ratio=0.9)
    expect(last.locator(".effect[aria-busy]")).to_have_count(0)
    expect(last.locator("img[src^='data:image/webp']").first).to_be_visible()
    page.keyboard.press("u")
    expect(blocks(page, ".up")).to_contain_text(last.get_attribute("data-key"))
    page.keyboard.press("ArrowUp")
    expect(page.locator(f'.knowledge .row[aria-posinset="{count - 1}"]')).to_be_focused()
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-posinset", "1")
    page.keyboard.press("c")
    page.keyboard.type("wheel")
    expect(page.locator(".knowledge .tally")).to_contain_text(f"{count // 10} concepts found")
    expect(first).to_have_attribute("aria-setsize", str(count // 10))
    page.get_by_label("Find concept").press("Escape")
    head = page.locator(".knowledge .panel-head")
    comes_to(lambda: head.evaluate("head => head.scrollWidth <= head.clientWidth"), True)
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth"), 1280)
