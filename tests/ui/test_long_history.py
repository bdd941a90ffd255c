"""A history of hundreds of iterations: the list holds a few rows, and all can be reached."""

from __future__ import annotations

import pytest
from factory import small_spec
from long_history import grow
from playwright.sync_api import Page, expect
from waiting import comes_to, wait_until

from inficond_panel.tuning import open_tuner
from inficond_panel.views.provenance.iterations import MOST

pytestmark = pytest.mark.ui

LENGTH = 600


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page that shows the newest of ``LENGTH`` iterations."""
    spec = small_spec(tmp_path_factory.mktemp("long"))
    server = serve_module(spec)
    tuner = open_tuner(spec, history=server.history)
    tuner.set_head(grow(tuner, LENGTH)[-1])
    return server.url


@pytest.fixture
def page(url, share_page) -> Page:
    """A page that shows the newest iteration, with the top of the list in view."""
    page = share_page(url)
    page.locator(".provenance .body").evaluate("(body) => { body.scrollTop = 0 }")
    expect(row(page, LENGTH)).to_have_attribute("aria-selected", "true")
    expect(row(page, LENGTH)).to_be_visible()  # before that no row takes the focus
    return page


def row(page: Page, number: int):
    rows = page.locator(".provenance [role=option]")
    return rows.filter(has=page.get_by_text(f"#{number}", exact=True))


def test_rows_come_as_the_list_is_scrolled(page) -> None:
    assert page.locator(".provenance [role=option]").count() <= MOST
    body = page.locator(".provenance .body")
    body.evaluate("(body) => { body.scrollTop = body.scrollHeight }")
    expect(row(page, 0)).to_be_visible()
    expect(row(page, 0).locator(".chips")).to_contain_text("original student")
    expect(row(page, 1).locator(".value")).to_contain_text("0.")
    expect(row(page, 0)).to_have_attribute("aria-posinset", str(LENGTH + 1))
    expect(row(page, 0)).to_be_in_viewport()
    for part in (0.1, 0.5, 0.9):
        body.evaluate("(body, part) => { body.scrollTop = part * body.scrollHeight }", part)
        number = LENGTH - round(part * (LENGTH + 1)) - 2
        expect(row(page, number)).to_be_in_viewport()
        assert page.locator(".provenance [role=option]").count() <= MOST
    assert page.locator(".provenance .tree circle").count() <= MOST


def test_a_long_number_has_its_room(page) -> None:
    number = row(page, LENGTH).locator(".number")
    comes_to(lambda: number.evaluate("(it) => it.scrollWidth <= it.clientWidth"), True)
    wait_until(lambda: number.evaluate("(it) => it.clientWidth") < 40, "no more than it takes")


def test_keys_reach_all_rows_and_the_newest_again(page) -> None:
    row(page, LENGTH).focus()
    page.keyboard.press("End")
    expect(row(page, 0)).to_be_focused()
    for number in (1, 2, 3):
        page.keyboard.press("ArrowUp")
        expect(row(page, number)).to_be_focused()
    page.keyboard.press("n")
    expect(page.get_by_label("Note of #3", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, 3)).to_be_focused()
    page.keyboard.press("Home")
    expect(row(page, LENGTH)).to_be_focused()


def test_a_row_that_goes_out_of_view_has_the_focus_when_it_comes_again(page) -> None:
    body = page.locator(".provenance .body")
    row(page, LENGTH).focus()
    page.keyboard.press("End")
    expect(row(page, 0)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(row(page, 1)).to_be_focused()
    body.evaluate("(body) => { body.scrollTop = 0 }")
    expect(row(page, LENGTH)).to_be_focused()
    expect(row(page, 1)).to_have_count(0)
    body.evaluate("(body) => { body.scrollTop = body.scrollHeight }")
    expect(row(page, 1)).to_be_focused()


def test_the_focus_that_was_taken_elsewhere_stays_there(page) -> None:
    body = page.locator(".provenance .body")
    row(page, LENGTH).focus()
    page.keyboard.press("End")
    expect(row(page, 0)).to_be_focused()
    body.evaluate("(body) => { body.scrollTop = 0 }")
    expect(row(page, LENGTH)).to_be_focused()
    elsewhere = page.get_by_label("Metric of the iterations")
    elsewhere.focus()
    body.evaluate("(body) => { body.scrollTop = body.scrollHeight }")
    expect(row(page, 0)).to_be_visible()
    expect(elsewhere).to_be_focused()


def test_a_row_far_away_is_shown_and_undone(page) -> None:
    row(page, LENGTH).focus()
    page.keyboard.press("End")
    expect(row(page, 0)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(row(page, 1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, 1)).to_have_attribute("aria-selected", "true")
    expect(row(page, 1)).to_be_focused()
    page.get_by_role("button", name="Undo the last iteration").click()
    expect(row(page, 0)).to_have_attribute("aria-selected", "true")
    expect(row(page, 0)).to_be_in_viewport()
    page.locator(".provenance .body").evaluate("(body) => { body.scrollTop = 0 }")
    expect(row(page, LENGTH)).to_be_in_viewport()
    row(page, LENGTH).click()
    expect(row(page, LENGTH)).to_have_attribute("aria-selected", "true")


def test_two_rows_far_apart_are_compared(page) -> None:
    row(page, LENGTH).focus()
    page.keyboard.press("End")
    expect(row(page, 0)).to_be_focused()
    page.keyboard.press("m")
    dialog = page.locator("dialog.compare")
    expect(dialog.locator("h2")).to_have_text(f"#0 → #{LENGTH}")
