"""Links of strangers, in a real browser."""

from __future__ import annotations

import base64
import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect
from test_main_job import rows
from waiting import PATIENCE

pytestmark = pytest.mark.ui


def test_a_link_with_a_session_of_its_sender_shows_no_page(small_url, browser, open_page) -> None:
    with urllib.request.urlopen(small_url, timeout=PATIENCE) as reply:
        token = re.search(r'"token":"([^"]+)"', reply.read().decode())[1]
    payload = token.split(".")[0]
    made = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    victim = browser.new_context().new_page()
    victim.set_default_timeout(PATIENCE * 1000)
    answer = victim.goto(f"{small_url}?bokeh-session-id={made['session_id']}")
    assert answer.status == 403
    expect(victim.locator(".performance")).to_have_count(0)
    victim.context.close()
    page = open_page(small_url)
    expect(rows(page).first).to_be_visible()
    page.reload()
    expect(rows(page).first).to_be_visible()
