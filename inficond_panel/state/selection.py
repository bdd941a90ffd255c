"""State of one session's data set, selection and view settings, and the session's rights."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import param

from inficond_panel.errors import TuningError
from inficond_panel.results.gallery import ASSIGNED, FILTERS
from inficond_panel.results.image_sets import PATCHES_OF, ImageSet
from inficond_panel.spec.sections.page import TOPS
from inficond_panel.store import Store
from inficond_panel.vocabulary.metrics import (
    AP,
    BEGIN,
    CLASS_SORTS,
    CONCEPT_SORTS,
    ERRORS,
    SHARES,
    WEIGHT,
)
from inficond_panel.vocabulary.splits import EVALUATED, SPLITS, TUNE


class KnownNames(param.Parameter):
    """Parameter for a name that must be in ``known``; it may be empty unless ``needed`` is set.

    With ``several`` its value is a list of such names.
    """

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
            raise TuningError(f"{self.name} must not be of type {type(value).__name__}.")
        names = value if self.several else [value] if value or self.needed else []
        if not all(isinstance(name, str) and name in self.known for name in names):
            raise TuningError(f"{self.name} must be a name in this store, got {value!r:.80}.")


class Selection(param.Parameterized):
    """Selected class (student), concept of the detail view, and picked concepts and images.

    There is one set of picked images, which all views follow until it is dropped. Selecting another
    class, or opening a concept, drops images that a class defines; other images stay.
    """

    class_name = KnownNames(doc="Class whose student is selected; empty: none.")
    concept = KnownNames(doc="Concept opened in the detail view; empty: none.")
    concepts = KnownNames([], several=True, doc="Concepts picked, such as with the lasso.")
    images = param.ClassSelector(class_=ImageSet, default=None, doc="Picked images; None: all.")
    listed = param.Boolean(
        False, doc="Whether the picked images are listed, in place of those with the concept."
    )

    def __init__(self, classes: Iterable[str], concepts: Iterable[str], only: str = "") -> None:
        """Make a selection among these names; the class ``only`` stays selected (empty: none)."""
        super().__init__()
        self.param["class_name"].known = frozenset([only] if only else classes)
        if only:
            self.class_name = only
            self.param["class_name"].needed = True
        for name in ("concept", "concepts"):
            self.param[name].known = frozenset(concepts)

    def open_concept(self, concept: str, class_name: str = "") -> None:
        """Open a concept in the detail view instead of images; select ``class_name`` if named."""
        self.param.update(
            concept=concept,
            class_name=class_name or self.class_name,
            images=self._lasting,
            listed=False,
        )

    def open_images(self, images: ImageSet) -> None:
        """Pick these images, list them, and select their class, if they have one."""
        name = images.class_name or self.class_name
        self.param.update(class_name=name, images=images, listed=True)

    def list_images(self) -> None:
        """List the picked images in place of the images with the concept."""
        self.listed = self.images is not None

    def leave_images(self) -> None:
        """Drop the picked images."""
        self.param.update(images=None, listed=False)

    @property
    def _lasting(self) -> ImageSet | None:
        """The picked images, if no class defines them."""
        return self.images if self.images is not None and not self.images.class_name else None

    @param.depends("concept", watch=True)
    def _leave_for_concept(self) -> None:
        self.param.update(images=self._lasting, listed=False)

    @param.depends("class_name", watch=True)
    def _leave_for_class(self) -> None:
        if self.images is not None and not self.images.fits(self.class_name):
            self.leave_images()


class DatasetState(param.Parameterized):
    """Store of the session, and the split that the page shows (``tune`` at first)."""

    store: param.ClassSelector[Store] = param.ClassSelector(  # type: ignore[assignment]
        class_=Store, allow_None=False, constant=True, doc="Store that the session looks at."
    )
    title = param.String(doc="Title of the data set, from the spec.")
    split: param.Selector[str] = param.Selector(
        default=TUNE, objects=list(EVALUATED), doc="Split on screen."
    )
    looks = param.Integer(0, bounds=(0, None), doc="Times that the holdout was opened.")

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of images (all, and per split), classes, concepts and segments, by name."""
        splits = {split: len(self.store.rows(split)) for split in SPLITS}
        return {
            "images": len(self.store.images),
            "classes": len(self.store.classes),
            "concepts": len(self.store.concepts),
            "segments": len(self.store.segment_image),
            **splits,
        }

    @property
    def rows(self) -> np.ndarray:
        """Rows (indices) in the store of the images of the split in view."""
        return self.store.rows(self.split)


#: Metrics of which a view shows the change, one at a time; fidelity together with accuracy.
CHANGE_METRICS = list(SHARES)
#: Metrics that slices are compared by.
SLICE_METRICS = [*CHANGE_METRICS, *ERRORS]


class Settings(param.Parameterized):
    """Settings that the views of one session share, change and watch."""

    show: param.Selector[str] = param.Selector(
        default="simple", objects=["simple", "details"], doc="Simple or detailed views."
    )
    sort: param.Selector[str] = param.Selector(
        default=BEGIN.key, objects=list(CLASS_SORTS), doc="What the classes are sorted by."
    )
    descending = param.Boolean(True, doc="Largest value first.")
    confused = param.Boolean(False, doc="Whether a table of confusions replaces the classes.")
    scope: param.Selector[str] = param.Selector(
        default="class", objects=["class", "all"], doc="Metrics of one class, or means over all."
    )
    concept_sort: param.Selector[str] = param.Selector(
        default=WEIGHT.key, objects=list(CONCEPT_SORTS), doc="What the concepts are sorted by."
    )
    top: param.Selector[int] = param.Selector(
        default=10, objects=list(TOPS), doc="Number of concepts listed; 0: all that have a rank."
    )
    effect: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the what-if of the concepts listed."
    )
    patches_of: param.Selector[str] = param.Selector(
        default=PATCHES_OF[0], objects=list(PATCHES_OF), doc="Nearest or assigned segments."
    )
    measured = param.Boolean(False, doc="Whether the list of all metrics is open.")
    slice_by = param.String("", doc="Metadata that slices are made by; empty: none.")
    slice_metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=SLICE_METRICS, doc="Metric that slices are compared by."
    )
    repairing = param.Boolean(False, doc="Whether the panel of suspects and repairs is open.")
    explained = param.Boolean(False, doc="Whether the refit's report is open.")
    what_if: param.Selector[str] = param.Selector(
        default="exact", objects=["exact", "refit"], doc="Other influences fixed, or refitted."
    )
    filters = param.ListSelector(
        [ASSIGNED], objects=list(FILTERS), doc="Which images the gallery shows; empty: all."
    )
    history_metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric whose changes the iterations show."
    )
    projection = param.String("", doc="Map of the concepts; empty: the store's first.")
    tab = param.String("detail", doc="View in front where several views share a panel as tabs.")


@dataclass(frozen=True)
class Rights:
    """Rights of a session: the page hides an action that is not allowed, the state refuses it.

    ``class_name`` is the only class whose student may be opened and tuned; empty: all classes.
    """

    export: bool = True
    holdout: bool = True
    photos: bool = True
    tuning: bool = True  #: thumbs and repairs, and refits with them
    asking: bool = True  #: questions on photos, whose answers train the student
    typing: bool = True  #: adding concepts
    forgetting: bool = True  #: removing typed concepts
    targets: bool = True  #: switching the students' targets between teacher and oracle
    details: bool = True  #: switching between simple views and those with details
    class_name: str = ""

    @property
    def closed(self) -> list[str]:
        """Names of the actions that are not allowed; ``class``: all classes but one."""
        shut = [field.name for field in fields(self) if getattr(self, field.name) is False]
        return [*shut, *(["class"] if self.class_name else [])]

    def require(self, name: str) -> None:
        """Raise ``TuningError`` if the action ``name``, a field of ``Rights``, is not allowed."""
        if not getattr(self, name):
            raise TuningError(f"This page does not allow {name}.")

    def require_class(self, class_name: str) -> None:
        """Raise ``TuningError`` if a class may not be opened and tuned."""
        if self.class_name and class_name != self.class_name:
            raise TuningError(f"This page allows {self.class_name} only, not {class_name}.")


EVERYTHING = Rights()
