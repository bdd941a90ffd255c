"""Frames of concept scores that come from elsewhere, for stores without photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from inficond_panel import from_frames

#: λ of ``joint_spec``.
JOINT_L1 = 3e-3
SINGLE = ["bird", "cat", "dog"]
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


def single_frames(images=120, others=2, seed=0):
    """Arguments of ``from_frames``: 5 concepts, 3 classes, and ``others`` of the teacher's."""
    rng = np.random.default_rng(seed)
    ids = [f"{i:03d}" for i in range(images)]
    score = rng.random((images, 5))
    z = 9 * ((score - 0.5) @ rng.normal(size=(5, 3 + others))) + rng.normal(
        size=(images, 3 + others)
    )
    kind = z[:, :3].argmax(1)
    names = [*SINGLE, *(f"other {k}" for k in range(others))]
    return {
        "scores": pd.DataFrame(score, index=ids, columns=list("abcde")),
        "logits": pd.DataFrame(z, index=ids, columns=names),
        "labels": pd.DataFrame(np.eye(3, dtype=int)[kind], index=ids, columns=SINGLE),
        "split": pd.Series(np.array(["fit", "fit", "tune", "holdout"])[np.arange(images) % 4], ids),
        "task": "single_label",
        "activation": "softmax",
    }


def joint_spec(folder, students=f"lambda: {JOINT_L1}", **frames):
    """A store with one class an image, and a spec with a joint student of it."""
    from_frames(**single_frames(**frames), path=folder / "own.zarr")
    spec = folder / "own.yaml"
    text = (
        f"title: Own\nstore: own.zarr\nstudents: {{link: softmax, {students}}}\n"
        "tuning: {refit: all}\n"
    )
    spec.write_text(text)
    return spec
