"""Plots of oracles over gamma, as HoloViews elements: silhouettes and accuracy, maps, diagrams."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from inficond_panel.quantify.outputs.gamma_sweep import GammaSweep
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.vocabulary.palette import INFLUENCE, TEACHER
from inficond_panel.vocabulary.top_metrics import TOP1

_CURVES = {
    "silhouette": "silhouette, sub-class",
    "silhouette_super": "silhouette, super-class",
    TOP1.key: TOP1.word,
    ACCURACY.key: f"{ACCURACY.word}, mean of classes",
}


def make_gamma_curves(sweep: GammaSweep) -> hv.NdOverlay:
    """Silhouettes and accuracy over gamma, one curve per name; the figure 4 of Lee et al."""
    curves = {}
    for measure, name in _CURVES.items():
        if measure in sweep.oracles[0].measures:
            values = [each.measures[measure].estimate for each in sweep.oracles]
            curves[name] = hv.Curve((sweep.gammas, values), "gamma", ("value", "value"))
    return hv.NdOverlay(curves, "measure").opts(legend_position="right", width=560, height=320)


def make_gamma_reliability(sweep: GammaSweep) -> hv.HoloMap:
    """Frequency over probability by bin, beside the diagonal, for each gamma."""
    columns = ["probability", ("frequency", "share that is right"), "events"]
    diagonal = hv.Curve([(0.0, 0.0), (1.0, 1.0)], columns[:1], columns[1:2])
    shown = {}
    for each in sweep.oracles:
        bins = each.reliability
        filled = bins.events > 0
        table = bins.probability[filled], bins.frequency[filled], bins.events[filled]
        points = hv.Points(table, columns[:2], columns[2])
        shown[each.gamma] = diagonal.opts(color=TEACHER.light, line_dash="dashed") * points.opts(
            color=INFLUENCE.light, size=8, tools=["hover"]
        )
    return hv.HoloMap(shown, "gamma")


def make_gamma_maps(sweep: GammaSweep, seed: int = 0) -> hv.HoloMap:
    """Images on a t-SNE map of each gamma, by super-class where there are some, else by group.

    Columns: ``x``, ``y``, ``group``, ``row`` (position in the store). Needs groups.
    """
    groups, shown = sweep.above or sweep.groups, {}
    for gamma, places in sweep.places(seed).items():
        rows = np.flatnonzero(~np.isnan(places[:, 0]))
        names = [groups.names[k] if k >= 0 else "" for k in groups.of[rows]] if groups else []
        table = *places[rows].T, names, sweep.rows[rows]
        shown[gamma] = hv.Points(table, ["x", "y"], ["group", "row"]).opts(
            color="group", cmap="Category20", size=5, tools=["hover"], width=540, height=420,
            legend_position="right",
        )  # fmt: skip
    return hv.HoloMap(shown, "gamma")
