"""Who comes in by a link, personal or open to all with an id, and the plan that they get."""

import heapq
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import STUDY, Person, Visitor, at, small_study

from inficond_panel.study.results.study_tables import participants_table
from inficond_panel.study.results.timeline import board, progress_of
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.records import Assigned, Note
from inficond_panel.study.run.tasks import assign, balanced_square
from inficond_panel.study.spec.conditions import Conditions, Level
from inficond_panel.study.spec.study_spec import StudySpec, Task


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


def test_an_id_belongs_to_the_browser_that_begins_with_it_and_says_something(study, token):
    first = Visitor(study, token, external="p1")
    key = first.page.frame.own_link
    assert study.log.find(key).number == number_of(first) == 1
    first.next()
    stranger = Visitor(study, token, external="p1")
    assert number_of(stranger) is None
    assert "another browser" in stranger.screen["title"]
    assert number_of(Visitor(study, token, external="p1", own="guessed")) is None
    other = Visitor(study, token, external="p2", own=key)
    assert number_of(other) == 2
    assert number_of(Visitor(study, token, external="p1", own=other.page.frame.own_link)) is None
    again = Visitor(study, token, external="p1", own=key)
    assert (number_of(again), again.page.frame.own_link) == (1, "")
    assert number_of(Visitor(study, key)) == 1
    lost, again = (Visitor(study, token, external="p3") for _ in range(2))
    assert (number_of(lost), number_of(again)) == (3, 3)
    assert number_of(Visitor(study, lost.page.frame.own_link)) is None
    assert number_of(Visitor(study, again.page.frame.own_link)) == 3


def test_a_personal_link_claims_no_id(study, token):
    thief = Visitor(study, study.add_participant()[1], external="victim")
    thief.next()
    victim = Visitor(study, token, external="victim")
    assert (number_of(thief), number_of(victim)) == (1, 2)
    ids = [progress_of(study, who).ids for who in study.log.participants()]
    assert ids == [{}, {"pid": "victim"}]


def test_links_and_ids_that_cannot_be_are_refused(study, token):
    for wrong in ("", "<b>", "a b", "x" * 129):
        assert number_of(Visitor(study, token, external=wrong)) is None
    assert study.log.participants() == []
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
    assert come == [1, 2, "Many", 3, "The"]


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
    """People come every three minutes while there is a place, also of who is gone, until 80 end."""
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
    "Prolific": (
        {"PROLIFIC_PID": "5f", "STUDY_ID": "s", "SESSION_ID": ""},
        "?PROLIFIC_PID=ID&STUDY_ID=ID&SESSION_ID=ID",
        "https://app.prolific.com/submissions/complete?cc=C0DE",
    ),
    "SONA": (
        {"id": "a@b:7"},
        "?id=ID",
        f"{SCHOOL}?experiment_id=N&credit_token=T&survey_code=a%40b%3A7",
    ),
    "MTurk": (
        {"workerId": "A1", "assignmentId": "3X", "hitId": "9Z"},
        "?workerId=ID&assignmentId=ID&hitId=ID",
        "",
    ),
}


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
def test_squares_balance_places_and_followers(size):
    rows = balanced_square(size)
    assert len(rows) == (size if size % 2 == 0 else 2 * size)
    share = len(rows) // size
    for place in range(size):
        assert Counter(row[place] for row in rows) == dict.fromkeys(range(size), share)
    pairs = Counter(pair for row in rows for pair in pairwise(row))
    if size > 1:
        assert set(pairs.values()) == {share}
        assert len(pairs) == size * (size - 1)
    assert balanced_square(4)[0] == [0, 1, 3, 2]  # Williams' own


@pytest.mark.parametrize("order", ["fixed", "latin_square"])
def test_within_each_task_meets_each_condition_equally_often(order):
    spec = plan_of(2, 2, design="within", order=order)
    rounds = [assign(spec, slot) for slot in range(4)]
    met = Counter((item.task, item.condition) for row in rounds for item in row)
    assert set(met.values()) == {2}
    assert len(met) == 4
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
