"""Plots for notebooks: a student, the tree of iterations, and oracles by gamma."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np

from inficond_panel.common.numbers import number
from inficond_panel.common.ordering import strongest
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.distill import influence_grid
from inficond_panel.distill.metrics.thresholds import CoveragePoint
from inficond_panel.quantify.gamma_sweep import GammaSweep
from inficond_panel.quantify.outputs import Reliability, reliability
from inficond_panel.results.what_if_curves import change_along, exact_curves
from inficond_panel.tuning import Iteration, Student
from inficond_panel.vocabulary.confidence import USUAL_NOISE, Noise
from inficond_panel.vocabulary.metrics import ACCURACY, AP, DECISIONS, FIDELITY, METRICS, TOP1
from inficond_panel.vocabulary.palette import (
    ACTIVE,
    BAND,
    INFLUENCE,
    INFLUENCE_SOFT,
    INK,
    INK_3,
    SURFACE,
    TEACHER,
)
from inficond_panel.wording.repairs import folded

GRID = 101  #: influences at which a curve that is not exact, and each band, is computed
_SIDES = ("present", "absent")


@bokeh_backend()
def make_knowledge(student: Student, top: int) -> hv.Bars:
    """Draw the ``top`` strongest influences of a student as bars, without influences of 0.

    Columns: ``concept``, ``influence``, ``colour``. Positive influences are filled, negative ones
    pale.
    """
    order = strongest(student.weights)[:top]
    rows = [
        (student.store.concepts[c], weight, (INFLUENCE if weight > 0 else INFLUENCE_SOFT).light)
        for c in order
        if (weight := float(student.weights[c]))
    ]
    return hv.Bars(rows, "concept", ["influence", "colour"], label=student.class_name).opts(
        color="colour",
        line_color=INFLUENCE.light,
        invert_axes=True,
        invert_yaxis=True,
        show_legend=False,
        tools=["hover"],
        width=420,
        height=max(200, 80 + 22 * len(rows)),
        backend="bokeh",
    )


@bokeh_backend()
def make_what_if(
    student: Student, concept: str, metric: str = AP.key, noise: Noise = USUAL_NOISE
) -> hv.Overlay:
    """Draw one metric over the influence of a concept, other influences unchanged, with interval.

    Metrics of decisions are exact steps, the others are computed on a grid. The interval is for the
    change from the present influence (vertical line), by a paired bootstrap over the images.
    """
    weight = student.weight(concept)
    grid = influence_grid(student.weights, weight, GRID)
    band = change_along(student, concept, metric, grid, noise["draws"], noise["level"])
    now = student.outcome.value(metric)
    name = METRICS[metric].name
    if metric in (*DECISIONS, FIDELITY.key):
        line = _steps(student, concept, metric)
    else:
        line = hv.Curve((grid, now + band.estimate), "influence", [(metric, name)])
    low, high = (np.clip(now + end, 0, 1) for end in (band.low, band.high))  # as the metrics are
    area = hv.Area(
        (grid, low, high),
        "influence",
        [(f"{metric}_low", f"{name}, low"), (f"{metric}_high", f"{name}, high")],
    )
    return (
        (
            area.opts(color=BAND.light, line_alpha=0, backend="bokeh")
            * line.opts(color=INK.light, tools=["hover"], backend="bokeh")
            * hv.VLine(weight).opts(color=INFLUENCE.light, line_width=1, backend="bokeh")
        )
        .relabel(f"{student.class_name}, {concept}")
        .opts(ylabel=name, width=420, height=320, backend="bokeh")
    )


@bokeh_backend()
def _steps(student: Student, concept: str, metric: str) -> hv.Curve:
    """Draw the exact curve of a decision metric, a step function of the influence."""
    curves = exact_curves(student, concept)
    values = getattr(curves, metric)
    columns = (curves.edges, np.append(values, values[-1]))
    name = [(metric, METRICS[metric].name)]
    return hv.Curve(columns, "influence", name).opts(interpolation="steps-post", backend="bokeh")


@bokeh_backend()
def make_confusion(student: Student) -> hv.Overlay:
    """Draw the counts of labelled images by label and student's decision as a 2 × 2 heat map."""
    decided = student.decided
    rows = [
        (f"decided {name}", f"labelled {true}", int(np.count_nonzero(images)))
        for name, mask in zip(_SIDES, (decided, ~decided), strict=True)
        for true, label in zip(_SIDES, (1, 0), strict=True)
        for images in [mask & (student.labels == label)]
    ]
    most = max(images for _, _, images in rows)
    cells = hv.HeatMap(rows, ["student", "label"], "images").opts(
        cmap="Blues",
        clim=(0, 2 * max(most, 1)),
        tools=["hover"],
        invert_yaxis=True,
        backend="bokeh",
    )
    texts = hv.Labels(rows, ["student", "label"], "images").opts(
        text_color=INK.light, backend="bokeh"
    )
    return (cells * texts).relabel(student.class_name).opts(width=380, height=320, backend="bokeh")


@bokeh_backend()
def make_reliability(student: Student) -> hv.Overlay:
    """Draw a reliability diagram: share of positives over mean probability, by equal-width bins.

    For labelled images; empty bins are left out. Columns: ``probability``, ``positive``,
    ``images``. The bins are those of the ECE (``distill.metrics.calibration``).
    """
    columns = ["probability", ("positive", "share of positives"), "images"]
    drawn = _reliability(reliability(student.labels, student.logits), columns)
    return drawn.relabel(student.class_name).opts(width=380, height=320, backend="bokeh")


@bokeh_backend()
def _reliability(bins: Reliability, columns: list[Any]) -> hv.Overlay:
    """Draw frequency over probability and the diagonal; ``columns`` name also the events."""
    filled = bins.events > 0
    table = bins.probability[filled], bins.frequency[filled], bins.events[filled]
    diagonal = hv.Curve([(0.0, 0.0), (1.0, 1.0)], columns[:1], columns[1:2])
    points = hv.Points(table, columns[:2], columns[2])
    return diagonal.opts(color=TEACHER.light, line_dash="dashed", backend="bokeh") * points.opts(
        color=INFLUENCE.light, size=8, tools=["hover"], backend="bokeh"
    )


@bokeh_backend()
def make_coverage(points: Sequence[CoveragePoint], title: str) -> hv.Overlay:
    """Draw the accuracy, with interval, of the most confident decisions over their share of all.

    Columns: ``coverage`` (the share), ``accuracy``, ``threshold``, ``answered`` (images).
    """
    ends = [(point.coverage, point.accuracy.low, point.accuracy.high) for point in points]
    rows = [
        (point.coverage, point.accuracy.estimate, point.threshold, point.answered)
        for point in points
    ]
    name = ACCURACY.key
    area = hv.Area(ends, "coverage", [f"{name}_low", f"{name}_high"])
    line = hv.Curve(rows, "coverage", [name, "threshold", "answered"])
    return (
        (
            area.opts(color=BAND.light, line_alpha=0, backend="bokeh")
            * line.opts(color=INFLUENCE.light, tools=["hover"], backend="bokeh")
        )
        .relabel(title)
        .opts(xlabel="share answered", ylabel=ACCURACY.name, width=420, height=320, backend="bokeh")
    )


_PLACE = ["lane", "iteration"]


class Branches:
    """Layout of the tree of iterations: the row and the lane (column) of each node.

    ``nodes`` are oldest first, parents before children; ``current`` is the id of the shown node.
    """

    def __init__(self, nodes: Sequence[Iteration], current: str) -> None:
        self.newest = nodes[::-1]
        self.lanes = make_lanes(nodes)
        self.places = {node.id: row for row, node in enumerate(self.newest)}
        self.path = {node.id for node in make_path(nodes, current)}  # to the current node
        self.current = self.places[current]

    def edges(self, first: int = 0, last: int | None = None) -> list[dict[str, Any]]:
        """Return the lines from nodes to their parents; both ends are ``[row, lane]``.

        ``path`` is True for lines that lead to the current node. Only lines are returned that are
        visible in the rows from ``first``, before ``last``.
        """
        pairs = [
            (row, self.places[node.parent], node.id in self.path)
            for row, node in enumerate(self.newest[:last])
            if node.parent
        ]
        return [
            {"from": [start, self.lanes[start]], "to": [end, self.lanes[end]], "path": path}
            for start, end, path in pairs
            if end >= first
        ]


def make_lanes(nodes: Sequence[Iteration]) -> list[int]:
    """Return the lane (column) of each node, newest first; 0 is leftmost, branches go right.

    ``nodes`` are oldest first, parents before children. A node has the lane of its newest child,
    so that going back and tuning again leaves the older branch on the right.
    """
    waiting: dict[str, list[int]] = defaultdict(list)  # lanes by the node that they lead to
    free: list[int] = []  # a heap
    used = 0
    lanes = []
    for node in reversed(nodes):
        taken = sorted(waiting.pop(node.id, ()))
        if not taken:
            taken = [heapq.heappop(free) if free else used]
            used = max(used, taken[0] + 1)
        for lane in taken[1:]:
            heapq.heappush(free, lane)
        if node.parent:
            waiting[node.parent].append(taken[0])
        else:
            heapq.heappush(free, taken[0])
        lanes.append(taken[0])
    return lanes


def make_path(nodes: Sequence[Iteration], node_id: str) -> list[Iteration]:
    """Return the iteration ``node_id`` and its ancestors, newest first."""
    by_id = {node.id: node for node in nodes}
    path = [by_id[node_id]]
    while path[-1].parent:
        path.append(by_id[path[-1].parent])
    return path


@bokeh_backend()
def make_provenance(
    nodes: Sequence[Iteration], current: str, aps: Mapping[str, float] | None = None
) -> hv.Overlay:
    """Draw iterations (oldest first, parents before children) in lanes, linked to their parents.

    Points have the columns ``lane``, ``iteration`` (its number), ``name``, ``intents``, ``note``
    and ``fill``; a label has name, AP (of ``aps``, by id) and edits. ``current`` is the id of the
    highlighted iteration.
    """
    branches = Branches(nodes, current)
    at = {node.id: (branches.lanes[branches.places[node.id]], node.number) for node in nodes}
    lines = [(*at[node.parent], *at[node.id]) for node in nodes if node.parent]
    rows = [
        (
            *at[node.id],
            f"#{node.number} {node.name}".rstrip(),
            ", ".join(
                f"{o.kind.glyph} {name}, {o.class_name}" for o, name, _ in folded(node.edits)
            ),
            node.note,
            (ACTIVE if node.id == current else SURFACE).light,
        )
        for node in nodes
    ]
    width = max(branches.lanes) + 1
    points = hv.Points(rows, _PLACE, ["name", "intents", "note", "fill"])
    labels = [
        (*row[:2], ", ".join(filter(None, [row[2], _ap_words(aps, node.id), _cut(row[3])])))
        for row, node in zip(rows, nodes, strict=True)
    ]
    texts = hv.Labels(labels, _PLACE, "name")
    return (
        hv.Segments(lines, [*_PLACE, "to_lane", "to_iteration"]).opts(
            color=INK_3.light, backend="bokeh"
        )
        * points.opts(
            color="fill",
            line_color=INK.light,
            size=10,
            tools=["hover"],
            show_legend=False,
            backend="bokeh",
        )
        * texts.opts(text_color=INK.light, text_align="left", xoffset=0.08, backend="bokeh")
    ).opts(
        xaxis=None,
        yaxis=None,
        xlim=(-0.3, width + 1.5),
        padding=(0, 0.2),
        width=520,
        height=max(200, 60 + 40 * len(nodes)),
        backend="bokeh",
    )


def _ap_words(aps: Mapping[str, float] | None, node: str) -> str:
    return f"{AP.mean} {number(aps[node])}" if aps and node in aps else ""


def _cut(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


_CURVES = {
    "silhouette": "silhouette, sub-class",
    "silhouette_super": "silhouette, super-class",
    TOP1.key: TOP1.word,
    ACCURACY.key: f"{ACCURACY.word}, mean of classes",
}


@bokeh_backend()
def make_gamma_curves(sweep: GammaSweep) -> hv.NdOverlay:
    """Draw silhouettes and accuracy of oracles over their gamma, as figure 4 of Lee et al."""
    curves = {}
    for measure, name in _CURVES.items():
        if measure in sweep.oracles[0].measures:
            values = [each.measures[measure].estimate for each in sweep.oracles]
            curves[name] = hv.Curve((sweep.gammas, values), "gamma", ("value", "value"))
    return hv.NdOverlay(curves, "measure").opts(
        legend_position="right", width=560, height=320, backend="bokeh"
    )


def make_gamma_reliability(sweep: GammaSweep) -> hv.HoloMap:
    """Draw the oracle's reliability diagram at each gamma: frequency over probability, by bin."""
    columns = ["probability", ("frequency", "share that is right"), "events"]
    shown = {each.gamma: _reliability(each.reliability, columns) for each in sweep.oracles}
    return hv.HoloMap(shown, "gamma")


@bokeh_backend()
def make_gamma_maps(sweep: GammaSweep, seed: int = 0) -> hv.HoloMap:
    """Draw the images on a t-SNE map of the oracle's logits at each gamma.

    Colours are super-classes, or groups if there are none; the sweep needs groups. Columns: ``x``,
    ``y``, ``group``, ``row`` (position in the store).
    """
    groups, shown = sweep.above or sweep.groups, {}
    for gamma, places in sweep.places(seed).items():
        rows = np.flatnonzero(~np.isnan(places[:, 0]))
        names = [groups.names[k] if k >= 0 else "" for k in groups.of[rows]] if groups else []
        table = *places[rows].T, names, sweep.rows[rows]
        shown[gamma] = hv.Points(table, ["x", "y"], ["group", "row"]).opts(
            color="group", cmap="Category20", size=5, tools=["hover"], width=540, height=420,
            legend_position="right", backend="bokeh",
        )  # fmt: skip
    return hv.HoloMap(shown, "gamma")
