"""Answers in the benchmark of shifts: the correction with an offset, and strengths of thumbs."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from shift_parts.answered import STRENGTHS, USUAL, Asked, Thumbs
from shift_parts.clicks import Fitted
from shift_parts.given import Clicks

from inficond_panel import from_frames
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.correction import corrected
from inficond_panel.vocabulary.intents import REMOVE, TARGET, UP

CONCEPTS = ["dog", *(f"concept {c}" for c in range(1, 10))]
UP_AT, OFF_AT = 0, 4
NO_OFFSET = np.zeros(20)


@pytest.fixture(scope="module")
def given():
    return made(alike=False)


def made(*, alike: bool) -> Clicks:
    """A student of one class; with ``alike`` the concept that it relies on most has a twin."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(500, 10))
    if alike:
        scores[:, 9] = scores[:, OFF_AT] + 0.1 * scores[:, 9]
    logits = scores @ np.where(np.arange(10) < 6, 0.7, 0) + alike * scores[:, OFF_AT]
    logits += rng.normal(size=500)
    label = (logits + rng.normal(size=500) > 0).astype(float)
    names = [f"photo {n}" for n in range(500)]
    students = (
        from_frames(
            pd.DataFrame(scores, index=names, columns=CONCEPTS),
            pd.DataFrame({"dog": logits}, index=names),
            pd.DataFrame({"dog": label}, index=names),
            split=pd.Series(["fit"] * 300 + ["tune"] * 100 + ["holdout"] * 100, index=names),
        )
        .with_settings(lambda_=3e-3)
        .fit()
    )
    store = students.tuner.store
    rows, case = store.rows("holdout"), SimpleNamespace(store=store, k=0)
    return Clicks(case, "own", students, rows, UP_AT, OFF_AT, Fitted.of(students, rows))


@pytest.fixture
def asked(given):
    store = given.students.tuner.store
    rows = store.rows("tune")[::5]
    return Asked(given, rows, np.asarray(store.label)[rows, 0] == 1)


def of_the_product(asked, kept):
    """The correction that the product makes of the answers at ``kept``."""
    store = asked.given.students.tuner.store
    tune = store.rows("tune")
    word = {"dog": np.asarray(store.concept_score[tune][:, 0], dtype=np.float64)}
    at = np.searchsorted(tune, asked.rows[kept])
    return corrected(store.teacher_log_odds[tune, 0].astype(float), word, at, asked.present[kept])


def test_without_an_offset_the_correction_is_that_of_the_product(asked):
    made, expected = asked.correction(NO_OFFSET), of_the_product(asked, np.arange(20))
    found = [made.slope, made.constant, made.concepts["dog"]]
    wanted = [expected.slope, expected.constant, expected.concepts["dog"]]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_an_answer_is_held_out_of_the_correction_that_tells_its_likelihood(asked):
    store = asked.given.students.tuner.store
    teacher = store.teacher_log_odds[asked.rows, 0].astype(float)
    scores = store.concept_score[asked.rows]
    every, expected = np.arange(20), []
    for i in every:
        made = of_the_product(asked, np.delete(every, i))
        p = expit(made.log_odds(teacher, scores, store.concepts)[i])
        expected.append(np.log(p if asked.present[i] else 1 - p))
    np.testing.assert_allclose(asked.held_out(NO_OFFSET), expected, atol=1e-3)


def test_the_usual_strength_is_that_of_two_thumbs_of_the_product(given, asked):
    tuner = given.students.tuner
    thumbs = Intent("dog", "dog", UP.key, 2.0), Intent("dog", "concept 4", REMOVE.key)
    node = tuner.fine_tune(given.students.node, thumbs, refit=TARGET)
    found = Thumbs(asked, UP_AT, OFF_AT).logits(USUAL, answers=False)
    np.testing.assert_allclose(found, tuner.logits(node, given.rows)[:, 0], atol=2e-3)


def test_the_strength_of_the_largest_likelihood_is_chosen(asked):
    thumbs = Thumbs(asked, UP_AT, OFF_AT)
    best = int(np.argmax([asked.held_out(thumbs.offset(each)).sum() for each in STRENGTHS]))
    assert thumbs.chosen() == STRENGTHS[best]


def test_a_strength_that_is_hardly_likelier_leaves_the_usual_one(asked):
    thumbs = Thumbs(asked, UP_AT, OFF_AT)
    noise = np.random.default_rng(0).normal(size=20)
    object.__setattr__(thumbs, "likelihoods", np.stack([noise, 0 * noise, 0 * noise, 0 * noise]))
    thumbs.likelihoods[0] += 0.1 - noise.mean()
    assert thumbs.chosen(USUAL) == USUAL


def test_concepts_alike_are_the_suspect_with_its_twin():
    assert set(made(alike=True).alike) == {OFF_AT, 9}
