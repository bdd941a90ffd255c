"""Who comes in by a link: personal, or open to all whom a panel provider sends with an id."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from pathlib import Path

import pytest
from studies import STUDY, Person, Visitor, at, small_study

from inficond_panel.study.results.study_tables import participants_table
from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.entrance import open_query
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.records import Assigned, Note


def set_clock(monkeypatch, minute: float) -> None:
    monkeypatch.setattr("inficond_panel.common.clock.now", lambda: at(minute))


def number_of(visitor: Visitor) -> int | None:
    session = visitor.page.session
    return session and session.participant.number


def test_an_id_belongs_to_the_browser_that_begins_with_it(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    token = study.log.make_open_link()
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


def test_who_has_said_nothing_begins_anew(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    token = study.log.make_open_link()
    lost, again = (Visitor(study, token, external="p1") for _ in range(2))
    assert (number_of(lost), number_of(again)) == (1, 1)
    assert number_of(Visitor(study, lost.page.frame.own_link)) is None
    assert number_of(Visitor(study, again.page.frame.own_link)) == 1


def test_a_personal_link_claims_no_id(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    personal = study.add_participant()[1]
    thief = Visitor(study, personal, external="victim")
    thief.next()
    victim = Visitor(study, study.log.make_open_link(), external="victim")
    assert (number_of(thief), number_of(victim)) == (1, 2)
    assert [progress_of(study, who).ids for who in study.log.participants()] == [
        {}, {"pid": "victim"},
    ]  # fmt: skip


def test_links_and_ids_that_cannot_be_are_refused(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    token = study.log.make_open_link()
    for wrong in ("", "<b>", "a b", "x" * 129):
        assert number_of(Visitor(study, token, external=wrong)) is None
    assert study.log.participants() == []
    study.log.make_open_link()
    assert number_of(Visitor(study, token, external="p1")) is None


def test_several_ids_of_any_name_are_recorded(tmp_path: Path) -> None:
    names = ["PROLIFIC_PID", "STUDY_ID", "SESSION_ID"]
    study = small_study(tmp_path, STUDY + f"participants: {{ids: {names}}}\n")
    assert open_query(study.spec) == "?PROLIFIC_PID=ID&STUDY_ID=ID&SESSION_ID=ID"
    ids = {"PROLIFIC_PID": "a1", "STUDY_ID": "s2", "SESSION_ID": "", "other": "x"}
    visitor = Visitor(study, "none")
    visitor.send("enter", token=study.log.make_open_link(), ids=ids)
    assert progress_of(study, visitor.page.session.participant).ids == {
        "PROLIFIC_PID": "a1", "STUDY_ID": "s2",
    }  # fmt: skip
    assert participants_table(study)[names].to_numpy().tolist() == [["a1", "s2", ""]]


def test_no_more_come_than_the_study_takes(tmp_path: Path, monkeypatch) -> None:
    study = small_study(tmp_path, STUDY + "participants: {most: 3, per_minute: 2}\n")
    token = study.log.make_open_link()
    come = []
    for who, minute in enumerate((0, 0.5, 0.9, 1.1, 9)):
        set_clock(monkeypatch, minute)
        visitor = Visitor(study, token, external=f"p{who}")
        come.append(number_of(visitor) or visitor.screen["title"].split()[0])
    assert come == [1, 2, "Many", 3, "The"]


def test_a_place_is_given_back_by_who_declines_or_is_gone(tmp_path: Path, monkeypatch) -> None:
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
def test_cells_are_equal_where_three_of_ten_drop_out(seed: int, monkeypatch) -> None:
    """People come every three minutes while there is a place, until 80 have finished.

    A place is offered again when somebody is gone, as panel providers do.
    """
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


PROVIDERS = {
    "Prolific": (
        {"PROLIFIC_PID": "5f", "STUDY_ID": "s", "SESSION_ID": "t"},
        "https://app.prolific.com/submissions/complete?cc=C0DE",
    ),
    "SONA": (
        {"id": "4711"},
        "https://SCHOOL.sona-systems.com/webstudy_credit.aspx"
        "?experiment_id=N&credit_token=T&survey_code=4711",
    ),
    "MTurk": ({"workerId": "A1", "assignmentId": "3X", "hitId": "9Z"}, ""),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_way_from_a_provider_and_back_is_as_documented(tmp_path: Path, provider: str) -> None:
    ids, way_back = PROVIDERS[provider]
    lines = (Path(__file__).parents[2] / "docs" / "study.md").read_text().splitlines()
    table = lines[lines.index("| | Prolific | SONA | MTurk |") :][:6]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    documented = {row[0]: row[1 + list(PROVIDERS).index(provider)].strip("`") for row in rows}
    url = "" if documented["`url`"] == "none" else f'url: "{documented["`url`"]}", '
    end = f"end: {{title: Done, text: Thanks., completion: {{{url}code: C0DE}}}}\n"
    study = small_study(tmp_path, f"{STUDY}participants: {{ids: {documented['`ids`']}}}\n{end}")
    visitor = Visitor(study, "none")
    visitor.send("enter", token=study.log.make_open_link(), ids=ids)
    assert progress_of(study, visitor.page.session.participant).ids == ids
    for _ in visitor.page.session.progress.steps[:-1]:
        visitor.page.session.record(("", "leave", {}))
    visitor.page.show_step()
    assert (visitor.screen["url"], visitor.screen["code"]) == (way_back, "C0DE")
