"""Columns of scores that are in another order in a split or a group."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.distill.displaced import Displaced, displaced_columns
from inficond_panel.results.doctor.displaced import DISPLACED, displaced_concepts
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

IMAGES, COLUMNS = 1200, 8


def drawn(seed, images=IMAGES):
    """Scores (images, COLUMNS) of three causes and noise; the last column goes with nothing."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(images, 3)) @ rng.normal(size=(3, COLUMNS))
    scores += 0.5 * rng.normal(size=scores.shape)
    scores[:, -1] = rng.normal(size=images)
    return scores


def with_shifted(scores, column):
    """Values of one column moved to the next row."""
    moved = scores.copy()
    moved[:, column] = np.roll(moved[:, column], 1)
    return moved


@pytest.mark.parametrize("seed", range(8))
def test_a_column_that_is_moved_by_a_row_is_found(seed):
    scores = drawn(seed)
    assert displaced_columns(scores[:600], with_shifted(scores[600:], 2)) == Displaced((2,))


@pytest.mark.parametrize("seed", range(8))
def test_a_column_whose_sign_is_reversed_goes_the_other_way(seed):
    scores = drawn(seed)
    group = scores[600:].copy()
    group[:, 2] *= -1
    assert displaced_columns(scores[:600], group) == Displaced(opposed=(2,))


@pytest.mark.parametrize("seed", range(20))
def test_no_column_of_images_like_the_others_is(seed):
    scores = drawn(seed)
    assert displaced_columns(scores[:600], scores[600:]) == Displaced()


@pytest.mark.parametrize("seed", range(8))
def test_a_column_in_other_units_or_with_more_noise_is_not(seed):
    scores, rng = drawn(seed), np.random.default_rng(seed)
    group = scores[600:].copy()
    group[:, 1] = 1.7 * group[:, 1] + 3
    group[:, 2] += 0.7 * group[:, 2].std() * rng.normal(size=600)
    assert displaced_columns(scores[:600], group) == Displaced()


def test_where_all_columns_lost_their_correlations_the_images_are_others():
    scores, rng = drawn(0), np.random.default_rng(0)
    assert displaced_columns(scores[:600], rng.permuted(scores[600:], axis=0)) == Displaced()


def test_a_column_that_goes_with_the_label_alone_is_found_beside_it():
    rng = np.random.default_rng(0)
    label = (rng.random((IMAGES, 1)) < 0.4).astype(float)
    scores = rng.normal(size=(IMAGES, 3))
    scores[:, 1] += 2 * label[:, 0]
    moved = with_shifted(scores[600:], 1)
    assert displaced_columns(scores[:600], moved, (label[:600], label[600:])) == Displaced((1,))


@pytest.mark.parametrize("seed", range(8))
def test_a_teacher_that_knows_the_labels_of_the_others_does_not_displace_a_column(seed):
    """What predicts a column changed, not the column: it goes with the label as before."""
    rng = np.random.default_rng(seed)
    label = (rng.random((IMAGES, 1)) < 0.3).astype(float)
    scores = rng.normal(size=(IMAGES, 4))
    scores[:, 1] += 0.9 * label[:, 0]
    scores[600:, 1] = 0.8 * scores[600:, 1] - 1
    guess = label + rng.normal(size=(IMAGES, 1))
    teacher = np.where(np.arange(IMAGES)[:, None] < 600, label, -guess)
    beside = np.hstack([label, 2 * teacher, -2 * teacher])
    found = displaced_columns(scores[:600], scores[600:], (beside[:600], beside[600:]))
    assert found == Displaced()


def test_few_images_tell_nothing():
    scores = drawn(0)
    assert displaced_columns(scores[:600], with_shifted(scores[600:690], 2)) == Displaced()


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Of a table of which a column of the training rows is moved by a row."""
    scores, names = drawn(3), [f"{at:04d}" for at in range(IMAGES)]
    label = (scores[:, 2] > 1).astype(int)
    scores = np.concatenate([with_shifted(scores[:700], 2), scores[700:]])
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, [f"c{at}" for at in range(COLUMNS)]),
        pd.DataFrame({"wear": 4.0 * label - 2}, names),
        pd.DataFrame({"wear": label}, names),
        split=pd.Series(["fit"] * 700 + ["tune"] * 500, names),
        path=tmp_path_factory.mktemp("moved") / "own.zarr",
    ).fit()


def test_the_doctor_names_the_column_and_the_rows(students):
    findings = students.doctor()["findings"]
    (told,) = findings[findings["kind"] == DISPLACED]["finding"]
    assert told.startswith("In the 700 training rows the scores of c2 go with no other score")


def test_the_start_page_says_so(students):
    upstream.apply()
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    assert "the scores of c2 go with no other score" in StartView(app).panel.faults[0]["fault"]


def test_a_column_of_another_thing_in_tune_is_told_once(tmp_path):
    """In fit it is a sum of two columns, in tune of two others: each contradicts the other."""
    rng, names = np.random.default_rng(8), [f"r{i}" for i in range(900)]
    scores = pd.DataFrame(rng.normal(size=(900, 20)), names).rename(columns="c{}".format)
    tune = np.arange(900) >= 500
    sums = np.where(tune, scores["c3"] + scores["c4"], scores["c5"] + scores["c6"])
    scores["c7"] = sums / np.sqrt(2) + rng.normal(0, 0.3, 900)
    label = (scores["c0"] > 0).astype(int)
    given = (pd.DataFrame({"k": each}, names) for each in (4.0 * label - 2, label))
    split = pd.Series(np.where(tune, "tune", "fit"), names)
    made = inficond_panel.from_frames(scores, *given, split=split, path=tmp_path / "o.zarr")
    told = displaced_concepts(made.tuner.store)
    assert "of c7 go with other things than in the training images: are they of one" in told
    assert told.count("c7") == 1
