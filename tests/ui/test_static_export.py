"""The page as one HTML file: from the screen and from the command line, without a server."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect
from test_font import written_in_ours
from test_main_job import iterations, rows, select_class
from waiting import wait_until

from inficond_panel.cli import main
from inficond_panel.tuning import open_tuner
from inficond_panel.ui.browser import FAMILY

pytestmark = pytest.mark.ui

FITS = """() => {
  const { scrollHeight, scrollWidth } = document.documentElement
  return scrollHeight <= innerHeight && scrollWidth <= innerWidth
}"""


def expect_pictures(page: Page, place: str) -> None:
    """The first picture at a place is there, and is one; a list that is drawn anew has others."""
    wide = "all => all.slice(0, 1).some((image) => image.naturalWidth > 1)"
    wait_until(lambda: page.locator(place).evaluate_all(wide), f"a picture at {place}")


def test_the_screen_is_saved_as_it_is(serve, open_page, open_file, tmp_path) -> None:
    spec = small_spec(tmp_path)
    server = serve(spec)
    page = open_page(server.url)
    expect(rows(page).first).to_be_visible()
    select_class(page, "bicycle")
    row = page.locator(".knowledge .rows > .row").first
    concept = row.get_attribute("data-key")
    row.locator(".open").click()
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    page.locator(".knowledge .thumb.down").first.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(2)
    page.keyboard.press("a")
    choose = page.get_by_role("button", name="Choose by tune")
    expect(choose).to_have_css("opacity", "1")
    iterations(page).first.focus()
    page.keyboard.press("e")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save page as HTML").click()
    node = open_tuner(spec, history=server.history).nodes()[1]
    file = tmp_path / saved.value.suggested_filename
    assert file.name == f"small-1-{node.id}.html"
    saved.value.save_as(file)
    page.close()
    server.kill()

    still = open_file(file)
    notice = still.get_by_role("note")
    for text in ("Export, read only", node.id, "#1", "data hash"):
        expect(notice).to_contain_text(text)
    expect(still.locator(".knowledge .subtitle").first).to_have_text("bicycle")
    expect(still.locator(".detail .subtitle")).to_have_text(concept)
    expect(iterations(still)).to_have_count(2)
    expect_pictures(still, ".knowledge .patch img")
    expect_pictures(still, ".detail .tile img")
    for name in ("Export", "Copy a link to what is shown"):
        expect(still.get_by_role("button", name=name, exact=True)).to_have_count(0)
    for width, height in ((1280, 800), (1920, 1080), (3840, 2160)):
        still.set_viewport_size({"width": width, "height": height})
        still.wait_for_function(FITS)
    expect(still.get_by_role("button", name="Choose by tune")).to_be_hidden()
    expect(still.locator(".knowledge .thumb").first).to_be_hidden()
    rows(still).filter(has_text="sheep").first.click()
    expect(still.locator(".performance [aria-selected=true]")).to_contain_text("sheep")


def test_the_command_writes_the_page_of_an_iteration(open_file, tmp_path, capsys) -> None:
    spec = small_spec(tmp_path)
    history = ["--history", str(tmp_path / "h.sqlite")]
    file = tmp_path / "page.html"
    chosen = ["--class", "sheep", "--dark", "--output", str(file)]
    assert main(["page", str(spec), *history, *chosen]) == 0
    assert f"{file}, {file.stat().st_size / 1e6:.1f} MB" in capsys.readouterr().out
    assert file.stat().st_size < 8e6
    tuner = open_tuner(spec, history=tmp_path / "h.sqlite")
    assert [event.kind for event in tuner.history.events(tuner.root_id)] == ["add"]
    page = open_file(file)
    assert file.read_text().count(f"font-family: '{FAMILY}'") == 1
    expect(page.locator(".knowledge .subtitle").first).to_have_text("sheep")
    for place in (page.get_by_role("note"), page.locator(".performance").first):
        assert written_in_ours(place)
    views = ("configuration", "performance", "embedding", "knowledge", "detail", "provenance")
    for view in views:
        expect(page.locator(f".place[data-view={view}]")).to_have_count(1)
    expect_pictures(page, ".knowledge .patch img")
