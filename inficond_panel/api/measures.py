"""Measures of scripted students: metrics, changes, groups, slices, coverage, suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import pandas as pd

from inficond_panel.api.concept_measures import ConceptMeasures
from inficond_panel.api.names import check_metric, check_word, several, some
from inficond_panel.api.shown_results import Frames, SuggestedEdits
from inficond_panel.errors import DataError
from inficond_panel.quantify.gamma_sweep import GROUPS, GammaSweep, oracle_sweep
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.results.decisions import coverage, thresholds
from inficond_panel.results.doctor import doctor
from inficond_panel.results.levers import levers
from inficond_panel.results.metrics import changes, metrics
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refits import refit_frames
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.results.slices import groups, label_cells, metadata_slices, slices
from inficond_panel.results.top_measures import (
    check_single_label,
    confusion_matrix,
    confusions,
    metrics_together,
)
from inficond_panel.tuning import Node
from inficond_panel.tuning.other_students import NodeName, find_node
from inficond_panel.tuning.suggest import suggest
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE


class Measures(ConceptMeasures):
    """Measures of the students at their iteration; a look at the holdout is counted."""

    @property
    def level(self) -> float:
        """Level of the intervals in tables, plots and reports: ``views.confidence`` of the spec."""
        return float(self.tuner.spec.views.confidence)

    def metrics(self, split: str = TUNE, *, intervals: bool = False) -> pd.DataFrame:
        """Metrics of each class on a split, largest AP gap first; a look at the holdout is counted.

        With ``intervals`` the bootstrap limits stand beside each metric: ``ap_low``, ``ap_high``.
        ``teacher_knows`` says whether the AP of the teacher lies above ``chance``, see
        ``distill.teacher_skill``.

        >>> students.metrics("tune")[["ap", "teacher_ap"]].head(2).round(2)
                 ap  teacher_ap
        class
        bird   0.52        0.94
        dog    0.62        0.97
        """
        self.count_look(split)
        return metrics(self.tuner, self.node, split, intervals=intervals)

    def metrics_together(self, split: str = TUNE) -> pd.DataFrame:
        """On data with one class an image: metrics of all students as one classifier, with limits.

        Top-1, top-5, ..., a row each, beside the teacher. Raises ``TuningError`` where images have
        several classes. A look at the holdout is counted.
        """
        check_single_label(self.tuner.store)
        self.count_look(split)
        return metrics_together(self.tuner, self.node, split)

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
        or a CSV file with super-classes. Raises as ``quantify.gamma_sweep``.
        """
        check_word("groups", groups, list(GROUPS))
        return oracle_sweep(self.tuner, gammas, groups=groups, above=above, draws=draws, seed=seed)

    def doctor(
        self, classes: str | Sequence[str] | None = None, *, seed: int = 0
    ) -> dict[str, pd.DataFrame]:
        """What is wrong, and what to do first: frames ``findings``, ``classes``, ``suspects`` and
        ``labels``.

        Looks at teacher, concepts, labels and photos of fit and tune; see ``results.doctor``.
        Raises ``TuningError`` for an unknown class.

        >>> print(students.doctor("bicycle")["findings"].loc["bicycle", "kind"])
        a correlation in the training images only
        """
        return doctor(self.tuner, self.node, some(classes), seed)

    def confusion(self, split: str = TUNE, *, teacher: bool = False) -> pd.DataFrame:
        """Number of images by label (rows) and by the class that the students name (columns).

        On data with one class an image; else it raises ``TuningError``. With ``teacher`` the class
        that the teacher names. A look at the holdout is counted.
        """
        check_single_label(self.tuner.store)
        self.count_look(split)
        return confusion_matrix(self.tuner, self.node, split, teacher=teacher)

    def confusions(self, split: str = TUNE) -> pd.DataFrame:
        """Images by label and by the class that the students name, one row per pair, with limits.

        The most images first; beside them those that the teacher names so. Errors and looks as
        ``confusion``.
        """
        check_single_label(self.tuner.store)
        self.count_look(split)
        return confusions(self.tuner, self.node, split)

    def changes(
        self, since: NodeName = "parent", split: str = TUNE, metric: str = AP.key
    ) -> pd.DataFrame:
        """A metric of each class before and now, with the paired-bootstrap interval of the change.

        ``since`` is ``"parent"``, ``"start"``, or an iteration. A look at the holdout is counted.

        >>> print(students.remove("boat", "lifebuoy").changes().loc["boat", "change"].round(2))
        0.12
        """
        check_metric(metric)
        before = self._since(since)
        self.count_look(split)
        return changes(self.tuner, before, self.node, split, metrics=(metric,))

    def groups(self, *by: str, split: str = TUNE, by_label: bool = False) -> pd.DataFrame:
        """Metrics of each class on the images with each value of metadata columns ``by``.

        A class will do as a column: its labels are the values.
        With ``by_label`` the accuracy in each cell of label × value ("absent · water"). Beside each
        metric its bootstrap limits: ``ap_low``, ``ap_high``. A look at the holdout is counted.
        Raises ``DataError`` for a column that the store does not have.
        """
        return self._grouped(by, split, by_label)[0]

    def group_gaps(self, *by: str, split: str = TUNE, by_label: bool = False) -> pd.DataFrame:
        """Worst group of each class by each metric, and its difference from the best.

        Arguments as in ``groups``: with ``by_label`` the ``value`` of accuracy is the worst-group
        accuracy. Groups of fewer than 30 images, or 10 positives or negatives where a metric needs
        them, are neither worst nor best. A look at the holdout is counted.
        """
        return self._grouped(by, split, by_label)[1]

    def _grouped(
        self, by: Sequence[str], split: str, by_label: bool
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        if not by:
            raise DataError("Groups of what?", "Name a metadata column.")
        masks = metadata_slices(self.tuner.store, split, by)
        self.count_look(split)  # a wrong name is no look
        made = label_cells if by_label else groups
        return made(self.tuner, self.node, split, masks, " and ".join(by))

    def report(self) -> Frames:
        """Report on the last refit: prices of bounds, concepts that took over, predictions.

        It shows itself in sentences; see ``results.refits``. Raises ``TuningError`` for the
        original students.
        """
        return Frames(refit_frames(explain(self.tuner, self.node, lift=True)))

    def penalty_path(self, class_name: str, split: str = TUNE) -> pd.DataFrame:
        """The student of a class over λ: concepts left, AP and fidelity with their limits.

        λ is the index; ``now`` marks the one in force, ``auto`` the one that ``lambda: auto`` would
        take alone: the first, unless another gains more than noise on tune. A look at the holdout
        is counted.

        >>> students.penalty_path("bicycle")[["concepts", "ap"]].head(2).round(2)
                  concepts    ap
        lambda
        0.001000        12  0.86
        0.003162         2  0.85
        """
        check_name("class", class_name, self.classes)
        self.count_look(split)
        return penalty_path(self.tuner, self.node, class_name, split)

    def thresholds(
        self,
        precision: float | None = None,
        classes: str | Sequence[str] | None = None,
        *,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Thresholds by the labels of tune, of the best F1 or the most recall at a precision.

        See ``results.decisions``. Nothing is changed: copy them to ``students.threshold``.

        >>> students.thresholds(classes="bicycle")[["threshold", "f1"]].round(2)
                 threshold    f1
        class
        bicycle       0.62  0.77
        """
        return thresholds(
            self.tuner, self.node, classes=some(classes), precision=precision, seed=seed
        )

    def coverage(
        self, class_name: str = "", *, draws: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Accuracy and F1 on tune of the surest decisions, over the share that they are of all.

        Sure is far from the threshold (the column, in logits). On data with one class an image,
        without a class: of all students together, by the probability of the likeliest class.
        ``gain`` is against deciding all images, on the same bootstrap draws. Raises ``TuningError``
        for an unknown class, and for none where images have several.
        """
        return coverage(self.tuner, self.node, class_name, draws, seed)

    def slices(
        self,
        by: str | Sequence[str],
        metric: str = AP.key,
        classes: str | Sequence[str] | None = None,
        split: str = TUNE,
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
        return slices(
            *(self.tuner, self.node, split, masks, metric),
            by=" and ".join(columns),
            classes=some(classes),
            min_images=min_images,
        )

    def compare(self, before: NodeName, after: NodeName | None = None, split: str = TUNE) -> Frames:
        """Two iterations side by side: ``changes``, ``movers``, ``flips`` and ``steps``.

        See ``results.comparison.comparison_frames``. ``after`` is this one if left out. A look at
        the holdout is counted for each.
        """
        nodes = self._node_at(before), self._node_at(after)
        for node in dict.fromkeys(nodes):
            self.count_look(split, node)
        return Frames(comparison_frames(self.tuner, compare(self.tuner, *nodes, split)))

    def suggest(
        self, classes: str | Sequence[str] | None = None, *, seed: int = 0
    ) -> SuggestedEdits:
        """Repairs of ``classes`` (all) from here; ``tune`` takes what this gives."""
        found = suggest(self.tuner, self.node, classes=some(classes), seed=seed)
        return SuggestedEdits(**{each.name: getattr(found, each.name) for each in fields(found)})

    def levers(self, classes: str | Sequence[str] | None = None, *, seed: int = 0) -> pd.DataFrame:
        """What would help each class from here: one row per class and lever, by labels of tune.

        AP and its gain with limits (0 to 1), ``fidelity`` to the teacher, number of ``concepts``,
        what the lever ``needs``, and whether it is the one ``recommended``. The gain is of photos
        that did not choose. ``tune(suggest(classes=...))`` carries out those that are recommended.

        >>> students.levers("bicycle")[["recommended", "gain"]].round(2)
                                 recommended  gain
        class   lever
        bicycle as it is               False   NaN
                lambda                 False  0.00
                teacher on tune        False  0.08
                labels of tune         False  0.08
                ✕ suspects              True  0.09
        """
        return levers(self.suggest(classes, seed=seed))

    def _since(self, since: NodeName) -> Node:
        if since == "start":
            return self.tuner.root()
        if since == "parent":
            return self.tuner.node(self.node.parent) if self.node.parent else self.node
        return find_node(self.tuner, since)
