"""Frames with a shortcut that is spread over many concepts, in the photos of fit only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

#: Concepts that show the context of ``truck``, each a little.
CONTEXT = [f"road {i}" for i in range(12)]
CONCEPTS = ["truck", "wheel", "feather", *CONTEXT, *(f"noise {i}" for i in range(15))]
CLASSES = ["truck", "bird"]


def shifted_frames(
    images: int = 1600, *, fit: int = 800, bias: float = 0.97, seed: int = 0
) -> dict[str, Any]:
    """Arguments of ``from_frames``: so many images of fit, half of the rest tune, half holdout.

    In fit the context is there with a truck, and only there, but for a share of 1 - ``bias``; in
    tune and holdout it is there by chance, as with a ``bias`` of 0.5 everywhere. The teacher is
    nearly always right.
    """
    rng = np.random.default_rng(seed)
    split = np.where(
        np.arange(images) < fit, "fit", np.array(["tune", "holdout"])[np.arange(images) % 2]
    )
    label = rng.random((images, 2)) < 0.35
    follows = (split == "fit") & (rng.random(images) < 2 * bias - 1)
    context = np.where(follows, label[:, 0], rng.random(images) < 0.5)
    shown = {"truck": label[:, 0], "wheel": label[:, 0], "feather": label[:, 1]}
    shown |= dict.fromkeys(CONTEXT, context)
    columns = [
        0.5 * shown.get(name, np.zeros(images)) + rng.normal(0, 0.45, images) for name in CONCEPTS
    ]
    ids = [f"{i:04d}.jpg" for i in range(images)]
    logit = 2.5 * (2.0 * label - 1) + rng.normal(0, 1.2, label.shape)
    return {
        "scores": pd.DataFrame(np.stack(columns, axis=1), index=ids, columns=CONCEPTS),
        "logits": pd.DataFrame(logit, index=ids, columns=CLASSES),
        "labels": pd.DataFrame(label.astype(int), index=ids, columns=CLASSES),
        "split": pd.Series(split, ids),
    }
