"""Adaptive penalty: a concept's L1 penalty grows with its suspect score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from inficond_panel.common.numbers import count
from inficond_panel.errors import TuningError
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.penalties import Penalties
from inficond_panel.tuning.fitting.terms import Terms, size_of
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED, Evidence
from inficond_panel.tuning.repairs.penalty import OfPenalty
from inficond_panel.vocabulary.intents import RepairKind

KIND = RepairKind("doubt", "adaptive penalty", "Adaptive penalty")
#: Candidate values: the L1 penalty is multiplied by 1 + value × the concept's suspect score, its
#: reliance × lost correlation.
VALUES = (0.0, 0.3, 1.0, 3.0, 10.0)


class AdaptivePenalty(OfPenalty):
    """Adaptive penalty: multiply each concept's L1 penalty by 1 + ``value`` × its suspect score.

    ``value`` None: chosen by the AP on ``tune``. Raises ``TuningError`` for a value that is
    negative or not finite.
    """

    kind = KIND
    form = "{class, direction: doubt, value: number or auto}"

    @property
    def plain_words(self) -> str:
        """``Adaptive penalty``."""
        return KIND.verb

    def candidates(self, evidence: Evidence, terms: Terms, *, able: bool) -> list[Terms]:
        """Return ``terms`` with each adaptive penalty to compare, or with that of the value."""
        values = VALUES if self.value is None else (self.value,)
        return [_with(terms, made) for made in _penalties(evidence, values)]


@dataclass(frozen=True)
class SuspectPenalty(Effect):
    """Factors above 1 of the L1 penalty, by concept, for the ``value`` of an adaptive penalty."""

    key: ClassVar[str] = "doubt"
    kind: ClassVar[str] = KIND.key

    value: float
    factors: Mapping[str, float] = field(repr=False)

    def on_penalties(self, penalties: Penalties, k: int, concepts: Sequence[str]) -> Penalties:
        """Return the penalties with those of class ``k`` multiplied, by concept."""
        factors = np.array([self.factors.get(name, 1.0) for name in concepts])
        return penalties.multiplied(k, factors)

    def to_json(self) -> dict[str, Any]:
        """Return value and factors."""
        return asdict(self)

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Self:
        """Return the penalties that ``to_json`` wrote; ``ValueError`` for invalid numbers."""
        factors = {str(name): size_of(value) for name, value in item["factors"].items()}
        return cls(size_of(item["value"]), factors)

    @property
    def words(self) -> str:
        """Clause on the number of suspects and the largest factor."""
        most = max(self.factors, key=lambda name: self.factors[name], default="")
        worst = f", {most} {self.factors[most]:.1f} times its penalty" if most else ""
        return f"adaptive penalty {self.value:g}: {count(len(self.factors), 'suspect')}{worst}"

    @property
    def figures(self) -> dict[str, Any]:
        """Value and factors by concept."""
        return {"value": self.value, "factors": dict(self.factors)}


def _with(terms: Terms, made: SuspectPenalty | None) -> Terms:
    return terms.without(SuspectPenalty) if made is None else terms.having(made)


def _penalties(evidence: Evidence, values: Sequence[float]) -> list[SuspectPenalty | None]:
    """Return the adaptive penalty for each of ``values``; ``[None]`` if no concept is suspect."""
    positives, negatives = (int((evidence.fit_label == side).sum()) for side in (1, 0))
    if min(positives, negatives) < LEAST_LABELLED:
        raise TuningError(
            f"doubt on {evidence.class_name!r} needs {LEAST_LABELLED} positives and "
            f"{LEAST_LABELLED} negatives on fit; there are {positives} and {negatives}.",
            "Label more training images, or use thumbs.",
        )
    score = evidence.suspicion().penalty_factor
    score[evidence.own_words] = 0.0
    suspect = np.flatnonzero(score)
    if not suspect.size:
        return [None]
    names, made = [evidence.concepts[c] for c in suspect], list[SuspectPenalty | None]()
    for value in values:
        factors = (1 + value * score[suspect]).astype(np.float32).tolist()
        by_concept = dict(zip(names, factors, strict=True)) if value > 0 else {}
        made.append(SuspectPenalty(value, by_concept))
    return made
