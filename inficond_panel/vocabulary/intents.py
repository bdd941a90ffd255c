"""Words of intents: directions of a thumb, kinds of cures, and the largest bound."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.vocabulary import palette
from inficond_panel.vocabulary.palette import Colour

#: Bound of a weight in size. The certificate multiplies a bound with derivatives of the loss, whose
#: rounding is about 1e-16. For scores of spread 1e-4 the product hides a tolerance of 1e-6 beyond
#: 1e12; for scores of spread 1 sooner, and then the fit says that it did not converge.
LARGEST_BOUND = 1e12
#: The same in words, for messages.
BOUND_FORM = f"a number from -{LARGEST_BOUND:g} to {LARGEST_BOUND:g}"
#: Adam's learning rate, for scores of spread 1: a step moves a logit by as much.
LARGEST_RATE = 100.0


def is_bound(value: float) -> bool:
    """Return whether a number is a bound of a weight: finite, and not beyond ``LARGEST_BOUND``."""
    return -LARGEST_BOUND <= value <= LARGEST_BOUND


@dataclass(frozen=True)
class Direction:
    """Direction of a thumb on a concept: where its weight is to go."""

    key: str  #: in edits files and events
    verb: str
    glyph: str
    sign: int  #: of the weight's change; 0 where the thumb takes neither factor nor bound
    limit: str  #: how the weight stands to its bound
    shortcut: str  #: key on the keyboard
    icon: str  #: of the button
    colour: Colour


UP = Direction("up", "Raise", "▲", 1, "≥", "u", "thumb", palette.UPTUNE)
DOWN = Direction("down", "Lower", "▼", -1, "≤", "d", "thumb", palette.DOWNTUNE)
REMOVE = Direction("remove", "Remove", "✕", 0, "=", "x", "cross", palette.REMOVE)

#: Lifts the bound in force: given where bounds are listed, not by a thumb's button.
RELEASE = Direction("release", "Release", "◌", 0, "", "", "cross", palette.INK)

#: Directions with a button, by key.
THUMBS = {direction.key: direction for direction in (UP, DOWN, REMOVE)}
#: All directions by key.
DIRECTIONS = {**THUMBS, RELEASE.key: RELEASE}
#: Keys of all directions; of intents that contradict each other the later one here counts.
STRENGTHS = (RELEASE.key, *THUMBS)


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
