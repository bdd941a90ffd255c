"""Keys and words of edits: directions of a thumb, sources of learned photos, the largest bound."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.vocabulary import palette
from inficond_panel.vocabulary.palette import Colour

#: Largest absolute bound of a weight. The certificate multiplies bounds with derivatives of the
#: loss, whose rounding is about 1e-16. For scores of spread 1e-4 the product exceeds a tolerance of
#: 1e-6 beyond 1e12; for scores of spread 1 sooner, and then the fit reports no convergence.
LARGEST_BOUND = 1e12
#: The same in words, for messages.
BOUND_FORM = f"a number from -{LARGEST_BOUND:g} to {LARGEST_BOUND:g}"
#: Largest learning rate of Adam, for scores of spread 1: a step changes a logit by this much.
LARGEST_RATE = 100.0


def is_bound(value: float) -> bool:
    """Return whether a number may bound a weight: it is within ±``LARGEST_BOUND``, and not nan."""
    return -LARGEST_BOUND <= value <= LARGEST_BOUND


@dataclass(frozen=True)
class Direction:
    """Direction of a thumb: how the concept's weight is to change."""

    key: str  #: in edits files and events
    verb: str
    glyph: str
    sign: int  #: of the weight's change; 0 if the thumb takes neither factor nor bound
    limit: str  #: relation of the weight to its bound
    shortcut: str  #: key on the keyboard
    icon: str  #: of the button
    colour: Colour
    instead: str = ""  #: what to do instead of giving it a factor or bound


UP = Direction("up", "Raise", "▲", 1, "≥", "u", "thumb", palette.UPTUNE)
DOWN = Direction("down", "Lower", "▼", -1, "≤", "d", "thumb", palette.DOWNTUNE)
REMOVE = Direction("remove", "Remove", "✕", 0, "=", "x", "cross", palette.REMOVE, "; or use down")

#: What a thumb does: it adjusts the targets of the refit, or it bounds the weight, and all weights
#: are refitted to the teacher.
TARGET, ALL = "target", "all"

#: Lifts the active bound: requested in the list of bounds, not by a thumb's button.
RELEASE = Direction("release", "Release", "◌", 0, "", "", "cross", palette.INK)

#: Directions with a button, by key.
THUMBS = {direction.key: direction for direction in (UP, DOWN, REMOVE)}
#: All directions by key.
DIRECTIONS = {**THUMBS, RELEASE.key: RELEASE}
#: Keys of all directions; of contradicting intents the one with the later key counts.
STRENGTHS = (RELEASE.key, *THUMBS)


@dataclass(frozen=True)
class RepairKind:
    """Kind of a repair by hand: its key in edits files, its glyph and its name on the page."""

    key: str
    glyph: str
    verb: str


#: Targets of ``learn``: on tune the labels, the teacher's probabilities, or these probabilities
#: corrected by a person's answers; or the teacher's probabilities on photos added to the store.
LABELS, TEACHER, ANSWERS, MORE = "labels", "teacher", "answers", "more"
SOURCES = (LABELS, TEACHER, ANSWERS, MORE)
#: Number of photos that a person is asked about at once, unless they say another.
ASKED = 20
#: Value of a ``lambda`` or ``doubt`` that is chosen by the labels of tune.
AUTO = "auto"
