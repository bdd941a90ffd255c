"""The actions of ``inficond study``, and ``inficond check`` on studies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from studies import STUDY, Person, small_study

from inficond_panel.commands.study import study_actions as command
from inficond_panel.study.run.study import open_study


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A study that nobody has begun."""
    return small_study(tmp_path, prepare=False).spec.path


@pytest.fixture
def begun(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that one has gone through."""
    study = open_study(file)
    study.prepare()
    person = Person(study, monkeypatch)
    person.notes(1, "bicycle", "start")
    node = person.tune("bicycle", [2, 3], ["wheel", "spoke"])
    person.notes(4, "bicycle", "done", node=node, value=2, target=2)
    person.notes(5, "bicycle", "leave", outcome="done")
    monkeypatch.undo()
    return file


def test_links_are_told_once_and_lead_to_participants(run, file: Path) -> None:
    status, out, _ = run("study", "add", file, "--count", "2", "--url", "http://host:1/", "--json")
    assert status == 0
    links = json.loads(out)["links"]
    assert list(links) == ["P01", "P02"]
    log = open_study(file).log
    for number, link in enumerate(links.values(), 1):
        assert link.startswith("http://host:1/study#")
        assert log.find(link.partition("#")[2]).number == number
    status, out, _ = run("study", "link", file, "p2")
    assert status == 0
    assert out.startswith("P02  http://localhost:5006/study#")
    assert log.find(out.strip().partition("#")[2]).number == 2
    assert links["P02"] not in out


def test_replay_shows_each_step_and_rebuilds(run, begun: Path) -> None:
    status, out, _ = run("study", "replay", begun, "P01")
    assert status == 0
    assert "3 students rebuilt; 3 are equal bit for bit." in out
    lines = [line.split() for line in out.splitlines()]
    assert ["2:00.0", "bicycle", "provenance", "fine-tune"] in [line[:4] for line in lines]
    document = json.loads(run("study", "replay", begun, "1", "--json")[1])
    assert [node["equal"] for node in document["nodes"]] == [True] * 3
    assert [e["action"] for e in document["events"]] == [
        "open", "start", "add", "fine-tune", "add", "fine-tune", "done", "leave",
    ]  # fmt: skip


def test_delete(run, begun: Path) -> None:
    status, _, err = run("study", "delete", begun, "P01")
    assert status == 1
    assert "--yes" in err
    assert run("study", "delete", begun, "P01", "--yes")[0] == 0
    assert json.loads(run("study", "list", begun, "--json")[1])["rows"] == []
    status, _, err = run("study", "replay", begun, "P01")
    assert status == 1
    assert "no participant P01" in err


@pytest.mark.parametrize("action", ["list", "report", "export"])
def test_nothing_is_recorded_yet(run, file: Path, action: str) -> None:
    status, _, err = run("study", action, file)
    assert status == 1
    assert "Nothing is recorded in" in err
    assert not file.with_suffix(".study").exists()


def test_check_holds_a_study_against_its_store_and_writes_nothing(run, file: Path) -> None:
    status, out, _ = run("check", file)
    assert status == 0
    assert "bicycle of Small" in out
    assert not file.with_suffix(".study").exists()
    file.write_text(STUDY.replace("class: sheep", "class: ship"))
    status, _, err = run("check", file)
    assert status == 2
    assert "tasks[1].class: there is no class 'ship'" in err
    assert str(file) in err


def test_the_papers_study_can_be_begun_on_the_demo(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("check", "inficond")
    assert status == 0, err
    assert "tv monitor of Drawn scenes" in out
    assert list(tmp_path.iterdir()) == []


def test_the_password_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "word"
    file.write_text("ein Wort \nmehr")
    monkeypatch.setenv(command.PASSWORD, "other")
    assert command._password(str(file)) == "ein Wort"
    assert command._password(None) == "other"
    file.write_text("\n")
    with pytest.raises(command.StudyError, match="holds no password"):
        command._password(str(file))
    with pytest.raises(command.StudyError, match="cannot be read"):
        command._password(str(tmp_path / "no"))
