"""Places of the views and their letters, from a telephone to a screen of very many pixels."""

from __future__ import annotations

import re

import pytest
from factory import small_spec
from fonts import as_wide_as_ours, written_in_ours
from panel.theme import DarkTheme
from playwright.sync_api import Locator, Page, expect
from resizing import resize
from steps import classes, concepts, fine_tune, open_concept, select_first, show_details
from waiting import comes_to, wait_until

from inficond_panel.ui.browser import FAMILY

#: Texts that are drawn in letters of less than 12 pixels; those of tooltips and options are not.
SMALL = """() => {
  const found = [], drawn = (element) => element.getScreenCTM?.().a ?? 1
  const look = (root) => { for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) look(element.shadowRoot)
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    if (own && element.checkVisibility() && element.getBoundingClientRect().width > 1
      && parseFloat(getComputedStyle(element).fontSize) * drawn(element) < 11.9)
      found.push(element.textContent)
  } }
  look(document.body)
  return found
}"""
#: Width and height that the page takes.
TAKEN = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
WIDE = "Math.max(document.documentElement.scrollWidth, innerWidth)"
FITS = "(panel) => panel.scrollWidth <= panel.clientWidth"
CUT = "(parts) => parts.filter((part) => part.scrollWidth > part.clientWidth + 1).length"
#: Number of rows of images that are wholly in view.
IMAGES = """(gallery) => {
  const box = gallery.getBoundingClientRect()
  const whole = (tile) => tile.getBoundingClientRect().bottom <= box.bottom + 1
  return new Set([...gallery.querySelectorAll(".tile")].filter(whole).map((tile) =>
    Math.round(tile.getBoundingClientRect().top))).size
}"""
#: Filters that leave the view.
BEYOND = """(panel) => {
  const { left, right } = panel.getBoundingClientRect()
  const chips = [...panel.querySelectorAll(".filter-chip")].filter((chip) => chip.checkVisibility())
  const boxes = chips.map((chip) => chip.getBoundingClientRect())
  return chips.length ? boxes.filter((box) => box.left < left || box.right > right) : ["none"]
}"""
#: Whether the text of an empty search field has room.
HELD = """(field) => {
  const pen = document.createElement("canvas").getContext("2d")
  pen.font = getComputedStyle(field).font
  return pen.measureText(field.placeholder).width <= field.clientWidth
}"""
#: Buttons that leave their view, or touch its edge.
TOUCHING = """(all) => all.filter((button) => button.closest(".panel")).filter((button) => {
  const [own, all] = [button, button.closest(".panel")].map((each) => each.getBoundingClientRect())
  return own.left < all.left + 2 || own.right > all.right - 2
}).map((button) => button.textContent)"""
TABS = ("Performance", "Knowledge", "Map", "Provenance", "Detail")


@pytest.fixture
def page(share_page, small_url) -> Page:
    """A page of a class."""
    return select_first(share_page(small_url))


def misplaced(page: Page, width: int, height: int) -> list[str]:
    """Faults in the places of the views on a page of this size."""
    shown = page.locator(".place:visible").evaluate_all(
        "all => all.map((one) => { const b = one.getBoundingClientRect();"
        " return [one.dataset.view, b.left, b.top, b.right, b.bottom] })"
    )
    wrong = [] if len(shown) >= 5 else [f"{len(shown)} views"]
    for at, (name, left, top, right, bottom) in enumerate(shown):
        if left < 0 or right > width or bottom > height:
            wrong.append(f"{name} leaves the page")
        for other, *box in shown[at + 1 :]:
            apart = right <= box[0] or box[2] <= left
            if not (apart or bottom <= box[1] or box[3] <= top):
                wrong.append(f"{name} overlaps {other}")
    return wrong


def test_no_view_overlaps_another_or_leaves_the_page(page) -> None:
    for width, height in ((3840, 2160), (1920, 1080), (1280, 800), (1024, 780), (1920, 1080)):
        resize(page, width, height)
        comes_to(lambda w=width, h=height: [w, *misplaced(page, w, h)], [width])
        comes_to(lambda: page.evaluate(TAKEN), [width, height])


def test_a_dialog_stays_over_the_page_where_its_view_becomes_a_tab(page) -> None:
    page.keyboard.press("t")
    field = page.get_by_label("Name; synonyms")
    expect(field).to_be_focused()
    dialog = page.get_by_role("dialog", name="Add a concept")
    for width, height in ((640, 400), (1920, 1080)):
        resize(page, width, height)
        expect(page.locator(".shell[data-form=single]")).to_have_count(int(width == 640))
        comes_to(lambda: dialog.evaluate("(dialog) => dialog.matches(':modal')"), True)
        expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_at_no_width_is_there_scrolling_sideways_and_no_letters_are_small(page) -> None:
    open_concept(page)
    gallery = page.locator(".detail .gallery")
    sizes = ((2560, 1440), (1920, 1080), (1366, 768), (1280, 720), (1024, 768), (960, 540))
    for width, height in (*sizes, (768, 1024)):
        resize(page, width, height)
        comes_to(lambda: page.evaluate(WIDE), width)
        if width == 1024:
            find = page.get_by_label("Find class")
            comes_to(lambda f=find: f.evaluate(HELD), True)
            comes_to(lambda: page.locator(".panel button:visible").evaluate_all(TOUCHING), [])
            comes_to(lambda: page.locator(".knowledge .columns > *").evaluate_all(CUT), 0)
            expect(page.locator(".map .k-remove")).to_be_visible()
            comes_to(lambda: page.locator(".panel.detail").evaluate(BEYOND), [])
        if 1280 <= width <= 1366:
            comes_to(lambda: gallery.evaluate(IMAGES) >= 2, True)
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        panel = page.locator(".place:visible .panel").last
        wait_until(lambda p=panel: p.evaluate(FITS), f"{name} fits its width")
    page.get_by_role("tab", name="Knowledge").click()
    parts = page.locator(".knowledge :is(.concept, .changes)")
    for width, height in ((640, 400), (320, 512), (768, 1024)):  # 1280 enlarged twice, four times
        resize(page, width, height)
        comes_to(lambda: page.evaluate(WIDE), width)
        comes_to(lambda: parts.evaluate_all(CUT), 0)
    for details in (True, False):
        show_details(page, details)
        for name in TABS:
            page.get_by_role("tab", name=name).click()
            comes_to(lambda: page.evaluate(SMALL), [])
    page.reload()
    expect(page.get_by_role("switch", name="Details")).not_to_be_checked()
    expect(page).to_have_url(re.compile("show=simple"))
    show_details(page, True)
    resize(page, 1920, 1080)


def test_the_page_is_written_in_the_font_that_it_brings_along(small_url, open_page) -> None:
    page = select_first(open_page(small_url, 1280, 800))
    for view in ("configuration", "performance", "knowledge", "detail"):
        assert written_in_ours(page.locator(f".place[data-view={view}] .panel, .strip").first)
    on_canvas = """() => [...Bokeh.documents[0]._all_models.values()]
      .filter((model) => model.type === "Text").map((glyph) => glyph.text_font.value)"""
    page.wait_for_function(f"({on_canvas})().length > 0")
    assert all(font.startswith(f"'{FAMILY}'") for font in page.evaluate(on_canvas))
    machine = open_page(small_url, 1280, 800, own_font=False)
    expect(classes(machine).first).to_be_visible()
    assert not as_wide_as_ours(machine.locator(".performance").first)  # else this test sees nothing


def test_the_page_is_dark_in_a_dark_template_of_panel(small_url, open_page) -> None:
    page = open_page(small_url, 1280, 800, color_scheme="dark")
    page.add_style_tag(path=DarkTheme().base_css)
    page.emulate_media(color_scheme="light")
    expect(page.locator(".shell")).to_have_css("color-scheme", "dark")


# --- the strip above the views -------------------------------------------------------------------

#: Left end and width of each element.
PLACES = "all => all.map((each) => each.getBoundingClientRect()).map(({ x, width }) => [x, width])"
#: Names of rows with parts beyond the row.
OVER = """(rows) => rows.filter((row) => {
  const { top, bottom } = row.getBoundingClientRect()
  const boxes = [...row.children].map((part) => part.getBoundingClientRect())
  return boxes.some((box) => box.top < top - 1 || box.bottom > bottom + 1)
}).map((row) => row.dataset.key)"""
#: Buttons without an outline.
BARE = "all => all.filter((e) => getComputedStyle(e).borderTopStyle === 'none').map((e) => e.title)"
COLOURS = "(e) => new Set([getComputedStyle(e).color, getComputedStyle(e).backgroundColor]).size"


def strip_height(page: Page) -> float:
    return page.locator("[data-view=configuration]").bounding_box()["height"]


def test_the_strip_takes_as_many_lines_as_it_has_with_changes_as_without(
    open_page, serve, tmp_path
) -> None:
    page = select_first(open_page(serve(small_spec(tmp_path)).url, 1024, 768))
    metrics = page.locator("[data-view=configuration] .metric:visible")
    expect(metrics).to_have_count(6)
    comes_to(lambda: len({round(each.bounding_box()["y"]) for each in metrics.all()}), 1)
    resize(page, 1920, 1080)
    before = strip_height(page)
    page.locator(".knowledge .thumb.down").first.click()
    fine_tune(page)
    expect(page.locator(".metric .value > span").first).not_to_be_empty()
    comes_to(lambda: strip_height(page), before)
    show_details(page, False)
    expect(metrics).to_have_count(1)
    for width in (1920, 1024):
        resize(page, width, 768)
        comes_to(lambda: strip_height(page), 44)
    # In forced colours the browser puts a box of the page's colour behind text of that colour.
    page.emulate_media(forced_colors="active")
    page.locator(".knowledge .thumb.down").first.click()
    main = page.get_by_role("button", name="Fine-tune")
    expect(main).to_be_enabled()
    expect(main).to_have_css("forced-color-adjust", "none")
    comes_to(lambda: main.evaluate(COLOURS), 2)
    assert page.locator("button:not(.link):visible").evaluate_all(BARE) == []


def test_the_page_is_as_wide_as_a_telephone_that_draws_unknown_pages_small(
    small_url, open_page
) -> None:
    page = open_page(small_url, 390, 844, is_mobile=True, has_touch=True, device_scale_factor=3)
    expect(page.get_by_role("button", name="bicycle", exact=True)).to_be_visible()
    assert page.evaluate("innerWidth") == 390


def test_on_a_telephone_all_metrics_fit_and_the_views_have_the_rest_of_the_screen(
    open_page, small_url
) -> None:
    page = open_page(small_url, 390, 844)
    show_details(page, True)
    metrics, tabs = page.locator("[data-view=configuration] .metric"), page.locator(".tabs")
    expect(metrics.last).to_be_visible()
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth"), 390)
    comes_to(lambda: len({round(x) for x, _ in metrics.evaluate_all(PLACES)}), 2)
    assert all(width > 150 for _, width in metrics.evaluate_all(PLACES))
    comes_to(lambda: 520 <= tabs.bounding_box()["height"] < 700, True)
    comes_to(lambda: page.evaluate("document.documentElement.scrollHeight"), 844)
    page.get_by_role("tab", name="Performance").click()
    classes(page).first.click()
    page.get_by_role("tab", name="Knowledge").click()
    expect(concepts(page).last).to_be_attached()
    comes_to(lambda: tabs.bounding_box()["height"] < 700, True)  # its list scrolls, not the page
    comes_to(lambda: concepts(page).evaluate_all(OVER), [])


# --- on a screen of very many pixels the page is drawn larger, and all that points meets -------


@pytest.fixture
def big(share_page, small_url) -> Page:
    return select_first(share_page(small_url, width=3840, height=2160))


def fits(page: Page, size: tuple[int, int], drawn: float) -> None:
    """The page is drawn ``drawn`` times as large, and fills the window."""
    expect(classes(page).first).to_be_visible()
    zoom = "(shell) => shell.currentCSSZoom"
    comes_to(lambda: page.locator(".shell").evaluate(zoom), pytest.approx(drawn))
    comes_to(lambda: page.evaluate("document.documentElement.scrollWidth <= innerWidth"), True)
    height = pytest.approx(size[1], abs=1)
    comes_to(lambda: page.locator(".shell").bounding_box()["height"], height)


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ((2080, 1170), 1.5),  # of a screen of 3120 pixels
        # made smaller by the person, on a screen of 1920 pixels
        pytest.param((3840, 2000), 0.5, marks=pytest.mark.more),
    ],
)
def test_the_page_is_no_larger_where_pixels_have_another_size(
    small_url, open_page, size, pixels
) -> None:
    fits(open_page(small_url, *size, device_scale_factor=pixels), size, 1)


def test_the_page_is_drawn_larger_on_a_large_screen_alone(big) -> None:
    for size, drawn in (
        ((3200, 1800), 1.5),
        ((1280, 800), 1),
        ((2560, 1440), 1.2),
        ((3440, 1170), 1),  # wide, but no higher than a desk's
        ((3840, 2160), 1.8),
    ):
        resize(big, *size)
        fits(big, size, drawn)


def is_below(card: Locator, anchor: Locator, aside: float) -> bool:
    box, place = card.bounding_box(), anchor.bounding_box()
    return abs(box["x"] - place["x"]) < aside and 0 < box["y"] - place["y"] < 100


def test_cards_and_dialogs_are_beside_what_they_are_about(big) -> None:
    part, card = big.locator(".performance .bar").nth(3), big.locator(".card:popover-open")
    part.hover()
    expect(card).to_be_visible()
    wait_until(lambda: is_below(card, part, 200), "the card is below the bar")
    button = big.get_by_role("radio", name="Holdout")
    question = big.get_by_label("Look at holdout?")
    button.click()
    expect(question).to_be_visible()
    wait_until(lambda: is_below(question, button, 180), "the question is below its button")
    big.keyboard.press("Escape")
    expect(question).to_be_hidden()


def test_the_map_meets_the_pointer_and_the_gallery_goes_on_as_it_is_scrolled(big) -> None:
    plot, canvas = big.locator(".map .plot"), big.locator(".map canvas").first
    width = pytest.approx(plot.bounding_box()["width"], abs=2)
    comes_to(lambda: canvas.bounding_box()["width"], width)
    box, subtitle = plot.bounding_box(), big.locator(".detail .subtitle")
    for y in range(20, int(box["height"]), 18):
        for x in range(20, int(box["width"]), 18):
            big.mouse.click(box["x"] + x, box["y"] + y)
        if subtitle.inner_text():
            break
    expect(subtitle).not_to_have_text("")
    open_concept(big)
    last = big.locator(".detail .tile").last
    grid = big.locator(".detail .scroll:has(.tile)").first
    grid.evaluate("(grid) => { grid.scrollTop = grid.scrollHeight }")
    expect(last).to_be_in_viewport()
    expect(big.locator(".detail .filter-chip[aria-pressed=true]")).to_have_text(re.compile(r"\d"))
