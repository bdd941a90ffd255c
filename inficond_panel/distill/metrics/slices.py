"""Metrics on slices of the images, and whether the worst slice is more than bad luck.

Permutation tests. Draws stop early where p is plainly not small: at the h-th draw that is as bad,
after l draws, p is h / l; else, after all B, (1 + worse) / (1 + B). Both are valid (Besag and
Clifford 1991, Biometrika 78, "Sequential Monte Carlo p-values").

A slice is a subset of the images: those with one value of a metadata column, or a selection. Each
is compared with what chance would give: the slice's place is given to other images, as many
positives and as many negatives as it has, drawn at random from all labelled images (for fidelity:
as many that the teacher decides positive, and negative). Keeping the mix of labels matters, since
average precision and precision fall with the share of positives, whoever the student is.

- ``expected`` is the mean of the metric over these draws;
- ``p`` is the share of draws that are as bad as the slice or worse: a one-sided permutation test of
  "given its label, what the student says of an image does not depend on the slice". A draw on
  which the metric is undefined counts as worse;
- ``p_holm`` is p adjusted for the number of slices and classes looked at (Holm 1979, Scandinavian
  Journal of Statistics 6): among many slices the worst looks bad by luck alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.distill.metrics.bootstrap import Interval, metric_intervals
from inficond_panel.distill.metrics.outcome import Mask, Outcome
from inficond_panel.distill.scores import Array
from inficond_panel.errors import CancelledError, DataError
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP, METRICS

_STOP_AT = 20
_BLOCK_VALUES = 1 << 20
_KEPT_BLOCKS = 8


def holm(p_values: ArrayLike) -> list[float]:
    """Return Holm's adjusted p-values, in the same order; nan is no test and stays nan."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")  # nan last
    tests = np.count_nonzero(~np.isnan(p))
    adjusted = np.full(len(p), np.nan)
    steps = p[order[:tests]] * np.arange(tests, 0, -1)
    adjusted[order[:tests]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


class Luck:
    """Values of a metric on random images instead of a slice; shared by the slices."""

    def __init__(self, outcome: Outcome, metric: str, most: int, seed: int) -> None:
        self.outcome, self.metric, self.most = outcome, metric, most
        strata = outcome.teacher if METRICS[metric].needs_teacher else outcome.positive
        self._groups = [np.flatnonzero(strata == side) for side in (False, True)]
        self._seed = seed
        self._kept: list[NDArray[np.int32]] = []

    def of(self, mask: Mask, value: float) -> tuple[float, float]:
        """``expected`` and ``p`` of a slice that has this value."""
        member = counted(self.outcome, self.metric, mask[None])[0]
        worse, drawn = [], []
        for places in self._places(len(member)):
            values = self.outcome.values(self.metric, member[places])
            better = values < value if METRICS[self.metric].less_is_better else values > value
            worse.append(~_clearly(better, values, value))
            drawn.append(values)
            if sum(map(np.count_nonzero, worse)) >= _STOP_AT:
                break
        return _mean(np.concatenate(drawn)), self._p(np.concatenate(worse))

    def _p(self, worse: Mask) -> float:
        count = np.cumsum(worse)
        if count[-1] >= _STOP_AT:
            return _STOP_AT / float(np.searchsorted(count, _STOP_AT) + 1)
        return float(1 + count[-1]) / (1 + len(worse))

    def _places(self, images: int) -> Iterator[NDArray[np.int32]]:
        """Return blocks of rows: for each image the one of equal label whose membership it gets."""
        rows = min(200, max(8, _BLOCK_VALUES // max(images, 1)))
        for index, done in enumerate(range(0, self.most, rows)):
            block = self._kept[index] if index < len(self._kept) else self._block(index, rows)
            if index == len(self._kept) < _KEPT_BLOCKS:  # each slice needs the first
                self._kept.append(block)
            yield block[: self.most - done]

    def _block(self, index: int, rows: int) -> NDArray[np.int32]:
        rng = np.random.default_rng([self._seed, index])
        places = np.empty((rows, sum(map(len, self._groups))), dtype=np.int32)
        for group in self._groups:
            tiled = np.broadcast_to(group, (rows, len(group)))
            places[:, group] = rng.permuted(tiled, axis=1)
        return places


def _clearly(better: Mask, values: Array, value: float) -> Mask:
    """Better by more than rounding: equal sums in another order must count as equal."""
    return better & (np.abs(values - value) > 1e-9)


def _mean(values: Array) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan


def counted(outcome: Outcome, metric: str, masks: NDArray) -> NDArray[np.uint8]:
    """Masks (slices, n) as counts of the images that the metric is about."""
    rows = masks if METRICS[metric].needs_teacher else masks[:, outcome.known]
    return rows.astype(np.uint8)


#: A slice with fewer images, or fewer positives or negatives where the metric needs them, is shown
#: and called small, but neither tested nor named the worst.
MIN_IMAGES = 30
MIN_POSITIVES = 10
#: More slices than this are no slices but single images.
MOST_SLICES = 200


@dataclass(frozen=True)
class SliceResult:
    """One class on one slice.

    ``n`` and ``positives`` count labelled images. ``metrics`` holds all METRICS; the other fields
    concern the requested metric: its interval, its value on all other images (``rest``), and the
    test of this module. ``small`` is "", or the reason why the slice was not tested; p is nan then.
    """

    name: str
    n: int
    positives: int
    metrics: dict[str, float]
    interval: Interval
    rest: float
    small: str
    expected: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan


@dataclass(frozen=True)
class SliceReport:
    """One class on all slices; ``tests`` is how many p-values the Holm adjustment covers."""

    metric: str
    whole: float
    slices: tuple[SliceResult, ...]
    tests: int

    @property
    def worst(self) -> SliceResult | None:
        """The slice with the worst value of the metric among those tested; None without one."""
        sign = -1 if METRICS[self.metric].less_is_better else 1
        tested = [found for found in self.slices if not found.small]
        return min(tested, key=lambda found: sign * found.interval.estimate, default=None)


def slices_by(*columns: Sequence[str]) -> dict[str, Mask]:
    """Masks of the images (n,), one per value of a column of texts, or per combination of several
    columns.

    An empty text is called "(none)". Raises DataError for more than MOST_SLICES.
    """
    named = [[text or "(none)" for text in column] for column in columns]
    keys = np.array([" · ".join(texts) for texts in zip(*named, strict=True)])
    names = np.unique(keys)
    if len(names) > MOST_SLICES:
        raise DataError(
            f"The column has {len(names)} different values, too many for slices.",
            f"Group them into at most {MOST_SLICES} values.",
        )
    return {str(name): keys == name for name in names}


def compare_slices(
    outcomes: Mapping[str, Outcome],
    slices: Mapping[str, Mask],
    metric: str = AP.key,
    *,
    draws: int = 200,
    permutations: int | None = None,
    seed: int = 0,
    level: float = CONFIDENCE,
    min_images: int = MIN_IMAGES,
    min_positives: int = MIN_POSITIVES,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, SliceReport]:
    """Reports by class, of ``outcomes`` (by class) on ``slices`` (masks (n,) by name).

    One family of tests: p-values are adjusted over all classes and slices. ``permutations`` are
    at most so many draws a test; by default 999, or as many more as an adjusted p of 0.05 needs.
    """
    limits = min_images, min_positives
    by_class = {
        name: _described(outcome, slices, metric, draws, seed, level, limits)
        for name, outcome in outcomes.items()
    }
    tests = sum(not part.small for parts in by_class.values() for part in parts)
    most = permutations or max(999, 40 * tests)
    for done, (name, parts) in enumerate(by_class.items(), start=1):
        luck = Luck(outcomes[name], metric, most, seed)
        for i, part in enumerate(parts):
            if cancelled is not None and cancelled():
                raise CancelledError("The comparison was cancelled.", "Nothing was changed.")
            if not part.small:
                expected, p = luck.of(slices[part.name], part.metrics[metric])
                parts[i] = replace(part, expected=expected, p=p)
        if progress is not None:
            progress(done / len(by_class), f"slices of {name}")
    adjusted = iter(holm([part.p for parts in by_class.values() for part in parts]))
    return {
        name: SliceReport(
            metric,
            outcomes[name].value(metric),
            tuple(replace(part, p_holm=next(adjusted)) for part in parts),
            tests,
        )
        for name, parts in by_class.items()
    }


def worst_of_all(reports: Mapping[str, SliceReport]) -> tuple[str, SliceResult] | None:
    """Return (class, slice) with the smallest p; among equals the furthest from the expectation.

    None if no slice was tested.
    """
    tested = [(n, f) for n, report in reports.items() for f in report.slices if not f.small]
    return min(
        tested,
        key=lambda pair: (pair[1].p, -abs(pair[1].expected - pair[1].interval.estimate)),
        default=None,
    )


def _described(
    outcome: Outcome,
    slices: Mapping[str, Mask],
    metric: str,
    draws: int,
    seed: int,
    level: float,
    limits: tuple[int, int],
) -> list[SliceResult]:
    """Values and intervals of all slices, without the tests."""
    masks = np.stack(list(slices.values()))
    values = {name: outcome.values(name, counted(outcome, name, masks)) for name in METRICS}
    rest = outcome.values(metric, counted(outcome, metric, ~masks))
    described = []
    for i, (name, mask) in enumerate(slices.items()):
        part = outcome.among(mask)
        interval = metric_intervals(part, (metric,), draws=draws, seed=seed, level=level)[metric]
        n, positives = len(part.positive), int(part.positive.sum())
        described.append(
            SliceResult(
                name=name,
                n=n,
                positives=positives,
                metrics={key: float(value[i]) for key, value in values.items()},
                interval=interval,
                rest=float(rest[i]),
                small=too_small(part, metric, interval.estimate, limits)
                or ("nothing to compare with" if np.isnan(rest[i]) else ""),
            )
        )
    return described


def too_small(part: Outcome, metric: str, value: float, limits: tuple[int, int]) -> str:
    """Return the reason not to compare the metric of some images, or "".

    ``limits`` are the least numbers of images, and of positives and negatives.
    """
    images, positives = part.images(metric), int(part.positive.sum())
    if images < limits[0]:
        return f"fewer than {limits[0]} images"
    if METRICS[metric].needs_both_sides and min(positives, images - positives) < limits[1]:
        kind = "positives" if positives < limits[1] else "negatives"
        return f"fewer than {limits[1]} {kind}"
    return "undefined" if np.isnan(value) else ""
