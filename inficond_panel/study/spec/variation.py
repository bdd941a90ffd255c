"""Section of a study's spec: what a condition changes in the spec of the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from inficond_panel.spec import Spec
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import AnyPath, option
from inficond_panel.spec.sections.page import Layout, Views
from inficond_panel.spec.sections.students import Students, Tuning

S = TypeVar("S", bound=Section)
#: Sections whose keys take the place of the spec's one by one.
_PLAIN = ("students", "tuning", "views")
#: Keys of a layout that say what stands where: one of them takes the place of all.
_PLACES = ("rows", "columns", "widths", "heights", "collapsed")


class Variation(Section):
    """Keys of the spec of the app that are others under a condition; the rest stays as it is."""

    partial: ClassVar[bool] = True

    store: AnyPath | None = option(
        None,
        doc="Another store: of another teacher, other concepts or segments. A spec of its own "
        "makes it; it has the classes of the tasks.",
    )
    students: Students | None = option(
        None, doc="Keys of the distillation; solver too, unless it is exact."
    )
    tuning: Tuning | None = option(None, doc="Keys of what a thumb does.")
    views: Views | None = option(None, doc="Keys of what views show.")
    layout: Layout | None = option(None, doc="Keys of the page.")

    def over(self, spec: Spec) -> Spec:
        """``spec`` with these keys in place of its own."""
        changed: dict[str, Any] = {"store": self.store} if self.store else {}
        for key in _PLAIN:
            if (part := getattr(self, key)) is not None:
                changed[key] = _over(getattr(spec, key), part)
        if self.layout is not None:
            base = spec.layout
            if changes(self.layout) & set(_PLACES):
                base = Layout(theme=base.theme, show=base.show, tour=base.tour)
            changed["layout"] = _over(base, self.layout)
        return spec.model_copy(update=changed)

    def misfits(self, spec: Spec) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for what cannot be over ``spec``, though each key is right."""
        parts = {key: getattr(self, key) for key in (*_PLAIN, "layout")}
        given = {
            f"{key}.{name.rstrip('_')}"
            for key, part in parts.items()
            for name in (changes(part) if part is not None else ())
        }
        for key, message in self.over(spec).faults(given):
            yield key.partition(".")[0], f"{key}: {message}"


def changes(section: Section) -> set[str]:
    """Attributes of a partial section that count: those that were named, and no default."""
    other = {
        key.attribute
        for key in section.fields().values()
        if getattr(section, key.attribute) != key.default
    }
    return other | section.model_fields_set


def _over(base: S, part: S) -> S:
    """``base`` with what ``part`` changes; of another kind, what both have is kept."""
    kept = {
        key.attribute: getattr(base, key.attribute)
        for name, key in base.fields().items()
        if name in part.fields() and name != part.chooser
    }
    changed = {name: getattr(part, name) for name in changes(part) if name != part.chooser}
    try:
        return type(part)(**{**kept, **changed})
    except ValidationError as error:  # a value that one kind has alone, such as lambda: auto
        for one in error.errors(include_url=False):
            kept.pop(str(one["loc"][0]), None)
        return type(part)(**{**kept, **changed})
