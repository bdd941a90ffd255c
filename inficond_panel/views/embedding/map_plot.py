"""The map of concepts as one HoloViews plot, with its foreground and tooltip.

The foreground changes with the class and with each thumb, and a pass through HoloViews takes about
15 ms per layer: so its glyphs are columns of Bokeh sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from weakref import WeakMethod

import holoviews as hv
import numpy as np
import param
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, HoverTool, LassoSelectTool, PanTool
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, though in lower case
from holoviews import streams
from panel.io.document import hold

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import UNDEFINED, count, signed
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.plots import update_columns
from inficond_panel.plots.cloud import WHOLE_MAP, DrawnSegments
from inficond_panel.plots.map_layers import (
    Shares,
    draw_dots,
    make_centre,
    make_leaders,
    make_marks,
    make_segments,
    make_texts,
)
from inficond_panel.plots.map_places import Frame, MapNames, Shown
from inficond_panel.results.image_sets import assigned_counts
from inficond_panel.store import Store
from inficond_panel.ui.browser import FONT
from inficond_panel.ui.drawing import change_figure, make_tooltip
from inficond_panel.vocabulary.palette import SURFACE

TOOLTIP = make_tooltip(
    [("Influence", "@influence"), ("Segments", "@segments"), ("Nearest", "@nearest")], "@name"
)


def make_facts(store: Store, shown: Shown, shares: Shares | None = None) -> dict[str, list[str]]:
    """Return the tooltip's texts per concept: name, influence and rank, segments, nearest one.

    ``shares`` of the images with the concept are told beside the segments.
    """
    influence = [UNDEFINED] * len(store.concepts)
    if shown.influence is not None:
        influence = [signed(0.0)] * len(store.concepts)
        ranked = shown.order[: np.count_nonzero(shown.influence)]
        for rank, concept in enumerate(ranked, start=1):
            influence[concept] = f"{signed(shown.influence[concept])} · rank {count(rank)}"
    facts = _fixed_facts(store)
    if shares is not None:
        told = [f"{n}, {shares.words(c)}" for c, n in enumerate(facts["segments"])]
        facts = {**facts, "segments": told}
    return {"name": store.concepts, "influence": influence, **facts}


@once(4)
def _fixed_facts(store: Store) -> dict[str, list[str]]:
    segments = assigned_counts(store)
    nearest = [store.concepts[c] for c in _nearest(store.concept_text_embedding)]
    unknown = [UNDEFINED] * len(nearest)
    return {
        "segments": [count(int(n)) for n in segments] if store.holds("segments") else unknown,
        "nearest": nearest if store.holds("texts") else unknown,
    }


def _nearest(text: np.ndarray) -> Iterator[int]:
    """Yield for each concept, a row of ``text``, the other one with the most similar text."""
    for start in range(0, len(text), _CONCEPTS):
        likeness = text[start : start + _CONCEPTS] @ text.T
        at = np.arange(len(likeness))
        likeness[at, start + at] = -np.inf
        yield from likeness.argmax(axis=1)


#: Concepts whose nearest are looked for at one time.
_CONCEPTS = 1024


@dataclass(frozen=True, eq=False)
class MapScene:
    """Foreground of the map: positions ``xy`` ``(C, 2)``, marks, names; never changed in place."""

    xy: np.ndarray
    shown: Shown = field(default_factory=Shown)
    names: MapNames = field(default_factory=MapNames)
    dark: bool = False


class Foreground:
    """Layers on one Bokeh figure of the map: segments, marks, names, and lines to the names."""

    def __init__(self, figure: Figure, scene: MapScene, assigned: DrawnSegments) -> None:
        self.leaders, self.names, self.marks = (ColumnDataSource() for _ in range(3))
        self.segments, self.centre = ColumnDataSource(), ColumnDataSource()
        self.show(scene, assigned)
        dot: dict[str, Any] = {"x": "x", "y": "y", "size": "across"}
        line: dict[str, Any] = {"line_color": "line", "line_width": "width"}
        faint: dict[str, Any] = {"fill_color": "fill", "line_color": None, "fill_alpha": 0.6}
        figure.scatter(**dot, **faint, source=self.segments)
        figure.scatter(**dot, **line, marker="cross", source=self.centre)
        # lengths in pixels: names stay beside their marks when the map gets another size than the
        # size that the names were placed for
        ray: dict[str, Any] = {"length": "length", "length_units": "screen", "angle": "angle"}
        figure.ray("x0", "y0", color="ink", source=self.leaders, **ray)
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
        fill: dict[str, Any] = {"fill_color": "fill", "fill_alpha": "opacity"}
        figure.scatter(**dot, **line, **fill, marker="shape", source=self.marks)

    def show(self, scene: MapScene, assigned: DrawnSegments) -> None:
        """Draw ``scene`` and the open concept's segments ``assigned``; send only changed layers."""
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
    """Draw the dots from the columns of ``make_dots``; send only the differences."""
    for glyph in (renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph):
        glyph.update(size="diameter", fill_color="shade")
    update_columns(renderer.data_source, columns)


#: Smallest visible share of the map's side, at the largest zoom.
NEAREST = 0.02


class MapPlot(param.Parameterized):
    """Plot of the concept map: ``cloud`` (HoloViews), ``dots`` (columns), ``scene`` above them.

    ``on_tap`` is called with x and y on the map, ``on_lasso`` with the indices of concepts.
    """

    cloud = param.Parameter(doc="All segments (``make_cloud``).")
    dots = param.Dict({}, doc="All concepts (``make_dots``).")
    scene: param.ClassSelector[MapScene] = param.ClassSelector(class_=MapScene)  # type: ignore[assignment]
    assigned = param.ClassSelector(
        class_=DrawnSegments, default=DrawnSegments(), doc="Segments of the open concept."
    )
    frame = param.ClassSelector(class_=Frame, default=Frame(), doc="Part of the map on screen.")
    group = param.List([], item_type=int, doc="Indices of the selected concepts.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")

    def __init__(
        self,
        scene: MapScene,
        on_tap: Callable[[float, float], None],
        on_lasso: Callable[[list[int]], None],
    ) -> None:
        super().__init__(scene=scene)
        self._on_tap, self._on_lasso = on_tap, on_lasso
        self.fronts: dict[Figure, Foreground] = {}  # one per figure that shows this plot
        self._dots: dict[Figure, GlyphRenderer] = {}
        self._due: dict[Figure, dict[Callable[[Figure], None], None]] = {}  # layers to draw
        self._streams: list[streams.Stream] = []

    @bokeh_backend()
    def element(self) -> hv.DynamicMap:
        """Return the plot for a pane; set ``cloud`` and ``dots`` before."""
        hover = HoverTool(tooltips=TOOLTIP, point_policy="snap_to_data", show_arrow=False, limit=1)
        cloud = hv.DynamicMap(lambda cloud: cloud, streams=[streams.Params(self, ["cloud"])])
        # positions alone: HoloViews would search the texts for ranges, at each change of the cloud
        points = draw_dots({axis: self.dots[axis] for axis in ("x", "y")}).opts(
            tools=[hover, LassoSelectTool(continuous=False)],
            hooks=[_weak(self._keep_dots)],
            xlim=WHOLE_MAP,  # also here, since the streams take the range of this layer
            ylim=WHOLE_MAP,
            backend="bokeh",
        )
        dots = hv.DynamicMap(lambda: points)
        self._follow(dots)
        return (cloud * dots).opts(
            xlim=WHOLE_MAP,
            ylim=WHOLE_MAP,
            xaxis=None,
            yaxis=None,
            toolbar=None,
            responsive=True,
            show_legend=False,
            padding=0,
            border=0,
            default_tools=["pan", "wheel_zoom"],
            active_tools=["wheel_zoom"],  # not pan: HoloViews would set it at each new cloud
            hooks=[_weak(self._finish)],
            backend="bokeh",
        )

    def show(self, scene: MapScene) -> None:
        """Draw ``scene`` over cloud and dots."""
        self.scene = scene
        self._draw_soon(self._draw)

    @param.depends("group", watch=True)
    def _select(self) -> None:
        """Set the lasso's selection to the group: the browser reports only changes of it."""

        def change(figure: Figure) -> None:
            selected = self._dots[figure].data_source.selected
            if sorted(selected.indices) != sorted(self.group):
                selected.indices = self.group

        self._change_figures(change)

    @param.depends("assigned", watch=True)
    def _redraw_assigned(self) -> None:
        self._draw_soon(self._draw)

    @param.depends("dots", watch=True)
    def _redraw_dots(self) -> None:
        self._draw_soon(self._draw_dots)

    def look_at(self, frame: Frame) -> None:
        """Zoom and move the map so that it shows the part ``frame``."""

        def change(figure: Figure) -> None:
            for axis, (start, end) in ((figure.x_range, frame.x), (figure.y_range, frame.y)):
                axis.update(start=start, end=end)

        self._change_figures(change)
        self.frame = frame

    def drag_with(self, lasso: bool) -> None:
        """Let dragging draw a lasso (True) or move the map (False)."""

        def change(figure: Figure) -> None:
            self.lasso = lasso
            self._set_drag(figure)

        self._change_figures(change)

    def _set_drag(self, figure: Figure) -> None:
        kind = LassoSelectTool if self.lasso else PanTool
        tools = figure.toolbar.tools
        figure.toolbar.active_drag = next(tool for tool in tools if isinstance(tool, kind))

    def _finish(self, plot: Any, _: Any) -> None:
        """Draw background and foreground of a new figure; a hook of HoloViews."""
        if plot.state not in self.fronts:
            self.fronts[plot.state] = Foreground(plot.state, self.scene, self.assigned)
            self._set_drag(plot.state)
        for axis in (plot.state.x_range, plot.state.y_range):
            axis.min_interval = NEAREST * (WHOLE_MAP[1] - WHOLE_MAP[0])
        self._draw(plot.state)

    def _draw(self, figure: Figure) -> None:
        # Without a fill Bokeh leaves traces of the cloud at the edges when the map is moved. It
        # clears all but half a pixel at the top and the left, which the outline covers.
        surface = SURFACE.of(self.scene.dark)
        figure.update(
            background_fill_color=surface,
            border_fill_color=surface,
            outline_line_color=surface,
            outline_line_width=2,
            output_backend="canvas",
            min_border=0,
        )
        self.fronts[figure].show(self.scene, self.assigned)

    def _keep_dots(self, plot: Any, _: Any) -> None:
        """Let pointer and lasso hit only the dots of concepts; a hook of HoloViews."""
        self._dots[plot.state] = plot.handles["glyph_renderer"]
        for tool in plot.state.tools:
            if isinstance(tool, HoverTool | LassoSelectTool):
                tool.renderers = [plot.handles["glyph_renderer"]]
        self._draw_dots(plot.state)

    def _draw_dots(self, figure: Figure) -> None:
        update_dots(self._dots[figure], self.dots)

    def _follow(self, dots: hv.DynamicMap) -> None:
        """Listen to the browser's taps and lasso, and to zoom and size of the plot."""
        for kind, subscriber in (
            (streams.Tap, self.tap),
            (streams.Selection1D, self._on_lasso),
            (streams.RangeXY, self.move),
            (streams.PlotSize, self.resize),
        ):
            stream = kind(source=dots)
            stream.add_subscriber(subscriber)
            self._streams.append(stream)

    def close(self) -> None:
        """Remove all listeners at the end: HoloViews may keep a stream longer than its plot."""
        for stream in self._streams:
            stream.clear()

    def tap(self, x: float | None, y: float | None) -> None:
        """Call ``on_tap`` for a tap at x, y on the map; ignore None."""
        if x is not None and y is not None:
            self._on_tap(x, y)

    def move(
        self, x_range: tuple[float, float] | None, y_range: tuple[float, float] | None
    ) -> None:
        """Set ``frame`` to the visible ranges, after the user moved or zoomed the map."""
        if x_range and y_range:
            self.frame = replace(self.frame, x=(x_range[0], x_range[1]), y=(y_range[0], y_range[1]))

    def resize(self, width: int | None, height: int | None, **_: Any) -> None:
        """Set the size of ``frame`` to the plot's size in pixels."""
        if width and height:
            self.frame = replace(self.frame, size=(float(width), float(height)))

    def _draw_soon(self, draw: Callable[[Figure], None]) -> None:
        """Draw layers at the next tick, all in one message: the browser draws the map once."""
        for figure in self.fronts:
            waiting = figure in self._due
            self._due.setdefault(figure, {})[draw] = None
            if not waiting:
                change_figure(figure, partial(self._draw_due, figure))

    def _draw_due(self, figure: Figure) -> None:
        due = self._due.pop(figure)
        with hold(figure.document):  # no Python callback listens to what the layers change
            for draw in due:
                draw(figure)

    def _change_figures(self, change: Callable[[Figure], None]) -> None:
        for figure in self.fronts:
            change_figure(figure, partial(change, figure))


def _weak(hook: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Return a HoloViews hook that refers to its method weakly.

    HoloViews keeps all options in memory: a bound method in them would keep its object alive, so
    the element, and so these options.
    """
    method = WeakMethod(hook)

    def call(plot: Any, element: Any) -> None:
        if (result := method()) is not None:
            result(plot, element)

    return call
