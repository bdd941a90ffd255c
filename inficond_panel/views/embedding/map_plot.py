"""The plot of the concept map: one HoloViews ground, and a foreground on each figure of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakMethod

import holoviews as hv
import param
from bokeh.models import HoverTool, LassoSelectTool, PanTool
from bokeh.models.renderers import GlyphRenderer
from bokeh.models.tools import Drag
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, though in lower case
from holoviews import streams

from inficond_panel.plots.assigned import Assigned
from inficond_panel.plots.cloud import WHOLE
from inficond_panel.plots.concept_map import Frame
from inficond_panel.plots.map_layers import draw_dots
from inficond_panel.ui.plot_pane import change_figure
from inficond_panel.views.embedding.foreground import Foreground, Scene, update_dots
from inficond_panel.views.embedding.map_tooltip import TOOLTIP
from inficond_panel.vocabulary.palette import SURFACE

#: Part of the map's side that is shown at least, however much it is enlarged.
NEAREST = 0.02


class MapPlot(param.Parameterized):
    """``cloud`` is a HoloViews element, ``dots`` are columns, ``scene`` is what lies over them.

    ``on_tap`` is called with a place on the map, ``on_lasso`` with positions of concepts.
    """

    cloud = param.Parameter(doc="All segments (``make_cloud``).")
    dots = param.Dict({}, doc="All concepts (``make_dots``).")
    scene: param.ClassSelector[Scene] = param.ClassSelector(class_=Scene)  # type: ignore[assignment]
    assigned = param.ClassSelector(
        class_=Assigned, default=Assigned(), doc="Segments of the concept opened."
    )
    frame = param.ClassSelector(class_=Frame, default=Frame(), doc="Part of the map on screen.")
    group = param.List([], item_type=int, doc="Positions of the concepts selected.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")

    def __init__(
        self,
        scene: Scene,
        on_tap: Callable[[float, float], None],
        on_lasso: Callable[[list[int]], None],
    ) -> None:
        super().__init__(scene=scene)
        self._on_tap, self._on_lasso = on_tap, on_lasso
        self.fronts: dict[Figure, Foreground] = {}  # by figure: one a place where it is shown
        self._dots: dict[Figure, GlyphRenderer] = {}
        self._streams: list[streams.Stream] = []

    def element(self) -> hv.DynamicMap:
        """The plot, to be put into a pane once ``cloud`` and ``dots`` are there."""
        hover = HoverTool(tooltips=TOOLTIP, point_policy="snap_to_data", show_arrow=False, limit=1)
        cloud = hv.DynamicMap(lambda cloud: cloud, streams=[streams.Params(self, ["cloud"])])
        points = draw_dots(self.dots).opts(
            tools=[hover, LassoSelectTool(continuous=False)],
            hooks=[_weak(self._keep_dots)],
            xlim=WHOLE,  # also here, since the streams take the range of this layer
            ylim=WHOLE,
        )
        dots = hv.DynamicMap(lambda: points)
        self._follow(dots)
        return (cloud * dots).opts(
            xlim=WHOLE,
            ylim=WHOLE,
            xaxis=None,
            yaxis=None,
            toolbar=None,
            responsive=True,
            show_legend=False,
            padding=0,
            border=0,
            default_tools=["pan", "wheel_zoom"],
            active_tools=["pan", "wheel_zoom"],
            hooks=[_weak(self._finish)],
        )

    def show(self, scene: Scene) -> None:
        """Draw ``scene`` over the ground."""
        self.scene = scene
        self._change_figures(self._draw)

    @param.depends("group", watch=True)
    def _select(self) -> None:
        """Let the lasso hold the group: the browser tells only of what differs from that."""

        def change(figure: Figure) -> None:
            selected = self._dots[figure].data_source.selected
            if sorted(selected.indices) != sorted(self.group):
                selected.indices = self.group

        self._change_figures(change)

    @param.depends("assigned", watch=True)
    def _redraw_assigned(self) -> None:
        self._change_figures(self._draw)

    @param.depends("dots", watch=True)
    def _redraw_dots(self) -> None:
        self._change_figures(self._draw_dots)

    def look_at(self, frame: Frame) -> None:
        """Show that part of the map."""

        def change(figure: Figure) -> None:
            for axis, (start, end) in ((figure.x_range, frame.x), (figure.y_range, frame.y)):
                axis.update(start=start, end=end)

        self._change_figures(change)
        self.frame = frame

    def drag_with(self, lasso: bool) -> None:
        """Draw a lasso by dragging, or move the map."""

        def change(figure: Figure) -> None:
            _drag_with(figure, LassoSelectTool if lasso else PanTool)
            self.lasso = lasso

        self._change_figures(change)

    def _finish(self, plot: Any, _: Any) -> None:
        """Hook: background and foreground of the figure."""
        if plot.state not in self.fronts:
            self.fronts[plot.state] = Foreground(plot.state, self.scene, self.assigned)
        for axis in (plot.state.x_range, plot.state.y_range):
            axis.min_interval = NEAREST * (WHOLE[1] - WHOLE[0])
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
        """Hook: pointer and lasso meet the dots alone."""
        self._dots[plot.state] = plot.handles["glyph_renderer"]
        for tool in plot.state.tools:
            if isinstance(tool, HoverTool | LassoSelectTool):
                tool.renderers = [plot.handles["glyph_renderer"]]
        self._draw_dots(plot.state)

    def _draw_dots(self, figure: Figure) -> None:
        update_dots(self._dots[figure], self.dots)

    def _follow(self, dots: hv.DynamicMap) -> None:
        """Listen to taps, the lasso, the zoom and the size of the plot."""
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
        """Listen no more: HoloViews may keep a stream when its plot is gone."""
        for stream in self._streams:
            stream.clear()

    def tap(self, x: float | None, y: float | None) -> None:
        """Pass a tap on."""
        if x is not None and y is not None:
            self._on_tap(x, y)

    def move(
        self, x_range: tuple[float, float] | None, y_range: tuple[float, float] | None
    ) -> None:
        """Take over that the map was moved or enlarged."""
        if x_range and y_range:
            self.frame = replace(self.frame, x=(x_range[0], x_range[1]), y=(y_range[0], y_range[1]))

    def resize(self, width: int | None, height: int | None, **_: Any) -> None:
        """Take over the size of the plot in pixels."""
        if width and height:
            self.frame = replace(self.frame, size=(float(width), float(height)))

    def _change_figures(self, change: Callable[[Figure], None]) -> None:
        for figure in self.fronts:
            change_figure(figure, partial(change, figure))


def _weak(hook: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """A method as a hook. HoloViews keeps the options of all elements in a register of the class.

    There the method itself would keep its object, and so the element, and so these options.
    """
    method = WeakMethod(hook)

    def call(plot: Any, element: Any) -> None:
        if (found := method()) is not None:
            found(plot, element)

    return call


def _drag_with(figure: Figure, kind: type[Drag]) -> None:
    toolbar = figure.toolbar
    toolbar.active_drag = next(tool for tool in toolbar.tools if isinstance(tool, kind))
