"""A participant types a concept in a real browser: the task goes on over it, also when reloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import BROKEN, Server
from playwright.sync_api import expect

from inficond_panel.study.results.results import results
from inficond_panel.study.run.study import open_study

pytestmark = pytest.mark.ui

STUDY = """title: Words of one's own
spec: demo
tasks:
  - name: bicycle
    title: Bicycle
    class: bicycle
    text: Improve it.
    done_when: {rule: iterations, count: 1}
    may_type: true
"""


class StudyServer(Server):
    """``inficond study serve STUDY``."""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/study"

    @property
    def command(self) -> list[str]:
        return ["inficond_panel", "study", "serve", str(self.spec), f"--port={self.port}"]


def test_a_typed_concept_is_there_after_a_reload(tmp_path: Path, open_page) -> None:
    file = tmp_path / "words.yaml"
    file.write_text(STUDY)
    study = open_study(file)
    study.prepare()
    token = study.add_participant()[1]
    server = StudyServer(file, tmp_path / "history.sqlite", forked=False)
    server.start()
    try:
        page = open_page(f"{server.url}#{token}", 1280, 800, expected=BROKEN)
        page.get_by_role("button", name="Start").click()
        page.locator(".knowledge .thumb.down").nth(1).click()
        page.locator(".knowledge .add").click()
        dialog = page.get_by_role("dialog", name="Add a concept")
        expect(dialog).to_contain_text("What you type stays")
        dialog.get_by_role("textbox").fill("signal mast, pole")
        dialog.get_by_role("button", name="Add", exact=True).click()
        opened = page.locator(".knowledge .row.current, .detail .subtitle, .detail h3")
        expect(opened.filter(has_text="signal mast").first).to_be_visible()
        expect(page.locator(".knowledge .add")).to_be_focused()
        page.reload()
        expect(page.locator(".knowledge .thumb[aria-pressed=true]")).to_have_count(1)
        expect(page.locator(".detail").first).to_contain_text("signal mast")
        page.get_by_role("button", name="Fine-tune").click()
        expect(page.locator(".goal")).to_contain_text("Done: Fine-tunes 1")
    finally:
        server.kill()
    server.check_log()
    [result] = results(study)
    assert (result.typed, result.iterations, result.outcome) == (1, 1, "done")
