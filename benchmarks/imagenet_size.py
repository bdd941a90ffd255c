"""How work grows with images, concepts and classes, and what ImageNet's size would take.

    python benchmarks/imagenet_size.py [--quick] [--repeats N] [--folder FOLDER]

Stores of made scores (solver_parts/data.py) have 1/100, 1/30 and 1/10 of ImageNet's images, and
likewise of 4,500 concepts and of 1,000 classes; one of the three varies, the others stay at 1/30.
Each store is opened in a process of its own, on one thread. Told is the processor time of each
step, the exponent of its growth (least squares on logarithms, with Student's 95 % interval over all
runs), and what the full size would take by it: at least, since fixed costs make the exponents of
small sizes smaller. "peak" is anonymous memory at its highest (RssAnon; files that are mapped into
memory are not in it). The last line is one line of JSON
with the exponents: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from memory import anonymous
from scipy import stats
from solver_parts.data import synthetic_blocks

import inficond_panel
from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.store import write

FULL = {"images": 1_281_167, "concepts": 4_500, "classes": 1_000}
SHARES, QUICK = (1 / 100, 1 / 30, 1 / 10), (1 / 1000, 1 / 300, 1 / 100)
#: L1 penalty of the students, and the parts of fit and tune; the rest is holdout.
L1, FIT, TUNE = 1e-3, 0.6, 0.8
#: Smallest numbers: a teacher's logit is made of fifteen concepts.
LEAST = {"images": 1_000, "concepts": 20, "classes": 2}
#: Positives of a class among its images, so that each has some.
PREVALENCE = 0.05


def write_store(path: Path, images: int, concepts: int, classes: int, seed: int) -> None:
    """Scores, logits and labels as a store, made and written in blocks."""
    share = np.arange(images) / images
    noise = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:

        def room(name: str, dtype: str, columns: int) -> np.ndarray:
            return np.memmap(f"{folder}/{name}", dtype, "w+", shape=(images, columns))

        arrays = {
            "concept_score": room("scores", "float32", concepts),
            "teacher_logit": room("logits", "float32", classes),
            "label": room("labels", "int8", classes),
        }
        first, common = 0, None
        for scores, given in synthetic_blocks(images, concepts, classes, seed):
            common = np.quantile(given, 1 - PREVALENCE, axis=0) if common is None else common
            logits = given - common
            label = logits + noise.logistic(0, 1, logits.shape) > 0
            rows = slice(first, first := first + len(scores))
            for array, values in zip(arrays.values(), (scores, logits, label), strict=True):
                array[rows] = values
        arrays |= {
            "image": _names("image", images),
            "concept": _names("concept", concepts),
            "class_name": _names("class", classes),
            "split": np.select([share < FIT, share < TUNE], ["fit", "tune"], "holdout"),
        }
        known = ("title", "encoder", "preprocessing", "corpus", "teacher", "inputs_hash")
        write.write_store(path, arrays, dict.fromkeys(known, "made"))


def _names(what: str, count: int) -> np.ndarray:
    return np.array([f"{what} {number}" for number in range(count)])


def steps(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is measured, in order: all classes first, then one."""
    students = inficond_panel.open_students(path, history=":memory:").with_settings(lambda_=L1)
    tuner = students.tuner
    yield "distil all", students.fit
    yield "first screen", lambda: take_snapshot(tuner, tuner.root(), "tune")
    yield "metrics, intervals", lambda: students.metrics("tune", intervals=True)
    yield "one edit", lambda: students.down("class 0", "concept 0")
    yield "changes, intervals", lambda: students.changes("parent")
    yield "suspects of a class", lambda: students.doctor(["class 0"])
    yield "levers of a class", lambda: students.compare_repairs(["class 0"])


def measure(path: Path) -> dict[str, float]:
    """Seconds of processor time of each step, and the peak in GiB."""
    seconds, done, peak = {}, threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.02):
            peak.append(max(peak.pop(), anonymous()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for name, step in steps(path):
        begin = time.process_time()
        step()
        seconds[name] = time.process_time() - begin
    done.set()
    watcher.join()
    return {**seconds, "peak": peak[0] / 2**30}


def run(sizes: dict[str, int], folder: Path, seed: int) -> dict[str, float]:
    """One store, written by one process and measured by another."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "made.zarr"
        write_store(path, **sizes, seed=seed)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        done = subprocess.run(
            [sys.executable, __file__, "--worker", path],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, **threads},
        )
    return json.loads(done.stdout.splitlines()[-1])


def growth(sizes: list[int], values: list[float]) -> tuple[float, float]:
    """Exponent of the growth, and half of its 95 % interval."""
    fit = stats.linregress(np.log(sizes), np.log(values))
    return fit.slope, float(stats.t.ppf(0.975, len(sizes) - 2)) * fit.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of these sizes")
    parser.add_argument("--repeats", type=int, default=2, help="stores of each size")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(measure(given.worker)))
        return
    shares = QUICK if given.quick else SHARES
    middle = {name: max(round(full * shares[1]), LEAST[name]) for name, full in FULL.items()}
    rows = []
    for varied, full in FULL.items():
        for share in shares:
            sizes = {**middle, varied: max(round(full * share), LEAST[varied])}
            if varied != "images" and share == shares[1]:
                known = [row for row in rows if row["at"] == middle and row["varied"] == "images"]
                rows += [{**row, "varied": varied} for row in known]
                continue
            for seed in range(given.repeats):
                row = run(sizes, given.folder, seed)
                rows.append({**row, "at": sizes, "varied": varied})
                told = ", ".join(f"{name} {value:.2f}" for name, value in row.items())
                print(f"{sizes}: {told}", flush=True)
    report(rows, middle)


def report(rows: list[dict[str, Any]], middle: dict[str, int]) -> None:
    """Print the table, and the line of JSON."""
    names = [name for name in rows[0] if name not in ("at", "varied")]
    exponents: dict[str, dict[str, float]] = {}
    print(f"\n{'':22}{'at ' + '×'.join(map(str, middle.values())):>16}", end="")
    print("".join(f"{name:>16}" for name in FULL), f"{'full size':>12}")
    for name in names:
        base = float(np.mean([row[name] for row in rows if row["at"] == middle]))
        full, cells, exponents[name] = base, "", {}
        for varied, most in FULL.items():
            part = [row for row in rows if row["varied"] == varied]
            slope, half = growth([row["at"][varied] for row in part], [row[name] for row in part])
            full *= (most / middle[varied]) ** slope
            cells += f"{f'{slope:.2f} ± {half:.2f}':>16}"
            exponents[name][varied] = round(slope, 3)
        seconds = name != "peak"  # of memory the larger part is the program
        told = (f"{base:.2f} s", f"{full:,.0f} s") if seconds else (f"{base:.2f} GiB", "")
        print(f"{name:22}{told[0]:>16}{cells} {told[1]:>12}")
    print(json.dumps({"name": "imagenet_size", "ratios": exponents, "sizes": middle}))


if __name__ == "__main__":
    main()
