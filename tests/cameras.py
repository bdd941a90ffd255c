"""Tables of rows with one class each, from two cameras, of which a teacher may be worse on one."""

import numpy as np
import pandas as pd

import inficond_panel

CLASSES = ("a", "b", "c", "d")


def of_cameras(seed, *, noise=0.0, task="single_label", swapped=()):
    """Students of four classes, one per row, and a teacher that knows the probabilities, with a
    ``noise`` of its logits in the rows of the old camera. A lens has nothing to do with it. Labels
    of two ``swapped`` classes are exchanged in the rows of the old camera."""
    rng = np.random.default_rng(seed)
    n = 900
    class_, camera = rng.integers(0, 4, n), rng.choice(["old", "new"], n, p=[0.3, 0.7])
    seen = 1.5 * rng.normal(size=(n, 4))
    seen[np.arange(n), class_] += 2.5
    logit = seen * 2.5 / 1.5**2
    logit[camera == "old"] += noise * rng.normal(size=((camera == "old").sum(), 4))
    names = [f"r{at}" for at in range(n)]
    given = class_.copy()
    for one, other in (swapped, swapped[::-1]) if swapped else ():
        given[(class_ == CLASSES.index(one)) & (camera == "old")] = CLASSES.index(other)
    label = pd.DataFrame(np.eye(4, dtype=int)[given], names, list(CLASSES))
    facts = {"camera": camera, "lens": rng.choice(["x", "y", "z"], n)}
    scores = np.concatenate([seen, rng.normal(size=(n, 4))], axis=1)
    return inficond_panel.from_frames(
        pd.DataFrame(scores, names, [f"c{at}" for at in range(8)]),
        pd.DataFrame(logit, names, list(CLASSES)),
        label,
        split=pd.Series(np.resize(["fit", "fit", "tune"], n), names),
        metadata=pd.DataFrame(facts, names),
        task=task,
        activation="softmax" if task == "single_label" else "sigmoid",
    )
