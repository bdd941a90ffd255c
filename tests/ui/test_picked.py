"""One selection of images that all views follow, and a threshold that is tried, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from steps import classes, open_concept, select_first

#: What stands in the strip for a metric.
METRIC = ".strip .metric"


def chip(page: Page, name: str) -> Locator:
    return page.locator(f".shell .picked[data-of={name}]")


@pytest.fixture
def page(small_url, open_page) -> Page:
    return open_page(f"{small_url}?show=details&metrics=open")


def test_a_bar_picks_images_until_they_are_dropped(page) -> None:
    select_first(page)
    ap = page.locator(METRIC).first.locator("b")
    whole = ap.inner_text()
    row = classes(page).first
    row.press("i")  # all positives
    expect(chip(page, "images")).to_have_text(re.compile(r"\d+ images: .*, positives"))
    expect(ap).to_have_text("–")  # no image without the class
    chip(page, "images").get_by_role("button", name="Measure on all images again").click()
    expect(chip(page, "images")).to_be_hidden()
    expect(ap).to_have_text(whole)


def test_images_of_a_concept_are_picked(page) -> None:
    select_first(page)
    name = open_concept(page)
    page.get_by_role("button", name=re.compile("Pick these")).click()
    expect(chip(page, "images")).to_contain_text(name)


def test_metrics_follow_the_slider_of_the_threshold(page) -> None:
    select_first(page)
    recall = page.locator(METRIC, has_text="Recall").locator("b")
    now = recall.inner_text()
    slider = page.get_by_label("Try another threshold")
    slider.press("Home")  # below all logits: all images are called
    expect(recall).to_have_text("1.000")
    expect(chip(page, "thresholds")).to_contain_text("threshold")
    page.get_by_role("button", name="Reset").click()
    expect(recall).to_have_text(now)
    expect(chip(page, "thresholds")).to_be_hidden()
