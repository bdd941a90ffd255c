"""With few photos of a class, share and penalty are chosen by the likelihood of labels."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from spread_shortcut import shifted_frames
from tuners import afresh

import inficond_panel
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.fitting.class_fit import held_out_logits
from inficond_panel.tuning.fitting.penalty_choice import compared_penalties
from inficond_panel.tuning.repairs.choosing import calibrated, choose, compared_by_ap, merits
from inficond_panel.tuning.repairs.learn import Learn, Learned
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty, lambda_path
from inficond_panel.tuning.repairs.resolution import compared_terms

pytestmark = pytest.mark.commands

REPAIRS = [Learn("truck"), Lambda("truck")]


def drawn(positives: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels (100,), and logits (3, 100) of students that rank them better and better."""
    rng = np.random.default_rng(seed)
    label = np.zeros(100, dtype=int)
    label[:positives] = 1
    return label, rng.normal(-1, 1, (3, 100)) + np.array([[0.2], [1.0], [2.0]]) * label


def by_platt(label: np.ndarray, logit: np.ndarray) -> np.ndarray:
    """Calibrated probabilities by scikit-learn: each photo twice, with the weights of Platt."""
    positives, n = label.sum(), len(label)
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (n - positives + 2))
    model = LogisticRegression(C=1e10, tol=1e-10, max_iter=10_000)
    model.fit(np.tile(logit, 2)[:, None], np.repeat([1, 0], n), np.r_[target, 1 - target])
    return model.predict_proba(logit[:, None])[:, 1]


def test_calibration_is_that_of_platt():
    label, logits = drawn()
    expected = [by_platt(label, each) for each in logits]
    np.testing.assert_allclose(1 / (1 + np.exp(-calibrated(label, logits))), expected, atol=1e-4)


def test_a_student_that_ranks_photos_the_wrong_way_round_is_not_turned():
    label, logits = drawn()
    found = calibrated(label, -logits[2:])
    np.testing.assert_allclose(found, found[0, 0], atol=1e-6)


def test_the_merit_for_few_photos_is_the_log_likelihood_of_calibrated_logits():
    label, logits = drawn()
    counts = np.random.default_rng(1).integers(0, 3, (4, 100))
    found = merits(label, logits, counts, by_ap=False)
    expected = [
        [-log_loss(label, by_platt(label, each), sample_weight=count) for count in counts]
        for each in logits
    ]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_merit_for_enough_photos_is_ap():
    label, logits = drawn(25)
    found = merits(label, logits, np.ones((1, 100)), by_ap=True)[:, 0]
    expected = [average_precision_score(label, each) for each in logits]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 3.0), (0.1, 0.0), (5.0, -2.0)])
def test_a_student_that_is_only_calibrated_otherwise_gains_nothing(slope, shift):
    label, logits = drawn()
    both = np.stack([logits[1], slope * logits[1] + shift])
    assert choose(label, both, None, by_ap=False).gain == pytest.approx(0, abs=1e-5)


@pytest.fixture(scope="module")
def tuner(tmp_path_factory) -> Tuner:
    """Students of a store in which 8 photos of tune are labelled as showing truck."""
    frames = shifted_frames(seed=1)
    label = frames["labels"].astype(float)
    shown = np.flatnonzero(
        (frames["split"] == "tune").to_numpy() & (label["truck"] == 1).to_numpy()
    )
    label.iloc[shown[8:], label.columns.get_loc("truck")] = np.nan
    path = tmp_path_factory.mktemp("few") / "own.zarr"
    return inficond_panel.from_frames(**{**frames, "labels": label}, path=path).fit().tuner


def by_hand(tuner: Tuner) -> int:
    """Index of the candidate under which labels are likeliest, with one fold left out."""
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), "truck"))
    tried, label = compared_terms(photos, REPAIRS), photos.tune_label
    folds = stratified_folds(label[:, None], FOLDS, 0)
    logits = held_out_logits(photos.student, tried, photos.tune, folds)
    return int(np.argmin([log_loss(label, by_platt(label, each)) for each in logits]))


def test_share_and_penalty_are_those_under_which_labels_are_likeliest(tuner):
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), "truck"))
    best = compared_terms(photos, REPAIRS)[by_hand(tuner)]
    terms = tuner.terms(tuner.fine_tune(tuner.root(), REPAIRS))["truck"]
    chosen = terms.get(Learned).by_source[0].weight, terms.get(OwnPenalty).value
    assert chosen == (best.get(Learned).by_source[0].weight, best.get(OwnPenalty).value)


def test_a_replay_of_a_choice_by_likelihood_is_exact(tuner):
    node, other = tuner.fine_tune(tuner.root(), REPAIRS), afresh(tuner)
    again = other.fine_tune(other.root(), node.repairs, resolved=node.resolved)
    assert (again.id, again.weights_hash) == (node.id, node.weights_hash)


@pytest.mark.parametrize(("positives", "by_ap"), [(19, False), (20, True)])
def test_ap_compares_students_from_twenty_photos_of_each_label_on(positives, by_ap, tuner):
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), "truck"))
    photos.tune_label = np.r_[np.ones(positives, int), np.zeros(100, int)]
    assert compared_by_ap(photos) == by_ap


@pytest.fixture
def sparse(tuner) -> list[float]:
    """Penalties that are compared for a student with 50 times the least of students.lambda: auto,
    divided by this least one."""
    least = compared_penalties(tuner.store)[0]
    node = tuner.fine_tune(tuner.root(), [Lambda("truck", 50 * least)])
    path = lambda_path(tuner.repairs.class_fit(node, "truck"))
    return [value / least for value in path]


def test_a_choice_of_the_penalty_compares_smaller_ones_too(sparse):
    smaller = [value for value in sparse if value < 49]
    assert smaller == pytest.approx([1, 10 ** (2 / 3), 10 ** (4 / 3)], rel=5e-3)


def test_the_present_penalty_is_compared_first(sparse):
    assert sparse[0] == pytest.approx(50)
