"""A class that the teacher does not know, as the page shows it."""

from __future__ import annotations

import pytest
from factory import small_spec, unknown_arrays
from playwright.sync_api import expect

pytestmark = pytest.mark.ui

SENTENCE = "The teacher does not know 'sheep'"


def test_a_class_that_the_teacher_does_not_know_is_marked_and_named(tmp_path, serve, open_page):
    spec = small_spec(tmp_path, make=unknown_arrays, images=600)
    page = open_page(serve(spec).url, 1280, 800)
    table = page.locator(".performance")
    own, other = (table.locator(f'[data-key="{name}"]') for name in ("sheep", "bird"))
    expect(own.locator(".unknown")).to_be_visible()
    expect(other.locator(".unknown")).to_be_hidden()
    expect(own.locator("> .vh")).to_contain_text(SENTENCE)
    expect(table.locator(".legend")).to_contain_text("does not know the class: 1 of 4")
    told = ".finding .sentence"
    for details in (True, False):
        page.get_by_role("switch", name="Details").set_checked(details)
        own.click()
        expect(page.locator(f".knowledge {told}")).to_contain_text(SENTENCE)
        expect(page.locator(f".knowledge {told}")).to_contain_text("imitates noise")
        expect(page.locator(".strip .metric .teacher").first).to_contain_text("teacher 0.")
        other.click()
        expect(page.locator(f".knowledge {told}")).not_to_contain_text("does not know")
