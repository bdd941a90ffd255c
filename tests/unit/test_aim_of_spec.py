"""The aim that a spec names: what is checked, and who follows it."""

import pytest
from grouped import CLASS, COLUMN, grouped_frames

from inficond_panel import from_frames, open_students
from inficond_panel.errors import SpecError
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.students import Tuning
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.suggest.suggestion import aim_of

pytestmark = pytest.mark.commands

AIMED = f"tuning: {{aim: worst-group, groups: {COLUMN}}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("aim")
    from_frames(**grouped_frames(1500), path=path / "own.zarr")
    return path


@pytest.fixture
def write(folder):
    """Write a spec of the store with a section; return its path."""

    def written(section, students="students: {lambda: 1.0e-3}\n"):
        file = folder / "own.yaml"
        file.write_text(f"title: Own\nstore: own.zarr\nhistory: ':memory:'\n{students}{section}")
        return file

    return written


@pytest.mark.parametrize("by", [COLUMN, "lake", " place "])
def test_a_spec_may_name_a_column_or_a_concept(write, by):
    assert open_tuner(write(f"tuning: {{groups: '{by}'}}\n")).spec.tuning.groups == by


def test_what_divides_nothing_is_told_with_its_place(write):
    with pytest.raises(SpecError) as caught:
        open_tuner(write("tuning: {aim: worst-group, groups: plaice}\n"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.message) == (
        5,
        28,
        "tuning.groups: there is no column, property, class or concept 'plaice' in the store. "
        "Did you mean 'place'?",
    )


def test_check_tells_what_divides_nothing(write, run):
    _, _, err = run("check", write("tuning: {groups: plaice}\n"))
    assert "own.yaml:5:10: tuning.groups: there is no column" in err


def test_the_aim_is_written_back(write):
    spec = load_spec(write(AIMED))
    assert spec.plain()["tuning"] == {"aim": "worst-group", "groups": COLUMN}


GIVEN = Tuning(aim="worst-group", groups=COLUMN)
ASKED = {
    (None, ""): ("worst-group", COLUMN),
    (None, "lake"): ("worst-group", "lake"),
    ("worst-group", ""): ("worst-group", COLUMN),
    ("mean-ap", ""): ("mean-ap", ""),
}


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_what_is_not_asked_for_is_the_specs(asked):
    assert aim_of(GIVEN, *asked) == ASKED[asked]


def test_groups_without_the_aim_leave_the_search_as_it_is():
    assert aim_of(Tuning(groups=COLUMN), None, "") == ("mean-ap", "")


@pytest.mark.slow
def test_a_search_follows_the_spec(write):
    assert open_students(write(AIMED)).fit().suggest(CLASS).by == COLUMN


@pytest.mark.slow
def test_the_doctor_names_a_clearly_worse_group(write):
    """Of the birds on land, of which the student sees no lake, fewer are found."""
    students = open_students(write(f"tuning: {{groups: {COLUMN}}}\n")).fit()
    findings = students.doctor(CLASS)["findings"].reset_index()
    assert "a worse group" in set(findings["kind"])


@pytest.mark.slow
def test_the_doctor_finds_no_worse_group_by_chance(write):
    students = open_students(write("tuning: {groups: coin}\n")).fit()
    findings = students.doctor(CLASS)["findings"].reset_index()
    assert "a worse group" not in set(findings["kind"])


@pytest.mark.slow
def test_the_doctor_has_the_worst_group_of_each_class(write):
    students = open_students(write(f"tuning: {{groups: {COLUMN}}}\n")).fit()
    found, expected = students.doctor(CLASS)["worst_groups"], students.worst_groups(COLUMN)
    assert found.loc[CLASS, "worst_accuracy"] == expected.loc[CLASS, "worst_accuracy"]
