"""Questions around the tasks: checks, pages after a task, templates; ids in and out."""

from __future__ import annotations

from pathlib import Path

import pytest
from studies import STUDY, Person, Visitor, small_study

from inficond_panel.errors import SpecError
from inficond_panel.study.pages.report import answer_charts
from inficond_panel.study.results.study_tables import answers_table, scores_table
from inficond_panel.study.results.timeline import board, progress_of
from inficond_panel.study.spec.pages import TEMPLATES

CHECK = """comprehension:
  attempts: 2
  questions:
    - {name: role, kind: choice, text: Who is small?, options: [teacher, student], right: [student]}
    - {name: best, kind: number, text: The best AP?, right: 1}
"""
AFTER = """    after:
      - {template: seq, questions: [{name: why, kind: text, text: Why?}]}
      - template: nasa_tlx
"""
END = """end:
  title: Done
  text: Thanks.
  completion: {url: "https://panel.example/back?who={pid}", code: C0DE}
"""
FULL = STUDY.replace("form:", f"{CHECK}form:").replace("count: 2}\n", f"count: 2}}\n{AFTER}") + END


def begin(folder: Path, external: str = "", text: str = FULL) -> Visitor:
    study = small_study(folder, text)
    token = study.log.make_open_link() if external else study.add_participant()[1]
    visitor = Visitor(study, token, external=external)
    visitor.next()
    return visitor


def give(visitor: Visitor, **answers: object) -> dict:
    for name, answer in answers.items():
        visitor.send("answer", name=name, answer=answer)
    return visitor.next()


def test_a_check_is_to_be_answered_right_and_is_flagged_where_it_was_not(tmp_path: Path) -> None:
    visitor = begin(tmp_path)
    screen = visitor.next()
    assert "right" not in str(screen["questions"])
    assert set(give(visitor, role="teacher")["faults"]) == {"best"}  # not complete: no attempt
    assert list(give(visitor, best=1)["faults"]) == ["role"]
    assert give(visitor, role="teacher")["title"] == "About you"
    attempts = [e.payload for e in visitor.study.log.events(1) if e.action == "attempt"]
    assert [attempt["wrong"] for attempt in attempts] == [["role"], ["role"]]
    assert attempts[0]["answers"] == {"role": "teacher", "best": 1}
    assert visitor.screen["back"] == ""  # not into a check that is over
    assert board(visitor.study)[0].check == "wrong"


def test_one_goes_back_to_pages_and_never_into_a_task(tmp_path: Path) -> None:
    visitor = begin(tmp_path)
    assert visitor.next()["back"] == "Back"
    assert visitor.send("go_back", step=visitor.screen["step"])["title"] == "Hello"
    assert visitor.send("go_back", step=visitor.screen["step"])["title"] == "Hello"  # no consent
    visitor.next()
    assert give(visitor, role="student", best=1)["title"] == "About you"
    assert give(visitor, age=40)["kind"] == "brief"
    assert visitor.send("go_back", step=visitor.screen["step"])["title"] == "About you"
    assert visitor.screen["questions"][0]["value"] == 40
    visitor.next()
    visitor.next()
    visitor.leave()
    assert visitor.screen["title"] == "Ease of the task"
    assert visitor.screen["back"] == ""
    assert visitor.send("go_back", step=visitor.screen["step"])["title"] == "Ease of the task"
    assert progress_of(visitor.study, visitor.page.session.participant).outcome("bicycle") == "left"


def test_questions_after_a_task_are_scored(tmp_path: Path) -> None:
    visitor = begin(tmp_path)
    visitor.next()
    give(visitor, role="student", best=1)
    give(visitor, age=40)
    visitor.next()
    visitor.leave()
    give(visitor, seq=6, why="Because.")
    assert visitor.screen["title"] == "Workload"
    assert len(visitor.screen["questions"]) == 6
    scales = dict(zip(("mental", "physical", "temporal"), (21, 1, 11), strict=True))
    rest = {"performance": 11, "effort": 1, "frustration": 6}
    give(visitor, **{f"tlx-{name}": step for name, step in {**scales, **rest}.items()})
    scores = scores_table(visitor.study).reset_index().set_index("template")
    assert scores.score.to_dict() == {"seq": 6, "nasa_tlx": (100 + 0 + 50 + 50 + 0 + 25) / 6}
    assert set(scores.task) == {"bicycle"}
    legends = [dict(legend).values() for legend, _ in answer_charts(visitor.study)]
    labels = [label for legend in legends for label in legend]  # each scale under its own
    assert [labels.count(label) for label in ("Very difficult", "Perfect")] == [1, 1]
    assert not [label for label in labels if "disagree" in label]
    table = answers_table(visitor.study).set_index("question")
    assert table.loc["why", ["task", "answer"]].tolist() == ["bicycle", "Because."]
    assert table.loc["age", "task"] == ""


@pytest.mark.parametrize(
    ("answers", "score"),
    [([3] * 10, 50), ([5, 1] * 5, 100), ([1, 5] * 5, 0), ([4, 2, 5, 1, 4, 2, 3, 2, 4, 3], 75)],
)
def test_the_sus_is_that_of_brooke(answers: list[int], score: float) -> None:
    given = {f"sus-{at}": answer for at, answer in enumerate(answers, 1)}
    assert TEMPLATES["sus"].score_of(given) == score
    assert TEMPLATES["sus"].score_of({**given, "sus-3": None}) is None


def test_an_id_comes_in_by_the_link_and_goes_out_at_the_end(tmp_path: Path) -> None:
    visitor = begin(tmp_path, external="a@b:7")
    person = visitor.page.session.participant
    progress = progress_of(visitor.study, person)
    for _ in progress.steps[1:-1]:
        visitor.page.session.record(("", "leave", {}))
    visitor.page.show_step()
    assert visitor.screen["url"] == "https://panel.example/back?who=a%40b%3A7"
    assert visitor.screen["code"] == "C0DE"
    assert board(visitor.study)[0].external == "a@b:7"


def test_what_the_researcher_notes_is_an_event_and_costs_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inficond_panel.study.results.results import results

    study = small_study(tmp_path)
    person = Person(study, monkeypatch)
    person.notes(1, "bicycle", "start")
    person.notes(3, "bicycle", "visit", view="knowledge")
    person._clock(9)
    study.log.remark(1, "bicycle", "says: the light, again?")
    [note] = [event for event in study.log.events(1) if event.action == "note"]
    assert (note.step, note.payload["text"]) == ("bicycle", "says: the light, again?")
    [result] = results(study)
    assert result.minutes == pytest.approx(2)


CASES = {
    "no right answer": ("right: 1", "lowest: 0", "'best' has no right answer"),
    "right is no option": (
        "right: [student]",
        "right: [oracle]",
        "'oracle' is not in options",
    ),
    "no web link": ("https://panel", "javascript://panel", "expected a link with http"),
    "no way out": (
        'completion: {url: "https://panel.example/back?who={pid}", code: C0DE}',
        "completion: {}",
        "expected a url or a code",
    ),
    "an id that nobody has": ("who={pid}", "who={prolific}", "unknown id 'prolific'; the ids"),
    "nothing to follow": (
        'url: "https://panel.example/back?who={pid}", code: C0DE',
        "code: C0DE, seconds: 9",
        "is used only with url",
    ),
    "unknown template": ("template: seq", "template: sue", "Did you mean 'sus'"),
    "empty page": ("- template: nasa_tlx", "- title: Empty", "questions: missing"),
}


@pytest.mark.parametrize("case", CASES)
def test_faults_are_told(tmp_path: Path, case: str) -> None:
    old, new, expected = CASES[case]
    assert old in FULL
    with pytest.raises(SpecError, match=expected):
        small_study(tmp_path, FULL.replace(old, new), prepare=False)
