"""Performance bars (InFiConD, section 5, figure 5b): who decides a class's images right."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import holoviews as hv
import numpy as np
from bokeh.models import CDSView, ColumnDataSource, GroupFilter, Plot, Quad
from bokeh.models.annotations import Legend, LegendItem
from bokeh.models.renderers import GlyphRenderer
from numpy.typing import NDArray

from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.distill import Agreement
from inficond_panel.plots import update_columns
from inficond_panel.results.picked_images import BAR_PARTS
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.vocabulary.palette import (
    BOTH_RIGHT,
    BOTH_WRONG,
    STUDENT_RIGHT,
    STUDENT_RIGHT_SOFT,
    SURFACE,
    TEACHER_RIGHT,
    TEACHER_RIGHT_SOFT,
    Colour,
)

SIDES = ("positives", "negatives")
#: Name of the glyph over what is not of the picked images.
_PALE = "pale"
#: Top and bottom of the two bars within a row of height 1.
BARS = np.array([[0.13, 0.43], [0.57, 0.87]])


class Fill(NamedTuple):
    """Style of one part of a bar; ``counts`` is the field of ``distill.Counts`` with its images."""

    counts: str
    words: str
    ground: Colour
    stripes: Colour
    hatch: str | None


FILLS = (
    Fill("both_right", BAR_PARTS["both-right"].words, BOTH_RIGHT, BOTH_RIGHT, None),
    Fill("student_wrong", BAR_PARTS["student-wrong"].words, TEACHER_RIGHT_SOFT, TEACHER_RIGHT, "/"),
    Fill("both_wrong", BAR_PARTS["both-wrong"].words, BOTH_WRONG, BOTH_WRONG, None),
    Fill(
        "teacher_wrong", BAR_PARTS["teacher-wrong"].words, STUDENT_RIGHT_SOFT, STUDENT_RIGHT, "\\"
    ),
)


class Bars(NamedTuple):
    """Counts that bars show, by class: of all images, and of the ``picked`` ones (None: all)."""

    whole: Mapping[str, Agreement]
    picked: Mapping[str, Agreement] | None = None


@bokeh_backend()
def make_performance_bars(
    agreement: Mapping[str, Agreement],
    dark: bool = False,
    width: int = 400,
    picked: Mapping[str, Agreement] | None = None,
) -> hv.Rectangles:
    """Draw two bars per class, positives above negatives, divided by who decides right.

    Classes are in the order of ``agreement``, from the top. ``width`` is the width of a bar in
    pixels: a fill with images has at least one pixel, and one pixel separates fills. The part of a
    fill that is not of the ``picked`` images is pale. Columns: ``class``, ``side``, ``decided``,
    ``images``; eight rows per class, by ``SIDES`` and ``FILLS``. The plot's column ``pale`` is
    where the pale part of a fill begins.
    """
    images = count_images(agreement)
    row, side, _ = np.indices(images.shape)
    left, right = lay_out(images, width)
    columns = (
        *(part.ravel() for part in (left, row + BARS[side, 1], right, row + BARS[side, 0])),
        np.repeat(list(agreement), images[0].size),
        np.tile(np.repeat(SIDES, len(FILLS)), len(images)),
        np.tile([fill.words for fill in FILLS], len(images) * len(SIDES)),
        images.ravel(),
    )
    facts = ["class", "side", "decided", "images"]
    pale = _pale_from(images, left, right, picked).ravel()
    return hv.Rectangles(columns, ["left", "bottom", "right", "top"], facts).opts(
        hooks=[partial(_finish, dark=dark, pale=pale)],
        line_width=0,
        xlim=(0, 1),
        ylim=(0, len(images)),
        yticks=[(at + 0.5, name) for at, name in enumerate(agreement)],
        invert_yaxis=True,
        xlabel="share of the positives (above) and of the negatives",
        ylabel="",
        tools=["hover"],
        backend="bokeh",
    )


def count_images(agreement: Mapping[str, Agreement]) -> NDArray[np.int64]:
    """Return the numbers of images in each part of the bars, (classes, 2 sides, 4 fills)."""
    counts = [
        [[getattr(getattr(agreed, side), fill.counts) for fill in FILLS] for side in SIDES]
        for agreed in agreement.values()
    ]
    return np.array(counts, np.int64).reshape(-1, len(SIDES), len(FILLS))


def lay_out(images: NDArray[np.int64], width: int) -> tuple[NDArray, NDArray]:
    """Return the left and right edges of all fills as shares of a bar, shaped as ``images``.

    Edges are at whole pixels. The least width of small fills is taken from the largest fill. A fill
    without images has no width.
    """
    filled = images > 0
    gaps = np.maximum(filled.sum(axis=-1, keepdims=True) - 1, 0)
    total = np.maximum(images.sum(axis=-1, keepdims=True), 1)
    wide = np.where(filled, np.maximum((width - gaps) * images / total, 1.0), 0.0)
    excess = np.where(filled.any(axis=-1, keepdims=True), wide.sum(-1, keepdims=True) + gaps, 0)
    largest = np.arange(images.shape[-1]) == images.argmax(axis=-1)[..., None]
    wide -= np.where(largest & filled, excess - width, 0)
    ends = np.floor(np.cumsum(wide + filled, axis=-1) + (0.5 + 1e-6))  # halves go up, all of them
    starts = np.concatenate([np.zeros_like(ends[..., :1]), ends[..., :-1]], axis=-1)
    left, right = np.where(filled, (starts, ends - 1), 0.0)
    return left / width, right / width


def _pale_from(
    images: NDArray[np.int64], left: NDArray, right: NDArray, picked: Mapping[str, Agreement] | None
) -> NDArray:
    """Return where the pale part of each fill begins, as a share of a bar: after as large a part of
    the fill as the picked images are of its images."""
    if picked is None:
        return right
    return left + (right - left) * count_images(picked) / np.maximum(images, 1)


def update_bars(figure: Plot, shown: Bars, dark: bool, width: int) -> None:
    """Update bars that ``make_performance_bars`` drew to new counts, colours and width.

    Only values that differ are sent to the browser. To draw by HoloViews takes 20 ms and more.
    """
    fills, images = fill_renderers(figure), count_images(shown.whole)
    source = cast(ColumnDataSource, fills[0].data_source)
    edges = lay_out(images, width)
    left, right = (edge.ravel() for edge in edges)
    pale = _pale_from(images, *edges, shown.picked).ravel()
    new: dict[str, Any] = {"left": left, "right": right, "pale": pale}
    if "images" in source.data:  # for the tooltip
        new["images"] = images.ravel()
    update_columns(source, new)
    _colour(fills, dark)
    _pale(figure, dark)


def fill_renderers(figure: Plot) -> list[GlyphRenderer]:
    """Return the renderer of each of ``FILLS`` in a drawn plot."""
    renderers: dict[int, GlyphRenderer] = {}
    for each in figure.renderers:
        if isinstance(each, GlyphRenderer) and isinstance(each.view.filter, GroupFilter):
            renderers[each.view.filter.group] = each
    return [renderers[at] for at in sorted(renderers)]


def _colour(fills: list[GlyphRenderer], dark: bool) -> None:
    for fill, renderer in zip(FILLS, fills, strict=True):
        renderer.glyph.update(fill_color=fill.ground.of(dark), hatch_color=fill.stripes.of(dark))


def _pale(figure: Plot, dark: bool) -> None:
    """Cover with the page's colour what is not of the picked images."""
    for renderer in cast(list[GlyphRenderer], figure.select({"name": _PALE})):
        renderer.glyph.update(fill_color=SURFACE.of(dark))


def _finish(plot: Any, _: hv.Element, dark: bool, pale: NDArray) -> None:
    """Hook that sets colours and hatches, for which HoloViews has no option."""
    source, figure = plot.handles["source"], plot.state
    source.data["fill"] = np.resize(np.arange(len(FILLS), dtype=np.uint8), len(source.data["left"]))
    source.data["pale"] = pale
    if not fill_renderers(figure):
        _divide(plot)
    _colour(fill_renderers(figure), dark)
    _pale(figure, dark)
    figure.update(outline_line_color=None, min_border=0, output_backend="canvas")


def _divide(plot: Any) -> None:
    """Draw each fill by a separate renderer.

    In one renderer with columns of hatches Bokeh makes a canvas per bar: 8,000 for 1,000 classes.
    """
    first, hover = plot.handles["glyph_renderer"], plot.handles.get("hover")
    for at, fill in enumerate(FILLS):
        # Two stripes in a tile, 6 pixels apart.
        hatch = {"hatch_pattern": fill.hatch, "hatch_scale": 12, "hatch_weight": 2.5}
        glyph = first.glyph if at == 0 else first.glyph.clone()
        glyph.update(line_color=None, **(hatch if fill.hatch else {}))
        renderer = first if at == 0 else plot.state.add_glyph(first.data_source, glyph)
        renderer.view = CDSView(filter=GroupFilter(column_name="fill", group=at))
        if hover is not None and renderer not in hover.renderers:
            hover.renderers = [*hover.renderers, renderer]
    over = Quad(left="pale", right="right", top="top", bottom="bottom")
    over.update(line_color=None, fill_alpha=0.8)
    plot.state.add_glyph(first.data_source, over, name=_PALE)


@bokeh_backend()
def make_performance(snapshot: Snapshot) -> hv.Rectangles:
    """Draw the performance bars of all classes, the largest AP gap to the teacher first.

    Classes whose AP is undefined come last. Columns are those of ``make_performance_bars``.
    """
    gaps = {name: measured.teacher_ap - measured.ap for name, measured in snapshot.metrics.items()}
    order = sorted(gaps, key=lambda name: (np.isnan(gaps[name]), -gaps[name]))
    bars = make_performance_bars({name: snapshot.agreement[name] for name in order})
    hooks = [*bars.opts.get(backend="bokeh").kwargs["hooks"], _explain]
    return bars.opts(width=520, height=140 + 30 * len(order), hooks=hooks, backend="bokeh")


def _explain(plot: Any, _: hv.Element) -> None:
    """Hook that adds the legend of the fills above the bars."""
    figure = plot.state
    if not figure.legend:
        fills = zip(FILLS, fill_renderers(figure), strict=True)
        items = [LegendItem(label=fill.words, renderers=[each]) for fill, each in fills]
        figure.add_layout(Legend(items=items, ncols=2, border_line_color=None), "above")
