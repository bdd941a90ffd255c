"""Knowledge points in the dialog of one image: a switch where there is a map, none elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import small_spec
from playwright.sync_api import Locator, Page, expect
from waiting import comes_to

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays

pytestmark = pytest.mark.ui


def mapped(folder: Path) -> Path:
    """A spec whose store has maps of every other image of tune."""
    spec = small_spec(folder)
    store = open_store(load_spec(spec, check_files=False).store)
    maps = np.full(int(store.mask_offset[-1]), np.nan, np.float16)
    for row in store.rows("tune")[::2]:
        one = np.zeros(store.thumbnail_shape[row], np.float16)
        one[: len(one) // 2] = 0.5
        maps[store.mask_offset[row] : store.mask_offset[row + 1]] = one.ravel()
    facts = {"network": "encoder", "layer": "trunk", "b": 0.2}
    add_arrays(store, {"knowledge_contrast": maps}, {"knowledge": facts})
    return spec


def size(dialog: Locator, part: str) -> tuple[float, float]:
    box = dialog.locator(part).bounding_box()
    return box["width"], box["height"]


def test_the_switch_lays_the_points_over_the_image(serve, open_page, tmp_path) -> None:
    page: Page = open_page(serve(mapped(tmp_path)).url)
    page.locator(".performance [role=option]").first.click()
    page.locator(".knowledge .rows > .row[role=listitem] button").first.click()
    page.locator(".detail .tile button").first.click()
    dialog = page.locator("dialog.large:has(.apart)")
    expect(dialog).to_contain_text("Teacher logit")
    switch = dialog.get_by_role("button", name="Knowledge points")
    for _ in range(40):  # images with and without a map come in the gallery's order
        if switch.is_visible():
            break
        apart = dialog.locator(".apart")
        before = apart.inner_text()
        page.keyboard.press("ArrowRight")
        expect(apart).not_to_have_text(before)
        expect(dialog).to_contain_text("Smallest flip")
    expect(dialog.locator("img.heat")).to_have_count(0)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(dialog.locator("img.heat")).to_be_visible()
    expect(dialog).to_contain_text("Bright: information that the layer trunk of encoder keeps")
    comes_to(lambda: size(dialog, "img.heat") == size(dialog, ".picture"), True)
    switch.click()
    expect(dialog.locator("img.heat")).to_have_count(0)
