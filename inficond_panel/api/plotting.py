"""Plots of a session of scripted students, as HoloViews elements to compose."""

from __future__ import annotations

from collections.abc import Collection

import holoviews as hv
import panel as pn
import param

from inficond_panel.api.moves import Moves
from inficond_panel.api.names import check_metric, check_word
from inficond_panel.plots.concept_matrix import make_matrix, take_cells
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
from inficond_panel.results.metrics import take_snapshot, take_tree
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.ui.notebook_cell import in_kernel
from inficond_panel.ui.notebook_scripts import packed_scripts
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import FIT, TUNE


class StudentPlots:
    """Plots of the students at their iteration: ``+``, ``*``, ``.opts`` and ``hv.save`` work.

    A plot of the holdout counts a look. Raises ``TuningError`` for names that are not there.
    """

    def __init__(self, students: Moves) -> None:
        self.students = students
        if in_kernel():
            load_bokeh()

    @property
    def _noise(self) -> Noise:
        return self.students.tuner.spec.views.noise()

    def performance(self, split: str = TUNE) -> hv.Rectangles:
        """Positives and negatives of each class by who decides them rightly, as on the page."""
        self.students.count_look(split)
        return make_performance(take_snapshot(self.students.tuner, self.students.node, split))

    def knowledge(self, class_name: str, top: int = 15) -> hv.Bars:
        """The student's ``top`` strongest concepts with their influences."""
        return make_knowledge(self.students.student(class_name, FIT), top)

    def what_if(
        self, class_name: str, concept: str, metric: str = AP.key, split: str = TUNE
    ) -> hv.Overlay:
        """A metric over the influence of a concept, the others held, with the interval."""
        check_name("concept", concept, self.students.tuner.store.concepts)
        check_metric(metric)
        return make_what_if(self.students.student(class_name, split), concept, metric, self._noise)

    def embedding(self, class_name: str = "", method: str = "", concept: str = "") -> hv.Overlay:
        """Concepts in the plane over all segments; of a class its strongest are labelled.

        With a ``concept`` the segments whose best concept it is are lit, with their centre.
        """
        store, named = self.students.tuner.store, self.students.tuner.spec.projections
        if concept:
            check_name("concept", concept, store.concepts)
        influence = self.students.student(class_name, FIT).weights if class_name else None
        return make_embedding(store, influence, method, concept, named)

    def provenance(self) -> hv.Overlay:
        """The tree of iterations, deleted branches left out; this one is filled."""
        return make_provenance(
            take_tree(self.students.tuner, self.students.node).nodes, self.students.node.id
        )

    def matrix(
        self,
        top: int = 30,
        order: str = "strongest",
        find: str = "",
        marked: Collection[tuple[str, str]] = (),
        dark: bool = False,
    ) -> hv.Image:
        """Influences of all students by concept and class, as on the page.

        Of the first ``top`` concepts that have any (0: of all concepts), by ``order``: strongest,
        name, similar, marked. ``find`` is a part of a name; ``marked`` are pairs of class and
        concept that get an outline, such as suspects.
        """
        check_word("order", order, ORDERS)
        store, node = self.students.tuner.store, self.students.node
        positions = order_concepts(node.weights, store.concepts, order, marked)
        return make_matrix(take_cells(store, node, positions, find, top, marked), dark)

    def gammas(self, sweep: GammaSweep) -> hv.NdOverlay:
        """Silhouettes and accuracy of oracles over gamma, of ``students.oracle_sweep``."""
        return make_gamma_curves(sweep)

    def gamma_reliability(self, sweep: GammaSweep) -> hv.HoloMap:
        """Reliability diagram of the oracle of each gamma."""
        return make_gamma_reliability(sweep)

    def gamma_maps(self, sweep: GammaSweep, seed: int = 0) -> hv.HoloMap:
        """The t-SNE map of the oracle of each gamma, coloured by super-class or class."""
        return make_gamma_maps(sweep, seed)

    def confusion(self, class_name: str, split: str = TUNE) -> hv.Overlay:
        """Counts of the labelled images by label and the student's decision."""
        return make_confusion(self.students.student(class_name, split))

    def reliability(self, class_name: str, split: str = TUNE) -> hv.Overlay:
        """Share of positives over the student's probability, in the bins of the ECE."""
        return make_reliability(self.students.student(class_name, split))

    def coverage(self, class_name: str = "") -> hv.Overlay:
        """Accuracy on tune of the surest decisions over their share, as ``students.coverage``."""
        decisions = decisions_of(self.students.tuner, self.students.node, class_name)
        return make_coverage(decisions.curve(**self._noise), class_name or "all classes")


def load_bokeh() -> None:
    """Have the notebook draw HoloViews elements by Bokeh, unless it has loaded a backend already.

    The scripts come from this machine, and once: not where Panel's extension has brought them.
    """
    if getattr(hv.extension, "_loaded", False):
        return
    scripts = not pn.extension._loaded
    with (
        packed_scripts(),
        param.logging_level("ERROR"),
    ):  # it warns of the two words by which it leaves scripts out
        hv.extension("bokeh", inline=True, logo=False, bokeh=scripts, holoviews=scripts)
