"""All students at once, while no class is selected: cells in their places, clicks, keys, thumbs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from factory import small_arrays, small_spec
from PIL import Image
from playwright.sync_api import Page, expect
from waiting import comes_to, wait_until

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Node, Tuner

pytestmark = pytest.mark.ui

CONCEPTS, CLASSES = 90, 60  #: more than are in view along both axes
#: Names and boxes of the rows and columns that are wholly in view.
NAMES = """(scroll) => {
  const view = scroll.getBoundingClientRect()
  const end = scroll.querySelector(".givers").getBoundingClientRect().left
  const start = scroll.querySelector(".names").getBoundingClientRect().right
  const top = scroll.querySelector(".heads").getBoundingClientRect().bottom
  const box = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect()
    return [element.textContent, x, y, width, height]
  }
  const boxes = (selector) => [...scroll.querySelectorAll(selector)].map(box)
  const within = ([, x, , width]) => x >= start && x + width <= end
  return {
    rows: boxes(".names > span").filter(([, , y, , high]) => y >= top && y + high <= view.bottom),
    columns: boxes(".head").filter(within),
  }
}"""


def untouched(spec_file) -> tuple[Tuner, Node]:
    """The students of a spec, distilled apart from the server."""
    spec = load_spec(spec_file, check_files=False)
    tuner = Tuner(open_store(spec.store), spec, History(":memory:"))
    return tuner, tuner.root()


def large_arrays() -> dict[str, np.ndarray]:
    arrays = small_arrays(classes=CLASSES, concepts=CONCEPTS)
    arrays["class_name"] = np.array([f"class {k}" for k in range(CLASSES)])
    return arrays


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return small_spec(tmp_path_factory.mktemp("large"), make=large_arrays)


def misplaced(page: Page, tuner: Tuner, node: Node, dark: bool) -> list[str]:
    """Cells in view whose colour is not of the sign of the influence; blank where that is 0."""
    seen = page.locator(".matrix .scroll").evaluate(NAMES)
    if min(len(seen["rows"]), len(seen["columns"])) < 4:
        return ["names are still on their way"]
    if not all(name in tuner.store.classes for name, *_ in seen["columns"]):
        return ["columns are still without a name"]
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot()))).astype(int)
    store, wrong = tuner.store, []
    for concept, _, y, _, high in seen["rows"]:
        for name, x, _, wide, _ in seen["columns"]:
            value = node.weights[store.concepts.index(concept), store.classes.index(name)]
            corners = [(y + 4, x + 4), (y + high - 3, x + wide - 3)]
            for down, right in corners:
                red, _, blue = pixels[round(down), round(right)][:3]
                lean = blue - red
                if value == 0:
                    fits = -4 < lean < (14 if dark else 6)  # the ground is a bluish gray
                else:
                    fits = lean * value > 0 and abs(lean) > 10
                if not fits:
                    wrong.append(f"{concept}, {name}: {value:.3f} has {red} red and {blue} blue")
    return wrong


def test_cells_have_the_colour_of_their_influence_wherever_they_are(large, serve_module, open_page):
    tuner, node = untouched(large)
    page = open_page(serve_module(large).url)
    scroll = page.locator(".matrix .scroll")
    expect(page.locator(".matrix .names > span").first).to_be_visible()
    comes_to(lambda: misplaced(page, tuner, node, False), [])
    for part in (0.5, 1):
        scroll.evaluate(
            "(e, part) => e.scrollTo(part * (e.scrollWidth - e.clientWidth),"
            " part * (e.scrollHeight - e.clientHeight))",
            part,
        )
        comes_to(lambda: misplaced(page, tuner, node, False), [])
    for order in ("name", "similar"):
        page.get_by_label("Order of the concepts").select_option(order)
        comes_to(lambda: misplaced(page, tuner, node, False), [])
    page.get_by_label("Search concepts").fill("wheel")
    expect(page.locator(".matrix .muted", has_text="of 90 concepts")).to_be_visible()
    comes_to(lambda: misplaced(page, tuner, node, False), [])
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 3840, "height": 2160})
    comes_to(lambda: misplaced(page, tuner, node, True), [])
    assert page.locator(".matrix :is(.names > span, .head, .give)").count() < 500


def place_of(page: Page, class_name: str, concept: str) -> tuple[float, float]:
    def boxes() -> list[list]:
        seen = page.locator(".matrix .scroll").evaluate(NAMES)
        rows = [each for each in seen["rows"] if each[0] == concept]
        columns = [each for each in seen["columns"] if each[0] == class_name]
        return [rows[0], columns[0]] if rows and columns else []

    row, column = wait_until(boxes, f"{concept}, {class_name} is in view")
    return column[1] + column[3] / 2, row[2] + row[4] / 2


def test_cells_are_opened_by_keys_and_by_pointer_and_have_a_thumb_beside_them(small_url, open_page):
    page = open_page(small_url)
    arrow_keys_tell_the_cell_and_enter_opens_it(page)
    a_click_opens_a_cell(page)
    a_thumb_is_of_the_concept_beside_it_in_any_order(page)


def a_click_opens_a_cell(page: Page) -> None:
    concept = page.locator(".matrix .names > span").nth(2).inner_text()
    place = place_of(page, "sheep", concept)
    page.mouse.move(*place)
    card = page.locator(".matrix ~ .card, .card", has_text="Influence").first
    expect(card).to_contain_text("sheep")
    expect(card).to_contain_text(concept)
    page.mouse.click(*place)
    expect(page.locator(".knowledge .subtitle")).to_have_text("sheep")
    expect(page.locator(".detail")).to_contain_text(concept)
    expect(page.locator(".panel.matrix")).to_be_hidden()
    page.get_by_role("button", name="All students").click()
    expect(page.locator(".panel.matrix")).to_be_visible()
    expect(page.locator(".knowledge")).to_be_hidden()
    expect(page.locator(".matrix .names > .opened")).to_have_text(concept)


def arrow_keys_tell_the_cell_and_enter_opens_it(page: Page) -> None:
    cells = page.get_by_role("application", name="Matrix of influences")
    expect(page.locator(".matrix .names > span").first).to_be_visible()
    concept = page.locator(".matrix .names > span").nth(1).inner_text()
    cells.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    told = page.locator(".matrix .scroll [role=status]")
    expect(told).to_contain_text(f"{concept}, tv monitor; Influence")
    page.keyboard.press("Enter")
    expect(page.locator(".knowledge .subtitle")).to_have_text("tv monitor")
    back = page.get_by_role("button", name="All students")
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    expect(cells).to_be_focused()
    expect(told).to_contain_text(f"{concept}, tv monitor")


def test_a_thumb_of_a_row_tunes_the_students_chosen_in_one_iteration(serve, open_page, tmp_path):
    page = open_page(serve(small_spec(tmp_path)).url)
    matrix = page.get_by_role("region", name="All students")
    for name in ("bird", "sheep"):
        matrix.get_by_role("button", name=f"Thumbs of a row are for {name}").click()
    remove = matrix.get_by_role("button", name="Remove sky for 2 students", exact=True)
    remove.click()
    expect(remove).to_have_attribute("aria-pressed", "true")
    expect(matrix.locator(".batch")).to_contain_text("sky: 2 students")
    tune = matrix.get_by_role("button", name="Fine-tune")
    expect(tune).to_contain_text("2")
    tune.click()
    expect(matrix.locator(".batch")).to_contain_text(
        "#1 tuned 2 students; the other 2 are as they were."
    )
    matrix.get_by_role("button", name="all", exact=True).click()
    matrix.get_by_role("button", name="Remove sky for all students", exact=True).click()
    expect(matrix.locator(".batch")).to_contain_text("sky: 4 students")
    matrix.get_by_role("button", name="Remove sky for all students", exact=True).click()
    expect(matrix.get_by_role("button", name="Fine-tune")).to_be_hidden()
    expect(page.locator(".provenance [role=option]")).to_have_count(2)


def a_thumb_is_of_the_concept_beside_it_in_any_order(page: Page) -> None:
    matrix = page.get_by_role("region", name="All students")
    names = matrix.locator(".names > span")
    remove = matrix.get_by_role("button", name="Remove sky for all students", exact=True)
    expect(remove).to_be_visible()
    page.get_by_label("Order of the concepts").select_option("name")
    expect(names.first).to_have_text("cloud")
    remove.click()
    expect(matrix.locator(".batch")).to_contain_text("✕ sky: 4 students")
    page.get_by_label("Search concepts").fill("sky")
    expect(names.first).to_have_text("sky")
    remove.click()
    expect(matrix.get_by_role("button", name="Fine-tune")).to_be_hidden()
