"""Concept map of a student: positions of marks and labels, and the concept that a tap selects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from inficond_panel.common.ordering import strongest
from inficond_panel.plots.cloud import WHOLE_MAP

FONT_SIZE = 12
HEIGHT = 16.0  #: height of a line of text of that size
MARGIN = 4.0  #: pixels that stay free between a label and the frame
LEADER_FROM = 14.0  #: a label farther than this from its mark gets a leader line
LETTERS = 24  #: most letters of a name to show
_FEWER = 12  #: most letters if the longer label has no free position
_SPACE = 4.0  #: pixels between two labels of one line, as between words
_TOUCH = 1.0  #: pixels between two marks that were moved apart
_GAPS = (4.0, 9.0, 14.0, 24.0, 36.0, 50.0, 66.0)
_ANGLES = tuple(math.radians(30 * step) for step in (0, 6, 1, 11, 5, 7, 2, 10, 4, 8, 3, 9))
#: Moves that a mark tries, the nearest first: none, or onto rings around its position.
_STEPS = np.array(
    [(0.0, 0.0)]
    + [
        (away * math.cos(angle), away * math.sin(angle))
        for away in range(2, 60, 2)
        for angle in _ANGLES
    ]
)
_NARROW, _WIDE = set("iljtfrI.,:;'|! ()[]-"), set("mwMW@%")

Rectangle = tuple[float, float, float, float]  #: left, top, right, bottom


@dataclass(frozen=True)
class Anchor:
    """Mark that gets a label: its centre and radius in pixels, and the label's text and style."""

    x: float
    y: float
    radius: float
    text: str
    bold: bool = False


@dataclass(frozen=True)
class MapLabel:
    """Placed label: text, box, and a leader line from the mark to the box if the box is far."""

    text: str
    box: Rectangle
    leader: Rectangle | None

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) of the label's box, in pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def text_width(text: str, bold: bool) -> float:
    """Estimate the width of ``text`` in pixels at ``FONT_SIZE``, rather too large."""
    widths = (4.3 if c in _NARROW else 11.8 if c in _WIDE else 7.5 for c in text)
    return sum(widths) * (1.1 if bold else 1.0)


def clipped(text: str, letters: int = LETTERS) -> str:
    """Cut a text to at most ``letters``; a text that is cut ends in an ellipsis."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def moved_apart(places: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return positions ``(n, 2)`` of discs, moved so that each avoids the discs before it.

    A disc moves to the nearest free position, to the right first.
    """
    moved: np.ndarray = np.array(places, float)
    for i in range(1, len(moved)):
        free = moved[i] + _STEPS
        away = np.linalg.norm(free[:, None] - moved[:i], axis=2)
        good = (away >= radius[:i] + radius[i] + _TOUCH).all(axis=1)
        if good.any():
            moved[i] = free[good.argmax()]
    return moved


def place_labels(
    anchors: Sequence[Anchor], size: tuple[float, float], dots: np.ndarray | None = None
) -> list[MapLabel | None]:
    """Return a placed label for each anchor, in order; None if no position is free.

    Each label tries 12 directions at growing distances and takes the first free position: inside
    ``size`` (width, height), not on a mark or on a label placed before. Among the directions at one
    distance it takes the direction that covers the fewest ``dots`` ``(n, 2)``. A long text is
    clipped, and clipped more if no position is free.
    """
    taken = [(a.x - a.radius, a.y - a.radius, a.x + a.radius, a.y + a.radius) for a in anchors]
    dots = np.empty((2, 0)) if dots is None else np.ascontiguousarray(dots.T)
    return [_place_one(anchor, size, taken, dots) for anchor in anchors]


def _place_one(
    anchor: Anchor, size: tuple[float, float], taken: list[Rectangle], dots: np.ndarray
) -> MapLabel | None:
    if not _inside((anchor.x, anchor.y, anchor.x, anchor.y), size):
        return None
    for text in dict.fromkeys(clipped(anchor.text, letters) for letters in (LETTERS, _FEWER)):
        width = text_width(text, anchor.bold)
        for gap in _GAPS:
            boxes = [_box(anchor, width, gap, angle) for angle in _ANGLES]
            inside = [box for box in boxes if _inside(box, size, MARGIN)]
            free = [box for box in inside if not any(_overlap(box, other) for other in taken)]
            if free:
                box = min(free, key=lambda b: _covered(b, dots))
                taken.append((box[0] - _SPACE, box[1], box[2] + _SPACE, box[3]))
                return MapLabel(text, box, _leader(anchor, box) if gap >= LEADER_FROM else None)
    return None


def _box(anchor: Anchor, width: float, gap: float, angle: float) -> Rectangle:
    reach = anchor.radius + gap
    near_x, near_y = anchor.x + reach * math.cos(angle), anchor.y + reach * math.sin(angle)
    side = round(math.cos(angle))  # beside the mark: left- or right-aligned; above, below: centred
    left = near_x - width / 2 + side * width / 2
    top = near_y - HEIGHT / 2 + math.sin(angle) * HEIGHT / 2
    return left, top, left + width, top + HEIGHT


def _leader(anchor: Anchor, box: Rectangle) -> Rectangle:
    x, y = min(max(anchor.x, box[0]), box[2]), min(max(anchor.y, box[1]), box[3])
    share = anchor.radius / max(math.hypot(x - anchor.x, y - anchor.y), anchor.radius)
    return anchor.x + share * (x - anchor.x), anchor.y + share * (y - anchor.y), x, y


def _inside(box: Rectangle, size: tuple[float, float], margin: float = 0) -> bool:
    left, top, right, bottom = box
    width, height = size[0] - margin, size[1] - margin
    return left >= margin and top >= margin and right <= width and bottom <= height


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _covered(box: Rectangle, dots: np.ndarray) -> int:
    (left, top, right, bottom), (x, y) = box, dots
    return int(np.count_nonzero((x >= left) & (x <= right) & (y >= top) & (y <= bottom)))


TOP = 10
REACH = 9.0  #: a tap within so many pixels of a concept selects that concept
RING = 11.0  #: radius in pixels of the ring around the opened concept


@dataclass(frozen=True, eq=False)
class Shown:
    """Content of the map for the selected student; integers are indices of concepts.

    ``pending`` has the direction of the pending thumb on each concept, ``opened`` the concept whose
    details are open.
    """

    influence: np.ndarray | None = None
    pending: dict[int, str] = field(default_factory=dict)
    opened: int | None = None
    cursor: int | None = None  #: concept with the keyboard focus
    most: int = TOP  #: strongest concepts with a mark

    @cached_property
    def order(self) -> list[int]:
        """Concepts by absolute influence, the strongest first; none without a student."""
        return [] if self.influence is None else strongest(self.influence).tolist()

    @cached_property
    def top(self) -> list[int]:
        """The first ``most`` concepts by influence, without concepts at 0."""
        if self.influence is None:
            return []
        return [c for c in self.order[: self.most] if self.influence[c]]

    @cached_property
    def marked(self) -> list[int]:
        """Concepts with a mark: the focused, the opened, the top, and those with pending thumbs."""
        first = [c for c in (self.cursor, self.opened) if c is not None]
        return list(dict.fromkeys([*first, *self.top, *self.pending]))

    @cached_property
    def named(self) -> list[int]:
        """Concepts with a label: the marked, with at most ``most`` pending outside the top."""
        rest = [c for c in self.pending if c not in self.top][self.most :]
        unnamed = set(rest) - {self.cursor, self.opened}
        return [c for c in self.marked if c not in unnamed]

    def negative(self, concept: int) -> bool:
        """True if the influence of the concept is below 0."""
        return self.influence is not None and bool(self.influence[concept] < 0)

    def radius(self, concept: int) -> float:
        """Return the radius in pixels of a concept's mark, which grows with the influence."""
        if concept in self.pending:
            return 7.0
        if self.influence is None or concept not in self.top:
            return 3.0
        return float(3 + 3 * abs(self.influence[concept] / self.influence[self.top[0]]))


@dataclass(frozen=True)
class Frame:
    """Part of the map that is on screen, and its size in pixels (width, height)."""

    x: tuple[float, float] = WHOLE_MAP
    y: tuple[float, float] = WHOLE_MAP
    size: tuple[float, float] = (600.0, 230.0)
    scale: float = 1.0  #: how much larger than usual marks and labels are

    def pixels(self, xy: np.ndarray) -> np.ndarray:
        """Convert positions ``(n, 2)`` on the map to pixels from the top left."""
        return (xy - self._origin) / self._extent * self.size

    def shares(self, xy: np.ndarray) -> np.ndarray:
        """Convert positions ``(n, 2)`` to shares of the plot's sides, from the top left."""
        return self.pixels(xy) / self.size

    def shows(self, at: np.ndarray) -> bool:
        """Return whether the position ``at`` ``(2,)`` is on screen."""
        share = self.shares(at[None])
        return bool(((share >= 0) & (share <= 1)).all())

    def positions(self, pixels: np.ndarray) -> np.ndarray:
        """Convert pixels from the top left to positions on the map; the inverse of ``pixels``."""
        return pixels / self.size * self._extent + self._origin

    def zoomed(self, factor: float, at: np.ndarray) -> Frame:
        """Return the frame enlarged ``factor`` times around ``at`` ``(2,)``, within the map."""
        low, high = np.array([self.x, self.y]).T
        low, high = at + (low - at) / factor, at + (high - at) / factor
        if (high - low >= WHOLE_MAP[1] - WHOLE_MAP[0]).any():
            return replace(self, x=WHOLE_MAP, y=WHOLE_MAP)
        return self._at(low, high)

    def showing(self, at: np.ndarray) -> Frame:
        """Return the frame moved so that ``at`` ``(2,)`` is on screen and not at its edge."""
        low, high = np.array([self.x, self.y]).T
        room = (high - low) * 0.1
        step = np.maximum(at - (high - room), 0) + np.minimum(at - (low + room), 0)
        return self._at(low + step, high + step)

    def _at(self, low: np.ndarray, high: np.ndarray) -> Frame:
        """Return the frame from ``low`` to ``high``, moved to lie within the map."""
        step = np.maximum(WHOLE_MAP[0] - low, 0) + np.minimum(WHOLE_MAP[1] - high, 0)
        x, y = np.stack([low + step, high + step], axis=1).tolist()
        return replace(self, x=tuple(x), y=tuple(y))

    @property
    def _origin(self) -> np.ndarray:
        return np.array([self.x[0], self.y[1]])

    @property
    def _extent(self) -> np.ndarray:
        return np.array([self.x[1] - self.x[0], self.y[0] - self.y[1]])


@dataclass(frozen=True, eq=False)
class MapNames:
    """Placed labels on the map: texts, bold or not, centres ``(n, 2)``, leader lines ``(m, 4)``.

    ``marks`` ``(n, 2)`` are the positions of the labelled marks, ``beside`` ``(n, 2)`` the offsets
    from mark to label, ``ways`` ``(m, 2)`` the offsets from start to end of each leader; offsets
    are in pixels, for any size of the map. ``scale`` is the size of labels relative to usual.
    """

    texts: tuple[str, ...] = ()
    bold: tuple[bool, ...] = ()
    centres: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    leaders: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))
    marks: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    beside: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    ways: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    scale: float = 1.0


EDGE = 12.0  #: least distance in pixels of a ring's centre from the map's edge


def spread(xy: np.ndarray, shown: Shown, frame: Frame) -> np.ndarray:
    """Return the positions ``xy`` on the map, with overlapping labelled marks moved side by side.

    The weaker of two marks moves by some pixels, less on an enlarged map. A mark with a ring that
    is on screen moves away from the edge until its whole ring is visible.
    """
    apart = _side_by_side(xy, shown, frame)
    ringed = [c for c in (shown.opened, shown.cursor) if c is not None and frame.shows(apart[c])]
    if not ringed:
        return apart
    pixels, edge = frame.pixels(apart[ringed]), EDGE * frame.scale
    inside = np.clip(pixels, edge, np.array(frame.size) - edge)
    return _placed(apart, ringed, frame.positions(inside), (inside != pixels).any(axis=1))


def _side_by_side(xy: np.ndarray, shown: Shown, frame: Frame) -> np.ndarray:
    """Return the positions, with the weaker of two overlapping labelled marks moved aside."""
    marked = sorted(shown.named, key=lambda c: (-shown.radius(c), c))
    if len(marked) < 2:
        return xy
    pixels = frame.pixels(xy[marked]) / frame.scale
    radius = np.array([shown.radius(c) for c in marked])
    places = moved_apart(pixels, radius)
    new = frame.positions(frame.scale * places)
    return _placed(xy, marked, new, (places != pixels).any(axis=1))


def _placed(xy: np.ndarray, concepts: list[int], new: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return the positions, with those of ``concepts`` replaced by ``new`` where ``moved``."""
    placed = xy.copy()
    placed[np.array(concepts)[moved]] = new[moved]
    return placed


def place_names(xy: np.ndarray, concepts: Sequence[str], shown: Shown, frame: Frame) -> MapNames:
    """Return labels of the concepts ``shown.named``; those without a free position are left out."""
    pixels = frame.pixels(xy) / frame.scale
    ringed = {shown.opened, shown.cursor}
    radius = {c: RING if c in ringed else shown.radius(c) for c in shown.marked}
    anchors = [
        Anchor(float(pixels[c, 0]), float(pixels[c, 1]), radius[c], concepts[c], c == shown.opened)
        for c in shown.named
    ]
    width, height = frame.size
    placed = place_labels(anchors, (width / frame.scale, height / frame.scale), pixels)
    names = [(c, label) for c, label in zip(shown.named, placed, strict=True) if label]
    centres = np.array([label.centre for _, label in names]).reshape(-1, 2)
    ends = np.array([label.leader for _, label in names if label.leader]).reshape(-1, 4)
    named = [c for c, _ in names]
    return MapNames(
        texts=tuple(label.text for _, label in names),
        bold=tuple(c == shown.opened for c, _ in names),
        centres=frame.positions(frame.scale * centres),
        leaders=frame.positions(frame.scale * ends.reshape(-1, 2)).reshape(-1, 4),
        marks=xy[named],
        beside=frame.scale * (centres - pixels[named]),
        ways=frame.scale * (ends[:, 2:] - ends[:, :2]),
        scale=frame.scale,
    )


def tapped(xy: np.ndarray, x: float, y: float, shown: Shown, frame: Frame) -> int | None:
    """Return the concept whose mark is nearest to a tap at ``x``, ``y``; None if all are far."""
    away = np.linalg.norm(frame.pixels(xy) - frame.pixels(np.array([[x, y]])), axis=1)
    reach = np.full(len(xy), REACH)
    reach[shown.marked] = [max(REACH, shown.radius(c) + 4) for c in shown.marked]
    reach *= frame.scale
    hit = int(np.argmin(away - reach))
    return hit if away[hit] <= reach[hit] else None


#: Unit vector of each direction, in pixels (down is positive).
_AHEAD = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}


def neighbour(pixels: np.ndarray, current: int, direction: str) -> int:
    """Return the concept that an arrow key moves to from ``current``, or ``current`` if none.

    It is the nearest concept within 45° of the direction, else the nearest on that side.
    """
    away = pixels - pixels[current]
    forward = np.array(_AHEAD[direction])
    ahead, aside = away @ forward, np.abs(away @ forward[::-1])
    distance = np.hypot(*away.T)
    for near in (aside <= ahead, True):
        reachable = np.flatnonzero((ahead > 0) & near)
        if len(reachable):
            return int(reachable[np.argmin(distance[reachable])])
    return current
