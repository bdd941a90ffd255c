"""Names that are hard to show: as long as real ones and longer, or like code; and few of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, spec_text
from playwright.sync_api import Page, expect
from resizing import resize
from steps import (
    classes,
    concepts,
    fine_tune,
    iterations,
    row_of,
    select_first,
    show_details,
    shown,
)
from waiting import comes_to, wait_until

from inficond_panel.store import write_store

REAL = ("washer, automatic washer", "television receiver, television", "swimming pool")
EVIL = "<img src=x onerror=alert(1)>"
LONGER = "with a name as long as those that people make of whole sentences"
LONGEST = "a name that goes on and on " * 8
SIZES = ((1920, 1080), (1280, 800))
#: What is cut without an ellipsis, lies outside its view, or lies on its neighbour.
MISPLACED = """() => {
  const found = []
  const inside = (e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]
  const all = (root) => [...root.querySelectorAll("*")].flatMap(inside)
  const shown = { opacityProperty: true, visibilityProperty: true }
  const seen = (e) => e.checkVisibility(shown) && !e.closest(".vh, dialog, [popover], select")
  const told = (e, what) => {
    const name = e.className.baseVal ?? e.className
    found.push(`${what}: ${name} ${e.textContent.trim().slice(0, 40)}`)
  }
  const boxOfText = (node) => {
    const range = document.createRange()
    range.selectNodeContents(node)
    return range.getBoundingClientRect()
  }
  const boxesOf = (e) => e.matches("button, input, img, svg") ? [e.getBoundingClientRect()]
    : [...e.childNodes].filter((node) => node.nodeType === 3 && node.data.trim()).map(boxOfText)
  const check = (e, panel, { left, right }) => {
    const own = getComputedStyle(e)
    const spills = own.overflowX === "visible" && !/inline|contents/.test(own.display)
    if (spills && right > e.getBoundingClientRect().right + 1) told(e, "beyond its own box")
    for (let box = e; box; box = box === panel ? null : box.parentElement) {
      const style = getComputedStyle(box), edge = box.getBoundingClientRect()
      const open = box !== panel && style.overflowX === "visible"
      if (open || style.display === "inline") continue
      if (right <= edge.right + 1 && left >= edge.left - 1) continue
      if (style.textOverflow !== "ellipsis") return told(e, "cut")
      right = Math.min(right, edge.right)
    }
  }
  const DRAWN = "button, input, svg, img"
  const shows = (e) => e.textContent.trim() || e.matches(DRAWN) || e.querySelector(DRAWN)
  const compare = (parent) => {
    const beside = [...parent.children]
      .filter((child) => seen(child) && shows(child))
      .filter((child) => getComputedStyle(child).position !== "absolute")
      .map((child) => [child, child.getBoundingClientRect()]).filter(([, box]) => box.width)
    beside.slice(1).forEach(([child, box], at) => {
      const before = beside[at][1]
      const level = box.top < before.bottom - 1 && before.top < box.bottom - 1
      if (level && box.left < before.right - 1) told(child, "on its neighbour")
    })
  }
  for (const e of all(document)) {
    const panel = e.closest(".panel, .strip")
    if (!panel || !seen(e)) continue
    for (const box of boxesOf(e)) if (box.width > 1) check(e, panel, box)
    if (e.matches(".panel-head, .titles, .title, .below, .line, .unfolds, .metrics")) compare(e)
  }
  return [...new Set(found)]
}"""


def hard_spec(folder: Path) -> Path:
    arrays = small_arrays(concepts=24, classes=4)
    long = [f"{name} {LONGER}" for name in arrays["concept"][3:10]]
    arrays["concept"] = np.array([*REAL, *long, EVIL, LONGEST, *arrays["concept"][12:]])
    arrays["class_name"] = np.array(["sports equipment", f"tv {LONGER}", EVIL, LONGEST])
    arrays["image"] = np.array([f"{i} {EVIL}" for i in range(len(arrays["image"]))])
    return write(folder / "hard", f"{EVIL} {LONGER}", arrays)


def write(folder: Path, title: str, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    write_store(folder / "small.zarr", arrays, {**ATTRS, "title": title})
    spec = folder / "spec.yaml"
    spec.write_text(spec_text().replace("title: Small", f"title: {title!r}\nstore: small.zarr"))
    return spec


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("hard")
    tiny = write(folder / "tiny", "Tiny", small_arrays(classes=1, concepts=5))
    return serve_module(hard_spec(folder), tiny).url


def nothing_misplaced(page: Page) -> None:
    for width, height in SIZES:
        resize(page, width, height)
        comes_to(lambda w=width: [w, *page.evaluate(MISPLACED)], [width])


@pytest.mark.parametrize(
    ("name", "own_font"),
    [("sports equipment", True), pytest.param(LONGER, False, marks=pytest.mark.more)],
)
def test_beside_a_waiting_batch_nothing_is_cut_or_pushed_out(
    url, open_page, name, own_font
) -> None:
    page = open_page(f"{url}?show=details", *SIZES[0], own_font)
    comes_to(lambda: page.evaluate("document.fonts.size"), own_font)
    expect(classes(page)).to_have_count(4)
    row = classes(page).filter(has_text=name)
    row.click()
    expect(concepts(page).nth(9)).to_be_attached()
    tuned = row_of(page, concepts(page).first.get_attribute("data-key"))
    tuned.locator(".open").click()
    tuned.locator(".thumb.up").click()
    concepts(page).nth(2).locator(".thumb.down").click()
    status, order = page.locator(".knowledge .status"), page.get_by_label("Sort concepts by")
    expect(status).to_contain_text("prediction")
    expect(row.locator(".touch")).to_have_text("2")
    nothing_misplaced(page)
    page.keyboard.press("c")
    page.keyboard.type("a")
    expect(page.locator(".knowledge .tally.found")).to_be_visible()
    nothing_misplaced(page)
    page.keyboard.press("Escape")
    order.select_option("discrepancy_p")
    nothing_misplaced(page)
    fine_tune(page)
    order.select_option("weight")
    tuned.locator(".thumb.remove").click()
    expect(status).to_contain_text("prediction")
    expect(page.locator(".knowledge .notices")).to_contain_text("is replaced by")
    nothing_misplaced(page)


def right_end(page: Page, part: str) -> float:
    box = page.locator(f".detail{part}").bounding_box()
    return box["x"] + box["width"]


def test_names_stay_text_in_all_views_and_data_sets_are_switched(url, open_page) -> None:
    page = open_page(url, 1280, 600)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    select_first(page)
    expect(concepts(page).nth(9)).to_be_attached()
    scroll = page.locator(".knowledge .scroll")
    comes_to(lambda: scroll.evaluate("e => e.scrollHeight > e.clientHeight"), True)
    head = page.locator(".knowledge .columns > span").nth(2)
    patches = concepts(page).first.locator(".patches")  # its column's head stands over it
    beside = pytest.approx(0, abs=1)
    comes_to(lambda: head.bounding_box()["x"] - patches.bounding_box()["x"], beside)

    page.set_viewport_size({"width": 1280, "height": 800})
    show_details(page, True)
    page.get_by_label("Find class").fill(EVIL)
    page.keyboard.press("Enter")
    shown(page, EVIL)
    page.get_by_label("Concepts listed").select_option("50")
    for name in (LONGEST, EVIL):
        row_of(page, name).locator(".thumb.down").click()
        row_of(page, name).locator(".open").click()
        expect(page.locator(".detail .subtitle")).to_have_text(name)
        expect(page.locator(".detail .samples")).to_contain_text("preview")
        wait_until(lambda: right_end(page, " .how") <= right_end(page, ""), "the choice is inside")
    page.locator(".detail .tile button").first.click()
    expect(page.locator("dialog.large[open] #image-title")).to_contain_text(EVIL)
    page.keyboard.press("Escape")
    fine_tune(page)
    page.get_by_role("tab", name="Provenance").click()
    first = iterations(page).first
    expect(first.locator(".chips")).to_contain_text(EVIL)
    first.hover()
    card = page.locator(".card:popover-open")
    expect(card).to_contain_text(EVIL)
    page.locator(".provenance .body").evaluate("e => e.dispatchEvent(new Event('scroll'))")
    expect(card).to_have_count(0)
    expect(card).to_contain_text(EVIL)  # the pointer rests on the row
    expect(page.locator('img[src="x"]')).to_have_count(0)
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth"), 1280)

    page.get_by_label("Dataset").select_option("Tiny")
    expect(page.locator(".shell > header")).to_contain_text("Tiny, 1 class")
    expect(classes(page)).to_have_count(1)
    expect(page.locator(".knowledge .subtitle")).to_have_text("")
    classes(page).click()
    expect(page.locator(".knowledge")).to_contain_text("concepts have influence")
    expect(concepts(page).first).to_be_visible()
    assert 1 <= concepts(page).count() < 5  # of 5; the others are at 0
