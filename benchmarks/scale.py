"""One class refitted after an edit, from float16 scores in a Zarr store, by number of images.

    python benchmarks/scale.py [--quick] [--images N ...] [--folder FOLDER]

For each number of images a process of its own writes the store (block by block), fits one class,
and then refits it with a bound on its strongest concept, warm: from the parent's weights, with the
table open and its columns in memory, as while somebody tunes. "first" is the fit from nothing,
the reading of the store included. A pass is one reading of all scores. "peak" is the resident
memory of the process at its highest. The last line is one line of JSON; "seconds_growth" is the
refit's seconds per image at the largest size over those at the smallest: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from inficond_panel.distill import Scores, fit, soft_targets

CONCEPTS, BLOCK, L1 = 584, 8192, 1e-4
SIZES = (62_500, 125_000, 250_000, 500_000, 1_000_000)
QUICK = (10_000, 20_000, 40_000)


@dataclass(frozen=True)
class Parts:
    """Parts that the scores and the logits of all blocks have in common."""

    factors: NDArray
    mean: NDArray
    weights: NDArray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Parts:
        """Correlated concepts, 15 of which the teacher goes by."""
        weights = np.zeros(CONCEPTS)
        weights[rng.choice(CONCEPTS, 15, replace=False)] = rng.normal(0, 25, 15)
        factors = rng.standard_normal((24, CONCEPTS), dtype=np.float32) * 0.03 / 24**0.5
        return cls(factors, rng.normal(0.2, 0.03, CONCEPTS).astype(np.float32), weights)


def write_store(path: Path, images: int) -> tuple[Any, NDArray]:
    """Scores (N, 584) as a Zarr array, and logits (N, 1)."""
    rng = np.random.default_rng(0)
    parts = Parts.draw(rng)
    scores = zarr.create_array(
        path, shape=(images, CONCEPTS), chunks=(BLOCK, CONCEPTS), dtype="float16"
    )
    logits = np.empty((images, 1))
    for first in range(0, images, BLOCK):
        rows = min(BLOCK, images - first)
        block = rng.standard_normal((rows, CONCEPTS), dtype=np.float32) * 0.012
        block += rng.standard_normal((rows, 24), dtype=np.float32) @ parts.factors + parts.mean
        scores[first : first + rows] = np.maximum(block, 0).astype(np.float16)
        logits[first : first + rows, 0] = (block - parts.mean) @ parts.weights - 5
    return scores, logits + rng.normal(0, 1.2, logits.shape)


def measure(path: Path, images: int) -> dict[str, float]:
    """Seconds, passes and memory at one size."""
    scores, logits = write_store(path, images)
    targets, data = soft_targets(logits), Scores(scores)
    begin = time.perf_counter()
    parent = fit(data, targets, l1=L1)
    first, first_passes = time.perf_counter() - begin, data.passes
    top = int(np.argmax(np.abs(parent.weights)))
    lower = np.full((CONCEPTS, 1), -np.inf)
    lower[top] = parent.weights[top] + abs(parent.weights[top])
    begin, cpu = time.perf_counter(), time.process_time()
    refit = fit(data, targets, l1=L1, lower=lower, start=parent)
    assert parent.converged.all()
    assert refit.converged.all()
    return {
        "images": images,
        "first": first,
        "first_passes": first_passes,
        "refit": time.perf_counter() - begin,
        "refit_cpu": time.process_time() - cpu,
        "refit_passes": data.passes - first_passes,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "gap": float(refit.gap[0]),
    }


def in_own_process(images: int, folder: Path) -> dict[str, float]:
    """The same in a process of its own, for its memory."""
    with tempfile.TemporaryDirectory(dir=folder) as store:
        command = [sys.executable, __file__, "--worker", store, "--images", str(images)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--images", type=int, nargs="+", help="numbers of images")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = given.images or (QUICK if given.quick else SIZES)
    if given.worker:
        print(json.dumps(measure(given.worker / "scores.zarr", sizes[0])))
        return
    print(f"{'images':>9} {'first s':>8} {'passes':>6} {'refit s':>8} {'cpu s':>6} ", end="")
    print(f"{'passes':>6} {'µs/image':>8} {'peak GiB':>8}")
    rows = []
    for images in sizes:
        row = in_own_process(images, given.folder)
        rows.append(row)
        print(
            f"{images:9,} {row['first']:8.2f} {row['first_passes']:6} {row['refit']:8.2f} "
            f"{row['refit_cpu']:6.2f} {row['refit_passes']:6} {1e6 * row['refit'] / images:8.2f} "
            f"{row['peak_gib']:8.2f}",
            flush=True,
        )
    small, large = rows[0], rows[-1]
    ratios = {
        "seconds_growth": large["refit"] / large["images"] / (small["refit"] / small["images"]),
        "cpu_growth": large["refit_cpu"] / large["images"] / (small["refit_cpu"] / small["images"]),
        "refit_over_first": large["refit"] / large["first"],
        "peak_over_float32_table": large["peak_gib"] * 2**30 / (large["images"] * CONCEPTS * 4),
    }
    rounded = {name: float(f"{value:.3g}") for name, value in ratios.items()}
    sizes_told = {"images": [row["images"] for row in rows], "concepts": CONCEPTS}
    print(json.dumps({"name": "scale", "ratios": rounded, "sizes": sizes_told}))


if __name__ == "__main__":
    main()
