"""Lambda: another L1 penalty for the student of one class."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from inficond_panel.errors import TuningError
from inficond_panel.tuning.edit_entries import Entry
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.penalties import Penalties
from inficond_panel.tuning.fitting.penalty_choice import compared_penalties
from inficond_panel.tuning.fitting.terms import Terms, size_of
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.learn import Learned
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.vocabulary.intents import AUTO, RepairKind
from inficond_panel.vocabulary.tasks import SOFTMAX

KIND = RepairKind("lambda", "λ", "Penalty")
#: Ratio of successive lambdas on the path, which starts at the spec's; largest number of lambdas.
PATH_STEP = 10**0.5
MOST_STEPS = 7


@dataclass(frozen=True)
class OfPenalty(Repair):
    """Repair of the class's L1 penalty, by a number or a choice (``value`` None)."""

    keys: ClassVar[tuple[str, ...]] = ("value",)

    value: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.value is not None and not 0 <= self.value < math.inf:
            raise TuningError(
                f"{self.kind.key} on {self.class_name!r} is {self.value}.",
                f"Give a number of 0 or more, or {AUTO}.",
            )

    @classmethod
    def merged(cls, repairs: Sequence[Self]) -> Self:
        """Return the repair with the largest number; a number counts before ``auto``."""
        return max(repairs, key=lambda repair: -1.0 if repair.value is None else repair.value)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "direction", "value"}``, as in an edits file."""
        return {**self.head(), "value": AUTO if self.value is None else self.value}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Self:
        """Return the repair that ``to_json`` wrote."""
        return cls(item["class"], None if item.get("value") == AUTO else float(item["value"]))

    @classmethod
    def read(cls, entry: Entry) -> Callable[[str], Self]:
        """Check an entry of an edits file; return a function from class name to repair."""
        expected = f"a number of 0 or more, or {AUTO}"
        value = entry.number("value", expected, lambda size: size >= 0, AUTO)
        return lambda name: cls(name, value)

    @property
    def object_words(self) -> str:
        """The number, or ``auto``."""
        return AUTO if self.value is None else f"{self.value:g}"

    @property
    def free(self) -> bool:
        """True without a value."""
        return self.value is None


class Lambda(OfPenalty):
    """Fit the class's student with the L1 penalty ``value``; None: chosen by the AP on ``tune``.

    Raises ``TuningError`` for a value that is not a finite number of 0 or more.
    """

    kind = KIND
    form = "{class, direction: lambda, value: number or auto}"

    @property
    def plain_words(self) -> str:
        """``Fewer or more concepts``, or the number."""
        return "Fewer or more concepts" if self.value is None else f"{KIND.verb} {self.value:.3g}"

    @property
    def needs_labels(self) -> bool:
        """True if the labels of ``tune`` choose the value."""
        return self.value is None

    def check_joint(self, refused: TuningError) -> None:
        """Raise ``refused`` without a number; a softmax student takes one above 0."""
        if self.value is None:
            raise refused
        if self.value == 0:
            raise TuningError(
                f"With link: softmax, lambda on {self.class_name!r} must be above 0, got 0.",
                "Give a value above 0.",
            )

    def candidates(self, evidence: Evidence, terms: Terms, *, able: bool) -> list[Terms]:
        """Return ``terms`` with each lambda to compare, or with the value."""
        tried = lambdas_tried(evidence.student, terms) if self.value is None else [self.value]
        return [terms.having(OwnPenalty(value)) for value in tried]


@dataclass(frozen=True)
class OwnPenalty(Effect):
    """Lambda of one class, in place of the spec's."""

    key: ClassVar[str] = "lambda"
    kind: ClassVar[str] = KIND.key

    value: float

    def on_penalties(self, penalties: Penalties, k: int, concepts: Sequence[str]) -> Penalties:
        """Return the penalties with this lambda of class ``k``."""
        return penalties.with_lambda(k, self.value)

    def to_json(self) -> float:
        """Return the number."""
        return self.value

    @classmethod
    def from_json(cls, item: Any, photos: int) -> Self:
        """Return the penalty of a number; ``ValueError`` for another one."""
        return cls(size_of(item))

    @property
    def words(self) -> str:
        """``penalty λ 0.003``."""
        return f"penalty λ {self.value:.3g}"

    @property
    def figures(self) -> dict[str, Any]:
        """The number."""
        return {"value": self.value}


def lambda_path(student: ClassFit) -> list[float]:
    """Return values of lambda: the spec's, larger ones up to the last with a nonzero weight, at
    most ``MOST_STEPS`` together, and the smaller ones among ``compared_penalties``.

    A joint student has no smaller ones, which take long to solve, and larger ones up to the first
    value that reaches the sum of the other classes' lambdas: above this value the weights of the
    class are 0, the other classes carry the difference, and the solution is constant.
    """
    data, k = student.data, student.column
    largest = data.largest_lambda(k)
    start = data.penalties.lambda_of(k) or largest / PATH_STEP**MOST_STEPS
    if student.link == SOFTMAX:
        others = sum(
            data.penalties.lambda_of(j) for j in range(len(student.store.classes)) if j != k
        )
        largest = min(largest, PATH_STEP * others)
    path = [start * PATH_STEP**step for step in range(MOST_STEPS)]
    smaller = [] if student.link == SOFTMAX else compared_penalties(student.store)[::2]
    rising = [value for value in path if value < largest] or [start]
    return rising + [value for value in smaller if value < start]


def lambdas_tried(student: ClassFit, terms: Terms) -> list[float]:
    """Return the lambdas that ``auto`` compares under other ``terms``; the first stays
    unless another gains more than one standard error."""
    learned = terms.get(Learned)
    if learned is None:
        return lambda_path(student.under(terms.without(OwnPenalty)))
    values = compared_penalties(student.store)[::2]  # a value below the spec's may be best
    if learned != student.terms.get(Learned):
        return values
    here = student.data.penalties.lambda_of(student.column)
    return [here, *(value for value in values if value != here)]
