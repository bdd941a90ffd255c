"""HoloViews plots within views: the backend, and panes that a session's end lets go of."""

from __future__ import annotations

import holoviews as hv
import holoviews.plotting.bokeh
import panel as pn

# Not hv.extension: in a notebook it would load scripts from outside as soon as it is imported.
hv.Store.set_current_backend("bokeh")


def make_plot_pane(plot: hv.DynamicMap) -> pn.pane.HoloViews:
    """Pane of a plot that fills its place in a view."""
    return pn.pane.HoloViews(plot, sizing_mode="stretch_both", linked_axes=False, margin=0)


def close_plots(pane: pn.pane.HoloViews) -> None:
    """Take a pane's plots out of HoloViews' own registers, which would keep the session for good.

    When a session ends Panel does not come to them: the models above them are empty then.
    """
    for plot, _ in pane._plots.values():
        plot.cleanup()
    pane._plots.clear()
