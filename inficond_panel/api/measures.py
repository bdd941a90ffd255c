"""Measures of scripted students: metrics, changes, concepts, slices, stability, suggestions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from inficond_panel.analysis.comparison import Comparison, compare
from inficond_panel.analysis.images.gallery import take_gallery
from inficond_panel.analysis.images.local_explanation import Apart, take_apart
from inficond_panel.analysis.influence_stability import stability
from inficond_panel.analysis.node_metrics import measure_slices, metadata_slices
from inficond_panel.analysis.top_measures import check_single_label
from inficond_panel.api import concept_tables, tables
from inficond_panel.api.moves import Moves
from inficond_panel.api.names import check_metric, check_word, several, some
from inficond_panel.api.shown_results import ShownReport, shown_report
from inficond_panel.distill.robustness.collinearity import collinear
from inficond_panel.errors import DataError
from inficond_panel.oracle_sweep import GROUPS, oracle_sweep
from inficond_panel.quantify.outputs.gamma_sweep import GammaSweep
from inficond_panel.tuning import Node
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node_names import NodeName, find_node
from inficond_panel.tuning.suggest import STRATEGIES, Suggestion, suggest
from inficond_panel.vocabulary.metrics import AP


class Measures(Moves):
    """Measures of the students at their iteration; a look at the holdout is counted."""

    @property
    def level(self) -> float:
        """Level of the intervals in tables, plots and reports: ``views.confidence`` of the spec."""
        return float(self.tuner.spec.views.confidence)

    def metrics(
        self, split: str = "tune", *, intervals: bool = False, together: bool = False
    ) -> pd.DataFrame:
        """Metrics of each class on a split, largest AP gap first; a look at the holdout is counted.

        With ``intervals`` the bootstrap limits stand beside each metric: ``ap_low``, ``ap_high``.
        ``together``, on data with one class an image: metrics of all students as one classifier
        (top-1, top-5, ...) in one row, and of the teacher in another. Raises ``TuningError`` where
        images have several classes.
        """
        if together:
            check_single_label(self.tuner.store)
        self.count_look(split)
        found = tables.metrics_together if together else tables.metrics
        return found(self.tuner, self.node, split, intervals)

    def oracle_sweep(
        self,
        gammas: Sequence[float],
        *,
        groups: str = "single",
        above: str = "",
        draws: int | None = None,
        seed: int = 0,
    ) -> GammaSweep:
        """Oracles of these gammas, made by the spec's teacher, measured on ``fit``.

        As ``inficond compare --gamma``: ``groups`` is single or sets, ``above`` a metadata column
        or a CSV file with super-classes. Raises as ``inficond_panel.oracle_sweep``.
        """
        check_word("groups", groups, list(GROUPS))
        return oracle_sweep(self.tuner, gammas, groups=groups, above=above, draws=draws, seed=seed)

    def confusion(self, split: str = "tune", *, teacher: bool = False) -> pd.DataFrame:
        """Number of images by label (rows) and by the class that the students name (columns).

        On data with one class an image; else it raises ``TuningError``. With ``teacher`` the class
        that the teacher names. A look at the holdout is counted.
        """
        check_single_label(self.tuner.store)
        self.count_look(split)
        return tables.confusion(self.tuner, self.node, split, teacher)

    def changes(
        self, since: NodeName = "parent", split: str = "tune", metric: str = AP.key
    ) -> pd.DataFrame:
        """A metric of each class before and now, with the paired-bootstrap interval of the change.

        ``since`` is ``"parent"``, ``"start"``, or an iteration. A look at the holdout is counted.
        """
        check_metric(metric)
        before = self._since(since)
        self.count_look(split)
        old, new = (self.tuner.at(each, split) for each in (before, self.node))
        return tables.changes(old, new, metric, self.tuner.spec.views.noise())

    def groups(self, *by: str, split: str = "tune", by_label: bool = False) -> pd.DataFrame:
        """Metrics of each class on the images with each value of metadata columns ``by``.

        A class will do as a column: its labels are the values.
        With ``by_label`` the accuracy in each cell of label × value ("absent · water"). Beside each
        metric its bootstrap limits: ``ap_low``, ``ap_high``. A look at the holdout is counted.
        Raises ``DataError`` for a column that the store does not have.
        """
        return self._grouped(tables.groups, by, split, by_label)

    def group_gaps(self, *by: str, split: str = "tune", by_label: bool = False) -> pd.DataFrame:
        """Worst group of each class by each metric, and its difference from the best.

        Arguments as in ``groups``: with ``by_label`` the ``value`` of accuracy is the worst-group
        accuracy. Groups of fewer than 30 images, or 10 positives or negatives where a metric needs
        them, are neither worst nor best. A look at the holdout is counted.
        """
        return self._grouped(tables.group_gaps, by, split, by_label)

    def _grouped(
        self, table: Callable[..., pd.DataFrame], by: Sequence[str], split: str, by_label: bool
    ) -> pd.DataFrame:
        if not by:
            raise DataError("Groups of what?", "Name a metadata column.")
        found = table(self.tuner, self.node, split, by, by_label)
        self.count_look(split)  # a wrong name is no look
        return found

    def report(self) -> ShownReport:
        """Report on the last refit: prices of bounds, who took over, what changed sides.

        It shows itself in sentences; ``of(class_name)`` and ``to_json()`` give the numbers.
        """
        return shown_report(self.tuner, self.node)

    def concepts_of(self, class_name: str, split: str = "tune") -> pd.DataFrame:
        """Concepts of one student that are not at 0, the largest influence first.

        Beside influence and bounds: the discrepancies over positives and negatives, and the AP
        that the student would have without the concept, the others held. A look at the holdout
        is counted.
        """
        return concept_tables.concepts_of(self.student(class_name, split))

    def shift(self, classes: str | Sequence[str] | None = None, *, seed: int = 0) -> pd.DataFrame:
        """Verdict on each class: ``shift``, ``none`` or ``unknown`` from fit to tune.

        Beside it the separation and the AP that are lost, and the AP on tune of two baselines, with
        their limits; see ``tuning.shift.class_shift``. Raises ``TuningError`` for an unknown class.
        """
        return concept_tables.shift(self.tuner, self.node, some(classes), seed)

    def suspects(
        self, classes: str | Sequence[str] | None = None, *, seed: int = 0
    ) -> pd.DataFrame:
        """Concepts that each student leans on, and whose bond with the class holds on fit only.

        The most suspect of a class first. Raises ``TuningError`` for an unknown class.
        """
        return concept_tables.suspects(self.tuner, self.node, some(classes), seed)

    def penalty_path(self, class_name: str, split: str = "tune") -> pd.DataFrame:
        """The student of a class over λ: concepts left, AP and fidelity with their limits.

        λ is the index; ``now`` marks the one in force, ``auto`` the one that ``lambda: auto`` would
        take alone: the first, unless another gains more than noise on tune. A look at the holdout
        is counted.
        """
        check_name("class", class_name, self.classes)
        self.count_look(split)
        return tables.penalty_path(self.tuner, self.node, class_name, split)

    def thresholds(
        self,
        precision: float | None = None,
        classes: str | Sequence[str] | None = None,
        *,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Thresholds by the labels of tune, of the best F1 or the most recall at a precision.

        ``low`` and ``high`` limit the threshold; F1, precision and recall are cross-fitted, and the
        change of F1 is against the threshold ``now``. For ``students.threshold`` of a spec: nothing
        is changed here. Raises ``TuningError`` for an unknown class or a wrong precision.
        """
        return tables.thresholds(self.tuner, self.node, precision, some(classes), seed)

    def coverage(
        self, class_name: str = "", *, draws: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Accuracy and F1 on tune of the surest decisions, over the share that they are of all.

        Sure is far from the threshold (the column, in logits). On data with one class an image,
        without a class: of all students together, by the probability of the likeliest class.
        ``gain`` is against deciding all images, on the same bootstrap draws. Raises ``TuningError``
        for an unknown class, and for none where images have several.
        """
        return tables.coverage(self.tuner, self.node, class_name, draws, seed)

    def scales(self, class_name: str) -> pd.DataFrame:
        """Scale of each concept's score on ``fit``, and what λ and the step are worth on it.

        A weight is in logits per unit of a score. ``effect`` is influence × ``spread`` (the
        standard deviation), ``penalty`` is λ / spread: what the L1 term takes per unit of effect.
        ``step`` is the least size that a thumb counts with, ``step_effect`` that × ``spread``.
        """
        check_name("class", class_name, self.classes)
        return concept_tables.scales(self.tuner, self.node, class_name)

    def twins(self, concept: str, least: float = 0.8) -> pd.Series:
        """Concepts whose scores correlate with this one's by ``least`` or more, on split fit.

        They can take its place when it is tuned down: tune them together.
        """
        check_name("concept", concept, self.concepts)
        found = collinear(self.tuner.fit_data.correlation, self.concepts.index(concept), least)
        names = pd.Index([self.concepts[c] for c, _ in found], name="concept", dtype=object)
        return pd.Series([r for _, r in found], index=names, name="correlation", dtype=float)

    def what_if(
        self,
        class_name: str,
        concept: str,
        metric: str = AP.key,
        split: str = "tune",
        *,
        refit: bool = False,
    ) -> pd.DataFrame:
        """A metric along the influence of a concept, the others held; one row is as it is now.

        With ``refit`` the others are solved again at each influence, which takes seconds. Beside
        it its change from now with the paired-bootstrap interval: ``change``, ``low``, ``high``
        (of a refit only for metrics of decisions). A look at the holdout is counted.
        """
        check_name("concept", concept, self.concepts)
        check_metric(metric)
        student = self.student(class_name, split)
        if refit:
            return concept_tables.refit_what_if(self.tuner, student, concept, metric)
        return concept_tables.what_if(student, concept, metric, self.tuner.spec.views.noise())

    def take_apart(self, class_name: str, image: str) -> Apart:
        """The student's logit on an image of the store by concept, and the smallest change that
        turns its decision. A look at the holdout is counted."""
        check_word("image", image, self.tuner.store.images)
        row = self.tuner.store.images.index(image)
        return take_apart(self.student(class_name, str(self.tuner.store.split[row])), row)

    def gallery(
        self, class_name: str, concept: str, split: str = "tune", filters: str | Iterable[str] = ()
    ) -> pd.DataFrame:
        """Images that show a concept, the strongest first, with the decisions on them.

        ``filters`` are ``positive``, ``negative``, ``right``, ``wrong`` (the student). A look at
        the holdout is counted.
        """
        check_name("concept", concept, self.concepts)
        chosen = several(filters)
        for name in chosen:
            check_word("filter", name, ("positive", "negative", "right", "wrong"))
        found = take_gallery(self.student(class_name, split), concept)
        return concept_tables.gallery(self.tuner.store, found, chosen, self.tuner.tags())

    def stability(
        self,
        class_name: str,
        concepts: str | Sequence[str] | None = None,
        *,
        top: int = 5,
        draws: int | None = None,
        counterparts: int = 199,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Stability of influences over other images and against random concepts; see ``words``.

        Of ``concepts``, or of the ``top`` by influence. Takes some seconds per concept.
        """
        report = stability(
            self.tuner,
            class_name,
            node=self.node,
            concepts=some(concepts),
            top=top,
            draws=draws,
            counterparts=counterparts,
            seed=seed,
        )
        return concept_tables.stability(report)

    def slices(
        self,
        by: str | Sequence[str],
        metric: str = AP.key,
        classes: str | Sequence[str] | None = None,
        split: str = "tune",
        *,
        min_images: int = 30,
    ) -> pd.DataFrame:
        """The students on images with each value of a metadata column, or each pair of two.

        ``p_holm`` tells whether a slice is worse than luck; ``small`` why it was not tested. A look
        at the holdout is counted. Raises ``DataError`` for a column that is not there.
        """
        check_metric(metric)
        for name in some(classes) or ():
            check_name("class", name, self.classes)
        self.count_look(split)
        columns = several(by)
        masks = metadata_slices(self.tuner.store, split, columns)
        found = measure_slices(
            self.tuner,
            self.node,
            split,
            masks,
            metric,
            classes=some(classes),
            min_images=min_images,
        )
        return tables.slices(found, self.level)

    def compare(
        self, before: NodeName, after: NodeName | None = None, split: str = "tune"
    ) -> Comparison:
        """Two iterations side by side: intents, metrics with noise, movers, changed sides.

        ``after`` is this one if left out. A look at the holdout is counted for each.
        """
        nodes = self._node_at(before), self._node_at(after)
        for node in dict.fromkeys(nodes):
            self.count_look(split, node)
        return compare(self.tuner, *nodes, split)

    def suggest(
        self,
        strategy: str = "repair",
        classes: str | Sequence[str] | None = None,
        *,
        budget: int = 5,
        seed: int = 0,
    ) -> Suggestion:
        """Cures or thumbs that a strategy proposes from here; ``tune`` takes what this gives."""
        check_word("strategy", strategy, STRATEGIES)
        return suggest(
            self.tuner,
            self.node,
            strategy=strategy,
            classes=some(classes),
            budget=budget,
            seed=seed,
        )

    def _since(self, since: NodeName) -> Node:
        if since == "start":
            return self.tuner.root()
        if since == "parent":
            return self.tuner.node(self.node.parent) if self.node.parent else self.node
        return find_node(self.tuner, since)
