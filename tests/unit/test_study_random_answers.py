"""Answers of simulated people: at random, so that a pilot shows chance; what is not at random."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from studies import STUDY, small_study

from inficond_panel.study.pages.pilot import begin_pilot, run_pilot
from inficond_panel.study.pages.simulated_person import TEXT, SimulatedPerson, random_answer
from inficond_panel.study.results.output_folder import write_readme
from inficond_panel.study.results.study_tables import answers_table, participants_table
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.questions import (
    ChoiceQuestion,
    LikertQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
)

pytestmark = pytest.mark.page

DRAWS = 6000


def drawn(question: Question) -> Counter:
    """How often each answer to a question came, of ``DRAWS``."""
    random = np.random.default_rng(0)
    answers = [random_answer(question, random) for _ in range(DRAWS)]
    assert not any(question.fault(answer) for answer in answers)
    return Counter(tuple(one) if isinstance(one, list) else one for one in answers)


OPTIONS = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        (LikertQuestion(name_="q", text="Q", points=5, right=2), 5),
        (LikertQuestion(name_="q", text="Q", points=21), 21),
        (ChoiceQuestion(name_="q", text="Q", options=OPTIONS, right=["b"]), 3),
        (ChoiceQuestion(name_="q", text="Q", options=OPTIONS, several=True, right=["b"]), 7),
        (NumberQuestion(name_="q", text="Q", lowest=18.5, highest=24.5, right=20), 6),
        (NumberQuestion(name_="q", text="Q", highest=-3), 101),
        (NumberQuestion(name_="q", text="Q"), 101),
    ],
)
def test_each_answer_is_as_likely_as_the_others(question, answers):
    counts = drawn(question)
    assert len(counts) == answers
    assert stats.chisquare(list(counts.values())).pvalue > 0.001


def test_an_answer_in_words_is_never_right():
    question = TextQuestion(name_="q", text="Q", right=["couch"], required=True)
    assert drawn(question) == {TEXT: DRAWS}
    assert not question.is_right(TEXT)


# --- a pilot

ASKED = """
  - title: Your finding
    questions:
      - {name: found, kind: choice, text: Which?, options: [a, b, c, d], right: [a], scored: true}
      - {name: attention, kind: likert, text: Choose Disagree., right: 2}
"""
CHECK = """comprehension:
  questions:
    - {name: role, kind: choice, text: Who is small?, options: [teacher, student], right: [student]}
    - {name: size, kind: number, text: How many?, right: 4321}
"""
PEOPLE = 80
#: The tasks are skipped by all.
QUESTIONS = (
    STUDY.replace("class: bicycle\n", "class: bicycle\n    skip_if: {condition: only}\n")
    .replace("class: sheep\n", "class: sheep\n    skip_if: {condition: only}\n")
    .replace("questionnaire:\n", f"questionnaire:{ASKED}")
    + "conditions: {levels: [{name: only}]}\n"
)


def piloted(folder: Path, text: str, people: int) -> tuple[Study, pd.DataFrame]:
    """A study after a pilot, and the table of steps."""
    study = Study(small_study(folder, text, prepare=False).spec, folder / "study.pilot")
    begin_pilot(study)
    study.prepare()
    return study, run_pilot(study, people)


@pytest.fixture(scope="module")
def pilot(tmp_path_factory) -> Study:
    """A pilot of a study with a check that must be passed."""
    text = QUESTIONS.replace("form:", f"{CHECK}form:")
    return piloted(tmp_path_factory.mktemp("random"), text, PEOPLE)[0]


@pytest.mark.parametrize(("question", "chance"), [("found", 1 / 4), ("attention", 1 / 5)])
def test_a_pilot_answers_right_as_often_as_chance_has_it(pilot, question, chance):
    rights = answers_table(pilot).query("question == @question")["right"].astype(bool)
    assert len(rights) > PEOPLE / 2
    assert stats.binomtest(int(rights.sum()), len(rights), chance).pvalue > 0.01


def test_a_check_that_must_be_passed_is_passed_after_a_wrong_attempt(pilot):
    checks = participants_table(pilot).query("check != ''")
    assert len(checks) > PEOPLE / 2
    assert set(checks["check"]) == {"right"}
    assert set(checks["attempts"]) == {2}  # nobody hits on 4321 by chance


def test_a_check_that_lets_people_go_on_is_passed_by_chance(tmp_path):
    """The first or the second attempt is right: 3 of 4."""
    twice = CHECK.replace("comprehension:", "comprehension:\n  attempts: 2").splitlines()[:-1]
    study, _ = piloted(tmp_path, QUESTIONS.replace("form:", "\n".join([*twice, "form:"])), PEOPLE)
    checks = participants_table(study).query("check != ''")["check"]
    assert len(checks) > PEOPLE / 2
    assert stats.binomtest(int((checks == "right").sum()), len(checks), 3 / 4).pvalue > 0.01


def test_the_readme_of_a_pilot_says_what_is_random(pilot, tmp_path):
    text = write_readme(pilot, tmp_path).read_text(encoding="utf-8")
    assert "Answers are drawn at random, also those to scored questions" in text
    assert "Not at random: after a wrong attempt at a check that must be passed" in text


def test_some_people_of_a_pilot_close_the_page_inside_a_task(tmp_path, monkeypatch):
    monkeypatch.setattr("inficond_panel.study.pages.simulated_person.GIVE_UP", 1.0)
    monkeypatch.setattr(SimulatedPerson, "_work", lambda person: person.visitor.leave())
    study, steps = piloted(
        tmp_path, STUDY.replace("    done_when: {rule: iterations, count: 2}\n", ""), 10
    )
    last = [study.log.events(who.number)[-1] for who in study.log.participants()]
    inside = Counter(event.step for event in last if event.action == "start")
    assert inside["bicycle"] > 0
    assert steps["left"]["bicycle"] == inside["bicycle"]
