"""Classes of a table that one column tells nearly alone, which may leak the label."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.results.doctor.one_column import one_column_note

IDS = [f"{at:04d}" for at in range(900)]
SPLIT = pd.Series(np.repeat(["fit", "tune"], [600, 300]), IDS)


def students_of(folder, name):
    """Of two classes by three columns each; the column ``name`` is made from the label of crack."""
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(900, 6)), IDS, [f"c{at}" for at in range(6)])
    logit = np.stack(
        [scores[["c0", "c1", "c2"]].sum(axis=1), scores[["c3", "c4", "c5"]].sum(axis=1)]
    )
    label = (1.5 * logit.T + rng.logistic(size=(900, 2)) > 3).astype(int)
    scores[name] = 4.0 * label[:, 0] + rng.normal(size=900)
    tables = (2 * logit.T - 3, label)
    return inficond_panel.from_frames(
        scores,
        *(pd.DataFrame(each, IDS, ["crack", "stain"]) for each in tables),
        split=SPLIT,
        path=folder / "own.zarr",
    ).fit()


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("leak"), "minutes")


def test_the_column_is_named_with_its_ap(students):
    store, rows = students.tuner.store, students.tuner.store.rows("tune")
    ap = average_precision_score(store.label[rows, 0], store.scores_of("tune")[:, 6])
    told = one_column_note(students.tuner, students.node, ("crack",))
    assert f"crack by minutes (AP {ap:.2f}, the student " in told


def test_a_class_of_several_columns_is_not_named(students):
    assert one_column_note(students.tuner, students.node, ("stain",)) == ""


def test_a_column_that_is_the_class_itself_is_not_named(tmp_path):
    students = students_of(tmp_path, "crack")
    assert one_column_note(students.tuner, students.node, ("crack",)) == ""


def test_the_doctor_has_it_as_a_note(students):
    notes = students.doctor()["findings"].attrs["notes"]
    assert any("crack by minutes" in note for note in notes)
