"""One class on one split at one node: by hand from the arrays that the store was written from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, SPEC, small_arrays

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store, write_store
from inficond_panel.tuning import History, Intent, Node, Tuner

CONCEPTS = ("wheel", "fur")


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    made = small_arrays()
    made["label"][::7, 3] = -1
    return made


@pytest.fixture(scope="module")
def tuner(arrays, tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    folder: Path = tmp_path_factory.mktemp("student")
    write_store(folder / "own.zarr", arrays, ATTRS)
    spec = folder / "small.yaml"
    spec.write_text(SPEC + "students: {lambda: 1e-4, threshold: {bird: 0.25}}\n")
    return Tuner(
        open_store(folder / "own.zarr"), load_spec(spec, check_files=False), History(":memory:")
    )


@pytest.fixture(scope="module")
def node(tuner: Tuner) -> Node:
    return tuner.fine_tune(tuner.root(), [Intent("bird", "wheel", "remove")])


@pytest.mark.parametrize("split", ["fit", "tune", "holdout"])
@pytest.mark.parametrize(("name", "k", "threshold"), [("bicycle", 0, 0.0), ("bird", 3, 0.25)])
def test_a_student_is_what_arrays_and_weights_say(
    tuner, node, arrays, split, name, k, threshold
) -> None:
    student = tuner.at(node, split)[name]
    rows = [i for i, own in enumerate(arrays["split"]) if own == split]
    weights, intercept = node.weights[:, k], node.intercepts[k]
    scores = arrays["concept_score"].astype(np.float32)
    assert student.column == k
    assert student.rows.tolist() == rows
    assert student.labels.tolist() == [arrays["label"][i, k] for i in rows]
    assert student.teacher_logits.tolist() == [
        np.float32(arrays["teacher_logit"][i, k]) for i in rows
    ]
    by_hand = [sum(float(s) * w for s, w in zip(scores[i], weights, strict=True)) for i in rows]
    np.testing.assert_allclose(student.logits, np.add(by_hand, intercept), rtol=0, atol=1e-12)
    assert student.cutoff == threshold
    assert np.array_equal(student.scores, scores[rows])
    assert student.intercept == intercept
    assert np.array_equal(student.weights, weights)
    for concept in CONCEPTS:
        c = arrays["concept"].tolist().index(concept)
        assert np.array_equal(student.score(concept), scores[rows, c])
        assert student.weight(concept) == weights[c]


def test_decisions_of_its_outcome_are_counted_by_hand(tuner, node) -> None:
    student = tuner.at(node, "tune")["bird"]
    known = student.labels >= 0
    right = (student.logits > 0.25) == (student.labels == 1)
    alike = (student.logits > 0.25) == (student.teacher_logits > 0.25)
    assert 0 < known.sum() < len(known)
    assert student.metrics.accuracy == right[known].mean()
    assert student.metrics.fidelity == alike.mean()
    assert student.outcome.value("accuracy") == right[known].mean()


def test_a_bound_is_its_own_class_s_alone(tuner, node) -> None:
    students = tuner.at(node, "tune")
    assert students["bird"].bound("wheel") == (0.0, 0.0)
    assert students["bird"].bound("fur") is None
    assert students["bicycle"].bound("wheel") is None


def test_students_are_those_of_all_classes_in_the_store_s_order(tuner, node, arrays) -> None:
    students = tuner.at(node, "tune")
    assert list(students) == arrays["class_name"].tolist()
    assert len(students) == 4
    assert [one.class_name for one in students.values()] == list(students)
    assert {name: one.outcome for name, one in students.items()} == students.outcomes
    with pytest.raises(KeyError, match="birds"):
        students["birds"]


def test_arrays_are_read_only_and_kept_for_who_asks_again(tuner, node) -> None:
    one, again = tuner.at(node, "tune")["bird"], tuner.at(node, "tune")["bird"]
    assert one == again
    assert one.logits is again.logits
    assert one.labels is again.labels
    assert one.outcome is again.outcome
    for name in ("rows", "labels", "logits", "teacher_logits", "scores", "weights"):
        assert not getattr(one, name).flags.writeable, name
    assert not one.score("wheel").flags.writeable
    with pytest.raises(AttributeError):
        one.split = "holdout"
