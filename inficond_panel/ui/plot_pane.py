"""HoloViews plots within views: the backend, and panes that a session's end lets go of."""

from __future__ import annotations

from collections.abc import Callable

import holoviews as hv
import holoviews.plotting.bokeh
import panel as pn
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, though in lower case

# Not hv.extension: in a notebook it would load scripts from outside as soon as it is imported.
hv.Store.set_current_backend("bokeh")


def make_plot_pane(plot: hv.DynamicMap | hv.Element) -> pn.pane.HoloViews:
    """Pane of a plot that fills its place in a view."""
    return pn.pane.HoloViews(plot, sizing_mode="stretch_both", linked_axes=False, margin=0)


def change_figure(figure: Figure, change: Callable[[], None]) -> None:
    """Change models of a figure: on a server at its next tick, which holds the document's lock."""
    document = figure.document
    if document is not None and document.session_context is not None:
        # not in one message: what listens to these models in Python is not told of what is held
        document.add_next_tick_callback(change)
    else:
        change()


def close_plots(pane: pn.pane.HoloViews) -> None:
    """Take a pane's plots out of HoloViews' own registers, which would keep the session for good.

    When a session ends Panel does not come to them: the models above them are empty then.
    """
    for plot, _ in pane._plots.values():
        plot.cleanup()
    pane._plots.clear()
