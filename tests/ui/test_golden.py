"""Each view of the demo, in light and dark, as it was when somebody last looked at it closely.

The pictures in ``golden/`` have half the size of the screen. They are compared by the mean colour
of cells of 8×8 screen pixels, so that edges of letters do not count: at most ``CELLS`` of the cells
may differ by more than ``LEVELS`` of 255. A view that moved, lost a part or took another colour
differs in more. After a change that is meant, renew them and look at each:

    GOLDEN=renew python -m pytest tests/ui/test_golden.py
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from steps import concepts, iterations, select_class
from waiting import PATIENCE

from inficond_panel.spec import find_spec
from inficond_panel.tuning import Intent, open_tuner

GOLDEN = Path(__file__).parent / "golden"
VIEWS = ("configuration", "performance", "embedding", "knowledge", "detail", "provenance")
CELL, LEVELS, CELLS = 4, 28, 0.06  # pixels of a golden picture, of 255, share
#: All pictures of a view are there; those not asked for yet are one pixel wide.
LOADED = """(place) => {
  const within = (root) => [...root.querySelectorAll("*")].flatMap((element) =>
    [element, ...(element.shadowRoot ? within(element.shadowRoot) : [])])
  return within(place).filter((element) => element.localName === "img" && element.checkVisibility())
    .every((image) => image.complete && image.naturalWidth > 1)
}"""


@pytest.fixture(scope="module")
def url(serve_module) -> str:
    server = serve_module(find_spec("demo"))
    tuner = open_tuner("demo", history=server.history)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "road", "remove")])
    tuner.set_head(node, "fine-tune")
    return f"{server.url}?show=details"


@pytest.fixture(params=["light", "dark"])
def page(url, open_page, request) -> Page:
    page = open_page(url, 1280, 800, color_scheme=request.param, reduced_motion="reduce")
    select_class(page, "bicycle")
    concepts(page).first.locator(".open").click()
    expect(page.locator(".detail .tile path.line").first).to_be_visible()
    page.scheme = request.param
    return page


def picture(page: Page, view: str) -> Image.Image:
    """A view at half its size, once two pictures of it in a row are the same."""
    place = page.locator(f".place[data-view={view}]")
    tab = page.locator(f"[role=tab][data-view={view}]")
    if tab.count():
        tab.click()
    if view == "provenance":
        expect(iterations(page).first).to_be_visible()
    page.wait_for_function(LOADED, arg=place.element_handle())
    shot, before = place.screenshot(animations="disabled", caret="hide"), b""
    end = time.monotonic() + PATIENCE  # one that never rests is compared as it is
    while shot != before and time.monotonic() < end:
        shot, before = place.screenshot(animations="disabled", caret="hide"), shot
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)


def cells(image: Image.Image) -> np.ndarray:
    """Mean colour of each cell, (rows, columns, 3)."""
    width, height = image.width // CELL, image.height // CELL
    pixels = np.asarray(image, dtype=float)[: height * CELL, : width * CELL]
    return pixels.reshape(height, CELL, width, CELL, 3).mean(axis=(1, 3))


def differing(one: Image.Image, other: Image.Image) -> float:
    """Share of cells whose colour differs by more than LEVELS; 1 where the size differs."""
    if one.size != other.size:
        return 1.0
    return float((np.abs(cells(one) - cells(other)).max(axis=2) > LEVELS).mean())


def test_each_view_looks_as_it_did(page, tmp_path) -> None:
    wrong = {}
    for view in VIEWS:
        file = GOLDEN / f"{view}-{page.scheme}.png"
        if os.environ.get("GOLDEN") == "renew":
            GOLDEN.mkdir(exist_ok=True)
            picture(page, view).quantize(128).save(file, optimize=True)
            continue
        golden, end = Image.open(file).convert("RGB"), time.monotonic() + PATIENCE
        while (share := differing(now := picture(page, view), golden)) > CELLS:
            if time.monotonic() > end:
                break
        if share > CELLS:
            now.save(tmp_path / file.name)
            wrong[view] = f"{share:.1%} of the cells differ, see {tmp_path / file.name}"
    assert wrong == {}


@pytest.mark.parametrize("view", ["performance", "knowledge", "detail"])
def test_the_comparison_sees_what_it_should(view) -> None:
    golden = Image.open(GOLDEN / f"{view}-light.png").convert("RGB")
    pixels = np.asarray(golden)
    lost = np.arange(len(pixels))[:, None, None] > 0.7 * len(pixels)
    for changed, seen in (
        (pixels, False),
        (np.roll(pixels, 1, axis=1), False),  # a pixel of a half-size picture
        (np.roll(pixels, 12, axis=0), True),
        (np.where(lost, 255, pixels), True),
        (255 - pixels, True),
    ):
        changed_picture = Image.fromarray(changed.astype(np.uint8))
        assert (differing(golden, changed_picture) > CELLS) == seen
