"""The main job, groups and 20 photos in Firefox, light and dark, on two sizes of screen.

Pictures of the page lie in build/firefox afterwards.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import serving
from firefox_bridge import program
from listening import listen
from playwright.sync_api import Page, expect
from resizing import resize
from steps import DONE, classes, concepts, iterations, open_concept, select_class, show_details
from waiting import PATIENCE, comes_to

from inficond_panel.spec import find_spec

pytestmark = pytest.mark.more

BRIDGE = Path(__file__).with_name("firefox_bridge.py")
PICTURES = Path(__file__).parents[2] / "build" / "firefox"
SIZES = ((1280, 800), (1920, 1080))
#: How Firefox is told the scheme that a page asks for.
SCHEME = {"dark": 0, "light": 1}
TAKEN = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


@pytest.fixture(scope="module", params=SCHEME)
def firefox(request, playwright, tmp_path_factory) -> Iterator:
    if program() is None:
        pytest.skip("no Firefox: set FIREFOX or install Debian's firefox-esr")
    bridge = tmp_path_factory.mktemp("firefox") / "bridge"
    start = f'PYTHONPATH="{BRIDGE.parents[1]}" exec "{sys.executable}" "{BRIDGE}" "$@"'
    bridge.write_text(f"#!/bin/sh\n{start}\n")
    bridge.chmod(0o755)
    browser = playwright.firefox.launch(
        channel="moz-firefox",
        executable_path=bridge,
        firefox_user_prefs={
            "layout.css.prefers-color-scheme.content-override": SCHEME[request.param]
        },
    )
    browser.scheme = request.param
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(firefox, tmp_path_factory) -> Iterator[Page]:
    """The demo in Firefox, with a history of its own; what the console tells as an error fails the
    last test."""
    with serving(tmp_path_factory.mktemp("served")) as start:
        server = start(find_spec("demo"))
        page = firefox.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        faults: list[str] = []
        listen(page, "(?!)", faults)
        page.goto(f"{server.url}?show=details")
        expect(classes(page).first).to_be_visible()
        yield page
        page.close()
    assert faults == []


def test_nothing_is_cut(page, firefox):
    PICTURES.mkdir(parents=True, exist_ok=True)
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (firefox.scheme == "dark")
    for width, height in SIZES:
        resize(page, width, height)
        expect(classes(page).first).to_be_visible()
        comes_to(lambda: page.evaluate(TAKEN), [width, height])
        page.screenshot(path=PICTURES / f"start-{firefox.scheme}-{width}.png")


def test_a_thumb_changes_the_number_and_undo_brings_it_back(page, firefox):
    select_class(page, "bicycle")
    now = page.locator(".knowledge .now b").first
    expect(now).to_be_visible()
    before = now.inner_text()
    open_concept(page)
    expect(page.locator(".detail .tile path.line").first).to_be_visible()
    concepts(page).first.locator(".thumb.remove").click()
    page.get_by_role("button", name="Fine-tune").click()
    comes_to(lambda: iterations(page).count() > 1, True)
    expect(now).not_to_have_text(before)
    for width, height in SIZES:
        resize(page, width, height)
        comes_to(lambda: page.evaluate(TAKEN), [width, height])
        page.screenshot(path=PICTURES / f"tuned-{firefox.scheme}-{width}.png")
    page.get_by_role("button", name="Undo the last iteration").click()
    expect(now).to_have_text(before)


def test_a_card_is_taken_in_two_clicks(page, firefox):
    page.goto(page.url.partition("?")[0])
    show_details(page, False)
    card = page.locator(".start .cards > li", has_text="dog")
    card.locator(".btn.primary").click()  # its words depend on what is computed by now
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text(DONE)
    picture(page, "repaired", firefox)


def test_charts_are_one_click_away(page, firefox):
    open_concept(page)
    page.get_by_role("button", name="Charts").click()
    expect(page.locator(".detail .chart:visible")).to_have_count(4)
    picture(page, "charts", firefox)


def test_groups_of_a_class_have_their_rates(page, firefox):
    show_details(page, True)
    page.get_by_role("button", name="Metrics").click()
    page.get_by_label("Groups by").press_sequentially("soccer ball")
    page.get_by_label("Groups by").press("Enter")
    rows = page.get_by_role("table", name="Groups of images").locator("tbody tr")
    expect(rows).to_have_count(2)
    rows.first.scroll_into_view_if_needed()
    picture(page, "groups", firefox)
    show_details(page, False)


def test_twenty_photos_are_answered_by_keys(page, firefox):
    page.get_by_role("button", name=re.compile("^Look at 20 photos")).click()
    expect(page.locator(".asking .photo img")).to_be_visible()
    picture(page, "asking", firefox)
    for number in range(1, 21):
        expect(page.locator(".asking footer [role=status]")).to_contain_text(f"{number} of 20")
        page.keyboard.press("n")
    expect(page.locator(".asking .end .headline")).to_be_visible()
    picture(page, "asked", firefox)


def test_a_small_network_decides_from_one_file(firefox, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from pocket_factory import CLASSES, outputs_of, photo_file, tiny_pocket

    from inficond_panel.try_page.page import make_page, write_page

    pocket, photo = tiny_pocket(tmp_path), photo_file(tmp_path / "photo.png", 90, 60)
    write_page(make_page(pocket), tmp_path / "try.html")
    faults: list[str] = []
    page = firefox.new_page()
    listen(page, "(?!)", faults, here=("file:", "data:", "blob:"))
    page.goto((tmp_path / "try.html").as_uri())
    expect(page.locator(".drop input")).to_be_enabled()
    page.locator(".drop input").set_input_files(photo)
    expect(page.locator(".classes li")).to_have_count(3)
    page.locator(".concepts .where").first.click()
    expect(page.locator("figcaption")).to_contain_text("with the outlined part hidden")
    assert faults == []  # Playwright's picture adds a style, which the page refuses
    resize(page, 500, 1200)
    picture(page, "try", firefox)
    rows = page.locator(".classes li")
    found = {row.locator("bdi").inner_text(): row.get_attribute("data-logit") for row in rows.all()}
    expected = outputs_of(pocket, photo)["logits"]
    page.close()
    assert [float(found[name]) for name in CLASSES] == pytest.approx(list(expected), abs=1e-5)


def picture(page: Page, name: str, firefox) -> None:
    """Keep a picture of the page, to be looked at."""
    page.screenshot(path=PICTURES / f"{name}-{firefox.scheme}.png")
