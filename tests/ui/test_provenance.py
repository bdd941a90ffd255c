"""The history on screen: names, notes, branches deleted and restored, comparison, export."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec
from playwright.sync_api import Page, expect

from inficond_panel.tuning import Intent, Tuner, open_tuner

pytestmark = pytest.mark.ui


@pytest.fixture(scope="module")
def served(serve_module, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Tuner]:
    """A history that is served: #1 and #2 in a row; #3, by a machine, beside them."""
    spec = small_spec(tmp_path_factory.mktemp("tree"))
    server = serve_module(spec)
    tuner = open_tuner(spec, history=server.history)
    root = tuner.root()
    first = tuner.fine_tune(root, [Intent("bicycle", "wheel", "remove")])
    tuner.fine_tune(first, [Intent("bicycle", "sky", "up", 4.0)])
    tuner.fine_tune(root, [Intent("bicycle", "spoke", "remove")], author="machine:crossfit")
    return server.url, tuner


@pytest.fixture
def page(served: tuple[str, Tuner], share_page) -> Page:
    """A page that shows #2."""
    page = share_page(served[0])
    expect(rows(page)).to_have_count(4)
    expect(row(page, 2)).to_be_visible()  # before that no row takes the focus
    if row(page, 2).get_attribute("aria-selected") != "true":
        row(page, 2).click()
        expect(row(page, 2)).to_have_attribute("aria-selected", "true")
    return page


#: Chromium tells that a menu is closed in a while; here with the second frame.
LATE = """(menu) => menu.addEventListener("toggle", (event) => {
  const again = new ToggleEvent("toggle", event)
  if (!event.isTrusted) return
  event.stopImmediatePropagation()
  requestAnimationFrame(() => requestAnimationFrame(() => menu.dispatchEvent(again)))
}, true)"""


def rows(page: Page):
    return page.locator(".provenance [role=option]")


def row(page: Page, number: int):
    return rows(page).filter(has=page.locator(".number", has_text=f"#{number}"))


def press(page: Page, number: int, key: str) -> None:
    row(page, number).focus()
    page.keyboard.press(key)


def compare(page: Page, one: int, other: int):
    press(page, one, "Enter")
    expect(row(page, one)).to_have_attribute("aria-selected", "true")
    press(page, other, "m")
    dialog = page.locator("dialog.compare")
    expect(dialog.locator(".metrics")).to_be_visible()
    return dialog


def test_rows_are_named_and_noted_and_keep_it(page) -> None:
    press(page, 1, "r")
    page.get_by_label("Name of #1", exact=True).fill("<b>no</b> wheels")
    page.keyboard.press("Enter")
    expect(row(page, 1).locator(".name")).to_have_text("<b>no</b> wheels")
    expect(row(page, 1)).to_be_focused()
    press(page, 2, "n")
    note = page.get_by_label("Note of #2", exact=True)
    note.fill("the sky is in every scene")
    page.keyboard.press("Enter")
    expect(row(page, 2)).to_be_focused()
    press(page, 2, "n")
    note.fill("not kept")
    page.keyboard.press("Escape")
    expect(note).to_have_value("the sky is in every scene")
    page.reload()
    expect(row(page, 1).locator(".name")).to_have_text("<b>no</b> wheels")
    expect(note).to_have_value("the sky is in every scene")


def test_a_branch_is_deleted_and_restored_by_keys(page) -> None:
    press(page, 1, "Delete")  # the iteration shown is in it
    refused = page.get_by_role("menu", name="Actions of #1").get_by_role("menuitem", name="Delete")
    expect(refused).to_contain_text("The iteration shown is in it")
    page.keyboard.press("Escape")
    expect(refused).to_be_hidden()
    expect(row(page, 1)).to_be_focused()
    expect(rows(page)).to_have_count(4)
    press(page, 3, "Delete")
    expect(rows(page)).to_have_count(3)
    expect(row(page, 2)).to_be_focused()
    deleted = page.get_by_role("button", name="1 deleted branch")
    deleted.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Restore #3")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(4)
    expect(deleted).to_be_hidden()


def test_the_menu_of_a_row_is_worked_by_keys_and_pointer(page) -> None:
    press(page, 2, ".")
    menu = page.get_by_role("menu", name="Actions of #2")
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    delete = menu.get_by_role("menuitem", name="Delete the branch from here")
    expect(delete).to_have_attribute("aria-disabled", "true")
    expect(delete).to_contain_text("The iteration shown is in it")
    menu.evaluate(LATE)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(row(page, 2)).to_be_focused()
    row(page, 3).hover()
    page.get_by_role("button", name="Actions of #3").click()
    page.get_by_role("menuitem", name="Show this iteration").click()
    expect(row(page, 3)).to_have_attribute("aria-selected", "true")


def test_two_rows_are_compared(page) -> None:
    dialog = compare(page, 3, 2)
    expect(dialog.locator("h2")).to_have_text("#2 → #3")
    expect(dialog.locator("header")).to_contain_text("tune, 50 images")
    expect(dialog.locator(".sides section").first).to_contain_text("Only #2, since #0")
    expect(dialog.locator(".sides section").first).to_contain_text("✕ bicycle: wheel")
    expect(dialog.locator(".sides section").last).to_contain_text("by a machine: crossfit")
    expect(dialog.locator(".metrics tbody tr")).to_have_count(6)
    words = re.compile("^(up|down|within noise|unchanged|undefined)$")
    all_words = dialog.locator(".metrics .words")
    expect(all_words.filter(has_text=words)).to_have_count(all_words.count())
    expect(dialog.locator(".movers tbody tr").first).to_contain_text(re.compile(r"[+−]\d"))
    ap = dialog.locator(".metrics tbody tr").first.locator(".change").inner_text()
    dialog.get_by_role("button", name="Swap").click()
    expect(dialog.locator("h2")).to_have_text("#3 → #2")
    turned = ap.translate({ord("+"): "−", ord("−"): "+"})
    expect(dialog.locator(".metrics tbody tr").first.locator(".change")).to_have_text(turned)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_comparison_that_was_closed_is_not_opened_again_by_what_comes_after_it(page) -> None:
    """Chromium sends a dialog's "close" with a frame, which may be later; here never."""
    dialog = compare(page, 0, 2)
    dialog.evaluate("""(dialog) => {
      const stop = (event) => event.stopImmediatePropagation()
      dialog.addEventListener("close", stop, { capture: true, once: true })
      dialog.close()
    }""")
    press(page, 1, "Enter")
    expect(row(page, 1)).to_have_attribute("aria-selected", "true")
    expect(dialog).to_be_hidden()


def test_images_that_changed_sides_have_pictures_and_open_large(page) -> None:
    dialog = compare(page, 0, 2)
    tiles = dialog.locator(".tile")
    expect(tiles.first.locator("img")).to_be_visible()
    expect(tiles).to_have_count(int(dialog.locator(".churn").inner_text().split()[0]))
    name = tiles.first.get_attribute("aria-label").split(",")[0]
    tiles.first.focus()
    page.keyboard.press("Enter")
    large = page.locator("dialog.large[open]")
    expect(large.locator("header b")).to_have_text(f"Image {name}")
    expect(large).to_contain_text(re.compile("absent → present|present → absent"))
    expect(large.locator("img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(large).to_have_count(0)
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_iteration_shown_is_compared_with_its_parent(page) -> None:
    press(page, 3, "Enter")
    expect(row(page, 3)).to_have_attribute("aria-selected", "true")
    parent = page.get_by_role("button", name="Compare with the iteration before")
    parent.click()
    title = page.locator("dialog.compare h2")
    expect(title).to_have_text(re.compile(r"^#\d.* → #3"))
    page.keyboard.press("Escape")
    expect(title).to_be_hidden()


def test_students_of_any_row_are_saved_as_a_zip(page, served) -> None:
    press(page, 3, "e")
    dialog = page.get_by_role("dialog", name="Export #3")
    dialog.get_by_label("JSON for scikit-learn").check()
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save zip").click()
    node = served[1].nodes()[3]
    assert saved.value.suggested_filename == f"small-3-{node.id}.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        files = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {
        "students.npz",
        "students.json",
        "README.md",
        "card.md",
        "card.json",
        "edits.yaml",
    }
    arrays = np.load(io.BytesIO(files["students.npz"]), allow_pickle=False)
    assert (arrays["weights"] == node.weights).all()
    expect(dialog.get_by_role("status")).to_contain_text("is ready")
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save edits file only").click()
    assert node.weights_hash in Path(saved.value.path()).read_text()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_header_exports_the_iteration_shown_also_from_behind_a_tab(page) -> None:
    row(page, 1).click()
    expect(row(page, 1)).to_have_attribute("aria-selected", "true")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("tab", name="Concept detail").click()
    expect(row(page, 1)).to_be_hidden()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_role("dialog", name="Export #1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Export #1")).to_be_hidden()
    page.set_viewport_size({"width": 1920, "height": 1080})
