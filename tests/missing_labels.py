"""Rows of a table of one class, whose labels are missing from tuning rows only."""

import numpy as np
import pandas as pd
from scipy.special import expit

import inficond_panel

IDS = [f"{i:04d}" for i in range(2400)]
SPLIT = np.repeat(["fit", "tune", "holdout"], [1500, 800, 100])


def of_birds(path, *, missing=0.0, seed=0):
    """Students of one class that two concepts show, a teacher that knows it, and a share of the
    labels missing from tuning images with it; returned beside the mask of these images."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(IDS), 6))
    logit = 3 * scores[:, 0] + 2 * scores[:, 1] - 3
    label = rng.random(len(IDS)) < expit(logit)
    gone = label & (SPLIT == "tune") & (rng.random(len(IDS)) < missing)
    students = inficond_panel.from_frames(
        pd.DataFrame(scores, IDS, [f"c{k}" for k in range(6)]),
        pd.DataFrame({"bird": logit + rng.normal(size=len(IDS))}, IDS),
        pd.DataFrame({"bird": (label & ~gone).astype(float)}, IDS),
        split=pd.Series(SPLIT, IDS),
        path=path,
    )
    return students.with_settings(lambda_=1e-3).fit(), {
        i for i, each in zip(IDS, gone, strict=True) if each
    }
