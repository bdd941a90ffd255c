"""Scores that vary more in one split: the test, and what the doctor says of a class."""

import numpy as np
import pytest
from noisy import noisy_students
from scipy.stats import levene

from inficond_panel.distill.noisier import noisier
from inficond_panel.vocabulary.shift_kinds import NOISIER

KIND = NOISIER.words
#: Columns with noise on tune.
NOISY = (None, "assay", "c3")


def drawn(seed: int, noise: float = 0.0, photos: tuple[int, int] = (600, 300)):
    """Scores and labels of two splits; noise is added to those of the second one."""
    rng, sides = np.random.default_rng(seed), []
    for size, spread in zip(photos, (0.0, noise), strict=True):
        label = (rng.random(size) < 0.3).astype(int)
        score = rng.normal(size=size) + 2.0 * label + spread * rng.normal(size=size)
        sides += [score[:, None], label]
    return sides


def test_a_noisier_column_is_found():
    assert not np.isnan(noisier(*drawn(0, noise=1.5))).any()


def test_the_spreads_are_those_within_the_images_of_a_label():
    (fit,), (tune,) = noisier(*drawn(0, noise=1.5, photos=(60_000, 30_000)))
    assert fit == pytest.approx(1.0, rel=0.02)
    assert tune == pytest.approx(np.sqrt(1 + 1.5**2), rel=0.02)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_called_is_significant_by_the_test_of_brown_and_forsythe(seed):
    fit, fit_label, tune, tune_label = drawn(seed, noise=0.8)
    each = [
        levene(fit[fit_label == label, 0], tune[tune_label == label, 0], center="median").pvalue
        for label in (0, 1)
    ]
    called = not np.isnan(noisier(fit, fit_label, tune, tune_label)).any()
    assert not called or max(each) < 0.05


def test_columns_that_vary_alike_are_not_called():
    called = [not np.isnan(noisier(*drawn(seed))).any() for seed in range(200)]
    assert sum(called) == 0


def test_a_lost_correlation_is_not_called():
    fit, fit_label, tune, tune_label = drawn(1)
    tune = tune - 1.5 * tune_label[:, None]
    assert np.isnan(noisier(fit, fit_label, tune, tune_label)).all()


def test_a_thing_that_came_to_images_without_the_class_is_not_called():
    """A context of the class that is in as many images of both labels later: both spread more."""
    rng, sides = np.random.default_rng(3), []
    for size, chances in ((900, (0.02, 0.9)), (900, (0.3, 0.3))):
        label = (rng.random(size) < 0.3).astype(int)
        shown = rng.random(size) < np.array(chances)[label]
        sides += [(rng.normal(size=size) + 6.0 * shown)[:, None], label]
    assert np.isnan(noisier(*sides)).all()


def test_more_variation_without_the_class_alone_is_not_called():
    fit, fit_label, tune, tune_label = drawn(1)
    wide = tune + (tune_label == 0)[:, None] * np.random.default_rng(2).normal(0, 3, tune.shape)
    assert np.isnan(noisier(fit, fit_label, wide, tune_label)).all()


def test_a_column_of_few_values_is_not_called():
    fit, fit_label, tune, tune_label = drawn(0, noise=3.0)
    assert np.isnan(noisier(fit > 0, fit_label, tune > 0, tune_label)).all()


def test_few_images_are_not_called():
    fit, fit_label, tune, tune_label = drawn(0, noise=3.0, photos=(600, 20))
    assert np.isnan(noisier(fit, fit_label, tune, tune_label)).all()


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisier")
    every = {str(noisy): noisy_students(folder / f"{noisy}.zarr", noisy) for noisy in NOISY}
    return {noisy: students.doctor()["findings"] for noisy, students in every.items()}


def test_the_doctor_names_the_noisier_column(findings):
    row = findings["assay"].set_index("kind").loc[KIND]
    assert "uses assay, whose scores vary more in the tuning rows" in row["finding"]


def test_a_lost_correlation_looks_the_same(findings):
    row = findings["assay"].set_index("kind").loc[KIND]
    assert "cannot be distinguished from a correlation in the training rows only" in row["finding"]


@pytest.mark.parametrize("noisy", ["None", "c3"])
def test_without_noise_in_a_column_that_the_student_uses_the_doctor_names_none(findings, noisy):
    assert KIND not in set(findings[noisy]["kind"])
