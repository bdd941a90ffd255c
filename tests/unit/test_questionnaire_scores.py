"""Scores of the published questionnaires, by hand from the rules of their authors."""

import pytest

from inficond_panel.study.spec.questionnaires import QUESTIONNAIRES

pytestmark = [pytest.mark.commands, pytest.mark.page]


def scores(name: str, steps: list[int]) -> dict[str, float]:
    """Scores of a questionnaire from the steps, counted from 1, in the order of its questions."""
    made = QUESTIONNAIRES[name]
    names = [question.name_ for question in made.questions]
    return made.scores_of(dict(zip(names, steps, strict=True)))


@pytest.mark.parametrize(
    ("steps", "score"),
    [
        ([3] * 10, 50),
        ([5, 1] * 5, 100),
        ([1, 5] * 5, 0),
        # Odd: 3 + 4 + 3 + 2 + 3 = 15; even: 3 + 4 + 3 + 3 + 2 = 15; 2.5 × 30.
        ([4, 2, 5, 1, 4, 2, 3, 2, 4, 3], 75),
        # Brooke's own example: 4 + 1 + 1 + 4 + 1 + 2 + 1 + 1 + 4 + 3 = 22; 2.5 × 22.
        ([5, 4, 2, 1, 2, 3, 2, 4, 5, 2], 55),
    ],
)
def test_the_sus_is_that_of_brooke(steps, score):
    """Odd items count step − 1, even items 5 − step; their sum times 2.5 (Brooke 1996)."""
    assert scores("sus", steps) == {"sus": score}


@pytest.mark.parametrize(
    ("steps", "score"),
    [
        ([1] * 6, 0),
        ([21] * 6, 100),
        # Ratings 70, 10, 55, 25, 65 and 45: 270 / 6.
        ([15, 3, 12, 6, 14, 10], 45),
    ],
)
def test_the_raw_tlx_is_the_mean_of_six_ratings(steps, score):
    """Six scales from 0 to 100 in steps of 5; the mean without weights (Hart 2006)."""
    assert scores("nasa_tlx", steps) == {"nasa_tlx": score}


@pytest.mark.parametrize(
    ("steps", "whole", "pragmatic", "hedonic"),
    [
        ([1] * 8, -3, -3, -3),
        ([7] * 8, 3, 3, 3),
        ([7, 7, 7, 7, 1, 1, 1, 1], 0, 3, -3),
        # Items 2, 3, 1, 2, then −1, 0, 1, −3: 8 / 4, −3 / 4, and (2 − 0.75) / 2.
        ([6, 7, 5, 6, 3, 4, 5, 1], 0.625, 2, -0.75),
    ],
)
def test_the_ueq_s_has_two_qualities_and_their_mean(steps, whole, pragmatic, hedonic):
    """Items from −3 to 3: the mean of the first four, of the last four, and of both (Schrepp,
    Hinderks and Thomaschewski 2017)."""
    assert scores("ueq_s", steps) == {
        "ueq_s": whole,
        "ueq_s_pragmatic": pragmatic,
        "ueq_s_hedonic": hedonic,
    }


@pytest.mark.parametrize("name", QUESTIONNAIRES)
def test_no_answer_is_guessed(name):
    """Without one answer there is no score."""
    questions = QUESTIONNAIRES[name].questions
    given = {question.name_: 1 for question in questions[1:]} | {questions[0].name_: None}
    assert QUESTIONNAIRES[name].scores_of(given) == {}
