"""The history on screen: names, notes, branches, comparison, export; one of hundreds of rows."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from factory import small_spec
from long_history import grow
from network_factory import encoded_spec, network_spec
from playwright.sync_api import Locator, Page, expect
from steps import iterations
from test_accessibility import findings
from waiting import comes_to, wait_until

from inficond_panel import TunableStudents
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.views.provenance.iterations import MOST


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
    expect(iterations(page)).to_have_count(4)
    expect(row(page, 2)).to_be_visible()  # before that no row takes the focus
    if row(page, 2).get_attribute("aria-selected") != "true":
        show(page, 2)
    return page


#: Chromium tells that a menu is closed in a while; here with the second frame.
LATE = """(menu) => menu.addEventListener("toggle", (event) => {
  const again = new ToggleEvent("toggle", event)
  if (!event.isTrusted) return
  event.stopImmediatePropagation()
  requestAnimationFrame(() => requestAnimationFrame(() => menu.dispatchEvent(again)))
}, true)"""


def row(page: Page, number: int) -> Locator:
    return iterations(page).filter(has=page.get_by_text(f"#{number}", exact=True))


def press(page: Page, number: int, key: str) -> None:
    row(page, number).focus()
    page.keyboard.press(key)


def show(page: Page, number: int) -> None:
    press(page, number, "Enter")
    expect(row(page, number)).to_have_attribute("aria-selected", "true")


def compare(page: Page, one: int, other: int) -> Locator:
    show(page, one)
    press(page, other, "m")
    dialog = page.locator("dialog.compare")
    expect(dialog.locator(".metrics")).to_be_visible()
    return dialog


def test_rows_are_named_and_noted_and_keep_it(page, served: tuple[str, Tuner]) -> None:
    press(page, 1, "r")
    page.get_by_label("Name of #1", exact=True).fill("<b>no</b> wheels")
    page.keyboard.press("Enter")
    expect(row(page, 1).locator(".name")).to_have_text("<b>no</b> wheels")
    expect(row(page, 1)).to_be_focused()
    note = page.get_by_label("Note of #2", exact=True)

    def write(text: str) -> None:
        press(page, 2, "n")
        note.fill(text)

    with closing(sqlite3.connect(served[1].history.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the note is saved after writing has begun again
        write("the sky is in every scene")
        page.keyboard.press("Enter")
        expect(row(page, 2)).to_be_focused()
        write("not kept")
        other.execute("ROLLBACK")
    expect(note).to_have_attribute("title", "the sky is in every scene")
    expect(note).to_have_value("not kept")
    page.keyboard.press("Escape")
    expect(row(page, 2)).to_be_focused()
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
    expect(iterations(page)).to_have_count(4)
    press(page, 3, "Delete")
    expect(iterations(page)).to_have_count(3)
    expect(row(page, 2)).to_be_focused()
    deleted = page.get_by_role("button", name="1 deleted branch")
    deleted.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Restore #3")).to_be_focused()
    page.keyboard.press("Enter")
    expect(iterations(page)).to_have_count(4)
    expect(deleted).to_be_hidden()


def test_the_menu_of_a_row_is_worked_by_keys_and_pointer(page) -> None:
    press(page, 2, ".")
    menu = page.get_by_role("menu", name="Actions of #2")
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    delete = menu.get_by_role("menuitem", name="Delete the branch from here")
    expect(delete).to_have_attribute("aria-disabled", "true")
    menu.evaluate(LATE)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(row(page, 2)).to_be_focused()
    row(page, 3).hover()
    page.get_by_role("button", name="Actions of #3").click()
    page.get_by_role("menuitem", name="Show this iteration").click()
    expect(row(page, 3)).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Compare with the iteration before").click()
    title = page.locator("dialog.compare h2")
    expect(title).to_have_text(re.compile(r"^#\d.* → #3"))
    page.keyboard.press("Escape")
    expect(title).to_be_hidden()


def test_two_rows_are_compared(page) -> None:
    dialog = compare(page, 3, 2)
    for place, words in (
        ("h2", "#2 → #3"),
        (".head", "50 tuning images"),
        (".sides section >> nth=0", "Only #2, since #0"),
        (".sides section >> nth=0", "✕ bicycle: wheel"),
        (".sides section >> nth=1", "by a machine: crossfit"),
    ):
        expect(dialog.locator(place)).to_contain_text(words)
    expect(dialog.locator(".metrics tbody tr")).to_have_count(6)
    words = re.compile("^(up|down|within noise|unchanged|undefined)$")
    all_words = dialog.locator(".metrics .words")
    expect(all_words.filter(has_text=words)).to_have_count(all_words.count())
    expect(dialog.locator(".movers tbody tr").first).to_contain_text(re.compile(r"[+−]\d"))
    change = dialog.locator(".metrics tbody tr").first.locator(".change")
    turned = change.inner_text().translate({ord("+"): "−", ord("−"): "+"})
    dialog.get_by_role("button", name="Swap").click()
    expect(dialog.locator("h2")).to_have_text("#3 → #2")
    expect(change).to_have_text(turned)
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
    show(page, 1)
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
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_students_of_any_row_and_of_the_one_shown_are_exported(page, served) -> None:
    press(page, 3, "e")
    dialog = page.get_by_role("dialog", name="Export #3")
    dialog.get_by_label("JSON for scikit-learn").check()
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save zip").click()
    node = served[1].nodes()[3]
    assert saved.value.suggested_filename == f"small-3-{node.id}.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        files = {Path(name).name for name in archive.namelist()}
    assert files == {
        *["students.npz", "students.json", "README.md", "card.md", "card.json", "edits.yaml"]
    }
    expect(dialog.get_by_role("status")).to_contain_text("is ready")
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save edits file only").click()
    assert node.weights_hash in Path(saved.value.path()).read_text()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    show(page, 1)  # which the header exports, also from behind a tab
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("tab", name="Concept detail").click()
    expect(row(page, 1)).to_be_hidden()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_role("dialog", name="Export #1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Export #1")).to_be_hidden()
    page.set_viewport_size({"width": 1920, "height": 1080})


# --- a long history ----------------------------------------------------------------------------

LENGTH = 600


@pytest.fixture(scope="module")
def long_url(serve_module, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page that shows the newest of ``LENGTH`` iterations."""
    spec = small_spec(tmp_path_factory.mktemp("long"), seed=1)
    server = serve_module(spec)
    tuner = open_tuner(spec, history=server.history)
    tuner.set_head(grow(tuner, LENGTH)[-1])
    return server.url


@pytest.fixture
def long(long_url, share_page) -> Page:
    """A page that shows the newest iteration, with the top of the list in view."""
    page = share_page(long_url)
    scroll(page, 0)
    expect(row(page, LENGTH)).to_have_attribute("aria-selected", "true")
    expect(row(page, LENGTH)).to_be_visible()  # before that no row takes the focus
    return page


def scroll(page: Page, part: float) -> None:
    page.locator(".provenance .body").evaluate(
        "(body, part) => { body.scrollTop = part * body.scrollHeight }", part
    )


def to_the_oldest(page: Page) -> None:
    press(page, LENGTH, "End")
    expect(row(page, 0)).to_be_focused()


def test_rows_come_as_the_list_is_scrolled(long) -> None:
    number = row(long, LENGTH).locator(".number")
    comes_to(lambda: number.evaluate("(it) => it.scrollWidth <= it.clientWidth"), True)
    wait_until(lambda: number.evaluate("(it) => it.clientWidth") < 40, "no more than it takes")
    scroll(long, 1)
    oldest = row(long, 0)
    expect(oldest.locator(".chips")).to_contain_text("original student")
    expect(row(long, 1).locator(".value")).to_contain_text("0.")
    expect(oldest).to_have_attribute("aria-posinset", str(LENGTH + 1))
    expect(oldest).to_be_in_viewport()
    for part in (0.1, 0.5, 0.9):
        scroll(long, part)
        expect(row(long, LENGTH - round(part * (LENGTH + 1)) - 2)).to_be_in_viewport()
        assert iterations(long).count() <= MOST
    assert long.locator(".provenance .tree circle").count() <= MOST


def test_keys_reach_all_rows_and_the_newest_again(long) -> None:
    to_the_oldest(long)
    for number in (1, 2, 3):
        long.keyboard.press("ArrowUp")
        expect(row(long, number)).to_be_focused()
    long.keyboard.press("n")
    expect(long.get_by_label("Note of #3", exact=True)).to_be_focused()
    long.keyboard.press("Escape")
    expect(row(long, 3)).to_be_focused()
    long.keyboard.press("Home")
    expect(row(long, LENGTH)).to_be_focused()
    to_the_oldest(long)
    long.keyboard.press("m")
    dialog = long.locator("dialog.compare")
    expect(dialog.locator("h2")).to_have_text(f"#0 → #{LENGTH}")
    long.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_row_that_goes_out_of_view_has_the_focus_when_it_comes_again_unless_it_was_taken(
    long,
) -> None:
    to_the_oldest(long)
    long.keyboard.press("ArrowUp")
    expect(row(long, 1)).to_be_focused()
    scroll(long, 0)
    expect(row(long, LENGTH)).to_be_focused()
    expect(row(long, 1)).to_have_count(0)
    scroll(long, 1)
    expect(row(long, 1)).to_be_focused()
    scroll(long, 0)
    expect(row(long, LENGTH)).to_be_focused()
    elsewhere = long.get_by_label("Metric of the iterations")
    elsewhere.focus()
    scroll(long, 1)
    expect(row(long, 0)).to_be_visible()
    expect(elsewhere).to_be_focused()


def test_a_row_far_away_is_shown_and_undone(long) -> None:
    to_the_oldest(long)
    long.keyboard.press("ArrowUp")
    expect(row(long, 1)).to_be_focused()
    long.keyboard.press("Enter")
    expect(row(long, 1)).to_have_attribute("aria-selected", "true")
    expect(row(long, 1)).to_be_focused()
    long.get_by_role("button", name="Undo the last iteration").click()
    expect(row(long, 0)).to_have_attribute("aria-selected", "true")
    expect(row(long, 0)).to_be_in_viewport()
    scroll(long, 0)
    expect(row(long, LENGTH)).to_be_in_viewport()
    row(long, LENGTH).click()
    expect(row(long, LENGTH)).to_have_attribute("aria-selected", "true")


# --- the user's own network --------------------------------------------------------------------


def test_a_network_is_saved_once_a_person_says_which_photos_are_meant(
    serve, tmp_path, open_page
) -> None:
    pytest.importorskip("onnxruntime")
    spec = network_spec(tmp_path)
    server = serve(spec)
    tuner = open_tuner(spec, history=server.history)
    students = TunableStudents(tuner).up("bicycle", "wheel").remove("bicycle", "leaf")
    page = open_page(server.url)
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("button", name="Refit my network").click()
    dialog = page.get_by_role("dialog", name=f"My network at #{students.node.number}")
    save = dialog.get_by_role("button", name="Save network")
    expect(dialog.get_by_text("The new network agrees with the old one on")).to_be_visible()
    expect(save).to_be_disabled()
    dialog.get_by_role("radio").last.check()
    with page.expect_download() as saved:
        save.click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        files = {name.rpartition("/")[2] for name in archive.namelist()}
    assert files == {"network.onnx", "card.md", "card.json"}


# --- a small network ---------------------------------------------------------------------------


def test_a_small_network_is_built_and_saved_with_its_page(serve, tmp_path, open_page) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("timm")
    page = open_page(serve(encoded_spec(tmp_path)).url)
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("button", name="Build a small network").click()
    dialog = page.get_by_role("dialog", name="A small network at #0")
    dialog.get_by_label("its own").uncheck()
    dialog.get_by_label("128").check()
    dialog.get_by_role("button", name="Build", exact=True).click()
    expect(dialog.get_by_role("heading", name="encoder, 128 pixels")).to_be_visible()
    expect(dialog.get_by_text("on the tuning images")).to_be_visible()
    expect(dialog.locator("canvas").first).to_be_visible()
    assert findings(page) == []
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save network").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert "pocket.onnx" in {name.rpartition("/")[2] for name in archive.namelist()}
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Save try page").click()
    assert saved.value.suggested_filename.endswith("-pocket-encoder-128-try.html")


def test_a_small_network_without_photos_is_told_with_the_command(
    serve, tmp_path, open_page
) -> None:
    pytest.importorskip("onnxruntime")
    spec = network_spec(tmp_path)
    (tmp_path / "data" / "labels.csv").unlink()
    page = open_page(serve(spec).url)
    page.get_by_role("button", name="Export", exact=True).click()
    export = page.get_by_role("dialog", name="Export #0")
    expect(export.get_by_text("These are not on this machine").last).to_be_visible()
    expect(export.get_by_text("--output FOLDER").last).to_be_visible()
    expect(export.get_by_role("button", name="Build a small network")).to_be_hidden()
