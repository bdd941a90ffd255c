"""A saved page is gone through: classes, concepts and iterations, with the numbers of the tuner."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import opening_files
from factory import small_spec
from playwright.sync_api import Page, expect
from test_main_job import iterations, rows, select_class
from test_static_export import expect_pictures
from waiting import comes_to, wait_until

from inficond_panel.app import page_html
from inficond_panel.common.numbers import signed
from inficond_panel.tuning import Intent, Node, Tuner, open_tuner

pytestmark = pytest.mark.ui


class Saved(NamedTuple):
    """A page that was saved at ``tuned``, opened from its file."""

    page: Page
    tuner: Tuner
    root: Node
    tuned: Node


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, Tuner, Node, Node]:
    folder = tmp_path_factory.mktemp("saved")
    tuner = open_tuner(small_spec(folder), history=folder / "h.sqlite")
    root = tuner.root()
    concept = strongest(tuner, root, "bicycle")[0]
    tuned = tuner.fine_tune(root, [Intent("bicycle", concept, "remove")])
    file = folder / "page.html"
    file.write_text(page_html(tuner, tuned, "sheep"), encoding="utf-8")
    return file, tuner, root, tuned


@pytest.fixture(scope="module")
def opened(browser, written) -> Iterator[Saved]:
    file, *made = written
    with opening_files(browser) as open_file:
        page = open_file(file)
        expect(rows(page).first).to_be_visible()
        expect_pictures(page, ".knowledge .patch img")
        yield Saved(page, *made)


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
    expect(page.locator(".knowledge .subtitle").first).to_have_text(name)
    expect(page.locator(".knowledge .now b").first).to_have_text(ap)
    expect(page.locator(".strip .metric b").first).to_have_text(ap)
    expect(page.locator(".performance [aria-selected=true] .vh")).to_contain_text(f"{name};")
    expect(page.locator(".provenance [aria-selected=true]")).to_contain_text(f"#{node.number}")
    concept = strongest(tuner, node, name)[0]
    first = page.locator(".knowledge .rows > .row").first
    expect(first.locator(".open")).to_have_text(concept)
    weight = node.weights[tuner.store.concepts.index(concept), tuner.store.classes.index(name)]
    expect(first.locator(".influence")).to_have_text(signed(float(weight), 2))


def test_classes_iterations_and_concepts_have_the_numbers_of_the_tuner(saved) -> None:
    page, tuner = saved.page, saved.tuner
    expect_student(saved, saved.tuned, "sheep")
    select_class(page, "bicycle")
    expect_student(saved, saved.tuned, "bicycle")
    iterations(page).last.click()
    expect_student(saved, saved.root, "bicycle")
    page.get_by_role("combobox", name="Student").select_option(saved.tuned.id)
    expect_student(saved, saved.tuned, "bicycle")
    concept = strongest(tuner, saved.tuned, "bicycle")[1]
    page.locator(".knowledge .rows > .row").nth(1).click()
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
    page = saved.page
    expect(rows(page)).to_have_count(len(saved.tuner.store.classes))
    names = [row.get_attribute("data-key") for row in rows(page).all()]
    rows(page).filter(has_text=re.compile("^sheep")).first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect_student(saved, saved.tuned, names[1])
    page.locator(".knowledge .rows > .row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    concept = page.locator(".knowledge .rows > .row").nth(1).get_attribute("data-key")
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    iterations(page).first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect_student(saved, saved.root, names[1])


def test_the_address_says_what_is_shown(saved) -> None:
    page = saved.page
    select_class(page, "bicycle")
    row = page.locator(".knowledge .rows > .row").first
    concept = row.get_attribute("data-key")
    row.locator(".open").click()
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    named = f"class=bicycle&concept={concept.replace(' ', '+')}"
    in_address(page, named)
    select_class(page, "bird")
    in_address(page, "class=bird")
    page.go_back()
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    expect_student(saved, saved.tuned, "bicycle")
    page.reload()
    expect_student(saved, saved.tuned, "bicycle")
    expect(page.locator(".detail .subtitle")).to_have_text(concept)


def in_address(page: Page, named: str) -> None:
    wait_until(lambda: named in page.evaluate("location.hash"), f"{named} in the address")


def test_what_is_not_in_the_file_says_so(saved) -> None:
    page, missing = saved.page, saved.page.locator("#missing")
    expect(missing).to_be_empty()
    iterations(page).last.click()
    expect_student(saved, saved.root, "sheep")
    page.locator(".knowledge .rows > .row").first.click()
    expect(missing).to_contain_text("not in this file. Open it with: inficond serve small.yaml")
    expect(page.locator(".detail .subtitle")).to_be_empty()
    select_class(page, "bird")
    expect(missing).to_be_empty()


def test_all_students_are_there_and_lead_to_one(saved) -> None:
    page = saved.page
    page.get_by_role("button", name="All students").click()
    expect(page.get_by_role("heading", name="All students")).to_be_visible()
    expect(page.get_by_label("Search concepts")).to_be_hidden()
    select_class(page, "bird")
    expect(page.get_by_role("heading", name="All students")).to_be_hidden()


def test_what_needs_a_server_is_left_out_and_its_keys_do_nothing(saved) -> None:
    page = saved.page
    select_class(page, "bicycle")
    first = page.locator(".knowledge .rows > .row").first
    first.locator(".open").click()
    expect(page.locator(".detail .subtitle")).not_to_be_empty()
    expect(page.get_by_role("button", name="Export the")).to_have_count(0)
    for name in ("thumb", "add", "suggest", "find", "seg", "handle", "lift"):
        expect(page.locator(f".knowledge .{name}").first).to_be_hidden()
    for name in (".detail .tile > button", ".knowledge .patch", ".knowledge .holds"):
        expect(page.locator(name).first).to_have_css("pointer-events", "none")
    expect(page.locator(".knowledge .held .chip .name").first).to_have_css("cursor", "pointer")
    for there in (page.get_by_role("button", name="All students"), first.locator(".open")):
        expect(there).to_be_visible()
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


def test_names_on_the_map_lie_beside_their_marks_at_any_size(saved) -> None:
    page = saved.page
    select_class(page, "bicycle")
    for width, height in ((1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"() => ({LABELS})().length && ({LABELS})()[0].room < {width}")
        comes_to(lambda: misplaced(page), [])


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


def test_lists_are_found_and_sorted_in_the_file(saved) -> None:
    page = saved.page
    page.get_by_role("searchbox", name="Find class").fill("bi")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("searchbox", name="Find class").fill("")
    expect(rows(page)).to_have_count(len(saved.tuner.store.classes))
    values = saved.tuner.metrics(saved.tuned, "tune")
    page.get_by_role("combobox", name="Sort by").select_option("f1")
    best = max(values, key=lambda name: values[name].f1)
    expect(rows(page)).to_have_count(len(values))
    expect(rows(page).filter(has_text=re.compile(f"^{best}")).first).to_be_visible()
    comes_to(
        lambda: sorted(row.get_attribute("data-key") for row in rows(page).all()), sorted(values)
    )
