"""An iteration pinned beside: told while one goes on tuning, kept over a reload, and unpinned."""

from __future__ import annotations

import re

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from test_accessibility import findings

pytestmark = pytest.mark.ui


@pytest.fixture
def page(serve, open_page, tmp_path) -> Page:
    """A page with the student of the first class, untouched."""
    page = open_page(serve(small_spec(tmp_path)).url)
    page.locator(".performance [role=option]").filter(has_text=re.compile("^bicycle")).click()
    expect(page.locator(".knowledge .rows > .row").first).to_be_visible()
    expect(strip(page)).to_have_text(page.locator(".knowledge .now b").first.inner_text())
    return page


def fine_tune(page: Page, number: int) -> None:
    """Remove the strongest concept."""
    page.locator(".knowledge .rows > .row").first.locator(".thumb.remove").click()
    expect(page.locator(".knowledge .block.remove")).to_have_count(1)
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-field=student] .text")).to_contain_text(f"#{number}")
    expect(page.locator(".knowledge .block.remove")).to_have_count(0)


def bicycle(page: Page):
    return page.locator(".performance [role=option]", has_text="bicycle")


def strip(page: Page):
    """AP of the student in view, as the strip tells it."""
    return page.locator(".strip .metric b").first


def ap(page: Page) -> float:
    return float(strip(page).inner_text())


def test_what_is_pinned_is_told_beside_while_one_goes_on(page) -> None:
    unpin = page.get_by_role("button", name="Unpin #0")
    concept = page.locator(".knowledge .rows > .row .open").first.inner_text()
    before, influence = ap(page), page.locator(".knowledge .rows .influence").first.inner_text()
    expect(unpin).to_be_hidden()
    page.keyboard.press("p")
    expect(unpin).to_be_visible()
    expect(page).to_have_url(re.compile("beside="))
    expect(bicycle(page).locator(".then")).to_have_count(0)  # it is in view itself

    fine_tune(page, 1)
    told = bicycle(page).locator(".then")
    expect(told).to_be_visible()
    expect(strip(page)).not_to_have_text(f"{before:.3f}")
    expect(told).to_have_text(re.compile(r"\d.*[+\u2212]\d"))
    then, change = told.inner_text().replace("\u2212", "-").split()
    assert float(then) == before
    assert float(change) == pytest.approx(100 * (ap(page) - before), abs=0.16)  # both are rounded
    expect(bicycle(page)).to_have_accessible_name(re.compile(r"AP 0\.\d+ at #0, now .* points"))
    expect(bicycle(page).locator(".ring .pinned")).to_be_visible()
    page.get_by_role("searchbox", name="Find concept").fill(concept)
    exactly = page.locator(".open", has_text=re.compile(f"^{concept}$"))
    tick = page.locator(".knowledge .rows > .row").filter(has=exactly).locator(".strength")
    expect(tick).to_have_accessible_name(f"influence 0.00, {influence} at #0")
    expect(tick.locator(".pinned")).to_have_count(1)
    assert findings(page) == []

    page.reload()
    expect(told).to_have_text(f"{then} {change}".replace("-", "\u2212"))
    page.get_by_role("radio", name="Simple").click()
    expect(told.locator(".in-full")).to_be_hidden()
    expect(told).to_be_visible()
    expect(unpin).to_be_visible()
    expect(page.locator(".knowledge .strength .pinned")).to_have_count(0)
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    page.get_by_role("radio", name="Full").click()
    expect(page.locator(".knowledge .strength .pinned")).not_to_have_count(0)
    assert findings(page) == []

    unpin.click()
    expect(unpin).to_be_hidden()
    expect(told).to_have_count(0)
    expect(page.get_by_role("combobox", name="Student", exact=True)).to_be_focused()
    expect(page).not_to_have_url(re.compile("beside="))


def test_any_iteration_is_pinned_from_its_row_and_from_a_comparison(page) -> None:
    fine_tune(page, 1)
    fine_tune(page, 2)
    rows = page.locator(".provenance [role=option]")
    rows.nth(1).click(button="right")
    page.get_by_role("menuitem", name="Pin beside").click()
    expect(page.get_by_role("button", name="Unpin #1")).to_be_visible()
    expect(rows.nth(1)).to_have_accessible_name(re.compile("^#1 pinned "))
    expect(page.locator(".provenance .tree .pinned")).to_have_count(1)
    rows.nth(1).focus()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Unpin #1")).to_be_hidden()

    rows.nth(2).focus()
    page.keyboard.press("m")
    expect(page.locator(".choosing")).to_contain_text("Compare #0 with")
    rows.nth(1).focus()
    page.keyboard.press("m")
    dialog = page.get_by_role("dialog", name="#0 → #1")
    dialog.get_by_role("button", name="Pin #0 beside").click()
    expect(dialog.get_by_role("button", name="Unpin #0")).to_be_visible()
    assert findings(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("[data-field=pinned]").get_by_role("button")).to_have_text("#0")
