"""Repair: an edit that changes the photos, targets or penalty that a student is fitted with.

Each kind of repair is one file beside this one: the edit, how an edits file and a browser write it,
its words, its candidates by the labelled photos, and its effect on a fit. ``kinds`` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeVar

from inficond_panel.common.names import name_text
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.edit_entries import Entry
from inficond_panel.tuning.fitting.class_fit import Box
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.vocabulary.intents import RepairKind

#: A name in an edit: what it names, the name, and the names that exist.
Named = tuple[str, str, Sequence[str]]
R = TypeVar("R", bound="Repair")


@dataclass(frozen=True)
class Request:
    """What one iteration requests for one class: its canonical ``repairs``, and their conditions.

    ``box`` are the active bounds afterwards; ``least`` photos of each label of tune are needed.
    """

    repairs: tuple[Repair, ...]
    box: Box
    least: int

    def of_kind(self, kind: type[R]) -> list[R]:
        """Return the repairs of a kind."""
        return [each for each in self.repairs if isinstance(each, kind)]


@dataclass(frozen=True)
class Repair:
    """Repair of the student of one class.

    ``keys`` are the keys of an edits file beside class and direction, of which ``optional`` may be
    missing; ``form`` is how the help of ``inficond tune`` shows them (``commands/tune.py``).
    Repairs of one iteration whose kind is ``compared`` are resolved together, by all combinations
    of their candidates; others before, kind by kind.
    """

    kind: ClassVar[RepairKind]
    keys: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()
    form: ClassVar[str]
    compared: ClassVar[bool] = True
    #: Of its candidates the best is taken, not the first within noise: the change was requested.
    best_taken: ClassVar[bool] = False
    #: It needs the most photos: where labels are too few, it is left out first.
    needs_most: ClassVar[bool] = False

    class_name: str

    def __post_init__(self) -> None:
        """Write a name that is a number as text."""
        object.__setattr__(self, "class_name", name_text(self.class_name))

    # -- the edit

    @property
    def which(self) -> str:
        """What else than kind and class tells repairs apart: a batch holds one of each."""
        return ""

    @property
    def place(self) -> tuple[str, ...]:
        """Key of the repair: a batch holds one repair per key."""
        return "repair", self.class_name, self.kind.key, self.which

    def names(self, store: Store) -> Iterator[Named]:
        """Yield each name in the repair: what it names, the name, and the names in ``store``."""
        yield "class", self.class_name, store.classes

    @classmethod
    def stand_ins(cls, store: Store) -> Sequence[str]:
        """Return the names in ``store`` that can stand in place of concepts."""
        return ()

    def named(self, found: dict[str, list[str]]) -> Self:
        """Return the repair with the names ``found`` in the store, by what they name."""
        return replace(self, class_name=found["class"][0])

    @classmethod
    def merged(cls, repairs: Sequence[Self]) -> Self:
        """Return one repair in place of several of one class, kind and ``which``."""
        raise NotImplementedError

    # -- as plain data, and in an edits file

    def head(self) -> dict[str, Any]:
        """Return class and direction, with which plain data of the repair begin."""
        return {"class": self.class_name, "direction": self.kind.key}

    def to_json(self) -> dict[str, Any]:
        """Return the repair as an edits file has it."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """Return the repair that ``to_json`` wrote. Raises ``KeyError``, ``TypeError``,
        ``ValueError`` or ``TuningError`` for other data."""
        raise NotImplementedError

    @classmethod
    def read(cls, entry: Entry) -> Callable[[str], Self]:
        """Check an entry of an edits file; return a function from class name to repair."""
        raise NotImplementedError

    # -- words

    @property
    def object_words(self) -> str:
        """Object of the repair: ``road, car``; or its size ``0.003``."""
        raise NotImplementedError

    @property
    def plain_words(self) -> str:
        """The repair in words for beginners: ``Reweight by lifebuoy and anchor``."""
        raise NotImplementedError

    # -- what it needs

    @property
    def needs_labels(self) -> bool:
        """True if it needs labels of ``tune``."""
        return True

    @property
    def free(self) -> bool:
        """True if it leaves a value free, which the labels of ``tune`` choose."""
        return False

    @property
    def images(self) -> tuple[str, ...]:
        """Photos that it learns by name, which may not be of the holdout."""
        return ()

    def uses_added(self, store: Store) -> bool:
        """Return True if it uses photos that were added to the store."""
        return False

    def check_joint(self, refused: TuningError) -> None:
        """Raise ``refused`` unless a softmax student can have the repair."""
        raise refused

    # -- its effect

    @property
    def weighs_labels(self) -> bool:
        """True if labels of the same iteration have the weight of the photos that it learns."""
        return False

    def anew(self, suspects: Callable[[int], Sequence[str]]) -> Self | None:
        """Return the repair as it would be made without some photos, whose first n ``suspects`` are
        given; None if it would not be."""
        return self

    @classmethod
    def applied(cls, request: Request, evidence: Evidence, terms: Terms) -> Terms:
        """Return ``terms`` after the repairs of a kind that is not ``compared``."""
        raise NotImplementedError

    def candidates(self, evidence: Evidence, terms: Terms, *, able: bool) -> list[Terms]:
        """Return candidate terms after ``terms``, for a kind that is ``compared``: several if the
        repair leaves a value free and AP can choose (``able``)."""
        raise NotImplementedError
