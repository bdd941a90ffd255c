"""A connection that breaks, falls silent, or a server that ends: told at once, and mended."""

from __future__ import annotations

import re

import pytest
from conftest import BROKEN
from factory import small_spec
from playwright.sync_api import Page, expect
from steps import blocks, iterations, select_class
from test_provenance import press
from waiting import wait_until


@pytest.fixture
def server(proxy, serve, tmp_path):
    started = serve(small_spec(tmp_path))
    proxy.to = started.port
    return started


@pytest.fixture
def page(server, proxy, open_page) -> Page:
    return select_class(open_page(f"http://localhost:{proxy.port}/app", expected=BROKEN), "bicycle")


def banner(page: Page):
    return page.get_by_role("alertdialog", name="Connection lost")


def back(page: Page):
    return page.get_by_role("status").filter(has_text="The connection was lost")


def thumb_down(page: Page) -> None:
    page.locator(".knowledge .thumb.down").first.click()
    kept(page)


def kept(page: Page) -> None:
    """Wait until a thumb waits, and the browser keeps it for a reload."""
    expect(blocks(page)).to_have_count(1)
    wait_until(lambda: "thumbs" in page.evaluate("JSON.stringify(sessionStorage)"), "kept")


def goes_on(page: Page, number: int) -> None:
    """The page is back by itself with its thumb, which can be fine-tuned."""
    expect(back(page)).to_be_visible()
    expect(banner(page)).to_have_count(0)
    expect(blocks(page)).to_have_count(1)
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(1 + number)
    expect(blocks(page)).to_have_count(0)


def test_a_break_is_told_at_once_and_mended_and_a_note_that_is_being_written_is_kept(
    page, proxy
) -> None:
    thumb_down(page)
    proxy.cut()
    expect(banner(page)).to_contain_text("Connection lost. Trying again…")
    expect(page.get_by_role("button", name="Reload now")).to_be_focused()
    expect(banner(page)).to_contain_text(re.compile(r"[2-9] s"))
    assert not page.locator(".knowledge").evaluate(
        "e => { const box = e.getBoundingClientRect();"
        " return e.contains(e.getRootNode().elementFromPoint(box.x + 20, box.y + 100)) }"
    )
    page.keyboard.press("Escape")
    page.keyboard.press("?")  # a key of the page
    expect(page.get_by_role("dialog", name="Keyboard")).to_have_count(0)
    page.get_by_role("button", name="Reload now").click()  # there is nothing to load yet
    expect(banner(page)).to_be_visible()
    proxy.mend()
    goes_on(page, 1)

    search, note = page.get_by_label("Find concept"), page.get_by_label("Note of #1", exact=True)
    search.fill("whe")
    press(page, 1, "n")
    note.fill("the wheels <b>are</b> in every")
    proxy.cut()
    expect(banner(page)).to_be_visible()
    proxy.mend()
    expect(note).to_have_value("the wheels <b>are</b> in every")
    expect(search).to_have_value("whe")
    page.reload()
    expect(note).to_have_value("the wheels <b>are</b> in every")


def test_a_server_that_is_slow_or_killed_or_silent_is_awaited(page, server, proxy) -> None:
    page.evaluate("window.same = true")
    proxy.mute()
    proxy.refuse()
    page.locator(".knowledge .thumb.down").first.click()
    expect(banner(page)).to_be_visible()
    proxy.unmute()
    proxy.mend()
    expect(banner(page)).to_have_count(0)
    kept(page)
    assert page.evaluate("window.same")  # it was only slow, and goes on without a reload

    server.kill()
    expect(banner(page)).to_be_visible()
    saved = page.locator(".saved").inner_text()
    expect(banner(page)).to_contain_text(re.compile(r"([6-9]|\d\d) s"))
    assert page.locator(".saved").inner_text() == saved
    server.start()
    goes_on(page, 1)

    thumb_down(page)
    press(page, 1, "n")
    page.get_by_label("Note of #1", exact=True).fill("lost?")
    proxy.mute()
    page.keyboard.press("Enter")
    expect(banner(page)).to_contain_text("The server does not answer.")
    expect(back(page)).to_contain_text("may not have been saved")
    expect(back(page)).to_contain_text("What you wrote in “Note of #1”: lost?")
    goes_on(page, 2)


@pytest.mark.more
def test_an_idle_page_notices_too(page, proxy) -> None:
    proxy.mute()
    expect(banner(page)).to_be_visible()
    expect(back(page)).to_be_visible()
