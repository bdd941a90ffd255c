"""Where to begin: the order of the classes, few positives, one panel at a time, cards that wait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from playwright.sync_api import Page, expect
from waiting import comes_to

pytestmark = pytest.mark.ui

FEW = 4


def few_arrays() -> dict[str, np.ndarray]:
    """Four tuning images show 'bird'; the teacher is right on them."""
    arrays = small_arrays(images=600)
    label, names = arrays["label"], list(arrays["class_name"])
    shown = np.flatnonzero((arrays["split"] == "tune") & (label[:, names.index("bird")] == 1))
    label[shown[FEW:], names.index("bird")] = 0
    return arrays


def classes(page: Page) -> list[str]:
    return [
        row.get_attribute("data-key") for row in page.locator(".performance [role=option]").all()
    ]


def test_classes_that_can_be_repaired_come_first_then_the_widest_gap(serve, open_page) -> None:
    page = open_page(serve(Path("demo")).url, 1440, 900)
    cards = page.locator(".start .cards > li")
    expect(cards).to_have_count(5)
    wrong = {card.locator("b").first.inner_text() for card in cards.all()}
    comes_to(lambda: set(classes(page)[:5]), wrong)
    order = classes(page)
    page.get_by_label("Sort by").select_option("gap")
    comes_to(lambda: classes(page) != order, True)
    by_gap = classes(page)
    for part in (order[:5], order[5:]):
        assert part == sorted(part, key=by_gap.index)


def test_a_class_of_few_positives_says_how_many_and_comes_last(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, make=few_arrays, extra="layout: {show: simple}\n")
    page = open_page(serve(spec).url, 1440, 900)
    last = page.locator(".performance [role=option]").last
    expect(last).to_have_attribute("data-key", "bird")
    expect(last).to_contain_text(f"n = {FEW}")
    last.click()
    finding = page.locator(".knowledge .finding .sentence")
    expect(finding).to_contain_text(f"and {FEW} tuning images: at least 10 of each are needed.")


def test_one_panel_is_open_at_a_time(serve, open_page) -> None:
    page = open_page(f"{serve(Path('demo')).url}?class=bicycle&show=details", 1440, 900)
    lines = page.locator(".knowledge .unfold-line:visible")
    expect(lines).to_have_count(2)
    opened = page.locator(".knowledge .unfold-line[aria-expanded=true]")
    for at in (0, 1, 0):
        lines.nth(at).click()
        expect(lines.nth(at)).to_have_attribute("aria-expanded", "true")
        expect(opened).to_have_count(1)
    lines.nth(0).click()
    expect(opened).to_have_count(0)


def test_the_card_of_an_iteration_waits_until_the_pointer_rests(small_url, open_page) -> None:
    page = open_page("about:blank", 1440, 900, own_context=True)
    page.clock.install()
    page.goto(f"{small_url}?class=bicycle&show=simple")
    row = page.locator(".provenance .row[role=option]").first
    page.locator(".knowledge .thumb.up").first.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".provenance .row[role=option]")).to_have_count(2)
    expect(row).to_be_visible()
    box, card = row.bounding_box(), page.locator(".card:popover-open")
    page.clock.pause_at(page.evaluate("Date.now() + 10000"))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.clock.run_for(500)
    expect(card).to_have_count(0)
    page.clock.run_for(200)
    expect(card).to_have_count(1)
