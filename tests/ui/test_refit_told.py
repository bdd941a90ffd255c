"""The report on a refit, groups and notices, the refit what-if, and one image taken apart."""

from __future__ import annotations

import re

import pytest
from factory import twins_spec
from playwright.sync_api import Page, expect
from waiting import wait_until

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    return serve_module(twins_spec(tmp_path_factory.mktemp("twins"))).url


@pytest.fixture
def page(url, share_page) -> Page:
    """The class 'bicycle' of a store with collinear concepts; tests leave nothing pending."""
    return select(share_page(url))


@pytest.fixture
def still(small_url, share_page) -> Page:
    """The same class of a store that no test writes to."""
    return select(share_page(small_url))


def select(page: Page) -> Page:
    page.locator(".performance [role=option]").filter(has_text=re.compile("^bicycle")).click()
    expect(page.locator(".knowledge .rows > .row").first).to_be_visible()
    return page


def thumb(page: Page, concept: str, direction: str) -> None:
    search, found = page.get_by_label("Find concept"), page.locator(".knowledge .tally.found")
    search.fill(concept)
    expect(found).to_contain_text(f"found for “{concept}”")
    row = page.locator(f'.knowledge .rows > .row[data-key="{concept}"]')
    row.locator(f".thumb.{direction}").click()
    expect(row.locator(f".thumb.{direction}")).to_have_attribute("aria-pressed", "true")
    search.fill("")
    expect(found).to_be_hidden()


def fine_tune(page: Page) -> None:
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text("Done in")


def open_concept(page: Page) -> None:
    page.locator(".knowledge .rows > .row .open").first.click()
    expect(page.locator(".detail .tile img").first).to_be_visible()


def test_a_refit_is_told_in_one_line_that_opens_and_its_group_takes_a_thumb(page) -> None:
    line, body = (
        page.locator(".knowledge .report .unfold-line"),
        page.locator(".knowledge .report .unfold-body"),
    )
    expect(line).to_be_hidden()
    thumb(page, "wheel", "down")
    group = page.locator(".knowledge .twin")
    expect(group.get_by_role("button", name=re.compile(" too$"))).to_have_count(2)
    fine_tune(page)
    expect(line).to_contain_text("What #1 did")
    expect(line).to_contain_text(
        re.compile(r"active bounds? · .+ took over · \d+ predictions? changed")
    )
    expect(body).to_be_hidden()
    page.locator(".knowledge .rows > .row").first.focus()
    page.keyboard.press("w")
    expect(body).to_be_visible()
    expect(line).to_have_attribute("aria-expanded", "true")
    for words in ("wheel", "#1", "offset", "is correlated with", "on tune", "Proved:"):
        expect(body).to_contain_text(words)
    wait_until(lambda: body.bounding_box()["height"] > 60, "the report has its room")
    button = body.get_by_role("button", name="Lower the group")
    button.click()
    expect(page.locator(".knowledge .block.down")).to_have_count(3)
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(page.locator(".knowledge .block.down")).to_have_count(0)
    page.keyboard.press("w")
    expect(body).to_be_hidden()


def test_the_group_of_the_last_thumb_is_thumbed_at_once(page) -> None:
    thumb(page, "wheel", "up")
    everyone = page.locator(".knowledge .twin").get_by_role("button", name="Raise the group")
    expect(everyone).to_have_text(re.compile("all 3"))
    page.locator(".knowledge .rows > .row").first.focus()
    page.keyboard.press("g")
    expect(page.locator(".knowledge .block.up")).to_have_count(3)
    expect(everyone).to_have_count(0)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator(".knowledge .block.up")).to_have_count(0)


def test_rules_that_decide_are_told_before_and_after(serve, tmp_path, open_page) -> None:
    page = select(open_page(serve(twins_spec(tmp_path)).url))
    notices = page.locator(".knowledge .notices")
    thumb(page, "wheel", "remove")
    fine_tune(page)
    expect(notices).to_be_hidden()
    thumb(page, "wheel", "up")
    expect(notices).to_contain_text("is replaced by")
    notices.get_by_role("button", name="1 more").click()
    expect(notices).to_contain_text("has no influence")
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .report .unfold-line")).to_contain_text("What #2 did")
    expect(notices).to_contain_text("is replaced by")


def test_a_student_that_was_not_tuned_has_no_report(page) -> None:
    thumb(page, "wheel", "down")
    fine_tune(page)
    line = page.locator(".knowledge .report .unfold-line")
    expect(line).to_contain_text(re.compile(r"What #\d+ did"))
    page.locator(".performance [role=option]").filter(has_text=re.compile("^sheep")).click()
    expect(page.locator(".knowledge .subtitle")).to_have_text("sheep")
    expect(page.locator(".knowledge .report .unfold-line")).to_be_hidden()


def test_an_image_is_taken_apart_and_the_parts_add_up(still) -> None:
    open_concept(still)
    still.locator(".detail .tile button").first.click()
    dialog = still.locator("dialog.large:has(.apart)")
    parts = dialog.locator(".parts > li")
    expect(parts.last).to_contain_text("Student logit")
    values = [
        float(text.replace("−", "-")) for text in parts.locator(":scope > .num").all_inner_texts()
    ]
    assert abs(sum(values[:-1]) - values[-1]) < 0.01 * len(values)
    expect(dialog.locator(".flip").first).to_contain_text("Smallest flip:")
    flip = dialog.locator(".apart").inner_text()
    still.keyboard.press("ArrowRight")
    expect(dialog.locator(".apart")).not_to_have_text(flip)
    expect(parts.last).to_contain_text("Student logit")
    still.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
