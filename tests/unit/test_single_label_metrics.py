"""All students as one classifier: from a store to the command line and to frames."""

import numpy as np
import pytest
from frames import SINGLE as CLASSES
from frames import frames, single_frames
from scipy.special import expit, softmax
from sklearn.metrics import confusion_matrix, top_k_accuracy_score

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.errors import TuningError
from inficond_panel.results.confusions import confusions, metrics_together
from inficond_panel.results.frame import text_table
from inficond_panel.tuning import Intent


@pytest.fixture
def students(tmp_path):
    return from_frames(**single_frames(), path=tmp_path / "own.zarr").fit()


def test_the_matrix_top_k_changes_and_pairs_of_classes(students, capsys):
    students.tune([Intent("cat", "a", "remove")])
    store, rows, node = students.tuner.store, students.tuner.store.rows("tune"), students.node
    mine = expit(store.concept_score[rows] @ node.weights + node.intercepts)
    mine /= mine.sum(axis=1, keepdims=True)
    teacher = softmax(np.hstack([store.teacher_logit, store.other_logit])[rows], axis=1)[:, :3]
    label = store.label[rows].argmax(1)
    for named, theirs in ((mine, False), (teacher, True)):
        found = students.confusion("tune", teacher=theirs)
        assert list(found.index) == list(found.columns) == CLASSES
        matrix = confusion_matrix(label, named.argmax(1), labels=range(3))
        assert found.to_numpy().tolist() == matrix.tolist()  # labels in rows
    found = metrics_together(students.tuner, students.node, "tune", k=2, draws=20)
    k = top_k_accuracy_score(label, mine, k=2)
    assert found.loc["top_k", "students"] == pytest.approx(k)
    assert found.loc["top_k", "name"] == "top-2 accuracy"
    frame = students.metrics_together()
    assert "since_parent" not in frame  # the parent is the start
    assert text_table(frame)[0][-3:] == ["since the start", "95 %", ""]
    before = frame.loc["top1", "since_start"]
    students.jump("0")
    start = students.metrics_together("tune").loc["top1", "students"]
    assert before == pytest.approx(found.loc["top1", "students"] - start)
    pairs = confusions(students.tuner, students.tuner.nodes()[1], "tune")
    for column, named in (("images", mine), ("teacher_images", teacher)):
        matrix = confusion_matrix(label, named.argmax(1), labels=range(3))
        cells = {(CLASSES[i], CLASSES[j]): n for (i, j), n in np.ndenumerate(matrix)}
        assert all(pairs[column].get(pair, 0) == n for pair, n in cells.items())
    assert main(["metrics", str(students.tuner.store.path), "--confusion", "--draws", "20"]) == 0
    assert "taken for" in capsys.readouterr().out


def test_with_several_classes_an_image_there_is_no_top_one(tmp_path, capsys):
    students = from_frames(**frames(), path=tmp_path / "own.zarr").fit()
    with pytest.raises(TuningError, match="several classes: top-1"):
        students.metrics_together("tune")
    with pytest.raises(TuningError, match="top-1 is undefined"):
        students.confusion("holdout")
    assert students.tuner.looks() == 0
    assert main(["metrics", str(tmp_path / "own.zarr"), "--confusion"]) == 1
    assert "top-1 is undefined" in capsys.readouterr().err
