"""Adjusted targets, written out by NumPy: σ(t' / T) with t' = t + sd · Σ gain · max(0, z)."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from factory import oracle_arrays, small_arrays
from frames import SINGLE, joint_spec, single_frames
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, softmax
from tuners import tuner_of

from inficond_panel import from_frames
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.tuning import GroupIntent, Intent, open_tuner
from inficond_panel.tuning.fitting import adjusted_scores
from inficond_panel.tuning.fitting.adjustments import (
    MOST,
    Adjustment,
    added,
    measured,
    significant_value,
)
from inficond_panel.tuning.thumb_targets import LOWER_GAIN, RAISE_GAIN

TARGET = "tuning: {refit: target}\n"
NAMES = ["a", "b", "c"]
UP, DOWN = RAISE_GAIN, -LOWER_GAIN / 2  #: gains of thumbs by 2


def z(score: np.ndarray) -> np.ndarray:
    """Scores in standard deviations from their mean."""
    values = np.asarray(score, dtype=np.float64)
    return (values - values.mean()) / values.std()


def scores(seed: int, images: int = 50) -> np.ndarray:
    """Scores of three concepts: around 0, far from 0 and all negative, mostly 0."""
    rng = np.random.default_rng(seed)
    rare = rng.random(images) * (rng.random(images) < 0.2)
    rare[:2] = 0.5, 0.0  # never constant
    return np.stack([rng.normal(size=images), rng.normal(-40, 5, images), rare], axis=1)


# --- the formula ---------------------------------------------------------------------------------
@given(st.integers(0, 10**6), st.floats(-0.4, 2), st.floats(0.01, 50))
def test_one_thumb_adds_its_gain_times_the_positive_part_of_the_standardised_score(seed, gain, sd):
    x = scores(seed)
    for column, name in enumerate(NAMES):
        adjusted = [measured((name,), gain, x[:, [column]], sd)]
        expected = sd * np.clip(gain * np.maximum(z(x[:, column]), 0), -MOST, MOST)
        np.testing.assert_allclose(added(adjusted, x, NAMES), expected, rtol=1e-4, atol=1e-4 * sd)


@given(st.integers(0, 10**6), st.lists(st.floats(-0.4, 2), min_size=3, max_size=3))
def test_thumbs_add_up_to_three_deviations(seed, gains):
    x, sd = scores(seed), 2.5
    adjusted = [
        measured((n,), g, x[:, [c]], sd) for c, (n, g) in enumerate(zip(NAMES, gains, strict=True))
    ]
    total = sum(gain * np.maximum(z(x[:, c]), 0) for c, gain in enumerate(gains))
    expected = sd * np.clip(total, -3, 3)
    np.testing.assert_allclose(added(adjusted, x, NAMES), expected, rtol=1e-4, atol=1e-3)


@given(st.integers(0, 10**6))
def test_photos_below_the_mean_score_keep_their_target(seed):
    x = scores(seed)
    moved = added([measured(("b",), 1.0, x[:, [1]], 2.0)], x, NAMES)
    below = x[:, 1] < x[:, 1].mean() - 1e-3
    assert not moved[below].any()


@given(st.integers(0, 10**6), st.floats(0.1, 100), st.floats(-50, 50))
def test_scale_and_offset_of_a_score_change_nothing(seed, scale, offset):
    x = scores(seed)
    before, after = (
        added([measured(("a",), 0.5, each[:, [0]], 1.0)], each, NAMES)
        for each in (x, x * scale + offset)
    )
    np.testing.assert_allclose(after, before, atol=2e-3)


@given(st.integers(0, 10**6))
def test_a_group_is_the_largest_standardised_score_standardised_again(seed):
    x = scores(seed)
    moved = added([measured(("a", "b"), 0.5, x[:, :2], 2.0)], x, NAMES)
    largest = z(np.maximum(z(x[:, 0]), z(x[:, 1])))
    np.testing.assert_allclose(moved, 2.0 * 0.5 * np.maximum(largest, 0), rtol=1e-3, atol=1e-4)


@given(st.integers(0, 10**6), st.floats(-0.4, 2))
def test_plain_data_gives_the_same_numbers_again(seed, gain):
    x = scores(seed)
    one = measured(("a", "c"), gain, x[:, [0, 2]], 1.7)
    assert Adjustment.from_json(one.to_json()) == one


def test_plain_data_says_which_own_word_was_measured():
    one = measured(("a",), 0.4, scores(0)[:, :1], 1.7, word="ab12")
    assert Adjustment.from_json(one.to_json()).word == "ab12"


def test_plain_data_without_a_mean_for_each_concept_is_refused():
    plain = measured(("a", "b"), 0.4, scores(0)[:, :2], 1.7).to_json()
    with pytest.raises(ValueError, match="another number of concepts"):
        Adjustment.from_json({**plain, "means": plain["means"][:1]})


@pytest.mark.parametrize(("names", "digest"), [(["a"], ""), (["a", "own"], "ab12")])
def test_only_a_word_that_is_no_concept_is_identified(monkeypatch, names, digest):
    monkeypatch.setattr(adjusted_scores, "own_word", lambda *_: SimpleNamespace(digest="ab12"))
    store = SimpleNamespace(concepts=["a", "b"])
    assert adjusted_scores.word_digest(store, "class", names) == digest


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [(1.23456, 3, 1.23), (-98765.4321, 6, -98765.4), (0.00012344, 4, 0.0001234)],
)
def test_significant_values_have_the_digits_that_are_asked(value, digits, rounded):
    assert significant_value(value, digits) == rounded


def test_no_thumb_adds_nothing():
    assert not added([], scores(0), NAMES).any()


def test_a_concept_of_one_photo_in_a_thousand_is_cut_at_three_deviations():
    x = np.zeros((1000, 1))
    x[7] = 1.0  # z is 31.6
    moved = added([measured(("a",), 0.4, x, 2.0)], x, ["a"])
    assert (moved[7], np.count_nonzero(moved)) == (6.0, 1)


def test_a_teacher_of_one_output_gets_nothing_added():
    x = scores(0)
    assert not added([measured(("a",), 0.5, x[:, [0]], 0.0)], x, NAMES).any()


@pytest.mark.parametrize("value", [0.0, -3.5, 0.1])
def test_a_constant_concept_adds_nothing(value):
    x = scores(0)
    x[:, 1] = value
    assert not added([measured(("b",), 0.5, x[:, [1]], 1.0)], x, NAMES).any()


# --- what the students are fitted to -------------------------------------------------------------
def odds_after(store, odds: np.ndarray, gains: dict[str, float]) -> np.ndarray:
    """Log-odds on fit after thumbs, from log-odds ``odds`` there."""
    x = store.concept_score[store.rows("fit")]
    total = sum(g * np.maximum(z(x[:, store.concepts.index(c)]), 0) for c, g in gains.items())
    return odds + odds.std() * np.clip(total, -3, 3)


def fitted_to(tuner, *thumbs, name="bicycle"):
    """Targets of a class after thumbs on it."""
    data = tuner.data_at(tuner.preview(tuner.root(), thumbs))
    return data.targets.values[:, tuner.store.classes.index(name)]


def wheel(direction="up", name="bicycle"):
    return Intent(name, "wheel", direction, 2.0)


@pytest.mark.parametrize("temperature", [1, 4])
def test_a_sigmoid_teacher_is_adjusted_before_the_temperature(tmp_path, temperature):
    students = f"students: {{lambda: 1.0e-4, temperature: {temperature}}}\n"
    tuner = tuner_of(small_arrays(), tmp_path, TARGET + students)
    t = tuner.store.teacher_logit[tuner.store.rows("fit"), 0].astype(float)
    expected = expit(odds_after(tuner.store, t, {"wheel": UP}) / temperature)
    np.testing.assert_allclose(fitted_to(tuner, wheel()), expected, atol=1e-5)


def test_targets_of_a_sure_teacher_stay_probabilities(tmp_path):
    arrays = small_arrays()
    arrays["teacher_logit"] = 40 * np.sign(arrays["teacher_logit"] + 1e-3)
    tuner = tuner_of(arrays, tmp_path, TARGET)
    found = fitted_to(tuner, wheel("down"))
    t = tuner.store.teacher_logit[tuner.store.rows("fit"), 0].astype(float)
    np.testing.assert_allclose(found, expit(odds_after(tuner.store, t, {"wheel": DOWN})), atol=1e-5)


def test_a_student_of_a_sure_teacher_has_its_certificate(tmp_path):
    arrays = small_arrays()
    arrays["teacher_logit"] = 40 * np.sign(arrays["teacher_logit"] + 1e-3)
    tuner = tuner_of(arrays, tmp_path, TARGET)
    node = tuner.preview(tuner.root(), [wheel("down")])
    assert node.gap[0] <= tuner.spec.students.tolerance


def test_a_bound_is_taken_where_a_teacher_has_equal_outputs(tmp_path):
    arrays = small_arrays()
    arrays["teacher_logit"][:, 0] = 1.5
    tuner = tuner_of(arrays, tmp_path, TARGET)
    node = tuner.preview(tuner.root(), [Intent("bicycle", "wheel", "up", bound=0.5)])
    assert node.weights[tuner.store.concepts.index("wheel"), 0] >= 0.5


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_binary_concept_is_standardised_by_its_share(tmp_path, share):
    arrays = small_arrays()
    column = list(arrays["concept"]).index("wheel")
    chosen = np.random.default_rng(0).random(len(arrays["concept_score"])) < share
    arrays["concept_score"][:, column] = chosen
    tuner = tuner_of(arrays, tmp_path, TARGET)
    t = tuner.store.teacher_logit[tuner.store.rows("fit"), 0].astype(float)
    expected = expit(odds_after(tuner.store, t, {"wheel": UP}))
    np.testing.assert_allclose(fitted_to(tuner, wheel()), expected, atol=1e-5)


def test_a_group_of_the_store_is_one_term(tmp_path):
    tuner = tuner_of(small_arrays(), tmp_path, TARGET)
    store, rows = tuner.store, tuner.store.rows("fit")
    t, x = store.teacher_logit[rows, 0].astype(float), store.concept_score[rows]
    two = [z(x[:, store.concepts.index(name)]) for name in ("sky", "fur")]
    expected = t + t.std() * DOWN * np.maximum(z(np.maximum(*two)), 0)
    found = fitted_to(tuner, GroupIntent("bicycle", ("sky", "fur"), "down", 2.0))
    np.testing.assert_allclose(found, expit(expected), atol=1e-5)


def test_an_oracle_is_adjusted_by_its_own_deviation(tmp_path):
    tuner = tuner_of(oracle_arrays(), tmp_path, TARGET).with_students(targets="oracle")
    label = np.maximum(tuner.store.label[tuner.store.rows("fit"), 0], 0)
    t = tuner.store.teacher_logit[tuner.store.rows("fit"), 0] + 2 * (2.0 * label - 1)
    expected = expit(odds_after(tuner.store, t, {"wheel": UP}))
    np.testing.assert_allclose(fitted_to(tuner, wheel()), expected, atol=1e-4)


def test_tempered_logits_learn_adjusted_probabilities_beside_the_labels(tmp_path):
    students = "students: {lambda: 1.0e-4, temperature: 2, tempered: both, labels: {alpha: 1}}\n"
    tuner = tuner_of(small_arrays(), tmp_path, TARGET + students)
    found = fitted_to(tuner, wheel())
    assert isinstance(found, Tempered)
    rows = tuner.store.rows("fit")
    t = tuner.store.teacher_logit[rows, 0].astype(float)
    np.testing.assert_array_equal(found.label, tuner.store.label[rows, 0])
    expected = expit(odds_after(tuner.store, t, {"wheel": UP}) / 2)
    np.testing.assert_allclose(found.soft, expected, atol=1e-5)


# --- one class an image: a teacher with further classes ------------------------------------------
def single_spec(folder: Path, students: str) -> Path:
    """A spec of one student a class, of a softmax teacher with two further classes."""
    from_frames(**single_frames(), path=folder / "one.zarr")
    spec = folder / "one.yaml"
    spec.write_text(f"title: One\nstore: one.zarr\nstudents: {{{students}}}\n{TARGET}")
    return spec


def dog_e_by_hand(store, temperature: float) -> np.ndarray:
    """Log-odds of 'dog' at the temperature after ▲ ×2 on 'e': five classes share the softmax."""
    rows = store.rows("fit")
    logit = np.hstack([store.teacher_logit, store.other_logit])[rows].astype(float)
    odds = [log_softmax(each, axis=1)[:, 2] for each in (logit, logit / temperature)]
    odds = [log_p - np.log1p(-np.exp(log_p)) for log_p in odds]
    moved = odds[0].std() * np.clip(UP * np.maximum(z(store.concept_score[rows, 4]), 0), -3, 3)
    return odds[1] + moved / temperature


@pytest.mark.parametrize("temperature", [1, 3])
def test_a_softmax_teacher_is_adjusted_in_its_log_odds(tmp_path, temperature):
    spec = single_spec(tmp_path, f"lambda: 1.0e-3, temperature: {temperature}")
    tuner = open_tuner(spec, history=":memory:")
    found = fitted_to(tuner, Intent("dog", "e", "up", 2.0), name="dog")
    np.testing.assert_allclose(found, expit(dog_e_by_hand(tuner.store, temperature)), atol=1e-5)


@pytest.fixture
def joint(tmp_path):
    spec = joint_spec(tmp_path)
    spec.write_text(re.sub("^tuning:.*\n", "", spec.read_text(), flags=re.MULTILINE) + TARGET)
    return open_tuner(spec, history=":memory:")


def joint_targets(tuner) -> np.ndarray:
    data = tuner.data_at(tuner.preview(tuner.root(), [Intent("dog", "e", "up", 2.0)]))
    return np.asarray(data.targets.values)


def test_targets_of_a_softmax_student_sum_to_1(joint):
    np.testing.assert_allclose(joint_targets(joint).sum(axis=1), 1, atol=1e-12)


def test_a_softmax_student_is_adjusted_in_the_logit_of_its_class(joint):
    store, rows = joint.store, joint.store.rows("fit")
    logit = store.teacher_logit[rows].astype(float)
    every = np.hstack([logit, store.other_logit[rows]])
    log_p = log_softmax(every, axis=1)[:, 2]
    sd = (log_p - np.log1p(-np.exp(log_p))).std()
    logit[:, SINGLE.index("dog")] += sd * UP * np.maximum(z(store.concept_score[rows, 4]), 0)
    np.testing.assert_allclose(joint_targets(joint), softmax(logit, axis=1), atol=1e-5)
