"""Names as long as real ones, and longer: beside a waiting batch nothing is cut or pushed out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, spec_text
from playwright.sync_api import Page, expect
from resizing import resize
from waiting import comes_to

from inficond_panel.store import write_store

pytestmark = pytest.mark.ui

REAL = ("washer, automatic washer", "television receiver, television", "swimming pool")
SIZES = ((1920, 1080), (1280, 800))
LONGER = "with a name as long as those that people make of whole sentences"
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


def long_spec(folder: Path) -> Path:
    arrays = small_arrays(concepts=24, classes=4)
    long = [f"{name} {LONGER}" for name in arrays["concept"][3:12]]
    arrays["concept"] = np.array([*REAL, *long, *arrays["concept"][12:]])
    kept = arrays["class_name"]
    arrays["class_name"] = np.array(["sports equipment", f"{kept[1]} {LONGER}", *kept[2:]])
    write_store(folder / "small.zarr", arrays, {**ATTRS, "title": f"A data set {LONGER}"})
    spec = folder / "spec.yaml"
    spec.write_text(
        spec_text().replace("title: Small", f"title: A data set {LONGER}\nstore: small.zarr")
    )
    return spec


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    return serve_module(long_spec(tmp_path_factory.mktemp("long"))).url


def nothing_misplaced(page: Page) -> None:
    for width, height in SIZES:
        resize(page, width, height)
        comes_to(lambda w=width: [w, *page.evaluate(MISPLACED)], [width])


@pytest.mark.parametrize(("place", "own_font"), [(0, True), (1, False)])
def test_nothing_is_cut_or_pushed_out(url, open_page, place, own_font) -> None:
    page = open_page(f"{url}?show=details", *SIZES[0], own_font)
    comes_to(lambda: page.evaluate("document.fonts.size"), own_font)
    classes = page.locator(".performance [role=option]")
    expect(classes).to_have_count(4)
    name = classes.filter(has_text=["sports equipment", LONGER][place])
    name.click()
    rows = page.locator(".knowledge .rows > .row")
    expect(rows.nth(9)).to_be_attached()
    tuned = page.locator(f'.knowledge .row[data-key="{rows.first.get_attribute("data-key")}"]')
    tuned.locator(".open").click()
    tuned.locator(".thumb.up").click()
    rows.nth(2).locator(".thumb.down").click()
    expect(page.locator(".knowledge .status")).to_contain_text("prediction")
    expect(name.locator(".touch")).to_have_text("2")
    nothing_misplaced(page)
    page.keyboard.press("c")
    page.keyboard.type("a")
    expect(page.locator(".knowledge .tally.found")).to_be_visible()
    nothing_misplaced(page)
    page.keyboard.press("Escape")
    page.get_by_label("Sort concepts by").select_option("discrepancy_p")
    nothing_misplaced(page)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text("Done in")
    page.get_by_label("Sort concepts by").select_option("weight")
    tuned.locator(".thumb.remove").click()
    expect(page.locator(".knowledge .status")).to_contain_text("prediction")
    expect(page.locator(".knowledge .notices")).to_contain_text("is replaced by")
    nothing_misplaced(page)


def test_column_heads_stand_over_their_columns(url, open_page) -> None:
    page = open_page(url, 1280, 600)
    page.locator(".performance [role=option]").first.click()
    rows = page.locator(".knowledge .rows > .row")
    expect(rows.nth(9)).to_be_attached()
    scroll = page.locator(".knowledge .scroll")
    comes_to(lambda: scroll.evaluate("e => e.scrollHeight > e.clientHeight"), True)
    head = page.locator(".knowledge .columns > span").nth(2)
    patches = rows.first.locator(".patches")
    beside = pytest.approx(0, abs=1)
    comes_to(lambda: head.bounding_box()["x"] - patches.bounding_box()["x"], beside)
