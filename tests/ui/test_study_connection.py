"""A study whose connection breaks: answers are kept, and one window goes on."""

from __future__ import annotations

import pytest
from conftest import BROKEN
from cutting import Proxy
from factory import small_spec
from playwright.sync_api import expect
from test_connection import back, banner
from test_study import WORD, StudyServer, go_on, heading
from waiting import comes_to

from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.study import Study, open_study

pytestmark = pytest.mark.ui

ASKED = """title: Small study
spec: small.yaml
form:
  - {name: age, kind: number, text: Your age?}
  - {name: pets, kind: choice, text: Pets?, options: [cat, dog, fish], several: true}
  - {name: remarks, kind: text, text: Anything else?, required: false}
tasks:
  - name: bicycle
    title: Bicycle
    class: bicycle
    text: Improve it.
"""


class SmallServer(StudyServer):
    """``inficond study serve`` on a study of a few questions."""

    @property
    def command(self) -> list[str]:
        return [*super().command[:3], str(self.spec), *super().command[4:]]


@pytest.fixture
def study(tmp_path) -> Study:
    small_spec(tmp_path)
    (tmp_path / "study.yaml").write_text(ASKED)
    return open_study(tmp_path / "study.yaml")


@pytest.fixture
def server(proxy: Proxy, study, tmp_path):
    served = SmallServer(study.spec.path, tmp_path / "history.sqlite")
    served.start()
    proxy.to = served.port
    yield served
    served.kill()
    served.check_log()


@pytest.fixture
def log(server) -> Study:
    """The study, with the data that the server writes."""
    opened = open_study(server.spec, server.data)
    opened.prepare()
    return opened


def test_answers_outlive_a_break_and_a_killed_server(server, log, proxy, open_page) -> None:
    who, token = log.add_participant()
    page = open_page(f"http://localhost:{proxy.port}/study#{token}", 1280, 800, expected=BROKEN)
    page.get_by_label("dog").check()
    page.get_by_label("fish").check()
    proxy.mute()  # from here on nothing arrives
    page.get_by_label("Your age?").fill("44")
    page.get_by_label("fish").uncheck()
    page.get_by_label("cat").check()
    page.get_by_label("Anything else?").fill("half a sent")
    expect(banner(page)).to_be_visible()
    expect(back(page)).to_be_visible()
    expect(page.get_by_label("cat")).to_be_checked()
    expect(page.get_by_label("Your age?")).to_have_value("44")
    expect(page.get_by_label("dog")).to_be_checked()
    expect(page.get_by_label("fish")).not_to_be_checked()
    remarks = page.get_by_label("Anything else?")
    expect(remarks).to_have_value("half a sent")
    remarks.press_sequentially("ence")
    server.kill()
    expect(banner(page)).to_be_visible()
    server.start()
    expect(back(page)).to_be_visible()
    expect(remarks).to_have_value("half a sentence")
    expect(page.get_by_label("cat")).to_be_checked()
    go_on(page)
    heading(page, "Bicycle")
    answers = {"age": 44, "pets": ["cat", "dog"], "remarks": "half a sentence"}
    comes_to(lambda: progress_of(log, who).answers(), answers)


def test_a_window_that_comes_back_takes_nothing_from_a_newer_one(
    server,
    log,
    proxy,
    open_page,
) -> None:
    who, token = log.add_participant()
    here = f"http://localhost:{proxy.port}"
    board = open_page(f"{here}/researcher", 1280, 800, expected=BROKEN)
    board.get_by_label("Password").fill(WORD)
    go_on(board, "Open")
    expect(board.get_by_text("1 participant, ")).to_be_visible()
    first = open_page(f"{here}/study#{token}", 1280, 800, expected=BROKEN)
    heading(first, "About you")
    proxy.mute()
    second = open_page(f"{here}/study#{token}", 1280, 800)
    heading(second, "About you")
    for page in (first, board):
        page.evaluate("window.dispatchEvent(new Event('offline'))")
        expect(banner(page)).to_be_visible()
    heading(first, "opened in another window")
    expect(back(board)).to_contain_text("Enter the password again.")
    second.get_by_label("Your age?").fill("50")
    second.get_by_label("cat").check()
    go_on(second)
    heading(second, "Bicycle")
    first.reload()  # a person's wish
    heading(first, "Bicycle")
    heading(second, "opened in another window")
    comes_to(lambda: progress_of(log, who).answers(), {"age": 50, "pets": ["cat"]})
