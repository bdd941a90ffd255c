"""Cures: intents that change what a student is fitted to, in place of bounds on its weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CureKind:
    """Kind of a cure: its key in edits files, and what it does, in words."""

    key: str
    does: str


BALANCE = CureKind("balance", "weights the photos of fit so that these concepts are as on tune")
LAMBDA = CureKind("lambda", "changes the L1 penalty of the class")
DOUBT = CureKind("doubt", "makes concepts cost the more, the more suspect they are")
LABEL = CureKind("label", "teaches one photo's label")

#: All kinds by key, in the order in which those of one iteration are carried out.
CURES = {kind.key: kind for kind in (LABEL, BALANCE, DOUBT, LAMBDA)}
#: Value of a ``lambda`` or ``doubt`` that the labels of tune are to choose.
AUTO = "auto"
