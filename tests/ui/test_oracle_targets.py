"""In the browser: students of the teacher, of the oracle, and back; by mouse and by keyboard."""

from __future__ import annotations

import pytest
from factory import oracle_spec
from playwright.sync_api import expect

pytestmark = pytest.mark.ui

SEEN = "has seen the label"


def test_the_targets_are_chosen_and_the_oracle_is_marked(serve, open_page, tmp_path):
    page = open_page(serve(oracle_spec(tmp_path)).url)
    choice = page.get_by_role("radiogroup", name="Targets")
    teacher, oracle = (choice.get_by_role("radio", name=name) for name in ("Teacher", "Oracle"))
    student = page.locator("[data-field=student]")

    expect(teacher).to_have_attribute("aria-checked", "true")
    expect(student).not_to_contain_text(SEEN)
    before = page.locator(".metric").first.text_content()
    oracle.click()
    expect(oracle).to_have_attribute("aria-checked", "true")
    expect(student).to_contain_text(SEEN)
    expect(page.locator(".metric").first).not_to_have_text(before)

    oracle.press("ArrowLeft")
    expect(teacher).to_have_attribute("aria-checked", "true")
    expect(student).not_to_contain_text(SEEN)
    expect(page.locator(".metric").first).to_have_text(before)
