"""Learn: photos of ``tune``, or photos added to the store, beside the training images.

Their targets are the labels of ``tune``, the teacher's probabilities, or these probabilities
corrected by a person's answers (``correction``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import rows_of
from inficond_panel.common.near_words import near
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages, more_photos
from inficond_panel.tuning.edit_entries import Entry
from inficond_panel.tuning.fitting.effect import Effect, LabelsByClass, Usual
from inficond_panel.tuning.fitting.images import Further
from inficond_panel.tuning.fitting.targets import TargetSource
from inficond_panel.tuning.fitting.terms import Terms, size_of
from inficond_panel.tuning.repairs.correction import Correction
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.vocabulary.intents import (
    ANSWERS,
    AUTO,
    LABELS,
    MORE,
    SOURCES,
    TEACHER,
    RepairKind,
)
from inficond_panel.vocabulary.splits import TUNE

KIND = RepairKind("learn", "+", "Learn")
#: Candidate shares of learned photos in the total weight, besides weight 1 per photo.
LEARN_SHARES = (0.3, 0.7)
#: Words for what a class learns from, by source.
LEARNED_FROM = {
    LABELS: "the labels of the tuning images",
    TEACHER: "the teacher on the tuning images",
    ANSWERS: "the teacher on the tuning images, corrected by the answers",
    MORE: "the teacher on added images",
}
#: The same for beginners, who see the tuning images.
_PLAIN = {
    LABELS: "the labels of the images on screen",
    TEACHER: "the teacher on the images on screen",
    ANSWERS: "your answers and the teacher on the images on screen",
    MORE: "the teacher on added photos",
}


@dataclass(frozen=True)
class Learn(Repair):
    """Fit to further photos in addition to the training images.

    ``source`` is ``labels`` (photos of ``tune``, their labels), ``teacher`` (photos of ``tune``,
    the teacher's probabilities), ``answers`` (these probabilities, corrected by the labels taught)
    or ``more`` (photos added to the store, the teacher's probabilities). Each photo has the weight
    of ``value`` photos of ``fit``; None: chosen by the AP on ``tune``, cross-fitted if photos of
    ``tune`` are learned. Raises ``TuningError`` for another source, and for a value that is not
    finite and above 0.
    """

    kind: ClassVar[RepairKind] = KIND
    keys: ClassVar[tuple[str, ...]] = ("from", "value")
    optional: ClassVar[tuple[str, ...]] = ("from",)
    form: ClassVar[str] = (
        f"{{class, direction: learn, from: {'|'.join(SOURCES)}, value: number or auto}}"
    )

    best_taken: ClassVar[bool] = True

    source: str = LABELS
    value: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source not in SOURCES:
            raise TuningError(
                f"learn on {self.class_name!r} has the source {self.source!r}."
                f"{near(self.source, SOURCES)}",
                f"Set 'from' to {' or '.join(SOURCES)}.",
            )
        if self.value is not None and not 0 < self.value < math.inf:
            raise TuningError(
                f"learn on {self.class_name!r} has weight {self.value}.",
                f"Give a number above 0, or {AUTO}.",
            )

    @property
    def which(self) -> str:
        """The source: a class learns from each once."""
        return self.source

    @classmethod
    def merged(cls, repairs: Sequence[Self]) -> Self:
        """Return the repair with the largest weight; a number counts before ``auto``."""
        return max(repairs, key=lambda repair: -1.0 if repair.value is None else repair.value)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "from", "value"}``, as in an edits file."""
        weight = AUTO if self.value is None else self.value
        return {**self.head(), "from": self.source, "value": weight}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """Return the repair that ``to_json`` wrote; from labels without a source."""
        value = item.get("value")
        weight = None if value in (None, AUTO) else float(item["value"])
        return cls(item["class"], item.get("from", LABELS), weight)

    @classmethod
    def read(cls, entry: Entry) -> Callable[[str], Self]:
        """Check an entry of an edits file; return a function from class name to repair."""
        source = entry.word("from", " or ".join(SOURCES), SOURCES, hints=True)
        expected = f"a number above 0, or {AUTO}"
        weight = entry.number("value", expected, lambda size: size > 0, AUTO)
        return lambda name: cls(name, source or LABELS, weight)

    @property
    def object_words(self) -> str:
        """``the teacher on added images 2``."""
        weight = "" if self.value is None else f" {self.value:g}"
        return f"{LEARNED_FROM[self.source]}{weight}"

    @property
    def plain_words(self) -> str:
        """``Learn from the labels of the images on screen``."""
        return f"{KIND.verb} from {_PLAIN[self.source]}"

    @property
    def free(self) -> bool:
        """True without a value."""
        return self.value is None

    @property
    def needs_labels(self) -> bool:
        """True if it learns labels."""
        return self.source == LABELS

    @property
    def weighs_labels(self) -> bool:
        """True if answers are learned: their correction counts, and its photos' weight."""
        return self.source == ANSWERS

    def uses_added(self, store: Store) -> bool:
        """Return True if it learns added photos."""
        return self.source == MORE

    def candidates(self, evidence: Evidence, terms: Terms, *, able: bool) -> list[Terms]:
        """Return ``terms`` with each weight to compare, or with the weight of the repair.

        The weight is 1 if the repair has none and AP cannot choose (not ``able``)."""
        learned, size = self._photos(evidence, terms)
        weights = [1.0] if self.value is None else [self.value]
        if self.value is None and able:
            ratio = evidence.fit_size / max(size, 1)
            # The weights at which all learned photos have one of SHARES of the loss.
            shares = (float(f"{ratio * share / (1 - share):.2g}") for share in LEARN_SHARES)
            weights = sorted({1.0, *shares})
        before = terms.get(Learned) or Learned()
        return [terms.having(before.having(replace(learned, weight=each))) for each in weights]

    def _photos(self, evidence: Evidence, terms: Terms) -> tuple[LearnedPhotos, int]:
        """Return the photos to learn, and their number."""
        if self.source == MORE:
            return _more(evidence)
        rows = None if evidence.sees_all_of_tune else tuple(evidence.seen.tolist())
        learned = LearnedPhotos(self.source, 1.0, rows)
        if self.source == ANSWERS:
            correction = evidence.correction(terms.labels, terms.parts)
            learned = replace(learned, correction=correction)
        return learned, len(evidence.seen)


def _more(evidence: Evidence) -> tuple[LearnedPhotos, int]:
    """Return the added photos to learn from, and their number."""
    parts, size = evidence.added()
    return LearnedPhotos(MORE, 1.0, parts=parts), size


@dataclass(frozen=True)
class LearnedPhotos:
    """Photos learned in addition to the training images, by ``source``.

    Each photo has the weight of ``weight`` training images. ``rows`` limits the photos of ``tune``
    (None: all). ``correction`` corrects the teacher if the source is answers. ``parts`` are the
    content hashes of added photos, sorted.
    """

    source: str
    weight: float
    rows: tuple[int, ...] | None = None
    parts: tuple[str, ...] = ()
    correction: Correction | None = None

    @property
    def of_tune(self) -> bool:
        """True if the learned photos are photos of ``tune``."""
        return self.source != MORE

    def to_json(self) -> Any:
        """Return plain data: the weight, or a dictionary of weight and parts or correction."""
        if self.correction is not None:
            return {"weight": self.weight, "correction": asdict(self.correction)}
        return {"weight": self.weight, "parts": list(self.parts)} if self.parts else self.weight

    @classmethod
    def from_json(cls, source: str, given: Any) -> Self:
        """Return the photos that ``to_json`` wrote; ``ValueError`` for invalid data."""
        if source == ANSWERS:
            correction = Correction.from_json(given["correction"])
            return cls(source, size_of(given["weight"]), correction=correction)
        if source != MORE:
            return cls(source, size_of(given))
        parts = tuple(map(str, given["parts"]))
        if not parts or isinstance(given["parts"], str):
            raise ValueError("it names no parts of the added photos")
        return cls(source, size_of(given["weight"]), parts=parts)


@dataclass(frozen=True)
class Learned(Effect):
    """Photos that one class learns, ``by_source`` in the order in which they were asked for."""

    key: ClassVar[str] = "learn"
    kind: ClassVar[str] = KIND.key

    by_source: tuple[LearnedPhotos, ...] = ()

    @classmethod
    def of_teacher(cls) -> Self:
        """Return the photos of tune with the teacher's outputs, as a spec distills on them."""
        return cls((LearnedPhotos(TEACHER, 1.0),))

    def having(self, photos: LearnedPhotos) -> Self:
        """Return these photos with ``photos`` in place of others of their source; on tune a class
        learns either the teacher or the corrected teacher."""
        source = photos.source
        gone = {TEACHER, ANSWERS} if source in (TEACHER, ANSWERS) else {source}
        return replace(self, by_source=(*self.without(*gone).by_source, photos))

    def without(self, *sources: str) -> Self:
        """Return these photos without those of some sources."""
        kept = tuple(each for each in self.by_source if each.source not in sources)
        return replace(self, by_source=kept)

    @property
    def used_parts(self) -> tuple[str, ...]:
        """Content hashes of the added photos."""
        return tuple(part for each in self.by_source for part in each.parts)

    @property
    def learns_tune(self) -> bool:
        """True if any of the photos are of ``tune``."""
        return any(each.of_tune for each in self.by_source)

    def within(self, rows: NDArray[np.intp]) -> Self:
        """Return these photos with those of ``tune`` limited to ``rows``."""
        held = tuple(rows.tolist())
        limited = (replace(one, rows=held) if one.of_tune else one for one in self.by_source)
        return replace(self, by_source=tuple(limited))

    @property
    def source_weights(self) -> dict[str, float]:
        """Weights by source."""
        return {each.source: each.weight for each in self.by_source}

    @classmethod
    def widest(cls, effects: Sequence[Self]) -> Self:
        """Return the photos of all sources of ``effects``, with weight 1."""
        every = (each for one in effects for each in one.by_source)
        return cls(tuple({each.source: replace(each, weight=1.0) for each in every}.values()))

    @classmethod
    def further(
        cls, source: TargetSource, usual: Usual, effects: Mapping[str, Self], labels: LabelsByClass
    ) -> Iterator[Further]:
        """Yield the learned photos of all classes, by source."""
        for kind in SOURCES:
            learned = {
                name: each
                for name, of in effects.items()
                for each in of.by_source
                if each.source == kind
            }
            if learned:
                make = _added if kind == MORE else _of_tune
                yield make(source, usual, learned, labels)

    def to_json(self) -> dict[str, Any]:
        """Return plain data by source."""
        return {each.source: each.to_json() for each in self.by_source}

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Self:
        """Return the photos that ``to_json`` wrote; ``ValueError`` for invalid data."""
        if not set(item) <= set(SOURCES):
            raise ValueError(
                f"it has an unknown source of photos among {', '.join(map(str, item))}"
            )
        return cls(tuple(LearnedPhotos.from_json(*each) for each in sorted(item.items())))

    @property
    def words(self) -> str:
        """One clause per source."""
        return "; ".join(
            f"learned {LEARNED_FROM[each.source]}, each as {each.weight:g} training images"
            for each in self.by_source
        )

    @property
    def figures(self) -> dict[str, Any]:
        """Weight by source, with parts of added photos or the correction."""
        plain = self.to_json().items()
        return {name: of if isinstance(of, dict) else {"weight": of} for name, of in plain}


def _of_tune(
    source: TargetSource, usual: Usual, learned: Mapping[str, LearnedPhotos], labels: LabelsByClass
) -> Further:
    """Return the ``learned`` photos of ``tune``, which are of one source."""
    store, kind = source.store, next(iter(learned.values())).source
    every = store.rows(TUNE)
    of_class = {
        name: every if each.rows is None else np.array(each.rows, dtype=np.intp)
        for name, each in learned.items()
    }
    rows = np.unique(np.concatenate(list(of_class.values()))).astype(np.intp)
    scores = rows_of(store.concept_score, rows)
    targets = source.teacher_on(rows, scores)
    weights = np.zeros(targets.shape)
    for name, each in learned.items():
        k, inside = source.index(name), np.isin(rows, of_class[name])
        column = int(source.columns[k])
        if kind == LABELS:
            label = np.asarray(store.label[rows, column])
            targets[:, k], inside = label == 1, inside & (label >= 0)
        elif each.correction is not None:
            teacher = store.teacher_log_odds[rows, column].astype(np.float64)
            odds = each.correction.log_odds(teacher, scores, store.concepts)
            targets[:, k] = source.of_log_odds(column, odds, rows, scores)
        inside &= _free([store.images[row] for row in rows], labels[name])
        weights[inside, k] = each.weight * usual(k)
    images = [store.images[row] for row in rows]
    return Further(images, rows, scores, targets, weights, rows.tobytes(), kind)


def _added(
    source: TargetSource, usual: Usual, learned: Mapping[str, LearnedPhotos], labels: LabelsByClass
) -> Further:
    """Return the added photos of the ``learned`` parts, with the teacher's probabilities."""
    parts = sorted({part for each in learned.values() for part in each.parts})
    more = more_photos(source.store, parts)
    shift = source.shifts(more.score, AllImages(source.store, parts).added, parts)
    targets = source.of_logits(more.teacher_logit, more.other_logit, shift)
    weights = np.zeros(targets.shape)
    for name, each in learned.items():
        k = source.index(name)
        inside = more.inside(each.parts) & _free(more.images, labels[name])
        weights[inside, k] = each.weight * usual(k)
    rows = np.full(len(more), -1)
    return Further(more.images, rows, more.score, targets, weights, more.parts, MORE)


def _free(images: Sequence[str], labels: Mapping[str, int]) -> NDArray:
    """Return a mask ``(n,)`` of images that have no label in ``labels``."""
    return np.fromiter((image not in labels for image in images), bool, len(images))
