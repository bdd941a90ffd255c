"""Students that rank worse than the own word of their class does alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.results.doctor.behind_word import BEHIND_WORD, behind_words
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.vocabulary.intents import LABELS

CLASSES = ["bench", "dog"]


def students_of(folder, *, word=2.0, taught="person"):
    """Labels go with the concept of each class, by ``word`` standard deviations; the teacher of
    bench goes with the concept ``taught``, that of dog with dog."""
    rng, ids = np.random.default_rng(0), [f"{at:04d}" for at in range(1200)]
    label = (rng.random((1200, 2)) < 0.3).astype(int)
    own = rng.normal(size=(1200, 2)) + word * label
    scores = pd.DataFrame(own, ids, CLASSES).assign(person=rng.normal(size=1200))
    logits = pd.DataFrame({"bench": scores[taught], "dog": 3 * label[:, 1] - 1.5}, ids)
    return inficond_panel.from_frames(
        scores,
        logits,
        pd.DataFrame(label, ids, CLASSES),
        split=pd.Series(np.repeat(["fit", "tune"], [700, 500]), ids),
        path=folder / "own.zarr",
    ).fit()


def behind(students):
    return {each.class_name: each for each in behind_words(students.tuner, students.node, CLASSES)}


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("word"))


def test_a_student_that_follows_its_teacher_away_from_the_class_is_behind(students):
    assert [*behind(students)] == ["bench"]


def test_the_aps_are_those_of_the_scores_and_the_logits(students):
    found, tuner = behind(students)["bench"], students.tuner
    rows = tuner.store.rows("tune")
    word = tuner.store.scores_of("tune")[:, tuner.store.concepts.index("bench")]
    own = tuner.logits(students.node, rows)[:, 0]
    teacher = tuner.store.teacher_logit[rows, 0]
    labels = tuner.store.label[rows, 0]
    assert (found.word_ap, found.student_ap, found.teacher_ap) == pytest.approx(
        [average_precision_score(labels, each) for each in (word, own, teacher)]
    )


def test_the_interval_is_of_the_difference(students):
    found = behind(students)["bench"]
    assert found.more.estimate == pytest.approx(found.word_ap - found.student_ap)


def test_the_doctor_says_so(students):
    findings = students.doctor()["findings"]
    assert [*findings[findings["kind"] == BEHIND_WORD].index] == ["bench"]


def test_a_word_by_chance_is_not_ahead(tmp_path):
    """A control: the same teacher, and a concept of the class's name that tells nothing of it."""
    assert not behind(students_of(tmp_path, word=0.0))


def test_a_student_that_uses_the_word_is_not_behind(tmp_path):
    assert not behind(students_of(tmp_path, taught="bench"))


def test_a_student_that_has_learned_the_labels_is_not_behind(students):
    node = students.tuner.fine_tune(students.node, [Learn("bench", LABELS, value=100.0)])
    assert not [*behind_words(students.tuner, node, CLASSES)]
