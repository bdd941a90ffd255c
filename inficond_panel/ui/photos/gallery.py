"""The image gallery as plain data, and the outline of a segment as an SVG path."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from contourpy import contour_generator
from scipy.ndimage import uniform_filter

from inficond_panel.common.numbers import number, signed
from inficond_panel.ui.photos.images import thumbnail_uri

if TYPE_CHECKING:
    from inficond_panel.results.gallery import Gallery
    from inficond_panel.store import Store

#: The four fills of agreement, by whether teacher and student are right.
FILLS = {
    (True, True): "both-right",
    (True, False): "student-wrong",
    (False, False): "both-wrong",
    (False, True): "teacher-wrong",
}
PRESENCE = {1: "present", 0: "absent", -1: "not labelled"}
_SMOOTH = 3  #: pixels; takes the stairs out of a mask's edge
_TOLERANCE = 0.7  #: pixels that an outline may be off when points are left out


def make_gallery(gallery: Gallery) -> dict[str, list[Any]]:
    """Data that the gallery filters by, in few bytes: ``rows``, their ``labels``, ``fills`` and
    whether a segment is ``assigned`` to the concept.

    ``fills`` are positions in ``names``, the last for an image whose label is ignored.
    """
    right = np.column_stack([gallery.teacher_right, gallery.student_right])
    fills = np.full(len(gallery.rows), len(FILLS))
    for code, pair in enumerate(FILLS):
        fills[(right == pair).all(axis=1) & (gallery.label >= 0)] = code
    return {
        "rows": gallery.rows.tolist(),
        "labels": gallery.label.tolist(),
        "fills": fills.tolist(),
        "names": [*FILLS.values(), ""],
        "assigned": gallery.assigned.astype(int).tolist(),
    }


def make_tile(
    store: Store,
    gallery: Gallery,
    row: int,
    segment: int,
    source: Callable[[Store, int], str] = thumbnail_uri,
) -> dict[str, Any]:
    """A picture (see ``make_picture``) with the score of the gallery's concept in it, if any."""
    score = float(gallery.score[gallery.position[row]])
    return {
        **make_picture(store, row, segment, source),
        "score": number(score) if gallery.concept else "",
    }


def make_facts(gallery: Gallery, row: int) -> list[tuple[str, str]]:
    """Facts on one image: label, logits of student and teacher, and what the concept adds."""
    at = gallery.position[row]
    facts = [
        (f"Class {gallery.class_name}", PRESENCE[int(gallery.label[at])]),
        ("Student logit", signed(float(gallery.student[at]))),
        ("Teacher logit", signed(float(gallery.teacher[at]))),
    ]
    if not gallery.concept:
        return facts
    score = float(gallery.score[at])
    return [
        *facts,
        (f"Score of {gallery.concept}", number(score)),
        ("Influence", signed(gallery.influence)),
        ("Adds to the student's logit", signed(gallery.influence * score)),
    ]


def make_picture(
    store: Store, row: int, segment: int, source: Callable[[Store, int], str] = thumbnail_uri
) -> dict[str, Any]:
    """One image: its name, a data URI, its size, and the outline of ``segment`` (-1: none).

    Without photos in the store the data URI, which ``source`` gives, is empty.
    """
    height, width = (int(side) for side in store.thumbnail_shape[row])
    path = outline(store.segment_mask(segment)) if segment >= 0 else ""
    return {
        "image": store.images[row],
        "source": source(store, row),
        "width": width,
        "height": height,
        "outline": path,
    }


def outline(mask: np.ndarray) -> str:
    """Boundary of a mask ``(height, width)`` as the ``d`` of an SVG path, in pixels of the mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return ""
    top, left = rows[0], columns[0]
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    area = np.pad(part.astype(np.float32), 2)
    smooth = uniform_filter(area, _SMOOTH)
    lines = contour_generator(z=smooth if smooth.max() > 0.5 else area).lines(0.5)
    limit = np.array(mask.shape[::-1])
    shift = np.array([left, top]) - 1.5
    rings = [_simplify(np.clip(np.asarray(line) + shift, 0, limit)) for line in lines]
    return "".join(_path(ring) for ring in rings if len(ring) > 3)


def _path(ring: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in ring[:-1]) + "Z"


def _simplify(line: np.ndarray) -> np.ndarray:
    """Leave out points that lie within the tolerance of a chord (Ramer, Douglas, Peucker)."""
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _distance(line[first + 1 : last], line[first], line[last])
        worst = int(away.argmax())
        if away[worst] > _TOLERANCE:
            split = first + 1 + worst
            keep[split] = True
            spans += [(first, split), (split, last)]
    return line[keep]


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of points ``(n, 2)`` from the chord, or from its start where it has no length."""
    chord, away = end - start, points - start
    length = float(np.hypot(*chord))
    if length == 0:
        return np.hypot(away[:, 0], away[:, 1])
    return np.abs(away[:, 0] * chord[1] - away[:, 1] * chord[0]) / length
