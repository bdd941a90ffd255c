"""Packed scripts of a notebook in a browser: all run, in their order, as plain scripts do."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from inficond_panel.ui.notebook_scripts import packed

pytestmark = pytest.mark.ui


def test_packed_scripts_run_one_after_the_other(browser):
    """The first takes longer to unpack than those behind it."""
    ran = "var ran = document.body; ran.dataset.order = (ran.dataset.order ?? '') + '%s'"
    long = f"{' ' * 30_000_000}{ran % 'é long '}"
    scripts = (long, ran % "</scr' + 'ipt>", ran % " last")
    page = browser.new_page()
    page.set_content("".join(f"<script>{packed(each)}</script>" for each in scripts))
    expect(page.locator("body")).to_have_attribute("data-order", "é long </script> last")
    page.close()
