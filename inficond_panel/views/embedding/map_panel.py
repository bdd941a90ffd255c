"""Panel around the concept map: its component, the selected group, and a still picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import param
from panel.viewable import Child

from inficond_panel.common.numbers import signed
from inficond_panel.plots.map_layers import make_marks
from inficond_panel.plots.map_places import Frame, Shown, place_names, spread
from inficond_panel.results.image_sets import assigned_images
from inficond_panel.state import AppState
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.drawing import Drawing
from inficond_panel.vocabulary.palette import CONCEPT, INK, INK_3

PROJECTIONS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


def make_projections(there: Sequence[str]) -> list[list[str]]:
    """Return the menu of projections as [id, name, remedy]: those in the store (``there``) first.

    The remedy states how to get a missing projection; it is empty for a projection of the store.
    """
    menu = [[name, PROJECTIONS.get(name, name), ""] for name in there]
    for name in [name for name in PROJECTIONS if name not in there]:
        extra = "install inficond-panel[umap], " if name == "umap" else ""
        remedy = (
            f"This store has no {PROJECTIONS[name]} map. To get one: {extra}add {name} to "
            "concepts.projections.methods in the spec, and run inficond precompute again."
        )
        menu.append([name, PROJECTIONS[name], remedy])
    return menu


class EmbeddingPanel(ViewComponent):
    """Component of the embedding view: heading, choice of projection, plot, legend and tools."""

    projections = param.List([], doc="See ``make_projections``.")
    projection: param.Selector[str] = param.Selector(
        default="", objects=[""], doc="Projection shown; the view sets the choices."
    )
    concepts = param.Integer(0, doc="Number of concepts.")
    group = param.Dict({}, doc="The selected group, see ``make_group``.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")
    fault = param.String("", doc="Why the segments cannot be drawn; empty: they can.")
    assigned = param.Dict({}, doc="See ``AssignedSegments.caption``; empty: no segments.")
    picked = param.String("", doc="How many images are picked; empty: none.")
    told = param.String("", doc="Text on the concept at the keyboard's cursor.")
    zoom = param.Number(1.0, bounds=(0.1, 20), doc="Zoom of the page, which the plot applies.")
    plot = Child()

    _taken = frozenset({"projection", "zoom"})
    _esm = browser.module(Path(__file__).with_name("embedding.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("embedding.css"))


class MissingMap(ViewComponent):
    """View that replaces the concept map: heading, and a sentence on why there is no map."""

    told = param.String("", doc="Why there is no map.")

    _esm = browser.module(Path(__file__).with_name("missing_map.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("embedding.css"))


_FRAME = Frame(size=(500.0, 300.0))
MOST = 500  #: largest number of dots; more concepts are thinned out, but marked ones are drawn


def draw_picture(places: np.ndarray, concepts: list[str], shown: Shown) -> Drawing:
    """Return a drawing of the concepts ``(C, 2)`` in the unit square; marked ones have names."""
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
    for point, across, fill, line, opacity in looks:
        drawing.dot(tuple(point), across / 2, fill if opacity else "none", line)
    texts = zip(_FRAME.pixels(names.centres), names.texts, names.bold, strict=True)
    for (x, y), words, bold in texts:
        drawing.text((x, y + 4), words, INK, 11, "middle", bold=bold)
    return drawing


def make_group(app: AppState, shown: Shown, places: np.ndarray) -> dict[str, Any]:
    """Return data on the selected group: ``count``, ``rows`` of concepts, thumbs and images.

    Rows are sorted by strongest influence; in the order of selection if no student is selected.
    ``given`` is the pending direction that all concepts share; ``thumbs`` states whether thumbs are
    possible, ``locked`` why they are not on this split. ``places`` ``(C, 2)`` are the positions of
    all concepts in shares of the plot; ``from`` and ``to`` are the leftmost and rightmost position
    of the group's concepts on screen. ``images`` is the number of images with segments of the
    group, 0 without a selected student.
    """
    group = list(app.selection.concepts)
    position = {name: c for c, name in enumerate(app.store.concepts)} if group else {}
    if group and shown.influence is not None:
        row_of = {c: at for at, c in enumerate(shown.order)}
        group.sort(key=lambda name: row_of[position[name]])
    across = places[[position[name] for name in group], 0]
    across = across[(across >= 0) & (across <= 1)]
    directions = {shown.pending.get(position[name], "") for name in group}
    return {
        "count": len(group),
        "rows": [_row(name, position[name], shown) for name in group],
        "from": float(across.min(initial=1)),
        "to": float(across.max(initial=0)),
        "given": directions.pop() if len(directions) == 1 else "",
        "thumbs": shown.influence is not None and not (app.tuning.busy or app.tuning.locked),
        "locked": app.tuning.locked,
        "images": int(group_images(app).sum()) if app.selection.class_name else 0,
    }


def group_images(app: AppState) -> np.ndarray:
    """Return a mask over the images of the split in view: True with a segment of the group."""
    store = app.store
    chosen = [assigned_images(store, store.concepts.index(name)) for name in app.selection.concepts]
    return np.isin(app.dataset.rows, np.concatenate([[], *chosen]))


def _row(name: str, concept: int, shown: Shown) -> dict[str, str]:
    weight = None if shown.influence is None else float(shown.influence[concept])
    return {
        "concept": name,
        "influence": signed(weight),
        "direction": shown.pending.get(concept, ""),
        "opened": "yes" if concept == shown.opened else "",
    }
