"""Groups of near-equal images, found by their concept scores: copies, bursts, frames of a video.

Near-equal images are no independent evidence. A fold that holds the copy of an image out tests what
the other copy taught, and a bootstrap over images takes each copy for news. So folds, draws and
permutations go by group.

The distance of two images is that of their standardised scores on the main axes, which hold most of
the variance, divided by its mean over pairs of images: about 1 for images that have nothing to do
with each other. Noise that differs from concept to concept hardly shows on the main axes. Two
images are near-equal if

- their distance is at most ``LIMIT``, and
- so small a distance is no chance: in data of few dimensions, or of many images, unrelated images
  come near to each other too. The number of pairs within a distance r grows like r to the power of
  the data's dimension (the correlation dimension: Grassberger and Procaccia 1983, Physica D 9). It
  is read from the nearest of random pairs, and extrapolated to the distance within which
  ``CHANCE`` pairs of unrelated images are expected in all. Near-equal images that are found are
  taken from the sample, and the distance is read again.

Of few columns, those with a heavy tail, such as incomes, count by their ranks. Else most rows lie
close together in units of the standard deviation, which is that of the tail, and the dimension,
read over rows of all densities, says too little about the densest ones.

Scores that take few values, such as attributes of people or words of captions (0 or 1), are equal
for images that have nothing to do with each other. A teacher that looks at the same attributes
gives equal rows equal logits, so these say no more. So no images are near-equal

- without a ``graded`` column of scores; only such columns count in the distance, and
- if more than ``CHANCE`` pairs of unrelated images are expected to have equal scores, such as rows
  of a table of age and education. This is the number of all pairs times the share of pairs that are
  equal in a column, over all columns. A copy is no chance, so the shares are those of rows that
  differ. The columns are taken for independent; of columns that say the same, such as age and year
  of birth, more rows are equal.

Images with equal scores and equal logits are near-equal, and with one graded column no others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.ordering import normal_scores
from inficond_panel.common.threads import one_thread

#: Largest distance of near-equal images.
LIMIT = 0.25
#: Largest expected number of pairs of unrelated images that are taken for near-equal.
CHANCE = 0.01
#: Shares of the nearest random pairs at which the dimension is read, each against ``_WIDER`` times
#: the share. A small share tells most, but may be near-equal pairs: the largest distance is taken.
_SHARES, _WIDER = (1e-4, 1e-3, 1e-2, 2e-2), 5
#: Least number of pairs in a share.
_FEWEST_PAIRS = 50
#: Largest share of a graded column's most frequent value.
_MOST_EQUAL = 1 / 3
#: Least number of values of a graded column; grades such as 0, 1/4, ... 1 are fewer.
_FEWEST_VALUES = 12
#: Images of the samples that give axes and dimension, and tell which columns are graded.
_SAMPLE = 1500
#: Number of columns up to which those with a heavy tail are taken by their ranks, and the fourth
#: moment of a standardised column, 3 of a normal one, from which its tail is heavy.
_FEW_COLUMNS, _HEAVY = 30, 4.0
#: Share of the variance that the main axes hold.
_EXPLAINED = 0.8
#: Fewest main axes on which a small distance tells anything.
_FEWEST_AXES = 4
#: Images compared at one time.
_ROWS = 1024
_TINY = 1e-12
#: Most readings of the distance.
_READINGS = 5

Array = NDArray[np.float64]
#: Pairs (p, 2) of indices of images, the smaller first.
Pairs = NDArray[np.intp]


@one_thread()
def near_equal(scores: NDArray, logits: NDArray) -> Pairs:
    """Return pairs of near-equal images, by scores (n, C) and the teacher's logits (n, K).

    Of images with equal scores and logits each is paired with the first one only.
    """
    columns = _graded(scores)
    shown = np.arange(len(scores))
    if len(columns) > 1:
        shown = np.flatnonzero(np.ptp(scores[:, columns], axis=1) > 0)  # no concept: tells nothing
    if not len(columns) or _equal_by_chance(scores[shown]) > CHANCE:
        return np.empty((0, 2), np.intp)
    equal = shown[_equal(np.hstack([scores, logits])[shown])]
    first = np.setdiff1d(shown, equal[:, 1])
    if len(columns) < 2 or len(first) < 2:
        return equal
    values = _standardised(scores[np.ix_(first, columns)])
    places = on_main_axes(_evened(values) if len(columns) <= _FEW_COLUMNS else values)
    if places.shape[1] < _FEWEST_AXES:
        return equal
    return np.concatenate([equal, first[_near(places / _scale(places))]])


def _near(places: NDArray) -> Pairs:
    """Return pairs of near-equal images with ``places`` (n, a) on the main axes."""
    pairs, radius = np.empty((0, 2), np.intp), 0.0
    for _ in range(_READINGS):
        others = np.unique(groups_of(pairs, len(places)))
        wider = _radius(places[others[_evenly(len(others), _SAMPLE)]], len(others))
        if wider <= radius:
            break
        radius = wider
        pairs = np.concatenate([np.empty((0, 2), np.intp), *within(places, radius)])
    return pairs


def groups_of(pairs: Pairs, images: int) -> NDArray[np.intp]:
    """Return the group (n,) of each image: the smallest index of the images that it is connected
    to by ``pairs``, which is its own index if there are none."""
    if not len(pairs):
        return np.arange(images)
    from scipy.sparse import coo_array  # noqa: PLC0415 - takes longer than a look at a folder
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - as above

    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(images, images))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], dtype=np.intp)


def _graded(values: NDArray) -> NDArray[np.intp]:
    """Return the indices of the columns of ``values`` (n, C) that are graded: there are many
    values, and none is so frequent that many unrelated images share it."""
    some = np.sort(values[_evenly(len(values), _SAMPLE)], axis=0)
    most = int(_MOST_EQUAL * len(some))
    if not most:
        return np.empty(0, np.intp)
    many = 1 + (some[1:] != some[:-1]).sum(axis=0) >= min(_FEWEST_VALUES, most)
    return np.flatnonzero(many & (some[most:] != some[:-most]).all(axis=0))


def _equal(values: NDArray) -> Pairs:
    """Return pairs of equal rows of ``values`` (n, C): the first such row, and each later one."""
    first: dict[bytes, int] = {}
    rows = (row.tobytes() for row in np.ascontiguousarray(values))
    pairs = [(first.setdefault(row, i), i) for i, row in enumerate(rows)]
    found = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return found[found[:, 0] != found[:, 1]]


def _equal_by_chance(values: NDArray) -> float:
    """Return the number of pairs of equal rows (n, C) that are expected of unrelated images, or a
    number up to ``CHANCE`` that it does not exceed."""
    others = np.delete(values, _equal(values)[:, 1], axis=0)
    expected, pairs = len(values) * (len(values) - 1) / 2, max(len(others) * (len(others) - 1), 1)
    for column in others.T:
        if expected <= CHANCE:
            break
        counts = np.unique(column, return_counts=True)[1]
        expected *= float((counts * (counts - 1)).sum()) / pairs
    return expected


def _standardised(scores: NDArray) -> NDArray:
    """Return scores (n, C), none constant, less their mean over their standard deviation."""
    made = scores.astype(np.float32)
    made -= made.mean(axis=0, dtype=np.float64).astype(np.float32)
    made /= made.std(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(made)


def _evened(values: NDArray) -> NDArray:
    """Return standardised values (n, C), columns with a heavy tail as normal scores."""
    made = values.copy()
    for c in np.flatnonzero((values.astype(np.float64) ** 4).mean(axis=0) > _HEAVY):
        made[:, c] = normal_scores(values[:, c])
    return made


def on_main_axes(values: NDArray) -> NDArray:
    """Return the places (n, axes) of rows (n, C) on the main axes, which hold ``_EXPLAINED`` of the
    squared sizes of a sample. No two places are farther apart than their rows."""
    _, sizes, axes = np.linalg.svd(values[_evenly(len(values), _SAMPLE)], full_matrices=False)
    share = np.cumsum(sizes**2) / np.sum(sizes**2)
    return _product(values, axes[: int(np.searchsorted(share, _EXPLAINED)) + 1])


def _scale(places: NDArray) -> np.float32:
    """Return the root of the mean squared distance of two places (n, axes)."""
    return np.float32(np.sqrt(2 * places.var(axis=0, dtype=np.float64).sum()))


def _radius(some: NDArray, images: int) -> float:
    """Return the distance up to which ``images`` are near-equal, at most ``LIMIT``, from the
    places (n, a) of ``some``."""
    gaps = np.sort(_squared(some, some)[np.triu_indices(len(some), 1)])
    shares = [share for share in _SHARES if share * len(gaps) >= _FEWEST_PAIRS]
    return max((_chance_distance(gaps, share, images) for share in shares), default=0.0)


def _chance_distance(gaps: Array, share: float, images: int) -> float:
    """Return the distance within which ``CHANCE`` pairs of ``images`` are expected, at most
    ``LIMIT``, from ascending squared distances ``gaps``, at their smallest ``share``."""
    near, far = (max(gaps[int(part * len(gaps))], _TINY) for part in (share, _WIDER * share))
    dimension = 2 * np.log(_WIDER) / max(np.log(far / near), _TINY)
    expected = share * images * (images - 1) / 2
    return float(min(LIMIT, np.sqrt(near) * (CHANCE / expected) ** (1 / dimension)))


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def _squared(one: NDArray, other: NDArray) -> Array:
    """Return squared distances (n, m) between rows (n, C) and rows (m, C)."""
    sizes = np.einsum("ic,ic->i", one, one)[:, None] + np.einsum("ic,ic->i", other, other)
    return np.maximum(sizes - 2 * _product(one, other), 0.0)


def _product(one: NDArray, other: NDArray) -> NDArray:
    """Return ``one @ other.T`` of finite values.

    Kernels of OpenBLAS may raise the flag of an invalid operation on lanes that are not part of the
    result, which NumPy would tell as a warning.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(one @ other.T)


def within(places: NDArray, radius: float) -> Iterator[Pairs]:
    """Yield pairs of rows of ``places`` (n, a) with a distance of at most ``radius``, by blocks.

    Rows are sorted along the first axis, and compared with those that are near enough there.
    """
    order = np.argsort(places[:, 0], kind="stable")
    sorted_ = places[order]
    sizes, ones = np.einsum("ia,ia->i", sorted_, sorted_)[:, None], np.ones_like(sorted_[:, :1])
    # one product gives minus the squared distances: 2 x y - x x - y y
    left, right = np.hstack([2 * sorted_, -sizes, -ones]), np.hstack([sorted_, ones, sizes])
    for start in range(0, len(order), _ROWS):
        rows = slice(start, start + _ROWS)
        end = int(np.searchsorted(sorted_[:, 0], sorted_[rows][-1, 0] + radius, "right"))
        for first in range(start, end, _ROWS):
            product = _product(left[rows], right[first : min(first + _ROWS, end)])
            i, j = np.nonzero(product >= -np.float32(radius**2))
            near = np.stack([i + start, j + first], axis=1)
            yield np.sort(order[near[near[:, 0] < near[:, 1]]], axis=1)
