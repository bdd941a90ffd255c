"""Data with groups: birds are mostly on water, in all splits alike, and two concepts show water."""

import numpy as np
import pandas as pd

CLASS, COLUMN = "bird", "place"
CONCEPTS = ["wing", "lake", "boat", "stone", "wood"]


def grouped_frames(images=1500, *, together=0.9, seed=0):
    """Arguments of ``from_frames``: a third of the images shows a bird; so many (``together``) of
    the birds are on water, and of the others on land. The wing says less than the water does."""
    rng = np.random.default_rng(seed)
    bird = rng.random(images) < 1 / 3
    water = np.where(rng.random(images) < together, bird, ~bird)
    shown = {"wing": 0.8 * bird, "lake": 1.2 * water, "boat": 1.0 * water}
    none = np.zeros(images)
    columns = [shown.get(name, none) + rng.normal(0, 0.6, images) for name in CONCEPTS]
    ids = [f"{i:04d}.jpg" for i in range(images)]
    logit = 2.5 * (2.0 * bird - 1) + rng.normal(0, 1.0, images)
    chance = rng.random(images) < 0.5
    metadata = {COLUMN: np.where(water, "water", "land"), "coin": np.where(chance, "head", "tail")}
    metadata["rare"] = np.where(np.arange(images) < 8, "few", "many")
    metadata["one"] = np.full(images, "same")
    return {
        "scores": pd.DataFrame(np.stack(columns, axis=1), ids, CONCEPTS),
        "logits": pd.DataFrame({CLASS: logit}, ids),
        "labels": pd.DataFrame({CLASS: bird.astype(int)}, ids),
        "split": pd.Series(np.resize(["fit", "fit", "fit", "tune", "holdout"], images), ids),
        "metadata": pd.DataFrame(metadata, ids),
    }
