"""Reweight: weigh the training images so that concepts are distributed as on ``tune``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from inficond_panel.common.names import by_key, name_text
from inficond_panel.common.near_words import with_and
from inficond_panel.common.numbers import defined
from inficond_panel.distill.drift import balance
from inficond_panel.errors import DataError, TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.edit_entries import Entry
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.fitting.weights import Weights
from inficond_panel.tuning.repairs.choosing import counted, need
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.packed_weights import (
    check_weights,
    packed,
    unpacked,
    weights_hash,
)
from inficond_panel.tuning.repairs.repair import Named, Repair, Request
from inficond_panel.tuning.thumbs import names_of
from inficond_panel.vocabulary.intents import RepairKind
from inficond_panel.vocabulary.picture_properties import PROPERTY_OF

KIND = RepairKind("balance", "≈", "Reweight by")
#: Least effective number of positives, and of negatives, of fit after reweighting.
LEAST_EFFECTIVE = 10.0


@dataclass(frozen=True)
class Reweight(Repair):
    """Reweight the training images so that scores of ``concepts`` are distributed as on ``tune``.

    Photos with and without the class are reweighted separately. An image property ("image
    brightness") is named like a concept. ``suspects``: the concepts are the suspects of the data,
    so cross-fitting selects them anew in each fold. Raises ``TuningError`` without a concept.
    """

    kind: ClassVar[RepairKind] = KIND
    keys: ClassVar[tuple[str, ...]] = ("concept", "suspects")
    optional: ClassVar[tuple[str, ...]] = ("suspects",)
    form: ClassVar[str] = "{class, concepts: [...], direction: balance}"
    compared: ClassVar[bool] = False
    needs_most: ClassVar[bool] = True

    concepts: tuple[str, ...]
    suspects: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        named = by_key(map(name_text, names_of(self.concepts))).values()
        object.__setattr__(self, "concepts", tuple(named))
        if not self.concepts:
            raise TuningError(
                f"balance on {self.class_name!r} names no concept.", "Name at least one concept."
            )

    def names(self, store: Store) -> Iterator[Named]:
        """Yield the names of the class and of the concepts or image properties."""
        yield from super().names(store)
        for concept in self.concepts:
            yield "concept", concept, [*store.concepts, *self.stand_ins(store)]

    @classmethod
    def stand_ins(cls, store: Store) -> Sequence[str]:
        """Return the names of the properties of the pictures, if the store has them."""
        return tuple(PROPERTY_OF) if store.holds("pictures") else ()

    def named(self, found: dict[str, list[str]]) -> Self:
        """Return the repair with the names ``found`` in the store."""
        return replace(super().named(found), concepts=tuple(found["concept"]))

    @classmethod
    def merged(cls, repairs: Sequence[Self]) -> Self:
        """Return one repair by all concepts of ``repairs``."""
        concepts = sorted({concept for repair in repairs for concept in repair.concepts})
        suspects = all(repair.suspects for repair in repairs)
        return cls(repairs[0].class_name, tuple(concepts), suspects)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "concepts", "suspects"}``, as in an edits file."""
        named = {"suspects": True} if self.suspects else {}
        return {**self.head(), "concepts": list(self.concepts), **named}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """Return the repair that ``to_json`` wrote; also of one ``concept``, or a text of it."""
        concepts = item["concept"] if item.get("concepts") is None else item["concepts"]
        return cls(item["class"], tuple(names_of(concepts)), bool(item.get("suspects", False)))

    @classmethod
    def read(cls, entry: Entry) -> Callable[[str], Self]:
        """Check an entry of an edits file; return a function from class name to repair."""
        concepts = entry.concepts("concepts")
        suspects = entry.word("suspects", "true or false", ("true", "false")) == "true"
        return lambda name: cls(name, concepts, suspects)

    @property
    def object_words(self) -> str:
        """The concepts: ``road, car``."""
        return ", ".join(self.concepts)

    @property
    def plain_words(self) -> str:
        """``Reweight by lifebuoy and anchor``."""
        return f"{KIND.verb} {with_and(self.concepts)}"

    def anew(self, suspects: Callable[[int], Sequence[str]]) -> Self | None:
        """Return the repair by as many suspects of other photos, if its concepts are suspects."""
        if not self.suspects:
            return self
        found = tuple(suspects(len(self.concepts)))
        return replace(self, concepts=found) if found else None

    @classmethod
    def applied(cls, request: Request, evidence: Evidence, terms: Terms) -> Terms:
        """Return ``terms`` with weights by the concepts of the repairs and by those of before.

        Raises ``TuningError`` if labels are too few, or effective photos of ``fit`` would be."""
        for repair in request.of_kind(cls):
            weighed = repair._weighed(evidence, terms, request.least)
            terms = counted(terms.having(weighed), evidence)
        return terms

    def _weighed(self, evidence: Evidence, terms: Terms, least: int) -> Reweighted:
        what = f"balance on {self.class_name!r}"
        need(evidence, what, least)
        before = terms.get(Reweighted)
        named = {*(() if before is None else before.concepts), *self.concepts}
        concepts = tuple(sorted(named))
        fit, tune = evidence.columns(concepts)
        try:
            given = fit, evidence.fit_label, tune, evidence.tune_label
            groups = evidence.fit_group, evidence.tune_group
            weighting = balance(*given, least=least, groups=groups)
        except DataError as error:
            raise TuningError(f"{what}: {error.message}", error.remedy) from None
        positives, negatives = weighting.effective
        if min(positives, negatives) < LEAST_EFFECTIVE:
            raise TuningError(
                f"{what}: the effective sample of fit would be {positives:.0f} positives and "
                f"{negatives:.0f} negatives; {LEAST_EFFECTIVE:g} of each are needed.",
                "Balance fewer concepts, or choose another lambda.",
            )
        weights = evidence.spread_over_fit(weighting.weights).astype(np.float32)
        return Reweighted(concepts, weights, weighting.effective)


@dataclass(frozen=True)
class Reweighted(Effect):
    """Weights ``(n,)`` of the training images, with mean 1, by the distribution of ``concepts``.

    ``effective`` are the effective sample sizes of positives and negatives. Weights are float32, so
    that a history returns exactly the weights of the fit.
    """

    key: ClassVar[str] = "balance"
    kind: ClassVar[str] = KIND.key

    concepts: tuple[str, ...]
    weights: np.ndarray = field(repr=False, compare=False)
    effective: tuple[float, float]
    hash: str = field(init=False, repr=False)  #: SHA-256 over the weights as little-endian float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", weights_hash(self.weights))

    def on_weights(self, weights: Weights, k: int, shape: tuple[int, int]) -> Weights:
        """Return the image weights with those of class ``k`` multiplied."""
        return weights.multiplied(k, self.weights, shape)

    def to_json(self) -> dict[str, Any]:
        """Return concepts, compressed weights with their hash, and effective sample sizes."""
        return {
            "concepts": list(self.concepts),
            "weights": packed(self.weights),
            "hash": self.hash,
            "effective": [defined(value) for value in self.effective],
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Self:
        """Return the weights that ``to_json`` wrote; ``ValueError`` for damaged ones."""
        weights = unpacked(item["weights"], photos)
        made = cls(tuple(map(str, item["concepts"])), weights, tuple(item["effective"]))
        check_weights(weights, item["hash"])
        return made

    @property
    def words(self) -> str:
        """Clause on the concepts, and on what the training images are worth."""
        positive, negative = self.effective
        return (
            f"reweighted by {', '.join(self.concepts)}: worth {positive:.0f} training images with "
            f"the class, {negative:.0f} without"
        )

    @property
    def figures(self) -> dict[str, Any]:
        """Concepts and effective sample sizes."""
        effective = [defined(value) for value in self.effective]
        return {"concepts": list(self.concepts), "effective": effective}
