"""Choice among candidate students by the labelled photos of ``tune``.

Students are compared by AP, or by the worst group of images if groups are reweighted. If few photos
show the class, few photos decide the AP; then students are compared by the likelihood of the
labels, in which all photos count. Logits are calibrated before, since else the likelihood would
prefer students that learn how frequent the class is on ``tune``, which ranks no photo better.

Among dozens of candidates the best may be best by chance. So the first candidate, the unchanged
student, is replaced only for a gain of more than one standard error. This is the threshold of the
one-standard-error rule (Breiman et al. 1984, "Classification and regression trees", sec. 3.4.3),
applied to the paired change, since all candidates are evaluated on the same photos.

Of the strengths of reweighted groups the mildest is taken whose worst group is within one standard
error of the best worst group: a stronger one costs more AP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.groups import Groups, counted_once, distinct
from inficond_panel.distill.metrics.worst_group import accuracies_at_equal_numbers, worst_cell
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.distill.sources import Array
from inficond_panel.errors import TuningError
from inficond_panel.tuning.fitting.class_fit import Box, fit_each, held_out_logits, logits_of_each
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE, Evidence
from inficond_panel.vocabulary.metrics import AP

CHOICE_DRAWS = 200
#: Number (n,) of each photo's cell of label and group, -1 if it is not known; None: compared by AP.
Cell = NDArray[np.intp] | None
#: AP compares students if each label has this many times the least number of photos.
TIMES_FOR_AP = 4
#: The least number of positives, and of negatives, of tune with which AP compares students.
LEAST_FOR_AP = TIMES_FOR_AP * LEAST_TUNE


@dataclass(frozen=True)
class Choice:
    """Indices of the candidate that is ``taken``, and of the ``best``, which has the highest merit
    (or is the ``mildest`` that is about as good).

    ``gain`` is the merit of the best less the merit of the first, ``error`` its standard error.
    """

    taken: int
    best: int
    gain: float
    error: float


def choose(
    label: NDArray,
    logits: Array,
    group: Groups,
    seed: int = 0,
    *,
    by_ap: bool = True,
    cell: Cell = None,
    strength: NDArray | None = None,
) -> Choice:
    """Choose one of m students by ``merits``, from logits (m, n) and labels (n,) in {1, 0}: the
    first, unless another gains more than one standard error. ``strength`` (m,), by which the best
    is the ``mildest``, is equal of all by default. ``group`` (n,): see ``metrics.groups``."""
    every = np.ones((1, len(label)))
    merit = partial(merits, by_ap=by_ap, cell=cell)
    counts = np.concatenate([every, draw_counts(len(label), CHOICE_DRAWS, seed, group)])
    if strength is None or not np.ptp(strength):
        best = int(np.argmax(np.nan_to_num(merit(label, logits, every))))
    else:
        all_values = merit(label, logits, counts)
        error = np.nanstd(all_values[:, 1:], axis=1, ddof=1)
        best = int(mildest(all_values[:, :1], strength, error)[0])
    values = merit(label, logits[[0, best]], counts)
    error = errors(values[:, 1:])
    taken = best * int(chosen(values[:, :1], error)[0])
    return Choice(taken, best, float(values[1, 0] - values[0, 0]), float(error[1]))


def compared_values(label: NDArray, logits: Array, counts: NDArray, cell: Cell = None) -> Array:
    """Return what a gain is stated in (m, draws): AP, or with the ``cell`` (n,) of each
    photo the accuracy of the worst cell at equal numbers (``metrics.worst_group``).

    ``logits`` are (m, n), ``counts`` (draws, n) the numbers of times that a draw has each photo.
    """
    if cell is None:
        return ap_values(label, logits, counts)
    positive = label == 1
    return np.array(
        [worst_cell(accuracies_at_equal_numbers(positive, one, cell, counts)) for one in logits]
    )


def compared_by_ap(evidence: Evidence, least: int = LEAST_TUNE) -> bool:
    """Return True if the photos of tune are enough to compare students by AP; ``least``: see
    ``enough``."""
    return enough(evidence, TIMES_FOR_AP * least)


def merits(
    label: NDArray, logits: Array, counts: NDArray, *, by_ap: bool = True, cell: Cell = None
) -> Array:
    """Return the merit of each student (m, draws), by which students are compared:
    ``compared_values``, or without ``by_ap`` and ``cell`` the mean log likelihood of the labels in
    nats per photo, of ``calibrated`` logits.

    From logits (m, n) and bootstrap counts (draws, n)."""
    if by_ap or cell is not None:
        return compared_values(label, logits, counts, cell)
    photos = np.asarray(counts, dtype=np.float64)
    return np.asarray(-losses(label, calibrated(label, logits)) @ photos.T / photos.sum(axis=1))


def losses(label: NDArray, logits: Array) -> Array:
    """Return the cross-entropy of logits (..., n) with the labels (n,), in nats per photo."""
    return np.asarray(np.logaddexp(0, np.where(label == 1, -logits, logits)))


def calibrated(label: NDArray, logits: Array) -> Array:
    """Return slope · logit + constant (m, n) of each student, with the slope of 0 or more and the
    constant by which the labels (n,) are likeliest (``platt_scaling``)."""
    found = np.empty(logits.shape)
    for made, each in zip(found, logits, strict=True):
        slope, constant = platt_scaling(label, each[:, None])
        made[:] = slope * each + constant
    return found


def ap_values(label: NDArray, logits: Array, counts: NDArray) -> Array:
    """Return each student's AP (m, draws), from logits (m, n) and bootstrap counts (draws, n)."""
    return np.array([Outcome(label, each).values(AP.key, counts) for each in logits])


def errors(values: Array) -> Array:
    """Return standard errors (m,) of the gain over the first student, from merits (m, draws)."""
    return np.asarray(np.nanstd(values - values[0], axis=1, ddof=1))


def mildest(values: Array, strength: NDArray, error: Array) -> NDArray[np.intp]:
    """Return the indices (draws,) of the best students of the least strength with which one is
    within one standard error of the best of all (the rule of Breiman et al. 1984, sec. 3.4.3).

    ``values`` are merits (m, draws), ``strength`` is (m,), ``error`` (m,) the standard error of
    each merit.
    """
    known = np.nan_to_num(values)
    best = known.argmax(axis=0)
    behind = known[best, np.arange(known.shape[1])] - known
    near = behind <= np.nan_to_num(error)[best]
    least = np.where(near, strength[:, None], np.inf).min(axis=0)
    return np.where(strength[:, None] == least, known, -np.inf).argmax(axis=0)


def chosen(values: Array, error: Array) -> NDArray[np.intp]:
    """Return indices (draws,) of the chosen students, by merits (m, draws) and errors (m,)."""
    known = np.nan_to_num(values)
    best = np.argmax(known, axis=0)
    gain = known[best, np.arange(known.shape[1])] - known[0]
    return np.asarray(np.where(gain > error[best], best, 0), dtype=np.intp)


def logits_of_tune(evidence: Evidence, tried: Sequence[Terms], box: Box | None = None) -> Array:
    """Return logits (m, n) on tune, cross-fitted if any candidate learns from tune."""
    if not any(terms.learns_tune for terms in tried):
        return logits_of_each(fit_each(evidence.student, tried, box=box), evidence.tune_scores)
    return held_out_logits(evidence.student, tried, evidence.tune, evidence.tune_folds, box)


def to_choose_by(evidence: Evidence, terms: Terms) -> Evidence:
    """Return the photos of tune to choose terms by: without photos with taught labels."""
    taught, images = terms.labels, evidence.images
    kept = [row for row in evidence.tune if images[row] not in taught]
    if len(kept) == len(evidence.tune):
        return evidence
    return evidence.on(np.array(kept, dtype=np.intp))


def counted(terms: Terms, evidence: Evidence) -> Terms:
    """Return ``terms`` that the labels of the photos of tune have chosen."""
    return replace(terms, used=max(terms.used, len(evidence.tune)))


def enough(evidence: Evidence, least: int = LEAST_TUNE) -> bool:
    """Return True if tune has at least ``least`` positives and as many negatives, of which
    near-equal photos count once."""
    return bool(
        min(distinct(evidence.tune_group, evidence.tune_label == side) for side in (0, 1)) >= least
    )


def need(evidence: Evidence, what: str, least: int) -> None:
    """Raise ``TuningError`` for ``what`` unless there are ``enough`` labels."""
    if not enough(evidence, least):
        raise TuningError(
            f"{what} needs labels of tuning images: at least {LEAST_TUNE} positives and "
            f"{LEAST_TUNE} negatives of the class{counted_once(evidence.tune_group)}.",
            "Label more tuning images, or use thumbs.",
        )
