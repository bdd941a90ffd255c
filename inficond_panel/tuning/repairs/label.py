"""Label: a person's label of one photo, which the student is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import name_key, name_text
from inficond_panel.common.numbers import count
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.edit_entries import Entry
from inficond_panel.tuning.fitting.class_fit import Box
from inficond_panel.tuning.fitting.effect import Effect, LabelsByClass, Usual
from inficond_panel.tuning.fitting.images import Further
from inficond_panel.tuning.fitting.targets import Targets, TargetSource
from inficond_panel.tuning.fitting.terms import Terms, size_of
from inficond_panel.tuning.repairs.choosing import (
    compared_by_ap,
    counted,
    enough,
    logits_of_tune,
    merits,
    to_choose_by,
)
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.repair import Named, Repair, Request
from inficond_panel.vocabulary.intents import RepairKind

KIND = RepairKind("label", "✓", "Label")
#: Candidate weights of a labelled photo, in training images.
WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0)
UNCOMPARED_WEIGHT = 3.0  #: weight of a labelled photo if no other labels can compare weights


@dataclass(frozen=True)
class Label(Repair):
    """Label the class as present (``value`` 1) or absent (0) on the photo ``image``.

    ``why`` is the reason for which the photo was chosen, if any. Raises ``TuningError`` for
    another value.
    """

    kind: ClassVar[RepairKind] = KIND
    keys: ClassVar[tuple[str, ...]] = ("image", "value", "why")
    optional: ClassVar[tuple[str, ...]] = ("why",)
    form: ClassVar[str] = "{class, image, direction: label, value: 0|1}"
    compared: ClassVar[bool] = False

    image: str
    value: int
    why: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.value not in (0, 1) or isinstance(self.value, float):
            raise TuningError(
                f"The label of {self.image!r} for {self.class_name!r} is {self.value!r}.",
                "Give 1 where the class is present, 0 where it is absent.",
            )
        object.__setattr__(self, "value", int(self.value))
        object.__setattr__(self, "image", name_text(self.image))

    @property
    def which(self) -> str:
        """The photo: each has one label."""
        return self.image

    def names(self, store: Store) -> Iterator[Named]:
        """Yield the names of the class and of the photo."""
        yield from super().names(store)
        here = name_key(self.image) in store.image_keys
        yield "image", self.image, store.images if here else AllImages(store).names

    def named(self, found: dict[str, list[str]]) -> Self:
        """Return the repair with the names ``found`` in the store."""
        return replace(super().named(found), image=found["image"][0])

    @classmethod
    def merged(cls, repairs: Sequence[Self]) -> Self:
        """Return the label of one photo; raises ``TuningError`` if it has two."""
        first = repairs[0]
        if any(label.value != first.value for label in repairs):
            raise TuningError(
                f"{first.image!r} is labelled both 0 and 1 for {first.class_name!r}.",
                "Give the image one label.",
            )
        return max(repairs, key=lambda label: label.why)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "image", "value"}`` of an edits file; ``why`` if set."""
        why = {"why": self.why} if self.why else {}
        return {**self.head(), "image": self.image, "value": self.value, **why}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """Return the repair that ``to_json`` wrote."""
        return cls(item["class"], item["image"], item["value"], str(item.get("why", "")))

    @classmethod
    def read(cls, entry: Entry) -> Callable[[str], Self]:
        """Check an entry of an edits file; return a function from class name to repair."""
        image = "".join(entry.name("image"))
        value = entry.number("value", "0 or 1", lambda size: size in (0, 1))
        why = entry.word("why", "a text")
        return lambda name: cls(name, image, int(value or 0), why)

    @property
    def object_words(self) -> str:
        """``000123.jpg present``."""
        return f"{self.image} {'present' if self.value else 'absent'}"

    @property
    def plain_words(self) -> str:
        """``000123.jpg is not dog``."""
        return f"{self.image} is {'' if self.value else 'not '}{self.class_name}"

    @property
    def needs_labels(self) -> bool:
        """False: where other labels are too few, it has a usual weight."""
        return False

    @property
    def images(self) -> tuple[str, ...]:
        """The labelled photo."""
        return (self.image,)

    def uses_added(self, store: Store) -> bool:
        """Return True if the photo was added to the store."""
        return name_key(self.image) not in store.image_keys

    @classmethod
    def applied(cls, request: Request, evidence: Evidence, terms: Terms) -> Terms:
        """Return ``terms`` with these labels and those of before.

        Their weight is the best on other photos (``merits``); what is learned beside them may set
        it.
        """
        before = terms.get(Taught)
        every = {
            **({} if before is None else before.labels),
            **{label.image: label.value for label in request.of_kind(cls)},
        }
        taught = Taught(1.0, every, evidence.parts_of(every))
        if any(other.weighs_labels for other in request.repairs):
            return terms.having(taught)
        return _weighted(request, evidence, taught, terms.having(taught))


def _weighted(request: Request, evidence: Evidence, taught: Taught, terms: Terms) -> Terms:
    """Return ``terms`` with the labels ``taught`` at their best weight on other photos."""
    others = to_choose_by(evidence, terms)
    if not enough(others, request.least):
        seen = len(evidence.tune) - len(others.tune)  # taught, so not for evaluation
        taught = replace(taught, weight=UNCOMPARED_WEIGHT)
        return replace(terms.having(taught), used=max(terms.used, seen))
    tried = [terms.having(replace(taught, weight=weight)) for weight in WEIGHTS]
    logits = np.stack([_logits(others, each, request.box) for each in tried])
    by_ap, once = compared_by_ap(others, request.least), np.ones((1, len(others.tune)))
    values = merits(others.tune_label, logits, once, by_ap=by_ap)
    return counted(tried[int(np.argmax(values))], others)


def _logits(evidence: Evidence, terms: Terms, box: Box) -> NDArray:
    """Return the logits (n,) on tune under ``terms``, cross-fitted if they learn from tune."""
    if terms.learns_tune:
        return logits_of_tune(evidence, [terms], box)[0]
    student = evidence.student.under(terms, box)
    return student.logits(student.base, evidence.tune)


@dataclass(frozen=True)
class Taught(Effect):
    """Labels (1 or 0) by photo; each photo has the weight of ``weight`` training images.

    ``parts`` are the content hashes of the parts with labelled photos that were added to the store,
    sorted.
    """

    key: ClassVar[str] = "labels"
    kind: ClassVar[str] = KIND.key

    weight: float
    labels: Mapping[str, int]
    parts: tuple[str, ...] = ()

    @property
    def taught_labels(self) -> Mapping[str, int]:
        """The labels."""
        return self.labels

    @property
    def used_parts(self) -> tuple[str, ...]:
        """The parts."""
        return self.parts

    def on_targets(self, targets: Targets, class_name: str) -> Targets:
        """Return mixed targets with these labels in place of the store's."""
        return targets.relabelled(class_name, self.labels) if self.weight else targets

    @classmethod
    def further(
        cls, source: TargetSource, usual: Usual, effects: Mapping[str, Self], labels: LabelsByClass
    ) -> Iterator[Further]:
        """Yield the labelled photos of all classes."""
        images = sorted({image for each in effects.values() for image in each.labels})
        if images:
            yield _labelled(images, source, usual, effects)

    def to_json(self) -> dict[str, Any]:
        """Return the labels as plain data; without ``parts`` if empty."""
        parts = {"parts": list(self.parts)} if self.parts else {}
        return {"weight": self.weight, "values": dict(self.labels), **parts}

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Self:
        """Return the labels that ``to_json`` wrote; ``ValueError`` for other values."""
        labels = {str(image): int(value) for image, value in item["values"].items()}
        if not set(labels.values()) <= {0, 1}:
            raise ValueError("a label that it learned is neither 0 nor 1")
        return cls(size_of(item["weight"]), labels, tuple(map(str, item.get("parts", ()))))

    @property
    def words(self) -> str:
        """Clause on the number of photos and their weight."""
        whose = "its label" if len(self.labels) == 1 else "their labels"
        weight = f"each as {self.weight:g} training images"
        if self.weight == 0:
            weight = "with weight 0: no weight raises AP on the other tuning images"
        return f"{count(len(self.labels), 'photo')} taught by {whose}, {weight}"

    @property
    def figures(self) -> dict[str, Any]:
        """Labels by photo, and their weight."""
        return {"photos": dict(self.labels), "weight": self.weight}


def _labelled(
    images: list[str], source: TargetSource, usual: Usual, effects: Mapping[str, Taught]
) -> Further:
    parts = tuple(sorted({part for each in effects.values() for part in each.parts}))
    every = AllImages(source.store, parts)
    rows, size = every.rows(images), (len(images), len(source.columns))
    targets, weights = np.zeros(size), np.zeros(size)
    for name, each in effects.items():
        k = source.index(name)
        for row, image in enumerate(images):
            if image in each.labels:
                targets[row, k] = each.labels[image]
                weights[row, k] = each.weight * usual(k)
    in_store: NDArray[np.intp] = np.where(rows < len(source.store.images), rows, -1)
    key = (rows.tobytes(), *parts)
    return Further(images, in_store, every.scores(rows), targets, weights, key)
