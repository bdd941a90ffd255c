"""Groups of images in which a student is worse and its teacher not: found, and rarely by chance."""

from types import SimpleNamespace

import numpy as np
import pytest
from lines import CLASSES, of_lines
from sklearn.metrics import average_precision_score

from inficond_panel.distill import Outcome
from inficond_panel.results import student_groups
from inficond_panel.results.student_groups import further_behind, worse_groups_of_students
from inficond_panel.results.worse_groups import _aps
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.things import COLUMN
from inficond_panel.wording.groups import STUDENT_GROUP_WORDS, TEACHER_GROUP_WORDS


def found(students, seed=0):
    return worse_groups_of_students(students.tuner, students.node, CLASSES, seed)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    return of_lines(0, path=tmp_path_factory.mktemp("lines") / "own.zarr")


def of_warp(groups):
    return next(each for each in groups if each.class_name == "warp")


def aps_of_warp(students):
    """AP of warp on line B by scikit-learn, of student and teacher."""
    tuner = students.tuner
    line = np.array(tuner.store.column("line"))[tuner.store.rows(TUNE)]
    outcomes = tuner.at(students.node, TUNE)["warp"].outcome, tuner.teacher_outcomes(TUNE)["warp"]

    def ap(outcome, rows):
        return average_precision_score(outcome.label[rows], outcome.logit[rows])

    return [ap(each, line == "B") for each in outcomes]


def test_the_line_with_exchanged_columns_is_found_and_no_other_group(lines):
    assert {(each.column, each.group) for each in found(lines)} == {("line", "B")}


def test_another_seed_of_the_draws_finds_the_same_group(lines):
    assert [each.words for each in found(lines, seed=1)] == [each.words for each in found(lines)]


def test_the_figures_are_those_of_student_and_teacher_there(lines):
    warp = of_warp(found(lines))
    student, teacher = aps_of_warp(lines)
    assert (warp.ap.estimate, warp.teacher) == (pytest.approx(student), pytest.approx(teacher))


def test_it_is_found_where_an_image_may_have_several_classes():
    assert of_warp(found(of_lines(0, task="multi_label"))).words == "line: B"


def test_without_an_exchange_nothing_is_found():
    assert found(of_lines(0, exchanged="")) == ()


def test_a_teacher_that_is_worse_there_too_is_no_finding_on_the_student():
    assert found(of_lines(0, teacher_too=True)) == ()


def test_a_group_of_a_column_that_the_student_relies_on_is_left_out(lines, monkeypatch):
    relied = SimpleNamespace(kind=COLUMN, name="line = C", called=True, in_fit=None, belongs=False)
    shared = SimpleNamespace(found=SimpleNamespace(suspects=[relied]))
    monkeypatch.setattr(student_groups, "student_shared", lambda *_, **__: shared)
    assert found(lines) == ()


def drawn(seed, *, student_noise=0.0, teacher_noise=0.0):
    """Outcomes of a student and a teacher, with more noise in the rows of a group, and its mask."""
    rng = np.random.default_rng(seed)
    label, inside = (rng.random(600) < 0.3).astype(np.int8), rng.random(600) < 0.25
    logits = [
        2.0 * label + rng.normal(size=600) + np.where(inside, noise, 0) * rng.normal(size=600)
        for noise in (student_noise, teacher_noise)
    ]
    return *(Outcome(label, each) for each in logits), inside


def test_a_student_with_noise_is_further_behind():
    assert sum(further_behind(*drawn(seed, student_noise=3.0), 0) for seed in range(10)) >= 9


def test_equal_students_are_rarely_further_behind():
    assert sum(further_behind(*drawn(seed), 0) for seed in range(40)) <= 4


def test_a_student_whose_teacher_falls_as_much_is_rarely_further_behind():
    both = {"student_noise": 3.0, "teacher_noise": 3.0}
    assert sum(further_behind(*drawn(seed, **both), 0) for seed in range(40)) <= 4


def test_weighted_aps_are_those_of_scikit_learn():
    outcome, _, inside = drawn(0)
    outside = ~inside
    here, others = _aps(outcome, [inside])
    label, logit = outcome.label, outcome.logit
    share = [each.mean() for each in (label[inside], label[outside])]
    weight = np.where(label == 1, share[0] / share[1], (1 - share[0]) / (1 - share[1]))[outside]
    expected = average_precision_score(label[outside], logit[outside], sample_weight=weight)
    assert here[0] == pytest.approx(average_precision_score(label[inside], logit[inside]))
    assert others[0] == pytest.approx(expected)


@pytest.mark.slow
def test_the_doctor_names_the_group_and_what_helps(lines):
    findings = lines.doctor()["findings"]
    told = findings[findings["kind"] == STUDENT_GROUP_WORDS].loc["warp"]
    assert "The student's AP of warp is " in told["finding"]
    assert "in “line: B”" in told["finding"]
    assert "`students.slices('line')` compares the groups" in told["remedy"]


@pytest.mark.slow
def test_the_doctor_says_it_of_no_class_whose_teacher_is_worse_there():
    findings = of_lines(1, teacher_too=True).doctor()["findings"]
    assert STUDENT_GROUP_WORDS not in set(findings["kind"])
    assert TEACHER_GROUP_WORDS in set(findings["kind"])
