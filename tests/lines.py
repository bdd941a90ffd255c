"""Tables of rows with one class each, or several, whose columns are exchanged on one line."""

import numpy as np
import pandas as pd

import inficond_panel

CLASSES = ("ok", "warp", "crack")


def of_lines(seed, *, exchanged="B", task="single_label", teacher_too=False, path=None):
    """Students of three classes. Two columns that tell warp are ``exchanged`` in the rows of a
    line, after the teacher has seen the right ones, or before (``teacher_too``). A shift has
    nothing to do with it."""
    rng = np.random.default_rng(seed)
    n = 1500
    ids = [f"r{at:04d}" for at in range(n)]
    class_, line = rng.integers(0, 3, n), rng.choice(list("ABCD"), n)
    seen = rng.normal(size=(n, 6))
    seen[class_ == 1, 0] += 2
    seen[class_ == 1, 1] -= 2
    seen[class_ == 2, 2] += 3
    right, here = seen.copy(), line == exchanged
    seen[here, 0], seen[here, 1] = right[here, 1], right[here, 0]
    known = seen if teacher_too else right
    warp = 2 * known[:, 0] - 2 * known[:, 1] - 4
    logit = np.column_stack([np.zeros(n), warp, 3 * known[:, 2] - 4.5])
    facts = {"line": line, "shift": rng.choice(["day", "night"], n)}
    return inficond_panel.from_frames(
        pd.DataFrame(seen, ids, [f"c{at}" for at in range(6)]),
        pd.DataFrame(logit, ids, list(CLASSES)),
        pd.DataFrame(np.eye(3, dtype=int)[class_], ids, list(CLASSES)),
        split=pd.Series(np.repeat(["fit", "tune", "holdout"], [800, 600, 100]), ids),
        metadata=pd.DataFrame(facts, ids),
        task=task,
        activation="softmax" if task == "single_label" else "sigmoid",
        path=path,
    ).fit()
