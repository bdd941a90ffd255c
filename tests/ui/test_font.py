"""Every page is written in the font that it brings along, whatever the machine has."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from test_main_job import rows
from waiting import wait_until

from inficond_panel.ui.browser import FAMILY

pytestmark = pytest.mark.ui

#: Advances of Inter 4.001 at weight 400 and optical size 14, in units of 1/2048 em, as fontTools
#: reads them from the font that its author publishes; ✕ is ✗ there.
ADVANCES = {"W": 2018, "M": 1850, "i": 496, "▲": 2070, "✕": 1815, "Ж": 1966, "λ": 1314}
WIDTHS = """(place, letters) => letters.map((letter) => {
  const probe = document.createElement("span")
  probe.style.cssText = "position: absolute; font-size: 2048px; font-weight: 400"
  probe.textContent = letter
  place.append(probe)
  const { width } = probe.getBoundingClientRect()
  probe.remove()
  return width
})"""


def written_in_ours(place: Locator) -> bool:
    """True where letters are as wide as our font's, once the page has loaded it."""
    loaded = "name => document.fonts.ready.then(() => document.fonts.check(`12px '${name}'`))"
    wait_until(lambda: place.page.evaluate(loaded, FAMILY), f"{FAMILY} is loaded")
    widths = place.evaluate(WIDTHS, list(ADVANCES))
    return widths == pytest.approx(list(ADVANCES.values()), abs=4)


def map_is_written_in_ours(page: Page) -> None:
    """Texts that Bokeh draws on a canvas; its models come from the server."""
    fonts = """() => [...Bokeh.documents[0]._all_models.values()]
      .filter((model) => model.type === "Text").map((glyph) => glyph.text_font.value)"""
    page.wait_for_function(f"({fonts})().length > 0")
    assert all(font.startswith(f"'{FAMILY}'") for font in page.evaluate(fonts))


def test_the_page(small_url, open_page) -> None:
    page = open_page(small_url, 1280, 800)
    expect(rows(page).first).to_be_visible()
    for view in ("configuration", "performance", "knowledge", "detail"):
        assert written_in_ours(page.locator(f".place[data-view={view}] .panel, .strip").first)
    map_is_written_in_ours(page)
    machine = open_page(small_url, 1280, 800, own_font=False)
    expect(rows(machine).first).to_be_visible()
    widths = machine.locator(".performance").first.evaluate(WIDTHS, list(ADVANCES))
    assert widths != pytest.approx(list(ADVANCES.values()), abs=4)  # else this test sees nothing


def test_a_page_that_cannot_be_opened(wrong_url, open_page) -> None:
    alert = open_page(wrong_url).get_by_role("alert")
    expect(alert).to_contain_text("Did you mean")
    expect(alert).to_contain_text("wrong.yaml:")
    assert written_in_ours(alert.locator("h1"))
