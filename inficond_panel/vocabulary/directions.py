"""Directions of a thumb: one record each, for edits, bounds, the page, the card and commands."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.vocabulary import palette
from inficond_panel.vocabulary.palette import Colour


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


UP = Direction("up", "Uptune", "▲", 1, "≥", "u", "thumb", palette.UPTUNE)
DOWN = Direction("down", "Downtune", "▼", -1, "≤", "d", "thumb", palette.DOWNTUNE)
REMOVE = Direction("remove", "Remove", "✕", 0, "=", "x", "cross", palette.REMOVE)

#: Lifts the bound in force: given where bounds are listed, not by a thumb's button.
RELEASE = Direction("release", "Release", "◌", 0, "", "", "cross", palette.INK)

#: Directions with a button, by key.
THUMBS = {direction.key: direction for direction in (UP, DOWN, REMOVE)}
#: All directions by key.
DIRECTIONS = {**THUMBS, RELEASE.key: RELEASE}
#: Keys of all directions; of intents that contradict each other the later one here counts.
STRENGTHS = (RELEASE.key, *THUMBS)
