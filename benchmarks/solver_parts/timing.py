"""Seconds of the wall clock and of the processor, taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Seconds:
    """Seconds on the wall's clock, and of processor time of all threads."""

    wall: float
    cpu: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __str__(self) -> str:
        return f"{self.wall:.3g} s ({self.cpu:.3g} s of processor)"


class Stopwatch:
    """Adds up the time between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self.total = Seconds(0.0, 0.0)

    def start(self) -> None:
        """Let it run."""
        self._begin = time.perf_counter(), time.process_time()

    def stop(self) -> Seconds:
        """Hold it, and give the time so far."""
        wall, cpu = time.perf_counter() - self._begin[0], time.process_time() - self._begin[1]
        self.total += Seconds(wall, cpu)
        return self.total


def timed(function: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Seconds of one call, and its result."""
    watch = Stopwatch()
    watch.start()
    result = function()
    return watch.stop(), result


def interleaved(functions: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, Seconds]:
    """Median seconds of each, called in turns so that a change of load meets all alike."""
    runs: dict[str, list[Seconds]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            runs[name].append(timed(function)[0])
    return {name: median(times) for name, times in runs.items()}


def median(times: list[Seconds]) -> Seconds:
    """Median of each clock by itself."""
    return Seconds(
        statistics.median(t.wall for t in times), statistics.median(t.cpu for t in times)
    )


class Ratios:
    """The result: how many times our seconds the others take, on both clocks."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def add(self, name: str, other: Seconds, ours: Seconds, reached: bool = True) -> None:
        """Note a ratio; its name ends in ``at_least`` where the other did not get there."""
        name += "" if reached else "_at_least"
        self.values[name] = other.wall / ours.wall
        self.values[name + "_cpu"] = other.cpu / ours.cpu

    def put(self, name: str, value: float) -> None:
        """Note any other number."""
        self.values[name] = value

    def take(self, setting: str, others: Ratios) -> None:
        """Take the numbers of another setting, whose name goes before theirs."""
        self.values |= {f"{setting}_{name}": value for name, value in others.values.items()}

    def rounded(self) -> dict[str, float]:
        """Three digits of each."""
        return {name: float(f"{value:.3g}") for name, value in self.values.items()}
