"""Links: what is shown is in the URL, which opens the same view, with back and forward."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from steps import classes, concepts, iterations, select_class, shown
from waiting import comes_to

from inficond_panel.tuning import Intent, open_tuner

#: Steps back (-1) or forward (1), none of which waits for the page.
QUICKLY = """async ([step, times]) => {
  for (let done = 0; done < times; done++) {
    const there = new Promise((tell) => addEventListener("popstate", tell, { once: true }))
    history.go(step)
    await there
  }
}"""


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    server = serve_module(small_spec(tmp_path_factory.mktemp("linked")))
    tuner = open_tuner(server.spec, history=server.history)
    tuner.set_head(tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")]))
    return server.url


@pytest.fixture
def page(url, open_page) -> Page:
    return opened(open_page(url))


def opened(page: Page) -> Page:
    expect(classes(page).first).to_be_visible()
    expect(page).to_have_url(re.compile("at="))
    return page


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_link_opens_the_same_view(page, open_page) -> None:
    select_class(page, "sheep")
    row = concepts(page).nth(1).locator(".open")
    concept = row.inner_text()
    row.click()
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    expect(page).to_have_url(re.compile("concept="))
    page.get_by_label("Sort concepts by").select_option("discrepancy_p")
    page.locator(".detail .filter-chip", has_text="Negatives").click()
    expect(page).to_have_url(re.compile("images=negative(,|%2C)assigned"))
    comes_to(lambda: query(page).get("concepts"), ["discrepancy_p"])

    other = opened(open_page(page.url))
    shown(other, "sheep")
    expect(other.locator(".detail .subtitle")).to_have_text(concept)
    chips = other.locator(".detail .filter-chip[aria-pressed=true]")
    expect(chips).to_contain_text(["Assigned", "Negatives"])
    expect(chips.first.locator(".brief")).to_have_attribute("data-short", "Assigned")
    expect(other.get_by_label("Sort concepts by")).to_have_value("discrepancy_p")
    expect(other).to_have_url(page.url)


def test_a_comparison_is_in_the_link_and_back_closes_it(page, open_page) -> None:
    select_class(page, "bicycle")
    first = iterations(page).first
    expect(first).to_be_visible()  # before that it takes no focus
    first.focus()
    for key in ("m", "ArrowDown", "m"):
        page.keyboard.press(key)
    dialog = page.locator("dialog.compare[open]")
    expect(dialog.locator(".metrics")).to_be_visible()
    expect(page).to_have_url(re.compile("compare="))
    other = opened(open_page(page.url))
    expect(other.locator("dialog.compare[open] .metrics")).to_be_visible()
    page.go_back()
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("compare="))
    page.go_forward()
    expect(dialog.locator(".metrics")).to_be_visible()


def test_images_of_a_bar_are_in_the_link_and_back_drops_them(page, open_page) -> None:
    select_class(page, "sheep")
    picked = page.locator(".shell .picked[data-of=images]")
    classes(page).and_(page.locator("[data-key=sheep]")).press("i")  # all positives
    expect(picked).to_contain_text("sheep, positives")
    expect(page).to_have_url(re.compile("pick=positives"))
    other = opened(open_page(page.url))
    expect(other.locator(".shell .picked[data-of=images]")).to_have_text(picked.inner_text())
    page.go_back()
    expect(picked).to_be_hidden()


def test_back_and_forward_go_between_what_was_looked_at(page) -> None:
    select_class(page, "sheep")
    select_class(page, "bird")
    iterations(page).last.click()
    expect(iterations(page).last).to_have_attribute("aria-selected", "true")
    # no entry of its own
    page.get_by_label("Sort concepts by").select_option("discrepancy_n")
    expect(page).to_have_url(re.compile("discrepancy_n"))
    page.go_back()
    expect(iterations(page).first).to_have_attribute("aria-selected", "true")
    shown(page, "bird")
    page.go_back()
    shown(page, "sheep")
    page.go_forward()
    shown(page, "bird")


def test_quick_steps_back_and_forward_lose_nothing(page) -> None:
    for name in ("sheep", "bird", "bicycle", "sheep", "bird"):
        select_class(page, name)
        expect(page).to_have_url(re.compile(f"class={name}"))
    entries = page.evaluate("history.length")
    for step, times, name in ((-1, 4, "sheep"), (1, 4, "bird"), (-1, 2, "bicycle")):
        page.evaluate(QUICKLY, [step, times])
        shown(page, name)
        expect(page).to_have_url(re.compile(f"class={name}"))
    comes_to(lambda: page.evaluate("history.length"), entries)
