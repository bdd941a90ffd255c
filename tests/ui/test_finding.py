"""The finding on a student and what helps: a removal by one click, labels that are corrected."""

from __future__ import annotations

from pathlib import Path

import pytest
from factory import noisy_arrays, small_spec
from playwright.sync_api import expect

pytestmark = pytest.mark.ui


def test_what_a_student_relies_on_is_said_and_removed_by_one_click(serve, open_page) -> None:
    page = open_page(f"{serve(Path('demo')).url}?class=bicycle", 1440, 900)
    finding = page.locator(".knowledge .finding")
    expect(finding).to_contain_text("bicycle relies on traffic light, in 90 % of the training")
    finding.get_by_role("button", name="Remove traffic light").click()
    expect(finding.get_by_role("button", name="traffic light is in the batch")).to_be_disabled()
    expect(page.locator(".knowledge .block.remove")).to_have_count(2)  # with its twin
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".provenance [role=option]")).to_have_count(2)
    expect(finding).to_contain_text("No concept is left to remove: find a repair")


def test_labels_that_are_likely_wrong_are_shown_and_corrected(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, make=noisy_arrays, extra="layout: {show: simple}\n")
    page = open_page(f"{serve(spec).url}?class=bicycle", 1440, 900)
    finding = page.locator(".knowledge .finding")
    expect(finding).to_contain_text("Correct the labels that are likely wrong.")
    look = finding.get_by_role("button", name="Look at 50 labels that are likely wrong")
    look.click()
    expect(look).to_have_attribute("aria-expanded", "true")
    labels = finding.get_by_role("listitem")
    expect(labels).to_have_count(50)
    expect(labels.first.locator("img[src^='data:image']")).to_be_visible()
    correct = labels.first.locator(".group-thumb")
    correct.click()
    expect(correct).to_have_attribute("aria-pressed", "true")
    block = page.locator(".knowledge .block.repair")
    expect(block).to_contain_text("bicycle")
    labels.nth(1).locator(".photo").click()
    large = page.locator("dialog.large[open]")
    expect(large).to_contain_text("2 of 50")
    page.keyboard.press("Escape")
    block.click()
    expect(correct).to_have_attribute("aria-pressed", "false")
    correct.click()
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".provenance [role=option]")).to_have_count(2)
    expect(finding.get_by_role("button", name="Look at 49 labels")).to_be_visible()
