"""A study in a browser: participants' whole ways, the researcher's board, breaks on the way."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import pytest
from conftest import BROKEN, Server
from factory import small_spec
from fonts import written_in_ours
from playwright.sync_api import Page, expect
from resizing import resize
from test_connection import back, banner
from ui_parts.server import free_port
from waiting import comes_to

from inficond_panel.study.results.results import results
from inficond_panel.study.results.timeline import progress_of, rebuild, scores
from inficond_panel.study.run.study import Study, open_study

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

    def study(self) -> Study:
        """The study, with the data that the server writes."""
        name = "inficond" if self.spec.name == "inficond.yaml" else self.spec
        opened = open_study(name, self.data)
        opened.prepare()
        return opened


@pytest.fixture
def serve_study(tmp_path: Path):
    servers = []

    def start(spec: Path, port: int = 0) -> StudyServer:
        servers.append(StudyServer(spec, tmp_path / "history.sqlite", port))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
        server.check_log()
        log = re.sub(r"http://127\.0\.0\.1:\d+", "", server.log.read_text())  # of the server
        assert "127.0.0.1" not in log  # of a person
        assert "::1" not in log


@pytest.fixture
def server(serve_study) -> StudyServer:
    return serve_study(Path("inficond.yaml"))


def go_on(page: Page, button: str = "Continue") -> None:
    page.get_by_role("button", name=button, exact=True).click()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", name=words)).to_be_visible()


def go_past(page: Page, words: str, button: str = "Continue") -> None:
    heading(page, words)
    go_on(page, button)


def thumb(page: Page, row: int) -> None:
    page.locator(".knowledge .thumb.down").nth(row).click()


def rate(page: Page, choice: int, count: int) -> None:
    """Check the same choice of so many questions on a scale."""
    for at in range(count):
        page.locator(".likert").nth(at).locator("input").nth(choice).check()
    go_on(page)


def leave_task(page: Page) -> None:
    """Skip a task, and answer the pages after it."""
    go_on(page, "Skip the task")
    go_on(page, "Go on")
    heading(page, "Ease of the task")
    page.get_by_label("Very easy").check()
    go_on(page)
    heading(page, "How was the task?")
    rate(page, 10, 6)


RIGHT = (
    "It says by concepts whether a class is in an image",
    "That the class is not there",
    "The concept has no influence on this student any more",
)


def test_from_consent_to_the_end(server, open_page) -> None:
    study = server.study()
    who, token = study.add_participant()
    page = open_page(f"{server.url}?pid=p-7#{token}", 1280, 800, expected=BROKEN)
    heading(page, "Consent")
    expect(page.get_by_role("button", name="Continue")).to_be_disabled()
    page.get_by_label("I have read this").check()
    go_on(page)
    go_past(page, "Teacher, student, concept")
    heading(page, "What you will see")
    expect(page.get_by_role("img", name="Knowledge")).to_be_visible()
    go_on(page)
    go_past(page, "What you can do")
    heading(page, "Three questions on what you read")
    for answer in ("Nothing", RIGHT[0], RIGHT[2]):
        page.get_by_label(answer, exact=True).check()
    go_on(page)
    expect(page.get_by_text("This is not right.")).to_have_count(1)
    go_on(page, "Back")
    go_past(page, "What you can do")
    page.get_by_label(RIGHT[1]).check()
    go_on(page)
    go_past(page, "About you")
    expect(page.get_by_text("An answer is needed.")).to_have_count(3)
    for answer in ("Arts or humanities", "Rarely", "No"):
        page.get_by_label(answer, exact=True).check()
    go_on(page)

    go_past(page, "Try it", "Start")
    expect(page.locator(".knowledge .thumb.down").first).to_be_visible()
    for name in ("Export", "All students", "Save the rows shown", "Holdout"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.locator(".knowledge .add")).to_be_hidden()
    page.locator(".performance .rows > .row").filter(has_text="dog").first.click()
    expect(page.locator(".knowledge .subtitle")).to_contain_text("person")
    thumb(page, 1)
    page.get_by_role("button", name="Fine-tune").click()
    goal, pressed = page.locator(".goal"), page.locator(".knowledge .thumb[aria-pressed=true]")
    expect(goal).to_contain_text("Done")
    go_on(page, "Next")

    go_past(page, "Improve the student for bicycle", "Start")
    expect(goal).to_have_text("AP 0.865, goal 0.945")
    thumb(page, 1)
    expect(pressed).to_have_count(1)
    server.kill()  # a crash in the middle
    server.start()
    expect(page.get_by_text("The connection was lost and is there")).to_be_visible()
    expect(pressed).to_have_count(1)
    page.get_by_role("button", name="Fine-tune").click()
    expect(goal).not_to_have_text("AP 0.865, goal 0.945")
    leave_task(page)

    go_past(page, "Improve the student for tv monitor", "Start")
    expect(goal).to_contain_text("AP 0.660")
    leave_task(page)

    heading(page, "The tool as a whole")
    rate(page, 3, 3)
    heading(page, "Its parts")
    rate(page, 4, 3)
    heading(page, "Usability")
    page.get_by_label("What else").fill("Thank you <b>too</b>")
    rate(page, 2, 10)
    heading(page, "Thank you")

    progress = progress_of(study, who)
    assert progress.finished
    answers = progress.answers()
    assert [answers[f"q{at}"] for at in range(1, 7)] == [4, 4, 4, 5, 5, 5]
    assert answers["remarks"] == "Thank you <b>too</b>"
    iterations = {result.task: result.iterations for result in results(study)}
    assert iterations == {"training": 1, "bicycle": 1, "tv-monitor": 0}
    assert all(item.equal for item in rebuild(study, who))
    assert progress.ids == {}  # a personal link claims no id
    assert progress.attempts("comprehension") == 2
    expected = {("seq", 7), ("nasa_tlx", 50), ("sus", 50)}
    assert {(s.scale, s.score) for s in scores(study)} == expected
    views = {event.view for event in progress.of("bicycle") if event.action == "batch"}
    assert views == {"knowledge"}
    assert token not in server.log.read_text()


def open_board(open_page, address: str, **expected: str) -> Page:
    board = open_page(f"{address}/researcher", 1280, 800, **expected)
    board.get_by_label("Password").fill(WORD)
    go_on(board, "Open")
    return board


def test_the_researcher_and_a_second_window(server, open_page, open_file, tmp_path) -> None:
    board = open_board(open_page, server.url.removesuffix("/study"))
    expect(board.get_by_text("No participant yet")).to_be_visible()
    expect(board.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()
    expect(board.get_by_role("columnheader", name="Actions")).to_be_attached()
    add = board.get_by_role("button", name="Add participant")
    assert written_in_ours(add)
    resize(board, 320, 640)  # 1280 enlarged four times
    expect(add).to_be_in_viewport(ratio=1)
    resize(board, 1280, 800)
    add.click()
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
    comes_to(server.study().log.participants, [])


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


def test_who_is_sent_by_a_panel_comes_back_to_it(serve_study, tmp_path, open_page) -> None:
    port, spec = free_port(), tmp_path / "sent.yaml"
    spec.write_text(SENT.replace("URL", f"http://localhost:{port}/health"))
    served = serve_study(spec, port)
    study = served.study()
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
    for button in ("Start", "Skip the task", "Go on"):
        go_on(page, button)
    expect(page.get_by_text("C0DE")).to_be_visible()
    expect(page.get_by_role("button", name="Stay here")).to_be_visible()
    page.wait_for_url("**/health?who=p-7&cc=C0DE")
    assert [progress_of(study, who).ids for who in study.log.participants()] == [
        {"PROLIFIC_PID": "p-7", "SESSION_ID": "s1"}
    ]


# --- a phone ------------------------------------------------------------------------------------

NARROW = """title: Small study
spec: small.yaml
window: {width: 391, height: 600}
introduction: [{title: Hello, text: Words.}]
tasks:
  - {name: bicycle, title: Bicycle, class: bicycle, text: Improve it.}
"""
PHONE = {"is_mobile": True, "has_touch": True, "device_scale_factor": 3}


@pytest.fixture
def narrow(serve_study, tmp_path) -> StudyServer:
    """A study that needs one pixel more than a phone of 390 has."""
    small_spec(tmp_path)
    (tmp_path / "study.yaml").write_text(NARROW)
    return serve_study(tmp_path / "study.yaml")


def test_the_window_of_a_phone_is_recorded_as_it_is(narrow, open_page) -> None:
    study = narrow.study()
    who, token = study.add_participant()
    page = open_page(f"{narrow.url}#{token}", 390, 844, **PHONE)
    expect(page.get_by_role("alertdialog")).to_contain_text("This one has 390 × 844.")
    comes_to(lambda: progress_of(study, who).window, (390, 844))


def test_the_board_is_as_wide_as_a_phone(narrow, open_page) -> None:
    board = open_page(f"{narrow.url.removesuffix('/study')}/researcher", 390, 844, **PHONE)
    expect(board.get_by_label("Password")).to_be_visible()
    assert board.evaluate("innerWidth") == 390


# --- a connection that breaks ------------------------------------------------------------------

ASKED = """title: Small study
spec: small.yaml
form:
  - {name: age, kind: number, text: Your age?}
  - {name: pets, kind: choice, text: Pets?, options: [cat, dog, fish], several: true}
  - {name: remarks, kind: text, text: Anything else?, required: false}
tasks:
  - {name: bicycle, title: Bicycle, class: bicycle, text: Improve it.}
"""


@pytest.fixture
def asking(proxy, serve_study, tmp_path) -> StudyServer:
    """A study of a few questions, behind a connection that can be broken."""
    small_spec(tmp_path)
    (tmp_path / "study.yaml").write_text(ASKED)
    served = serve_study(tmp_path / "study.yaml")
    proxy.to = served.port
    return served


def test_a_click_on_the_next_question_counts_while_a_fault_above_it_goes(asking, open_page) -> None:
    _, token = asking.study().add_participant()
    page = open_page(f"{asking.url}#{token}", 1280, 800)
    go_on(page)
    expect(page.get_by_text("An answer is needed.")).to_have_count(2)
    page.get_by_label("Your age?").fill("44")
    cat = page.get_by_label("cat")
    box = cat.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    expect(page.get_by_text("An answer is needed.")).to_have_count(1)
    page.mouse.up()
    expect(cat).to_be_checked()


def test_answers_outlive_a_break_and_a_killed_server(asking, proxy, open_page) -> None:
    log = asking.study()
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
    expect(page.get_by_label("Your age?")).to_have_value("44")
    for pet, checked in (("cat", True), ("dog", True), ("fish", False)):
        expect(page.get_by_label(pet)).to_be_checked(checked=checked)
    remarks = page.get_by_label("Anything else?")
    expect(remarks).to_have_value("half a sent")
    remarks.press_sequentially("ence")
    asking.kill()
    expect(banner(page)).to_be_visible()
    asking.start()
    expect(back(page)).to_be_visible()
    expect(remarks).to_have_value("half a sentence")
    expect(page.get_by_label("cat")).to_be_checked()
    go_on(page)
    heading(page, "Bicycle")
    answers = {"age": 44, "pets": ["cat", "dog"], "remarks": "half a sentence"}
    comes_to(lambda: progress_of(log, who).answers(), answers)


def test_a_window_that_comes_back_takes_nothing_from_a_newer_one(asking, proxy, open_page) -> None:
    log = asking.study()
    who, token = log.add_participant()
    here = f"http://localhost:{proxy.port}"
    board = open_board(open_page, here, expected=BROKEN)
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
