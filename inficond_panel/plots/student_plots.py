"""Plots of one student: its concepts, what a change would do, its errors, its calibration."""

from __future__ import annotations

from collections.abc import Sequence

import holoviews as hv
import numpy as np
from scipy.special import expit

from inficond_panel.common.ordering import strongest
from inficond_panel.distill import influence_axis, influence_grid, what_if_curve
from inficond_panel.distill.metrics.calibration import BINS, bin_of
from inficond_panel.distill.metrics.thresholds import CoveragePoint
from inficond_panel.results.what_if_curves import change_along
from inficond_panel.tuning import Student
from inficond_panel.vocabulary.confidence import USUAL_NOISE, Noise
from inficond_panel.vocabulary.metrics import ACCURACY, AP, DECISIONS, FIDELITY, METRICS
from inficond_panel.vocabulary.palette import BAND, INFLUENCE, INFLUENCE_SOFT, INK, TEACHER

GRID = 101  #: influences at which a curve that is not exact, and each band, is computed
_SIDES = ("present", "absent")


def make_knowledge(student: Student, top: int = 15) -> hv.Bars:
    """Influences of the ``top`` strongest concepts, the strongest first; none at 0.

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
    )


def make_what_if(
    student: Student, concept: str, metric: str = AP.key, noise: Noise = USUAL_NOISE
) -> hv.Overlay:
    """One metric over the influence of a concept, all others held, with its interval of ``noise``.

    Metrics of decisions are exact steps, the others lie on a grid. The interval is of the change
    from the present influence, a paired bootstrap over the images; a vertical line marks that.
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
    area = hv.Area(
        (grid, now + band.low, now + band.high),
        "influence",
        [(f"{metric}_low", f"{name}, low"), (f"{metric}_high", f"{name}, high")],
    )
    return (
        (
            area.opts(color=BAND.light, line_alpha=0)
            * line.opts(color=INK.light, tools=["hover"])
            * hv.VLine(weight).opts(color=INFLUENCE.light, line_width=1)
        )
        .relabel(f"{student.class_name}, {concept}")
        .opts(ylabel=name, width=420, height=320)
    )


def _steps(student: Student, concept: str, metric: str) -> hv.Curve:
    """The exact curve of a metric of decisions: each value holds from its place to the next."""
    weight = student.weight(concept)
    curves = what_if_curve(
        student.slope(concept),
        student.logits,
        weight,
        student.labels,
        *influence_axis(student.weights, weight),
        cutoff=student.cutoff,
        teacher=student.teacher_decided,
    )
    values = getattr(curves, metric)
    columns = (curves.edges, np.append(values, values[-1]))
    name = [(metric, METRICS[metric].name)]
    return hv.Curve(columns, "influence", name).opts(interpolation="steps-post")


def make_confusion(student: Student) -> hv.Overlay:
    """Counts of the labelled images by label and decision of the student, as a 2 × 2 heat map."""
    decided = student.decided
    rows = [
        (f"decided {said}", f"labelled {true}", int(np.count_nonzero(images)))
        for said, there in zip(_SIDES, (decided, ~decided), strict=True)
        for true, label in zip(_SIDES, (1, 0), strict=True)
        for images in [there & (student.labels == label)]
    ]
    most = max(images for _, _, images in rows)
    cells = hv.HeatMap(rows, ["student", "label"], "images").opts(
        cmap="Blues", clim=(0, 2 * max(most, 1)), tools=["hover"], invert_yaxis=True
    )
    texts = hv.Labels(rows, ["student", "label"], "images").opts(text_color=INK.light)
    return (cells * texts).relabel(student.class_name).opts(width=380, height=320)


def make_reliability(student: Student, bins: int = BINS) -> hv.Overlay:
    """Share of positives over the mean probability, in bins of equal width, beside the diagonal.

    Of the labelled images; bins without one are left out. Columns: ``probability``, ``positive``,
    ``images``. The bins are those of the ECE (``distill.metrics.calibration``).
    """
    known = student.labels >= 0
    probability, positive = expit(student.logits[known]), student.labels[known] > 0
    where = bin_of(probability, bins, equal_mass=False)
    images = np.bincount(where, minlength=bins)
    filled = images > 0
    mean, share = (
        np.bincount(where, values, bins)[filled] / images[filled]
        for values in (probability, positive)
    )
    columns = ["probability", ("positive", "share of positives"), "images"]
    points = hv.Points((mean, share, images[filled]), columns[:2], columns[2])
    diagonal = hv.Curve([(0.0, 0.0), (1.0, 1.0)], columns[:1], columns[1:2])
    return (
        (
            diagonal.opts(color=TEACHER.light, line_dash="dashed")
            * points.opts(color=INFLUENCE.light, size=8, tools=["hover"])
        )
        .relabel(student.class_name)
        .opts(width=380, height=320)
    )


def make_coverage(points: Sequence[CoveragePoint], title: str) -> hv.Overlay:
    """Accuracy of the answered images over their share, with its interval.

    Columns: ``coverage``, ``accuracy``, ``threshold``, ``answered``.
    """
    share = [point.coverage for point in points]
    limits = [(point.accuracy.low, point.accuracy.high) for point in points]
    low, high = zip(*limits, strict=True) if limits else ((), ())
    rows = [
        (point.coverage, point.accuracy.estimate, point.threshold, point.answered)
        for point in points
    ]
    name = ACCURACY.key
    area = hv.Area((share, low, high), "coverage", [f"{name}_low", f"{name}_high"])
    line = hv.Curve(rows, "coverage", [name, "threshold", "answered"])
    return (
        (
            area.opts(color=BAND.light, line_alpha=0)
            * line.opts(color=INFLUENCE.light, tools=["hover"])
        )
        .relabel(title)
        .opts(xlabel="share answered", ylabel=ACCURACY.name, width=420, height=320)
    )
