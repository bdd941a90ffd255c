"""Place text labels beside points, without overlap. All lengths are screen pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FONT_SIZE = 12
HEIGHT = 16.0  #: height of a line of text of that size
LEADER_FROM = 14.0  #: a label farther than this from its mark gets a leader line
LETTERS = 24  #: of a longer name so many are shown
_FEWER = 12  #: ... or so many, where that finds no place
_TOUCH = 1.0  #: pixels between two marks that were moved apart
_GAPS = (4.0, 9.0, 14.0, 24.0, 36.0, 50.0, 66.0)
_DIRECTIONS = tuple(math.radians(30 * step) for step in (0, 6, 1, 11, 5, 7, 2, 10, 4, 8, 3, 9))
#: Where a mark may be moved to, the nearest first: not at all, or to rings around its place.
_STEPS = np.array(
    [(0.0, 0.0)]
    + [
        (away * math.cos(angle), away * math.sin(angle))
        for away in range(2, 60, 2)
        for angle in _DIRECTIONS
    ]
)
_NARROW, _WIDE = set("iljtfrI.,:;'|! ()[]-"), set("mwMW@%")

Box = tuple[float, float, float, float]  #: left, top, right, bottom


@dataclass(frozen=True)
class Anchor:
    """A mark to be named: its centre, its radius, the text, and whether that is bold."""

    x: float
    y: float
    radius: float
    text: str
    bold: bool = False


@dataclass(frozen=True)
class Label:
    """Label with its place: its box, and the leader line from mark to box if it lies far off."""

    text: str
    box: Box
    leader: Box | None

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def text_width(text: str, bold: bool = False) -> float:
    """Width of ``text`` at ``FONT_SIZE``, rather too large: the reader's font is not known."""
    widths = (4.3 if c in _NARROW else 11.8 if c in _WIDE else 7.5 for c in text)
    return sum(widths) * (1.1 if bold else 1.0)


def clipped(text: str, letters: int = LETTERS) -> str:
    """A text of at most so many letters; a longer one ends in an ellipsis."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def apart(places: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Places ``(n, 2)`` of discs that do not overlap: each goes out of the way of those before it.

    It goes to the nearest place that is free, to the right first.
    """
    found: np.ndarray = np.array(places, float)
    for i in range(1, len(found)):
        free = found[i] + _STEPS
        away = np.linalg.norm(free[:, None] - found[:i], axis=2)
        good = (away >= radius[:i] + radius[i] + _TOUCH).all(axis=1)
        if good.any():
            found[i] = free[good.argmax()]
    return found


def place(
    anchors: Sequence[Anchor],
    size: tuple[float, float],
    dots: np.ndarray | None = None,
) -> list[Label | None]:
    """Place a label for each anchor, the first first; None where no place is free.

    Each tries 12 directions at growing distances and takes the first free place: inside ``size``
    (width, height), off every mark and every label placed before. Among the directions at one
    distance it takes the one that covers the fewest ``dots`` ``(n, 2)``. A long text is clipped,
    and clipped more where it finds no place.
    """
    taken = [_around(anchor) for anchor in anchors]
    dots = np.empty((0, 2)) if dots is None else dots
    return [_place_one(anchor, size, taken, dots) for anchor in anchors]


def _place_one(
    anchor: Anchor,
    size: tuple[float, float],
    taken: list[Box],
    dots: np.ndarray,
) -> Label | None:
    if not _inside((anchor.x, anchor.y, anchor.x, anchor.y), size):
        return None
    for text in dict.fromkeys(clipped(anchor.text, letters) for letters in (LETTERS, _FEWER)):
        width = text_width(text, anchor.bold)
        for gap in _GAPS:
            boxes = [_box(anchor, width, gap, angle) for angle in _DIRECTIONS]
            free = [b for b in boxes if _inside(b, size) and not any(_overlap(b, t) for t in taken)]
            if free:
                box = min(free, key=lambda b: _covered(b, dots))
                taken.append(box)
                return Label(text, box, _leader(anchor, box) if gap >= LEADER_FROM else None)
    return None


def _around(anchor: Anchor) -> Box:
    r = anchor.radius
    return anchor.x - r, anchor.y - r, anchor.x + r, anchor.y + r


def _box(anchor: Anchor, width: float, gap: float, angle: float) -> Box:
    reach = anchor.radius + gap
    near_x, near_y = anchor.x + reach * math.cos(angle), anchor.y + reach * math.sin(angle)
    side = round(math.cos(angle))  # beside the mark: left- or right-aligned; above, below: centred
    left = near_x - width / 2 + side * width / 2
    top = near_y - HEIGHT / 2 + math.sin(angle) * HEIGHT / 2
    return left, top, left + width, top + HEIGHT


def _leader(anchor: Anchor, box: Box) -> Box:
    x, y = min(max(anchor.x, box[0]), box[2]), min(max(anchor.y, box[1]), box[3])
    share = anchor.radius / max(math.hypot(x - anchor.x, y - anchor.y), anchor.radius)
    return anchor.x + share * (x - anchor.x), anchor.y + share * (y - anchor.y), x, y


def _inside(box: Box, size: tuple[float, float]) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _covered(box: Box, dots: np.ndarray) -> int:
    inside = (dots >= box[:2]) & (dots <= box[2:])
    return int(np.count_nonzero(inside.all(axis=1)))
