"""A class that is called in images of another class, with several classes per image."""

import numpy as np
import pandas as pd
import pytest

from inficond_panel import from_frames
from inficond_panel.results.doctor.decided import BESIDE, decision_findings
from inficond_panel.tuning.student import Student

CLASSES = ["truck", "bus", "dog"]


def students_of(path, teacher_of_truck):
    """Students of three classes that a column each tells; the teacher's truck is a function of the
    labels (n, 3)."""
    rng, names = np.random.default_rng(2), [f"r{i}" for i in range(1200)]
    label = (rng.random((1200, 3)) < (0.12, 0.12, 0.3)).astype(int)
    scores = pd.DataFrame(rng.normal(size=(1200, 6)), index=names).rename(columns="c{}".format)
    scores.iloc[:, :3] += 4.0 * label
    shown = np.column_stack([teacher_of_truck(label), label[:, 1:]])
    return from_frames(
        scores,
        pd.DataFrame(6.0 * shown - 3.0 + rng.normal(0, 0.3, (1200, 3)), names, CLASSES),
        pd.DataFrame(label, names, CLASSES),
        split=pd.Series(["fit"] * 800 + ["tune"] * 400, index=names),
        task="multi_label",
        path=path,
    ).fit()


@pytest.fixture(scope="module")
def confused(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("c") / "o.zarr", lambda y: y[:, :2].max(axis=1))


def findings(students):
    found = decision_findings(students.tuner, students.node, CLASSES)
    return {each.class_name: each.finding for each in found if each.kind == BESIDE}


def counts(student: Student, label: np.ndarray) -> tuple[int, int, int]:
    """Images with bus and without truck, called truck by the student, and by the teacher."""
    some = (label[:, 1] == 1) & (label[:, 0] == 0)
    return some.sum(), (student.logits > 0)[some].sum(), student.teacher_decided[some].sum()


def test_the_other_class_is_named_with_its_images(confused):
    tuner = confused.tuner
    student = tuner.at(confused.node, "tune")["truck"]
    images, called, by_teacher = counts(student, tuner.store.label[tuner.store.rows("tune")])
    told = findings(confused)["truck"]
    assert f"in {called} of the {images} tuning images with bus and without truck" in told
    assert told.endswith(f"the teacher calls it in {by_teacher} of them.")


def test_classes_that_are_rightly_called_are_not_named(confused):
    assert list(findings(confused)) == ["truck"]


def test_with_a_teacher_that_tells_them_apart_nothing_is_named(tmp_path):
    assert findings(students_of(tmp_path / "o.zarr", lambda y: y[:, 0])) == {}


def test_a_class_that_is_called_everywhere_is_not_called_in_images_of_another(tmp_path):
    rng = np.random.default_rng(5)
    anywhere = students_of(tmp_path / "o.zarr", lambda y: rng.random(len(y)) < 0.7)
    assert "truck" not in findings(anywhere)


def test_the_doctor_has_it(confused):
    found = confused.doctor()["findings"]
    assert BESIDE.replace("images", "rows") in set(found.loc[["truck"], "kind"])
