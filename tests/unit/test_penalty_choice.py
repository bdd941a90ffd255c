"""Penalties that the spec leaves to the data: chosen by the teacher, recorded with the root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import SPEC
from frames import frames, joint_spec
from scipy.special import expit

import inficond_panel
from inficond_panel import distill
from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning import tuner as tuner_module
from inficond_panel.tuning.fitting.penalty_choice import least_loss, penalty_path
from inficond_panel.tuning.replay import replay
from inficond_panel.wording.penalties import penalty_text

UP = Intent("bicycle", "wheel", "up")


AUTO = "{lambda: auto}"


def make_tuner(store: Store, folder: Path, students: str = AUTO, history: str = "") -> Tuner:
    path = folder / "small.yaml"
    path.write_text(f"{SPEC}students: {students}\n")
    return Tuner(store, load_spec(path, check_files=False), History(history or ":memory:"))


def best_on(store: Store, fitted: np.ndarray, compared: np.ndarray) -> np.ndarray:
    """Least mean cross-entropy with the teacher, of students fitted one by one: penalties (K,)."""
    soft, path = expit(store.teacher_logit.astype(float)), penalty_path(store)
    losses = []
    for value in path:
        students = distill.fit(store.concept_score[fitted], soft[fitted], l1=value, tolerance=1e-8)
        p = expit(store.concept_score[compared] @ students.weights + students.intercepts)
        t = soft[compared]
        losses.append(-(t * np.log(p) + (1 - t) * np.log1p(-p)).mean(axis=0))
    return np.array(path)[np.argmin(losses, axis=0)]


def test_the_student_nearest_to_the_teacher_on_tune_is_taken(store: Store, tmp_path: Path) -> None:
    tuner = make_tuner(store, tmp_path)
    expected = best_on(store, store.rows("fit"), store.rows("tune"))
    assert tuner.penalties == tuple(expected)
    assert len(set(expected)) > 1
    numbers = dict(zip(store.classes, tuner.penalties, strict=True))
    fixed = make_tuner(store, tmp_path, f"{{lambda: {numbers}}}".replace("'", ""))
    np.testing.assert_array_equal(tuner.root().weights, fixed.root().weights)
    assert tuner.root().settings["lambda"] == fixed.root().settings["lambda"] == numbers
    assert tuner.root().settings["lambda_chosen"] == list(store.classes)
    assert tuner.root_id != fixed.root_id
    node = tuner.fine_tune(tuner.root(), [UP])
    assert node.settings["lambda"] == numbers


def test_a_student_without_concepts_is_not_taken_where_there_is_another() -> None:
    losses = np.array([[3.0, 3, 3], [2, 2, 2], [1, 1, 1]])[:, None]
    sizes = np.array([[5, 5, 0], [2, 2, 0], [1, 0, 0]])
    assert least_loss(losses, sizes).tolist() == [2, 1, 2]


def test_a_class_with_a_number_keeps_it(store: Store, tmp_path: Path) -> None:
    tuner = make_tuner(store, tmp_path, "{lambda: {default: auto, bird: 1e-2}}")
    bird = store.classes.index("bird")
    assert tuner.penalties[bird] == 1e-2
    expected = best_on(store, store.rows("fit"), store.rows("tune"))
    assert np.delete(tuner.penalties, bird).tolist() == np.delete(expected, bird).tolist()
    assert tuner.root().settings["lambda_chosen"] == [c for c in store.classes if c != "bird"]


def test_a_history_keeps_what_was_chosen(store: Store, tmp_path: Path, monkeypatch) -> None:
    """As one from another machine, where the choice came out otherwise."""
    record = str(tmp_path / "a.sqlite")
    other = [3e-3, 1e-3, 1e-4, 1e-2]
    monkeypatch.setattr(tuner_module, "choose_penalties", lambda *_: other)
    node = make_tuner(store, tmp_path, history=record).root()
    monkeypatch.undo()
    monkeypatch.delattr(tuner_module, "choose_penalties")
    again = make_tuner(store, tmp_path, history=record)
    assert (again.penalties, again.root_id) == (tuple(other), node.id)
    again.fine_tune(again.root(), [UP])
    into = Tuner(store, again.spec, History(":memory:"), again.penalties)
    assert all(old.weights_hash == new.weights_hash for old, new in replay(again, into))


def test_students_of_other_settings_choose_for_themselves(store: Store, tmp_path: Path) -> None:
    record = str(tmp_path / "a.sqlite")
    make_tuner(store, tmp_path, "{lambda: 1e-2}", record).root()
    make_tuner(store, tmp_path, "{lambda: auto, temperature: 3}", record).root()
    tuner = make_tuner(store, tmp_path, history=record)
    assert tuner.penalties == tuple(best_on(store, store.rows("fit"), store.rows("tune")))


@pytest.mark.parametrize("students", ["labels: {alpha: 1}", "temperature: 2, tempered: both"])
def test_any_loss_has_a_choice(store: Store, tmp_path: Path, students: str) -> None:
    """By folds of fit where labels are learned, since tune's labels are not to be spent."""
    chosen = make_tuner(store, tmp_path, f"{{lambda: auto, {students}}}").penalties
    assert set(chosen) <= set(penalty_path(store))


def test_few_images_of_tune_do_not_choose(tmp_path: Path) -> None:
    given = frames(200)
    tune = given["split"].index[given["split"] == "tune"]
    given["split"][tune[8:]] = "holdout"
    students = inficond_panel.from_frames(**given).with_settings(lambda_="auto").fit()
    assert set(students.tuner.penalties) <= set(penalty_path(students.tuner.store))


def test_a_softmax_student_has_one_penalty(tmp_path: Path) -> None:
    students = inficond_panel.open_students(joint_spec(tmp_path, "lambda: auto")).fit()
    assert len(set(students.tuner.penalties)) == 1


def test_scores_on_another_scale_have_penalties_on_that_scale() -> None:
    given = frames(200)
    one = inficond_panel.from_frames(**given).with_settings(lambda_="auto").tuner
    given["scores"] *= 1000
    other = inficond_panel.from_frames(**given).with_settings(lambda_="auto").tuner
    np.testing.assert_allclose(other.penalties, np.multiply(one.penalties, 1000), rtol=1e-9)


def test_text() -> None:
    assert penalty_text([1e-3, 1e-3]) == "0.001"
    assert penalty_text([1e-3, 1e-4], chosen=True) == "auto: 0.0001 to 0.001 by class"
