"""The researcher: their page, ``inficond study``, and ``inficond check`` on studies."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from studies import STUDY, Person, Visitor, small_study

from inficond_panel.commands.study import study_actions as command
from inficond_panel.common.files import write_whole
from inficond_panel.state import Jobs
from inficond_panel.study.pages import board as board_page
from inficond_panel.study.pages.board import PASSWORD, BoardPage
from inficond_panel.study.results import study_tables
from inficond_panel.study.run.study import open_study

pytestmark = [pytest.mark.commands, pytest.mark.page]

TABLES = (
    *("answers", "differences", "events", "flow", "notes"),
    *("participants", "remarks", "scores", "summary", "tasks", "typed", "views", "worlds"),
)


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path)


@pytest.fixture
def board(study, monkeypatch):
    monkeypatch.setenv(PASSWORD, "ein Wort")
    return BoardPage(study)


@pytest.mark.parametrize(
    ("password", "tried", "problem"),
    [
        ("ein Wort", "ein Wort", ""),
        ("ein Wort", "ein wort", "This is not the password."),
        ("ein Wort", "", "This is not the password."),
        ("Größe", "Größe", ""),
        ("", "", "This page is closed: the study was served without a password."),
    ],
)
def test_a_password_that_is_refused_has_its_reason(monkeypatch, password, tried, problem):
    monkeypatch.setenv(PASSWORD, password)
    assert board_page.password_problem(tried) == problem


def test_nothing_is_told_without_the_password(study, board):
    study.add_participant()
    board.act({"action": "add_participant"})
    board.look()
    assert board.frame.screen == {"kind": "login", "problem": ""}
    board.act({"action": "login", "password": "ein wort"})
    board.act({"action": "delete_participant", "number": 1})
    assert board.frame.screen == {"kind": "login", "problem": "This is not the password."}
    assert len(study.log.participants()) == 1


@pytest.fixture
def later(study, board, monkeypatch) -> list[Callable[[], None]]:
    """What waits after a password."""
    later: list[Callable[[], None]] = []
    monkeypatch.setattr(board_page, "_after", lambda _, act: later.append(act))
    return later


def test_after_a_wrong_password_the_page_waits(study, later):
    board = BoardPage(study)
    board.act({"action": "login", "password": "guess"})
    board.act({"action": "login", "password": "ein Wort"})
    assert board.frame.screen == {"kind": "login", "problem": ""}
    later.pop()()
    assert board.frame.screen["problem"] == "This is not the password."
    board.act({"action": "login", "password": "ein Wort"})
    assert board.frame.screen["kind"] == "board"


def test_a_wrong_password_does_not_hold_up_other_pages(study, later):
    BoardPage(study).act({"action": "login", "password": "guess"})
    other = BoardPage(study)
    other.act({"action": "login", "password": "ein Wort"})
    assert other.frame.screen["kind"] == "board"


def test_without_a_password_nobody_comes_in(study, later, monkeypatch):
    monkeypatch.delenv(PASSWORD)
    page = BoardPage(study)
    page.act({"action": "login", "password": ""})
    later.pop()()
    assert "without a password" in page.frame.screen["problem"]


@pytest.fixture
def entered(study, board) -> BoardPage:
    """The researcher's page with one participant, who is in the first task."""
    board.act({"action": "login", "password": "ein Wort"})
    assert board.frame.screen["rows"] == []
    board.act({"action": "add_participant"})
    visitor = Visitor(study, board.frame.made["token"])
    visitor.to_task()
    visitor.tune("wheel")
    board.look()
    return board


def test_the_researcher_sees_who_is_where(entered):
    board = entered
    [row] = board.frame.screen["rows"]
    facts = [row[name] for name in ("participant", "state", "step", "iterations")]
    assert facts == ["P01", "here", "bicycle", 1]


def test_a_note_of_the_researcher_is_of_the_step(entered):
    board = entered
    board.act({"action": "note", "number": 1, "text": "=asks <what> AP is"})
    [[_, step, text]] = board.frame.screen["rows"][0]["notes"]
    assert (step, text) == ("bicycle", "=asks <what> AP is")


def test_an_empty_note_is_refused(entered):
    board = entered
    board.act({"action": "note", "number": 1, "text": " " * 9})
    assert "A note must have 1 to" in board.frame.problem


def test_the_researcher_downloads_report_with_tables(entered, monkeypatch):
    board = entered
    board.act({"action": "note", "number": 1, "text": "=asks <what> AP is"})
    [[time, _, _]] = board.frame.screen["rows"][0]["notes"]
    board.jobs, sent, tables = Jobs(inline=True), [], []
    board.frame._send_msg = sent.append

    def noted(file: Path, content: bytes) -> None:
        tables.append(file.name)
        write_whole(file, content)

    monkeypatch.setattr(study_tables, "write_whole", noted)
    board.act({"action": "download"})
    content = base64.b64decode(sent[0]["save"]["content"])
    assert sorted(tables) == sorted(f"{name}.csv" for name in [*TABLES, "codebook"])  # each once
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = sorted(archive.namelist())
        assert files == sorted(f"study/{name}" for name in ["report.html", *tables])
        notes = pd.read_csv(archive.open("study/notes.csv"))
        report = archive.read("study/report.html").decode()
    assert "1 participant, 0 finished" in report
    day, minute = time[:10], time[11:16]
    assert f"<td>{day} {minute}</td><td>bicycle</td><td>=asks &lt;what&gt; AP is</td>" in report
    [noted] = notes[["participant", "step", "text"]].values.tolist()
    assert noted == ["P01", "bicycle", "'=asks <what> AP is"]
    assert board.frame.busy is False


def test_the_researcher_makes_an_open_link(study, entered):
    board = entered
    board.act({"action": "make_open_link"})
    assert study.log.is_open_link(board.frame.made["token"])


def test_the_researcher_makes_a_new_link_of_a_participant(study, entered):
    board = entered
    board.act({"action": "make_link", "number": 1})
    assert study.log.find(board.frame.made["token"]).number == 1


def test_the_researcher_deletes_a_participant_once(entered):
    board = entered
    board.act({"action": "delete_participant", "number": 1})
    assert board.frame.screen["rows"] == []
    board.act({"action": "delete_participant", "number": 1})
    assert "no participant" in board.frame.problem


@pytest.fixture
def file(tmp_path):
    """A study that nobody has begun."""
    return small_study(tmp_path, prepare=False).spec.path


def done(run, *argv: object) -> str:
    status, out, err = run(*argv)
    assert status == 0, err
    return out


def test_links_are_told_once_and_lead_to_participants(run, file):
    told = done(run, "study", "add", file, "--count", "2", "--url", "http://host:1/", "--json")
    links = json.loads(told)["links"]
    assert list(links) == ["P01", "P02"]
    log = open_study(file).log
    for number, link in enumerate(links.values(), 1):
        assert link.startswith("http://host:1/study#")
        assert log.find(link.partition("#")[2]).number == number
    out = done(run, "study", "link", file, "p2")
    assert out.startswith("P02  http://localhost:5006/study#")
    assert log.find(out.strip().partition("#")[2]).number == 2
    assert links["P02"] not in out


def test_replay_shows_each_step_and_rebuilds_until_it_is_deleted(run, file, monkeypatch):
    study = open_study(file)
    study.prepare()
    person = Person(study, monkeypatch)
    person.notes(1, "bicycle", "start")
    node = person.tune("bicycle", [2, 3], ["wheel", "spoke"])
    person.notes(4, "bicycle", "done", node=node, value=2, target=2)
    person.notes(5, "bicycle", "leave", outcome="done")
    monkeypatch.undo()
    out = done(run, "study", "replay", file, "P01")
    assert "3 students rebuilt; 3 are equal bit for bit." in out
    lines = [line.split() for line in out.splitlines()]
    assert ["2:00.0", "bicycle", "provenance", "fine-tune"] in [line[:4] for line in lines]
    document = json.loads(done(run, "study", "replay", file, "1", "--json"))
    assert [node["equal"] for node in document["nodes"]] == [True] * 3
    assert [e["action"] for e in document["events"]] == [
        "open", "start", "add", "fine-tune", "add", "fine-tune", "done", "leave",
    ]  # fmt: skip
    status, _, err = run("study", "delete", file, "P01")
    assert (status, "--yes" in err) == (1, True)
    done(run, "study", "delete", file, "P01", "--yes")
    assert json.loads(done(run, "study", "list", file, "--json"))["rows"] == []
    status, _, err = run("study", "replay", file, "P01")
    assert (status, "no participant P01" in err) == (1, True)


def test_before_anybody_comes_nothing_is_written_and_studies_are_checked(
    run, file, tmp_path, monkeypatch
):
    for action in ("list", "report", "export"):
        status, _, err = run("study", action, file)
        assert (status, "Nothing is recorded in" in err) == (1, True)
    assert "bicycle of Small" in done(run, "check", file)
    assert not file.with_suffix(".study").exists()
    file.write_text(STUDY.replace("class: sheep", "class: ship"))
    status, _, err = run("check", file)
    assert status == 2
    assert "tasks[1].class: there is no class 'ship'" in err
    assert str(file) in err
    (own := tmp_path / "own").mkdir()
    monkeypatch.chdir(own)
    assert "tv monitor of Drawn scenes" in done(run, "check", "inficond")
    assert list(own.iterdir()) == []


def test_the_password_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "word"
    file.write_text("ein Wort \nmehr")
    monkeypatch.setenv(command.PASSWORD, "other")
    assert (command._password(str(file)), command._password(None)) == ("ein Wort", "other")
    file.write_text("\n")
    with pytest.raises(command.StudyError, match="holds no password"):
        command._password(str(file))
    with pytest.raises(command.StudyError, match="cannot be read"):
        command._password(str(tmp_path / "no"))
