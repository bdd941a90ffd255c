"""What the student of a class may rely on in all photos: other classes, columns, concepts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.concepts.own_words import class_words, classes_by_word, near_words, own_word
from inficond_panel.distill.metrics.outcome import Cutoff, above, cutoff_rows
from inficond_panel.distill.shared_bias import (
    Candidates,
    Rates,
    SharedBias,
    held,
    rates,
    shared_bias,
)
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import spread, support
from inficond_panel.distill.suspects import LEAST_SUPPORT, dividing_score, shows
from inficond_panel.store import Store
from inficond_panel.tuning.belonging import value_name
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED, Evidence
from inficond_panel.vocabulary.people import names_people
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.presence import ABSENT
from inficond_panel.vocabulary.splits import FIT, SPLITS, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.vocabulary.things import CLASS, COLUMN, CONCEPT, MOST_VALUES, PICTURE

#: Factor of the strength of classes, columns and people, which are ranked first if comparable.
FIRST = 2.0
#: Most candidates that are listed for a class.
MOST = 10
#: Photos per known candidate that is a concept: with fewer, regressions on them say little.
PHOTOS_EACH = 10


@dataclass(frozen=True)
class _Candidate:
    """What a student may rely on: ``values`` (n,) with nan where unknown, None of a concept, whose
    scores are known. ``known``: no model has read them from the photo. ``first``: it is ranked
    before what is about as strong. ``high``: a number (``Store.numeric``)."""

    kind: str
    name: str
    values: Array | None
    known: bool
    first: bool
    weight: float = 0.0
    high: bool = False


@dataclass(frozen=True)
class SplitCounts:
    """How many photos of fit and of tune have a value of a column, ``(photos, of so many)``: those
    with the class, then those without it."""

    fit: tuple[tuple[int, int], tuple[int, int]]
    tune: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class SharedSuspect:
    """A candidate that goes with a class in all photos, and with its student's logit.

    ``kind`` is one of ``CLASS``, ``COLUMN``, ``PICTURE`` and ``CONCEPT``. ``correlation``, ``use``
    and ``strength`` are defined in ``distill.shared_bias``; if both are below 0 the student relies
    on the absence. ``weight`` is the influence of a concept. ``called``: it may be wrong to rely
    on; else it is only ranked. ``belongs``: a person said that it belongs to the class.
    ``in_fit``: a column's value that would be called, but goes with the class in the training
    images only; None for all others. ``high``: a number (``Store.numeric``), high in a row or not.
    ``removed``: a concept that is held at 0, so that correlated concepts carry it.
    """

    kind: str
    name: str
    correlation: float
    use: float
    strength: float
    p: float
    called: bool
    weight: float
    rates: Rates
    belongs: bool = False
    in_fit: SplitCounts | None = None
    high: bool = False
    removed: bool = False

    def twin(self, other: SharedSuspect) -> bool:
        """Return True of a concept that is in the same images: its figures are the same."""
        both = {self.kind, other.kind} == {CONCEPT} and self.rates == other.rates
        return both and bool(np.isclose(self.correlation, other.correlation, rtol=1e-6))


@dataclass(frozen=True)
class SharedFound:
    """What the student of a class may rely on in all photos, the strongest first.

    ``lacking`` states why nothing can be said; "" if all was measured. ``photos`` are numbers of
    positives and negatives. ``things`` is what sentences call the images, as ``Store.things``.
    """

    class_name: str
    lacking: str
    photos: tuple[int, int]
    suspects: tuple[SharedSuspect, ...] = ()
    things: str = "photos"

    @property
    def called(self) -> tuple[SharedSuspect, ...]:
        """The suspects that are called, but those that belong to the class."""
        return tuple(each for each in self.suspects if each.called and not each.belongs)

    @property
    def distinct(self) -> tuple[SharedSuspect, ...]:
        """What is ``called``, without concepts that are in the same images as a stronger one."""
        called = self.called
        return tuple(each for at, each in enumerate(called) if not any(map(each.twin, called[:at])))

    def twins(self, suspect: SharedSuspect) -> tuple[str, ...]:
        """Return the other concepts, among those ``called``, in the same images as one."""
        return tuple(each.name for each in self.called if each != suspect and suspect.twin(each))

    @property
    def in_fit(self) -> tuple[SharedSuspect, ...]:
        """Values of columns that go with the class in the training images only, but those that
        belong to it."""
        return tuple(each for each in self.suspects if each.in_fit and not each.belongs)

    @property
    def asked(self) -> tuple[SharedSuspect, ...]:
        """What a person decides: what is called and ``distinct``, then what is ``in_fit``."""
        return (*self.distinct, *self.in_fit)


def shared_suspects(evidence: Evidence, cutoff: Cutoff = 0.0, most: int = MOST) -> SharedFound:
    """Return what the student of a class may rely on in the photos of fit and tune together, at
    most so many, and all that are called.

    Its logits are of students that were not fitted to a photo; above the ``cutoff``, one for all
    photos or one for each of the store (N,), it finds the class. What the photos of tune do not
    show by themselves is not called, if they are enough; of a column it is ``in_fit`` if the photos
    of fit would call it. A class whose labels the teacher's decisions replace is not measured. Of
    what a model has read from the photos only presence is ranked: the absence of a thing is seldom
    what one score says. The numbers of a table are ranked whether they are high or low.
    """
    of = evidence.one_of_each
    label = np.concatenate([of.fit_label, of.tune_label])
    sides = (int((label == 1).sum()), int((label == 0).sum()))
    things = of.student.store.things
    lacking = _lacking(of, evidence.shown(FIT), evidence.by_teacher or evidence.decided)
    if lacking:
        return SharedFound(of.student.name, lacking, sides, things=things)
    rows, logit = np.concatenate([of.fit, of.tune]), _logits(of)
    every, columns, carried = _candidates(of, rows)
    own = _own_scores(of, rows)
    measured, called = _measured(every, columns, carried, label, logit, own)
    called[called] = _on_both(of, columns.columns(np.flatnonzero(called)), label)
    in_fit = _in_fit(of, every, columns, label, logit, own) & ~called
    rank = measured.strength * np.where([each.first for each in every], FIRST, 1.0)
    rank *= np.sqrt(_shown(of, every, measured.use))
    rank[(measured.correlation < 0) & [not each.known and not each.high for each in every]] = 0.0
    order = [m for m in np.argsort(-rank, kind="stable") if rank[m] > 0]
    decision = above(logit, cutoff_rows(cutoff, rows))
    some = [*order[:most], *(m for m in order[most:] if called[m] or in_fit[m])]
    listed = np.array(some, dtype=np.intp)
    suspects = [
        _suspect(every[m], m, values, measured, float(chance), called, label, decision)
        for m, values, chance in zip(
            some, columns.columns(listed).T, measured.p(listed), strict=True
        )
    ]
    for at, m in enumerate(some):
        if in_fit[m] and suspects[at].rates.tells(suspects[at].use):
            counts = _counts(every[m], label, len(of.fit))
            if min(known for _, known in counts.tune) >= LEAST_LABELLED:
                suspects[at] = replace(suspects[at], in_fit=counts)
    removed = {of.concepts[c] for c in np.flatnonzero(of.held_at_zero)}
    told = [
        replace(each, removed=True) if each.kind == CONCEPT and each.name in removed else each
        for each in suspects
    ]
    return SharedFound(of.student.name, "", sides, tuple(told), things)


def first_shared(evidence: Evidence, count: int, besides: Collection[str] = ()) -> tuple[str, ...]:
    """Return the first ``count`` concepts, but those ``besides``, that the student of a class may
    rely on in all photos."""
    found = (each.name for each in shared_suspects(evidence).suspects if each.kind == CONCEPT)
    return tuple(name for name in found if name not in besides)[:count]


def _lacking(evidence: Evidence, shown: tuple[int, int], decided: bool) -> str:
    if decided:
        return "there are no labels of training images"
    if min(shown) < LEAST_LABELLED:
        return (
            f"the training images have {shown[0]} with it and {shown[1]} without it; "
            f"{LEAST_LABELLED} of each are needed"
        )
    return ""


def _shown(evidence: Evidence, every: list[_Candidate], use: Array) -> Array:
    """Return the share (M,) of the photos of fit that show each candidate that is a concept: of
    those with the class, or of those without it if the ``use`` is of its absence; 1 for others."""
    if evidence.shown_shares is None:
        return np.ones_like(use)
    sides = dict(zip(evidence.concepts, evidence.shown_shares.T, strict=True))
    with_, without = np.ones((2, len(every)))
    for m, each in enumerate(every):
        if each.kind == CONCEPT and not each.known:
            with_[m], without[m] = sides[each.name]
    return np.where(use > 0, with_, without)


def _logits(evidence: Evidence) -> Array:
    """Return logits (n,) on fit and tune of students that were not fitted to the photo."""
    return np.concatenate([evidence.fit_logits, evidence.tune_logits.mean(axis=0)])


def _measured(
    every: list[_Candidate],
    columns: Candidates,
    carried: Array,
    label: NDArray,
    logit: Array,
    own: Array,
) -> tuple[SharedBias, NDArray[np.bool_]]:
    """Return the measures of the candidates and the mask (M,) of those to call; ``columns`` and
    ``carried`` (M,) are from ``_candidates``."""
    known = np.array([each.known for each in every]) & (carried >= LEAST_SUPPORT)
    beside = known & np.array([each.kind != CONCEPT for each in every])
    if known.sum() * PHOTOS_EACH <= len(label):
        beside = known
    known_values = columns.columns(np.flatnonzero(beside))
    measured = shared_bias(columns, label, logit, own, known_values, carried)
    return measured, measured.called(known)


def _on_both(evidence: Evidence, values: Array, label: NDArray) -> NDArray[np.bool_]:
    """Return the mask (M,) of the values (n, M) on fit and tune that go with the label in both;
    all, if tune has too few labels to say so."""
    if min(evidence.shown(TUNE)) < LEAST_LABELLED:
        return np.ones(values.shape[1], dtype=np.bool_)
    fit, tune = slice(len(evidence.fit)), slice(len(evidence.fit), None)
    return held(
        _correlation(evidence, evidence.fit, values[fit], label[fit]),
        _correlation(evidence, evidence.tune, values[tune], label[tune]),
    )


def _in_fit(
    evidence: Evidence,
    every: list[_Candidate],
    columns: Candidates,
    label: NDArray,
    logit: Array,
    own: Array,
) -> NDArray[np.bool_]:
    """Return the mask (M,) of the values of columns that the photos of fit alone would call, and
    that do not go with the class on tune. No value is among them if tune has too few labels."""
    found = np.zeros(len(every), dtype=np.bool_)
    of_columns = np.flatnonzero([each.kind == COLUMN for each in every])
    values, n = columns.columns(of_columns), len(evidence.fit)
    # values of other columns are not given: a camera may say at which site it stands
    alone = shared_bias(values[:n], label[:n], logit[:n], own[:n], values[:n, :0])
    asked = alone.called(support(values[:n]) >= LEAST_SUPPORT)
    found[of_columns[asked]] = ~_on_both(evidence, values[:, asked], label)
    return found


def _counts(each: _Candidate, label: NDArray, of_fit: int) -> SplitCounts:
    """Return the photos with the value of a column; the first ``of_fit`` of all are those of fit,
    the others those of tune."""

    def counted(some: slice, side: int) -> tuple[int, int]:
        values = np.asarray(each.values)[some][label[some] == side]
        return int((values == 1).sum()), int((~np.isnan(values)).sum())

    fit, tune = slice(of_fit), slice(of_fit, None)
    return SplitCounts((counted(fit, 1), counted(fit, 0)), (counted(tune, 1), counted(tune, 0)))


def _correlation(
    evidence: Evidence, rows: NDArray[np.intp], values: Array, label: NDArray
) -> Array:
    """Return ``SharedBias.correlation`` (M,) of the values (n, M) of photos at ``rows``, however
    few carry each."""
    every, own = np.full(values.shape[1], np.inf), _own_scores(evidence, rows)
    return shared_bias(values, label, label, own, values[:, :0], every).correlation


def _filled(values: Array) -> Array:
    """Return values (n,) with their mean where they are not known."""
    return np.where(np.isnan(values), np.nanmean(values), values)


def _suspect(
    each: _Candidate,
    m: int,
    values: Array,
    measured: SharedBias,
    p: float,
    called: NDArray[np.bool_],
    label: NDArray,
    decision: NDArray[np.bool_],
) -> SharedSuspect:
    told, use = ~np.isnan(values if each.values is None else each.values), float(measured.use[m])
    values = values[told]
    shares = rates(shows(values, dividing_score(values)), label[told], decision[told])
    return SharedSuspect(
        each.kind,
        each.name,
        float(measured.correlation[m]),
        use,
        float(measured.strength[m]),
        p,
        bool(called[m]) and shares.tells(use),
        each.weight,
        shares,
        high=each.high,
    )


def _own_scores(evidence: Evidence, rows: NDArray[np.intp]) -> Array:
    """Return the scores (n, W) of the class's own words; (n, 0) if it has none."""
    store, name = evidence.student.store, evidence.student.name
    if own := class_words(store, name):
        return np.asarray(store.concept_score[rows][:, own], dtype=np.float64)
    word = own_word(store, name)
    scores = np.zeros((len(rows), 0)) if word is None else word.scores[rows][:, None]
    return scores.astype(np.float64)


def _candidates(
    evidence: Evidence, rows: NDArray[np.intp]
) -> tuple[list[_Candidate], Candidates, Array]:
    """Return the candidates, their columns (n, M) with the mean where values are not known, and
    their ``support`` (M,)."""
    store, k, others = evidence.student.store, evidence.student.k, list[_Candidate]()
    named = set[int]()
    if store.task != SINGLE_LABEL:
        for each, other in _classes(store, k, rows):
            named.add(other)
            others.append(each)
    others += _columns(store, rows)
    if store.holds("pictures"):
        for at, kind in enumerate(PICTURE_PROPERTIES):
            values = np.asarray(store.picture_property[rows, at], dtype=np.float64)
            others.append(_Candidate(PICTURE, kind.name, values, known=False, first=False))
    without = {c for c, other in classes_by_word(store).items() if other in named}
    without |= near_words(store, evidence.student.name)
    columns = np.array([c for c in range(len(store.concepts)) if c not in without], dtype=np.intp)
    of_concepts, weights = _of_concepts(store, rows.tobytes()), evidence.student.weights
    names = [(c, store.concepts[c]) for c in columns.tolist()]
    concepts = [
        _Candidate(
            CONCEPT,
            name,
            None,
            bool(of_concepts.two[c]),
            names_people(name),
            float(weights[c]),
            name in store.numeric,
        )
        for c, name in names
    ]
    filled = np.empty((len(rows), len(others)))
    for at, each in enumerate(others):
        filled[:, at] = _filled(np.asarray(each.values))
    made = Candidates(filled, evidence.tables, columns, of_concepts.squares)
    carried = np.concatenate([support(filled), of_concepts.carried[columns]])
    return [*others, *concepts], made, carried


def _classes(store: Store, k: int, rows: NDArray[np.intp]) -> Iterator[tuple[_Candidate, int]]:
    """Yield the other classes that are labelled on most of the photos, each with its index."""
    label = np.asarray(store.label[rows])
    for other, name in enumerate(store.classes):
        known = label[:, other] >= 0
        if other != k and 2 * known.sum() > len(rows):
            values = np.where(known, label[:, other] == 1, np.nan)
            yield _Candidate(CLASS, name, values, known=True, first=True), other


def _columns(store: Store, rows: NDArray[np.intp]) -> Iterator[_Candidate]:
    """Yield the values of the columns of metadata that divide the photos into a few groups; a
    column that only names the splits tells nothing of the photos."""
    for column in store.metadata_columns:
        if names_splits(store, column):
            continue
        texts = np.array(store.column(column))[rows]
        names = sorted(set(texts.tolist()) - {""})
        if 2 <= len(names) <= MOST_VALUES:
            for name in _named(store, rows, texts, names) if len(names) == 2 else names:
                values = np.where(texts == "", np.nan, texts == name)
                title = value_name(column, name)
                yield _Candidate(COLUMN, title, values, known=True, first=True)


@once(64)
def names_splits(store: Store, column: str) -> bool:
    """Return whether each split has one value of a column of metadata, and no two the same."""
    texts = np.array(store.column(column))
    of_split = [set(texts[store.rows(split)].tolist()) for split in SPLITS]
    values = [each for each in of_split if each]
    one_each = len(values) > 1 and all(len(each) == 1 for each in values)
    return one_each and len(set.union(*values)) == len(values)


def _named(
    store: Store, rows: NDArray[np.intp], texts: NDArray, names: Sequence[str]
) -> Iterator[str]:
    """Yield that of two values of a column which high scores of a concept show best; of *0* and
    *1*, *no* and *yes* the second."""
    first, second = names
    if first.lower() in ABSENT:
        yield second
        return
    correlations = score_correlations(store, rows, np.where(texts == "", np.nan, texts == second))
    yield first if -correlations.min() > correlations.max() else second


def score_correlations(store: Store, rows: NDArray[np.intp], values: NDArray) -> Array:
    """Return the correlations (C,) of the concepts' scores with values (n,), where these are
    known; 0 where either is constant."""
    known = ~np.isnan(values)
    scores = np.asarray(store.concept_score[rows[known]], dtype=np.float64)
    if not len(scores):
        return np.zeros(len(store.concepts))
    x, y = scores - scores.mean(axis=0), values[known] - values[known].mean()
    size = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    return np.divide(y @ x, size, out=np.zeros_like(size), where=size > 0)


@dataclass(frozen=True)
class _OfConcepts:
    """Measures (C,) of each concept's scores in some photos: ``support``, sum of squared deviations
    from the mean, and whether there are two different scores: present or absent."""

    carried: Array
    squares: Array
    two: NDArray[np.bool_]


@once(4)
def _of_concepts(store: Store, rows: bytes) -> _OfConcepts:
    """Return the measures of all concepts in the images at ``rows`` (``tobytes``)."""
    scores = store.concept_score[np.frombuffer(rows, dtype=np.intp)]
    low, high = scores.min(axis=0), scores.max(axis=0)
    two = ((scores == low) | (scores == high)).all(axis=0) & (low < high)
    return _OfConcepts(support(scores), len(scores) * spread(scores) ** 2, two)
