"""The main job from start to end, as a person does it, on the embedded demo."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect
from resizing import resize
from ruamel.yaml import YAML
from steps import classes, concepts, iterations, names, select_class
from waiting import comes_to

from inficond_panel.spec import find_spec
from inficond_panel.tuning import open_tuner

HURT = "bicycle"


def ap_now(page: Page) -> float:
    return float(page.locator(".knowledge .now b").first.inner_text())


def thumb(page: Page, concept: str, direction: str) -> None:
    """Press a thumb in the concept's row; one that is not listed stands in its group."""
    name = page.get_by_role("button", name=concept, exact=True)
    row = page.locator(".knowledge .rows > .row", has=name)
    if row.count():
        row.locator(f".thumb.{direction}").click()
    else:
        page.locator(".knowledge .twin").get_by_role("button", name=f" {concept} too").click()


def thumbs_to_try(class_name: str) -> list[tuple[str, str]]:
    """The first documented iteration on a class."""
    edits = find_spec("demo").parent / "demo" / "edits.yaml"
    for batch in YAML(typ="safe").load(edits.read_text()):
        found = [(i["concept"], i["direction"]) for i in batch if i["class"] == class_name]
        if found:
            return found
    raise AssertionError(f"no documented thumbs for {class_name}")


def test_see_the_gap_find_the_culprit_thumb_it_down_and_keep_the_history(serve, open_page) -> None:
    server = serve(find_spec("demo"))
    page = open_page(f"{server.url}?show=details")
    expect(classes(page).nth(11)).to_be_attached()
    select_class(page, HURT)
    now, title = page.locator(".knowledge .now b").first, page.locator("dialog.compare h2")
    before = ap_now(page)
    for concept, direction in thumbs_to_try(HURT):
        thumb(page, concept, direction)
    page.get_by_label("Sort by").select_option("gap")
    classes(page).first.hover()
    order = names(classes(page))
    page.get_by_role("button", name="Fine-tune").dispatch_event("click")
    expect(iterations(page)).to_have_count(2)
    expect(now).not_to_have_text(f"{before:.3f}")
    assert names(classes(page)) == order  # no row moves away below the pointer
    page.mouse.move(1, 1)
    comes_to(lambda: names(classes(page)) == order, False)
    # What the screen reports as done is on disk already.
    stored = open_tuner("demo", history=server.history)
    assert [node.number for node in stored.nodes()] == [0, 1]
    after = ap_now(page)
    assert after > before
    told = page.locator(".notice")
    expect(told).to_contain_text(f"{HURT} is fine-tuned: #1")
    told.get_by_role("button", name="Compare").click()
    expect(title).to_have_text("#0 → #1")
    page.keyboard.press("Escape")
    expect(title).to_be_hidden()
    expect(page).not_to_have_url(re.compile("compare="))
    page.goto("about:blank")
    server.kill()
    server.start()
    page.goto(server.url)
    expect(iterations(page)).to_have_count(2)
    select_class(page, HURT)
    expect(now).to_have_text(f"{after:.3f}")
    page.get_by_role("button", name="Undo").click()
    expect(now).to_have_text(f"{before:.3f}")

    resize(page, 1280, 720)  # a class that is selected elsewhere is brought into view in the list
    last = classes(page).last
    expect(last).not_to_be_in_viewport()
    choice = page.get_by_role("combobox", name="Class", exact=True)
    choice.select_option(last.get_attribute("data-key"))
    expect(last).to_have_attribute("aria-selected", "true")
    expect(last).to_be_in_viewport(ratio=0.9)


def test_the_concept_that_would_take_the_place_of_one_removed_is_offered_at_every_size(
    serve, open_page
) -> None:
    server = serve(find_spec("demo"))
    page = open_page(server.url)
    for width, show in ((1280, "simple"), (1440, "details"), (1440, "simple"), (1280, "details")):
        resize(page, width, 800 if width == 1280 else 900)
        page.goto(f"{server.url}?class={HURT}&show={show}")
        expect(concepts(page).first).to_be_visible()
        thumb(page, "traffic light", "remove")
        twin = page.locator(".knowledge .twin")
        chip = twin.get_by_role("button", name="Remove vertical traffic light too")
        expect(chip).to_be_in_viewport(ratio=1)
        expect(twin).to_have_text(re.compile("^also:.*vertical traffic light$"))
        chip.press("Enter")
        expect(page.get_by_role("button", name="Fine-tune 2")).to_be_focused()  # the chip is gone
        expect(twin).to_be_hidden()
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(page.get_by_role("button", name="Fine-tune", exact=True)).to_be_visible()
