"""Penalties that the spec leaves to the data: chosen by the teacher, recorded with the root."""

from types import SimpleNamespace

import numpy as np
import pytest
from factory import SPEC
from frames import frames
from scipy.special import expit

import inficond_panel
from inficond_panel import distill
from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning import tuner as tuner_module
from inficond_panel.tuning.fitting.penalty_choice import _losses, compared_penalties, least_loss
from inficond_panel.tuning.fitting.recipe import LAMBDA_CHOSEN
from inficond_panel.tuning.replay import replay
from inficond_panel.wording.repairs import penalty_text

UP = Intent("bicycle", "wheel", "up")


def make_tuner(store, folder, students="{lambda: auto}", history=":memory:") -> Tuner:
    path = folder / "small.yaml"
    path.write_text(f"{SPEC}students: {students}\n")
    return Tuner(store, load_spec(path, check_files=False), History(history))


def best_on_tune(store: Store) -> tuple[float, ...]:
    """Least mean cross-entropy with the teacher, of students fitted one by one: penalties (K,)."""
    fitted, compared = store.rows("fit"), store.rows("tune")
    soft, path = expit(store.teacher_logit.astype(float)), compared_penalties(store)
    losses = []
    for value in path:
        students = distill.fit(store.concept_score[fitted], soft[fitted], l1=value, tolerance=1e-8)
        p = expit(store.concept_score[compared] @ students.weights + students.intercepts)
        t = soft[compared]
        losses.append(-(t * np.log(p) + (1 - t) * np.log1p(-p)).mean(axis=0))
    return tuple(np.array(path)[np.argmin(losses, axis=0)])


def test_the_student_nearest_to_the_teacher_is_taken_also_beside_others(store, tmp_path):
    tuner, expected = make_tuner(store, tmp_path), best_on_tune(store)
    assert tuner.penalties == expected
    assert len(set(expected)) > 1
    numbers = dict(zip(store.classes, tuner.penalties, strict=True))
    fixed = make_tuner(store, tmp_path, f"{{lambda: {numbers}}}".replace("'", ""))
    np.testing.assert_array_equal(tuner.root().weights, fixed.root().weights)
    assert tuner.root().settings["lambda"] == fixed.root().settings["lambda"] == numbers
    assert tuner.root().settings["lambda_chosen"] == list(store.classes)
    assert tuner.root_id != fixed.root_id
    node = tuner.fine_tune(tuner.root(), [UP])
    assert node.settings["lambda"] == numbers
    record = str(tmp_path / "a.sqlite")
    make_tuner(store, tmp_path, "{lambda: 1e-2}", record).root()
    make_tuner(store, tmp_path, "{lambda: auto, temperature: 3}", record).root()
    tuner = make_tuner(store, tmp_path, history=record)
    assert tuner.penalties == best_on_tune(store)


def test_a_history_keeps_what_was_chosen(store, tmp_path, monkeypatch):
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


@pytest.mark.parametrize("students", ["labels: {alpha: 1}", "temperature: 2, tempered: both"])
def test_any_loss_has_a_choice(store, tmp_path, students):
    """By folds of fit where labels are learned, since tune's labels are not to be spent."""
    chosen = make_tuner(store, tmp_path, f"{{lambda: auto, {students}}}").penalties
    assert set(chosen) <= set(compared_penalties(store))


def chosen(given: dict, **settings: float) -> tuple[float, ...]:
    students = inficond_panel.from_frames(**given)
    return students.with_settings(lambda_="auto", **settings).tuner.penalties


def test_labels_that_weigh_nothing_choose_nothing_and_the_scale_is_that_of_the_scores():
    """Where labels alone are learned, the teacher's logits of images without a label are unread."""
    given = frames(200)
    plain, larger = chosen(given), chosen({**given, "scores": 1000 * given["scores"]})
    np.testing.assert_allclose(larger, np.multiply(plain, 1000), rtol=1e-9)
    given["labels"] = given["labels"].astype(float)
    given["labels"].iloc[::3, 0] = np.nan
    one = chosen(given, alpha=0.0)
    given["logits"].iloc[::3, 0] *= 20  # on the same side of 0: in the same folds
    assert chosen(given, alpha=0.0) == one


@pytest.mark.parametrize("images", [4, 8, 16])
def test_too_few_images_take_the_least_penalty(images):
    """Half of the images are of fit; with fewer than five there are no folds."""
    given = frames(images)
    given["split"][:] = np.array(["fit", "tune"])[np.arange(images) % 2]
    tuner = inficond_panel.from_frames(**given).tuner
    path = compared_penalties(tuner.store)
    assert set(tuner.penalties) <= (set(path) if images == 16 else {path[0]})
    assert np.isfinite(tuner.root().weights).all()


def test_a_class_that_a_fold_lacks_takes_the_least_and_no_student_is_empty():
    """Its teacher is sure of all images but one: without that one no student is finite."""
    given = frames(80)
    fit = given["split"].index[given["split"] == "fit"]
    given["split"][given["split"] == "tune"] = "holdout"
    given["split"].iloc[2] = "tune"
    given["logits"].loc[:, "bird"] = -800.0
    given["logits"].loc[fit[3], "bird"] = 1.0
    tuner = inficond_panel.from_frames(**given).tuner
    path = compared_penalties(tuner.store)
    assert tuner.penalties[0] == path[0]
    alone = {**given, **{key: given[key][["cat"]] for key in ("logits", "labels")}}
    assert tuner.penalties[1] == inficond_panel.from_frames(**alone).tuner.penalties[0] != path[0]
    losses = np.array([[3.0, 3, 3], [2, 2, 2], [1, 1, 1]])[:, None]
    sizes = np.array([[5, 5, 0], [2, 2, 0], [1, 0, 0]])
    assert least_loss(losses, sizes).tolist() == [2, 1, 2]
    assert penalty_text([1e-3, 1e-3]) == "0.001"
    assert penalty_text([1e-3, 1e-4], chosen=True) == "auto: 0.0001 to 0.001 by class"


def test_penalties_of_the_spec_leave_no_trace_of_a_choice(store, tmp_path):
    root = make_tuner(store, tmp_path, "{lambda: 0.001}").root()
    assert LAMBDA_CHOSEN not in root.settings


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_students_are_compared_at_the_temperature_of_the_targets(temperature):
    logits, targets = np.array([[1.0], [-2.0]]), np.array([[0.7], [0.1]])
    source = SimpleNamespace(divisor=temperature, link="sigmoid")
    part = SimpleNamespace(targets=targets, weight=np.array([1.0, 3.0]))
    p = expit(logits / temperature)
    expected = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)) * [[1.0], [3.0]]
    np.testing.assert_allclose(_losses(SimpleNamespace(source=source), part, logits), expected)
