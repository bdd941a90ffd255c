"""Segments, marks, labels and leaders of the concept map as Bokeh glyphs over its HoloViews ground.

They change with the class and with each thumb, and a pass through HoloViews takes about 15 ms a
layer: so they are columns of Bokeh sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, though in lower case

from inficond_panel.plots.assigned import Assigned
from inficond_panel.plots.concept_map import Names, Shown
from inficond_panel.plots.map_layers import (
    make_centre,
    make_leaders,
    make_marks,
    make_segments,
    make_texts,
)
from inficond_panel.ui.fonts import FONT


@dataclass(frozen=True, eq=False)
class Scene:
    """Scene over the ground; replaced as a whole."""

    xy: np.ndarray
    shown: Shown = field(default_factory=Shown)
    names: Names = field(default_factory=Names)
    dark: bool = False


class Foreground:
    """Segments, marks, labels and leaders on one figure."""

    def __init__(self, figure: Figure, scene: Scene, assigned: Assigned) -> None:
        self.leaders, self.names, self.marks = (ColumnDataSource() for _ in range(3))
        self.segments, self.centre = ColumnDataSource(), ColumnDataSource()
        self.show(scene, assigned)
        figure.scatter(
            "x",
            "y",
            size="across",
            fill_color="fill",
            line_color=None,
            fill_alpha=0.6,
            source=self.segments,
        )
        # in pixels from their marks: names stay beside them where the map has another size than the
        # one that they were placed for
        way: dict[str, Any] = {"length": "length", "length_units": "screen", "angle": "angle"}
        figure.ray("x0", "y0", color="ink", source=self.leaders, **way)
        font: dict[str, Any] = {
            "text_font": value(FONT),
            "text_font_size": "size",
            "text_font_style": "style",
            "text_align": "center",
            "text_baseline": "middle",
            "x_offset": "right",
            "y_offset": "down",
            "source": self.names,
        }
        halo: dict[str, Any] = {"text_outline_color": "surface", "text_outline_width": 3}
        figure.text("at_x", "at_y", "name", text_color="surface", **halo, **font)
        figure.text("at_x", "at_y", "name", text_color="ink", **font)
        figure.scatter(
            "x",
            "y",
            marker="shape",
            size="across",
            fill_color="fill",
            line_color="line",
            line_width="width",
            fill_alpha="opacity",
            source=self.marks,
        )
        figure.scatter(
            "x",
            "y",
            marker="cross",
            size="across",
            line_color="line",
            line_width="width",
            source=self.centre,
        )

    def show(self, scene: Scene, assigned: Assigned) -> None:
        """Draw ``scene`` and the segments ``assigned`` to the concept opened.

        A layer that is as before is not sent again.
        """
        scale = scene.names.scale
        columns = (
            (self.segments, make_segments(assigned, scene.dark, scale)),
            (self.centre, make_centre(assigned, scene.dark, scale)),
            (self.leaders, make_leaders(scene.names, scene.dark)),
            (self.names, make_texts(scene.names, scene.dark)),
            (self.marks, make_marks(scene.xy, scene.shown, scene.dark, scale)),
        )
        for source, data in columns:
            if dict(source.data) != data:
                source.data = data


def update_dots(renderer: Any, columns: Mapping[str, Any]) -> None:
    """Draw the dots that ``make_dots`` gives; only columns that differ are sent."""
    for glyph in (renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph):
        glyph.update(size="diameter", fill_color="shade")
    data = renderer.data_source.data
    data.update({n: new for n, new in columns.items() if not np.array_equal(data[n], new)})
