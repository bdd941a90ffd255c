"""The page as it opens: few controls, few numbers, and the way from a wrong student to a better."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from counting import controls, numbers, texts
from playwright.sync_api import Page, expect
from test_layout import SMALL
from waiting import comes_to

from inficond_panel.tuning import open_tuner

pytestmark = pytest.mark.ui

#: Most controls and numbers at 1440 × 900: of the first screen, and with a class open.
FIRST, OPEN = (60, 70), (120, 110)


#: Words that nobody who begins can know, and names of splits.
FOREIGN = re.compile(
    r"\b(logits?|nats?|shift\w*|lambda|cross-fitted|fidelity|intents?|cures?|balanc\w+|doubt\w*"
    r"|oracle|separation|disc\.|infl\.|susp\.|pp|tune|fit|holds\?|twins?|uptun\w+|downtun\w+"
    r"|gaps?|leans?|bonds?|mend\w*|refits?|factor|scope|p \(holm\)|nodes?)(?!\w)|λ|◆ ?\d",
    re.IGNORECASE,
)


@pytest.fixture
def page(open_page, serve) -> Page:
    """The demo, as a person who begins sees it."""
    page = open_page(serve(Path("demo")).url, 1440, 900)
    expect(page.locator(".start .cards > li")).to_have_count(5)
    return page


def within(page: Page, most: tuple[int, int]) -> None:
    found = controls(page), numbers(page)
    assert len(found[0]) <= most[0], found[0]
    assert len(found[1]) <= most[1], found[1]


def test_the_page_stays_within_its_budget_and_has_no_letters_below_12_pixels(page) -> None:
    expect(page.get_by_role("switch", name="Details")).not_to_be_checked()
    within(page, FIRST)
    comes_to(lambda: page.evaluate(SMALL), [])
    page.get_by_role("button", name="Look at traffic light in bicycle").click()
    expect(page.locator(".detail .tile").first).to_be_visible()
    expect(page.locator(".knowledge .rows > .row .patch img").first).to_be_visible()
    expect(page.locator(".knowledge .effect .curve")).to_have_count(10)
    within(page, OPEN)
    comes_to(lambda: page.evaluate(SMALL), [])
    page.locator(".knowledge .row[data-key='traffic light'] .thumb.remove").click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".provenance [role=option]")).to_have_count(2)
    expect(page.locator(".knowledge .effect .curve")).to_have_count(11)
    within(page, OPEN)
    comes_to(lambda: page.evaluate(SMALL), [])


def test_what_only_details_show_is_built_with_them(page) -> None:
    page.locator(".performance [role=option]").first.click()
    expect(page.locator(".knowledge .rows > .row")).to_have_count(10)
    only = page.locator(".knowledge :is(.rank, .influence, .unfold, .factor, .add)")
    assert only.count() == 0
    details = page.get_by_role("switch", name="Details")
    details.check()
    expect(page.locator(".knowledge .rank")).to_have_count(10)
    expect(page.locator(".knowledge .unfold")).to_have_count(3)
    details.uncheck()
    expect(only).to_have_count(0)


def test_all_six_views_are_seen_from_1280_pixels_up(page) -> None:
    names = ["configuration", "performance", "knowledge", "embedding", "detail", "provenance"]
    for width, height in ((1280, 720), (1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for name in names:
            panel = page.locator(f".place[data-view={name}]")
            expect(panel).to_be_visible()
            comes_to(
                lambda p=panel, h=height: p.bounding_box()["y"] + p.bounding_box()["height"] <= h,
                True,
            )


def test_two_presses_remove_a_wrong_concept_and_its_twin_and_a_third_takes_it_back(page) -> None:
    expect(page.locator(".start .purpose")).to_contain_text("5 of them rely on the wrong thing:")
    card = page.locator(".start .cards > li", has_text="bicycle")
    expect(card.locator("img")).to_be_visible()
    card.get_by_role("button", name="Remove traffic light from bicycle").click()
    expect(page.locator(".knowledge .subtitle").first).to_have_text("bicycle")
    expect(page.locator(".detail .subtitle")).to_contain_text("traffic light")
    button = page.get_by_role("button", name="Fine-tune")
    expect(button).to_contain_text("2")
    button.click()
    expect(page.locator(".provenance [role=option]")).to_have_count(2)
    page.get_by_role("button", name="All students").click()
    expect(page.locator(".start .cards > li")).to_have_count(4)
    page.get_by_role("button", name="Undo the last iteration").click()
    expect(page.locator(".start .cards > li")).to_have_count(5)


def test_what_waits_is_fine_tuned_from_the_first_screen(page) -> None:
    batch = page.locator(".start .batch")
    expect(batch).to_be_hidden()
    page.get_by_role("button", name="Remove couch from tv monitor").click()
    expect(page.get_by_role("button", name="Fine-tune")).to_contain_text("1")
    page.get_by_role("button", name="All students").click()
    expect(batch).to_contain_text("1 change waits.")
    expect(page.locator(".start .cards > li", has_text="couch")).to_contain_text("In the batch")
    batch.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".start .cards > li", has_text="couch")).to_have_count(0)
    expect(batch).to_be_hidden()


def test_details_are_kept_in_the_link_and_bring_the_matrix(page) -> None:
    expect(page.get_by_role("heading", name="All students")).to_have_count(0)
    page.get_by_role("switch", name="Details").check()
    expect(page.get_by_role("heading", name="All students")).to_be_visible()
    assert "show=details" in page.url
    page.get_by_role("switch", name="Details").uncheck()
    expect(page.get_by_role("heading", name="All students")).to_have_count(0)
    expect(page.locator(".start .cards > li")).to_have_count(5)
    assert "show" not in page.url


def test_the_first_key_skips_to_a_panel_and_a_phone_opens_with_the_classes(page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("button", name="Skip to Student performance")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    comes_to(lambda: page.locator(".performance :focus").count(), 1)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("tab", name="Performance")).to_have_attribute("aria-selected", "true")
    page.locator(".performance [role=option]").first.click()
    expect(page.get_by_role("tab", name="Knowledge")).to_have_attribute("aria-selected", "true")


def plain(page: Page, names: list[str]) -> None:
    """No word of ``FOREIGN`` is seen; names of the data are exempt."""
    data = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
    seen = [data.sub("", re.sub("(?i)fine-tun(e|ing)", "", text)) for text in texts(page)]
    assert len(seen) > 50
    assert [text for text in seen if FOREIGN.search(text)] == []


def test_nobody_meets_a_word_that_has_to_be_looked_up(page) -> None:
    store = open_tuner("demo", history=":memory:").store
    names = [*store.classes, *store.concepts]
    plain(page, names)
    page.locator(".performance [role=option][data-key=bicycle]").click()
    expect(page.locator(".knowledge .finding .sentence")).to_contain_text("relies on")
    expect(page.locator(".knowledge .effect .curve")).to_have_count(10)
    plain(page, names)
    page.locator(".knowledge .finding").get_by_role("button", name="Remove traffic light").click()
    expect(page.locator(".knowledge .changes")).to_contain_text("points")
    page.locator(".knowledge .rows .open").first.click()
    expect(page.locator(".detail .tile").first).to_be_visible()
    plain(page, names)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".provenance [role=option]")).to_have_count(2)
    expect(page.locator(".toast")).to_contain_text("#1")
    plain(page, names)
    page.get_by_role("button", name="Find a repair").click()
    expect(page.locator(".knowledge .finding .result")).to_contain_text(re.compile(r"\.$"))
    plain(page, names)
