"""The start page on a class whose training images are other pictures than the tuning images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sessions import session_on

import inficond_panel
from inficond_panel.distill.shift_kinds import LabelNoise
from inficond_panel.results.shift import student_differences
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import shift_kinds
from inficond_panel.views.start.cards import make_unlike_cards
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.shift_kinds import NOISE, PICTURES
from inficond_panel.vocabulary.splits import FIT, TUNE

pytestmark = pytest.mark.page

SPLIT = np.repeat(["fit", "tune", "holdout"], [900, 500, 100])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Images of cars and birds; those of cars in fit are darker."""
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(len(SPLIT), 10))
    label = rng.random((len(SPLIT), 2)) < expit(3 * scores[:, :2] + 2 * scores[:, 2:4] - 2)
    index = [f"{i:04d}.jpg" for i in range(len(SPLIT))]
    names = ["car", "bird"]
    store = tmp_path_factory.mktemp("dark") / "own.zarr"
    inficond_panel.from_frames(
        pd.DataFrame(scores, index, [f"word {i}" for i in range(10)]),
        pd.DataFrame(3 * (2.0 * label - 1) + rng.normal(size=label.shape), index, names),
        pd.DataFrame(label.astype(float), index, names),
        split=pd.Series(SPLIT, index),
        path=store,
    )
    values = rng.normal(0.5, 0.1, (len(SPLIT), len(PICTURE_PROPERTIES)))
    values[label[:, 0] & (SPLIT == "fit"), 0] -= 0.1
    keys = np.array([each.key for each in PICTURE_PROPERTIES])
    add_arrays(open_store(store), {"picture": keys, "picture_property": values}, {})
    return store


@pytest.fixture(scope="module")
def app(path):
    return session_on(path, history=":memory:")


@pytest.fixture(scope="module")
def start(app):
    view = StartView(app)
    app.shifts.start()
    return view


@pytest.fixture
def card(start):
    [card] = [each for each in start.panel.cards if each.get("trait")]
    return card


def dark_cars(app, split):
    """Masks of the images of a split: dark by the threshold of the finding, and with a car."""
    store, found = app.store, app.shifts.differences["car"].pictures[0]
    rows = store.rows(split)
    dark = store.picture_property[rows, 0] < -found.presence.threshold
    return dark, store.label[rows, 0] == 1


def test_a_card_says_from_what_the_class_was_learned(card):
    assert (card["class_name"], card["relies"]) == ("car", "was learned from")
    assert card["trait"] == "dark images"


def test_its_bars_are_shares_of_the_images_with_the_class(app, card):
    dark = [dark_cars(app, split) for split in (FIT, TUNE)]
    assert [share for _, share in card["bars"]["rows"]] == [of[car].mean() for of, car in dark]


def test_its_pictures_are_the_middle_one_of_such_training_images_and_of_other_tuning_ones(
    app, start
):
    shown = [each["image"] for each in start.panel.photos["car/dark images"]]
    for image, split, is_dark in zip(shown, (FIT, TUNE), (True, False), strict=True):
        dark, car = dark_cars(app, split)
        of = app.store.picture_property[app.store.rows(split)[car & (dark == is_dark)], 0]
        own = app.store.picture_property[app.store.images.index(image), 0]
        assert own in of
        assert abs((of < own).sum() - (of > own).sum()) <= 1


def test_a_class_whose_other_images_differ_more_has_no_card(app):
    found, shifts = app.shifts.differences, app.shifts.by_class
    first = found["car"].pictures[0]
    there = first.presence
    others = replace(there, fit=there.fit[::-1], tune=there.tune[::-1])
    changed = replace(found["car"], pictures=(replace(first, presence=others),))
    assert make_unlike_cards(shifts, {"car": changed}, ["car"], "on screen") == []


@pytest.mark.parametrize(
    ("beyond", "kinds", "perhaps"),
    [(-1, [PICTURES], (NOISE,)), (1, [NOISE, PICTURES], ())],
    ids=["less clear", "clearer"],
)
def test_wrong_labels_that_are_less_clear_than_pictures_are_only_a_question(
    path, app, monkeypatch, beyond, kinds, perhaps
):
    z = student_differences(app.tuner, app.tuner.root(), "car").pictures[0].z
    other = session_on(path, history=":memory:").tuner  # with a cache of its own
    monkeypatch.setattr(shift_kinds, "fit_noise", lambda _: LabelNoise(0.1, 0.0, (z + beyond) ** 2))
    found = student_differences(other, other.root(), "car")
    assert [each for each in found.kinds if each in (NOISE, PICTURES)] == kinds
    assert found.perhaps == perhaps
