"""Selection of the user: shared by all views, by name and never by position."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import param

from inficond_panel.errors import TuningError
from inficond_panel.results.image_sets import ImageSet


class Names(param.Parameter):
    """A name that is ``known``, or empty unless ``needed``; with ``several`` a list of names."""

    __slots__ = ["known", "needed", "several"]

    def __init__(
        self, default: str | list[str] = "", *, several: bool = False, **params: Any
    ) -> None:
        self.known: Collection[str] = ()
        self.needed = False
        self.several = several
        super().__init__(default, **params)

    def _validate(self, value: Any) -> None:
        super()._validate(value)
        if not isinstance(value, list if self.several else str):
            raise TuningError(f"{self.name} is of type {type(value).__name__}.")
        names = value if self.several else [value] if value or self.needed else []
        if not all(isinstance(name, str) and name in self.known for name in names):
            raise TuningError(f"{self.name} names what this store does not have.")


class Selection(param.Parameterized):
    """The chosen class (student), the concept opened in detail, and groups of concepts and images.

    Images that were picked out are left when another class or a concept is opened.
    """

    class_name = Names(doc="Class whose student is selected; empty: none.")
    concept = Names(doc="Concept opened in the detail view; empty: none.")
    concepts = Names([], several=True, doc="Group of concepts, as drawn with the lasso.")
    images = param.ClassSelector(
        class_=ImageSet, default=None, doc="Images picked out; None: those that show the concept."
    )

    def __init__(self, classes: Iterable[str], concepts: Iterable[str], only: str = "") -> None:
        """Selection among these names; with ``only`` that class stays the selected one."""
        super().__init__()
        self.param["class_name"].known = frozenset([only] if only else classes)
        if only:
            self.class_name = only
            self.param["class_name"].needed = True
        for name in ("concept", "concepts"):
            self.param[name].known = frozenset(concepts)

    def open_concept(self, concept: str, class_name: str = "") -> None:
        """Open a concept in detail, in the place of images; of another class, if one is named."""
        self.param.update(concept=concept, class_name=class_name or self.class_name, images=None)

    def open_images(self, images: ImageSet) -> None:
        """Show images in the place of those of the concept, with the student of their class."""
        self.param.update(class_name=images.class_name, images=images)

    @param.depends("concept", watch=True)
    def _leave_images(self) -> None:
        self.images = None

    @param.depends("class_name", watch=True)
    def _leave_those_of_others(self) -> None:
        if self.images is not None and self.images.class_name != self.class_name:
            self.images = None
