"""Palette of actions and names, by keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.ui


@pytest.fixture
def page(share_page, small_url) -> Page:
    page = share_page(small_url)
    expect(page.locator(".performance .rows > .row").first).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find an action or a name")).to_be_focused()
    return page


def options(page: Page):
    return page.locator("dialog.palette [role=option]")


def test_what_is_not_there_is_said_and_escape_leaves_all_as_it_was(page: Page) -> None:
    page.get_by_role("combobox", name="Find an action or a name").fill("<img src=x>")
    expect(page.locator("dialog.palette")).to_contain_text("Nothing has “<img src=x>” in its name.")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.palette")).to_be_hidden()


def test_actions_are_listed_at_once_and_arrows_go_round(page: Page) -> None:
    expect(options(page).first).to_have_text("Fine-tune with the batch")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(options(page).last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    box = page.get_by_role("combobox", name="Find an action or a name")
    expect(box).to_have_attribute("aria-activedescendant", "palette-0")
    box.fill("theme")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("Theme: (dark|light)"))).to_be_visible()


def test_a_class_and_then_a_concept_are_found_by_a_part_of_the_name(page: Page) -> None:
    box = page.get_by_role("combobox", name="Find an action or a name")
    expect(box).to_be_focused()
    box.fill("BICY")
    expect(options(page)).to_have_text(["bicycle"])
    page.keyboard.press("Enter")
    expect(page.locator("dialog.palette")).to_be_hidden()
    expect(page.locator(".knowledge .subtitle")).to_have_text("bicycle")
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    box.fill("whee")
    page.keyboard.press("Enter")
    expect(page.locator('.knowledge .rows [data-key="wheel"]')).to_have_class(re.compile("current"))


def test_arrows_and_enter_before_the_answer_are_done_with_it(page: Page) -> None:
    """All in one turn of the browser, so that the answer comes after it."""
    box = page.get_by_role("combobox", name="Find an action or a name")
    box.fill("bi")
    expect(options(page).nth(1)).to_have_text("bird")
    box.fill("")
    expect(options(page).first).to_have_text("Fine-tune with the batch")
    box.evaluate("""(input) => {
      input.value = "bi"
      input.dispatchEvent(new Event("input"))
      for (const key of ["ArrowDown", "Enter"])
        input.dispatchEvent(new KeyboardEvent("keydown", { key }))
    }""")
    expect(page.locator(".knowledge .subtitle")).to_have_text("bird")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_who_leaves_before_the_answer_has_chosen_nothing(page: Page) -> None:
    """All in one turn of the browser, so that the answer comes after it.

    Chromium sends a dialog's "close" with a frame, which may be later than the answer; here never.
    """
    page.locator("dialog.palette").evaluate("""(dialog) => {
      dialog.addEventListener("close", (event) => event.stopImmediatePropagation(), true)
      const input = dialog.querySelector("input")
      input.value = "keyboard"
      input.dispatchEvent(new Event("input"))
      input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }))
      dialog.close()
    }""")
    expect(options(page)).to_have_text(["Keyboard shortcuts"])
    expect(page.locator("dialog[open]")).to_have_count(0)
