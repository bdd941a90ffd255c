"""Who comes in by a link, the plan that they get, and the record: append-only and complete."""

import heapq
import json
import random
import re
import sqlite3
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from histories import alter
from hypothesis import given
from hypothesis import strategies as st
from studies import STUDY, Person, Visitor, at, small_study

from inficond_panel.commands.study.study_actions import find_participant
from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.results.study_tables import board_table, participants_table
from inficond_panel.study.results.timeline import board, progress_of
from inficond_panel.study.run.assignment import assign, balanced_square
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.recorder import Session
from inficond_panel.study.run.records import Assigned, Note, storable
from inficond_panel.study.spec.conditions import Conditions, Level
from inficond_panel.study.spec.study_spec import StudySpec, load_study
from inficond_panel.study.spec.task_sections import Task

pytestmark = pytest.mark.page


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path)


@pytest.fixture
def token(study):
    return study.log.make_open_link()


def set_clock(monkeypatch, minute: float) -> None:
    monkeypatch.setattr("inficond_panel.common.clock.now", lambda: at(minute))


def number_of(visitor: Visitor) -> int | None:
    session = visitor.page.session
    return session and session.participant.number


@pytest.fixture
def first(study, token) -> Visitor:
    """The first who comes with the id p1, and goes on from the first screen."""
    visitor = Visitor(study, token, external="p1")
    key = visitor.page.frame.own_link
    assert study.log.find(key).number == number_of(visitor) == 1
    visitor.next()
    return visitor


def test_another_browser_does_not_get_an_id_that_is_taken(study, token, first):
    stranger = Visitor(study, token, external="p1")
    assert number_of(stranger) is None
    assert "another browser" in stranger.screen["title"]
    assert number_of(Visitor(study, token, external="p1", own="guessed")) is None


def test_the_key_of_one_id_opens_no_other(study, token, first):
    key = first.page.frame.own_link
    other = Visitor(study, token, external="p2", own=key)
    assert number_of(other) == 2
    assert number_of(Visitor(study, token, external="p1", own=other.page.frame.own_link)) is None


def test_a_browser_goes_on_with_its_own_id(study, token, first):
    key = first.page.frame.own_link
    again = Visitor(study, token, external="p1", own=key)
    assert (number_of(again), again.page.frame.own_link) == (1, "")
    assert number_of(Visitor(study, key)) == 1


def test_an_id_that_said_nothing_yet_belongs_to_who_came_last(study, token):
    lost, again = (Visitor(study, token, external="p3") for _ in range(2))
    assert number_of(lost) == number_of(again) == 1
    assert number_of(Visitor(study, lost.page.frame.own_link)) is None
    assert number_of(Visitor(study, again.page.frame.own_link)) == 1


def test_a_personal_link_claims_no_id(study, token):
    thief = Visitor(study, study.add_participant()[1], external="victim")
    thief.next()
    victim = Visitor(study, token, external="victim")
    assert (number_of(thief), number_of(victim)) == (1, 2)
    ids = [progress_of(study, who).ids for who in study.log.participants()]
    assert ids == [{}, {"pid": "victim"}]


@pytest.mark.parametrize("wrong", ["", "<b>", "a b", "x" * 129])
def test_an_id_that_cannot_be_is_refused(study, token, wrong):
    assert number_of(Visitor(study, token, external=wrong)) is None


@pytest.mark.parametrize("unfilled", ["{{%pid%}}", "%SURVEY_CODE%"])
def test_an_id_that_was_not_filled_in_is_refused(study, token, unfilled):
    visitor = Visitor(study, token, external=unfilled)
    assert visitor.screen["title"] == "The id in the address of this page was not filled in."


def test_the_printed_open_link_as_it_stands_is_refused(study, token):
    [(name, value)] = parse_qsl(study.spec.participants.query.removeprefix("?"))
    visitor = Visitor(study, token, external=value)
    assert (name, "not filled in" in visitor.screen["title"]) == ("pid", True)


def test_who_is_refused_is_no_participant(study, token):
    Visitor(study, token, external="<b>")
    assert study.log.participants() == []


def test_a_person_goes_on_at_another_server_of_the_same_folder(study, token, first, tmp_path):
    other = small_study(tmp_path)
    again = Visitor(other, first.page.frame.own_link)
    assert again.next()["title"] == "About you"
    assert "another window" in first.next()["title"]


def test_a_link_that_another_has_replaced_is_refused(study, token):
    study.log.make_open_link()
    assert number_of(Visitor(study, token, external="p1")) is None


def test_no_more_come_than_the_study_takes(tmp_path, monkeypatch):
    study = small_study(tmp_path, STUDY + "participants: {most: 3, per_minute: 2}\n")
    token = study.log.make_open_link()
    come = []
    for who, minute in enumerate((0, 0.5, 0.9, 1.1, 9)):
        set_clock(monkeypatch, minute)
        visitor = Visitor(study, token, external=f"p{who}")
        come.append(number_of(visitor) or visitor.screen["title"].split()[0])
        if number_of(visitor):
            visitor.next()
    assert come == [1, 2, "Many", 3, "The"]


@pytest.mark.parametrize(
    ("action", "counts"), [("", False), ("away", False), ("decline", False), ("agree", True)]
)
def test_most_counts_who_has_begun(tmp_path, monkeypatch, action, counts):
    study = small_study(tmp_path, STUDY + "participants: {most: 1}\n")
    person = Person(study, monkeypatch)
    if action:
        person.notes(0, "consent", action)
    assert study.places() == (action != "decline")  # the page is open
    person._clock(2)
    assert study.places() == counts


def test_most_counts_who_began_and_left_until_they_are_gone(tmp_path, monkeypatch):
    study = small_study(tmp_path, STUDY + "participants: {most: 1, gone_after: 30}\n")
    person = Person(study, monkeypatch)
    person.notes(0, "consent", "agree")
    person._clock(29)
    assert study.places() == 1
    person._clock(31)
    assert study.places() == 0


def test_who_only_looked_takes_no_place_from_the_next(tmp_path, monkeypatch):
    study = small_study(tmp_path, STUDY + "participants: {most: 1}\n")
    token = study.log.make_open_link()
    come = []
    for who, minute in enumerate((0, 0.5, 2)):
        set_clock(monkeypatch, minute)
        come.append(number_of(Visitor(study, token, external=f"p{who}")))
    assert come == [1, None, 2]


def test_a_place_is_given_back_by_who_declines_or_is_gone(tmp_path, monkeypatch):
    study = small_study(tmp_path, STUDY + "participants: {gone_after: 30}\n")
    gone, declined, finished = (Person(study, monkeypatch) for _ in range(3))
    declined.notes(1, "consent", "decline")
    finished.notes(2, "end", "enter")
    assert [person.participant.slot for person in (gone, declined, finished)] == [0, 1, 2]
    gone._clock(29)
    assert study.add_participant()[0].slot == 1
    gone._clock(31)  # who has not opened a page yet keeps their place
    assert [study.add_participant()[0].slot for _ in range(2)] == [0, 3]


GONE = 45  # minutes


@pytest.mark.parametrize("seed", range(5))
def test_cells_are_equal_where_three_of_ten_drop_out(seed, monkeypatch):
    draw, log = random.Random(seed), StudyLog(":memory:")
    ends: list[tuple[float, int]] = []  # of who is there: minute, number; 0 for who drops out
    finished: Counter[str] = Counter()
    minute = 0.0
    while finished.total() < 80:
        minute += draw.expovariate(1 / 3)
        while ends and ends[0][0] <= minute:
            end, number = heapq.heappop(ends)
            if number:
                set_clock(monkeypatch, end)
                log.append(number, "s", [Note(at(end), "end", "", "enter")])
                finished[log.participant(number).condition()] += 1
        if finished.total() + len(ends) < 80:
            set_clock(monkeypatch, minute)
            who, _ = log.add(lambda slot: [Assigned("task", "ab"[slot % 2])], at(minute - GONE))
            log.open(who.number, "s")
            stays = draw.random() > 0.3
            left = draw.uniform(15, 40) if stays else GONE
            heapq.heappush(ends, (minute + left, who.number if stays else 0))
    assert len(log.participants()) > 95
    assert abs(finished["a"] - finished["b"]) <= 1


SCHOOL = "https://SCHOOL.sona-systems.com/webstudy_credit.aspx"
#: Ids of a person, the question that a link to the study asks, and the link back.
PROVIDERS = {
    "Prolific": ({"PROLIFIC_PID": "5f", "STUDY_ID": "s", "SESSION_ID": ""},
                 "?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}",
                 "https://app.prolific.com/submissions/complete?cc=C0DE"),
    "SONA": ({"id": "a@b:7"}, "?id={{%id%}}",
             f"{SCHOOL}?experiment_id=N&credit_token=T&survey_code=a%40b%3A7"),
    "MTurk": ({"workerId": "A1", "assignmentId": "3X", "hitId": "9Z"},
              "?workerId={{%workerId%}}&assignmentId={{%assignmentId%}}&hitId={{%hitId%}}", ""),
}  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_way_from_a_provider_and_back_is_as_documented(tmp_path, provider):
    ids, query, way_back = PROVIDERS[provider]
    lines = (Path(__file__).parents[2] / "docs" / "study.md").read_text().splitlines()
    table = lines[lines.index("| | Prolific | SONA | MTurk |") :][:6]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    documented = {row[0]: row[1 + list(PROVIDERS).index(provider)].strip("`") for row in rows}
    url = "" if documented["`url`"] == "none" else f'url: "{documented["`url`"]}", '
    end = f"end: {{title: Done, text: Thanks., completion: {{{url}code: C0DE}}}}\n"
    study = small_study(tmp_path, f"{STUDY}participants: {{ids: {documented['`ids`']}}}\n{end}")
    visitor = Visitor(study, "none")
    visitor.send("enter", token=study.log.make_open_link(), ids={**ids, "other": "x"})
    known = {name: value for name, value in ids.items() if value}
    assert progress_of(study, visitor.page.session.participant).ids == known
    assert board(study)[0].external == next(iter(ids.values()))
    assert study.spec.participants.query == query
    [row] = participants_table(study)[list(ids)].to_numpy().tolist()
    assert row == list(ids.values())
    for _ in visitor.page.session.progress.steps[:-1]:
        visitor.page.session.record(("", "leave", {}))
    visitor.page.show_step()
    assert (visitor.screen["url"], visitor.screen["code"]) == (way_back, "C0DE")


def plan_of(tasks: int, levels: int = 0, **values) -> StudySpec:
    made = [Task(name_=f"t{i}", title="T", text="x", class_=["a"]) for i in range(tasks)]
    conditions = {key: values.pop(key) for key in ("design", "assignment") if key in values}
    if levels:
        named = [Level(name_=f"c{i}") for i in range(levels)]
        values["conditions"] = Conditions(levels=named, **conditions)
    return StudySpec(title="S", tasks=made, **values)


@given(st.integers(1, 9))
def test_a_square_has_each_condition_equally_often_at_each_place(size):
    rows = balanced_square(size)
    share = len(rows) // size
    for place in range(size):
        assert Counter(row[place] for row in rows) == dict.fromkeys(range(size), share)


@given(st.integers(2, 9))
def test_a_square_has_each_pair_of_followers_equally_often(size):
    rows = balanced_square(size)
    pairs = Counter(pair for row in rows for pair in pairwise(row))
    assert set(pairs.values()) == {len(rows) // size}
    assert len(pairs) == size * (size - 1)


@pytest.mark.parametrize(("size", "rows"), [(1, 2), (2, 2), (3, 6), (4, 4), (9, 18)])
def test_a_square_of_an_odd_number_has_twice_as_many_rows(size, rows):
    assert len(balanced_square(size)) == rows


def test_the_first_row_of_a_square_is_that_of_williams():
    assert balanced_square(4)[0] == [0, 1, 3, 2]


@pytest.mark.parametrize("order", ["fixed", "latin_square"])
def test_within_each_task_meets_each_condition_equally_often(order):
    spec = plan_of(2, 2, design="within", order=order)
    rounds = [assign(spec, slot) for slot in range(4)]
    met = Counter((item.task, item.condition) for row in rounds for item in row)
    assert (set(met.values()), len(met)) == ({2}, 4)
    assert all({item.condition for item in row} == {"c0", "c1"} for row in rounds)


@pytest.mark.parametrize("assignment", ["latin_square", "random"])
def test_between_groups_are_of_equal_size(assignment):
    spec = plan_of(3, 3, design="between", assignment=assignment, seed=5)
    rows = [assign(spec, slot) for slot in range(12)]
    assert all(len({item.condition for item in row}) == 1 for row in rows)
    for block in range(4):
        groups = {row[0].condition for row in rows[3 * block : 3 * block + 3]}
        assert groups == {"c0", "c1", "c2"}


@given(st.integers(0, 99), st.integers(0, 50))
def test_draws_follow_from_the_seed(seed, slot):
    spec = plan_of(4, 2, design="within", assignment="random", order="random", seed=seed)
    row = assign(spec, slot)
    assert row == assign(spec, slot)
    assert sorted(item.task for item in row) == ["t0", "t1", "t2", "t3"]
    assert Counter(item.condition for item in row) == {"c0": 2, "c1": 2}


@pytest.fixture
def log(tmp_path):
    return StudyLog(tmp_path / "study.sqlite")


def note(action: str = "set", **payload: object) -> Note:
    return Note("2026-01-01T12:00:00.000+00:00", "bicycle", "detail", action, payload)


@pytest.fixture
def who(log):
    """A participant whose first window is open."""
    participant, _ = log.add(lambda _: (Assigned("bicycle", "a"), Assigned("sheep", "b")))
    log.open(participant.number, "one")
    return participant


def test_a_second_window_ends_the_first(log, who):
    log.append(who.number, "one", [note()])
    log.open(who.number, "two")
    for notes in ([note()], []):
        with pytest.raises(StudyLinkError, match="another window"):
            log.append(who.number, "one", notes)
    log.append(who.number, "two", [note()])
    assert [e.session for e in log.events(who.number)] == ["one", "one", "two", "two"]


def test_a_new_link_ends_the_first(log, who):
    old = log.new_token(who.number)
    log.open(who.number, "one")
    new = log.new_token(who.number)
    assert log.find(new) == who
    with pytest.raises(StudyLinkError):
        log.find(old)
    with pytest.raises(StudyLinkError, match="another window"):
        log.append(who.number, "one", [note()])


@pytest.mark.parametrize("statement", ["UPDATE events SET view = 'x'", "DELETE FROM events"])
def test_events_are_neither_changed_nor_erased(log, who, statement):
    log.append(who.number, "one", [note(), note()])
    log.close()
    with (
        sqlite3.connect(log.path) as db,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        db.execute(statement)


@pytest.mark.parametrize("column", ["time", "session", "step", "view", "action", "payload"])
def test_an_altered_event_is_found(log, who, column):
    log.append(who.number, "one", [note(), note()])
    log.close()
    alter(log.path, f"UPDATE events SET {column} = ? WHERE number = 2", json.dumps({"x": 1}))
    with pytest.raises(StudyError, match="event 2 was altered"):
        StudyLog(log.path).events(who.number)


def test_another_programs_file_is_left_alone(tmp_path):
    file = tmp_path / "study.sqlite"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE t (a)")
    with pytest.raises(StudyError, match="not a study"):
        StudyLog(file).participants()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "study.study").write_text("a file")
    with pytest.raises(StudyError, match="cannot be made"):
        small_study(tmp_path)


@pytest.fixture
def people(log) -> list:
    """Three people, and one who came after the second was deleted."""
    people = [log.add(lambda slot: [Assigned("task", str(slot))])[0] for _ in range(3)]
    log.delete(people[1].number)
    people.append(log.add(lambda slot: [Assigned("task", str(slot))])[0])
    return people


def test_places_that_became_free_are_given_again(people):
    assert [person.condition() for person in people] == ["0", "1", "2", "1"]


def test_numbers_that_became_free_are_not_given_again(people):
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
    assert len(study.log.events(stays.participant.number)) == 4
    for act in (study.log.events, study.delete_participant):
        with pytest.raises(StudyError, match="no participant P01"):
            act(number)


def test_a_full_disk_is_told_and_what_waits_is_written_later(tmp_path):
    study = small_study(tmp_path)
    _, token = study.add_participant()
    session = Session(study, token)
    session.record(("", "enter", {}))
    with study.log._database.transaction() as db:
        [pages] = db.execute("PRAGMA page_count").fetchone()
    study.log._database._connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for count in range(200):
            session.record(("detail", "set", {"find": "x" * 500, "at": count}))

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
    *(
        "images",
        "thresholds",
        "type",
        "batch",
        "fine-tune",
        "cancel",
        "ask",
        "photo-answer",
        "photo-undo",
    ),
    *("teacher-answers", "photos-judge", "photos-left", "set", "compare"),
)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_docs_name_every_action(action):
    page = (Path(__file__).parents[2] / "docs" / "study.md").read_text()
    assert f"`{action}`" in page


def test_the_shortest_study_of_the_docs_names_no_suspects(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "study.md").read_text()
    [text] = re.findall(r"```yaml\n(title: Which concept is to blame\?\n.*?)```", page, re.DOTALL)
    (tmp_path / "my-study.yaml").write_text(text)
    [level] = load_study(tmp_path / "my-study.yaml").conditions.levels
    tuning = level.spec.tuning
    assert (tuning.suspects, tuning.suggest) == (False, False)


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
def test_what_is_recorded_comes_back(payload):
    log = StudyLog(":memory:")
    number = log.add(lambda _: ())[0].number
    log.open(number, "one")
    log.append(number, "one", [note(**storable(payload))])
    assert log.events(number)[-1].payload == storable(payload)


@given(payload=PAYLOADS)
def test_what_can_be_stored_is_stored_as_it_is(payload):
    assert storable(storable(payload)) == storable(payload)


def test_a_participant_is_found_by_the_id_of_a_provider(tmp_path):
    study = small_study(tmp_path)
    empty = board_table(study)
    assert empty.attrs["notes"] == ["There are no participants yet."]
    Visitor(study, study.log.make_open_link(), external="ada")
    assert find_participant(study, "ada").label == find_participant(study, "1").label == "P01"
    with pytest.raises(StudyError, match="is not a participant"):
        find_participant(study, "eve")


def test_a_number_that_is_the_id_of_another_is_asked_about(tmp_path):
    """Else `study delete STUDY 1` would delete who came with the id 1."""
    study = small_study(tmp_path)
    study.add_participant()
    study.log.open(study.add_participant()[0].number, "one", ids={"pid": "1"})
    with pytest.raises(StudyError, match="'1' is the number of one participant, and the id of P02"):
        find_participant(study, "1")
    assert [find_participant(study, name).label for name in ("P01", "P02")] == ["P01", "P02"]


def test_an_unknown_id_of_digits_alone_is_not_a_participant(tmp_path):
    """SQLite has no integers of 24 digits."""
    with pytest.raises(StudyError, match="is not a participant"):
        find_participant(small_study(tmp_path), "9" * 24)
