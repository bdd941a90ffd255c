"""A lost correlation that labels of another class know, and a concept's score hardly shows."""

import numpy as np
import pandas as pd

import inficond_panel
from inficond_panel.results.shift import student_shift

IMAGES = 1700
SPLIT = np.repeat(["fit", "tune", "holdout"], [1000, 600, 100])


def shift_of(path, *, share_on_tune):
    """Shift of lamps, which are beside cars in all training images, and in so many of tune. The
    score of the word car shows a tenth of what the labels know; the teacher relies on cars."""
    rng = np.random.default_rng(0)
    lamp = rng.random(IMAGES) < 0.1
    beside = rng.random(IMAGES) < np.where(SPLIT == "fit", 1.0, share_on_tune)
    car = np.where(lamp, beside, rng.random(IMAGES) < 0.35)
    scores = np.stack([2.0 * lamp, 0.7 * car, 2.0 * car], axis=1) + rng.normal(size=(IMAGES, 3))
    ids = [f"{i:04d}" for i in range(IMAGES)]
    logits = np.stack([2 * scores[:, 0] + 1.5 * car - 5, 5.0 * car - 2.5], axis=1)
    students = inficond_panel.from_frames(
        pd.DataFrame(scores, ids, ["lamp", "car", "road"]),
        pd.DataFrame(logits, ids, ["lamp", "car"]),
        pd.DataFrame(np.stack([lamp, car], axis=1).astype(float), ids, ["lamp", "car"]),
        split=pd.Series(SPLIT, ids),
        path=path,
    )
    students = students.with_settings(lambda_=1e-3).fit()
    return student_shift(students.tuner, students.node, "lamp")


def test_it_is_as_strong_as_the_labels_say(tmp_path):
    assert "car" in shift_of(tmp_path / "own.zarr", share_on_tune=0.4).clear


def test_what_is_kept_is_no_shift(tmp_path):
    assert shift_of(tmp_path / "own.zarr", share_on_tune=0.99).clear == ()
