"""What belongs to a class is no fault any more: in the doctor, the shift, repairs and the card."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_shared_bias import made

from inficond_panel import from_frames
from inficond_panel.api.students import TunableStudents
from inficond_panel.common.interval import Interval
from inficond_panel.distill.metrics.bootstrap import TeacherSkill
from inficond_panel.distill.shared_bias import Rates
from inficond_panel.distill.suspects import NONE, SHIFT, Presence, Verdict
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.model_card import model_card
from inficond_panel.results.frame import text_table
from inficond_panel.results.shared_bias import student_shared
from inficond_panel.results.shift import student_shift
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.history.belongs import ReliedThing, Said
from inficond_panel.tuning.settled import not_said_twice, settled_shift
from inficond_panel.tuning.shared_bias import SharedFound, SharedSuspect, SplitCounts
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.suggest import suggest
from inficond_panel.vocabulary.things import CLASS, COLUMN, CONCEPT
from inficond_panel.wording.suspects import plain_sentence, relies_wrongly

pytestmark = pytest.mark.slow

LIGHT = "traffic light"


# --- shared by all photos ------------------------------------------------------------------------
@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return made(tmp_path_factory.mktemp("blond"), columns=True).belongs("blond hair", "man")


@pytest.fixture(scope="module")
def found(students):
    return students.doctor("blond hair")


def test_what_belongs_is_no_finding(found):
    assert not found["findings"]["finding"].str.contains("absence of man.", regex=False).any()


def test_what_nobody_spoke_of_is_still_a_finding(found):
    assert found["findings"]["finding"].str.contains("absence of male = 1.", regex=False).any()


def test_the_table_still_has_what_belongs(found):
    row = found["shared"].loc[("blond hair", "man")]
    assert (row["belongs"], row["called"]) == (True, False)


def test_the_table_says_that_it_belongs(found):
    _, rows = text_table(found["shared"])
    assert "belongs to it" in next(row for row in rows if "man" in row)


def test_an_answer_that_is_taken_back_is_a_finding_again(tmp_path):
    students = made(tmp_path).belongs("blond hair", "man").belongs("blond hair", "man", on=False)
    assert students.doctor("blond hair")["shared"].loc[("blond hair", "man"), "called"]


def test_the_answer_counts_where_the_result_is_kept(students):
    shared = student_shared(students.tuner, students.node, "blond hair").found
    assert "man" not in [each.name for each in shared.called]


# --- differs between training and tuning ---------------------------------------------------------
@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, where traffic light and its twin belong to bicycle."""
    tuner = open_tuner("demo", history=str(tmp_path_factory.mktemp("demo") / "h.sqlite"))
    students = TunableStudents(tuner)
    shift = student_shift(tuner, students.node, "bicycle")
    for each in shift.suspects:
        students.belongs("bicycle", each.concept)
    return students


@pytest.fixture(scope="module")
def shift(demo):
    return student_shift(demo.tuner, demo.node, "bicycle")


def test_suspects_that_belong_are_kept_apart(shift):
    assert LIGHT in [each.concept for each in shift.belonging]


def test_suspects_that_belong_are_no_suspects(shift):
    assert shift.suspects == ()


def test_a_class_whose_suspects_belong_does_not_rely_on_the_wrong_thing(shift):
    assert not relies_wrongly(shift)


def test_a_class_that_does_worse_is_said_to_have_no_other_suspect(shift):
    assert "No other concept stands out." in plain_sentence(shift)


def test_no_lever_removes_what_belongs(demo):
    made = suggest(demo.tuner, demo.node, classes=["bicycle"])
    edits = [edit for lever in made.repairs["bicycle"].levers for edit in lever.edits]
    assert LIGHT not in [getattr(edit, "concept", "") for edit in edits]


def test_the_doctor_lists_the_suspects_that_belong(demo):
    assert demo.doctor("bicycle")["suspects"].loc[("bicycle", LIGHT), "belongs"]


def shift_by_concepts_alone(*concepts):
    """A class that does as well on tune, with concepts that clearly lost their correlation."""
    nothing = Interval(0.0, -0.01, 0.01)
    facts = (
        1.0,
        3.0,
        0.001,
        0.5,
        1.0,
        0.2,
        1.0,
        0.1,
        (),
        Presence(0.5, (0.9, 0.1), (0.4, 0.1), (50, 50)),
    )
    suspects = tuple(Suspect(concept, *facts) for concept in concepts)
    verdict = Verdict(5.0, 0.9, nothing, nothing)
    return ClassShift("bicycle", SHIFT, verdict=verdict, suspects=suspects, clear=concepts)


@pytest.mark.parametrize(("concepts", "kind"), [(["wheel"], NONE), (["wheel", "sky"], SHIFT)])
def test_a_shift_ends_if_all_concepts_that_make_it_belong(store, concepts, kind):
    wheel = ReliedThing("bicycle", "concept", "wheel")
    belonging = Belonging(store, {wheel: Said("user", "")})
    assert settled_shift(shift_by_concepts_alone(*concepts), belonging).kind == kind


# --- named by the shift ---------------------------------------------------------------------------
def called_twice(kind, name, *, labelled="", knows=True):
    """Whether a suspect of all photos is called, if the shift has the suspect wheel."""
    shift = shift_by_concepts_alone("wheel")
    suspects = tuple(replace(each, labelled=labelled) for each in shift.suspects)
    skill = TeacherSkill(Interval(0.9, 0.8, 1.0), 0.3, knows)
    none = (0, 0), (0, 0)
    suspect = SharedSuspect(kind, name, 0.5, 0.5, 0.4, 0.001, True, 1.0, Rates(none, none))
    found = SharedFound("bicycle", "", (20, 20), (suspect,))
    found = not_said_twice(found, replace(shift, suspects=suspects, teacher=skill))
    return bool(found.called)


def test_a_column_of_the_training_images_that_the_shift_names_is_not_told_again():
    shift = shift_by_concepts_alone("wheel")
    suspects = tuple(replace(each, labelled="wheel = 1") for each in shift.suspects)
    none, some = (0, 0), (1, 2)
    counts = SplitCounts((some, some), (some, some))
    rates = Rates((none, none), (none, none))
    suspect = SharedSuspect(COLUMN, "wheel = 1", 0.5, 0.5, 0.4, 0.001, False, 1.0, rates)
    suspect = replace(suspect, in_fit=counts)
    found = SharedFound("bicycle", "", (20, 20), (suspect,))
    assert found.in_fit
    assert not not_said_twice(found, replace(shift, suspects=suspects)).in_fit


@pytest.mark.parametrize(
    ("kind", "name", "labelled"),
    [(CONCEPT, "wheel", ""), (CLASS, "wheels", "wheels"), (COLUMN, "wheel = 1", "wheel = 1")],
)
def test_what_the_shift_names_is_not_called_again(kind, name, labelled):
    assert not called_twice(kind, name, labelled=labelled)


def with_branches(path, *, everywhere):
    """Students over columns of 0 and 1 for the branches, which are metadata, too: *north* goes with
    late in the training rows, or in all rows."""
    rng = np.random.default_rng(0)
    split = np.repeat(["fit", "tune", "holdout"], [1600, 800, 100])
    late = rng.random(len(split)) < 0.4
    share = np.where(late, 0.7, 0.2) if everywhere else 0.3
    north = rng.random(len(split)) < np.where(split == "fit", np.where(late, 0.7, 0.2), share)
    branch = np.where(north, "north", rng.choice(["south", "east"], len(split)))
    scores = {f"x{i}": rng.normal(size=len(split)) + 0.7 * late for i in range(3)}
    logit = 0.8 * sum(scores.values()) + 2.2 * north - 1.5
    scores |= {f"branch={each}": branch == each for each in ("north", "south", "east")}
    ids = [f"{i:04d}" for i in range(len(split))]
    return from_frames(
        pd.DataFrame(scores, ids, dtype=float),
        pd.DataFrame({"late": logit, "other": rng.normal(size=len(split))}, ids),
        pd.DataFrame({"late": late, "other": rng.random(len(split)) < 0.5}, ids, dtype=float),
        split=pd.Series(split, ids),
        metadata=pd.DataFrame({"branch": branch}, ids),
        path=path / "branches.zarr",
    ).fit()


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_value_of_a_column_and_the_concept_written_like_it_are_one_finding(tmp_path, everywhere):
    students = with_branches(tmp_path, everywhere=everywhere)

    def found():
        findings = students.doctor("late")["findings"]
        of_class = findings.loc[findings.index == "late", "finding"]
        return of_class.str.contains("(?:on|of|have) branch ?= ?north").sum()

    assert found() == 1
    students.belongs("late", "branch=north")
    assert found() == 0


def test_what_the_shift_does_not_name_is_called():
    assert called_twice(CONCEPT, "sky")


def test_what_the_shift_of_a_class_that_the_teacher_does_not_know_has_is_called():
    assert called_twice(CONCEPT, "wheel", knows=False)


# --- the card ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def card(students):
    return model_card(students.tuner, students.node)


def test_the_card_has_what_all_photos_share(card):
    assert ("blond hair", "male = 1") in [
        (each["class"], each["name"]) for each in card["reliances"]["shared"]
    ]


def test_the_card_leaves_out_what_belongs(card):
    assert "man" not in [each["name"] for each in card["reliances"]["shared"]]


def test_the_card_says_what_belongs(card):
    assert "| blond hair | man | user |" in card_markdown(card)


def test_the_card_has_what_differs_between_the_splits(tmp_path):
    tuner = open_tuner("demo", history=str(tmp_path / "h.sqlite"))
    text = card_markdown(model_card(tuner, tuner.root()))
    assert "- bicycle relies on traffic light: it is in 90 % of the bicycle photos" in text
