"""All students as one classifier: from a store to the command line and to frames."""

import json

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, confusion_matrix, top_k_accuracy_score
from test_single_label_data import CLASSES, single_frames

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.errors import TuningError
from inficond_panel.results.image_sets import decided_images
from inficond_panel.tuning import Intent


@pytest.fixture
def students(tmp_path):
    return from_frames(**single_frames(), path=tmp_path / "own.zarr").fit()


def expected(students, split="tune"):
    """Labels, and probabilities of students and teacher, from the arrays of the store."""
    store = students.tuner.store
    rows = store.rows(split)
    logit = store.concept_score[rows] @ students.node.weights + students.node.intercepts
    p = expit(logit)
    z = np.hstack([store.teacher_logit, store.other_logit])[rows]
    return store.label[rows].argmax(1), p / p.sum(1, keepdims=True), softmax(z, axis=1)[:, :3]


def test_the_frame_has_the_metrics_of_students_and_teacher(students):
    frame = students.metrics("tune", intervals=True, together=True)
    label, mine, teacher = expected(students)
    assert frame.loc["students", "top1"] == accuracy_score(label, mine.argmax(1))
    assert frame.loc["teacher", "top1"] == accuracy_score(label, teacher.argmax(1))
    assert frame.loc["students", "agreement"] == np.mean(mine.argmax(1) == teacher.argmax(1))
    assert np.isnan(frame.loc["teacher", "agreement"])
    assert frame.loc["students", "top1_low"] <= frame.loc["students", "top1"]
    assert np.isnan(frame.loc["students", "top_k"])  # three classes have no five likeliest


def test_the_matrix_has_labels_in_rows(students):
    label, mine, teacher = expected(students)
    found = students.confusion("tune")
    assert list(found.index) == list(found.columns) == CLASSES
    assert found.to_numpy().tolist() == confusion_matrix(label, mine.argmax(1)).tolist()
    theirs = students.confusion("tune", teacher=True).to_numpy()
    assert theirs.tolist() == confusion_matrix(label, teacher.argmax(1), labels=range(3)).tolist()


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_bars_go_by_the_class_that_is_named(students, link):
    students = students.with_settings(link=link).fit()
    probability = np.asarray(students.predict_proba("tune"))
    label, _, theirs = expected(students)
    mine = (probability / probability.sum(1, keepdims=True)).argmax(1)
    bars = students.plot.performance("tune").dframe()
    for k, name in enumerate(CLASSES):
        student, teacher = students.student(name, "tune"), theirs.argmax(1)
        right = [(who == k) == (label == k) for who in (teacher, mine)]
        for side, images in (("positives", label == k), ("negatives", label != k)):
            found = bars[(bars["class"] == name) & (bars["side"] == side)]
            cells = [(True, True), (True, False), (False, False), (False, True)]  # as FILLS
            counts = [np.sum(images & (right[0] == t) & (right[1] == s)) for t, s in cells]
            assert found["images"].tolist() == counts
            shown = [
                decided_images(student, side, teacher_right=t, student_right=s) for t, s in cells
            ]
            assert [len(rows) for rows in shown] == counts


def test_info_has_the_top1_accuracy_of_the_teacher(students, capsys):
    path = str(students.tuner.store.path)
    label, _, teacher = expected(students)
    assert main(["info", path, "--json"]) == 0
    top1 = json.loads(capsys.readouterr().out)["teacher_skill"]["top1"]
    assert top1["estimate"] == accuracy_score(label, teacher.argmax(1))
    assert main(["info", path]) == 0
    assert "top-1 accuracy of the teacher on tune" in capsys.readouterr().out


def test_a_look_at_the_holdout_is_counted(students):
    students.confusion("holdout")
    students.metrics("holdout", together=True)
    assert students.tuner.looks() == 2


def test_the_command_prints_them(students, capsys):
    students.tune([Intent("cat", "a", "remove")])
    path = str(students.tuner.store.path)
    assert main(["metrics", path, "--json", "--top-k", "2", "--draws", "20"]) == 0
    together = json.loads(capsys.readouterr().out)["single_label"]
    label, mine, _ = expected(students)
    k = top_k_accuracy_score(label, mine, k=2)
    assert together["metrics"]["top_k"]["estimate"] == pytest.approx(k)
    assert together["confusion"]["students"] == confusion_matrix(label, mine.argmax(1)).tolist()
    assert set(together["since_parent"]) == set(together["metrics"])
    wrong = sum(cell["images"] for cell in together["confusion"]["cells"])
    assert wrong == (label != mine.argmax(1)).sum()
    assert main(["metrics", path, "--confusion", "--draws", "20"]) == 0
    out = capsys.readouterr().out
    assert "top-1 accuracy" in out
    assert "taken for" in out


def test_with_several_classes_an_image_there_is_no_top_one(tmp_path, capsys):
    from frames import frames

    students = from_frames(**frames(), path=tmp_path / "own.zarr").fit()
    with pytest.raises(TuningError, match="any number of classes an image: there is no top-1"):
        students.metrics("tune", together=True)
    with pytest.raises(TuningError, match="no top-1"):
        students.confusion("holdout")
    assert students.tuner.looks() == 0
    assert main(["metrics", str(tmp_path / "own.zarr"), "--confusion"]) == 1
    assert "there is no top-1" in capsys.readouterr().err
    assert main(["metrics", str(tmp_path / "own.zarr"), "--json", "--draws", "10"]) == 0
    assert json.loads(capsys.readouterr().out)["single_label"] is None
