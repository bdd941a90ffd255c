"""Tables of which few training labels are wrong."""

import numpy as np
import pandas as pd
from scipy.special import expit

import inficond_panel

WRONG = 6


def few_wrong(seed, *, wrong=WRONG, sure=1.0, learned=False):
    """Students of two classes of 800 training and 300 tuning rows: of class k0 so many training
    rows with the class absent are labelled as having it. The teacher knows the right labels,
    multiplies its logits by ``sure``, or has ``learned`` the given labels."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(1100, 12))
    logit = np.stack([2.5 * scores[:, at] + 2 * scores[:, at + 1] - 2 for at in (0, 2)], axis=1)
    right = (rng.random(logit.shape) < expit(logit)).astype(int)
    given, absent = right.copy(), np.flatnonzero((right[:800, 0] == 0) & (logit[:800, 0] < -3))
    given[absent[:wrong], 0] = 1
    known = given if learned else right
    teacher = sure * (4 * (2 * known - 1) + 1.5 * rng.normal(size=right.shape))
    names, classes = [f"r{at}" for at in range(1100)], ["k0", "k1"]
    students = inficond_panel.from_frames(
        pd.DataFrame(scores, names, [f"c{at}" for at in range(12)]),
        pd.DataFrame(teacher, names, classes),
        pd.DataFrame(given, names, classes),
        split=pd.Series(["fit"] * 800 + ["tune"] * 300, names),
    )
    return students, {names[at] for at in absent[:wrong]}
