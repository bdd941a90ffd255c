"""Every key of the ``?`` sheet does what the sheet says, on a page that no pointer touches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from factory import twins_spec
from playwright.sync_api import Page, expect
from steps import DONE, blocks, classes, concepts, iterations, names, row_of, select_first
from waiting import comes_to

from inficond_panel.views.page.shell import DETAILS, SHORTCUTS


def keys_of_lists(page: Page) -> Iterator[str]:
    """Meanings on the sheet, each once its keys were pressed and did it; so the others here."""
    key, sheet = page.keyboard.press, page.get_by_role("dialog", name="Keyboard")
    key("?")
    expect(sheet.locator("dd")).to_have_text([one.words for one in (*SHORTCUTS, *DETAILS)])
    wide = "(keys) => keys.filter((each) => each.scrollWidth > each.clientWidth).length"
    assert sheet.locator("dt").evaluate_all(wide) == 0
    yield "Show these keys"
    key("Escape")
    expect(sheet).to_be_hidden()
    yield "Close a card or a dialog"
    find = page.get_by_label("Find class")
    key("/")
    expect(find).to_be_focused()
    yield "Find a class"
    key("Tab")
    expect(find).not_to_be_focused()
    key("Shift+Tab")
    expect(find).to_be_focused()
    yield "Go to the next control or list"
    for arrow, place in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0)):
        key(arrow)
        expect(classes(page).nth(place)).to_be_focused()
    yield "Move in a list"
    key("/")
    page.keyboard.type("bicycle")  # whose concept 'wheel' has twins
    expect(classes(page)).to_have_count(1)
    key("ArrowDown")
    key("Enter")
    expect(classes(page).nth(0)).to_have_attribute("aria-selected", "true")
    expect(concepts(page).first).to_be_visible()
    yield "Select the row: class, iteration"
    classes(page).first.focus()
    for side_key, side in (("i", "positives"), ("Shift+I", "negatives")):
        key(side_key)
        expect(page.locator(".detail .subtitle")).to_contain_text(side)
    page.locator(".detail .back").click()
    expect(page.locator(".detail .empty")).to_be_visible()
    yield "On a class: images with the class; with Shift those without it"


def keys_of_the_batch(page: Page) -> Iterator[str]:
    key, wheel = page.keyboard.press, row_of(page, "wheel")
    find, listed = page.get_by_label("Find concept"), names(concepts(page))
    key("c")
    expect(find).to_be_focused()
    page.keyboard.type("HAIR")
    expect(page.locator(".knowledge .find > kbd")).to_be_hidden()  # its room is for the text
    comes_to(lambda: set(names(concepts(page))), {"hair", "hair 2", "hair 3"})
    key("Escape")
    comes_to(lambda: names(concepts(page)), listed)
    find.focus()
    page.keyboard.type("wheel")
    expect(page.locator(".knowledge .tally")).to_contain_text("found for “wheel”")
    expect(concepts(page).filter(has_not_text="wheel")).to_have_count(0)
    expect(wheel).to_be_visible()
    for _ in range(names(concepts(page)).index("wheel") + 1):
        key("ArrowDown")
    expect(wheel).to_be_focused()
    yield "Find a concept"
    for thumb_key, name in (("d", "down"), ("x", "remove"), ("u", "up")):
        key(thumb_key)
        expect(wheel.locator(f".thumb.{name}")).to_have_attribute("aria-pressed", "true")
    yield "Raise, lower, remove the concept"
    slider = wheel.get_by_role("slider", name="Influence of wheel")
    key("i")
    expect(slider).to_be_focused()
    before = slider.get_attribute("aria-valuenow")
    key("ArrowLeft")
    expect(slider).not_to_have_attribute("aria-valuenow", before)
    key("Escape")
    expect(wheel).to_be_focused()
    expect(slider).to_have_attribute("aria-valuenow", before)
    for by_hand in ("i", "Home", "Enter"):
        key(by_hand)
    expect(wheel.locator(".thumb.down")).to_have_attribute("aria-pressed", "true")
    yield "Set the concept's influence: ← → move it, Enter keeps it, Esc leaves it"
    key("u")
    expect(wheel.locator(".thumb.up")).to_have_attribute("aria-pressed", "true")
    everyone = page.locator(".knowledge .twin").get_by_role("button", name="Raise the group")
    expect(everyone).to_have_text(re.compile("all 3"))
    key("g")
    expect(everyone).to_have_count(0)
    expect(blocks(page, ".up")).to_have_count(3)
    yield "The same for all of its group"
    for letter, part, meaning in (
        ("a", "#measures-body", "All metrics of the student"),
        ("b", "#repair-panel-body", "Suspects and repairs of the student"),
    ):
        key(letter)
        expect(page.locator(part)).to_be_visible()
        key(letter)
        expect(page.locator(part)).to_be_hidden()
        yield meaning
    concepts(page).nth(1).focus()
    key("End")
    expect(concepts(page).last).to_be_focused()
    key("Home")
    expect(concepts(page).first).to_be_focused()
    key("PageDown")
    expect(concepts(page).first).not_to_be_focused()
    yield "First and last of a list; Page Up and Page Down go by what is in view"
    key("t")
    expect(page.get_by_role("dialog", name="concept")).to_be_visible()
    key("Escape")
    expect(page.get_by_role("dialog", name="concept")).to_be_hidden()
    yield "Add a concept by typing it; delete it"
    wheel.focus()
    key("h")
    expect(wheel.locator(".holds")).to_have_attribute("data-kind", "done")
    yield "Whether the concept's influence is stable"
    key("Control+Enter")
    expect(iterations(page)).to_have_count(2)
    expect(page.locator(".knowledge .status")).to_contain_text(DONE)  # takes thumbs again
    expect(blocks(page)).to_have_count(0)
    yield "Fine-tune; once more cancels"
    concepts(page).first.focus()
    key("d")
    expect(blocks(page, ".down")).to_have_count(1)
    key("Shift+Backspace")
    expect(blocks(page, ".down")).to_have_count(0)
    key("d")
    button = page.get_by_role("button", name="Clear", exact=True)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.focus()
    key("Enter")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()
    yield "Clear the changes that wait"
    key("w")
    expect(page.locator("#report-body")).to_be_visible()
    yield "Effect of the last fine-tune"


def keys_of_the_map_and_the_detail(page: Page) -> Iterator[str]:
    key, told = page.keyboard.press, page.locator(".map p[role=status]")
    page.locator(".map .plot").focus()
    expect(told).to_contain_text("influence")
    start = told.inner_text()
    for arrow in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp"):
        key(arrow)
    expect(told).not_to_have_text(start)
    key(" ")
    expect(told).to_contain_text("selected")
    key("Enter")
    expect(page.locator(".detail .tile img").first).to_be_visible()
    yield "On the map: next concept; Enter opens, Space selects"
    for zoom in ("+", "-", "0"):
        key(zoom)
    expect(page.locator(".map .plot")).to_be_focused()
    yield "On the map: nearer, farther, all of it"
    key("s")
    expect(page.locator(".card:has(.picture)")).to_be_visible()
    key("Escape")
    yield "On the map: photo of the nearest segment"
    reader = page.get_by_role("slider", name="Influence at which the curves are read")
    before = reader.get_attribute("aria-valuenow")
    reader.focus()
    for arrow in ("ArrowLeft", "Shift+ArrowLeft"):
        key(arrow)
        expect(reader).not_to_have_attribute("aria-valuenow", before)
        before = reader.get_attribute("aria-valuenow")
    yield "On the charts: read them at another influence; with Shift in larger steps"
    page.locator(".detail .tile button").first.focus()
    key("Enter")
    title = page.locator("dialog.large[open] header b")
    expect(title).to_be_visible()
    before = title.inner_text()
    key("ArrowRight")
    expect(title).not_to_have_text(before)
    key("ArrowLeft")
    expect(title).to_have_text(before)
    key("Escape")
    expect(title).to_have_count(0)
    yield "Next image, while one is large"


def keys_of_iterations(page: Page) -> Iterator[str]:
    key, newest = page.keyboard.press, iterations(page).first
    for letter, opened, meaning in (
        ("m", page.locator("dialog.compare[open]"), "compare it with the one shown"),
        ("r", page.get_by_label(re.compile("^Name of")), ""),
        ("n", page.get_by_label(re.compile("^Note of")), ""),
        ("e", page.locator("dialog.export[open]"), "rename it, write a note, export it"),
        (".", page.get_by_role("menuitem").first, "all that can be done with it"),
    ):
        newest.focus()
        key(letter)
        expect(opened).to_be_visible()
        if letter in "rn.":
            expect(opened).to_be_focused()
        key("Escape")
        if letter in "rn.":
            expect(newest).to_be_focused()
        else:
            expect(opened).to_be_hidden()
        if meaning:
            yield f"On an iteration: {meaning}"
    key("Control+z")
    expect(iterations(page).last).to_have_attribute("aria-selected", "true")
    yield "Undo the last iteration"
    key("Control+Shift+z")
    expect(newest).to_have_attribute("aria-selected", "true")
    yield "Redo it"
    key("Control+z")
    expect(iterations(page).last).to_have_attribute("aria-selected", "true")
    newest.focus()
    key("Delete")
    expect(page.get_by_role("button", name="1 deleted branch")).to_be_visible()
    yield "On an iteration: delete the branch from here; it can be restored"
    held = page.get_by_role("button", name="Export", exact=True)
    held.focus()
    key("l")
    expect(page.locator(".notice:visible")).to_contain_text("link")
    expect(held).to_be_focused()
    yield "Copy a link to what is shown"


def test_each_key_of_the_sheet_does_what_it_says(serve, tmp_path, open_page) -> None:
    page = open_page(serve(twins_spec(tmp_path)).url)
    expect(classes(page).first).to_be_visible()
    done = chain(
        keys_of_lists(page),
        keys_of_the_batch(page),
        keys_of_the_map_and_the_detail(page),
        keys_of_iterations(page),
    )
    assert set(done) == {one.words for one in (*SHORTCUTS, *DETAILS)}


def test_a_choice_is_gone_through_by_keys_though_it_is_drawn_anew_and_the_page_takes_them_after_it(
    small_url, open_page
) -> None:
    page = select_first(open_page(small_url))
    choice = page.get_by_label("Metric of the what-if")
    metrics = choice.evaluate("(list) => [...list.options].map((option) => option.value)")
    choice.focus()
    for metric in metrics[1:3]:
        page.keyboard.press("ArrowDown")
        expect(choice).to_have_value(metric)
        expect(choice).to_be_focused()

    sort, key = page.get_by_label("Sort by", exact=True), page.keyboard.press
    sort.focus()
    key("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    key("Escape")
    sort.focus()
    key("c")  # finds an option, as in every select
    expect(sort).to_be_focused()
    key("/")
    expect(page.get_by_label("Find class")).to_be_focused()
    box = sort.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    sort.evaluate("(list) => { list.value = 'f1'; list.dispatchEvent(new Event('change')) }")
    expect(sort).not_to_be_focused()
    key("Escape")
    key("c")
    expect(page.get_by_label("Find concept")).to_be_focused()
