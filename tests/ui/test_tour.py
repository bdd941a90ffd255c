"""The guided tour: offered once, led by what the person does, by keys, startable again."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from waiting import comes_to

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    spec = small_spec(tmp_path_factory.mktemp("tour"), extra="layout: {tour: true}\n")
    return serve_module(spec).url


@pytest.fixture
def page(url, open_page) -> Page:
    page = open_page(url)
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    return page


def step(page: Page, title: str) -> None:
    expect(page.get_by_role("dialog", name=title)).to_be_visible()


def test_each_step_goes_on_when_it_is_done(page) -> None:
    page.get_by_role("button", name="Start the tour").click()
    step(page, "Teacher and students")
    expect(page.locator(".tour").get_by_role("button", name="Next")).to_be_focused()
    page.keyboard.press("Enter")
    step(page, "Where they differ")
    mark, rows = page.locator(".tour-mark"), page.locator(".performance .rows")
    expect(mark).to_be_visible()
    beside = pytest.approx(-4, abs=1)
    comes_to(lambda: mark.bounding_box()["x"] - rows.bounding_box()["x"], beside)
    page.locator(".performance [role=option]").first.click()
    step(page, "What the student looks at")
    page.locator(".knowledge .rows > .row .open").first.click()
    step(page, "The images of a concept")
    page.locator(".tour").get_by_role("button", name="Next").click()
    step(page, "Give it a thumb")
    page.locator(".knowledge .rows > .row .thumb.down").first.click()
    step(page, "Fine-tune")
    page.get_by_role("button", name="Fine-tune").click()
    step(page, "Read the change")
    page.locator(".tour").get_by_role("button", name="Next").focus()
    page.keyboard.press("ArrowRight")
    step(page, "Undo")
    page.get_by_role("button", name="Undo the last iteration").click()
    last = page.locator(".provenance [role=option]").last
    expect(last).to_have_attribute("aria-selected", "true")
    expect(page.locator(".tour")).to_be_hidden()
    page.locator(".toast").get_by_role("button", name="Redo").click()
    expect(page.locator(".provenance [role=option]").first).to_have_attribute(
        "aria-selected", "true"
    )


def test_who_does_nothing_is_shown_each_step(page) -> None:
    iterations = page.locator(".provenance [role=option]")
    expect(iterations.first).to_be_visible()
    before = iterations.count()
    page.get_by_role("button", name="Start the tour").click()
    show = page.locator(".tour").get_by_role("button", name="Show me")
    page.locator(".tour").get_by_role("button", name="Next").click()
    step(page, "Where they differ")
    show.click()
    step(page, "What the student looks at")
    expect(page.locator(".performance [aria-selected=true]")).to_have_count(1)
    show.click()
    step(page, "The images of a concept")
    expect(page.locator(".detail .tile").first).to_be_visible()
    page.keyboard.press("ArrowRight")
    step(page, "Give it a thumb")
    page.keyboard.press("ArrowRight")
    step(page, "Fine-tune")
    expect(page.locator(".knowledge .block.down")).to_have_count(1)
    show.click()
    step(page, "Read the change")
    expect(iterations).to_have_count(before + 1)
    page.keyboard.press("ArrowRight")
    step(page, "Undo")
    show.click()
    expect(page.locator(".tour")).to_be_hidden()
    expect(iterations.first).not_to_have_attribute("aria-selected", "true")


def test_the_tour_is_offered_once_and_starts_again_from_the_keys(page) -> None:
    page.get_by_role("button", name="Not now").click()
    offer = page.get_by_role("region", name="Tour")
    expect(offer).to_be_hidden()
    page.reload()
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    expect(offer).to_be_hidden()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard").get_by_role("button", name="Start the tour").click()
    step(page, "Teacher and students")
    page.keyboard.press("ArrowRight")
    step(page, "Where they differ")
    page.keyboard.press("ArrowLeft")
    step(page, "Teacher and students")
    page.keyboard.press("Escape")
    expect(page.locator(".tour")).to_be_hidden()
