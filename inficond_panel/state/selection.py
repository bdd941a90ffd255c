"""Selection of the user: shared by all views, by name and never by position."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import param

from inficond_panel.errors import TuningError


class Names(param.Parameter):
    """A name that is ``known``, or empty; with ``several`` a list of such names."""

    __slots__ = ["known", "several"]

    def __init__(
        self, default: str | list[str] = "", *, several: bool = False, **params: Any
    ) -> None:
        self.known: Collection[str] = ()
        self.several = several
        super().__init__(default, **params)

    def _validate(self, value: Any) -> None:
        super()._validate(value)
        if not isinstance(value, list if self.several else str):
            raise TuningError(f"{self.name} is of type {type(value).__name__}.")
        names = value if self.several else [value] if value else []
        if not all(isinstance(name, str) and name in self.known for name in names):
            raise TuningError(f"{self.name} names what this store does not have.")


class Selection(param.Parameterized):
    """The chosen class (student), the concept opened in detail, and a group of concepts."""

    class_name = Names(doc="Class whose student is selected; empty: none.")
    concept = Names(doc="Concept opened in the detail view; empty: none.")
    concepts = Names([], several=True, doc="Group of concepts, as drawn with the lasso.")

    def __init__(self, classes: Iterable[str], concepts: Iterable[str]) -> None:
        super().__init__()
        self.param["class_name"].known = frozenset(classes)
        for name in ("concept", "concepts"):
            self.param[name].known = frozenset(concepts)
