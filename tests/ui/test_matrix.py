"""All students at once, with details while no class is selected: taps, order, search, text."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from waiting import comes_to

pytestmark = pytest.mark.ui

#: Middle of the cell in a row and a column of the matrix, in pixels of the window.
PLACE = """([row, column]) => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const figure = models.find((model) => model.type === "Figure" && model.above.length)
  const view = Bokeh.index.find_one_by_id(figure.id)
  const box = view.el.getBoundingClientRect()
  const { x_scale, y_scale } = view.frame
  return [box.x + x_scale.compute(column + 0.5),
    box.y + y_scale.compute(figure.y_range.end - row - 0.5)]
}"""


@pytest.fixture
def page(serve, open_page, tmp_path) -> Page:
    page = open_page(f"{serve(small_spec(tmp_path)).url}?show=details")
    expect(page.get_by_role("heading", name="All students")).to_be_visible()
    page.get_by_text("The same as a table").click()
    return page


def concepts(page: Page) -> list[str]:
    return page.locator("details th[scope=row]").all_inner_texts()


def test_a_cell_under_the_pointer_is_named_and_a_click_opens_it(page):
    concept = concepts(page)[2]

    def told() -> list[str]:
        """What is told of the cell; what stands above the matrix may come later, and move it."""
        page.get_by_role("heading", name="All students").evaluate("(e) => e.scrollIntoView()")
        page.mouse.move(*page.evaluate(PLACE, [2, 1]))
        return page.locator(".bk-Tooltip dd").all_inner_texts()[:2]

    comes_to(told, ["tv monitor", concept])
    page.mouse.click(*page.evaluate(PLACE, [2, 1]))
    expect(page.locator(".knowledge .subtitle")).to_have_text("tv monitor")
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    page.get_by_role("button", name="All students", exact=True).click()
    expect(page.get_by_role("heading", name="All students")).to_be_visible()


def test_rows_are_sorted_and_searched_and_told_as_text(page):
    page.get_by_label("Order", exact=True).select_option("Name")
    first = page.locator("details th[scope=row]").first
    expect(first).to_have_text("cloud")
    page.get_by_label("Search concepts").fill("wheel")
    page.keyboard.press("Enter")
    expect(first).to_contain_text("wheel")
    others = page.locator("details th[scope=row]", has_not_text="wheel")
    expect(others).to_have_count(0)
    page.get_by_label("Search concepts").fill("no such thing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No concept matches.")).to_be_visible()
