"""Changes by a refit: concepts that took over, changed predictions, other classes that moved."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from inficond_panel.common.numbers import count
from inficond_panel.common.ordering import strongest
from inficond_panel.tuning import Student, Students
from inficond_panel.tuning.fitting.images import Images
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

#: Changes up to this, in logits, count as none: the solver is not more precise.
_STILL = 1e-9
#: Share of the tuned concepts' change from which another concept counts as taking over.
_TOOK = 0.05
#: Part of the others' change below which the tuned concepts' change is too small to take shares of.
_SMALL = 0.5


@dataclass(frozen=True)
class Mover:
    """A concept whose influence on a class changed.

    ``change`` is the change of the weight times the spread of the concept's score: the shift of the
    logit, per standard deviation of the score. ``takes_over`` is its part of
    ``ConceptMoves.taken_over`` (nan for a tuned concept).
    """

    concept: str
    before: float
    after: float
    change: float
    takes_over: float = np.nan


@dataclass(frozen=True)
class ConceptMoves:
    """Concepts that moved in a refit: the tuned ones, and the largest other moves up and down.

    Let d be the part of the change of the logits from the tuned concepts, o the part from all
    others. ``taken_over`` is −cov(d, o) / var(d): 1 if the others offset all of it, 0 if they do
    not react, nan if the tuned concepts did not move. It is the sum of ``takes_over`` over the
    others. ``tuned_spread`` and ``others_spread`` are the standard deviations of d and o over the
    images of ``fit``, in logits.
    """

    tuned: tuple[Mover, ...]
    up: tuple[Mover, ...]
    down: tuple[Mover, ...]
    taken_over: float
    tuned_spread: float = np.nan
    others_spread: float = np.nan

    @property
    def small(self) -> bool:
        """True if the tuned concepts moved little beside the others, whose change is then hardly a
        reaction to theirs."""
        return self.tuned_spread < _SMALL * self.others_spread

    @property
    def successor(self) -> Mover | None:
        """Untuned concept that offset most of the tuned change; None if below ``_TOOK``, or if the
        tuned change is ``small``."""
        movers = () if self.small else (*self.up, *self.down)
        others = [m for m in movers if m.takes_over >= _TOOK]
        return max(others, key=lambda mover: mover.takes_over, default=None)


@dataclass(frozen=True)
class Member:
    """Concept in a group of correlated concepts, with its weight before and after a refit.

    ``correlation`` is its highest correlation with a tuned concept (1 if it is tuned itself).
    ``names_class`` is True for a word that means the class.
    """

    concept: str
    tuned: bool
    names_class: bool
    correlation: float
    before: float
    after: float


@dataclass(frozen=True)
class CorrelatedGroup:
    """Group of correlated concepts that contains a tuned concept, the tuned and nearest first.

    It is a connected component: over the images of ``fit`` no concept outside correlates with a
    member by ``threshold`` or more. A member need not correlate with a tuned concept directly.
    """

    threshold: float
    members: tuple[Member, ...]

    @property
    def twins(self) -> tuple[str, ...]:
        """Tuned concepts, and concepts correlated with a tuned one by ``threshold`` or more.

        Words for the class itself are excluded: the student needs them to detect the class.
        """
        return tuple(m.concept for m in self._near)

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the members that were tuned."""
        return tuple(m.concept for m in self.members if m.tuned)

    @property
    def indirect(self) -> int:
        """Number of members that correlate with a tuned concept only through other members."""
        return sum(m.correlation < self.threshold for m in self.members)

    @property
    def class_words(self) -> tuple[Member, ...]:
        """Members that mean the class, correlate with a tuned one directly, and were not tuned."""
        near = (m for m in self.members if m.correlation >= self.threshold)
        return tuple(m for m in near if m.names_class and not m.tuned)

    def without(self, concepts: Collection[str]) -> tuple[Member, ...]:
        """Return the members of ``twins`` that are not in ``concepts``: those still to tune."""
        return tuple(m for m in self._near if m.concept not in concepts)

    @property
    def _near(self) -> tuple[Member, ...]:
        near = (m for m in self.members if m.correlation >= self.threshold)
        return tuple(m for m in near if m.tuned or not m.names_class)


def moves(
    images: Images,
    concepts: Sequence[str],
    before: np.ndarray,
    after: np.ndarray,
    tuned: Sequence[int],
    top: int,
) -> ConceptMoves:
    """Return the tuned concepts, and the ``top`` others whose weights went up and down most.

    ``before`` and ``after`` are weights ``(C,)``; ``tuned`` are indices of concepts.
    """
    change = (after - before) * images.spread
    others = np.setdiff1d(np.arange(len(concepts)), tuned)
    of_tuned, of_others = _logit_changes(images, after - before, tuned)
    shares = _shares(images, after - before, of_tuned)

    def mover(c: int, share: float = np.nan) -> Mover:
        return Mover(concepts[c], float(before[c]), float(after[c]), float(change[c]), float(share))

    ordered = others[np.argsort(-change[others], kind="stable")]
    up = [c for c in ordered[:top] if change[c] > _STILL]
    down = [c for c in ordered[::-1][:top] if change[c] < -_STILL]
    return ConceptMoves(
        tuned=tuple(mover(c) for c in tuned),
        up=tuple(mover(c, shares[c]) for c in up),
        down=tuple(mover(c, shares[c]) for c in down),
        taken_over=float(shares[others].sum()),
        tuned_spread=float(of_tuned.std()),
        others_spread=float(of_others.std()),
    )


def groups(
    images: Images,
    concepts: Sequence[str],
    before: np.ndarray,
    after: np.ndarray,
    tuned: Iterable[int],
    threshold: float,
    class_words: Collection[int] = (),
) -> tuple[CorrelatedGroup, ...]:
    """Return the groups of collinear concepts that contain a tuned concept.

    Collinear means correlated by ``threshold`` or more. ``tuned`` and ``class_words`` (words that
    mean the class) are indices of concepts.
    """
    chosen, was, now = set(tuned), before.tolist(), after.tolist()
    collinear = []
    for part in images.correlations.groups(sorted(chosen), threshold):
        inside = sorted(chosen & set(part))
        nearest = images.correlations.rows(inside).max(axis=0)
        near = {c: 1.0 if c in chosen else float(nearest[c]) for c in part}
        order = sorted(part, key=lambda c: (c not in chosen, -near[c], c))
        members = (
            Member(concepts[c], c in chosen, c in class_words, near[c], was[c], now[c])
            for c in order
        )
        collinear.append(CorrelatedGroup(threshold, tuple(members)))
    return tuple(collinear)


@np.errstate(over="ignore", invalid="ignore")  # weights near the largest float give nan
def _logit_changes(images: Images, change: np.ndarray, tuned: Sequence[int]) -> np.ndarray:
    """Return the changes of the logits ``(2, n)`` by the weights of the ``tuned`` concepts, and by
    all others."""
    parts = np.zeros((len(change), 2))
    parts[list(tuned), 0] = change[list(tuned)]
    parts[:, 1] = change - parts[:, 0]
    chunks = (images.scores[part] for part in _chunks(len(images.scores)))
    return np.concatenate([np.asarray(each, dtype=np.float64) @ parts for each in chunks]).T


@np.errstate(over="ignore", invalid="ignore")
def _shares(images: Images, change: np.ndarray, of_tuned: np.ndarray) -> np.ndarray:
    """Return the parts of ``ConceptMoves.taken_over``: −cov(d, x_c·Δw_c) / var(d), nan for d 0."""
    moved = of_tuned - of_tuned.mean()
    variance = moved @ moved
    if not variance > (_STILL**2) * len(moved):
        return np.full(len(change), np.nan)
    covariance = np.zeros(len(change))
    for part in _chunks(len(moved)):
        covariance += moved[part] @ np.asarray(images.scores[part], dtype=np.float64)
    return -covariance * change / variance


def _chunks(images: int) -> Iterator[slice]:
    """Yield slices of images: their scores may be large, and float16."""
    yield from (slice(first, first + 4096) for first in range(0, max(images, 1), 4096))


@dataclass(frozen=True)
class Flip:
    """One image whose prediction by a student changed.

    ``row`` is its position in the store; ``present`` the new decision; ``label`` 1, 0 or −1
    (ignored); ``teacher`` the teacher's decision. ``before`` and ``after`` are logits.
    """

    image: str
    row: int
    present: bool
    label: int
    teacher: bool
    before: float
    after: float

    @property
    def right(self) -> bool | None:
        """True if the new decision equals the label; None if the label is ignored."""
        return None if self.label < 0 else self.present == (self.label == 1)

    @property
    def agrees(self) -> bool:
        """True if the new decision equals the teacher's."""
        return self.present == self.teacher


@dataclass(frozen=True)
class Churn:
    """Images of one split (of ``images`` in all) whose prediction for a class changed."""

    split: str
    images: int
    flips: tuple[Flip, ...]

    def count(self, **wanted: object) -> int:
        """Return the number of flips with these values: ``count(present=True, right=False)``."""
        return len(self.ids(**wanted))

    def ids(self, **wanted: object) -> list[str]:
        """Return the ids of the images whose flips have these values; all ids without arguments."""
        return [
            flip.image
            for flip in self.flips
            if all(getattr(flip, name) == value for name, value in wanted.items())
        ]


def churn(before: Student, after: Student) -> Churn:
    """Return the images on which two students of one class decide differently, on one split."""
    images, rows, present = after.store.images, after.rows, after.decided
    old, new = before.logits, after.logits
    moved = (new - old) - np.subtract(after.cutoff, before.cutoff)  # the cutoff moves too
    changed = np.flatnonzero(before.decided != present)
    order = changed[strongest(moved[changed])]
    flips = tuple(
        Flip(
            image=images[rows[i]],
            row=int(rows[i]),
            present=bool(present[i]),
            label=int(after.labels[i]),
            teacher=bool(after.teacher_decided[i]),
            before=float(old[i]),
            after=float(new[i]),
        )
        for i in order
    )
    return Churn(after.split, len(rows), flips)


_SHOWN = 3
_LEAST_MOVED = 5e-4  #: mean change of a probability; sentences show three digits


@dataclass(frozen=True)
class MovedClass:
    """A class that was not tuned, and whose probabilities or decisions changed nevertheless.

    ``moved`` is the mean |change of its probability| over the images of a split, None if only its
    decisions changed: it is now the likeliest class of other images. ``turned`` counts the images
    whose decision changed, ``to_right`` and ``to_wrong`` those with a label. ``ap_before`` and
    ``ap_after`` belong to the split, nan without a positive.
    """

    class_name: str
    moved: float | None
    turned: int
    to_right: int
    to_wrong: int
    ap_before: float
    ap_after: float


def moved_classes(before: Students, after: Students) -> tuple[MovedClass, ...]:
    """Return how the classes changed that the iteration of ``after`` does not tune, largest first.

    Both arguments are on one split. A student per class does not change; with one class per image
    it may be the likeliest of other images. The caller counts evaluations on the holdout.
    """
    joint = after.evaluation.link == SOFTMAX
    if not joint and after.evaluation.store.task != SINGLE_LABEL:
        return ()
    others = [name for name in after if name not in after.node.tuned]
    classes = [_moved(before[name], after[name], joint) for name in others]
    known = [each for each in classes if joint or each.turned]
    return tuple(sorted(known, key=lambda each: (-(each.moved or each.turned), each.class_name)))


def _moved(before: Student, after: Student, joint: bool) -> MovedClass:
    turned = before.decided != after.decided
    label, present = after.labels[turned], after.decided[turned]
    return MovedClass(
        class_name=after.class_name,
        moved=float(np.abs(expit(after.logits) - expit(before.logits)).mean()) if joint else None,
        turned=int(np.count_nonzero(turned)),
        to_right=int(np.count_nonzero(label == present)),
        to_wrong=int(np.count_nonzero((label >= 0) & (label != present))),
        ap_before=before.metrics.ap,
        ap_after=after.metrics.ap,
    )


def moved_sentence(moved: Sequence[MovedClass], split: str, *, planned: bool = False) -> str:
    """Return a sentence on the untuned classes that changed most on ``split``.

    It is empty without such classes. With ``planned`` it reads "would move", for a preview.
    """
    if not moved:
        return ""
    if moved[0].moved is None:
        return _turned_sentence(moved, split, planned)
    verb = "would move" if planned else "moved"
    most = [each for each in moved if (each.moved or 0.0) >= _LEAST_MOVED][:_SHOWN]
    if not most:
        least = f"{_LEAST_MOVED:g} or more"
        return f"The classes share one softmax; no other {verb} by {least} on {split}."
    rest = len(moved) - len(most)
    more = f"; {count(rest)} more {verb} less" if rest else ""
    clauses = "; ".join(map(_clause, most))
    return f"The classes share one softmax, so others {verb} too, most on {split}: {clauses}{more}."


def _turned_sentence(turned: Sequence[MovedClass], split: str, planned: bool) -> str:
    verb, rest = "would change" if planned else "changed", len(turned) - _SHOWN
    more = f"; {count(rest)} more" if rest > 0 else ""
    clauses = ", ".join(
        f"{each.class_name} on {count(each.turned, 'image')} ({each.to_right:,} to right, "
        f"{each.to_wrong:,} to wrong)"
        for each in turned[:_SHOWN]
    )
    return (
        f"An image has one class, so decisions on other classes {verb} too, on {split}: "
        f"{clauses}{more}."
    )


def _clause(each: MovedClass) -> str:
    text = f"{each.class_name}, probability by {each.moved:.3f} on average"
    if each.turned:
        text += f", {count(each.turned, 'prediction')} changed"
    if math.isnan(each.ap_before):
        return text
    return f"{text}, AP {each.ap_before:.3f} → {each.ap_after:.3f}"
