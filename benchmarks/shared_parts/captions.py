"""Students of *blond hair* in random splits of a table of captions: blond, male, caption."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from inficond_panel import from_frames
from inficond_panel.api.students import TunableStudents

#: Photos of a caption's word that becomes a concept.
LEAST_CAPTIONS = 40
CLASS = "blond hair"


def read_captions(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table by image id, and the words of captions in enough photos, 0 or 1."""
    table = pd.read_csv(path, dtype={"id": str})
    said = [set(re.findall(r"[a-z]+", text.lower())) for text in table["caption"]]
    count = Counter(word for words in said for word in words)
    words = sorted(word for word, photos in count.items() if photos >= LEAST_CAPTIONS)
    index = [f"{name}.jpg" for name in table["id"]]
    scores = pd.DataFrame([[float(w in s) for w in words] for s in said], index, words)
    return table.set_index(pd.Index(index)), scores


def caption_students(
    table: pd.DataFrame,
    scores: pd.DataFrame,
    seed: int,
    lambda_: str | float,
    metadata: pd.DataFrame | None = None,
) -> TunableStudents:
    """Students of a random 3 : 1 : 1 split, whose teacher knows the labels but for noise."""
    rng, index = np.random.default_rng([seed, 5]), scores.index
    split = pd.Series(rng.permutation(np.resize(["fit"] * 3 + ["tune", "holdout"], len(index))))
    label = pd.DataFrame({CLASS: table["blond"].to_numpy(float)}, index)
    teacher = 2.5 * (2 * label - 1) + rng.normal(0, 1.2, label.shape)
    more = {} if metadata is None else {"metadata": metadata}
    made = from_frames(scores, teacher, label, split=split.set_axis(index), **more)
    return made.with_settings(lambda_=lambda_).fit()
