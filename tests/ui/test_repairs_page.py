"""Suspects, repairs beside thumbs, and suggestions, on the demo's planted shortcuts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from resizing import resize

pytestmark = pytest.mark.ui

DEMO = Path(__file__).parents[2] / "specs" / "demo.yaml"


@pytest.fixture(scope="module")
def url(serve_module) -> str:
    return f"{serve_module(DEMO).url}?show=details"


@pytest.fixture
def page(url, share_page) -> Page:
    """A page of 'bicycle'; tests leave it with nothing pending."""
    return select(share_page(url), "bicycle")


def select(page: Page, name: str) -> Page:
    page.locator(f'.performance [role=option][data-key="{name}"]').click()
    expect(page.locator(".knowledge .titles .subtitle")).to_have_text(name)
    expect(page.locator(".knowledge .finding .sentence")).to_have_text(
        re.compile(f"^(There are too few photos to say whether )?{name} (relies|does)")
    )
    return page


def opened(page: Page) -> Page:
    line = page.locator(".knowledge .repair-panel .unfold-line")
    if line.get_attribute("aria-expanded") != "true":
        line.click()
    expect(page.locator(".repair-panel .path")).to_be_visible()
    return page


def blocks(page: Page):
    return page.locator(".knowledge .block.repair")


def test_the_page_says_which_students_lean_on_what_and_why(page):
    expect(page.locator(".performance .legend")).to_contain_text(
        re.compile(r"in the tuning images: \d+ of 16")
    )
    shifted = page.locator('.performance [data-key="bicycle"] .lean')
    expect(shifted).to_be_visible()
    expect(page.locator('.performance [data-key="bottle"] .lean')).to_be_hidden()
    spoken = page.locator('.performance [data-key="bicycle"] > .vh')
    expect(spoken).to_contain_text("Shift: from fit to tune, AP falls by")
    panel = page.locator(".repair-panel")
    expect(page.locator(".knowledge .finding")).to_contain_text(
        "bicycle relies on traffic light, in 90 % of the training images with bicycle"
    )
    expect(panel.locator(".unfold-line")).to_contain_text("Shift: from fit to tune, AP falls by")
    opened(page)
    expect(panel).to_contain_text("of the photos with bicycle on fit")
    for width, height in ((1440, 900), (1920, 1080)):
        resize(page, width, height)
        line, body = (panel.locator(f".unfold-{part}").bounding_box() for part in ("line", "body"))
        assert body["y"] == pytest.approx(line["y"] + line["height"], abs=2)  # nothing in between
    expect(panel).to_contain_text("a model of the labels of tune")
    row = page.locator('.knowledge .rows [data-key="traffic light"]')
    expect(row.locator(".suspect")).to_contain_text("suspect 1")


def test_three_suspects_are_listed_and_a_line_names_and_unfolds_the_others(page):
    opened(select(page, "airplane"))
    for listed in (
        page.locator(".repair-panel .suspects").first,
        page.locator(".detail .starts").first,
    ):
        line = listed.locator("> li > details > summary", has_text="and 7 more: ")
        expect(listed.locator("> li")).to_have_count(4)
        expect(line).to_have_text("and 7 more: parachute, sheep, duck, …")
        line.click()
        expect(listed.locator("details > :is(ol, ul) > li")).to_have_count(7)
    select(page, "bicycle")


def test_suspects_are_an_order_of_the_rows(page):
    page.get_by_label("Sort concepts by").select_option("suspects")
    rows = page.locator(".knowledge .rows > .row")
    expect(rows.first).to_have_attribute("data-key", "traffic light")
    expect(page.locator(".knowledge .tally")).to_contain_text("stand out")
    select(page, "horse")
    expect(rows).to_have_count(0)
    expect(page.locator(".knowledge .tally")).to_contain_text("No shift")
    page.get_by_label("Sort concepts by").select_option("weight")


def test_lambda_is_chosen_on_a_slider_or_left_to_tune(page):
    opened(page)
    slider = page.get_by_role("slider", name=re.compile("Lambda"))
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(blocks(page)).to_have_text(re.compile(r"Penalty 0\.\d+"))
    first = blocks(page).inner_text()
    expect(slider).to_be_focused()  # though it is drawn anew
    page.keyboard.press("ArrowRight")
    expect(blocks(page)).not_to_have_text(first)
    expect(blocks(page)).to_have_text(re.compile(r"Penalty 0\.\d+"))
    told = page.locator(".repair-panel .penalty + p")
    expect(told.locator("+ p")).to_contain_text("auto takes λ 0.001, its starting value")
    expect(told).to_have_text(re.compile(r"λ 0\.\d+: AP on tune 0\.\d{3} \[.*concepts? left"))
    page.get_by_role("button", name="λ auto: choose lambda by AP on tune").click()
    expect(blocks(page)).to_have_text("Another penalty")
    page.get_by_role("button", name="λ auto: choose lambda by AP on tune").click()
    expect(blocks(page)).to_have_count(0)


def test_a_machine_suggests_a_repair_with_its_gain_and_reasons(page):
    select(page, "boat")
    page.get_by_role("button", name="Find a repair").click()
    thumbs = page.locator(".knowledge .block.remove")
    expect(thumbs).to_have_count(3)  # ✕ on the first suspects
    said = r"^Remove .* and .*: \+\d+\.\d points expected\.$"
    expect(page.locator(".finding .result")).to_have_text(re.compile(said))
    table = opened(page).locator(".repair-panel .levers")
    names = ["as it is", "lambda", "teacher on tune", "labels of tune", "✕ suspects proposed"]
    expect(table.locator("tbody th")).to_have_text(names)
    expect(table.locator("tbody tr").last).to_contain_text(re.compile(r"AP points \[\+\d"))
    table.get_by_role("button", name="Take labels of tune").click()
    expect(thumbs).to_have_count(0)
    expect(blocks(page)).to_have_text(["Learn the labels of the tuning images", "Another penalty"])
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(blocks(page)).to_have_count(0)


def test_where_nothing_is_wrong_the_machine_says_so(page):
    select(page, "train")
    page.get_by_role("button", name="Find a repair").click()
    expect(page.locator(".finding .result")).to_have_text("No repair of train is expected to gain.")
    expect(blocks(page)).to_have_count(0)


def test_a_suggestion_can_be_stopped(page):
    suggest = page.locator(".knowledge .suggest")
    suggest.click()
    expect(suggest).to_contain_text("Looking for a repair")
    suggest.click()
    expect(suggest).to_have_text("Find a repair")
    expect(page.locator(".knowledge .block:is(.up, .down, .remove, .repair)")).to_have_count(0)
    expect(page.locator(".knowledge .btn.primary")).to_have_attribute("aria-disabled", "true")


def test_repairs_wait_beside_thumbs_and_are_fitted_with_them(page):
    opened(page)
    page.get_by_role("button", name="balance by traffic light", exact=True).click()
    expect(blocks(page)).to_have_text("Reweight by traffic light")
    page.get_by_role("button", name="doubt all suspects").click()
    expect(blocks(page)).to_have_count(2)
    page.locator('.knowledge .rows [data-key="bicycle"] .thumb.down').click()
    blocks(page).filter(has_text="Reweight").click()
    expect(blocks(page)).to_have_count(1)
    page.locator(".knowledge .btn.primary").click()
    expect(page.locator(".knowledge .line .status")).to_contain_text("Done in")
    expect(blocks(page)).to_have_count(0)
    notices = page.locator(".knowledge .notices")
    expect(notices).to_contain_text("chose this student")
    in_force = re.compile(r"In force: adaptive penalty \(doubt \d")
    expect(page.locator(".repair-panel")).to_contain_text(in_force)
    page.reload()
    select(page, "bicycle")
    expect(notices).to_contain_text("chose this student")
