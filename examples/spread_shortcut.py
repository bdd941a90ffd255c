"""A shortcut that is spread over many concepts: removing does not help, repairing does.

    python examples/spread_shortcut.py [own.zarr]

Makes a store of concept scores (no photos) in which a truck stands on a road in the images that the
students learn from, and a road shows a little in each of a dozen concepts. Then it tells, on the
holdout, what thumbs give back and what repairs do. With a path the store stays there:
``inficond serve own.zarr``.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

import inficond_panel
from inficond_panel.tuning.suggest import carry_out, suggest

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


def main() -> None:
    """Tell the story."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    students = inficond_panel.from_frames(**shifted_frames(), path=path).fit()
    print(students.doctor("truck")["suspects"][["score", "z", "fit", "tune"]].head(5))
    print()
    tell("untouched", students)
    tell("one suspect removed", students.tune([("truck", CONTEXT[0], "remove")]))
    students.jump(0)
    tell("all twelve removed", students.tune([("truck", name, "remove") for name in CONTEXT]))
    node = carry_out(students.tuner, suggest(students.tuner))
    tell("repaired", students.jump(node.id))
    fair = inficond_panel.from_frames(**shifted_frames(bias=0.5)).fit()
    tell("learned without the shortcut", fair)


def tell(title: str, students: inficond_panel.TunableStudents) -> None:
    """AP of truck on the holdout."""
    print(f"{title:30} AP {students.metrics('holdout').loc['truck', 'ap']:.3f}")


if __name__ == "__main__":
    main()
