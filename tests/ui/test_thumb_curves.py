"""Curves where a thumb adjusts targets: the path of thumbs, and the ring of the batch's result."""

from __future__ import annotations

import re

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from resizing import resize
from steps import row_of
from waiting import comes_to

WHOLE = "(it) => it.scrollWidth <= it.clientWidth && it.scrollHeight <= it.clientHeight"
#: Least distance in pixels of the ring of the preview from a point of the curve of thumbs.
FROM_THE_CURVE = """chart => {
  const middle = (it) => {
    const box = it.getBoundingClientRect()
    return [box.x + box.width / 2, box.y + box.height / 2]
  }
  const [x, y] = middle(chart.querySelector("circle.ghost"))
  const solved = [...chart.querySelectorAll("circle.solved")].map(middle)
  return Math.round(Math.min(...solved.map(([a, b]) => Math.hypot(a - x, b - y))))
}"""


@pytest.fixture
def page(serve, tmp_path, open_page) -> Page:
    spec = small_spec(tmp_path, extra="tuning: {refit: target}\n")
    page = open_page(f"{serve(spec).url}?class=bicycle&concept=wheel")
    expect(page.locator(".detail .field").first.locator("circle.solved").nth(15)).to_be_attached()
    return page


def raise_wheel(page: Page) -> None:
    row_of(page, "wheel").locator(".thumb.up").click()
    expect(page.locator(".detail circle.ghost").first).to_be_attached()


def test_the_curve_of_thumbs_is_shown_first(page) -> None:
    expect(page.get_by_role("radio", name=re.compile("^Thumbs"))).to_be_checked()
    expect(page.locator(".detail .samples")).to_contain_text("thumbs, lower to raise")


def test_a_point_is_read_with_its_thumb(page) -> None:
    field = page.locator(".detail .field").first.bounding_box()
    page.mouse.move(field["x"] + field["width"] - 2, field["y"] + field["height"] / 2)
    expect(page.locator(".card:has-text('Influence')")).to_contain_text(re.compile(r"▲ ×\S+ gives"))


def test_keys_read_a_point_with_its_thumb(page) -> None:
    reader = page.get_by_role("slider", name="Influence at which the curves are read")
    reader.focus()
    page.keyboard.press("Home")
    expect(reader).to_have_attribute("aria-valuetext", re.compile(r"▼ ×\S+ gives .*Recall"))


def test_the_ring_of_a_thumb_is_on_the_curve(page) -> None:
    raise_wheel(page)
    chart = page.locator(".detail .chart").first
    comes_to(lambda: chart.evaluate(FROM_THE_CURVE), 0)


def test_the_ring_in_the_list_is_what_the_batch_gives(page) -> None:
    raise_wheel(page)
    effect = row_of(page, "wheel").locator(".effect")
    expect(effect.locator(".dot.pending.up")).to_be_attached()
    expect(effect).to_have_attribute("aria-label", re.compile("after this batch .* points at"))


def test_the_legend_is_whole_with_a_pending_thumb(page) -> None:
    raise_wheel(page)
    resize(page, 1280, 800)
    legend = page.locator(".detail .samples")
    expect(legend).to_contain_text("pending ▲ ×2")
    comes_to(lambda: legend.evaluate(WHOLE), True)
