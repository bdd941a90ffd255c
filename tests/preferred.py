"""Students of images of one class each, of a teacher that prefers one class, or avoids it."""

import numpy as np
import pandas as pd

import inficond_panel

IMAGES = 1500
IDS = [f"{i:04d}" for i in range(IMAGES)]
SPLIT = pd.Series(np.repeat(["fit", "tune", "holdout"], [900, 500, 100]), IDS)
CLASSES = ["car", "bird", "ship"]


def students_of(path, scores, logit, label, **settings):
    tables = (pd.DataFrame(each, IDS, CLASSES) for each in (scores, logit, label))
    made = inficond_panel.from_frames(*tables, split=SPLIT, path=path, **settings)
    return made.with_settings(lambda_=1e-3).fit()


def with_constant(path, constant):
    """Students of images of one class each; the teacher's logits of the last have a constant."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, IMAGES)
    scores = 3.0 * np.eye(3)[label] + rng.normal(size=(IMAGES, 3))
    logit = 2 * scores - 4 + np.array([0, 0, constant])
    return students_of(path, scores, logit, np.eye(3)[label], task="single_label")
