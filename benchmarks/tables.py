"""What a table costs by its number of rows: processor time and memory, from frames to the doctor.

    python benchmarks/tables.py [--rows 3000 30000 100000] [--columns 100] [--classes 3]

Each size runs in a process of its own, on one thread. `store` is `from_frames`, which is done once;
`students` is the fit with the metrics on tune; `doctor` is the first look of the doctor, which is
kept. Times are CPU seconds, `mebibytes` is the largest resident memory of the whole process. Needs
Linux or macOS. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from threadpoolctl import threadpool_limits

_USED, _SEED = 10, 0


def tables(rows: int, columns: int, classes: int) -> tuple[list[pd.DataFrame], pd.Series]:
    """Scores, the teacher's logits and labels of ``rows``, and their splits; each class depends on
    ten columns."""
    rng = np.random.default_rng(_SEED)
    scores = rng.normal(size=(rows, columns))
    weights = np.zeros((columns, classes))
    for k in range(classes):
        weights[rng.choice(columns, min(_USED, columns), replace=False), k] = rng.normal(size=_USED)
    logits = scores @ weights - 1
    labels = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(int)
    ids = pd.Index([f"row {i}" for i in range(rows)], name="image_id")
    frames = [
        pd.DataFrame(values, ids, [f"{name} {i}" for i in range(values.shape[1])])
        for name, values in (("column", scores), ("class", logits), ("class", labels))
    ]
    drawn = rng.choice(["fit", "tune", "holdout"], rows, p=[0.6, 0.2, 0.2])
    return frames, pd.Series(drawn, ids)


def measured(size: tuple[int, int, int]) -> dict[str, float]:
    """Seconds of each step of one size, and the largest memory of this process."""
    import inficond_panel

    frames, split = tables(*size)
    taken: dict[str, float] = {}

    def timed(name: str, step: Callable[[], object]) -> object:
        started = time.process_time()
        result = step()
        taken[name] = time.process_time() - started
        return result

    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.zarr"
        opened = timed("store", lambda: inficond_panel.from_frames(*frames, split=split, path=path))
        students = opened.fit()
        timed("students", lambda: students.metrics("tune"))
        timed("doctor", students.doctor)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken["mebibytes"] = largest / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[3000, 30_000, 100_000])
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--classes", type=int, default=3)
    options = parser.parse_args()
    found = {}
    for rows in options.rows:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            taken = pool.apply(measured, ((rows, options.columns, options.classes),))
        found[rows] = {name: round(value, 1) for name, value in taken.items()}
        print(f"{rows:>9,} rows", *(f"{name} {value}" for name, value in found[rows].items()))
    print(json.dumps({"name": "tables", "rows": found}))


if __name__ == "__main__":
    main()
