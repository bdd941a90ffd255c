"""Our views beside a plot of one's own, which follows them: inficond docs notebook."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import panel as pn

import inficond_panel
from inficond_panel.app import Explorer
from inficond_panel.results.snapshot import Snapshot

hv.extension("bokeh")
beside = pn.Column(sizing_mode="stretch_width")


def show(session: Explorer) -> None:
    """Bind the plot to the session's state, which is there now."""
    state = session.app

    def plot(class_name: str, _: Snapshot) -> hv.Overlay | pn.pane.Markdown:
        """Logits of the student on images with the class, and on those without it."""
        if not class_name:
            return pn.pane.Markdown("Select a class.")
        student = state.students.student(class_name)
        bins = np.linspace(student.logits.min(), student.logits.max(), 40)
        layers = [
            hv.Histogram(np.histogram(student.logits[student.labels == side], bins), label=name)
            for side, name in ((0, "without it"), (1, "with it"))
        ]
        style = {"title": f"{class_name}, #{student.node.number}", "xlabel": "logit"}
        return hv.Overlay(layers).opts(
            hv.opts.Histogram(alpha=0.5, responsive=True, height=300, **style)
        )

    beside[:] = [pn.bind(plot, state.selection.param.class_name, state.students.param.snapshot)]


session = inficond_panel.explore("demo", on_ready=show)
pn.Row(session.views.performance, session.views.knowledge, beside).servable(title="Own app")
