"""Tables of rows from several sites, of which one goes with a class in the training rows only."""

import numpy as np
import pandas as pd

import inficond_panel

SPLIT = np.array(["fit"] * 700 + ["tune"] * 300)


def students(seed, *, biased, split_as="", known=("fit", "tune")):
    """Students of three classes of four concepts each, and a site of four by chance. If ``biased``
    all training images with class k0 are of site 0, which the concept c20 shows, and the teacher
    relies on it. A column called ``split_as`` names the splits, unless that is empty. The
    site is known on the splits ``known``."""
    rng = np.random.default_rng(seed)
    scores, site = rng.normal(size=(1000, 30)), rng.integers(0, 4, 1000)
    logit = np.stack([scores[:, at : at + 4] @ rng.normal(size=4) - 1 for at in (0, 4, 8)], axis=1)
    label = (rng.random(logit.shape) < 1 / (1 + np.exp(-1.5 * logit))).astype(int)
    teacher = logit + rng.normal(size=logit.shape) / 2
    if biased:
        site[(SPLIT == "fit") & (label[:, 0] == 1)] = 0
        scores[:, 20] += 2.5 * (site == 0)
        teacher[:, 0] += site == 0
    names, classes = [f"row {at}" for at in range(1000)], ["k0", "k1", "k2"]
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, [f"c{at}" for at in range(30)]),
        pd.DataFrame(teacher, names, classes),
        pd.DataFrame(label, names, classes),
        split=pd.Series(SPLIT, names),
        metadata=pd.DataFrame(
            {"site": np.where(np.isin(SPLIT, known), site.astype(str), "")}
            | ({split_as: SPLIT} if split_as else {}),
            names,
        ),
    )
