"""Conditions of a study, and the keys that a condition changes in the spec of the app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import ValidationError

from inficond_panel.spec import Layout, Spec
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import AnyPath, Several, Slug, option
from inficond_panel.spec.sections.page import ViewName, Views
from inficond_panel.spec.sections.students import Students, Tuning

S = TypeVar("S", bound=Section)
T = TypeVar("T")
#: Sections whose keys replace the spec's keys one by one.
_PLAIN = ("students", "tuning", "views", "layout")


class Variation(Section):
    """Keys of the app's spec that differ under a condition; all other keys are unchanged."""

    partial: ClassVar[bool] = True

    store: AnyPath | None = option(
        None,
        doc="Another store, with another teacher, other concepts or segments, made from another "
        "spec. It must have the classes of the tasks.",
    )
    students: Students | None = option(
        None, doc="Keys of the distillation; name the solver, unless it is exact."
    )
    tuning: Tuning | None = option(None, doc="Keys of thumbs and refits.")
    views: Views | None = option(None, doc="Keys of the views.")
    layout: Layout | None = option(None, doc="Keys of the page.")

    def over(self, spec: Spec) -> Spec:
        """Return a copy of the app's ``spec`` with the keys of this variation replaced."""
        changed: dict[str, Any] = {"store": self.store} if self.store else {}
        for key in _PLAIN:
            if (part := getattr(self, key)) is not None:
                changed[key] = _over(getattr(spec, key), part)
        return spec.model_copy(update=changed)

    def misfits(self, spec: Spec) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for keys of this variation that cannot be used with ``spec``."""
        parts = {key: getattr(self, key) for key in _PLAIN}
        given = {
            f"{key}.{name.rstrip('_')}"
            for key, part in parts.items()
            for name in (changes(part) if part is not None else ())
        }
        for key, message in self.over(spec).faults(given):
            yield key.partition(".")[0], f"{key}: {message}"


def changes(section: Section) -> set[str]:
    """Return the names of the attributes that a partial section changes: those that the file names,
    and those with another value than the default."""
    other = {
        key.attribute
        for key in section.fields().values()
        if getattr(section, key.attribute) != key.default
    }
    return other | section.model_fields_set


def _over(base: S, part: S) -> S:
    """Return ``base`` with the changes of ``part``. If ``part`` is of another kind, the values of
    keys that both kinds have are kept."""
    kept = {
        key.attribute: getattr(base, key.attribute)
        for name, key in base.fields().items()
        if name in part.fields() and name != part.chooser
    }
    changed = {name: getattr(part, name) for name in changes(part) if name != part.chooser}
    try:
        return type(part)(**{**kept, **changed})
    except ValidationError as error:  # a value that only one kind allows, such as lambda: auto
        for one in error.errors(include_url=False):
            kept.pop(str(one["loc"][0]), None)
        return type(part)(**{**kept, **changed})


class Level(Section):
    """One condition: its changes to a task and to the app's spec."""

    name_: Slug = option(doc="Name in tables.")
    views: Several[ViewName] = option([], doc="Views on the page; empty: as in the task.")
    spec: Variation | None = option(None, doc="Keys of the app's spec that differ.")
    may_type: bool | None = option(
        None, doc="Whether concepts can be typed; as in the task if left out."
    )
    may_ask: bool | None = option(
        None, doc="Whether images (photos or captions) can be answered; as in the task if left out."
    )


class Conditions(Section):
    """Conditions to compare, and their assignment to participants."""

    design: Literal["between", "within"] = option(
        "between",
        doc="between: one condition per participant; within: all conditions, task by task.",
    )
    assignment: Literal["latin_square", "random"] = option(
        "latin_square",
        doc="latin_square: people take the conditions in turn; with design: within the orders of a "
        "balanced square. random: the conditions are drawn; with design: between, each block of as "
        "many people as there are conditions has every condition once.",
    )
    levels: list[Level] = option(min_length=1, doc="The conditions.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for repeated names of conditions."""
        yield from twice("levels", [level.name_ for level in self.levels or []])


def shared_level(levels: Sequence[Level]) -> Level:
    """Return what all conditions ``levels`` have in common, as a condition without a name: keys of
    the spec that all change to one value, rights that all give or refuse alike, and the views that
    at least one of them shows. So what every condition closes is closed."""
    views = [level.views for level in levels]
    specs = [level.spec for level in levels]
    every = [spec for spec in specs if spec is not None]
    return Level.model_construct(
        name_="",
        views=list(dict.fromkeys(chain.from_iterable(views))) if all(views) else [],
        spec=_shared_variation(every) if len(every) == len(specs) else None,
        may_type=_shared([level.may_type for level in levels]),
        may_ask=_shared([level.may_ask for level in levels]),
    )


def _shared(values: Sequence[T]) -> T | None:
    """Return the value that all ``values`` are; None if they differ."""
    return values[0] if all(value == values[0] for value in values) else None


def _shared_variation(specs: Sequence[Variation]) -> Variation | None:
    """Return the changes that all ``specs`` make alike; None if there are none."""
    given: dict[str, Any] = {key: _shared_part([getattr(s, key) for s in specs]) for key in _PLAIN}
    given = {"store": _shared([spec.store for spec in specs]), **given}
    changed = {key: value for key, value in given.items() if value is not None}
    return Variation(**changed) if changed else None


def _shared_part(parts: Sequence[Section | None]) -> Section | None:
    """Return a partial section with the keys that all ``parts`` change to one value; None if there
    are none, or if the parts are of several kinds."""
    present = [part for part in parts if part is not None]
    if len(present) < len(parts) or len({type(part) for part in present}) > 1:
        return None
    first = present[0]
    values = {
        name: getattr(first, name)
        for name in set.intersection(*(changes(part) for part in present))
        if all(getattr(part, name) == getattr(first, name) for part in present)
    }
    return type(first)(**values) if values else None


def twice(key: str, names: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    """Yield (``key``, message) for each of ``names`` that is repeated."""
    for name, number in Counter(names).items():
        if number > 1 and name:
            yield key, f"the name {name!r} is used {number} times; rename the others"
