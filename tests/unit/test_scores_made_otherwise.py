"""A column that tells a class, coded in another way in the tuning rows."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.export.model_card import model_card
from inficond_panel.results.doctor.drifted import UNLIKE
from inficond_panel.results.shift import student_differences, student_shift
from inficond_panel.views.knowledge.found import make_finding
from inficond_panel.views.start.cards import make_cards
from inficond_panel.wording.shift_kinds import moved_in_all

pytestmark = pytest.mark.page

ASKED = "Were the scores of grade made in the same way in both?"


def students_of(folder, *, coded):
    """Rows with haemolysis have grade 1 or 2 in place of 0; ``coded``: on tune the grades 0, 1 and
    2 are 2, 0 and 1, as an encoder that was fitted again would do."""
    rng, ids = np.random.default_rng(0), [f"{at:04d}" for at in range(2400)]
    label = rng.random(2400) < 0.25
    grade = np.where(label, rng.choice([0, 1, 2], 2400, p=[0.1, 0.4, 0.5]), 0)
    grade = np.where(~label & (rng.random(2400) < 0.1), 1, grade)
    others = rng.normal(size=(2400, 5)) + label[:, None] * np.array([1.2, 0.8, 0, 0, 0])
    logit = 2 * grade + 1.5 * others[:, 0] + others[:, 1] - 4
    tune = np.arange(2400) >= 1400
    seen = np.where(tune & coded, np.array([2, 0, 1])[grade], grade)
    scores = pd.DataFrame(np.column_stack([others, seen]), ids, [*"abcde", "grade"])
    return inficond_panel.from_frames(
        (scores - scores.mean()) / scores.std(),
        pd.DataFrame({"haemolysis": logit}, ids),
        pd.DataFrame({"haemolysis": label.astype(int)}, ids),
        split=pd.Series(np.where(tune, "tune", "fit"), ids),
        path=folder / "own.zarr",
    ).fit()


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("coded"), coded=True)


@pytest.fixture(scope="module")
def found(students):
    """The differences of haemolysis, and its shift."""
    at = students.tuner, students.tuner.root(), "haemolysis"
    return student_differences(*at), student_shift(*at)


def test_the_doctor_asks_first_whether_the_scores_were_made_in_the_same_way(students):
    rows = students.doctor()["findings"].loc["haemolysis"]
    first = rows if isinstance(rows, pd.Series) else rows.iloc[0]
    assert "differ between training and tuning by the scores of grade alone" in first["finding"]
    assert first["remedy"].startswith(f"{ASKED} If not, make them again. ")


def test_the_card_on_the_page_asks_and_removes_nothing(found):
    differences, shift = found
    (card,) = make_cards({"haemolysis": shift}, ["haemolysis"], found={"haemolysis": differences})
    assert not card["removable"]
    assert card["advice"].startswith(ASKED)


def test_the_removal_is_not_what_comes_first_on_the_page(found):
    differences, shift = found
    told = make_finding(shift, differences)
    assert told["little"]
    assert ASKED in told["sentence"]


def test_the_model_card_says_that_the_tuning_rows_are_unlike(students):
    faults = model_card(students.tuner, students.node)["faults"]
    (told,) = [each["sentence"] for each in faults if each["kind"] == UNLIKE]
    assert "grade" in told


def test_with_equal_codes_nothing_is_asked(tmp_path):
    right = students_of(tmp_path, coded=False)
    at = right.tuner, right.tuner.root(), "haemolysis"
    assert not moved_in_all(student_differences(*at), student_shift(*at))
    assert UNLIKE not in [each["kind"] for each in model_card(right.tuner, right.node)["faults"]]


def test_a_column_that_the_student_does_not_use_is_not_said_to_be_carried_by_others(tmp_path):
    """The training rows of the class have a low column, as if scored in another way. The teacher
    knows another column alone."""
    rng, ids = np.random.default_rng(9), [f"{at:04d}" for at in range(1600)]
    label, tune = rng.random(1600) < 0.2, np.arange(1600) >= 1000
    table = rng.normal(size=(1600, 6))
    table[:, 0] += 3.0 * label
    table[label & ~tune, 1] = -1.5 + 0.1 * rng.normal(size=(label & ~tune).sum())
    students = inficond_panel.from_frames(
        pd.DataFrame(table, ids, list("abcdef")),
        pd.DataFrame({"train": 3 * table[:, 0] - 5}, ids),
        pd.DataFrame({"train": label.astype(int)}, ids),
        split=pd.Series(np.where(tune, "tune", "fit"), ids),
        path=tmp_path / "own.zarr",
    ).fit()
    suspects = student_shift(students.tuner, students.tuner.root(), "train").suspects
    (told,) = [each for each in suspects if each.concept == "b"]
    assert (told.weight, told.unused) == (0.0, True)
    assert abs(told.reliance) < 3 / np.sqrt(tune.sum())
