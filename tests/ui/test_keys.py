"""Every key of the ``?`` sheet does what the sheet says, on a page that no pointer touches."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from factory import twins_spec
from playwright.sync_api import Page, expect

from inficond_panel.views.page.shortcuts import SHORTCUTS

pytestmark = pytest.mark.ui


def options(page: Page):
    return page.locator(".performance [role=option]")


def concepts(page: Page):
    return page.locator(".knowledge .rows > .row")


def wheel(page: Page):
    return page.locator('.knowledge .rows > [data-key="wheel"]')


def iterations(page: Page):
    return page.locator(".provenance [role=option]")


def told(page: Page):
    return page.locator(".map p[role=status]")


def sheet(page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    expect(dialog.locator("dd")).to_have_text([meaning for _, meaning in SHORTCUTS])


def escape(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()


def find_class(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_label("Find class")).to_be_focused()


def tab(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_label("Find class")).not_to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_label("Find class")).to_be_focused()


def arrows(page: Page) -> None:
    page.keyboard.press("ArrowDown")
    expect(options(page).nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(options(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(options(page).nth(0)).to_be_focused()


def enter(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("bicycle")  # whose concept 'wheel' has twins
    expect(options(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(options(page).nth(0)).to_have_attribute("aria-selected", "true")
    expect(concepts(page).first).to_be_visible()


def images(page: Page) -> None:
    options(page).first.focus()
    for key, side in (("i", "positives"), ("Shift+I", "negatives")):
        page.keyboard.press(key)
        expect(page.locator(".detail .subtitle")).to_contain_text(side)
    page.locator(".detail .back").click()
    expect(page.locator(".detail .empty")).to_be_visible()


def find_concept(page: Page) -> None:
    page.keyboard.press("c")
    expect(page.get_by_label("Find concept")).to_be_focused()
    page.keyboard.type("wheel")
    expect(page.locator(".knowledge .tally")).to_contain_text("found for “wheel”")
    expect(concepts(page).filter(has_not_text="wheel")).to_have_count(0)
    expect(wheel(page)).to_be_visible()
    names = concepts(page).evaluate_all("all => all.map((one) => one.dataset.key)")
    for _ in range(names.index("wheel") + 1):
        page.keyboard.press("ArrowDown")
    expect(wheel(page)).to_be_focused()


def thumbs(page: Page) -> None:
    for key, name in (("d", "down"), ("x", "remove"), ("u", "up")):
        page.keyboard.press(key)
        thumb = wheel(page).locator(f".thumb.{name}")
        expect(thumb).to_have_attribute("aria-pressed", "true")


def by_hand(page: Page) -> None:
    row = wheel(page)
    slider = row.get_by_role("slider", name="Influence of wheel")
    row.focus()
    page.keyboard.press("i")
    expect(slider).to_be_focused()
    before = slider.get_attribute("aria-valuenow")
    page.keyboard.press("ArrowLeft")
    expect(slider).not_to_have_attribute("aria-valuenow", before)
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    expect(slider).to_have_attribute("aria-valuenow", before)
    page.keyboard.press("i")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(row.locator(".thumb.down")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("u")  # on with the thumb
    expect(row.locator(".thumb.up")).to_have_attribute("aria-pressed", "true")


def group(page: Page) -> None:
    expect(page.locator(".knowledge .twin .group-thumb.up")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator(".knowledge .block.up")).to_have_count(3)


def metrics(page: Page) -> None:
    page.keyboard.press("a")
    expect(page.locator("#measures-body")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("#measures-body")).to_be_hidden()


def repairs(page: Page) -> None:
    page.keyboard.press("b")
    expect(page.locator("#repair-body")).to_be_visible()
    page.keyboard.press("b")
    expect(page.locator("#repair-body")).to_be_hidden()


def type_concept(page: Page) -> None:
    page.keyboard.press("t")
    expect(page.get_by_role("dialog", name="concept")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="concept")).to_be_hidden()


def holds(page: Page) -> None:
    wheel(page).focus()
    page.keyboard.press("h")
    mark = wheel(page).locator(".holds")
    expect(mark).to_have_attribute("data-kind", "done")


def fine_tune(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(iterations(page)).to_have_count(2)
    expect(page.locator(".knowledge .status")).to_contain_text("Done in")  # takes thumbs again
    expect(page.locator(".knowledge .block:is(.up, .down, .remove)")).to_have_count(0)


def clear(page: Page) -> None:
    concepts(page).first.focus()
    page.keyboard.press("d")
    expect(page.locator(".knowledge .block.down")).to_have_count(1)
    page.keyboard.press("Shift+Backspace")
    expect(page.locator(".knowledge .block.down")).to_have_count(0)
    page.keyboard.press("d")
    button = page.get_by_role("button", name="Clear", exact=True)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()


def report(page: Page) -> None:
    page.keyboard.press("w")
    expect(page.locator("#report-body")).to_be_visible()


def on_the_map(page: Page) -> None:
    page.locator(".map .plot").focus()
    expect(told(page)).to_contain_text("influence")
    start = told(page).inner_text()
    for key in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    expect(told(page)).not_to_have_text(start)
    page.keyboard.press(" ")
    expect(told(page)).to_contain_text("selected")
    page.keyboard.press("Enter")
    expect(page.locator(".detail .tile img").first).to_be_visible()


def zoom(page: Page) -> None:
    for key in ("+", "-", "0"):
        page.keyboard.press(key)
    expect(page.locator(".map .plot")).to_be_focused()


def segment(page: Page) -> None:
    page.keyboard.press("s")
    expect(page.locator(".card:has(.picture)")).to_be_visible()
    page.keyboard.press("Escape")


def charts(page: Page) -> None:
    reader = page.get_by_role("slider", name="Influence at which the curves are read")
    before = reader.get_attribute("aria-valuenow")
    reader.focus()
    for key in ("ArrowLeft", "Shift+ArrowLeft"):
        page.keyboard.press(key)
        expect(reader).not_to_have_attribute("aria-valuenow", before)
        before = reader.get_attribute("aria-valuenow")


def large_image(page: Page) -> None:
    page.locator(".detail .tile button").first.focus()
    page.keyboard.press("Enter")
    title = page.locator("dialog.large[open] header b")
    expect(title).to_be_visible()
    before = title.inner_text()
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(before)
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text(before)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.large[open]")).to_have_count(0)


def compare(page: Page) -> None:
    iterations(page).first.focus()
    page.keyboard.press("m")
    expect(page.locator("dialog.compare[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.compare[open]")).to_be_hidden()


def rename_note_export(page: Page) -> None:
    iterations(page).first.focus()
    for key, name in (("r", "Name"), ("n", "Note")):
        page.keyboard.press(key)
        expect(page.get_by_label(re.compile(f"^{name} of"))).to_be_focused()
        page.keyboard.press("Escape")
        expect(iterations(page).first).to_be_focused()
    page.keyboard.press("e")
    expect(page.locator("dialog.export[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.export[open]")).to_have_count(0)


def menu(page: Page) -> None:
    iterations(page).first.focus()
    page.keyboard.press(".")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(iterations(page).first).to_be_focused()


def undo(page: Page) -> None:
    page.keyboard.press("Control+z")
    expect(iterations(page).last).to_have_attribute("aria-selected", "true")


def redo(page: Page) -> None:
    page.keyboard.press("Control+Shift+z")
    expect(iterations(page).first).to_have_attribute("aria-selected", "true")


def delete(page: Page) -> None:
    undo(page)
    iterations(page).first.focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="1 deleted branch")).to_be_visible()


def ends(page: Page) -> None:
    listed = page.locator(".knowledge .rows > .row")
    listed.nth(1).focus()
    for key, row in (("End", listed.last), ("Home", listed.first), ("PageDown", None)):
        page.keyboard.press(key)
        if row is not None:
            expect(row).to_be_focused()
    expect(listed.first).not_to_be_focused()


def link(page: Page) -> None:
    page.keyboard.press("l")
    expect(page.locator(".notice:visible")).to_contain_text("link")


#: What each meaning on the sheet is tried by, in an order that a person could take.
TRIALS: dict[str, Callable[[Page], None]] = {
    "Show these keys": sheet,
    "Close a card or a dialog": escape,
    "Find a class": find_class,
    "Go to the next control or list": tab,
    "Move in a list": arrows,
    "Select the row: class, iteration": enter,
    "On a class: images with the class; with Shift those without it": images,
    "Find a concept": find_concept,
    "Raise, lower, remove the concept": thumbs,
    "Set the concept's influence: ← → move it, Enter keeps it, Esc leaves it": by_hand,
    "The same for all of its group": group,
    "All metrics of the student": metrics,
    "Suspects and repairs of the student": repairs,
    "First and last of a list; Page Up and Page Down go by what is in view": ends,
    "Add a concept by typing it": type_concept,
    "Whether the concept's influence is stable": holds,
    "Fine-tune; once more cancels": fine_tune,
    "Clear the changes that wait": clear,
    "Effect of the last fine-tune": report,
    "On the map: next concept; Enter opens, Space selects": on_the_map,
    "On the map: nearer, farther, all of it": zoom,
    "On the map: photo of the nearest segment": segment,
    "On the charts: read them at another influence; with Shift in larger steps": charts,
    "Next image, while one is large": large_image,
    "On an iteration: compare it with the one shown": compare,
    "On an iteration: rename it, write a note, export it": rename_note_export,
    "On an iteration: all that can be done with it": menu,
    "Undo the last iteration": undo,
    "Redo it": redo,
    "On an iteration: delete the branch from here; it can be restored": delete,
    "Copy a link to what is shown": link,
}


def test_each_key_of_the_sheet_does_what_it_says(serve, tmp_path, open_page) -> None:
    assert set(TRIALS) == {meaning for _, meaning in SHORTCUTS}
    page = open_page(serve(twins_spec(tmp_path)).url)
    expect(options(page).first).to_be_visible()
    for trial in TRIALS.values():
        trial(page)
