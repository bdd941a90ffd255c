"""Tables of which a column is less precise on ``tune``."""

import numpy as np
import pandas as pd

from inficond_panel import from_frames
from inficond_panel.api.students import TunableStudents


def noisy_students(path, noisy: str | None = "assay") -> TunableStudents:
    """Students of a class that column ``assay`` tells; ``noisy`` is the column with noise."""
    rng, names = np.random.default_rng(4), [f"r{i}" for i in range(1500)]
    split = pd.Series(["fit"] * 1000 + ["tune"] * 500, index=names)
    label = (rng.random(1500) < 0.3).astype(int)
    columns = [f"c{i}" for i in range(8)] + ["assay"]
    scores = pd.DataFrame(rng.normal(size=(1500, 9)), index=names, columns=columns)
    scores["assay"] += 2.0 * label
    logit = 3.0 * scores["assay"] - 3.0 + rng.normal(0, 0.5, 1500)
    if noisy:
        scores.loc[split == "tune", noisy] += rng.normal(0, 1.6, 500)
    frames = (pd.DataFrame({"disease": each}, index=names) for each in (logit, label))
    return from_frames(scores, *frames, split=split, path=path).fit()
