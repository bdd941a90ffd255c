"""Whether a place is written in the font that every page brings along."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator
from waiting import wait_until

from inficond_panel.ui.browser import FAMILY

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
    return as_wide_as_ours(place)


def as_wide_as_ours(place: Locator) -> bool:
    widths = place.evaluate(WIDTHS, list(ADVANCES))
    return widths == pytest.approx(list(ADVANCES.values()), abs=4)
