"""Drawings of the page: SVG pictures where no live page is, and HoloViews plots."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape
from string import Template
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.core.properties import value
from bokeh.models import HoverTool, Text
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, though in lower case

from inficond_panel.common.upstream import bokeh_backend, load_bokeh_backend
from inficond_panel.ui.browser import FONT
from inficond_panel.vocabulary.palette import INK, INK_2, LINE, POPOVER, SURFACE, Colour

load_bokeh_backend()  # not hv.extension, which loads scripts

_FONT = "Inter, system-ui, sans-serif"
_LETTER = 0.56  #: mean width of a letter, as a share of the font's height
TEXT = 12.0  #: default height of the font in pixels


class Drawing:
    """SVG drawing with a width and height in pixels, on a light background; x right, y down.

    Texts are escaped, and cut to ``room`` pixels (0: not cut).
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def text(
        self,
        place: tuple[float, float],
        words: str,
        colour: Colour = INK,
        size: float = TEXT,
        anchor: str = "start",
        room: float = 0,
        bold: bool = False,
    ) -> None:
        """Write words with their baseline at ``place``; ``anchor`` is start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text {_at(*place)} fill="{colour.light}" font-size="{_n(size)}" '
            f'text-anchor="{anchor}"{weight}>{escape(cut(words, room, size))}</text>'
        )

    def turned(self, place: tuple[float, float], words: str, room: float) -> None:
        """Write words that start at ``place`` and rise to the right by 60°."""
        x, y = map(_n, place)
        self._parts.append(
            f'<text {_at(*place)} fill="{INK.light}" font-size="{_n(TEXT)}" '
            f'transform="rotate(-60 {x} {y})">{escape(cut(words, room))}</text>'
        )

    def box(
        self, place: tuple[float, float], size: tuple[float, float], fill: str, line: str = "none"
    ) -> None:
        """Draw a rectangle with its upper left corner at ``place``; colours are CSS colours."""
        wide, high = (_n(max(side, 0)) for side in size)
        self._parts.append(
            f'<rect {_at(*place)} width="{wide}" height="{high}" fill="{fill}" stroke="{line}"/>'
        )

    def dot(self, place: tuple[float, float], radius: float, fill: str, line: str = "none") -> None:
        """Draw a circle with its centre at ``place``."""
        x, y = place
        self._parts.append(
            f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}" stroke="{line}"/>'
        )

    def line(
        self, points: Iterable[Sequence[float]], colour: Colour = LINE, dashed: bool = False
    ) -> None:
        """Draw a line through points (x, y) in pixels."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        dashes = ' stroke-dasharray="4 3"' if dashed else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour.light}"{dashes}/>'
        )

    def image(self, place: tuple[float, float], size: tuple[float, float], uri: str) -> None:
        """Draw a picture from its data URI, with its upper left corner at ``place``."""
        wide, high = map(_n, size)
        self._parts.append(
            f'<image {_at(*place)} width="{wide}" height="{high}" href="{escape(uri)}"/>'
        )

    def put(self, place: tuple[float, float], other: Drawing) -> None:
        """Draw another drawing with its upper left corner at ``place``, clipped to its size."""
        x, y = place
        self._parts.append(
            f'<svg x="{_n(x)}" y="{_n(y)}" width="{_n(other.width)}" height="{_n(other.height)}">'
            f"{''.join(other._parts)}</svg>"
        )

    def svg(self) -> str:
        """Return the drawing as the text of an SVG file."""
        size = f'width="{_n(self.width)}" height="{_n(self.height)}"'
        box = f'viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        ground = f'<rect width="100%" height="100%" fill="{SURFACE.light}"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="{_FONT}">'
            f"{ground}{''.join(self._parts)}</svg>"
        )

    def uri(self) -> str:
        """Return the drawing as a data URI, which an untrusted notebook displays as well."""
        content = base64.b64encode(self.svg().encode()).decode("ascii")
        return f"data:image/svg+xml;base64,{content}"


def cut(words: str, room: float, size: float = TEXT) -> str:
    """Return words cut to about ``room`` pixels in a font of ``size`` pixels; 0: not cut."""
    most = max(2, int(room / (_LETTER * size)))
    return words if not room or len(words) <= most else words[: most - 1].rstrip() + "…"


def _at(x: float, y: float) -> str:
    return f'x="{_n(x)}" y="{_n(y)}"'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@bokeh_backend()
def make_plot_pane(
    plot: hv.DynamicMap | hv.Element, sizing_mode: str = "stretch_both"
) -> pn.pane.HoloViews:
    """Return a Panel pane with a plot, which fills its part of a view."""
    return pn.pane.HoloViews(
        plot, backend="bokeh", sizing_mode=sizing_mode, linked_axes=False, margin=0
    )


#: Bokeh escapes the values that it inserts. A tooltip is in a shadow root, so it has its styles.
_TOOLTIP = Template("""<div><style>
:host { padding: 6px 10px; border: 0; border-radius: 6px; opacity: 1;
  font: 12px/16px var(--inficond-font, sans-serif);
  background: $popover; color: $ink;
  box-shadow: 0 6px 24px light-dark(rgba(20, 28, 40, .18), rgba(0, 0, 0, .55)),
    0 0 0 1px light-dark(rgba(20, 28, 40, .08), #38414d); }
b { font-weight: 600; }
dl { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; margin: 0; }
dt { color: $faint; }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
b, dl { zoom: var(--zoom, 1); }
</style>$title<dl>$rows</dl></div>""")


def make_tooltip(rows: Iterable[tuple[str, str]], title: str = "") -> str:
    """Return the HTML of a plot's tooltip: rows (name, value), where Bokeh fills in ``@column``."""
    return _TOOLTIP.substitute(
        popover=POPOVER.css,
        ink=INK.css,
        faint=INK_2.css,
        title=f"<b>{title}</b>" if title else "",
        rows="".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows),
    )


@bokeh_backend()
def dress(plot: hv.Element, dark: bool) -> hv.Element:
    """Return a plot for a notebook in the page's font and colours, without a toolbar."""
    return plot.opts(
        toolbar=None,
        default_tools=[],
        hooks=[
            *plot.opts.get("plot", backend="bokeh").kwargs.get("hooks", ()),
            partial(_dress, dark=dark),
        ],
        backend="bokeh",
    )


def _dress(plot: Any, _: hv.Element, dark: bool) -> None:
    """Set font and colours of a plot's texts, axes and tooltips; a hook of HoloViews."""
    figure, ink, line = plot.state, INK.of(dark), LINE.of(dark)
    figure.update(
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=line,
        min_border=0,
        output_backend="canvas",
    )
    for texts in figure.select({"type": Text}):
        texts.text_font = value(FONT)
    for tool in figure.select({"type": HoverTool}):
        if isinstance(tool.tooltips, list):
            tool.tooltips = make_tooltip(tool.tooltips)
    for axis in figure.axis:
        axis.update(
            major_label_text_font=FONT,
            major_label_text_font_size="12px",
            major_label_text_color=ink,
            axis_label_text_font=FONT,
            axis_label_text_font_size="12px",
            axis_label_text_font_style="normal",
            axis_label_text_color=INK_2.of(dark),
            axis_line_color=line,
            major_tick_line_color=line,
            minor_tick_line_color=None,
        )


def change_figure(figure: Figure, change: Callable[[], None]) -> None:
    """Call ``change``, which changes the models of ``figure``, where Bokeh allows it.

    On a server it is called at the next tick, which holds the document's lock; else at once.
    """
    document = figure.document
    if document is not None and document.session_context is not None:
        # not in one message: Python callbacks of these models do not see held changes
        document.add_next_tick_callback(change)
    else:
        change()


def close_plots(pane: pn.pane.HoloViews) -> None:
    """Remove a pane's plots from HoloViews' registers, which would keep the session in memory.

    Panel does not remove them when a session ends: the models above the plots are empty then
    (``upstream.CLOSED_PLOTS``).
    """
    for plot, _ in pane._plots.values():
        plot.cleanup()
    pane._plots.clear()
