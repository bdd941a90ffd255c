"""Photos answered on the page: by keys and by fingers, taken back, taught, undone, gone on with."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from factory import CLASSES, small_arrays, small_spec, unlabelled_arrays
from frames import frames
from playwright.sync_api import Page, expect
from resizing import resize
from steps import DONE, select_class
from test_accessibility import findings

from inficond_panel import from_frames
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.answers import photos_to_ask

ARRAYS = small_arrays()
OFFER = "Look at 20 photos of which the student is least sure"
#: Pixels that a finger needs.
FINGER = 44


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    return small_spec(tmp_path_factory.mktemp("asked"), make=unlabelled_arrays)


@pytest.fixture(scope="module")
def url(serve_module, spec) -> str:
    return serve_module(spec).url


def asked(page: Page, name: str) -> None:
    """Open the photos of a class."""
    select_class(page, name)
    page.get_by_role("button", name=OFFER).click()
    expect(page.get_by_role("dialog", name=f"Does this photo show {name}?")).to_be_visible()
    expect(page.locator(".asking .photo img")).to_be_visible()


def place(page: Page):
    return page.locator(".asking footer [role=status]")


def keys_of(spec: Path, name: str) -> list[str]:
    """Key for the true answer on each of the photos that are asked about first."""
    tuner = open_tuner(spec, history=":memory:")
    rows = photos_to_ask(tuner.repairs.class_fit(tuner.root(), name)).rows
    return [
        {1: "y", 0: "n", -1: "s"}[int(ARRAYS["label"][row, CLASSES.index(name)])] for row in rows
    ]


def press(page: Page, keys: list[str], at: int = 0) -> None:
    """Answer photos by keys, the first of them at a place."""
    for number, key in enumerate(keys, start=at + 1):
        expect(place(page)).to_contain_text(f"{number} of 20")
        expect(page.locator(".asking .photo img")).to_have_attribute("alt", f"Photo {number}")
        page.keyboard.press(key)


def test_twenty_answers_by_keys_are_taught_and_undone(url, open_page, spec) -> None:
    page = open_page(f"{url}?class=sheep")
    asked(page, "bicycle")
    expect(place(page)).to_have_text("1 of 20")  # and nothing of what the student says
    keys = keys_of(spec, "bicycle")
    press(page, keys[:1])
    said = {"y": "You said yes", "n": "You said no", "s": "You skipped"}[keys[0]]
    expect(place(page)).to_have_text(re.compile(rf"2 of 20\. {said}.*\."))
    page.keyboard.press("u")
    expect(place(page)).to_have_text("1 of 20")
    press(page, keys)
    told, offer = page.locator(".asking .end"), page.get_by_role("button", name=OFFER)
    expect(told).to_contain_text("photos the student was right")
    expect(told).to_contain_text("iteration #1.")
    page.get_by_role("button", name="Undo #1").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".notice:visible")).to_contain_text("#1 is undone, and kept.")
    expect(offer).to_be_focused()
    offer.click()  # the answers are kept
    expect(told).to_contain_text("Each of the 20 photos has a reply")
    page.get_by_role("button", name="Evaluate the student").click()
    expect(told).to_contain_text("iteration #1.")
    page.get_by_role("button", name="Look at 20 more").click()
    expect(place(page)).to_have_text("1 of 20")
    page.keyboard.press("Escape")
    expect(page.locator(".knowledge .line .status")).to_contain_text(DONE)


def test_answers_are_gone_on_with_after_a_reload(url, open_page) -> None:
    page = open_page(f"{url}?class=bird")
    asked(page, "bird")
    press(page, ["ArrowRight", "ArrowLeft", "ArrowDown"])
    expect(place(page)).to_have_text("4 of 20. You skipped a photo.")
    page.reload()
    asked(page, "bird")
    expect(place(page)).to_have_text("4 of 20. You skipped a photo.")
    page.keyboard.press("Backspace")
    expect(place(page)).to_contain_text("3 of 20")
    for at, answer in ((4, "Yes"), (5, "No")):
        expect(page.locator(".asking .photo img")).to_be_visible()  # before that none is answered
        page.get_by_role("button", name=answer, exact=True).click()
        expect(place(page)).to_contain_text(f"{at} of 20. You said {answer.lower()}")
    page.get_by_role("button", name="Stop and evaluate").click()
    expect(page.locator(".asking .end")).to_contain_text("On 4 photos the student was right")
    page.get_by_role("button", name="Look at the other 16").click()
    expect(place(page)).to_contain_text("5 of 20")
    page.get_by_role("button", name="Close; the answers are kept").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_keys_in_the_dialog_are_for_the_dialog_and_a_finger_to_the_right_says_yes(
    url, open_page
) -> None:
    page = open_page(f"{url}?class=sheep")
    asked(page, "sheep")
    page.locator(".asking h2").click()  # nothing that takes a focus by itself
    for key in ("b", "?", "t"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.locator(".repair-panel .unfold-line")).to_have_attribute("aria-expanded", "false")
    expect(place(page)).to_have_text("1 of 20")
    for _ in range(12):  # the focus stays within
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement)"
            " at = at.shadowRoot.activeElement; return at === document.body"
            " || Boolean(at.closest('dialog')) }"
        )
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.locator(".asking .photo").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y)
    page.mouse.up()
    expect(place(page)).to_contain_text("2 of 20. You said yes")
    page.keyboard.press("u")
    expect(place(page)).to_have_text("1 of 20")


def test_the_photo_is_large_and_the_buttons_are_for_fingers(url, open_page) -> None:
    page = open_page(f"{url}?class=tv%20monitor", 320, 568)
    page.get_by_role("button", name=OFFER).click()
    expect(page.locator(".asking .photo img")).to_be_visible()
    for width, height, scheme in ((320, 568, "light"), (1280, 800, "dark")):
        resize(page, width, height)
        page.emulate_media(color_scheme=scheme)
        assert page.locator(".asking .photo").bounding_box()["height"] >= 0.6 * height
        for button in page.locator(".asking button:visible").all():
            box = button.bounding_box()
            assert min(box["width"], box["height"]) >= FINGER - 0.5
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        assert findings(page) == []


def serve_captions(serve, folder: Path, captions: dict[str, str]) -> str:
    """A page of a store with captions, and without photos."""
    from_frames(**frames(), captions=pd.Series(captions), path=folder / "own.zarr")
    (folder / "own.yaml").write_text("title: Captions\nstore: own.zarr\n")
    return serve(folder / "own.yaml").url


@pytest.fixture(scope="module")
def url_of_captions(serve_module, tmp_path_factory) -> str:
    captions = {image: f"a bird {image}" for image in frames()["scores"].index}
    return serve_captions(serve_module, tmp_path_factory.mktemp("captions"), captions)


def test_captions_are_asked_about_where_there_are_no_photos(open_page, url_of_captions):
    page = select_class(open_page(url=url_of_captions), "bird")
    page.get_by_role("button", name=re.compile("Look at 20 captions")).click()
    expect(page.get_by_role("dialog", name="Is this caption about bird?")).to_be_visible()
    caption = page.locator(".asking .photo q")
    expect(caption).to_have_text(re.compile(r"a bird \d{4}"))
    first = caption.inner_text()
    page.keyboard.press("y")
    expect(caption).not_to_have_text(first)


def test_an_empty_caption_is_called_so(open_page, serve_module, tmp_path):
    first, *others = frames()["scores"].index
    captions = {first: "a bird", **dict.fromkeys(others, "")}
    page = select_class(open_page(url=serve_captions(serve_module, tmp_path, captions)), "bird")
    page.get_by_role("button", name=re.compile("Look at 20 captions")).click()
    expect(page.locator(".asking .photo")).to_have_text("The caption is empty.")
