"""The page as one HTML file, without a server: how it is written, and gone through."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from conftest import opening_files
from factory import small_spec
from fonts import written_in_ours
from playwright.sync_api import Page, expect
from steps import (
    classes,
    concepts,
    fine_tune,
    iterations,
    names,
    open_concept,
    row_of,
    select_class,
    shown,
)
from waiting import comes_to, wait_until

from inficond_panel.cli import main
from inficond_panel.common.numbers import signed
from inficond_panel.tuning import Intent, Node, Tuner, open_tuner
from inficond_panel.ui.browser import FAMILY

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
    page = select_class(open_page(server.url), "bicycle")
    concept = open_concept(page)
    page.locator(".knowledge .thumb.down").first.click()
    fine_tune(page)
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Choose by tuning images")).to_have_css("opacity", "1")
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
    for text in ("Export, read only", node.id, "#1", "data hash"):
        expect(still.get_by_role("note")).to_contain_text(text)
    shown(still, "bicycle")
    expect(still.locator(".detail .subtitle")).to_have_text(concept)
    expect(iterations(still)).to_have_count(2)
    expect_pictures(still, ".knowledge .patch img")
    expect_pictures(still, ".detail .tile img")
    expect(still.get_by_role("button", name="Choose by tuning images")).to_be_hidden()


# --- a file that the command wrote is gone through ------------------------------------------------


class Saved(NamedTuple):
    """A page that was saved at ``tuned``, opened from its file."""

    page: Page
    tuner: Tuner
    root: Node
    tuned: Node


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory) -> Iterator[Saved]:
    folder = tmp_path_factory.mktemp("saved")
    spec, history, file = small_spec(folder), folder / "h.sqlite", folder / "page.html"
    tuner = open_tuner(spec, history=history)
    root = tuner.root()
    concept = strongest(tuner, root, "bicycle")[0]
    tuned = tuner.fine_tune(root, [Intent("bicycle", concept, "remove")])
    tuner.set_head(tuned)
    moves = tuner.history.events(tuner.root_id)
    chosen = ["--class", "sheep", "--dark", "--output", str(file)]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["page", str(spec), "--history", str(history), *chosen]) == 0
    assert f"{file}, {file.stat().st_size / 1e6:.1f} MB" in said.getvalue()
    assert tuner.history.events(tuner.root_id) == moves
    assert file.stat().st_size < 8e6
    assert file.read_text().count(f"font-family: '{FAMILY}'") == 1
    with opening_files(browser) as open_file:
        page = open_file(file)
        expect(classes(page).first).to_be_visible()
        expect_pictures(page, ".knowledge .patch img")
        yield Saved(page, tuner, root, tuned)


@pytest.fixture
def saved(opened) -> Saved:
    """The page at the student that it was saved at."""
    iterations(opened.page).first.click()
    select_class(opened.page, "sheep")
    expect_student(opened, opened.tuned, "sheep")
    return opened


def strongest(tuner: Tuner, node: Node, name: str) -> list[str]:
    """Concepts of a class's student, the strongest influence first."""
    weights = node.weights[:, tuner.store.classes.index(name)]
    order = sorted(range(len(weights)), key=lambda at: -abs(weights[at]))
    return [tuner.store.concepts[at] for at in order]


def expect_student(saved: Saved, node: Node, name: str) -> None:
    """The strip, the list of classes and the list of concepts are on this student."""
    page, tuner = saved.page, saved.tuner
    ap = f"{tuner.metrics(node, 'tune')[name].ap:.3f}"
    shown(page, name)
    expect(page.locator(".knowledge .now b").first).to_have_text(ap)
    expect(page.locator(".strip .metric b").first).to_have_text(ap)
    expect(page.locator(".performance [aria-selected=true] .vh")).to_contain_text(f"{name};")
    expect(page.locator(".provenance [aria-selected=true]")).to_contain_text(f"#{node.number}")
    concept = strongest(tuner, node, name)[0]
    ranked = page.locator(".rank", has_text=re.compile("^1$"))  # above it, what was removed
    first = concepts(page).filter(has=ranked)
    expect(first.locator(".open")).to_have_text(concept)
    weight = node.weights[tuner.store.concepts.index(concept), tuner.store.classes.index(name)]
    expect(first.locator(".influence")).to_have_text(signed(float(weight), 2))


def test_classes_iterations_and_concepts_have_the_numbers_of_the_tuner(saved) -> None:
    page, tuner = saved.page, saved.tuner
    select_class(page, "bicycle")
    expect_student(saved, saved.tuned, "bicycle")
    iterations(page).last.click()
    expect_student(saved, saved.root, "bicycle")
    page.get_by_label("Iteration", exact=True).select_option(saved.tuned.id)
    expect_student(saved, saved.tuned, "bicycle")
    concept = strongest(tuner, saved.tuned, "bicycle")[1]
    row_of(page, concept).click()
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    student = tuner.at(saved.tuned, "tune")["bicycle"]
    influence = f"influence {signed(student.weight(concept), 2)}"
    expect(page.locator(".detail .influence")).to_have_text(influence)
    f1 = f"{tuner.metrics(saved.tuned, 'tune')['bicycle'].f1:.3f}"
    expect(page.locator(".detail .chart .caption b").first).to_have_text(f1)
    expect_pictures(page, ".detail .tile img")
    page.get_by_role("combobox", name="Class").select_option("bird")
    expect_student(saved, saved.tuned, "bird")


def test_keys_go_through_classes_concepts_and_iterations(saved) -> None:
    page, key = saved.page, saved.page.keyboard.press
    expect(classes(page)).to_have_count(len(saved.tuner.store.classes))
    second = names(classes(page))[1]
    page.locator('.performance [data-key="sheep"]').focus()
    for pressed in ("Home", "ArrowDown", "Enter"):
        key(pressed)
    expect_student(saved, saved.tuned, second)
    concepts(page).first.focus()
    key("ArrowDown")
    key("Enter")
    expect(page.locator(".detail .subtitle")).to_have_text(names(concepts(page))[1])
    iterations(page).first.focus()
    key("End")
    key("Enter")
    expect_student(saved, saved.root, second)


def in_address(page: Page, named: str) -> None:
    wait_until(lambda: named in page.evaluate("location.hash"), f"{named} in the address")


def test_the_address_says_what_is_shown(saved) -> None:
    page = saved.page
    select_class(page, "bicycle")
    concept = open_concept(page)
    in_address(page, f"class=bicycle&concept={concept.replace(' ', '+')}")
    select_class(page, "bird")
    in_address(page, "class=bird")
    for again in (page.go_back, page.reload):
        again()
        expect_student(saved, saved.tuned, "bicycle")
        expect(page.locator(".detail .subtitle")).to_have_text(concept)


def test_what_is_not_in_the_file_says_so_and_all_students_are(saved) -> None:
    page, missing = saved.page, saved.page.locator("#missing")
    expect(missing).to_be_empty()
    iterations(page).last.click()
    expect_student(saved, saved.root, "sheep")
    concepts(page).first.click()
    expect(missing).to_contain_text("not in this file. Open it with: inficond serve small.yaml")
    expect(page.locator(".detail .subtitle")).to_be_empty()
    select_class(page, "bird")
    expect(missing).to_be_empty()
    page.get_by_role("button", name="All students").click()
    expect(page.get_by_role("heading", name="All students")).to_be_visible()
    expect(page.get_by_label("Search concepts")).to_be_hidden()
    select_class(page, "bird")
    expect(page.get_by_role("heading", name="All students")).to_be_hidden()


def test_what_needs_a_server_is_left_out_and_its_keys_do_nothing(saved) -> None:
    page = select_class(saved.page, "bicycle")
    open_concept(page)
    first = concepts(page).first
    for name in ("Export", "Copy a link to what is shown"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    for name in ("thumb", "add", "suggest", "find", "seg", "handle", "lift"):
        expect(page.locator(f".knowledge .{name}").first).to_be_hidden()
    for name in (".detail .tile > button", ".knowledge .patch", ".knowledge .holds"):
        expect(page.locator(name).first).to_have_css("pointer-events", "none")
    expect(page.locator(".knowledge .held .chip .name").first).to_have_css("cursor", "pointer")
    in_address(page, "class=bicycle&concept=")
    before = page.evaluate("location.hash")
    first.focus()
    page.keyboard.press("u")
    iterations(page).first.click(button="right")
    iterations(page).first.focus()
    page.keyboard.press("Delete")
    expect(page.locator(".thumb[aria-pressed=true]")).to_have_count(0)
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(iterations(page)).to_have_count(2)
    assert page.evaluate("location.hash") == before


#: Names on the map: their boxes in pixels of the plot, and how far the text is from its mark.
LABELS = """() => {
  const context = document.createElement("canvas").getContext("2d"), found = []
  const part = (at, { start, end }) => (at - start) / (end - start)
  for (const model of Bokeh.documents[0]._all_models.values()) {
    if (model.type !== "Figure" || !model.inner_width) continue
    const text = model.renderers.filter(({ glyph }) => glyph?.type === "Text").at(-1)
    if (!text?.data_source.data.at_x) continue
    const { x_range, y_range, inner_width: wide, inner_height: high } = model
    const { name, style, size, at_x, at_y, right, down } = text.data_source.data
    for (let at = 0; at < name.length; at++) {
      context.font = `${style[at]} ${size[at]} sans-serif`
      const half = context.measureText(name[at]).width / 2
      const x = wide * part(at_x[at], x_range) + right[at]
      const y = high * (1 - part(at_y[at], y_range)) + down[at]
      const aside = Math.max(0, Math.abs(right[at]) - half)
      const away = Math.hypot(aside, Math.max(0, Math.abs(down[at]) - 8))
      found.push({ name: name[at], room: wide, away, box: [x - half, y - 7, x + half, y + 7] })
    }
  }
  return found
}"""


def misplaced(page: Page) -> list[object]:
    """Names that are far from their mark, and pairs that lie on each other."""
    labels = page.evaluate(LABELS)
    if len(labels) < 5:
        return [f"{len(labels)} names"]
    far = [one for one in labels if one["away"] >= 70]
    pairs = itertools.combinations(labels, 2)
    return far + [(one, other) for one, other in pairs if not apart(one["box"], other["box"])]


def apart(one: list[float], other: list[float]) -> bool:
    """Whether two boxes (left, top, right, bottom) have no room in common."""
    beside = one[2] <= other[0] or other[2] <= one[0]
    return beside or one[3] <= other[1] or other[3] <= one[1]


def test_all_views_are_there_and_names_on_the_map_lie_beside_their_marks_at_any_size(saved) -> None:
    page = select_class(saved.page, "bicycle")
    for view in ("configuration", "performance", "embedding", "knowledge", "detail", "provenance"):
        expect(page.locator(f".place[data-view={view}]")).to_have_count(1)
    for place in (page.get_by_role("note"), page.locator(".performance").first):
        assert written_in_ours(place)
    for width, height in ((3840, 2160), (1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(FITS)
        page.wait_for_function(f"() => ({LABELS})().length && ({LABELS})()[0].room < {width}")
        comes_to(lambda: misplaced(page), [])


def test_lists_are_found_and_sorted_in_the_file(saved) -> None:
    page = saved.page
    values = saved.tuner.metrics(saved.tuned, "tune")
    by_ap = names(classes(page))
    page.get_by_role("searchbox", name="Find class").fill("bi")
    comes_to(lambda: names(classes(page)), [name for name in by_ap if "bi" in name])
    page.get_by_role("searchbox", name="Find class").fill("")
    page.get_by_role("combobox", name="Sort by").select_option("f1")
    by_f1 = sorted(values, key=lambda name: values[name].f1)
    comes_to(lambda: names(classes(page)), by_f1)
