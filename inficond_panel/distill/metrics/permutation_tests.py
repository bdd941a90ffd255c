"""Permutation tests of whether a slice is worse than chance, with draws until the verdict is sure.

A slice is compared with random sets of images that have as many positives and as many negatives,
drawn from all labelled images (for fidelity: as many images that the teacher decides positive, and
negative). Keeping the mix of labels matters, since average precision and precision fall with the
share of positives, whoever the student is.

- ``expected`` is the mean of the metric over these draws;
- ``p`` is (1 + worse) / (1 + drawn), with the number of draws that are as bad as the slice or
  worse: a one-sided permutation test of "given its label, the student's logit of an image does not
  depend on the slice". A draw on which the metric is undefined counts as worse;
- Holm's adjustment is for the number of tested slices and classes (Holm 1979, Scandinavian Journal
  of Statistics 6): among many slices the worst looks bad by chance alone.

``p`` varies with the draws. So there are two stages. First all tests have ``FIRST_DRAWS``, or fewer
where p is clearly not small: a test stops at 20 draws that are as bad (Besag and Clifford 1991,
Biometrika 78, "Sequential Monte Carlo p-values"). Then a test has twice as many draws, again and
again, while its verdict is open: as long as the Monte Carlo interval of its adjusted p has ``SURE``
inside (after Gandy 2009, JASA 104, "Sequential implementation of Monte Carlo tests with
uniformly bounded resampling risk"), up to ``most_draws``. The interval of each p is that of Clopper
and Pearson. Holm's adjustment grows with each p, so it maps the limits of all p to limits of each
adjusted p.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from inficond_panel.distill.metrics.groups import first_of, of_rows, parts_of
from inficond_panel.distill.metrics.outcome import Mask, Outcome
from inficond_panel.distill.sources import Array
from inficond_panel.errors import CancelledError
from inficond_panel.vocabulary.metrics import METRICS

#: Adjusted p up to which a slice is significantly worse than chance.
SURE = 0.05
#: Level of the Monte Carlo interval that must not have ``SURE`` inside; high for several looks.
MONTE_CARLO = 0.999
#: Draws of the first stage, and draws as bad as the slice with which a test stops earlier.
FIRST_DRAWS, _STOP_AT = 1000, 20
#: Most draws of a test, and most images in all draws of a test; most and least draws per test that
#: Holm adjusts for.
_MOST, _MOST_IMAGES, _MOST_PER_TEST, LEAST_PER_TEST = 50_000, 1 << 27, 200, 40
_BLOCK_VALUES = 1 << 20
_KEPT_BLOCKS = 8


def holm(p_values: ArrayLike) -> list[float]:
    """Return Holm's adjusted p-values, in the same order; nan (not tested) stays nan."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")  # nan last
    tests = np.count_nonzero(~np.isnan(p))
    adjusted = np.full(len(p), np.nan)
    steps = p[order[:tests]] * np.arange(tests, 0, -1)
    adjusted[order[:tests]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


@dataclass(frozen=True)
class Draws:
    """Random sets of images that a slice was compared with: ``drawn`` of them, of which ``worse``
    are as bad as the slice or worse. ``total`` is the sum of the metric over the ``defined``
    ones."""

    drawn: int = 0
    worse: int = 0
    total: float = 0.0
    defined: int = 0

    def and_of(self, values: Array, as_bad: Mask) -> Draws:
        """Return these draws and more, with ``values`` of the metric (more,)."""
        defined = values[~np.isnan(values)]
        return Draws(
            self.drawn + len(values),
            self.worse + int(np.count_nonzero(as_bad)),
            self.total + float(defined.sum()),
            self.defined + len(defined),
        )

    @property
    def expected(self) -> float:
        """Mean of the metric over the draws; nan if it is undefined on all of them."""
        return self.total / self.defined if self.defined else np.nan

    @property
    def p(self) -> float:
        """Estimate of the p-value."""
        return (1 + self.worse) / (1 + self.drawn)

    @property
    def limits(self) -> tuple[float, float]:
        """Monte Carlo interval of the p-value (Clopper and Pearson)."""
        better, tail = self.drawn - self.worse, (1 - MONTE_CARLO) / 2
        low = betaincinv(self.worse, better + 1, tail) if self.worse else 0.0
        high = betaincinv(self.worse + 1, better, 1 - tail) if better else 1.0
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class SliceTest:
    """Test of one slice of a class: its images are the ``mask`` (n,), on which the metric is
    ``value``."""

    class_name: str
    mask: Mask
    value: float


class Luck:
    """Random slices of one class, by which its slices are tested by one metric."""

    def __init__(self, outcome: Outcome, metric: str, seed: int) -> None:
        self.outcome, self.metric = outcome, metric
        strata = outcome.teacher if METRICS[metric].needs_teacher else outcome.positive
        self._sides = [np.flatnonzero(strata == side) for side in (False, True)]
        group = outcome.groups(metric)
        self._parts = [parts_of(of_rows(group, side), np.zeros(len(side))) for side in self._sides]
        self._seed = seed
        self._kept: list[NDArray[np.int32]] = []

    def first(self, test: SliceTest, most: int = FIRST_DRAWS) -> Draws:
        """Return the draws of the first stage, at most so many."""
        seen = Draws()
        for values in self._values(test.mask, 0, most):
            seen = seen.and_of(values, self._as_bad(values, test.value))
            if seen.worse >= _STOP_AT:
                break
        return seen

    def more(self, test: SliceTest, seen: Draws, most: int) -> Draws:
        """Return the draws ``seen`` and those that follow them, ``most`` in all."""
        for values in self._values(test.mask, seen.drawn, most):
            seen = seen.and_of(values, self._as_bad(values, test.value))
        return seen

    def _as_bad(self, values: Array, value: float) -> Mask:
        better = values < value if METRICS[self.metric].less_is_better else values > value
        return ~(better & (np.abs(values - value) > 1e-9))  # not better by rounding

    def _values(self, mask: Mask, first: int, last: int) -> Iterator[Array]:
        """Yield the metric on blocks of the random slices with the numbers ``first`` to ``last``
        that are as large as the slice ``mask`` (n,)."""
        member = self.outcome.counted(self.metric, mask[None].astype(np.uint8))[0]
        for permuted in self._places(len(member), first, last):
            yield self.outcome.values(self.metric, member[permuted])

    def _places(self, images: int, first: int, last: int) -> Iterator[NDArray[np.int32]]:
        """Yield blocks (rows, images) of the permutations ``first`` to ``last`` of the images
        within each label, and of groups of near-equal images as one."""
        rows = min(200, max(8, _BLOCK_VALUES // max(images, 1)))
        for index in range(first // rows, -(-last // rows)):
            block = self._kept[index] if index < len(self._kept) else self._block(index, rows)
            if index == len(self._kept) < _KEPT_BLOCKS:  # each slice needs the first blocks
                self._kept.append(block)
            yield block[max(first - index * rows, 0) : last - index * rows]

    def _block(self, index: int, rows: int) -> NDArray[np.int32]:
        rng = np.random.default_rng([self._seed, index])
        permuted = np.empty((rows, sum(map(len, self._sides))), dtype=np.int32)
        for side, part in zip(self._sides, self._parts, strict=True):
            first = side[first_of(part)]  # near-equal images take the place of one image
            tiled = np.broadcast_to(first, (rows, len(first)))
            permuted[:, side] = rng.permuted(tiled, axis=1)[:, part]
        return permuted


def most_draws(tests: int, images: int) -> int:
    """Return the most draws of each of so many tests on so many images.

    These are 50,000, more with over 250 tests, since Holm asks for a smaller p then, and fewer with
    over 2,684 images, for which draws take longer; but as many as an adjusted p of 1/40 needs.
    """
    most = min(max(_MOST, _MOST_PER_TEST * tests), _MOST_IMAGES // max(images, 1))
    return max(most, FIRST_DRAWS, LEAST_PER_TEST * tests)


def adjusted_limits(draws: Sequence[Draws]) -> list[tuple[float, float]]:
    """Return the Monte Carlo interval of each adjusted p-value."""
    low, high = (holm([each.limits[end] for each in draws]) for end in (0, 1))
    return list(zip(low, high, strict=True))


def all_draws(
    tests: Sequence[SliceTest],
    luck_of: Callable[[str], Luck],
    most: int,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Draws]:
    """Return the draws of the tests, which are in the order of the classes, of both stages: at most
    so many for a test. ``luck_of`` makes the random slices of a class."""
    classes, drawn = len({test.class_name for test in tests}), list[Draws]()
    by_class = groupby(tests, key=lambda test: test.class_name)
    for done, (class_name, of_class) in enumerate(by_class, start=1):
        luck = luck_of(class_name)
        for test in of_class:
            _stop_if(cancelled)
            drawn.append(luck.first(test, min(FIRST_DRAWS, most)))
        if progress is not None:
            progress(done / (classes + 1), f"slices of {class_name}")
    drawn = _settled(tests, drawn, luck_of, most, cancelled)
    if progress is not None:
        progress(1.0, "slices whose p is near the limit")
    return drawn


def _settled(
    tests: Sequence[SliceTest],
    drawn: Sequence[Draws],
    luck_of: Callable[[str], Luck],
    most: int,
    cancelled: Callable[[], bool] | None,
) -> list[Draws]:
    """Return the draws of the first stage, with more for the tests whose verdict is open."""
    settled = list(drawn)
    while still_open := [
        at
        for at, limits in enumerate(adjusted_limits(settled))
        if verdict_is_open(limits) and settled[at].drawn < most
    ]:
        for class_name, of_class in groupby(still_open, key=lambda at: tests[at].class_name):
            luck = luck_of(class_name)
            for at in of_class:
                _stop_if(cancelled)
                twice = min(2 * settled[at].drawn, most)
                settled[at] = luck.more(tests[at], settled[at], twice)
    return settled


def verdict_is_open(limits: tuple[float, float]) -> bool:
    """Return whether other draws may change a verdict, by the limits of an adjusted p-value."""
    low, high = limits
    return low <= SURE < high


def _stop_if(cancelled: Callable[[], bool] | None) -> None:
    """Raise ``CancelledError`` if the comparison was cancelled."""
    if cancelled is not None and cancelled():
        raise CancelledError("The comparison was cancelled.", "Nothing was changed.")
