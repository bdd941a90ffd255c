"""Reweight groups: give the groups equal weight in the fit, among the images with the class and
among those without it.

Each of the two labels keeps its total weight. To give all cells of label × group equal weight, as a
group-balanced classifier has it, would also balance the labels. That changes the ranking little and
costs effective images (``docs/repair.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import by_key, name_text
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.cells import DIVIDES, GroupCells, dividing_names, too_small
from inficond_panel.tuning.edit_entries import Entry
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.images import Images
from inficond_panel.tuning.fitting.terms import Terms, size_of
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE, Evidence
from inficond_panel.tuning.repairs.packed_weights import (
    check_weights,
    packed,
    unpacked,
    weights_hash,
)
from inficond_panel.tuning.repairs.repair import Named, Repair
from inficond_panel.vocabulary.intents import AUTO, RepairKind
from inficond_panel.vocabulary.splits import FIT, TUNE

KIND = RepairKind("groups", "⚖", "Reweight groups by")
#: Candidate strengths: with 1 the groups of a label have equal weight, with 0 each image has.
VALUES = (0.5, 0.75, 1.0)
#: Largest strength: above 1 a small group weighs more than a large one.
LARGEST = 2.0
_EXPECTED = f"a number from 0 to {LARGEST:g}, or {AUTO}"
#: Least number of images of a cell, in ``fit`` to weigh it, in ``tune`` to measure it.
LEAST_IN_CELL = LEAST_TUNE


@dataclass(frozen=True)
class ReweightGroups(Repair):
    """Divide the weight of each image by the size of its cell of label × group, to the power of
    ``value``; both labels keep their total weight.

    ``by`` divides images into groups: a metadata column, a property of the pictures, a class or a
    concept (``cells.group_texts``). With ``value`` 1 the groups of a label have equal weight in the
    fit, with 0 the weights stay. None: the least of ``VALUES`` whose worst group on ``tune`` is
    within one standard error of the best. While the repair is in force, other free values of the
    class are chosen by the worst group, too. Raises ``TuningError`` for a value that is not a
    number from 0 to ``LARGEST``.
    """

    kind: ClassVar[RepairKind] = KIND
    keys: ClassVar[tuple[str, ...]] = ("by", "value")
    form: ClassVar[str] = "{class, by: COLUMN, direction: groups, value: number or auto}"
    best_taken: ClassVar[bool] = True

    by: str
    value: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "by", name_text(self.by))
        if self.value is not None and not 0 <= self.value <= LARGEST:
            raise TuningError(
                f"groups on {self.class_name!r} is {self.value}.", f"Give {_EXPECTED}."
            )

    def names(self, store: Store) -> Iterator[Named]:
        """Yield the names of the class and of what divides images into groups."""
        yield from super().names(store)
        yield DIVIDES, self.by, dividing_names(store)

    def named(self, found: dict[str, list[str]]) -> Self:
        """Return the repair with the names ``found`` in the store."""
        return replace(super().named(found), by=found[DIVIDES][0])

    @classmethod
    def merged(cls, repairs: Sequence[Self]) -> Self:
        """Return the repair with the largest value; a number counts before ``auto``.

        Raises ``TuningError`` for two ways to divide images."""
        ways = sorted({repair.by for repair in repairs})
        if len(ways) > 1:
            raise TuningError(
                f"groups on {repairs[0].class_name!r} is by {ways[0]!r} and by {ways[1]!r}.",
                "Name one of them, or make a column of their combinations.",
            )
        return max(repairs, key=lambda repair: -1.0 if repair.value is None else repair.value)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "by", "value"}``, as in an edits file."""
        return {**self.head(), "by": self.by, "value": AUTO if self.value is None else self.value}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """Return the repair that ``to_json`` wrote; without a value it is chosen."""
        value = item.get("value")
        return cls(item["class"], item["by"], None if value in (None, AUTO) else float(value))

    @classmethod
    def read(cls, entry: Entry) -> Callable[[str], Self]:
        """Check an entry of an edits file; return a function from class name to repair."""
        by, reader = entry.values.get("by"), entry.reader
        reader.known[DIVIDES] = by_key(dividing_names(reader.store))
        name_of = "" if by is None else reader.name(by, DIVIDES)
        value = entry.number("value", _EXPECTED, lambda size: 0 <= size <= LARGEST, AUTO)
        return lambda name: cls(name, name_of, value)

    @property
    def object_words(self) -> str:
        """What divides images, and the value: ``male 0.5``."""
        return self.by if self.value is None else f"{self.by} {self.value:g}"

    @property
    def plain_words(self) -> str:
        """``Reweight groups by male``."""
        return f"{KIND.verb} {self.by}"

    @property
    def needs_labels(self) -> bool:
        """True if the labels of ``tune`` choose the value."""
        return self.free

    @property
    def free(self) -> bool:
        """True without a value."""
        return self.value is None

    def candidates(self, evidence: Evidence, terms: Terms, *, able: bool) -> list[Terms]:
        """Return ``terms`` with the cells weighted by each value to compare, or by the value.

        Raises ``TuningError`` for a cell with fewer than ``LEAST_IN_CELL`` images of ``fit``; if
        the value is to be chosen, also for one of ``tune``.
        """
        values = [1.0] if self.value is None else [self.value]
        if self.value is None and able:
            values = list(VALUES)
            if evidence.sees_all_of_tune:
                lacking = too_small(cells_of_tune(evidence, self.by), LEAST_IN_CELL)
                _refuse(f"groups on {self.class_name!r} by {self.by}", TUNE, lacking)
        return [terms.having(GroupWeights.of_cells(evidence, self.by, each)) for each in values]


def cells_of_tune(evidence: Evidence, by: str) -> dict[str, int]:
    """Return the number of labelled images of ``tune`` in each cell of label × group."""
    return evidence.cells(by, evidence.tune).sizes(evidence.tune_group)


def _refuse(what: str, split: str, lacking: str) -> None:
    """Raise ``TuningError`` if cells are ``lacking`` images of a split."""
    if lacking:
        raise TuningError(
            f"{what} needs {LEAST_IN_CELL} images of {split} in each cell of label and group; "
            f"too few: {lacking}.",
            f"Label more images of {split}, or divide them into fewer groups.",
        )


def _factors(cells: GroupCells, value: float) -> NDArray:
    """Return the weight of an image of each cell (cells,); a label keeps its total weight."""
    count = np.bincount(cells.of[cells.of >= 0], minlength=len(cells.names)).astype(np.float64)
    factor = count**-value
    for side in (slice(0, None, 2), slice(1, None, 2)):  # present, absent
        factor[side] *= count[side].sum() / (count[side] @ factor[side])
    return factor


@dataclass(frozen=True)
class GroupWeights(Effect):
    """Weights of the images of ``fit`` and then of ``tune`` by the cells of label × group.

    ``weights`` (n,) have mean 1 on ``fit``. They are float32, so that a history returns exactly the
    weights of the fit. ``sizes`` are the numbers of training images by cell.
    """

    key: ClassVar[str] = "groups"
    kind: ClassVar[str] = KIND.key

    by: str
    value: float
    sizes: Mapping[str, int] = field(compare=False)
    weights: np.ndarray = field(repr=False, compare=False)
    hash: str = field(init=False, repr=False)  #: SHA-256 over the weights as little-endian float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", weights_hash(self.weights))

    @classmethod
    def of_cells(cls, evidence: Evidence, by: str, value: float) -> Self:
        """Return the weights of the cells by ``by``; an image whose group is not known keeps 1.

        Raises ``TuningError`` for a cell with fewer than ``LEAST_IN_CELL`` images of ``fit``."""
        store = evidence.student.store
        rows, tune = store.rows(FIT), store.rows(TUNE)
        of_fit, of_tune = evidence.cells(by, rows), evidence.cells(by, tune)
        sizes = of_fit.sizes(store.groups_at(rows))
        what = f"groups on {evidence.class_name!r} by {by}"
        if len(sizes) == len((True, False)):
            raise TuningError(
                f"{what}: all images of fit and tune are of one group.",
                "Name what divides the images into two groups or more.",
            )
        _refuse(what, FIT, too_small(sizes, LEAST_IN_CELL))
        factor = np.append(_factors(of_fit, value), 1.0)  # the last: of a group not known
        both = np.concatenate([factor[of_fit.of], factor[of_tune.of]])
        return cls(by, value, sizes, both.astype(np.float32))

    def image_factors(self, images: Images) -> NDArray | None:
        """Return factors (n,) of the weights of all images; 1 for added ones."""
        if not self.value:
            return None
        store = images.store
        factor = np.ones(len(store.images) + 1)  # the last: of added images
        factor[np.concatenate([store.rows(FIT), store.rows(TUNE)])] = self.weights
        return factor[images.rows]

    @classmethod
    def widest(cls, effects: Sequence[Self]) -> Self:
        """Return the effect without weights: each of ``effects`` has its own."""
        return replace(effects[0], value=0.0)

    def to_json(self) -> dict[str, Any]:
        """Return what divides images, the value, sizes, and compressed weights with their hash."""
        return {
            "by": self.by,
            "value": self.value,
            "sizes": dict(self.sizes),
            "images": len(self.weights),
            "weights": packed(self.weights),
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Self:
        """Return the weights that ``to_json`` wrote; ``ValueError`` for damaged ones."""
        images = int(item["images"])
        if images < photos:
            raise ValueError(f"it has weights of {images} images, less than those of fit")
        weights = unpacked(item["weights"], images)
        check_weights(weights, item["hash"])
        sizes = {str(name): int(size) for name, size in item["sizes"].items()}
        return cls(str(item["by"]), size_of(item["value"]), sizes, weights)

    @property
    def words(self) -> str:
        """Clause on what each cell counts in the fit."""
        cells = ", ".join(f"{name} ({size})" for name, size in self.sizes.items())
        if not self.value:
            return f"chosen by the worst group by {self.by}"
        return f"groups reweighted by {self.by}, strength {self.value:g}: {cells} training images"

    @property
    def figures(self) -> dict[str, Any]:
        """What divides images, the value, and the training images by cell."""
        return {"by": self.by, "value": self.value, "sizes": dict(self.sizes)}
