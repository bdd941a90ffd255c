"""Rows of the image gallery, and the outline of a segment as an SVG path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from contourpy import contour_generator
from scipy.ndimage import uniform_filter

from inficond_panel.views.images import data_uri
from inficond_panel.views.theme import number, signed

if TYPE_CHECKING:
    from inficond_panel.state import GalleryImage, Store

FILLS = {
    (True, True): "both-right",
    (True, False): "student-wrong",
    (False, False): "both-wrong",
    (False, True): "teacher-wrong",
}
PRESENCE = {1: "present", 0: "absent", -1: "not labelled"}
_SMOOTH = 3  #: pixels; takes the stairs out of a mask's edge
_TOLERANCE = 0.7  #: pixels that an outline may be off when points are left out


def make_rows(images: Sequence[GalleryImage], influence: float) -> list[dict[str, Any]]:
    """One plain row an image, see ``make_row``."""
    return [make_row(image, influence) for image in images]


def make_row(image: GalleryImage, influence: float) -> dict[str, Any]:
    """What the gallery filters by and the dialog tells of one image.

    ``fill`` is one of the four of agreement, empty for an image whose label is ignored; ``adds``
    is the concept's part of the student's logit.
    """
    teacher, student = image.teacher_right, image.student_right
    fill = FILLS[teacher, student] if teacher is not None and student is not None else ""
    return {
        "row": image.row,
        "segment": image.segment,
        "image": image.image,
        "fill": fill,
        "positive": image.label == 1,
        "negative": image.label == 0,
        "right": student is True,
        "wrong": student is False,
        "label": PRESENCE[image.label],
        "student": signed(image.student_logit),
        "teacher": signed(image.teacher_logit),
        "score": number(image.score),
        "adds": signed(influence * image.score),
    }


def make_picture(store: Store, row: int, segment: int) -> dict[str, Any]:
    """One image as a data URI, its size, and the outline of ``segment`` (-1: none)."""
    height, width = (int(side) for side in store.thumbnail_shape[row])
    path = outline(store.segment_mask(segment)) if segment >= 0 else ""
    return {
        "source": data_uri(store.thumbnail(row)),
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
