"""The page as it opens: few controls, few numbers, and the way from a wrong student to a better."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from counting import controls, numbers, texts, told
from factory import small_spec
from playwright.sync_api import Locator, Page, expect
from steps import (
    blocks,
    classes,
    concepts,
    iterations,
    names,
    row_of,
    select_class,
    show_details,
    shown,
)
from test_layout import SMALL
from waiting import comes_to

from inficond_panel.tuning import open_tuner
from inficond_panel.views.page.shell import SHORTCUTS

#: Most controls and numbers at 1440 × 900: of the first screen, with a class open, and with two
#: rows more of concepts that were removed.
FIRST, OPEN, TUNED = (51, 42), (120, 110), (126, 110)
#: Words that nobody who begins can know, and names of splits.
FOREIGN = re.compile(
    r"\b(logits?|nats?|shift\w*|lambda|cross-fitted|fidelity|intents?|cures?|balanc\w+|doubt\w*"
    r"|oracle|separation|disc\.|infl\.|susp\.|pp|tune|fit|holds\?|twins?|uptun\w+|downtun\w+"
    r"|gaps?|leans?|bonds?|mend\w*|refits?|factor|scope|p \(holm\)|nodes?|in force|objective"
    r"|levers?|untouched|cross-fit\w*|intercept)(?!\w)|λ|◆ ?\d",
    re.IGNORECASE,
)
#: Words of *Details*, and what explains each where it stands.
EXPERT = {
    r"gaps?": "AP of the teacher less the student's",
    r"logits?": "the student says present above a logit of",
    r"nats?": "Training loss, in nats: less is better",
    r"refit|fit": "Thumbs: what the refit gives after a thumb of each size",
    "separation": "separation (mean logit with the class less that without it)",
    "shift": "Shift: from training to tuning images, ",
    "fidelity": "Share of images on which student and teacher decide alike.",
    "factor": "the bound is the influence times the factor",
    "oracle": "a teacher that has seen the labels",
    "λ": "Penalty λ: larger means fewer concepts",
    r"◆ \d": "In 90 % of the training images with bicycle, 43 % of the tuning ones.",
}


def begun(page: Page) -> Page:
    """The demo, as a person who begins sees it."""
    expect(cards(page)).to_have_count(5)
    return page


def cards(page: Page) -> Locator:
    return page.locator(".start .cards > li")


@pytest.fixture(scope="module")
def url(serve_module) -> str:
    """The demo for tests that write nothing."""
    return serve_module(Path("demo")).url


def test_the_card_of_a_class_is_beside_its_row(page):
    row, card = classes(page).first, page.locator(".performance-table .card:popover-open")
    row.locator(".name").hover()
    expect(card).to_be_visible()
    row, card = row.bounding_box(), card.bounding_box()
    assert row["y"] < card["y"] < row["y"] + 2 * row["height"]


@pytest.fixture
def page(url, open_page) -> Page:
    return begun(open_page(url, 1440, 900))


def easy(page: Page, most: tuple[int, int]) -> None:
    """No letters below 12 pixels, no word of ``FOREIGN`` but names of the data; few controls."""
    store = open_tuner("demo", history=":memory:").store
    known = sorted([*store.classes, *store.concepts], key=len, reverse=True)
    data = re.compile("|".join(map(re.escape, known)))
    found = controls(page), numbers(page)
    assert len(found[0]) <= most[0], found[0]
    assert len(found[1]) <= most[1], found[1]
    comes_to(lambda: page.evaluate(SMALL), [])
    seen = [data.sub("", re.sub("(?i)fine-tun(e|ing)", "", text)) for text in texts(page)]
    assert len(seen) > 50
    assert [text for text in seen if FOREIGN.search(text)] == []


def test_words_of_details_are_plain_or_explained_where_they_stand(serve, open_page) -> None:
    page = open_page(f"{serve(Path('demo')).url}?show=details", 1440, 900)
    concept = concepts(select_class(page, "bicycle")).nth(1)
    concept.locator(".open").click()
    concept.locator(".thumb.remove").click()
    said: set[str] = set()
    parts = {"a": "threshold", "b": "path", "Control+Enter": "report", "w": "movers"}
    for key, part in parts.items():
        page.keyboard.press(key)
        expect(page.locator(f".knowledge .{part}")).to_be_visible()
        said |= told(page)
    page.get_by_role("tab", name="Provenance").click()
    iterations(page).first.press("m")
    expect(page.locator("dialog.compare .metrics")).to_be_visible()
    said |= told(page)
    expert = re.compile(rf"(?i)\b({'|'.join(EXPERT)})(?!\w)|λ|◆ \d|fine-tun(e|ing)|Shift\+")
    assert [text for text in said if FOREIGN.search(expert.sub("", text))] == []
    assert [words for words in EXPERT.values() if not any(words in text for text in said)] == []


def test_from_what_a_student_relies_on_to_a_better_one_the_page_stays_easy(
    serve, open_page
) -> None:
    page = begun(open_page(serve(Path("demo")).url, 1440, 900))
    curves, finding = page.locator(".knowledge .effect .curve"), page.locator(".knowledge .finding")
    expect(page.get_by_role("switch", name="Details")).not_to_be_checked()
    easy(page, FIRST)
    page.get_by_role("button", name="Look at traffic light in bicycle").click()
    expect(page.locator(".detail .tile").first).to_be_visible()
    expect(page.locator(".knowledge .rows > .row .patch img").first).to_be_visible()
    expect(curves).to_have_count(10)
    expect(finding).to_contain_text("bicycle relies on traffic light: it is in 90 % of the")
    easy(page, OPEN)
    finding.get_by_role("button", name="Remove traffic light and 1 like it").click()
    expect(
        finding.get_by_role("button", name="traffic light and 1 like it will be removed")
    ).to_be_disabled()
    expect(blocks(page, ".remove")).to_have_count(2)  # with its twin
    expect(page.locator(".knowledge .changes")).to_contain_text("points")
    easy(page, OPEN)
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(2)
    expect(page.locator(".notice")).to_contain_text("#1")
    expect(finding).to_contain_text("bicycle is repaired as far as can be seen")
    expect(curves).to_have_count(12)
    easy(page, TUNED)
    page.get_by_role("button", name="Find a repair").click()
    expect(finding.locator(".result")).to_contain_text(re.compile(r"\.$"))
    easy(page, TUNED)


def test_a_pending_mark_and_the_buttons_of_a_notice_are_read_at_a_glance(serve, open_page) -> None:
    page = begun(open_page(serve(Path("demo")).url, 1280, 900))
    page.get_by_role("button", name="Look at traffic light in bicycle").click()
    row = row_of(page, "traffic light")
    row.locator(".thumb.remove").click()
    expect(row.locator(".note")).to_have_text("✕ · waits for Fine-tune", use_inner_text=True)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".notice")).to_contain_text("#1")
    buttons = page.locator(".notice button:visible")
    expect(buttons.filter(has_text="Compare")).to_be_visible()
    middles = "all => all.map((e) => e.getBoundingClientRect()).map((b) => (b.top + b.bottom) / 2)"
    found = buttons.evaluate_all(middles)
    assert len(found) >= 3
    assert max(found) - min(found) < 4


def test_two_presses_remove_a_wrong_concept_and_its_twin_and_a_third_takes_it_back(
    serve, open_page
) -> None:
    page = begun(open_page(serve(Path("demo")).url, 1440, 900))
    expect(page.locator(".start .purpose")).to_contain_text(
        "5 of them may rely on the wrong thing:"
    )
    card, main = cards(page).filter(has_text="bicycle"), re.compile(r"\bprimary\b")
    expect(card.locator("img").first).to_be_visible()
    expect(card.locator(".main")).to_have_class(main)
    card.get_by_role("button", name="Remove traffic light and 1 like it").click()
    shown(page, "bicycle")
    expect(page.locator(".detail .subtitle")).to_contain_text("traffic light")
    main, all_students = (
        page.get_by_role("button", name=name) for name in ("Fine-tune", "All students")
    )
    expect(main).to_contain_text("2")
    main.click()
    expect(iterations(page)).to_have_count(2)
    all_students.click()
    undo = page.locator(".notice").get_by_role("button", name="Undo")
    undo.focus()  # a notice stays as long as it has the focus
    expect(cards(page)).to_have_count(4)
    undo.press("Enter")
    expect(page.locator(".place[data-view=knowledge]")).to_be_focused()
    expect(cards(page)).to_have_count(5)

    batch, buoy = page.locator(".start .batch"), cards(page).filter(has_text="lifebuoy")
    expect(batch).to_be_hidden()
    buoy.get_by_role("button", name="Remove lifebuoy").click()
    expect(main).to_contain_text("1")
    all_students.click()
    expect(batch).to_contain_text("1 change waits.")
    expect(buoy).to_contain_text("lifebuoy will be removed")
    batch.get_by_role("button", name="Fine-tune").click()
    expect(buoy).to_have_count(0)
    expect(batch).to_be_hidden()
    column, metric = (
        page.locator(".provenance .columns > .value"),
        page.get_by_label("Metric of the iterations"),
    )
    expect(column).to_have_text("mAP")
    metric.select_option("f1")
    expect(column).to_have_text("F1")  # "Mean F1" has no room
    metric.select_option("ap")
    expect(column).to_have_text("mAP")


def test_details_are_kept_in_the_link_and_bring_what_only_they_show(page) -> None:
    matrix = page.get_by_role("heading", name="All students")
    only = page.locator(".knowledge :is(.rank, .influence, .unfold, .factor)")
    expect(matrix).to_have_count(0)
    show_details(page, True)
    expect(matrix).to_be_visible()
    assert "show=details" in page.url
    show_details(page, False)
    expect(matrix).to_have_count(0)
    expect(cards(page)).to_have_count(5)
    assert "show" not in page.url
    classes(page).first.click()
    expect(concepts(page)).to_have_count(10)
    assert only.count() == 0
    page.keyboard.press("?")
    expect(page.locator("dialog.keys dd")).to_have_text([one.words for one in SHORTCUTS])
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_role("dialog", name="Add a concept")).to_be_visible()
    page.keyboard.press("Escape")
    show_details(page, True)
    expect(page.locator(".knowledge .rows .rank")).to_have_count(10)
    expect(page.locator(".knowledge .unfold")).to_have_count(3)
    lines = page.locator(".knowledge .unfold-line:visible")  # one is open at a time
    expect(lines).to_have_count(2)
    opened = page.locator(".knowledge .unfold-line[aria-expanded=true]")
    for at in (0, 1, 0):
        lines.nth(at).click()
        expect(lines.nth(at)).to_have_attribute("aria-expanded", "true")
        expect(opened).to_have_count(1)
    lines.nth(0).click()
    expect(opened).to_have_count(0)
    show_details(page, False)
    expect(only).to_have_count(0)


#: Number of rows of concepts that are wholly in view.
ROWS = """(list) => [...list.querySelectorAll(".rows > .row")].filter((row) =>
  row.getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom + 1).length"""


def bottom(panel: Locator) -> float:
    box = panel.bounding_box()
    return box["y"] + box["height"]


def test_all_six_views_are_seen_from_1280_pixels_up(page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("button", name="Skip to Student performance")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    comes_to(lambda: page.locator(".performance :focus").count(), 1)
    views = ["configuration", "performance", "knowledge", "embedding", "detail", "provenance"]
    for width, height in ((1280, 720), (1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for name in views:
            panel = page.locator(f".place[data-view={name}]")
            expect(panel).to_be_visible()
            comes_to(lambda p=panel, h=height: bottom(p) <= h, True)
    page.set_viewport_size({"width": 1280, "height": 720})
    select_class(page, "dog")
    comes_to(lambda: page.locator(".knowledge .scroll").evaluate(ROWS), 6)


def test_a_phone_opens_with_where_to_begin(url, open_page) -> None:
    page = begun(open_page(url, 390, 844))
    begin = page.get_by_role("tab", name="Where to begin")
    expect(begin).to_have_attribute("aria-selected", "true")


def test_the_finding_is_whole_on_a_low_page(url, open_page) -> None:
    page = open_page(f"{url}?class=boat", 1280, 720)
    sentence = page.locator(".knowledge .finding .sentence > span")
    expect(sentence).to_contain_text("49 % of the other boat photos")
    cut = "(span) => span.scrollHeight - span.clientHeight"
    comes_to(lambda: sentence.evaluate(cut) <= 1, True)


def test_classes_that_can_be_repaired_come_first_then_the_widest_gap(page) -> None:
    wrong = [card.locator("b").first.inner_text() for card in cards(page).all()]
    comes_to(lambda: names(classes(page))[:5], wrong)
    order = names(classes(page))
    page.get_by_label("Sort by").select_option("gap")
    comes_to(lambda: names(classes(page)) != order, True)
    by_gap = names(classes(page))
    gain = [name for name in order[:5] if name != "airplane"]  # for which no gain is expected
    for part in (gain, order[5:]):
        assert part == sorted(part, key=by_gap.index)


def test_the_card_of_an_iteration_waits_until_the_pointer_rests(serve, tmp_path, open_page) -> None:
    page = open_page("about:blank", 1440, 900, own_context=True)
    page.clock.install()
    page.goto(f"{serve(small_spec(tmp_path)).url}?show=simple")
    select_class(page, "bicycle")
    row, card = iterations(page).first, page.locator(".card:popover-open")
    page.locator(".knowledge .thumb.up").first.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(iterations(page)).to_have_count(2)
    expect(row).to_be_visible()
    box = row.bounding_box()
    page.clock.pause_at(page.evaluate("Date.now() + 10000"))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.clock.run_for(500)
    expect(card).to_have_count(0)
    page.clock.run_for(200)
    expect(card).to_have_count(1)
