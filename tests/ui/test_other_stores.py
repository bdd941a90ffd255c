"""Pages over other students and stores: one softmax, an oracle, scores from elsewhere; a matrix."""

from __future__ import annotations

import re

import pytest
from factory import oracle_spec
from frames import SINGLE, frames, joint_spec
from photoless import captions_spec, table_store
from playwright.sync_api import expect
from resizing import resize
from steps import blocks, concepts, fine_tune, row_of, select_class
from waiting import comes_to

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.tuning import open_tuner
from inficond_panel.ui.notebook_cell import packed


def test_a_thumb_on_one_class_of_a_joint_student_moves_the_others_and_the_page_says_so(
    serve, tmp_path, open_page
) -> None:
    spec = joint_spec(tmp_path, images=400)
    server = serve(spec)
    page = select_class(open_page(f"{server.url}?show=details"), "cat")
    status, notice = (page.locator(f".knowledge .{part}") for part in ("status", "notices"))
    row_of(page, "a").locator(".thumb.up").click()
    fine_tune(page)
    expect(notice).to_contain_text("The classes share one softmax, so others moved too")
    for name in SINGLE[::2]:
        expect(notice).to_contain_text(f"{name}, probability by")
    select_class(page, "dog")
    expect(status).to_contain_text("It tuned cat; dog moved with it")
    tuner = open_tuner(spec, history=server.history)
    node = tuner.node(tuner.history.head(tuner.root_id))
    assert node.number == 1
    ap = tuner.metrics(node, "tune")["dog"].ap
    expect(page.locator(".knowledge .now b").first).to_have_text(f"{ap:.3f}")

    concepts(page).first.locator(".open").click()  # a what-if is solved, an image taken apart
    page.get_by_role("radio", name="Refit: the others are fitted again").click()
    expect(page.locator(".detail .solving")).to_be_hidden()
    expect(page.locator(".detail .problem, .detail .error")).to_have_count(0)
    page.locator(".gallery .tile").first.get_by_role("button").click()
    expect(page.locator("dialog.large[open]")).to_contain_text("Other classes")
    page.keyboard.press("Escape")

    page.get_by_role("radio", name="Confusions").click()
    most, rows = (page.locator(f".performance .{part}") for part in ("pairs .student", "rows"))
    expect(rows).to_be_hidden()
    number = most.first.inner_text()
    most.first.click()
    told = re.compile(f"taken for .* by the student, {number}")
    expect(page.locator(".detail .subtitle")).to_have_text(told)
    expect(page.locator(".detail .filter-chip").first).to_contain_text(number)
    page.get_by_role("radio", name="Classes").click()
    expect(rows).to_be_visible()

    select_class(page, "dog")  # takes a lambda and no other repair
    page.keyboard.press("b")
    panel = page.locator(".knowledge .repair-panel")
    expect(panel).to_contain_text("give lambda a value")
    expect(panel.get_by_role("button", name="choose λ")).to_be_disabled()
    panel.get_by_role("slider").press("ArrowRight")
    expect(blocks(page, ".repair")).to_be_visible()
    fine_tune(page)
    expect(panel).to_contain_text("Active: penalty λ")


def test_the_targets_are_chosen_and_the_oracle_is_marked(serve, open_page, tmp_path) -> None:
    page = open_page(serve(oracle_spec(tmp_path)).url)
    choice = page.get_by_role("radiogroup", name="Targets")
    teacher, oracle = (choice.get_by_role("radio", name=name) for name in ("Teacher", "Oracle"))
    student, metric = page.locator("[data-field=student]"), page.locator(".metric").first
    seen = "has seen the label"
    expect(teacher).to_have_attribute("aria-checked", "true")
    expect(student).not_to_contain_text(seen)
    before = metric.text_content()
    oracle.click()
    expect(oracle).to_have_attribute("aria-checked", "true")
    expect(student).to_contain_text(seen)
    expect(metric).not_to_have_text(before)
    oracle.press("ArrowLeft")
    expect(teacher).to_have_attribute("aria-checked", "true")
    expect(student).not_to_contain_text(seen)
    expect(metric).to_have_text(before)


def test_over_scores_from_elsewhere_there_is_no_empty_view_and_no_word_of_segments(
    serve, tmp_path, open_page, open_file
) -> None:
    """No photos, segments or map, and scores below 0."""
    store, file = tmp_path / "signed.zarr", tmp_path / "page.html"
    students = inficond_panel.from_frames(**frames(signed=True), path=store)
    students.fit().tune([("bird", "beak", "remove")])
    page = open_page(f"{serve(store).url}?class=bird&concept=tail&show=details", 1280, 900)
    current, large = page.locator(".knowledge .row.current"), page.locator("dialog.large[open]")
    expect(current).to_be_visible()
    expect(page.locator(".detail .listed")).to_have_text("Rows are listed by their scores.")
    for place in (".place[data-view=embedding]", ".knowledge .patch"):
        expect(page.locator(place)).to_have_count(0)
    expect(page.locator(".knowledge .legend")).not_to_contain_text("segments")
    expect(page.locator(".detail .filter-chip[data-id=assigned]")).to_be_hidden()
    tile = page.locator(".gallery .tile").first
    image = tile.locator(".no-photo > b").inner_text()
    tile.get_by_role("button").click()
    for words in (f"Row {image}", "no photo in this store", "Smallest change"):
        expect(large).to_contain_text(words)
    expect(large.locator(".apart > :is(.flip, .parts)").first).to_contain_text("Smallest change")
    page.keyboard.press("Escape")
    current.locator(".influence").hover()
    for words in ("Score in training rows", "Penalty λ per spread"):
        expect(page.locator(".card:popover-open").first).to_contain_text(words)
    page.get_by_title("Add or delete a concept").click()
    expect(page.locator("dialog.typing[open]")).to_contain_text("No concept can be typed.")
    expect(page.locator("dialog.typing[open] input")).to_be_disabled()
    page.keyboard.press("Escape")
    assert main(["page", str(store), "--output", str(file)]) == 0
    saved = open_file(file)
    expect(saved.locator(".knowledge .row.current, .start .cards").first).to_be_visible()
    expect(saved.locator(".place[data-view=embedding]")).to_have_count(0)


#: Middle of the cell in a row and a column of the matrix, in pixels of the window.
PLACE = """([row, column]) => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const figure = models.find((model) => model.type === "Figure" && model.min_border_left === 190)
  const view = Bokeh.index.find_one_by_id(figure.id)
  const box = view.el.getBoundingClientRect()
  const { x_scale, y_scale } = view.frame
  return [box.x + x_scale.compute(column + 0.5),
    box.y + y_scale.compute(figure.y_range.end - row - 0.5)]
}"""


def test_a_cell_of_all_students_is_named_and_opened_and_rows_are_sorted_and_searched(
    small_url, open_page
) -> None:
    page = open_page(f"{small_url}?show=details")
    heading = page.get_by_role("heading", name="All students")
    expect(heading).to_be_visible()
    page.get_by_text("The same as a table").click()
    rows, search = page.locator("details th[scope=row]"), page.get_by_label("Search concepts")
    concept = rows.nth(2).inner_text()

    def told() -> list[str]:
        """What is told of the cell; what stands above the matrix may come later, and move it."""
        heading.evaluate("(e) => e.scrollIntoView()")
        page.mouse.move(*page.evaluate(PLACE, [2, 1]))
        return page.locator(".bk-Tooltip dd").all_inner_texts()[:2]

    comes_to(told, ["tv monitor", concept])
    page.mouse.click(*page.evaluate(PLACE, [2, 1]))
    expect(page.locator(".knowledge .subtitle")).to_have_text("tv monitor")
    expect(page.locator(".detail .subtitle")).to_have_text(concept)
    back = page.get_by_role("button", name="All students", exact=True)
    back.click()
    expect(heading).to_be_visible()
    heading.evaluate("(e) => e.scrollIntoView()")
    page.mouse.click(*page.evaluate(PLACE, [-2, 2]))
    expect(page.locator(".knowledge .subtitle")).to_have_text("sheep")
    back.click()
    rows.nth(1).get_by_role("button").press("Enter")
    expect(page.locator(".detail .subtitle")).to_have_text(rows.nth(1).inner_text())

    page.get_by_label("Order", exact=True).select_option("Name")
    expect(rows.first).to_have_text("cloud")
    search.fill("wheel")
    page.keyboard.press("Enter")
    expect(rows.first).to_contain_text("wheel")
    expect(rows.filter(has_not_text="wheel")).to_have_count(0)
    search.fill("no such thing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No concept matches.")).to_be_visible()


RAN = "document.body.dataset.order = (document.body.dataset.order ?? '') + '%s'"
#: The first script is unpacked late.
LATE = """() => {
  const { text } = Response.prototype
  let first = new Promise((done) => setTimeout(done, 500))
  Response.prototype.text = async function () {
    const wait = first
    first = undefined
    await wait
    return text.call(this)
  }
}"""


def test_packed_scripts_of_a_notebook_run_one_after_the_other(browser) -> None:
    page = browser.new_page()
    page.evaluate(LATE)
    scripts = [RAN % words for words in ("é", " </scr' + 'ipt>", " last")]
    page.set_content("".join(f"<script>{packed(each)}</script>" for each in scripts))
    expect(page.locator("body")).to_have_attribute("data-order", "é </script> last")
    page.close()


def test_a_warning_of_unlike_scales_is_one_sentence_that_opens(serve, tmp_path, open_page) -> None:
    given = frames()
    given["scores"]["wing"] *= 1e4
    inficond_panel.from_frames(**given, path=tmp_path / "own.zarr").fit()
    page = open_page(f"{serve(tmp_path / 'own.zarr').url}?class=bird", 1280, 900)
    warning = page.locator(".knowledge .unlike")
    expect(warning.locator("summary")).to_contain_text("bars of concepts say little")
    expect(warning.get_by_text("students.scales")).to_be_hidden()
    assert warning.bounding_box()["height"] < 48  # two lines at most
    warning.locator("summary").click()
    expect(warning.get_by_text("students.scales")).to_be_visible()


#: Texts and names of all that is not hidden, also in shadow roots.
SAID = """() => {
  const said = []
  const walk = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.shadowRoot) walk(e.shadowRoot)
      if (!e.checkVisibility()) continue
      for (const name of ["title", "aria-label"]) said.push(e.getAttribute(name) ?? "")
      for (const n of e.childNodes) if (n.nodeType === 3) said.push(n.data)
    }
  }
  walk(document.body)
  return said.filter((text) => /\\b(photo|image)s?\\b/i.test(text))
}"""


@pytest.mark.parametrize(
    ("make", "allowed"),
    [(captions_spec, {"caption, without a photo"}), (table_store, {"no photo in this store"})],
    ids=["captions", "table"],
)
def test_over_a_store_without_photos_the_page_speaks_of_none(
    serve, tmp_path, open_page, make, allowed
) -> None:
    page = open_page(serve(make(tmp_path)).url, 1280, 900)
    said: list[str] = []
    expect(page.locator(".start .answers")).to_be_visible()
    said += page.evaluate(SAID)
    page.locator(".start .look").first.click()
    expect(page.locator(".knowledge .questions")).to_be_visible()
    page.get_by_label("Details", exact=True).check()
    page.locator(".knowledge .thumb.down").first.click()
    expect(page.get_by_text(re.compile("Which (captions|rows) do you mean"))).to_be_visible()
    said += page.evaluate(SAID)
    page.locator(".gallery .tile").first.get_by_role("button").click()
    expect(page.locator("dialog.large[open]")).to_be_visible()
    said += page.evaluate(SAID)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export").first.click()
    expect(page.get_by_role("button", name="Save page as HTML")).to_be_visible()
    said += page.evaluate(SAID)
    assert set(said) <= allowed


#: Names of columns whose text leaves their place, and labels of bars that are cut.
CUT = """(cards) => [...cards.querySelectorAll(".values > *, .shares span")]
  .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
  .map((each) => each.textContent)"""


def test_a_card_of_rows_has_the_values_that_count_and_whole_counts(
    serve, tmp_path, open_page
) -> None:
    page = open_page(serve(table_store(tmp_path)).url, 1280, 900)
    look = page.locator(".start .look", has_text="with ball").first
    expect(look.locator(".values").first).to_contain_text("ball yes")
    expect(look.locator(".values").nth(1)).to_contain_text("ball no")
    label = page.locator(".start .shares", has_text="that are found").first.locator("span").first
    label.evaluate("(e) => { e.textContent = 'with a high administration_route (1,234)' }")
    for width in (1280, 1024, 400):
        resize(page, width, 900)
        comes_to(lambda: page.locator(".start .cards").evaluate(CUT), [])


RIGHT = "(place) => Math.round(place.getBoundingClientRect().right)"


def test_views_with_nothing_in_them_give_their_column_to_the_cards(
    serve, tmp_path, open_page
) -> None:
    page = open_page(serve(table_store(tmp_path)).url, 1280, 900)
    knowledge, detail = (
        page.locator(f".place[data-view={name}]") for name in ("knowledge", "detail")
    )
    expect(page.locator(".start .answers").first).to_be_visible()
    expect(detail).to_be_hidden()
    comes_to(lambda: knowledge.evaluate(RIGHT), 1268)
    page.get_by_role("button", name="Export").first.click()  # a dialog of a view that is away
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("button", name="Save page as HTML")).to_be_visible()
    page.keyboard.press("Escape")
    select_class(page, "dog")
    expect(detail).to_be_visible()
    comes_to(lambda: knowledge.evaluate(RIGHT) < 900, True)
    page.get_by_role("button", name="All students", exact=True).click()
    expect(detail).to_be_hidden()
    resize(page, 900, 900)  # all views are tabs
    page.get_by_role("tab", name="Detail").click()
    expect(detail).to_be_visible()
    expect(page.get_by_role("tab", name="Map")).to_have_count(0)


@pytest.mark.parametrize(
    ("make", "things", "command"),
    [
        (captions_spec, "captions", 'inficond predict SPEC "CAPTION"'),
        (table_store, "rows", "inficond predict STORE new.csv"),
    ],
    ids=["captions", "table"],
)
def test_where_photos_are_decided_the_page_says_how_others_are(
    serve, tmp_path, open_page, make, things, command
) -> None:
    page = open_page(serve(make(tmp_path)).url, 1280, 900)
    page.get_by_role("button", name=f"Decide new {things}").click()
    dialog = page.get_by_role("dialog", name=f"Decide new {things}")
    expect(dialog).to_contain_text(command)
    expect(dialog.get_by_label("Photo")).to_be_hidden()


def test_a_card_of_captions_shows_and_is_named_by_them(serve, tmp_path, open_page) -> None:
    page = open_page(serve(captions_spec(tmp_path)).url, 1280, 900)
    look = page.locator(".start .look").first
    expect(look.locator("q").first).to_contain_text("a picture of")
    first, second = look.locator("q").all_inner_texts()
    name = f"Look at ball in dog {first} with ball {second} without"
    expect(look).to_have_accessible_name(name)
    strip, caption = (look.locator(part).first.bounding_box() for part in (".caption", "q"))
    assert caption["y"] + caption["height"] <= strip["y"]
