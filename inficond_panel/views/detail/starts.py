"""Concepts to begin with, where none is open: suspects, else the strongest, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import signed
from inficond_panel.distill.suspects import SHIFT
from inficond_panel.wording.suspects import plain_reason

if TYPE_CHECKING:
    from inficond_panel.tuning.shift import ClassShift

#: Classes whose first suspect is offered, and concepts of one class.
CLASSES, CONCEPTS = 8, 4


def make_starts(
    shifts: Mapping[str, ClassShift], class_name: str, strongest: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Concepts worth opening first: ``{class_name, concept, reason}``.

    Of ``class_name`` its suspects, or where it has none the ``strongest`` influences, which are by
    concept. Without a class the first suspect of each, the largest loss of AP first;
    not of classes that the teacher does not know.
    """
    if not class_name:
        shifted = [
            each
            for each in shifts.values()
            if each.kind == SHIFT and each.suspects and not each.unknown_to_teacher
        ]
        shifted.sort(key=_lost, reverse=True)
        return [_suspect(each, 0) for each in shifted[:CLASSES]]
    known = shifts.get(class_name)
    if known is not None and known.suspects:
        return [_suspect(known, rank) for rank in range(len(known.suspects[:CONCEPTS]))]
    return [
        {"class_name": class_name, "concept": concept, "reason": f"influence {signed(influence)}"}
        for concept, influence in strongest.items()
    ]


def _lost(shift: ClassShift) -> float:
    return shift.verdict.ap_lost.estimate if shift.verdict else 0.0


def _suspect(shift: ClassShift, rank: int) -> dict[str, Any]:
    suspect = shift.suspects[rank]
    return {
        "class_name": shift.class_name,
        "concept": suspect.concept,
        "reason": plain_reason(shift, suspect),
    }
