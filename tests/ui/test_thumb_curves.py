"""Curves where a thumb adjusts targets: the path of thumbs, the ring of what a batch gives."""

from __future__ import annotations

import re

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from resizing import resize
from steps import blocks, row_of
from waiting import comes_to

WHOLE = "(it) => it.scrollWidth <= it.clientWidth && it.scrollHeight <= it.clientHeight"
#: Least distance in pixels of the ring of the preview from a point of the curve of thumbs.
FROM_THE_CURVE = """chart => {
  const boxOf = (it) => it.getBoundingClientRect()
  const ring = boxOf(chart.querySelector("circle.ghost"))
  const apart = (it) => Math.hypot(it.left + it.right - ring.left - ring.right,
    it.top + it.bottom - ring.top - ring.bottom) / 2
  return Math.round(Math.min(...[...chart.querySelectorAll("circle.solved")].map(boxOf).map(apart)))
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
    expect(legend).to_contain_text("preview")
    comes_to(lambda: legend.evaluate(WHOLE), True)


def test_the_card_does_not_break_the_names_of_metrics(page) -> None:
    field = page.locator(".detail .field").first.bounding_box()
    page.mouse.move(field["x"] + field["width"] - 2, field["y"] + field["height"] / 2)
    name = page.locator(".card:has-text('Influence') dt", has_text="Precision")
    assert name.bounding_box()["width"] > 45  # broken, it is as wide as a letter


def test_a_page_without_curves_gives_their_room_to_the_names(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, extra="views: {curves: false}\nlayout: {show: details}\n")
    page = open_page(f"{serve(spec).url}?class=bicycle&concept=wheel")
    expect(page.locator(".detail .influence")).to_contain_text("influence")
    row = row_of(page, "wheel")
    concept, patches = (
        row.locator(".concept").bounding_box(),
        row.locator(".patches").bounding_box(),
    )
    assert patches["x"] - concept["x"] - concept["width"] < 40
    for curves in (".knowledge .effect", ".detail .charts", ".detail .how"):
        expect(page.locator(curves).first).to_be_hidden()
    expect(page.locator(".knowledge .legend")).not_to_contain_text("interval")


def test_the_unit_of_a_thumb_is_explained_where_it_waits_and_where_it_is_held(page) -> None:
    words = "standard deviations of the teacher's log-odds"
    raise_wheel(page)
    expect(blocks(page, ".up")).to_have_attribute("title", re.compile(words))
    page.get_by_role("button", name="Fine-tune").click()
    held = page.locator(".knowledge .held .chip").filter(has_text="wheel")
    expect(held.get_by_text("sd")).to_have_attribute("title", re.compile(words))


def test_what_a_refit_brought_is_whole_in_a_narrow_view(page) -> None:
    resize(page, 1024, 800)
    raise_wheel(page)
    page.get_by_role("button", name="Fine-tune").click()
    status = page.locator(".knowledge .line .status")
    expect(status).to_contain_text("Done in")
    room = status.evaluate("it => it.closest('.bar').getBoundingClientRect().right")
    ends = status.evaluate(
        "it => Math.max(...[...it.children].map((one) => one.getBoundingClientRect().right))"
    )
    assert ends <= room
