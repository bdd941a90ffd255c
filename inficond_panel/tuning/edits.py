"""Edits of one iteration: thumbs and repairs.

A thumb bounds one weight (``thumbs``); a repair changes the photos, targets or penalty that a
student is fitted with (``fitting.terms``). An iteration may hold both. Beside them a person may say
for which world the thumbs on a class are meant (``Meant``), which changes no student.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from inficond_panel.common.names import by_key, name_key, name_text
from inficond_panel.common.near_words import near, unknown
from inficond_panel.concepts.own_words import unlisted_names
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.thumbs import (
    GroupIntent,
    Intent,
    canonical,
    check_word,
    known_name,
    names_of,
    thumbed_name,
)
from inficond_panel.vocabulary.intents import (
    ALL,
    AUTO,
    BALANCE,
    DOUBT,
    LABEL,
    LABELS,
    LAMBDA,
    LEARN,
    REPAIRS,
    SOURCES,
    RepairKind,
)
from inficond_panel.vocabulary.pictures import PROPERTY_OF
from inficond_panel.vocabulary.worlds import WORLDS


@dataclass(frozen=True)
class Balance:
    """Reweight the training images so that scores of ``concepts`` are distributed as on ``tune``.

    Photos with and without the class are reweighted separately. An image property ("image
    brightness") is named like a concept. ``suspects``: the concepts are the suspects of the data,
    so cross-fitting selects them anew in each fold. Raises ``TuningError`` without a concept.
    """

    kind: ClassVar[RepairKind] = BALANCE
    class_name: str
    concepts: tuple[str, ...]
    suspects: bool = False

    def __post_init__(self) -> None:
        named = by_key(map(name_text, names_of(self.concepts))).values()
        object.__setattr__(self, "concepts", tuple(named))
        object.__setattr__(self, "class_name", name_text(self.class_name))
        if not self.concepts:
            raise TuningError(
                f"balance on {self.class_name!r} names no concept.", "Name at least one concept."
            )

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "concepts", "direction", "suspects"}``, as in an edits file."""
        named = {"suspects": True} if self.suspects else {}
        return {**_head(self), "concepts": list(self.concepts), **named}


@dataclass(frozen=True)
class _OfPenalty:
    """Repair of the class's L1 penalty."""

    kind: ClassVar[RepairKind]
    class_name: str
    value: float | None = None

    def __post_init__(self) -> None:
        if self.value is not None and not 0 <= self.value < math.inf:
            raise TuningError(
                f"{self.kind.key} on {self.class_name!r} is {self.value}.",
                f"Give a number of 0 or more, or {AUTO}.",
            )

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "value"}``, as in an edits file."""
        return {**_head(self), "value": AUTO if self.value is None else self.value}


class Lambda(_OfPenalty):
    """Fit the class's student with the L1 penalty ``value``; None: chosen by the AP on ``tune``.

    Raises ``TuningError`` for a value that is not a finite number of 0 or more.
    """

    kind = LAMBDA


class Doubt(_OfPenalty):
    """Adaptive penalty: multiply each concept's L1 penalty by 1 + ``value`` × its suspect score.

    ``value`` None: chosen by the AP on ``tune``. Raises ``TuningError`` for a value that is
    negative or not finite.
    """

    kind = DOUBT


@dataclass(frozen=True)
class Label:
    """Label the class as present (``value`` 1) or absent (0) on the photo ``image``.

    ``why`` is the reason for which the photo was chosen, if any. Raises ``TuningError`` for
    another value.
    """

    kind: ClassVar[RepairKind] = LABEL
    class_name: str
    image: str
    value: int
    why: str = ""

    def __post_init__(self) -> None:
        if self.value not in (0, 1) or isinstance(self.value, float):
            raise TuningError(
                f"The label of {self.image!r} for {self.class_name!r} is {self.value!r}.",
                "Give 1 where the class is present, 0 where it is absent.",
            )
        object.__setattr__(self, "value", int(self.value))
        for key in ("class_name", "image"):
            object.__setattr__(self, key, name_text(getattr(self, key)))

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "image", "value"}`` of an edits file; ``why`` if set."""
        why = {"why": self.why} if self.why else {}
        return {**_head(self), "image": self.image, "value": self.value, **why}


@dataclass(frozen=True)
class Learn:
    """Fit to further photos in addition to the training images.

    ``source`` is ``labels`` (photos of ``tune``, their labels), ``teacher`` (photos of ``tune``,
    the teacher's probabilities), ``answers`` (these probabilities, corrected by the labels taught)
    or ``more`` (photos added to the store, the teacher's probabilities). Each photo has the weight
    of ``value`` photos of ``fit``; None: chosen by the AP on ``tune``, cross-fitted if photos of
    ``tune`` are learned. Raises ``TuningError`` for another source, and for a value that is not
    finite and above 0.
    """

    kind: ClassVar[RepairKind] = LEARN
    class_name: str
    source: str = LABELS
    value: float | None = None

    def __post_init__(self) -> None:
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

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "from", "value"}``, as in an edits file."""
        weight = AUTO if self.value is None else self.value
        return {**_head(self), "from": self.source, "value": weight}


Repair = Balance | Learn | Lambda | Doubt | Label


def repair_from_json(item: Mapping[str, Any]) -> Repair:
    """Return the repair that its ``to_json`` wrote; ``KeyError`` for the direction of a thumb."""
    name, value = item["class"], item.get("value")
    match item["direction"]:
        case BALANCE.key:
            return Balance(name, tuple(item["concepts"]), bool(item.get("suspects", False)))
        case LAMBDA.key | DOUBT.key as kind:
            size = None if value == AUTO else float(item["value"])
            return Lambda(name, size) if kind == LAMBDA.key else Doubt(name, size)
        case LABEL.key:
            return Label(name, item["image"], item["value"], str(item.get("why", "")))
        case LEARN.key:
            weight = None if value in (None, AUTO) else float(value)
            return Learn(name, item.get("from", LABELS), weight)
    raise KeyError(item["direction"])


def canonical_repairs(repairs: Iterable[Repair]) -> tuple[Repair, ...]:
    """Return the repairs of one iteration, merged per key and sorted.

    A class keeps one ``balance``, ``lambda`` and ``doubt``, and one ``learn`` per source. The
    concepts of ``balance`` are united; of two values the larger number counts, and a number before
    ``auto``. Raises ``TuningError`` if a photo has two labels.
    """
    by_place: dict[tuple[str, ...], list[Repair]] = {}
    for repair in repairs:
        by_place.setdefault(place_of(repair), []).append(repair)
    return tuple(_merged(by_place[key]) for key in sorted(by_place))


def _merged(repairs: Sequence[Any]) -> Repair:
    """Return the repair of one place, merged from ``repairs``, which are of one class."""
    first = repairs[0]
    if isinstance(first, Balance):
        concepts = sorted({concept for repair in repairs for concept in repair.concepts})
        named = all(repair.suspects for repair in repairs)
        return Balance(first.class_name, tuple(concepts), named)
    if not isinstance(first, Label):
        return max(repairs, key=lambda repair: -1.0 if repair.value is None else repair.value)
    if any(label.value != first.value for label in repairs):
        raise TuningError(
            f"{first.image!r} is labelled both 0 and 1 for {first.class_name!r}.",
            "Give the photo one label.",
        )
    return max(repairs, key=lambda label: label.why)


@dataclass(frozen=True)
class Meant:
    """The world that a person means with the thumbs on one class: a key of ``vocabulary.worlds``.

    It is kept with the iteration and changes neither students nor ids. Raises ``TuningError`` for
    another world.
    """

    class_name: str
    world: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_name", name_text(self.class_name))
        if self.world not in WORLDS:
            raise TuningError(*unknown("world", self.world, WORLDS))

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "meant"}``, as in an edits file."""
        return {"class": self.class_name, "meant": self.world}


def meant_by(edits: Iterable[Edit]) -> dict[str, str]:
    """Return the world that is meant, by class, of the thumbs of one batch.

    Raises ``TuningError`` for two worlds of one class, and for a class without a thumb."""
    batch, meant = list(edits), dict[str, str]()
    with_thumbs = {thumb.class_name for thumb in thumbs_of(batch)}
    for each in (edit for edit in batch if isinstance(edit, Meant)):
        if meant.setdefault(each.class_name, each.world) != each.world:
            raise TuningError(
                f"Two worlds are meant for {each.class_name!r}.", "Name one world per class."
            )
        if each.class_name not in with_thumbs:
            raise TuningError(
                f"A world is meant for {each.class_name!r}, which has no thumb in this iteration.",
                "Give the class a thumb, or leave out 'meant'.",
            )
    return dict(sorted(meant.items()))


def _head(repair: Repair | _OfPenalty) -> dict[str, Any]:
    return {"class": repair.class_name, "direction": repair.kind.key}


#: Any edit of an iteration: a thumb, a thumb on a group, or a repair; or what thumbs are meant for.
Edit = Intent | GroupIntent | Repair | Meant
E = TypeVar("E", bound=Intent | GroupIntent | Repair | Meant)


def thumbs_of(edits: Iterable[Edit]) -> list[Intent | GroupIntent]:
    """Return the thumbs among ``edits``, on a concept or on a group."""
    return [item for item in edits if isinstance(item, Intent | GroupIntent)]


def place_of(item: Intent | Repair) -> tuple[str, ...]:
    """Return the key of an edit; a batch holds one edit per key.

    Per class: one thumb per concept, one label per photo, one ``learn`` per source, one repair of
    each other kind.
    """
    if isinstance(item, Intent):
        return ("thumb", *item.key)
    which = getattr(item, "image", getattr(item, "source", ""))
    return "repair", item.class_name, item.kind.key, which


def split_edits(
    edits: Iterable[Edit], factor: float, refit: str = ALL
) -> tuple[tuple[Intent, ...], tuple[Repair, ...]]:
    """Return thumbs and repairs of one iteration in canonical form, independent of their order.

    ``factor`` is for thumbs without a factor, ``refit`` is what a thumb does. Raises
    ``TuningError`` for a photo with two labels.
    """
    listed = list(edits)
    repairs = canonical_repairs(item for item in listed if isinstance(item, Repair))
    return canonical(thumbs_of(listed), factor, refit), repairs


def edit_from_json(item: Mapping[str, Any]) -> Intent | Repair:
    """Return the thumb or repair that its ``to_json`` wrote."""
    return repair_from_json(item) if item["direction"] in REPAIRS else Intent.from_json(item)


def is_known(item: Intent | Repair, store: Store, refit: str) -> bool:
    """Return True if ``store`` has the class, concepts and image that a thumb or repair names, and
    a thumb on the class's own word is one that it can have with ``refit``."""
    if not all(name in known for _, name, known in _names(item, store)):
        return False
    if isinstance(item, Intent) and item.concept in unlisted_names(store, item.class_name):
        try:
            check_word(item, refit)
        except TuningError:
            return False
    return True


def check_repairs(repairs: Iterable[Repair], store: Store) -> None:
    """Raise ``TuningError``, with the nearest name, for names that ``store`` does not have."""
    for repair in repairs:
        for kind, name, known in _names(repair, store):
            known_name(kind, name, known)


def as_stored(edit: E, store: Store) -> E:
    """Return an edit whose names are written as in ``store``; raises as ``check_repairs``."""
    if isinstance(edit, GroupIntent):
        members = [as_stored(one, store) for one in edit.members()]
        names = tuple(one.concept for one in members)
        return replace(edit, class_name=members[0].class_name, concepts=names)
    found: dict[str, list[str]] = {}
    for kind, name, known in _names(edit, store):
        found.setdefault(kind, []).append(known_name(kind, name, known))
    named: dict[str, Any] = {"class_name": found["class"][0]}
    if isinstance(edit, Balance):
        named["concepts"] = tuple(found["concept"])
    elif isinstance(edit, Intent):
        of_class = named["class_name"], store
        named["concept"] = thumbed_name(edit.concept, *of_class)
        named["group"] = tuple(thumbed_name(name, *of_class) for name in edit.group)
    elif isinstance(edit, Label):
        named["image"] = found["image"][0]
    return replace(edit, **named)


def _names(item: Intent | Repair | Meant, store: Store) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield each name in a thumb or repair: its kind, the name, and the names that exist."""
    yield "class", item.class_name, store.classes
    match item:
        case Intent():
            yield (
                "concept",
                item.concept,
                [*store.concepts, *unlisted_names(store, item.class_name)],
            )
        case Balance():
            properties = PROPERTY_OF if store.holds("pictures") else ()
            for concept in item.concepts:
                yield "concept", concept, [*store.concepts, *properties]
        case Label():
            here = name_key(item.image) in store.image_keys
            yield "image", item.image, store.images if here else AllImages(store).names
