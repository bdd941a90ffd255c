"""Plots of scripted students, as HoloViews elements."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import param

from inficond_panel.api.arguments import check_word
from inficond_panel.api.moves import Moves
from inficond_panel.common.upstream import choose_bokeh
from inficond_panel.distill.metrics.bootstrap import mean_defined
from inficond_panel.export.pocket.sizes import costs_in
from inficond_panel.plots.concept_matrix import make_matrix, take_cells
from inficond_panel.plots.cost_plot import make_cost
from inficond_panel.plots.map_layers import make_embedding
from inficond_panel.plots.performance_bars import make_performance
from inficond_panel.plots.student_plots import (
    make_confusion,
    make_coverage,
    make_gamma_curves,
    make_gamma_maps,
    make_gamma_reliability,
    make_knowledge,
    make_provenance,
    make_reliability,
    make_what_if,
)
from inficond_panel.quantify.gamma_sweep import GammaSweep
from inficond_panel.results.concept_rows import ORDERS, order_concepts
from inficond_panel.results.decisions import decisions_of
from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.results.tree import take_tree
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.ui.browser import InlineStyles
from inficond_panel.ui.notebook_cell import in_kernel, in_marimo, packed_scripts, running_cell
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import METRICS, USUAL_METRIC, MetricKey
from inficond_panel.vocabulary.splits import FIT, TUNE, Split

#: Cell that brought the scripts of plots to the notebook, with the number of its last run.
_BROUGHT: dict[str, int] = {}


def _load_backend() -> None:
    """Load the scripts of HoloViews' Bokeh backend, and again where the cell that brought them is
    rerun. A backend that the user has loaded stays the one of the user's own plots; where none is
    loaded, Bokeh is current, without which HoloViews shows no plot.

    Without the scripts of the rerun, a notebook saved after the rerun would have no scripts.
    """
    cell, run = running_cell()
    again = _BROUGHT.get(cell, run) != run
    if getattr(hv.extension, "_loaded", False) and not again:
        return
    # scripts and style sheets are inlined, without a network, and not a second time if Panel has
    # loaded them
    scripts = again or not pn.extension._loaded
    if scripts and cell:
        _BROUGHT[cell] = run
    # ERROR hides a warning about the keywords bokeh and holoviews
    chosen = hv.Store.current_backend
    with packed_scripts(), param.logging_level("ERROR"):
        hv.extension("bokeh", inline=True, logo=False, bokeh=scripts, holoviews=scripts)
    if chosen in hv.Store.renderers:
        hv.Store.set_current_backend(chosen)
    _inline(add=not again)


def _inline(*, add: bool) -> None:
    """Let plots of a notebook load nothing from the network; ``add`` for the first plot."""
    panel: Any = pn  # its types allow less than it takes
    panel.config.inline = True
    if add:
        panel.viewable.Viewable._preprocessing_hooks.append(InlineStyles())


class StudentPlots:
    """Plots of the students at one iteration, as HoloViews elements (``+``, ``*``, ``.opts``).

    Plots of the holdout count a use of the holdout. Raises ``TuningError`` for unknown names.
    """

    def __init__(self, students: Moves) -> None:
        self.students = students
        if in_kernel():
            _load_backend()
        elif in_marimo():
            choose_bokeh()
            _inline(add=not pn.config.inline)

    @property
    def _noise(self) -> Noise:
        return self.students.tuner.spec.views.noise()

    def performance(self, split: Split = TUNE) -> hv.Rectangles:
        """Plot positives and negatives per class, by whether student and teacher are right."""
        self.students.count_look(split)
        return make_performance(take_snapshot(self.students.tuner, self.students.node, split))

    def knowledge(self, class_name: str, top: int = 15) -> hv.Bars:
        """Plot the ``top`` largest influences of a student."""
        return make_knowledge(self.students.student(class_name, FIT), top)

    def what_if(
        self, class_name: str, concept: str, metric: MetricKey = USUAL_METRIC, split: Split = TUNE
    ) -> hv.Overlay:
        """Plot a metric, with interval, over one concept's influence; other influences fixed."""
        concept = known_name("concept", concept, self.students.tuner.store.concepts)
        check_word("metric", metric, METRICS)
        return make_what_if(self.students.student(class_name, split), concept, metric, self._noise)

    def embedding(self, class_name: str = "", method: str = "", concept: str = "") -> hv.Overlay:
        """Plot concepts and segments in two dimensions; label a class's strongest concepts.

        With a ``concept``, highlights the segments assigned to it, and their centre.
        """
        store, named = self.students.tuner.store, self.students.tuner.spec.projections
        if concept:
            concept = known_name("concept", concept, store.concepts)
        influence = self.students.student(class_name, FIT).weights if class_name else None
        return make_embedding(store, influence, method, concept, named)

    def provenance(self) -> hv.Overlay:
        """Plot the tree of iterations without deleted branches, with their mAP on ``tune`` and
        edits; the current one is filled."""
        tuner, node = self.students.tuner, self.students.node
        nodes = take_tree(tuner, node).nodes
        aps = {
            each.id: float(mean_defined(np.array([one.ap for one in of_class.values()])))
            for each in nodes
            for of_class in [tuner.metrics(tuner.node(each.id), TUNE)]
        }
        return make_provenance(nodes, node.id, aps)

    def matrix(
        self,
        top: int = 30,
        order: str = "strongest",
        find: str = "",
        marked: Collection[tuple[str, str]] = (),
        dark: bool = False,
    ) -> hv.Image:
        """Plot the influences of all students, concept by class, as on the page.

        Shows the first ``top`` concepts with an influence (0: all concepts) in the given ``order``:
        strongest, name, similar or marked. ``find`` filters by a part of the name; ``marked`` pairs
        (class, concept), such as suspects, get an outline.
        """
        check_word("order", order, ORDERS)
        store, node = self.students.tuner.store, self.students.node
        positions = order_concepts(node.weights, store.concepts, order, marked)
        return make_matrix(take_cells(store, node, positions, find, top, marked), dark)

    def gammas(self, sweep: GammaSweep) -> hv.NdOverlay:
        """Plot silhouette and accuracy of the oracles over gamma, from ``oracle_sweep``."""
        return make_gamma_curves(sweep)

    def gamma_reliability(self, sweep: GammaSweep) -> hv.HoloMap:
        """Plot one reliability diagram of the oracle per gamma, from ``oracle_sweep``."""
        return make_gamma_reliability(sweep)

    def gamma_maps(self, sweep: GammaSweep, seed: int = 0) -> hv.HoloMap:
        """Plot one t-SNE map of the oracle per gamma, coloured by super-class or class."""
        return make_gamma_maps(sweep, seed)

    def confusion(self, class_name: str, split: Split = TUNE) -> hv.Overlay:
        """Plot the confusion matrix of one class: images by label and student's decision."""
        return make_confusion(self.students.student(class_name, split))

    def reliability(self, class_name: str, split: Split = TUNE) -> hv.Overlay:
        """Plot the reliability diagram: share of positives per bin of the probability."""
        return make_reliability(self.students.student(class_name, split))

    def coverage(self, class_name: str = "") -> hv.Overlay:
        """Plot the accuracy of the most certain decisions on tune over their share of images."""
        decisions = decisions_of(self.students.tuner, self.students.node, class_name)
        return make_coverage(decisions.curve(**self._noise), class_name or "all classes")

    def cost(self, *folders: str | Path) -> hv.Overlay:
        """Plot AP over milliseconds of teacher, students and pockets, from the cards in folders
        that ``pocket`` wrote. Raises ``ExportError`` for a folder without such a card."""
        rows, split = costs_in(folders)
        return make_cost(rows, split)
