"""Wall time of distilling on a Dask cluster: one process, 1 worker and 2 workers.

    python benchmarks/cluster.py [--images 60000] [--concepts 500] [--classes 1000] [--repeats 2]

Workers are processes of one thread on this machine, which have opened the store before, as in the
second command. Prints the median ratio to one process in the same round. The weights are compared
bit for bit.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import distributed
import numpy as np
from imagenet_size import L1, write_store

from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner
from inficond_panel.tuning.cluster import Cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (("images", 60_000), ("concepts", 500), ("classes", 1000), ("repeats", 2)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    sizes = options.images, options.concepts, options.classes
    given = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(n_workers=1, **given) as one,
        distributed.LocalCluster(n_workers=2, **given) as two,
    ):
        spec = write_spec(Path(folder), sizes)
        ways = [None, *(Cluster(each.scheduler_address) for each in (one, two))]
        for way in ways:
            timed(spec, way)
        rounds = np.array([[timed(spec, way) for way in ways] for _ in range(options.repeats)])
    ratios = np.median(rounds / rounds[:, :1], axis=0)
    print(
        f"one process {np.median(rounds[:, 0]):.1f} s; times that: 1 worker {ratios[1]:.2f}, "
        f"2 workers {ratios[2]:.2f}"
    )


def write_spec(folder: Path, sizes: tuple[int, int, int]) -> Path:
    """A store of these images, concepts and classes, and its spec."""
    write_store(folder / "made.zarr", *sizes, seed=0)
    spec = folder / "made.yaml"
    spec.write_text(f"title: Made\nstore: made.zarr\nstudents: {{lambda: {L1}}}\n")
    return spec


def timed(path: Path, workers: Cluster | None) -> float:
    """Wall time of distilling all classes, in seconds."""
    spec = load_spec(path, check_files=False)
    tuner = Tuner(open_store(spec.store), spec, History(":memory:"), workers=workers)
    if workers is None:
        tuner.fit_data  # noqa: B018 - read before, as the workers have
    started = time.perf_counter()
    root = tuner.root()
    seconds = time.perf_counter() - started
    _HASHES.add(root.weights_hash)
    assert len(_HASHES) == 1, "other bits"
    return seconds


_HASHES: set[str] = set()


if __name__ == "__main__":
    main()
