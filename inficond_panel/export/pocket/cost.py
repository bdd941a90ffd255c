"""What a network costs on this machine: time per photo, bytes, and multiplications.

Networks are ONNX models, run by onnxruntime with one thread. Times are processor seconds of this
thread, so that other programs and threads disturb them little, and the networks run in turns, so
that what does disturb them disturbs all. Multiplications are those of convolutions and matrix
products, a proxy for energy that does not depend on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from inficond_panel.export.pocket.graph import session_of

#: Rounds in which each network runs once, after one that is not counted.
ROUNDS = 15
Name = TypeVar("Name")


@dataclass(frozen=True)
class Cost:
    """Cost of a network: median ``milliseconds`` per photo, ``bytes`` of its file, and
    ``multiplications`` per photo; nan if they cannot be counted."""

    milliseconds: float
    bytes: int
    multiplications: float


def costs_of(models: Mapping[Name, bytes], rounds: int = ROUNDS) -> dict[Name, Cost]:
    """Return the cost of each ONNX model, measured in turns on one photo of noise."""
    from precompute.teachers.multiplications import of_onnx  # noqa: PLC0415 - an extra

    runs = {name: _run(model) for name, model in models.items()}
    seconds = timed(runs, rounds)
    return {
        name: Cost(1e3 * seconds[name], len(model), of_onnx(model))
        for name, model in models.items()
    }


def timed(runs: Mapping[Name, Callable[[], object]], rounds: int = ROUNDS) -> dict[Name, float]:
    """Return the median processor seconds of each of some functions, which run in turns."""
    for run in runs.values():
        run()
    taken: dict[Name, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.thread_time()
            run()
            taken[name].append(time.thread_time() - started)
    return {name: float(np.median(each)) for name, each in taken.items()}


def _run(model: bytes) -> Callable[[], object]:
    session = session_of(model)
    entry = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in entry.shape]
    kind = np.float16 if "float16" in entry.type else np.float32
    noise = np.random.default_rng(0).standard_normal(shape).astype(kind)
    return lambda: session.run(None, {entry.name: noise})
