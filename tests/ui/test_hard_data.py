"""Data that is hard to show: names that look like code or are long, and very few of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, spec_text
from playwright.sync_api import Page, expect
from waiting import comes_to, wait_until

from inficond_panel.store import write_store

pytestmark = pytest.mark.ui

EVIL = "<img src=x onerror=alert(1)>"
LONG = "a name that goes on and on " * 8


def evil_spec(folder: Path) -> Path:
    """A store whose names are HTML or very long."""
    arrays = small_arrays()
    for axis, names in (("concept", (EVIL, LONG)), ("class_name", (EVIL, LONG))):
        arrays[axis] = np.array([*names, *arrays[axis][2:]])
    arrays["image"] = np.array([f"{i} {EVIL}" for i in range(len(arrays["image"]))])
    return write(folder / "evil", EVIL, arrays)


def tiny_spec(folder: Path) -> Path:
    return write(folder / "tiny", "Tiny", small_arrays(classes=1, concepts=5))


def write(folder: Path, title: str, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    write_store(folder / "small.zarr", arrays, {**ATTRS, "title": title})
    spec = folder / "spec.yaml"
    spec.write_text(spec_text().replace("title: Small", f"title: {title!r}\nstore: small.zarr"))
    return spec


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("hard")
    return serve_module(evil_spec(folder), tiny_spec(folder)).url


@pytest.fixture
def page(url, open_page) -> Page:
    page = open_page(f"{url}?show=details", 1280, 800)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    expect(page.locator(".performance [role=option]").first).to_be_visible()
    return page


def switch(page: Page, title: str, subtitle: str) -> None:
    page.get_by_label("Dataset").select_option(title)
    expect(page.locator(".shell > header")).to_contain_text(subtitle)


def select(page: Page, name: str) -> None:
    page.get_by_label("Find class").fill(name.strip())
    page.keyboard.press("Enter")
    expect(page.locator(".knowledge .subtitle")).to_have_text(name)


def right_end(page: Page, part: str) -> float:
    box = page.locator(f".detail{part}").bounding_box()
    return box["x"] + box["width"]


def test_names_stay_text_in_all_views(page) -> None:
    select(page, EVIL)
    page.get_by_label("Concepts listed").select_option("50")
    for name in (LONG, EVIL):
        row = page.locator(f'.knowledge .rows > .row[data-key="{name}"]')
        row.locator(".thumb.down").click()
        row.locator(".open").click()
        expect(page.locator(".detail .subtitle")).to_have_text(name)
        expect(page.locator(".detail .samples")).to_contain_text("preview")
        wait_until(lambda: right_end(page, " .how") <= right_end(page, ""), "the choice is inside")
    page.locator(".detail .tile button").first.click()
    expect(page.locator("dialog.large[open] #image-title")).to_contain_text(EVIL)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Fine-tune").click()
    page.get_by_role("tab", name="Provenance").click()
    first = page.locator(".provenance [role=option]").first
    expect(first).to_contain_text("#1")
    first.hover()
    expect(page.locator(".card:popover-open")).to_contain_text(EVIL)
    expect(page.locator('img[src="x"]')).to_have_count(0)
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth"), 1280)


def test_data_sets_served_together_are_switched_with_their_own_state(page) -> None:
    select(page, EVIL)
    switch(page, "Tiny", "Tiny, 1 class")
    expect(page.locator(".performance [role=option]")).to_have_count(1)
    expect(page.locator(".knowledge .subtitle")).to_have_text("")
    page.locator(".performance [role=option]").click()
    expect(page.locator(".knowledge")).to_contain_text("concepts have influence")
    expect(page.locator(".knowledge .rows > .row").first).to_be_visible()
    assert 1 <= page.locator(".knowledge .rows > .row").count() < 5  # of 5; the others are at 0
