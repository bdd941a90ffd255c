"""Suspects, repairs beside thumbs, and suggestions, on the demo's planted shortcuts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from resizing import resize
from steps import blocks, concepts, fine_tune, row_of


@pytest.fixture(scope="module")
def url(serve_module) -> str:
    return f"{serve_module(Path('demo')).url}?show=details"


@pytest.fixture
def page(url, share_page) -> Page:
    """A page of 'bicycle'; tests leave it with nothing pending."""
    return select(share_page(url), "bicycle")


def select(page: Page, name: str) -> Page:
    page.locator(f'.performance [role=option][data-key="{name}"]').click()
    expect(page.locator(".knowledge .titles .subtitle")).to_have_text(name)
    expect(page.locator(".knowledge .finding .sentence")).to_have_text(
        re.compile(f"^(There are too few images to say whether )?{name} (relies|does)")
    )
    return page


def opened(page: Page) -> Page:
    line = page.locator(".knowledge .repair-panel .unfold-line")
    if line.get_attribute("aria-expanded") != "true":
        line.click()
    expect(page.locator(".repair-panel .path")).to_be_visible()
    return page


def repairs(page: Page):
    return blocks(page, ".repair")


def test_the_page_says_which_students_lean_on_what_and_why(page) -> None:
    expect(page.locator(".performance .legend")).to_contain_text(
        re.compile(r"may rely on the wrong thing: \d+ of 16")
    )
    shifted = page.locator('.performance [data-key="bicycle"]')
    expect(shifted.locator(".lean")).to_be_visible()
    expect(page.locator('.performance [data-key="bottle"] .lean')).to_be_hidden()
    expect(shifted.locator("> .vh")).to_contain_text("bicycle relies on traffic light: it is in")
    panel = page.locator(".repair-panel")
    line, body = (panel.locator(f".unfold-{part}") for part in ("line", "body"))
    expect(line).to_contain_text("Shift: from training to tuning images, AP falls by")
    opened(page)
    expect(panel).to_contain_text("of the training images with bicycle")
    expect(panel).to_contain_text("a model fitted to the tuning images")
    for width, height in ((1440, 900), (1920, 1080)):
        resize(page, width, height)
        above, below = line.bounding_box(), body.bounding_box()
        assert below["y"] == pytest.approx(above["y"] + above["height"], abs=2)  # nothing between
    expect(row_of(page, "traffic light").locator(".suspect")).to_contain_text("suspect 1")


def test_three_suspects_are_listed_and_a_line_names_and_unfolds_the_others(page) -> None:
    opened(select(page, "airplane"))
    for place in (".repair-panel .suspects", ".detail .starts"):
        listed = page.locator(place).first
        line = listed.locator("> li > details > summary", has_text="and 7 more: ")
        expect(listed.locator("> li")).to_have_count(4)
        expect(line).to_have_text("and 7 more: parachute, sheep, duck, …")
        line.click()
        expect(listed.locator("details > :is(ol, ul) > li")).to_have_count(7)
    start = page.locator(".detail .starts button").first
    first = start.locator("b").inner_text()
    start.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".detail .subtitle")).to_have_text(first)
    expect(page.locator(".knowledge .titles .subtitle")).to_have_text("airplane")
    expect(start).to_be_hidden()
    expect(page.locator(".detail .filter-chip").first).to_be_focused()


def test_suspects_are_an_order_of_the_rows(page) -> None:
    order, tally = page.get_by_label("Sort concepts by"), page.locator(".knowledge .tally")
    order.select_option("suspects")
    expect(concepts(page).first).to_have_attribute("data-key", "traffic light")
    expect(tally).to_contain_text("stand out")
    select(page, "horse")
    expect(concepts(page)).to_have_count(0)
    expect(tally).to_contain_text("No shift")
    order.select_option("weight")


def test_lambda_is_chosen_on_a_slider_or_left_to_tune(page) -> None:
    opened(page)
    slider, penalty = page.get_by_role("slider", name="Penalty λ"), r"Penalty 0\.\d+"
    slider.press("ArrowRight")
    expect(repairs(page)).to_have_text(re.compile(penalty))
    first = repairs(page).inner_text()
    expect(slider).to_be_focused()  # though it is drawn anew
    page.keyboard.press("ArrowRight")
    expect(repairs(page)).not_to_have_text(first)
    expect(repairs(page)).to_have_text(re.compile(penalty))
    told = page.locator(".repair-panel .penalty + p")
    expect(told.locator("+ p")).to_contain_text("auto takes λ 0.001, its starting value")
    points = r"λ 0\.\d+: AP on tuning images 0\.\d{3} \[.*concepts? left"
    expect(told).to_have_text(re.compile(points))
    auto = page.get_by_role("button", name="choose λ by AP on tuning images")
    auto.click()
    expect(repairs(page)).to_have_text("Fewer or more concepts")
    auto.click()
    expect(repairs(page)).to_have_count(0)


def test_a_machine_suggests_a_repair_with_its_gain_and_reasons_or_says_there_is_none(page) -> None:
    select(page, "boat")
    suggest, result = page.locator(".knowledge .suggest"), page.locator(".finding .result")
    suggest.click()
    thumbs = blocks(page, ".remove")
    expect(thumbs).to_have_count(3)  # ✕ on the first suspects
    expect(result).to_have_text(
        re.compile(r"^Expected on other images: \+\d+\.\d points \[\S+, \S+\]\.$")
    )
    table = opened(page).locator(".repair-panel .levers")
    images = ["teacher on tuning images", "labels of tuning images"]
    thumbs_of = ["👍 word", "👍 word, ✕ first suspect", "✕ first suspect"]
    plain = ["the word alone", "average of student and word"]
    levers = ["as it is", "penalty λ", *images, "✕ suspects proposed", *thumbs_of, *plain]
    expect(table.locator("tbody th")).to_have_text(levers)
    expect(table.locator("tbody tr").last).to_contain_text(re.compile(r"AP points \[\+\d"))
    table.get_by_role("button", name="Take labels of tuning images").click()
    expect(thumbs).to_have_count(0)
    expect(repairs(page)).to_have_text(
        ["Learn from the labels of the images on screen", "Fewer or more concepts"]
    )
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(repairs(page)).to_have_count(0)
    select(page, "train")
    suggest.click()
    expect(result).to_contain_text("No repair of train is expected to gain")
    expect(repairs(page)).to_have_count(0)
    select(page, "bicycle")
    suggest.click()
    expect(suggest).to_contain_text("Looking for a repair")
    suggest.click()  # stops it
    expect(suggest).to_have_text("Find a repair")
    expect(blocks(page, ":is(.up, .down, .remove, .repair)")).to_have_count(0)
    expect(page.locator(".knowledge .bar .btn.primary")).to_have_attribute("aria-disabled", "true")


def test_the_page_offers_no_repair_that_others_surpass(page) -> None:
    names = re.compile("reweight|adaptive penalty")
    expect(opened(page).get_by_role("button", name=names)).to_have_count(0)


def test_repairs_wait_beside_thumbs_and_are_fitted_with_them(page) -> None:
    opened(page)
    page.get_by_role("button", name="choose λ by AP on tuning images").click()
    expect(repairs(page)).to_have_text("Fewer or more concepts")
    row_of(page, "bicycle").locator(".thumb.down").click()
    expect(repairs(page)).to_have_count(1)
    fine_tune(page)
    expect(repairs(page)).to_have_count(0)
    notices, in_force = (page.locator(".knowledge .notices"), r"Active: .*λ \d")
    expect(notices).to_contain_text("was chosen without it")
    expect(page.locator(".repair-panel")).to_contain_text(re.compile(in_force))
    page.reload()
    select(page, "bicycle")
    expect(notices).to_contain_text("was chosen without it")
