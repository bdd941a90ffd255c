"""Metrics on slices of the images, and whether the worst slice is more than bad luck.

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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inficond_panel.distill.metrics.bootstrap import Interval, metric_intervals
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.permutation import Luck, Mask, counted, holm
from inficond_panel.errors import CancelledError, DataError
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP, METRICS

#: A slice with fewer images, or fewer positives or negatives where the metric needs them, is shown
#: and called small, but neither tested nor named the worst.
MIN_IMAGES = 30
MIN_POSITIVES = 10
#: More slices than this are no slices but single images.
MOST_SLICES = 200


@dataclass(frozen=True)
class SliceResult:
    """One class on one slice.

    ``n`` and ``positives`` count labelled images. ``metrics`` holds all METRICS; the rest is about
    the one metric asked for: its interval, its value on all other images (``rest``), and the test
    as the module says. ``small`` is "", or why the slice was not tested; p is nan then.
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
    """A mask of the images (n,) for each value of a column of texts, or each combination of many.

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
    """A report for each class, of ``outcomes`` (by class) on ``slices`` (masks (n,) by name).

    One family of tests: p-values are adjusted over all classes and slices. ``permutations`` are
    at most so many draws a test; by default 999, or as many more as an adjusted p of 0.05 needs.
    """
    limits = min_images, min_positives
    found = {
        name: _described(outcome, slices, metric, draws, seed, level, limits)
        for name, outcome in outcomes.items()
    }
    tests = sum(not part.small for parts in found.values() for part in parts)
    most = permutations or max(999, 40 * tests)
    for done, (name, parts) in enumerate(found.items(), start=1):
        luck = Luck(outcomes[name], metric, most, seed)
        for i, part in enumerate(parts):
            if cancelled is not None and cancelled():
                raise CancelledError("The comparison was cancelled.", "Nothing was changed.")
            if not part.small:
                expected, p = luck.of(slices[part.name], part.metrics[metric])
                parts[i] = replace(part, expected=expected, p=p)
        if progress is not None:
            progress(done / len(found), f"slices of {name}")
    adjusted = iter(holm([part.p for parts in found.values() for part in parts]))
    return {
        name: SliceReport(
            metric,
            outcomes[name].value(metric),
            tuple(replace(part, p_holm=next(adjusted)) for part in parts),
            tests,
        )
        for name, parts in found.items()
    }


def worst_of_all(reports: Mapping[str, SliceReport]) -> tuple[str, SliceResult] | None:
    """(Class, slice) with the smallest p; among equals the furthest from what is expected.

    None where no slice was tested.
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
    found = []
    for i, (name, mask) in enumerate(slices.items()):
        part = outcome.among(mask)
        interval = metric_intervals(part, (metric,), draws=draws, seed=seed, level=level)[metric]
        n, positives = len(part.positive), int(part.positive.sum())
        found.append(
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
    return found


def too_small(part: Outcome, metric: str, value: float, limits: tuple[int, int]) -> str:
    """Reason not to compare the metric of some images, "" where there is none.

    ``limits`` are the least numbers of images, and of positives and negatives.
    """
    images, positives = part.images(metric), int(part.positive.sum())
    if images < limits[0]:
        return f"fewer than {limits[0]} images"
    if METRICS[metric].needs_both_sides and min(positives, images - positives) < limits[1]:
        kind = "positives" if positives < limits[1] else "negatives"
        return f"fewer than {limits[1]} {kind}"
    return "undefined" if np.isnan(value) else ""
