"""A pocket's page in Chromium: it decides as Python does, says why, and sends nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from pocket_factory import CLASSES, CONCEPTS, outputs_of, photo_file, tiny_pocket
from test_accessibility import findings

from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.try_page.page import WASM, make_page, write_page
from inficond_panel.try_page.server import PageServer

#: Sizes of photos, and their EXIF orientation: wide, high, turned, and large enough to be reduced.
PHOTOS = {"wide": (90, 60, 1), "high": (60, 97, 1), "turned": (90, 60, 6), "large": (2400, 1800, 1)}


class Served:
    """Pages of pockets with changed facts, each on a server of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._servers: list[PageServer] = []

    def pocket(self, name: str, **changed) -> Path:
        place = self.folder / name
        place.mkdir()
        return tiny_pocket(place, **changed)

    def serve(self, files: dict[str, bytes]) -> str:
        server = PageServer(files, port=0)
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://localhost:{server.server_address[1]}/"

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("try"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pocket(served) -> Path:
    return served.pocket("sigmoid")


@pytest.fixture(scope="module")
def url(served, pocket) -> str:
    return served.serve(make_page(pocket).files())


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("photos")
    return {
        name: photo_file(folder / f"{name}.png", width, height, orientation=turned)
        for name, (width, height, turned) in PHOTOS.items()
    }


def decide(page: Page, photo: Path) -> Page:
    """Choose a photo, and wait for its classes."""
    expect(page.locator(".drop input")).to_be_enabled()
    page.locator(".drop input").set_input_files(photo)
    expect(page.locator(".status")).to_contain_text("Decided")
    return page


def logits(page: Page) -> list[float]:
    """Logits by class, with all digits."""
    read = "rows => rows.map(row => [row.querySelector('bdi').textContent, row.dataset.logit])"
    found = dict(page.locator(".classes li").evaluate_all(read))
    return [float(found[name]) for name in CLASSES]


def row_of(page: Page, concept: str):
    return page.locator(".concepts li").filter(has_text=concept)


@pytest.mark.parametrize("name", PHOTOS)
def test_logits_are_those_of_onnxruntime_and_pillow(name, url, pocket, photos, share_page):
    page = decide(share_page(url), photos[name])
    # a photo that is reduced first, by whole pixels, is resized from other levels
    near = 2e-3 if name == "large" else 1e-5
    np.testing.assert_allclose(logits(page), outputs_of(pocket, photos[name])["logits"], atol=near)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_a_photo_is_resized_as_the_metadata_say(interpolation, served, photos, open_page):
    from pocket_factory import SIDE

    steps = {"size": [SIDE, SIDE], "mean": [0.5] * 3, "std": [0.25] * 3}
    model = served.pocket(interpolation, preprocessing={**steps, "interpolation": interpolation})
    page = decide(open_page(served.serve(make_page(model).files())), photos["wide"])
    expected = outputs_of(model, photos["wide"])["logits"]
    np.testing.assert_allclose(logits(page), expected, atol=1e-5)


def test_log_odds_of_a_softmax_are_those_of_onnxruntime(served, photos, open_page):
    model = served.pocket("softmax", link="softmax", task="single_label")
    page = decide(open_page(served.serve(make_page(model).files())), photos["wide"])
    expected = outputs_of(model, photos["wide"])
    np.testing.assert_allclose(logits(page), expected["logits"], atol=1e-5)
    likeliest = CLASSES[int(expected["decisions"].argmax())]
    expect(page.locator(".classes li", has_text="likeliest")).to_contain_text(likeliest)


def test_the_one_file_decides_from_a_disk_without_a_network(
    pocket, photos, open_file, tmp_path
) -> None:
    write_page(make_page(pocket), tmp_path / "try.html")
    page = decide(open_file(tmp_path / "try.html"), photos["wide"])
    expected = outputs_of(pocket, photos["wide"])["logits"]
    np.testing.assert_allclose(logits(page), expected, atol=1e-5)


def test_decisions_are_those_of_onnxruntime(url, pocket, photos, share_page):
    page = decide(share_page(url), photos["wide"])
    present = outputs_of(pocket, photos["wide"])["decisions"]
    for name, is_present in zip(CLASSES, present, strict=True):
        row = page.locator(".classes li").filter(has_text=name)
        expect(row).to_have_attribute("data-present", str(bool(is_present)).lower())


def test_bars_are_the_contributions_of_the_class(url, pocket, photos, share_page):
    page = decide(share_page(url), photos["wide"])
    page.locator(".classes button", has_text="dog").click()
    expected = outputs_of(pocket, photos["wide"])["contributions"][CLASSES.index("dog")]
    for name, value in zip(CONCEPTS, expected, strict=True):
        shown = row_of(page, name).locator(".num").inner_text().replace("\u2212", "-")
        assert float(shown) == pytest.approx(value, abs=0.005)


def test_a_thumb_counts_a_concept_twice_or_not_and_is_taken_back(url, pocket, photos, share_page):
    page = decide(share_page(url), photos["wide"])
    page.locator(".classes button", has_text="dog").click()
    before = outputs_of(pocket, photos["wide"])
    dog, grass, wall = CLASSES.index("dog"), 1, 0
    parts = before["contributions"][dog]
    row_of(page, CONCEPTS[grass]).locator(".up").click()
    row_of(page, CONCEPTS[wall]).locator(".down").click()
    changed = before["logits"].copy()
    changed[dog] += parts[grass] - parts[wall]
    np.testing.assert_allclose(logits(page), changed, atol=1e-5)
    expect(page.locator(".what-if")).to_contain_text(f"{CONCEPTS[grass]} counted twice")
    page.get_by_role("button", name="Take all thumbs back").click()
    np.testing.assert_allclose(logits(page), before["logits"], atol=1e-5)
    expect(page.locator(".what-if")).to_be_empty()


def test_the_place_of_a_concept_is_where_its_colour_is(url, photos, share_page):
    page = decide(share_page(url), photos["wide"])
    page.locator(".classes button", has_text="bicycle").click()
    row_of(page, "red wall").locator(".where").click()
    expect(page.locator("figcaption")).to_contain_text("with the outlined part hidden")
    box = page.locator(".frame .over").evaluate(
        "path => { const { x, y, width, height } = path.getBBox(); return [x, y, width, height] }"
    )
    assert box == [3, 3, 3, 3]  # of six by six cells
    row_of(page, "red wall").locator(".where").click()
    expect(page.locator(".frame svg")).to_have_count(0)


def test_a_file_that_is_no_photo_is_named(url, share_page, tmp_path):
    page = share_page(url)
    (tmp_path / "notes.txt").write_text("no photo")
    expect(page.locator(".drop input")).to_be_enabled()
    page.locator(".drop input").set_input_files(tmp_path / "notes.txt")
    expect(page.get_by_role("alert")).to_contain_text("notes.txt cannot be read as a photo. Choose")


def test_a_broken_network_is_told(served, pocket, open_page):
    files = {**make_page(pocket).files(), MODEL: b"no model"}
    page = open_page(served.serve(files))
    expect(page.get_by_role("alert")).to_contain_text("The network cannot be loaded")
    expect(page.get_by_role("alert")).to_contain_text("inficond page --try POCKET")


def test_how_much_has_come_is_shown(url, pocket, open_page):
    page, waiting = open_page("about:blank", own_context=True), []
    page.route(f"**/{MODEL}", lambda route: waiting.append(route))  # noqa: PLW0108
    with page.expect_request(f"**/{MODEL}"):
        page.goto(url)
    files = make_page(pocket).files()
    come, whole = len(files[WASM]), len(files[WASM]) + len(files[MODEL])
    shown = page.locator(".loading")
    expect(shown).to_have_text(f"{come / 1e6:.1f} of {whole / 1e6:.1f} MB")
    expect(shown.locator("progress")).to_have_js_property("value", come)
    waiting[0].continue_()
    expect(page.locator(".drop input")).to_be_enabled()
    expect(shown).to_be_hidden()


def test_a_connection_that_is_lost_is_told(url, open_page):
    page = open_page("about:blank", own_context=True, expected="ERR_CONNECTION_RESET")
    page.route(f"**/{MODEL}", lambda route: route.abort("connectionreset"))
    page.goto(url)
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost. Reload")


def test_too_little_memory_is_told(url, open_page):
    page = open_page("about:blank", own_context=True)
    page.add_init_script(
        "WebAssembly.Memory = class { constructor() { throw new RangeError('cannot allocate') } }"
    )
    page.goto(url)
    expect(page.get_by_role("alert")).to_contain_text("too little free memory")


def test_a_browser_without_webassembly_is_told(url, open_page):
    page = open_page("about:blank", own_context=True)
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(url)
    expect(page.get_by_role("alert")).to_contain_text("Open the page in a current Firefox")


def test_a_folder_opened_from_a_disk_says_what_it_needs(pocket, browser, tmp_path):
    write_page(make_page(pocket), tmp_path / "try")
    page = browser.new_context().new_page()
    page.goto((tmp_path / "try" / "index.html").as_uri())
    expect(page.get_by_role("alert")).to_contain_text("Put the folder on a web host")
    page.context.close()


def test_names_are_text(url, photos, share_page):
    page = decide(share_page(url), photos["wide"])
    expect(page.locator("h1")).to_have_text("Tiny <b>scenes</b>")
    expect(page.locator("main b", has_text="scenes")).to_have_count(0)
    expect(page.locator(".classes")).to_contain_text(CLASSES[2])


def test_a_phone_shows_all_of_it_without_scrolling_sideways(url, photos, open_page):
    page = decide(open_page(url, 390, 844), photos["wide"])
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_finger_hits_each_button(url, photos, browser):
    """44 pixels: WCAG 2.5.5."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(url)
    decide(page, photos["wide"])
    page.locator(".concepts .up").first.tap()
    targets = page.locator("main :is(button, label):visible")
    sides = targets.evaluate_all("all => all.flatMap(one => [one.offsetWidth, one.offsetHeight])")
    context.close()
    assert len(sides) > 20
    assert min(sides) >= 44


def test_an_example_is_tried_by_the_keyboard(served, pocket, photos, open_page):
    page = open_page(served.serve(make_page(pocket, [photos["high"]]).files()))
    page.get_by_role("button", name="Example 1").press("Enter")
    expect(page.locator(".classes li")).to_have_count(3)
    chosen = page.locator(".classes button").nth(1)
    chosen.press("Enter")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    thumb = page.locator(".concepts .up").first
    thumb.press("Space")
    expect(thumb).to_have_attribute("aria-pressed", "true")
    expect(thumb).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(scheme, url, photos, open_page):
    page = open_page(url, 390, 844, color_scheme=scheme)
    expect(page.locator(".drop input")).to_be_enabled()
    found = {"begun": findings(page)}
    decide(page, photos["wide"])
    page.locator(".concepts .up").first.click()
    page.locator(".concepts .down").nth(1).click()
    page.locator(".concepts .where").first.click()
    expect(page.locator("figcaption")).to_have_text(re.compile("adds|less of"))
    found["decided"] = findings(page)
    assert found == {"begun": [], "decided": []}
