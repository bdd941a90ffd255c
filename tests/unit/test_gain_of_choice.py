"""Gains of choices on photos that did not choose, and what drawn photos teach."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score as ap
from spread_shortcut import shifted_frames

from inficond_panel import from_frames
from inficond_panel.distill import decision_function, fit
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts, stratified_folds
from inficond_panel.tuning.fitting.class_fit import fit_without_each, held_out_logits
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.choosing import ap_values
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import OwnPenalty
from inficond_panel.tuning.suggest.gain import (
    GAIN_DRAWS,
    NO_CHANGE,
    Change,
    ChoiceGain,
    gain_of_choice,
    gain_of_levers,
    mean_change,
)
from inficond_panel.tuning.suggest.teaching import (
    _moves,
    _taught_logits,
    changes_by_teaching,
    image_moves,
)


@pytest.mark.parametrize("careful", [False, True])
def test_drawn_photos_choose_and_the_others_measure(careful):
    """With ``careful`` the first student is left only for more than the best one's error."""
    rng, counts = np.random.default_rng(0), draw_counts(120, 60, 1)
    label = (rng.random(120) < 0.3).astype(int)
    logits = 1.5 * label + rng.normal(size=(4, 120))  # equally good but for chance
    values = np.array([[ap(label, x, sample_weight=drawn) for drawn in counts] for x in logits])
    change, error = values - values[0], np.std(values - values[0], axis=1, ddof=1)
    gains, within = [], []
    for drawn, gain in zip(counts, change.T, strict=True):
        best, rest = int(np.argmax(gain)) if careful else 1 + int(np.argmax(gain[1:])), drawn == 0
        if careful and gain[best] <= error[best]:
            best = 0
        gains.append(ap(label[rest], logits[best][rest]) - ap(label[rest], logits[0][rest]))
        within.append(gain[best])
    assert (0.0 in within) == careful
    found = gain_of_choice(label, logits, counts, careful=careful)
    assert found.gain.estimate == pytest.approx(np.mean(gains), abs=1e-12)
    moved = np.array(within) - np.mean(within) + np.mean(gains)
    np.testing.assert_allclose(found.gain.draws, moved, atol=1e-12)


def lever(drawn: list[float], left_out: list[float], taught: float = 0.0) -> ChoiceGain:
    return ChoiceGain(np.array(drawn), np.array(left_out), np.full(len(drawn), taught))


def test_each_draw_takes_the_lever_that_gains_most_less_its_optimism():
    """By hand: the first lever's optimism is 0.2, the second's 0.1."""
    first = lever([0.30, 0.10, 0.20], [0.0, 0.0, 0.0])
    second = lever([0.15, 0.05, 0.25], [0.05, 0.10, 0.0], taught=0.01)
    found = gain_of_levers([first, second]).gain
    # less optimism: 0.10 and 0.05, -0.10 and -0.05 (none is taken), 0.00 and 0.15
    assert found.estimate == pytest.approx((0.0 + 0.0 + 0.0) / 3)
    spread = np.array([0.30, 0.0, 0.26])
    np.testing.assert_allclose(found.draws, spread - spread.mean() + found.estimate)


RARE = st.tuples(st.floats(-0.5, 0.5), st.integers(0, 40))


@given(st.lists(RARE, max_size=6), st.floats(-0.5, 0.5))
def test_an_interval_holds_its_estimate_or_is_undefined(rare, estimate):
    """Draws of which most are equal, and some of each rare value, centred at the estimate."""
    moved = np.repeat([value for value, _ in rare], [times for _, times in rare])
    draws = np.append(np.zeros(GAIN_DRAWS - len(moved)), moved)
    gain = Change(estimate, draws - draws.mean() + estimate).gain()
    unknown = np.isnan([gain.low, gain.high]).all()
    assert unknown or gain.low <= estimate <= gain.high
    assert unknown or gain.low < gain.high or not draws.any()


def test_rare_draws_that_move_the_mean_beyond_the_quantiles_give_a_normal_interval():
    """By hand: of 400 draws 9 are -1 and 60 are 0.1, so the quantiles are 0 and 0.1, and the mean
    is -0.0075."""
    draws = np.repeat([-1.0, 0.0, 0.1], [9, 331, 60])
    gain = Change(0.0, draws + 0.0075).gain()
    variance = (9 * 1 + 60 * 0.01 - 400 * 0.0075**2) / 399
    assert [gain.low, gain.high] == pytest.approx(stats.norm.interval(0.95, 0, variance**0.5))


def test_draws_of_which_nearly_all_are_equal_give_no_interval():
    draws = np.append(np.zeros(394), np.full(6, 0.01))
    gain = Change(0.0, draws - draws.mean()).gain()
    assert (gain.estimate, np.isnan(gain.low), np.isnan(gain.high)) == (0.0, True, True)


def test_an_unchanged_student_changes_by_zero_for_certain():
    assert (NO_CHANGE.gain().low, NO_CHANGE.gain().high) == (0.0, 0.0)


def test_a_mean_with_a_class_of_too_few_images_has_no_limits():
    draws = np.random.default_rng(0).normal(size=GAIN_DRAWS)
    gain = mean_change([Change(0.0, draws, few=True), Change(0.2, draws)]).gain()
    assert (gain.estimate, np.isnan(gain.low), np.isnan(gain.high)) == (0.1, True, True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of the class truck, 200 of them of tune."""
    path = tmp_path_factory.mktemp("drawn") / "own.zarr"
    students = from_frames(**shifted_frames(1200, bias=0.5, seed=2), path=path)
    tuner = students.with_settings(lambda_=1e-3).fit().tuner
    student = tuner.repairs.class_fit(tuner.root(), "truck")
    return tuner.repairs.evidence(student, tuner.store.rows("tune"))


@pytest.fixture(scope="module", params=["teacher", "labels"])
def drawn(photos, request):
    """Students that learn each photo once (still), and as often as it is drawn (moved)."""
    counts = draw_counts(len(photos.tune), 20, 3)
    (terms,) = Learn("truck", request.param, 2.0).candidates(photos, Terms(), able=True)
    rows, label = photos.tune, photos.tune_label
    folds, data = stratified_folds(label[:, None], FOLDS, seed=0), photos.student.under(terms).data
    at = len(data.images) - len(rows)  # tune follows fit
    logits = np.empty((len(counts), len(rows)))
    for fold in range(FOLDS):
        inside = np.append(np.ones(at), folds != fold)
        weight = np.stack([data.weight(0) * inside * np.append(np.ones(at), c) for c in counts], 1)
        targets = np.repeat(data.targets.values[:, [0]], len(counts), axis=1)
        made = fit(data.images.scores, targets, l1=1e-3, sample_weight=weight, tolerance=1e-4)
        scores = photos.tune_scores[folds == fold]
        logits[:, folds == fold] = decision_function(scores, made.weights, made.intercepts).T
    held = held_out_logits(photos.student, [terms], rows, folds, tolerance=1e-4)
    return SimpleNamespace(counts=counts, terms=terms, still=held, moved=logits)


def test_the_change_is_that_of_students_fitted_to_the_draws(photos, drawn):
    student, label, counts = photos.student, photos.tune_label, drawn.counts
    own = student.logits(student.base, photos.tune)[None]
    still, plain = (ap_values(label, each, counts)[0] for each in (drawn.still, own))
    pairs = zip(drawn.moved, counts, strict=True)
    moved = [ap_values(label, x[None], c[None])[0, 0] for x, c in pairs]
    found = changes_by_teaching(photos, drawn.terms, counts)[0]
    assert np.corrcoef(found, moved - still)[0, 1] > 0.8
    spread, fixed = np.std(moved - plain), np.std(still - plain)
    assert spread > 1.2 * fixed  # what is drawn teaches, and the gain varies more
    assert np.std(still + found - plain) == pytest.approx(spread, rel=0.12)


def test_the_mean_logit_of_a_draw_moves_as_that_of_students_fitted_to_it(photos, drawn):
    fits = fit_without_each(photos.student, [drawn.terms], photos.tune, photos.tune_folds)
    still, moved = _taught_logits(photos, drawn.terms, drawn.counts, fits)
    found, expected = (moved - still).mean(axis=1), (drawn.moved - drawn.still).mean(axis=1)
    np.testing.assert_allclose(found, expected, atol=0.25 * np.abs(expected).max())


def test_without_learning_of_tune_and_for_each_photo_drawn_once_nothing_changes(photos):
    counts = draw_counts(len(photos.tune), 20, 3)
    np.testing.assert_array_equal(
        changes_by_teaching(photos, Terms((OwnPenalty(3e-3),)), counts)[0], 0
    )
    (terms,) = Learn("truck", "labels", 2.0).candidates(photos, Terms(), able=True)
    once = np.ones((1, len(photos.tune)), dtype=np.uint8)
    np.testing.assert_allclose(changes_by_teaching(photos, terms, once)[0], 0, atol=1e-12)


def test_students_that_were_fitted_beside_others_change_as_those_fitted_alone(photos, drawn):
    tried, folds = [Terms((OwnPenalty(3e-3),)), drawn.terms], photos.tune_folds
    beside = fit_without_each(photos.student, tried, photos.tune, folds, tolerance=1e-8)
    given = [each.at(np.array([1])) for each in beside]
    alone = fit_without_each(photos.student, [drawn.terms], photos.tune, folds, tolerance=1e-8)
    found, expected = (
        changes_by_teaching(photos, drawn.terms, drawn.counts, fits=fits)[0]
        for fits in (given, alone)
    )
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, atol=1e-3)


#: Images, of which the last ten are left out, and the last twenty are of tune.
ALL, LEFT_OUT, OF_TUNE = np.arange(60), np.arange(50, 60), np.arange(40, 60)


@pytest.fixture(scope="module")
def moved():
    """A student of three concepts, of which the second is at its bound and the third has no weight:
    what ``_moves`` finds for images that are drawn twice, and what it is given."""
    rng = np.random.default_rng(4)
    given = SimpleNamespace(
        scores=rng.random((60, 3)), weight=rng.random(60), residuals=rng.normal(size=60)
    )
    given.weight /= given.weight.sum()
    given.logits = given.scores @ [1.0, 0.5, 0.0] + 0.1
    images = SimpleNamespace(
        scores=given.scores, rows=ALL, without=lambda part: ~np.isin(ALL, part)
    )
    data = SimpleNamespace(
        images=images,
        penalties=SimpleNamespace(l2=np.array([0.2])),
        weight=lambda k: given.weight,
        logits=lambda weights, intercept: given.scores @ weights + intercept,
        residuals=lambda logits, k: given.residuals,
    )
    box = np.array([[-np.inf], [0.5], [-np.inf]]), np.full((3, 1), np.inf)
    fitted = SimpleNamespace(weights=np.array([[1.0], [0.5], [0.0]]), intercepts=np.array([0.1]))
    given.counts = np.array([[2] * 20, [1] * 20])
    student = SimpleNamespace(data=data, column=0, box=box)
    return given, _moves(student, fitted, LEFT_OUT, OF_TUNE, given.counts)


def test_only_weights_between_their_bounds_move(moved):
    _, (free, _) = moved
    assert free.tolist() == [0]


def test_a_draw_moves_by_the_images_that_it_has_twice(moved):
    """Images that are left out weigh nothing; the weights of the others sum to 1."""
    given, (_, moves) = moved
    inside = ALL < 50
    share = given.weight[inside].sum()
    weight, residuals = (each * inside / share for each in (given.weight, given.residuals))
    free, at = np.array([0]), np.arange(40, 50)
    each = image_moves(given.scores, given.logits, weight, residuals, free, at, 0.2)
    np.testing.assert_allclose(moves[0], each.sum(axis=1), rtol=1e-12)


def test_a_draw_that_has_each_image_once_moves_nothing(moved):
    _, (_, moves) = moved
    np.testing.assert_array_equal(moves[1], 0)
