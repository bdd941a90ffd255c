"""The record: append-only, one session at a time, nothing lost, nothing left of who is deleted."""

import json
import sqlite3
from pathlib import Path

import pytest
from histories import alter
from hypothesis import given
from hypothesis import strategies as st
from studies import Person, small_study

from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.recorder import Session
from inficond_panel.study.run.records import Assigned, Note, storable

PLAN = (Assigned("bicycle", "a"), Assigned("sheep", "b"))


@pytest.fixture
def log(tmp_path):
    return StudyLog(tmp_path / "study.sqlite")


def note(action: str = "set", **payload: object) -> Note:
    return Note("2026-01-01T12:00:00.000+00:00", "bicycle", "detail", action, payload)


@pytest.fixture
def who(log):
    """A participant whose first window is open."""
    participant, _ = log.add(lambda slot: PLAN)
    log.open(participant.number, "one")
    return participant


def test_a_second_window_and_a_new_link_end_the_first(log, who):
    log.append(who.number, "one", [note()])
    log.open(who.number, "two")
    with pytest.raises(StudyLinkError, match="another window"):
        log.append(who.number, "one", [note()])
    with pytest.raises(StudyLinkError, match="another window"):
        log.append(who.number, "one", [])
    log.append(who.number, "two", [note()])
    assert [e.session for e in log.events(who.number)] == ["one", "one", "two", "two"]
    old = log.new_token(who.number)
    log.open(who.number, "one")
    new = log.new_token(who.number)
    assert log.find(new) == who
    with pytest.raises(StudyLinkError):
        log.find(old)
    with pytest.raises(StudyLinkError, match="another window"):
        log.append(who.number, "one", [note()])


@pytest.mark.parametrize("column", ["time", "session", "step", "view", "action", "payload"])
def test_events_are_neither_changed_nor_erased_and_an_altered_one_is_found(log, who, column):
    log.append(who.number, "one", [note(), note()])
    log.close()
    with sqlite3.connect(log.path) as db:
        for statement in ("UPDATE events SET view = 'x'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    alter(log.path, f"UPDATE events SET {column} = ? WHERE number = 2", json.dumps({"x": 1}))
    with pytest.raises(StudyError, match="event 2 was altered"):
        StudyLog(log.path).events(who.number)


def test_another_programs_file_is_left_alone_and_a_folder_that_cannot_be_made_told(tmp_path):
    file = tmp_path / "study.sqlite"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE t (a)")
    with pytest.raises(StudyError, match="not a study"):
        StudyLog(file).participants()
    (tmp_path / "study.study").write_text("a file")
    with pytest.raises(StudyError, match="cannot be made"):
        small_study(tmp_path)


def test_places_that_became_free_are_given_again_and_numbers_are_not(log):
    people = [log.add(lambda slot: [Assigned("task", str(slot))])[0] for _ in range(3)]
    log.delete(people[1].number)
    people.append(log.add(lambda slot: [Assigned("task", str(slot))])[0])
    assert [person.condition() for person in people] == ["0", "1", "2", "1"]
    assert [person.number for person in people] == [1, 2, 3, 4]


def test_nothing_is_left_of_a_participant_who_is_deleted(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    gone, stays = Person(study, monkeypatch), Person(study, monkeypatch)
    for person, word in ((gone, "otter-1f5"), (stays, "heron-8c2")):
        person.notes(1, "bicycle", "start")
        person.tune("bicycle", [2], ["wheel"])
        person.answers(3, "questionnaire-1", remarks=word)
    number = gone.participant.number
    study.delete_participant(number)
    study.close()
    held = b"".join(file.read_bytes() for file in study.folder.rglob("*") if file.is_file())
    assert b"otter-1f5" not in held
    assert b"heron-8c2" in held
    assert not (study.folder / "participants" / "P01").exists()
    assert (study.folder / "participants" / "P02" / "bicycle.history.sqlite").exists()
    with pytest.raises(StudyError, match="no participant P01"):
        study.log.events(number)
    assert len(study.log.events(stays.participant.number)) == 4
    with pytest.raises(StudyError, match="no participant P01"):
        study.delete_participant(number)


def test_a_full_disk_is_told_and_what_waits_is_written_later(tmp_path):
    study = small_study(tmp_path)
    _, token = study.add_participant()
    session = Session(study, token)
    session.record(("", "enter", {}))
    with study.log._database.transaction() as db:
        [pages] = db.execute("PRAGMA page_count").fetchone()
    study.log._database._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for at in range(200):
            session.record(("detail", "set", {"find": "x" * 500, "at": at}))

    with pytest.raises(StudyError, match="cannot be written: database or disk is full"):
        fill()
    with pytest.raises(StudyError, match="disk is full"):
        session.record(("detail", "visit", {}))
    assert [note.action for note in session.waiting] == ["set", "visit"]
    before = study.log.events(session.participant.number)
    study.log._database._connection.execute("PRAGMA max_page_count = 100000")
    session.record()
    events = study.log.events(session.participant.number)
    assert len(events) == len(before) + 2
    sets = [e.payload["at"] for e in events if e.action == "set"]
    assert sets == list(range(len(sets)))
    assert [e.time for e in events] == sorted(e.time for e in events)
    assert events[-1].action == "visit"


ACTIONS = (
    *("open", "enter", "agree", "decline", "answer", "attempt", "return", "start", "done"),
    *("time-up", "leave", "away", "back", "failed", "note", "visit", "class", "concept", "group"),
    *("images", "type", "batch", "fine-tune", "cancel", "ask", "photo-answer", "photo-undo"),
    *("teacher-answers", "photos-judge", "photos-left", "set", "compare"),
)


def test_the_docs_name_every_action():
    page = (Path(__file__).parents[2] / "docs" / "study.md").read_text()
    for action in ACTIONS:
        assert f"`{action}`" in page, action


TEXTS = st.text(st.characters(), max_size=5)  # halves of characters too
PAYLOADS = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


@given(payload=PAYLOADS)
def test_anything_is_stored_and_comes_back_as_it_was_recorded(payload):
    log = StudyLog(":memory:")
    number = log.add(lambda _: ())[0].number
    log.open(number, "one")
    log.append(number, "one", [note(**storable(payload))])
    assert log.events(number)[-1].payload == storable(payload)
    assert storable(storable(payload)) == storable(payload)
