"""Elements of the concept map: data in, HoloViews element out.

The map is the unit square with a margin; pixels are used only to place labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import holoviews as hv
import numpy as np
from bokeh.core.properties import value

from inficond_panel.views import labels
from inficond_panel.views.cloud import MARGIN, shade
from inficond_panel.views.theme import FONT, UNDEFINED, count, signed, tokens

if TYPE_CHECKING:
    from inficond_panel.state import Store

TOP = 10
SPAN = (-MARGIN, 1 + MARGIN)
REACH = 9.0  #: a tap within so many pixels of a concept means that concept
RING = 11.0  #: radius in pixels of the ring around the concept opened


#: HoloViews makes a constant of a column with one value, and takes the column away under the
#: browser. So each column keeps two values, in rows without a place.
_NOWHERE = (np.nan, np.nan)
_TWO_LOOKS = (
    (*_NOWHERE, "circle", 0.0, "#000", "#000", 0.0, 0.0),
    (*_NOWHERE, "square", 1.0, "#fff", "#fff", 1.0, 1.0),
)
_TWO_STYLES = ((*_NOWHERE, "", "normal"), (*_NOWHERE, "", "bold"))


@dataclass(frozen=True, eq=False)
class Shown:
    """What the map shows of the selected student; positions run over the concepts."""

    influence: np.ndarray | None = None
    pending: dict[int, str] = field(default_factory=dict)
    opened: int | None = None

    @cached_property
    def order(self) -> list[int]:
        """Concepts by absolute influence, the strongest first; none without a student."""
        if self.influence is None:
            return []
        return [int(c) for c in np.argsort(-np.abs(self.influence), kind="stable")]

    @cached_property
    def top(self) -> list[int]:
        """The first ``TOP`` of them, without those at 0."""
        return [c for c in self.order[:TOP] if self.influence is not None and self.influence[c]]

    @cached_property
    def named(self) -> list[int]:
        """Concepts with a mark and a label: the one opened, the top, the pending."""
        opened = [] if self.opened is None else [self.opened]
        return list(dict.fromkeys([*opened, *self.top, *self.pending]))

    def negative(self, concept: int) -> bool:
        """Whether the influence of the concept is below 0."""
        return self.influence is not None and bool(self.influence[concept] < 0)

    def radius(self, concept: int) -> float:
        """Radius in pixels of a concept's mark: it grows with the influence."""
        if concept in self.pending:
            return 7.0
        if self.influence is None or concept not in self.top:
            return 3.0
        return float(3 + 3 * abs(self.influence[concept] / self.influence[self.top[0]]))


@dataclass(frozen=True)
class Frame:
    """What part of the map is on screen, and on how many pixels (width, height)."""

    x: tuple[float, float] = SPAN
    y: tuple[float, float] = SPAN
    size: tuple[float, float] = (600.0, 230.0)

    def pixels(self, xy: np.ndarray) -> np.ndarray:
        """Positions ``(n, 2)`` on the map in pixels from the top left."""
        return (xy - self._origin) / self._extent * self.size

    def positions(self, pixels: np.ndarray) -> np.ndarray:
        """The inverse of ``pixels``."""
        return pixels / self.size * self._extent + self._origin

    @property
    def _origin(self) -> np.ndarray:
        return np.array([self.x[0], self.y[1]])

    @property
    def _extent(self) -> np.ndarray:
        return np.array([self.x[1] - self.x[0], self.y[0] - self.y[1]])


@dataclass(frozen=True, eq=False)
class Names:
    """Labels on the map: texts, which is bold, centres ``(n, 2)``, leaders ``(m, 4)``."""

    texts: tuple[str, ...] = ()
    bold: tuple[bool, ...] = ()
    centres: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    leaders: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))


def place_names(xy: np.ndarray, concepts: Sequence[str], shown: Shown, frame: Frame) -> Names:
    """Labels of the concepts named; one that finds no place is left to the tooltip."""
    pixels = frame.pixels(xy)
    radius = {c: RING if c == shown.opened else shown.radius(c) for c in shown.named}
    anchors = [
        labels.Anchor(
            float(pixels[c, 0]), float(pixels[c, 1]), radius[c], concepts[c], c == shown.opened
        )
        for c in shown.named
    ]
    placed = labels.place(anchors, frame.size, pixels)
    found = [(c, label) for c, label in zip(shown.named, placed, strict=True) if label]
    ends = np.array([label.leader for _, label in found if label.leader])
    return Names(
        texts=tuple(label.text for _, label in found),
        bold=tuple(c == shown.opened for c, _ in found),
        centres=frame.positions(np.array([label.centre for _, label in found]).reshape(-1, 2)),
        leaders=frame.positions(ends.reshape(-1, 2)).reshape(-1, 4),
    )


def make_cloud(density: np.ndarray, dark: bool) -> hv.RGB:
    """All segments as one slate image; ``density`` is ``(height, width)``, bottom row first."""
    return hv.RGB(shade(density, dark)[::-1], bounds=(SPAN[0], SPAN[0], SPAN[1], SPAN[1]))


def make_dots(
    xy: np.ndarray, shown: Shown, group: Sequence[int], facts: dict[str, list[str]], dark: bool
) -> hv.Points:
    """All concepts as small gray dots; those of the selected group larger, in ink.

    They are what the pointer and the lasso meet: ``facts`` has the tooltip's texts by column, and
    the dots of the concepts named are as large as the marks that cover them.
    """
    theme = tokens(dark)
    chosen = np.isin(np.arange(len(xy)), np.array(group, int))
    size, color = np.where(chosen, 6.0, 4.0), np.where(chosen, theme.ink, theme.gray)
    size[shown.named] = [shown.radius(c) for c in shown.named]
    columns = (xy[:, 0], xy[:, 1], size, color, *facts.values())
    return hv.Points(columns, ["x", "y"], ["diameter", "shade", *facts]).opts(
        size="diameter",
        color="shade",
        line_alpha=0,
        fill_alpha=0.75,
        selection_fill_alpha=0.75,
        nonselection_fill_alpha=0.75,
        nonselection_line_alpha=0,
        hit_dilation=2.2,
    )


def make_leaders(names: Names, dark: bool) -> hv.Segments:
    """Lines from far labels to their marks."""
    ends = tuple(names.leaders.T)
    return hv.Segments(ends, ["x0", "y0", "x1", "y1"]).opts(color=tokens(dark).ink_3, line_width=1)


def make_halo(names: Names, dark: bool) -> hv.Labels:
    """An outline in the surface's colour, to go beneath the labels' texts."""
    surface = tokens(dark).surface
    return make_texts(names, dark).opts(
        text_color=surface, text_outline_color=surface, text_outline_width=3
    )


def make_texts(names: Names, dark: bool) -> hv.Labels:
    """The labels' texts."""
    rows = [
        (*centre, text, "bold" if bold else "normal")
        for centre, text, bold in zip(names.centres.tolist(), names.texts, names.bold, strict=True)
    ]
    rows += _TWO_STYLES
    return hv.Labels(rows, ["x", "y"], ["name", "style"]).opts(
        text_color=tokens(dark).ink,
        text_font=value(FONT),
        text_font_size="12px",
        text_font_style="style",
        text_align="center",
        text_baseline="middle",
    )


Look = tuple[str, float, str, str, float, float]  #: marker, size, fill, line, line width, opacity


def make_marks(xy: np.ndarray, shown: Shown, dark: bool) -> hv.Points:
    """Marks of the concepts named.

    Pending: a triangle up or down, or a cross. Influential: a disc, hollow if negative. The one
    opened has a ring.
    """
    rows = [(*xy[c].tolist(), *look) for c in shown.named for look in _looks(shown, c, dark)]
    rows += _TWO_LOOKS
    columns = ["shape", "across", "fill", "line", "width", "opacity"]
    return hv.Points(rows, ["x", "y"], columns).opts(
        marker="shape",
        size="across",
        fill_color="fill",
        line_color="line",
        line_width="width",
        fill_alpha="opacity",
    )


def _looks(shown: Shown, concept: int, dark: bool) -> Iterator[Look]:
    """Glyphs that make one mark, the lowest first."""
    theme = tokens(dark)
    size = 2 * shown.radius(concept)
    direction = shown.pending.get(concept)
    if direction == "remove":
        yield "circle", 14.0, theme.surface, theme.surface, 1.0, 1.0
        yield "x", 8.0, theme.ink, theme.ink, 2.0, 1.0
    elif direction == "up":
        yield "triangle", 13.0, theme.blue, theme.surface, 1.2, 1.0
    elif direction == "down":
        yield "inverted_triangle", 13.0, theme.orange, theme.surface, 1.2, 1.0
    elif concept not in shown.top:
        yield "circle", size, theme.gray, theme.surface, 1.2, 1.0
    elif shown.negative(concept):
        yield "circle", size, theme.surface, theme.ink, 2.0, 1.0
    else:
        yield "circle", size, theme.ink, theme.surface, 1.2, 1.0
    if concept == shown.opened:
        yield "circle", 2 * RING, theme.surface, theme.ink, 1.5, 0.0


def make_facts(store: Store, shown: Shown) -> dict[str, list[str]]:
    """The tooltip's texts by concept: name, influence and rank, segments, nearest concept."""
    influence = [UNDEFINED] * len(store.concepts)
    if shown.influence is not None:
        for rank, concept in enumerate(shown.order, start=1):
            weight = shown.influence[concept]
            influence[concept] = f"{signed(weight)} · rank {count(rank)}" if weight else "0"
    return {"name": store.concepts, "influence": influence, **_fixed_facts(store)}


@lru_cache(maxsize=4)
def _fixed_facts(store: Store) -> dict[str, list[str]]:
    segments = np.bincount(store.segment_concept, minlength=len(store.concepts))
    likeness = store.concept_text_embedding @ store.concept_text_embedding.T
    np.fill_diagonal(likeness, -np.inf)
    return {
        "segments": [count(int(n)) for n in segments],
        "nearest": [store.concepts[c] for c in likeness.argmax(axis=1)],
    }


def tapped(xy: np.ndarray, x: float, y: float, shown: Shown, frame: Frame) -> int | None:
    """The concept that a tap at ``x``, ``y`` means: the one whose mark is nearest, or None."""
    away = np.linalg.norm(frame.pixels(xy) - frame.pixels(np.array([[x, y]])), axis=1)
    reach = np.full(len(xy), REACH)
    reach[shown.named] = [max(REACH, shown.radius(c) + 4) for c in shown.named]
    hit = int(np.argmin(away - reach))
    return hit if away[hit] <= reach[hit] else None
