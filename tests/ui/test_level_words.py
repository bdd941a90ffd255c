"""The level of intervals that the spec asks for, as the page says it."""

from __future__ import annotations

import pytest
from factory import small_spec
from playwright.sync_api import Page, expect

from inficond_panel.tuning import Intent, open_tuner

pytestmark = pytest.mark.ui


def said(page: Page) -> str:
    return " ".join(page.locator("body").inner_text().split())


def test_legends_and_tables_say_the_level_of_the_spec(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, extra="views: {confidence: 0.8}\n")
    server = serve(spec)
    tuner = open_tuner(spec, history=server.history)
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up")])
    page = open_page(f"{server.url}?class=bicycle&concept=wheel&metrics=open")
    expect(page.locator(".detail .samples")).to_contain_text("80 % interval")
    expect(page.locator(".knowledge .legend")).to_contain_text("80 % interval")
    expect(page.locator("#measures-body th", has_text="80 %").first).to_be_visible()
    page.get_by_role("button", name="Choose by tune").click()
    expect(page.locator("#measures-body .threshold")).to_contain_text("change, 80 %")
    assert "95 %" not in said(page)
    pair = f"{tuner.root_id[:8]},{node.id[:8]}"
    page = open_page(f"{server.url}?class=bicycle&compare={pair}")
    expect(page.locator("dialog.compare .metrics")).to_contain_text("80 % interval")
    assert "95 %" not in said(page)
