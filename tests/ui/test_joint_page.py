"""The page over a joint student: a thumb on one class, and what it does to the others."""

from __future__ import annotations

import re

import pytest
from frames import SINGLE as CLASSES
from frames import joint_spec
from playwright.sync_api import Page, expect

from inficond_panel.tuning import open_tuner

pytestmark = pytest.mark.ui


@pytest.fixture
def spec(tmp_path):
    return joint_spec(tmp_path, images=400)


def select(page: Page, name: str) -> None:
    page.locator(".performance [role=option]").filter(has_text=re.compile(f"^{name}")).click()
    expect(page.locator(".knowledge .subtitle")).to_have_text(name)
    expect(page.locator(".knowledge .rows > .row").first).to_be_visible()


def test_a_thumb_on_one_class_moves_the_others_and_the_page_says_so(spec, serve, open_page) -> None:
    server = serve(spec)
    page = open_page(f"{server.url}?show=details")
    select(page, "cat")
    page.locator('.knowledge .rows > .row[data-key="a"] .thumb.up').click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text("Done in")
    notice = page.locator(".knowledge .notices")
    expect(notice).to_contain_text("The classes share one softmax, so others moved too")
    for name in CLASSES[::2]:
        expect(notice).to_contain_text(f"{name}, probability by")
    select(page, "dog")
    expect(page.locator(".knowledge .status")).to_contain_text("It tuned cat; dog moved with it")
    tuner = open_tuner(spec, history=server.history)
    node = tuner.node(tuner.history.head(tuner.root_id))
    assert node.number == 1
    ap = tuner.metrics(node, "tune")["dog"].ap
    expect(page.locator(".knowledge .now b").first).to_have_text(f"{ap:.3f}")
    opens_one_image_and_solves_a_what_if(page)
    shows_the_images_of_a_confusion(page)
    takes_a_lambda_and_no_other_repair(page)


def takes_a_lambda_and_no_other_repair(page: Page) -> None:
    select(page, "dog")
    page.keyboard.press("b")
    panel = page.locator(".knowledge .repair-panel")
    expect(panel).to_contain_text("give lambda a value")
    expect(panel.get_by_role("button", name="λ auto")).to_be_disabled()
    slider = panel.get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    expect(page.locator(".knowledge .block.repair")).to_be_visible()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge .status")).to_contain_text("Done in")
    expect(panel).to_contain_text("In force: lambda")


def shows_the_images_of_a_confusion(page: Page) -> None:
    page.get_by_role("radio", name="Confusions").click()
    most = page.locator(".performance .pairs .student").first
    expect(most).to_be_visible()
    expect(page.locator(".performance .rows")).to_be_hidden()
    number = most.inner_text()
    most.click()
    expect(page.locator(".detail .subtitle")).to_have_text(
        re.compile(f"taken for .* by the student, {number}")
    )
    expect(page.locator(".detail .filter-chip").first).to_contain_text(number)
    page.get_by_role("radio", name="Classes").click()
    expect(page.locator(".performance .rows")).to_be_visible()


def opens_one_image_and_solves_a_what_if(page: Page) -> None:
    page.locator(".knowledge .rows > .row .open").first.click()
    page.get_by_role("radio", name="Refit: others re-optimised").click()
    expect(page.locator(".detail .solving")).to_be_hidden()
    expect(page.locator(".detail .problem, .detail .error")).to_have_count(0)
    page.locator(".gallery .tile").first.get_by_role("button").click()
    expect(page.locator("dialog.large[open]")).to_contain_text("Other classes")
    page.keyboard.press("Escape")
