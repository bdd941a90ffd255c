"""Still picture of the concept map: dots, marks and names."""

from __future__ import annotations

import numpy as np

from inficond_panel.plots.concept_map import Frame, Shown, place_names, spread
from inficond_panel.plots.map_layers import make_marks
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.palette import CONCEPT, INK, INK_3

_FRAME = Frame(size=(500.0, 300.0))
MOST = 500  #: dots: of more concepts every so many-th is drawn, and all that are marked


def draw_picture(places: np.ndarray, concepts: list[str], shown: Shown) -> Drawing:
    """Concepts at ``places`` ``(C, 2)`` in the unit square, with the names of those marked."""
    drawing = Drawing(*_FRAME.size)
    xy = spread(places, shown, _FRAME)
    names = place_names(xy, concepts, shown, _FRAME)
    pixels, marked = _FRAME.pixels(xy), set(shown.marked)
    for at in range(0, len(xy), -(-len(xy) // MOST) or 1):
        if at not in marked:
            drawing.dot(tuple(pixels[at]), 2, CONCEPT.light)
    for leader in names.leaders:
        drawing.line(_FRAME.pixels(leader.reshape(2, 2)), INK_3)
    marks = make_marks(xy, shown, dark=False)
    ends = _FRAME.pixels(np.array([marks["x"], marks["y"]]).T.reshape(-1, 2))
    looks = zip(ends, marks["across"], marks["fill"], marks["line"], marks["opacity"], strict=True)
    for place, across, fill, line, opacity in looks:
        drawing.dot(tuple(place), across / 2, fill if opacity else "none", line)
    texts = zip(_FRAME.pixels(names.centres), names.texts, names.bold, strict=True)
    for (x, y), words, bold in texts:
        drawing.text((x, y + 4), words, INK, 11, "middle", bold=bold)
    return drawing
