"""Any concept by its name or by the keyboard alone: the search, and the concept map."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from resizing import resize
from waiting import comes_to

pytestmark = pytest.mark.ui


#: Filters that leave the view.
BEYOND = """(panel) => {
  const { left, right } = panel.getBoundingClientRect()
  const chips = [...panel.querySelectorAll(".filter-chip")].filter((chip) => chip.checkVisibility())
  const boxes = chips.map((chip) => chip.getBoundingClientRect())
  return chips.length ? boxes.filter((box) => box.left < left || box.right > right) : ["none"]
}"""


@pytest.fixture
def page(share_page, small_url) -> Page:
    """A page of a class; tests leave it with nothing pending and nothing searched."""
    return share_page(small_url, begin)


def begin(page: Page) -> None:
    page.locator(".performance [role=option]").first.click()
    expect(rows(page).first).to_be_visible()


def rows(page: Page):
    return page.locator(".knowledge .rows > .row")


def told(page: Page):
    return page.locator(".map p[role=status]")


def test_a_concept_is_found_by_name_and_thumbed_by_keys(page) -> None:
    expect(rows(page)).to_have_count(10)
    before = [row.get_attribute("data-key") for row in rows(page).all()]
    expect(page.locator(".knowledge .tally")).to_contain_text(re.compile(r"concepts? ha(s|ve) inf"))
    page.keyboard.press("c")
    expect(page.get_by_label("Find concept")).to_be_focused()
    page.keyboard.type("HAIR")
    names = {"hair", "hair 2", "hair 3"}
    expect(rows(page)).to_have_count(len(names))
    comes_to(lambda: {row.get_attribute("data-key") for row in rows(page).all()}, names)
    expect(page.locator(".knowledge .tally")).to_contain_text("3 concepts found")
    page.keyboard.press("ArrowDown")
    expect(rows(page).first).to_be_focused()
    first = rows(page).first.get_attribute("data-key")
    page.keyboard.press("u")
    block = page.locator(".knowledge .block.up")
    expect(block).to_have_attribute("aria-label", f"Take out: raise {first}")
    page.get_by_label("Find concept").focus()
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_count(10)
    comes_to(lambda: [row.get_attribute("data-key") for row in rows(page).all()], before)
    block.click()
    expect(block).to_have_count(0)


#: A search box in which somebody types a word and presses a key, all in one turn of the browser.
HURRIED = """(box, [word, key]) => {
  box.value = word
  box.dispatchEvent(new Event("input"))
  box.dispatchEvent(new KeyboardEvent("keydown", { key }))
}"""


def test_what_is_pressed_before_the_answer_is_done_with_what_was_found(page) -> None:
    search = page.get_by_label("Find concept")
    search.focus()
    search.evaluate(HURRIED, ["hair 2", "Enter"])
    expect(page.locator(".detail .subtitle")).to_have_text("hair 2")
    search.evaluate(HURRIED, ["hair 3", "ArrowDown"])
    expect(page.locator('.knowledge .rows [data-key="hair 3"]')).to_be_focused()
    search.fill("")
    expect(rows(page)).to_have_count(10)


def test_no_concept_is_missed_before_the_answer(page) -> None:
    tally = page.locator(".knowledge .tally")
    tally.evaluate("""(tally) => {
      tally.told = []
      const tell = () => tally.told.push(tally.textContent)
      new MutationObserver(tell).observe(tally, { childList: true })
    }""")
    for word in ("hair", "wheel"):
        page.get_by_label("Find concept").fill(word)
        expect(tally).to_contain_text(f"found for “{word}”")
    told = tally.evaluate("(tally) => tally.told")
    assert len(told) >= 2
    assert not [words for words in told if "No concept has" in words]
    page.get_by_label("Find concept").fill("")
    expect(rows(page)).to_have_count(10)


def test_nothing_of_search_and_filters_is_cut_on_a_narrow_page(page) -> None:
    resize(page, 1024, 800)
    row = rows(page).first
    row.locator(".open").click()
    search = page.get_by_label("Find class")
    comes_to(lambda: search.evaluate("input => input.scrollWidth <= input.clientWidth"), True)
    expect(page.locator(".detail .subtitle")).to_have_text(row.get_attribute("data-key"))
    expect(page.locator(".detail .tile").first).to_be_visible()
    comes_to(lambda: page.locator(".panel.detail").evaluate(BEYOND), [])
    resize(page, 1920, 1080)


def test_a_choice_is_gone_through_by_keys_though_it_is_drawn_anew(page) -> None:
    choice = page.get_by_label("Metric of the what-if")
    metrics = choice.evaluate("(list) => [...list.options].map((option) => option.value)")
    choice.focus()
    for metric in metrics[1:3]:
        page.keyboard.press("ArrowDown")
        expect(choice).to_have_value(metric)
        expect(choice).to_be_focused()
    choice.select_option(metrics[0])


def test_keys_of_the_page_work_after_a_choice(page) -> None:
    sort = page.get_by_label("Sort by", exact=True)
    sort.focus()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    sort.focus()
    page.keyboard.press("c")  # finds an option, as in every select
    expect(sort).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Find class")).to_be_focused()
    box = sort.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    sort.evaluate("(list) => { list.value = 'f1'; list.dispatchEvent(new Event('change')) }")
    expect(sort).not_to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.get_by_label("Find concept")).to_be_focused()
