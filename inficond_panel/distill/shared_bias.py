"""What a student may rely on in all photos alike, which no comparison of two splits can show.

Of one class there are labels y (n,), the logits f (n,) of students that were not fitted to these
photos, and the scores of the class's own words. A *candidate* z is a concept's score, the label of
another class, a column of metadata, or a property of the picture. *Known* candidates are those that
no model has read from the photo: labels and columns.

- *correlation*: partial correlation of z and y given the own words: z goes with the class, beyond
  what its own words say;
- *use*: partial correlation of z and f given y and the own words: among photos of equal label and
  equal own words, the student's logit goes with z;
- *strength*: |correlation| sqrt(|use|) if both have the same sign, else 0.

The null of ``p``, that the student does not use z, is: z and f are independent given y, the own
words, and all known candidates but those alike to z (absolute correlation of at least ``ALIKE``),
which cannot be told from it, and its alternatives, which together give it: see ``_alternatives``.
All weights stay, and so does the dependence between the concepts:
chance is only what these say nothing of in z. The test is the generalised covariance measure (Shah
and Peters 2020, Annals of Statistics 48) with the residuals r of linear regressions: sum(r_z r_f) /
sqrt(sum((r_z r_f)^2)) is normal. It is valid if one of the two regressions is linear. So a student
that uses another known thing, which goes with z, passes; what is not known remains with z.

A p-value alone says little: with photos enough, every student uses something besides its class's
words. So a known candidate is *called* if, besides, its strength is at least ``LEAST``, more than
classes of real photos without a made bias have, and the student's decisions show the use
(``Rates.tells``): logits may follow a thing that decides no photo. And all photos share only what
each split shows: the photos of ``tune`` alone must have ``HELD`` of the correlation that those of
``fit`` alone have. A concept is ranked and never called: in numbers a part of the class, or what
always stands beside it, is like a fault. What is called is a question, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from inficond_panel.distill.metrics.permutation_tests import holm
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.sources import Array, to_host
from inficond_panel.distill.spread import constant, support
from inficond_panel.distill.suspects import LEAST_SUPPORT

#: Absolute correlation from which two candidates are not told apart.
ALIKE = 0.5
#: Least strength of a called candidate.
LEAST = 0.14
#: Chance, over all known candidates of a class, that one is called that the student does not use.
ALPHA = 0.05
#: Share of the correlation on fit from which tune holds it: as far from none of it as from all.
HELD = 0.5
#: Least z of the decisions that show a use: that of 1 % of those that do not, one-sided.
SHOWN = 2.326
#: Least photos more than expected that are called on one side: a decision on one or two photos is
#: clear at a low rate of calls, and changes nothing.
LEAST_CALLED = 3.0
#: Share of a candidate's variance, given all others, below which its alternatives are left out: a
#: twentieth of the images may be in none of several categories.
LEAST_LEFT = 0.25
#: Share of a column's variance below which the rest, given other columns, is rounding.
_ROUNDING = 1e-9


class Candidates:
    """Columns (n, M) of candidates: ``values`` (n, O), then ``concepts`` (indices) of tables.

    The ``tables`` have the scores (photos, C) of some photos after the other, n in all; ``squares``
    (C,) are the sums of their squared deviations from the mean, 0 of a constant concept. Columns of
    tables are read where they are: no copy in float64 is made of all.
    """

    def __init__(
        self,
        values: NDArray,
        tables: Sequence[Scores] = (),
        concepts: NDArray[np.intp] | None = None,
        squares: Array | None = None,
    ) -> None:
        self._values, self._tables = np.asarray(values, dtype=np.float64), tables
        self._concepts = np.zeros(0, np.intp) if concepts is None else concepts
        self._rest = self._values - self._values.mean(axis=0)
        own = np.where(constant(self._values), 0.0, (self._rest**2).sum(axis=0))
        more = np.zeros(0) if squares is None else squares[self._concepts]
        #: Sums of squared deviations from the mean (M,), 0 of a constant column.
        self.squares = np.concatenate([own, more])

    def products(self, u: Array) -> Array:
        """Return the products (M, k) with columns ``u`` (n, k) that each sum to 0."""
        ends = np.cumsum([0, *(table.shape[0] for table in self._tables)])
        total = np.zeros((len(self._concepts), u.shape[1]))
        for table, (first, last) in zip(self._tables, pairwise(ends), strict=True):
            part = u[first:last]  # its sums are not 0: those of all parts are
            product = table.gradient(part) + np.outer(table.pivot, part.sum(axis=0))
            total += product[self._concepts]
        return np.concatenate([self._rest.T @ u, total])

    def columns(self, some: NDArray[np.intp]) -> Array:
        """Return ``some`` columns (indices), (n, len(some))."""
        count = self._values.shape[1]
        made = np.empty((len(self._values), len(some)))
        made[:, some < count] = self._values[:, some[some < count]]
        if (some >= count).any():
            concepts = self._concepts[some[some >= count] - count]
            made[:, some >= count] = np.concatenate(
                [_taken(each, concepts) for each in self._tables]
            )
        return made


def _taken(table: Scores, concepts: NDArray[np.intp]) -> NDArray:
    """Return columns (n, p) of a table."""
    table.gather(concepts)
    return np.concatenate(list(table.columns.map(to_host, concepts)), axis=1).T


class SharedBias:
    """Measures (M,) of candidates for one class; the module defines them.

    All are 0, and p is 1, where fewer than ``LEAST_SUPPORT`` photos carry the candidate.
    ``shared_bias`` has the arguments. P-values are computed where they are asked for: each takes a
    regression on all known candidates.
    """

    correlation: Array
    use: Array

    def __init__(
        self, z: Candidates, label: Array, logit: Array, own: Array, known: Array, tested: NDArray
    ) -> None:
        self._z, self._logit, self._known, self._tested = z, logit, known, tested
        self._given = np.column_stack([label, own])
        self.correlation = np.where(tested, partial_correlation(z, label, own), 0.0)
        self.use = np.where(tested, partial_correlation(z, logit, self._given), 0.0)

    @property
    def strength(self) -> Array:
        """Strength (M,), at least 0."""
        return strength(self.correlation, self.use)

    def p(self, some: NDArray[np.intp]) -> Array:
        """Return the p-values of ``some`` candidates (indices)."""
        p, tested = np.ones(len(some)), self._tested[some]
        z = self._z.columns(some[tested])
        t = np.zeros(z.shape[1])
        for group, beside in _with_equal_others(z, self._known):
            given = np.column_stack([self._given, self._known[:, beside]])
            t[group] = covariance_measure(z[:, group], self._logit, given)
        p[tested] = 2 * ndtr(-np.abs(t))
        return p

    def called(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the mask (M,) of the candidates to call, among the ``known`` ones (M,)."""
        if not (self.strength >= LEAST)[known].any():  # no p-value would change that
            return np.zeros(len(known), dtype=bool)
        adjusted = np.ones(len(known))
        adjusted[known] = holm(self.p(np.flatnonzero(known)))
        return np.asarray((self.strength >= LEAST) & (adjusted <= ALPHA))


def strength(correlation: Array, use: Array) -> Array:
    """Return the strength (M,) of candidates, at least 0, by their correlation and use."""
    size = np.abs(correlation) * np.sqrt(np.abs(use))
    return np.where(correlation * use > 0, size, 0.0)


def held(fit: Array, tune: Array) -> NDArray[np.bool_]:
    """Return the mask (M,) of the correlations on fit, not 0, of which tune has ``HELD``."""
    return np.asarray((fit != 0) & (tune * np.sign(fit) >= HELD * np.abs(fit)))


def shared_bias(
    candidates: NDArray | Candidates,
    label: NDArray,
    logit: NDArray,
    own: NDArray,
    known: NDArray,
    carried: NDArray | None = None,
) -> SharedBias:
    """Measure what a student may rely on in photos with labels (n,) in {1, 0} and logits (n,).

    ``candidates`` are (n, M), the scores of the ``own`` words (n, W), the ``known`` candidates
    (n, K), which may be among the candidates. ``carried`` (M,) is the ``support`` of the
    candidates, where it is known already.
    """
    y, f, own, known = (np.asarray(each, dtype=np.float64) for each in (label, logit, own, known))
    if not isinstance(candidates, Candidates):
        carried = support(candidates) if carried is None else carried
        candidates = Candidates(candidates)
    carried = np.full(len(candidates.squares), np.inf) if carried is None else carried
    tested = (carried >= LEAST_SUPPORT) & (candidates.squares > 0)
    return SharedBias(candidates, y, f, own, known, tested)


def partial_correlation(z: Candidates, values: Array, given: Array) -> Array:
    """Return the partial correlation (M,) of candidates and values (n,) given other columns (n, G);
    0 where nothing is left."""
    basis = _basis(given)
    of_values = _rest(values, basis)
    total, *along = z.products(np.column_stack([of_values, basis[:, 1:]])).T  # the first is 1
    squares = z.squares - sum(each**2 for each in along)
    left = (squares > _ROUNDING * z.squares) & _is_left(of_values, values)
    size = np.sqrt(np.maximum(squares, 0.0) * (of_values**2).sum())
    return np.divide(total, size, out=np.zeros_like(total), where=left)


def covariance_measure(z: Array, values: Array, given: Array) -> Array:
    """Return the t (M,) of the generalised covariance measure of columns (n, M) and values (n,)
    given other columns (n, G); 0 where nothing is left."""
    basis = _basis(given)
    rest, of_values = _rest(z, basis), _rest(values, basis)
    total, squares = of_values @ rest, rest**2
    left = squares.sum(axis=0) > _ROUNDING * len(z) * z.var(axis=0)
    left &= _is_left(of_values, values)
    spread = np.sqrt(of_values**2 @ squares)
    free = np.sqrt(max(len(values) - basis.shape[1], 1) / len(values))
    return np.divide(total * free, spread, out=np.zeros_like(total), where=left)


def _rest(values: Array, basis: Array) -> Array:
    """Return what a regression on an orthonormal basis (n, r) leaves of columns (n,) or (n, M)."""
    return np.asarray(values - basis @ (basis.T @ values))


def _is_left(rest: Array, values: Array) -> bool:
    """Return True if the rest (n,) of values (n,) is more than rounding."""
    return bool((rest**2).sum() > _ROUNDING * ((values - values.mean()) ** 2).sum())


def _basis(given: Array) -> Array:
    """Return an orthonormal basis (n, r) of 1 and the columns, without those that others give."""
    from scipy.linalg import qr  # noqa: PLC0415 - slow to load

    columns = (given - given.mean(axis=0))[:, ~constant(given)]
    one = np.full((len(given), 1), 1 / np.sqrt(len(given)))
    if not columns.shape[1]:
        return one
    q, r, _ = qr(columns / np.sqrt((columns**2).sum(axis=0)), mode="economic", pivoting=True)
    return np.hstack([one, q[:, np.diag(r) ** 2 > _ROUNDING]])


def _with_equal_others(z: Array, known: Array) -> list[tuple[list[int], NDArray[np.bool_]]]:
    """Return the candidates (n, M) in groups (indices), each with the mask (K,) of the known
    candidates that are carried by photos enough, alike to none of the group, and none of its
    alternatives."""
    firm = support(known) >= LEAST_SUPPORT
    beside = (np.abs(_correlation(z, known)) < ALIKE) & firm
    apart = _alternatives(z, known, beside)
    for some, others in _equal_rows(beside, np.flatnonzero(apart.any(axis=1))):
        rest = _rest(z[:, some], _basis(known[:, others]))
        given = (rest**2).sum(axis=0) < LEAST_LEFT * len(z) * z[:, some].var(axis=0)
        for m in np.array(some)[given]:
            beside[m] &= ~apart[m]
    return _equal_rows(beside, np.arange(len(beside)))


def _equal_rows(
    mask: NDArray[np.bool_], some: NDArray[np.intp]
) -> list[tuple[list[int], NDArray[np.bool_]]]:
    """Return ``some`` rows (indices) of a mask in groups of equal ones, each with its row."""
    groups: dict[bytes, list[int]] = {}
    for m in some:
        groups.setdefault(mask[m].tobytes(), []).append(int(m))
    return [(rows, mask[rows[0]]) for rows in groups.values()]


def _alternatives(z: Array, known: Array, beside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask (M, K) of the known candidates ``beside`` that may together give a candidate,
    as the other brands do where each text names one: they are never in a photo with it, and in
    most photos without it; else none. Beside all that give it, nothing of a candidate is left to
    test. Where a column is empty, its values have their means, and give each other still."""
    there, others = (each > (each.min(axis=0) + each.max(axis=0)) / 2 for each in (z, known))
    apart = beside & ~(there.T.astype(np.float32) @ others > 0)
    for m in np.flatnonzero(apart.any(axis=1)):
        alone = ~there[:, m] & ~(others @ apart[m])
        apart[m] &= 2 * alone.sum() <= (~there[:, m]).sum()
    return apart


def _correlation(one: Array, other: Array) -> Array:
    """Return the correlations (M, K) of columns (n, M) and (n, K); 0 with a constant column."""
    sides = [each - each.mean(axis=0) for each in (one, other)]
    scaled = [each / np.maximum(np.sqrt((each**2).sum(axis=0)), 1e-300) for each in sides]
    return np.asarray(scaled[0].T @ scaled[1])


@dataclass(frozen=True)
class Rates:
    """What a student finds and calls with and without a candidate, each ``(photos, of so many)``.

    ``found`` are the positives that the student finds, ``called`` the negatives that it calls
    present; of each first the photos with the candidate, then those without it.
    """

    found: tuple[tuple[int, int], tuple[int, int]]
    called: tuple[tuple[int, int], tuple[int, int]]

    @property
    def above(self) -> float:
        """Number of calls with the candidate above what is expected if, at equal label, calls do
        not depend on it."""
        sides = (self.found, self.called)
        return sum(with_ - n * (with_ + some) / max(n + m, 1) for (with_, n), (some, m) in sides)

    @property
    def z(self) -> float:
        """The number ``above``, standardised (Mantel and Haenszel 1959, J. Natl. Cancer Inst.
        22)."""
        variance = 0.0
        for (with_, n), (without, m) in (self.found, self.called):
            every, calls = max(n + m, 1), with_ + without
            variance += n * m * calls * (every - calls) / (every**2 * max(every - 1, 1))
        return float(self.above / np.sqrt(variance)) if variance else 0.0

    def tells(self, use: float) -> bool:
        """Return True if the decisions show a use of this sign: at equal label, more photos are
        called on that side than chance would have (``SHOWN``, ``LEAST_CALLED``).

        If no positive has the candidate, its absence is right in all photos there are."""
        if self._right_without(use) or self.above * np.sign(use) < LEAST_CALLED:
            return False
        return self.z * np.sign(use) >= SHOWN

    def found_tells(self, use: float) -> bool:
        """Return True if more positives are found on the side of a use of this sign."""
        return _difference(*self.found) * use > 0

    def called_tells(self, use: float) -> bool:
        """Return True if more negatives are called on the side of a use of this sign."""
        return not self._right_without(use) and _difference(*self.called) * use > 0

    def _right_without(self, use: float) -> bool:
        return use < 0 and not self.found[0][1]


def _difference(with_: tuple[int, int], without: tuple[int, int]) -> float:
    """Return the share with the candidate less the share without it; 0 if a side has no photo."""
    if not with_[1] or not without[1]:
        return 0.0
    return with_[0] / with_[1] - without[0] / without[1]


def rates(shown: NDArray[np.bool_], label: NDArray, decision: NDArray[np.bool_]) -> Rates:
    """Count a student's decisions (n,) on photos by label (n,) in {1, 0}, with a candidate
    ``shown`` (n,) and without it."""

    def counted(side: int) -> tuple[tuple[int, int], tuple[int, int]]:
        groups = [(label == side) & there for there in (shown, ~shown)]
        with_, without = ((int(decision[group].sum()), int(group.sum())) for group in groups)
        return with_, without

    return Rates(counted(1), counted(0))
