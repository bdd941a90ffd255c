"""Answers that the teacher makes unlikely are named, if they are many."""

import numpy as np
import pytest
from scipy.special import logit
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.tuning.answers import Answers, Teaching, evaluated
from inficond_panel.wording.repairs import teaching_sentences

pytestmark = pytest.mark.commands


def teaching(wrong: int, teacher: float = 3.0, group: np.ndarray | None = None) -> Teaching:
    """Answers on 20 photos that all show the class, of which ``wrong`` say that they do not."""
    given = {f"{i}.jpg": int(i >= wrong) for i in range(20)}
    present, logits = np.array(list(given.values())) == 1, np.full(20, 2.0)
    noise = {"draws": 400, "seed": 0, "level": 0.95}
    told = Answers("truck", given), present, logits, logits, 0.0, noise
    return Teaching(*told, group=group, teacher=np.full(20, teacher))


@pytest.mark.parametrize(("wrong", "doubted"), [(0, 0), (2, 0), (3, 3), (8, 8)])
def test_answers_are_doubted_from_three_of_twenty_on(wrong, doubted):
    assert len(teaching(wrong).doubted) == doubted


@pytest.mark.parametrize(("probability", "doubted"), [(0.6, 0), (0.66, 0), (0.67, 5), (0.99, 5)])
def test_an_answer_is_unlikely_that_the_teacher_gives_less_than_a_third(probability, doubted):
    assert len(teaching(5, float(logit(probability))).doubted) == doubted


def test_near_equal_photos_are_one_reason_to_doubt():
    group = np.r_[np.zeros(6, int), np.arange(1, 15)]
    assert teaching(6, group=group).doubted == []


def test_doubted_answers_are_named_up_to_five():
    said = " ".join(teaching_sentences(teaching(7)))
    assert (
        "7 answers clearly contradict the teacher (0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, and 2" in said
    )


def test_nothing_is_said_where_no_answer_is_doubted():
    assert "contradict the teacher" not in " ".join(teaching_sentences(teaching(2)))


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("doubted") / "own.zarr"
    return inficond_panel.from_frames(**shifted_frames(seed=1), path=path).fit()


@pytest.mark.parametrize("turned", [0, 10])
def test_an_evaluation_doubts_answers_against_a_teacher_that_is_sure(students, turned):
    store = students.tuner.store
    rows = store.rows("tune")
    teacher = store.teacher_log_odds[rows, 0]
    rows = rows[np.argsort(-np.abs(teacher))[:20]]
    right = store.teacher_log_odds[rows, 0] > 0
    given = right ^ (np.arange(20) < turned)
    values = {store.images[row]: int(one) for row, one in zip(rows, given, strict=True)}
    found = evaluated(students.tuner, students.tuner.root(), Answers("truck", values))
    assert found.doubted == [store.images[row] for row in rows[:turned]]
