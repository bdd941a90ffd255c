"""Metrics before and after an edit in two worlds: as in these images, and without a correlation.

An image has the class or not (y), and shows the edited concepts or not (a). The weight

    w = P(y) P(a) / P(y, a)

makes y and a independent and keeps the share of each: the images of one group (y, a) together weigh
as much as they would if the concepts were as frequent with the class as without it (Kamiran and
Calders 2012, Knowledge and Information Systems 33, "Data preprocessing techniques for
classification without discrimination", reweighing; direct standardisation in epidemiology). So

- recall is sum_a P(a) P(named | y = 1, a), the false positive rate the same with y = 0;
- AP is that of the weighted ranking (``weighted_ap``).

What this assumes: within each group the images of that world look like these.

A bootstrap draw has weights from its own group sizes. Both students share the draws, so that the
change is paired. Draws of a rate of 0 or 1 never leave it, and neither do draws of few images whose
decision changes. So each draw of a rate adds to each group four images, one for each pair of
decisions (before, after), with weights of a gamma distribution of shape 1/4. Two of them make 1/2:
for a rate of 0 this is the interval of Jeffreys' prior (Brown, Cai and DasGupta 2001, Statistical
Science 16). The coverage is in docs/measured.md.

In the world as it is, each student's AP and recall are the metrics of all labelled images, and so
have the intervals of these (``bootstrap.level_interval``); the change has that of paired draws.

A figure is given only if each group that it needs has ``MIN_POSITIVES`` images (near-equal images
count once): a weight is as uncertain as the group is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.distill.metrics.bootstrap import draw_counts, interval, metric_intervals
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.distill.metrics.groups import distinct
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS, Noise
from inficond_panel.vocabulary.metrics import AP, FALSE_POSITIVE_RATE, METRICS, RECALL, keys
from inficond_panel.vocabulary.worlds import INDEPENDENT, THESE

#: Metrics of both worlds, each with the labels whose images it needs.
SIDES_OF_METRIC = {AP.key: (True, False), RECALL.key: (True,), FALSE_POSITIVE_RATE.key: (False,)}
FIGURES = keys(AP, RECALL, FALSE_POSITIVE_RATE)


@dataclass(frozen=True)
class SmallGroup:
    """Group of too few images: with or without the class (``present``), showing the concepts or
    not (``shows``; None: either), and its number of distinct images."""

    present: bool
    shows: bool | None
    images: int


@dataclass(frozen=True)
class WorldFigure:
    """One metric of one class in one world: before and after an edit, and the change.

    ``images`` is the number of labelled images. Intervals are undefined if ``few`` lists groups
    that are too small.
    """

    world: str
    metric: str
    before: Interval
    after: Interval
    change: Interval
    images: int
    few: tuple[SmallGroup, ...] = ()

    @property
    def alone(self) -> WorldFigure:
        """The same figure without limits (nan)."""
        sides = self.before.alone, self.after.alone, self.change.alone
        return WorldFigure(self.world, self.metric, *sides, self.images, self.few)


def two_worlds(
    before: Outcome,
    after: Outcome,
    shows: NDArray | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> list[WorldFigure]:
    """Return ``FIGURES`` of both worlds, for two students of one class on the same n images.

    ``shows`` (n,) is 1 where an image shows the edited concepts, 0 where not, -1 where unknown; an
    image of unknown presence is left out of the second world. Without ``shows``: only the first.
    """
    worlds = [_World(THESE.key, (before, after), None, draws, seed)]
    if shows is not None:
        known = np.asarray(shows) >= 0
        pair = before.among(known), after.among(known)
        shown = np.asarray(shows)[known][pair[0].known] == 1
        worlds.append(_World(INDEPENDENT.key, pair, shown, draws, seed))
    return [world.figure(metric, level) for world in worlds for metric in FIGURES]


def independent_weights(
    present: NDArray[np.bool_], shows: NDArray[np.bool_], counts: NDArray
) -> Array:
    """Return counts (rows, n) of images times the weights that make ``present`` and ``shows``,
    masks (n,), independent. By each row both keep their shares; an empty group stays empty."""
    cell = 2 * present + shows
    sizes = (counts.astype(np.float64) @ (cell[:, None] == np.arange(4))).reshape(-1, 2, 2)
    margins = sizes.sum(axis=2, keepdims=True) * sizes.sum(axis=1, keepdims=True)
    total = sizes.sum(axis=(1, 2))[:, None, None]
    weights = np.divide(margins, sizes * total, out=np.zeros_like(sizes), where=sizes > 0)
    return np.asarray((counts.T * weights.reshape(-1, 4).T[cell]).T)  # in the order of draw_counts


def values_of(outcome: Outcome, metric: str, weights: NDArray) -> Array:
    """Return one of ``FIGURES`` (rows,) by each row of weights (rows, labelled images)."""
    if metric == AP.key:
        return outcome.values(AP.key, weights)
    side = outcome.positive == (metric == RECALL.key)
    return ratio(weights @ (side & outcome.decided), weights @ side)


class _World:
    """The labelled images of one world, with two students, bootstrap draws and weights.

    ``shows`` is the mask of the images that show the concepts; None: the world as it is.
    """

    def __init__(
        self,
        key: str,
        students: tuple[Outcome, Outcome],
        shows: NDArray[np.bool_] | None,
        draws: int,
        seed: int,
    ) -> None:
        self.key, self.students, self.seed = key, students, seed
        self.positive, self.group = students[0].positive, students[0].groups(AP.key)
        images = len(self.positive)
        self.parts: dict[bool | None, NDArray] = {None: np.ones(images, dtype=bool)}
        if shows is not None:
            self.parts = {True: shows, False: ~shows}
        self.counts = draw_counts(images, draws, seed, self.group)
        self.once: NDArray = np.ones((1, images))
        self.weights: NDArray = self.counts
        if shows is not None:
            weigh = partial(independent_weights, self.positive, shows)
            self.once, self.weights = weigh(self.once), weigh(self.counts)

    @cached_property
    def few(self) -> list[SmallGroup]:
        """Groups with fewer than ``MIN_POSITIVES`` distinct images."""
        sizes = (
            SmallGroup(side, there, distinct(self.group, mask & (self.positive == side)))
            for side in (True, False)
            for there, mask in self.parts.items()
        )
        return [each for each in sizes if each.images < MIN_POSITIVES]

    @cached_property
    def unchanged(self) -> bool:
        """True if the students rank and decide alike: the edit did not change the student."""
        before, after = self.students
        same = np.array_equal(before.all_logits, after.all_logits)
        return same and np.array_equal(before.decided, after.decided)

    def figure(self, metric: str, level: float) -> WorldFigure:
        """Return one of ``FIGURES``, with intervals of this level."""
        images = len(self.positive)
        few = tuple(each for each in self.few if each.present in SIDES_OF_METRIC[metric])
        if few:
            return WorldFigure(self.key, metric, NO_INTERVAL, NO_INTERVAL, NO_INTERVAL, images, few)
        before, after = (float(values_of(each, metric, self.once)[0]) for each in self.students)
        drawn = self._drawn_ap() if metric == AP.key else self._drawn_rates(metric == RECALL.key)
        if self.unchanged:
            drawn[1] = drawn[0]
        pairs = (before, drawn[0]), (after, drawn[1]), (after - before, drawn[1] - drawn[0])
        old, new, change = (interval(*each, level, metric).with_estimate for each in pairs)
        if self.key == THESE.key and metric in METRICS:
            old, new = (self._as_it_is(student, metric, level) for student in self.students)
        return WorldFigure(self.key, metric, old, new, change, images)

    def _as_it_is(self, student: Outcome, metric: str, level: float) -> Interval:
        noise = Noise(draws=len(self.counts), seed=self.seed, level=level)
        return metric_intervals(student, (metric,), **noise)[metric]

    def _drawn_ap(self) -> list[Array]:
        return [values_of(each, AP.key, self.weights) for each in self.students]

    def _drawn_rates(self, present: bool) -> list[Array]:
        """Return the rate of named images with label ``present`` on the draws (draws,), of each
        student: the mean over the parts of the images, by their shares."""
        counts = self.counts.astype(np.float64)
        rates = np.zeros((2, len(counts)))
        for index, mask in enumerate(self.parts.values()):
            rng = np.random.default_rng([self.seed, present, index])
            states = self._drawn_states(mask & (self.positive == present), counts, rng)
            named = np.stack([states[:, 2:].sum(axis=1), states[:, 1::2].sum(axis=1)])
            rates += ratio(counts @ mask, counts.sum(axis=1)) * named / states.sum(axis=1)
        return list(rates)

    def _drawn_states(
        self, mask: NDArray[np.bool_], counts: Array, rng: np.random.Generator
    ) -> Array:
        """Return how many images of a group each draw has (draws, 4) by decisions: 2 × before +
        after; with the added images, which weigh as much as distinct images of the group."""
        before, after = self.students
        pair = 2 * before.decided + after.decided
        states = counts @ (mask[:, None] & (pair[:, None] == np.arange(4)))
        added = rng.gamma(0.25, size=states.shape)
        return np.asarray(states + added * np.count_nonzero(mask) / distinct(self.group, mask))
