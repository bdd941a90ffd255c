"""Cures: intents that change what a student is fitted to, in place of bounds on its weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CureKind:
    """Kind of a cure: its key in edits files, and the sign that stands for it."""

    key: str
    glyph: str


#: Weighs the photos of fit so that the scores of concepts are as on tune.
BALANCE = CureKind("balance", "≈")
#: Changes the L1 penalty of a class.
LAMBDA = CureKind("lambda", "λ")
#: Makes concepts cost the more, the more suspect they are.
DOUBT = CureKind("doubt", "doubt")
#: Teaches the label of one photo.
LABEL = CureKind("label", "✓")

#: Adds photos of tune, or photos that were added to the store, to the training images of a class.
LEARN = CureKind("learn", "+")

#: All kinds by key, in the order in which those of one iteration are carried out.
CURES = {kind.key: kind for kind in (LABEL, BALANCE, LEARN, DOUBT, LAMBDA)}
#: Sources of ``learn``: on tune the labels, the teacher's probabilities, or these corrected by the
#: labels that are taught; or the teacher's on the photos that were added to the store.
LABELS, TEACHER, ANSWERS, MORE = "labels", "teacher", "answers", "more"
SOURCES = (LABELS, TEACHER, ANSWERS, MORE)
#: Value of a ``lambda`` or ``doubt`` that the labels of tune are to choose.
AUTO = "auto"
