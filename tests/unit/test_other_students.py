"""Iterations of other students in one history: counted, listed, and what differs."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from factory import EMBED
from histories import tuned_spec

from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.typed import TypedConcept, basis_of
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.tuning.history.records import named_concepts, read_others
from inficond_panel.tuning.opening import remove_concept, typed_anew, typed_folder
from inficond_panel.tuning.other_students import count_others, other_students, others_sentence

pytestmark = pytest.mark.commands


def type_moss(tuner: Tuner) -> Tuner:
    """The tuner over one more concept, as if it had been typed."""
    store = tuner.store
    rng = np.random.default_rng(5)
    score, cosine = rng.random(len(store.images)), rng.random(len(store.segment_image))
    text = rng.normal(size=EMBED)
    moss = TypedConcept(("moss",), basis_of(store), text / np.linalg.norm(text), score, cosine)
    typed_folder(tuner.history.path).add(moss)
    return typed_anew(tuner)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tuned_spec(tmp_path)  # #0 and #1 over the store's concepts


def test_of_one_root_there_are_no_other_students(spec):
    tuner = open_tuner(spec)
    assert other_students(tuner) == []
    assert others_sentence(count_others(tuner)) == ""
    assert "other students" not in repr(TunableStudents(tuner))


def test_the_history_of_one_root_names_no_other_students(spec, run):
    assert "only" in run("history", "list", spec, "--others")[1]
    assert "other students" not in run("history", "list", spec)[1]


@pytest.fixture
def moss(spec) -> Tuner:
    """The tuner after a concept was typed: its students are others."""
    return type_moss(open_tuner(spec))


def test_other_students_are_counted_where_students_are_shown(moss):
    assert "2 iterations of other students" in repr(TunableStudents(moss))


def test_an_iteration_of_other_students_is_told_as_such(moss, spec, run):
    assert "(inficond distill SPEC). 2 iterations" in run("explain", spec, "--node", "1")[2]


def test_other_students_are_listed_with_what_differs(moss):
    students = TunableStudents(moss)
    assert students.others[["iterations", "differs"]].to_numpy().tolist() == [[2, "without moss"]]


def test_thumbs_on_a_concept_taken_away_are_named(moss):
    tuner = moss
    tuner.fine_tune(tuner.root(), [Intent("sheep", "moss", "up")])
    (other,) = other_students(remove_concept(tuner, "moss"))
    assert other.root.iterations == 2
    assert other.differs == ("31 concepts, not 30", "thumbs on moss")


def test_other_settings_are_told_apart(spec):
    tuner = open_tuner(spec)
    warmer = tuner.with_students(temperature=tuner.spec.students.temperature * 2)
    warmer.root()
    (other,) = other_students(tuner)
    assert other.kind == "with other settings"
    was, now = (float(each.spec.students.temperature) for each in (warmer, tuner))
    assert other.differs == (f"temperature {was}, not {now}",)
    assert others_sentence(count_others(tuner), "small.yaml") == (
        "1 iteration of students with other settings is in this history; "
        "inficond history list small.yaml --others lists it."
    )
    typed = type_moss(tuner)
    assert others_sentence(count_others(typed)).startswith("3 iterations of students over")


@pytest.mark.parametrize("settings", ["{", "[]", "null"])
def test_settings_that_were_altered_tell_nothing(settings):
    """Rows of other roots are counted, not checked: damage there does not close these students."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE nodes (root, number, concepts, classes, intents, settings, created)")
    db.execute("INSERT INTO nodes VALUES ('a', 0, 3, 2, '{', ?, '2026')", (settings,))
    (other,) = read_others(db, "b")
    assert (other.iterations, other.concepts, other.settings) == (1, 3, {})
    assert named_concepts(db, "a") == []
