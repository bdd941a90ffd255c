"""Packed scripts of a notebook in a browser: all run, in their order, as plain scripts do."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from inficond_panel.ui.notebook_scripts import packed

pytestmark = pytest.mark.ui

RAN = "document.body.dataset.order = (document.body.dataset.order ?? '') + '%s'"
#: The first script is unpacked late.
LATE = """() => {
  const { text } = Response.prototype
  let first = new Promise((done) => setTimeout(done, 500))
  Response.prototype.text = async function () {
    const wait = first
    first = undefined
    await wait
    return text.call(this)
  }
}"""


def test_packed_scripts_run_one_after_the_other(browser):
    page = browser.new_page()
    page.evaluate(LATE)
    scripts = [RAN % words for words in ("é", " </scr' + 'ipt>", " last")]
    page.set_content("".join(f"<script>{packed(each)}</script>" for each in scripts))
    expect(page.locator("body")).to_have_attribute("data-order", "é </script> last")
    page.close()
