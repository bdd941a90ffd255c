"""A participant's whole way through the shipped study on the demo, in a real browser."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from conftest import BROKEN, Server
from playwright.sync_api import Page, expect
from resizing import resize
from test_font import written_in_ours
from ui_parts.server import free_port
from waiting import comes_to

import inficond_panel
from inficond_panel.study.results.results import results
from inficond_panel.study.results.timeline import progress_of, rebuild, scores
from inficond_panel.study.run.study import Study, open_study

pytestmark = pytest.mark.ui

WORD = "a word for tests"


class StudyServer(Server):
    """``inficond study serve``, of the study that comes along or of a file."""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/study"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "INFICOND_STUDY_PASSWORD": WORD}

    @property
    def command(self) -> list[str]:
        """The data are in the folder of ``history``."""
        folder = ["--data", str(self.data)]
        name = "inficond" if self.spec.name == "inficond.yaml" else str(self.spec)
        return ["inficond_panel", "study", "serve", name, f"--port={self.port}", *folder]

    @property
    def data(self) -> Path:
        return self.history.parent / "data"


@pytest.fixture
def server(tmp_path: Path):
    served = StudyServer(Path("inficond.yaml"), tmp_path / "history.sqlite")
    served.start()
    yield served
    served.kill()
    log = served.log.read_text()
    assert f'File "{Path(inficond_panel.__file__).parent}' not in log
    assert "127.0.0.1" not in log
    assert "::1" not in log


@pytest.fixture
def study(server: StudyServer) -> Study:
    opened = open_study("inficond", server.data)
    opened.prepare()
    return opened


def go_on(page: Page, button: str = "Continue") -> None:
    page.get_by_role("button", name=button, exact=True).click()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", name=words)).to_be_visible()


def thumb(page: Page, row: int) -> None:
    page.locator(".knowledge .thumb.down").nth(row).click()


def leave_undone(page: Page) -> None:
    go_on(page, "Skip the task")
    go_on(page, "Go on")


def rate_task(page: Page) -> None:
    """Answer the pages after a task."""
    heading(page, "Ease of the task")
    page.get_by_label("Very easy").check()
    go_on(page)
    heading(page, "How was the task?")
    for at in range(6):
        page.locator(".likert").nth(at).locator("input").nth(10).check()
    go_on(page)


RIGHT = (
    "It says by concepts whether a class is in an image",
    "That the class is not there",
    "The concept has no influence on this student any more",
)


def test_from_consent_to_the_end(server, study, open_page) -> None:
    who, token = study.add_participant()
    page = open_page(f"{server.url}?pid=p-7#{token}", 1280, 800, expected=BROKEN)
    heading(page, "Consent")
    expect(page.get_by_role("button", name="Continue")).to_be_disabled()
    page.get_by_label("I have read this").check()
    go_on(page)
    heading(page, "Teacher, student, concept")
    go_on(page)
    heading(page, "What you will see")
    expect(page.get_by_role("img", name="Student knowledge")).to_be_visible()
    go_on(page)
    heading(page, "What you can do")
    go_on(page)
    heading(page, "Three questions on what you read")
    page.get_by_label("Nothing", exact=True).check()
    for answer in (RIGHT[0], RIGHT[2]):
        page.get_by_label(answer).check()
    go_on(page)
    expect(page.get_by_text("This is not right.")).to_have_count(1)
    go_on(page, "Back")
    heading(page, "What you can do")
    go_on(page)
    page.get_by_label(RIGHT[1]).check()
    go_on(page)
    heading(page, "About you")
    go_on(page)
    expect(page.get_by_text("An answer is needed.")).to_have_count(3)
    page.get_by_label("Arts or humanities").check()
    page.get_by_label("Rarely").check()
    page.get_by_label("No", exact=True).check()
    go_on(page)

    heading(page, "Try it")
    go_on(page, "Start")
    expect(page.locator(".knowledge .thumb.down").first).to_be_visible()
    for name in ("Export", "All students", "Save the rows shown", "Holdout"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.locator(".knowledge .add")).to_be_hidden()
    page.locator(".performance .rows > .row").filter(has_text="dog").first.click()
    expect(page.locator(".knowledge .subtitle")).to_contain_text("person")
    thumb(page, 1)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".goal")).to_contain_text("Done")
    go_on(page, "Next")

    heading(page, "Improve the student for bicycle")
    go_on(page, "Start")
    expect(page.locator(".goal")).to_have_text("AP 0.865, goal 0.945")
    thumb(page, 1)
    expect(page.locator(".knowledge .thumb[aria-pressed=true]")).to_have_count(1)
    server.kill()  # a crash in the middle
    server.start()
    expect(page.get_by_text("The connection was lost and is there")).to_be_visible()
    expect(page.locator(".knowledge .thumb[aria-pressed=true]")).to_have_count(1)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".goal")).not_to_have_text("AP 0.865, goal 0.945")
    leave_undone(page)
    rate_task(page)

    heading(page, "Improve the student for tv monitor")
    go_on(page, "Start")
    expect(page.locator(".goal")).to_contain_text("AP 0.660")
    leave_undone(page)
    rate_task(page)

    heading(page, "The tool as a whole")
    for at in range(3):
        page.locator(".likert").nth(at).get_by_label("Agree", exact=True).check()
    go_on(page)
    heading(page, "Its parts")
    for at in range(3):
        page.locator(".likert").nth(at).get_by_label("Strongly agree").check()
    go_on(page)
    heading(page, "Usability")
    for at in range(10):
        page.locator(".likert").nth(at).locator("input").nth(2).check()
    page.get_by_label("What else").fill("Thank you <b>too</b>")
    go_on(page)
    heading(page, "Thank you")

    progress = progress_of(study, who)
    assert progress.finished
    answers = progress.answers()
    assert [answers[f"q{at}"] for at in range(1, 7)] == [4, 4, 4, 5, 5, 5]
    assert answers["remarks"] == "Thank you <b>too</b>"
    found = {result.task: result for result in results(study)}
    assert {name: result.iterations for name, result in found.items()} == {
        "training": 1, "bicycle": 1, "tv-monitor": 0,
    }  # fmt: skip
    assert all(item.equal for item in rebuild(study, who))
    assert progress.ids == {}  # a personal link claims no id
    assert progress.attempts("comprehension") == 2
    assert {(s.template, s.score) for s in scores(study)} == {
        ("seq", 7), ("nasa_tlx", 50), ("sus", 50),
    }  # fmt: skip
    views = {event.view for event in progress.of("bicycle") if event.action == "batch"}
    assert views == {"knowledge"}
    assert token not in server.log.read_text()


def test_the_researcher_and_a_second_window(server, study, open_page, open_file, tmp_path) -> None:
    board = open_page(server.url.replace("/study", "/researcher"), 1280, 800)
    board.get_by_label("Password").fill(WORD)
    go_on(board, "Open")
    expect(board.get_by_text("No participant yet")).to_be_visible()
    assert written_in_ours(board.get_by_role("button", name="Add participant"))
    resize(board, 320, 640)  # 1280 enlarged four times
    expect(board.get_by_role("button", name="Add participant")).to_be_in_viewport(ratio=1)
    resize(board, 1280, 800)
    go_on(board, "Add participant")
    link = board.get_by_label("Link of P01").input_value()
    first = open_page(link, 1280, 800)
    heading(first, "Consent")
    assert written_in_ours(first.get_by_role("heading", name="Consent"))
    expect(board.get_by_text("● Here")).to_be_visible()
    go_on(board, "Note")
    board.get_by_label("Note", exact=True).last.fill("looks at <b>the map</b>")
    go_on(board, "Keep")
    with board.expect_download() as saved:
        go_on(board, "Download report")
    with zipfile.ZipFile(saved.value.path()) as report:
        report.extractall(tmp_path)
        assert {"inficond/notes.csv", "inficond/events.csv"} <= {*report.namelist()}
    assert written_in_ours(open_file(tmp_path / "inficond" / "report.html").locator("h1"))
    second = open_page(link, 1280, 800)
    heading(second, "Consent")
    heading(first, "opened in another window")
    go_on(board, "Delete")
    board.get_by_role("dialog").get_by_role("button", name="Delete").click()
    heading(second, "was deleted")
    comes_to(study.log.participants, [])


SENT = """title: Sent by a panel
participants: {ids: [PROLIFIC_PID, SESSION_ID]}
consent: {text: Please read.}
tasks:
  - {name: bicycle, title: B, class: bicycle, text: Improve it., done_when: {rule: iterations}}
end:
  title: Done
  text: Thanks.
  completion: {url: "URL?who={PROLIFIC_PID}&cc={code}", code: C0DE, seconds: 5}
"""


def test_who_is_sent_by_a_panel_comes_back_to_it(tmp_path: Path, open_page) -> None:
    served = StudyServer(tmp_path / "sent.yaml", tmp_path / "history.sqlite", free_port())
    served.spec.write_text(SENT.replace("URL", f"http://localhost:{served.port}/health"))
    served.start()
    study = open_study(served.spec, served.data)
    study.prepare()
    link = f"{served.url}?PROLIFIC_PID=p-7&SESSION_ID=s1#{study.log.make_open_link()}"
    page = open_page(link, 1280, 800, expected=BROKEN)  # it leaves while it is answered
    heading(page, "Consent")
    page.get_by_label("I have read this").check()
    go_on(page)
    heading(page, "B")
    own = page.url
    assert own.startswith(link.partition("#")[0])
    assert own != link
    for again in (own, link):  # a reload, and the panel's link once more
        page.goto("about:blank")
        page.goto(again)
        heading(page, "B")
    heading(open_page(link, 1280, 800), "in another browser")
    go_on(page, "Start")
    leave_undone(page)
    expect(page.get_by_text("C0DE")).to_be_visible()
    expect(page.get_by_role("button", name="Stay here")).to_be_visible()
    page.wait_for_url("**/health?who=p-7&cc=C0DE")
    assert [progress_of(study, who).ids for who in study.log.participants()] == [
        {"PROLIFIC_PID": "p-7", "SESSION_ID": "s1"}
    ]
    served.kill()
