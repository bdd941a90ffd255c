"""Frames of concept scores that come from elsewhere, for stores without photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

CONCEPTS = ["wing", "beak", "red", "tail", "fur", "eye"]


def frames(images: int = 200, *, signed: bool = False, seed: int = 0) -> dict[str, Any]:
    """Arguments of ``from_frames``: 6 concepts, 2 classes; ``signed``: scores around 0."""
    rng = np.random.default_rng(seed)
    ids = [f"{i:04d}" for i in range(images)]
    values = rng.normal(size=(images, 6)) * [1, 2, 5, 0.1, 30, 1] if signed else None
    score = rng.random((images, 6)) if values is None else values
    middle = np.median(score, axis=0)
    present = np.stack([score[:, 0] > middle[0], score[:, 4] > middle[4]], 1)
    logit = 6.0 * present - 3 + rng.normal(size=present.shape)
    classes = ["bird", "cat"]
    return {
        "scores": pd.DataFrame(score, index=ids, columns=CONCEPTS),
        "logits": pd.DataFrame(logit, index=ids, columns=classes),
        "labels": pd.DataFrame(present.astype(int), index=ids, columns=classes),
        "split": pd.Series(np.array(["fit", "fit", "tune", "holdout"])[np.arange(images) % 4], ids),
    }
