"""Groups in which the students of all classes are less often right, and the teacher is not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import inficond_panel
from inficond_panel.cli import main
from inficond_panel.errors import TuningError
from inficond_panel.results.student_accuracy import students_less_often_right
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView
from inficond_panel.wording.groups import STUDENTS_GROUP_WORDS

pytestmark = [pytest.mark.commands, pytest.mark.page]

IMAGES, CLASSES = 1500, [f"c{at}" for at in range(6)]


def students_of(folder, *, noise=0.0, teacher_too=False, seed=0, task="single_label"):
    """Six classes, each with a concept, and two cameras. On photos of the new one the scores have
    ``noise``, and so has what the teacher sees, if ``teacher_too``."""
    rng, ids = np.random.default_rng(seed), [f"{at:04d}" for at in range(IMAGES)]
    class_ = rng.integers(0, 6, IMAGES)
    camera = np.where(rng.random(IMAGES) < 0.2, "new", "old")
    seen = 3.0 * np.eye(6)[class_] + rng.normal(size=(IMAGES, 6))
    noisy = seen + np.where(camera == "new", noise, 0.0)[:, None] * rng.normal(size=seen.shape)
    given = (pd.DataFrame(each, ids, CLASSES) for each in (noisy if teacher_too else seen,))
    return inficond_panel.from_frames(
        pd.DataFrame(noisy, ids, [f"concept {at}" for at in range(6)]),
        2 * next(given),
        pd.DataFrame(np.eye(6, dtype=int)[class_], ids, CLASSES),
        split=pd.Series(np.repeat(["fit", "tune"], [900, 600]), ids),
        metadata=pd.DataFrame({"camera": camera}, ids),
        path=folder / "own.zarr",
        task=task,
        activation="softmax" if task == "single_label" else "sigmoid",
    ).fit()


def found(students):
    return students_less_often_right(students.tuner, students.node.id)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("noisy"), noise=3.0)


def test_a_camera_whose_scores_are_noise_is_named(noisy):
    assert [(each.column, each.group) for each in found(noisy)] == [("camera", "new")]


def test_the_shares_are_those_of_the_likeliest_classes(noisy):
    (one,), store = found(noisy), noisy.tuner.store
    rows = store.rows("tune")
    new = np.array(store.column("camera"))[rows] == "new"
    label = store.label[rows].argmax(axis=1)[new]
    for logits, share in (
        (noisy.decision_function("tune"), one.accuracy.estimate),
        (store.teacher_logit[rows], one.teacher),
    ):
        assert share == pytest.approx(np.mean(np.asarray(logits).argmax(axis=1)[new] == label))


def test_the_doctor_says_so_of_all_students(noisy):
    findings = noisy.doctor()["findings"]
    told = findings[findings["kind"] == STUDENTS_GROUP_WORDS]
    assert [*told.index] == ["students"]
    assert told["finding"].item().startswith("In “camera: new” the students' likeliest class is")


def test_photos_that_are_harder_for_the_teacher_too_are_no_such_finding(tmp_path):
    assert found(students_of(tmp_path, noise=3.0, teacher_too=True)) == ()


@pytest.mark.parametrize("seed", range(6))
def test_an_honest_camera_has_none(tmp_path, seed):
    assert found(students_of(tmp_path, seed=seed)) == ()


def test_with_several_classes_per_image_it_is_not_asked(tmp_path):
    assert found(students_of(tmp_path, noise=3.0, task="multi_label")) == ()


def test_the_accuracies_of_a_group_are_those_of_the_finding(noisy):
    (one,) = found(noisy)
    row = noisy.group_accuracy("camera").loc["new", ["accuracy", "teacher_accuracy"]]
    assert row.tolist() == pytest.approx([one.accuracy.estimate, one.teacher])


def test_each_image_is_in_one_group(noisy):
    assert noisy.group_accuracy("camera")["images"].sum() == 600


def test_metrics_by_a_column_have_a_table_of_all_classes_together(noisy, capsys):
    assert main(["metrics", str(noisy.tuner.store.path), "--by", "camera"]) == 0
    assert "all classes together, by camera" in capsys.readouterr().out


def test_the_limits_are_wilson_s_by_scipy(noisy):
    row = noisy.group_accuracy("camera").loc["new"]
    right = round(row["accuracy"] * row["images"])
    limits = binomtest(right, int(row["images"])).proportion_ci(method="wilson")
    assert row[["accuracy_low", "accuracy_high"]].tolist() == pytest.approx([*limits])


def test_with_several_classes_per_image_it_is_refused(tmp_path):
    with pytest.raises(TuningError, match="top-1 is undefined"):
        students_of(tmp_path, task="multi_label").group_accuracy("camera")


def test_the_start_page_says_so(noisy):
    upstream.apply()
    app = AppState(noisy.tuner, Jobs(inline=True))
    app.shifts.start()
    assert "In “camera: new” the students' likeliest class is" in StartView(app).panel.purpose
