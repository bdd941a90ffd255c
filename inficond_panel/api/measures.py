"""Result tables of scripted students: metrics, changes, groups, slices, coverage, suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from inficond_panel.api.arguments import check_word, several, some
from inficond_panel.api.network_measures import NetworkMeasures
from inficond_panel.api.shown_results import Frames, SuggestedEdits
from inficond_panel.common.names import find_name, name_text
from inficond_panel.common.near_words import missing
from inficond_panel.errors import DataError, TuningError
from inficond_panel.quantify.gamma_sweep import GROUPS, GammaSweep, oracle_sweep
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.results.confusions import (
    check_single_label,
    confusion_matrix,
    confusions,
    metrics_together,
)
from inficond_panel.results.decisions import coverage, thresholds
from inficond_panel.results.doctor import doctor
from inficond_panel.results.groups import groups, groups_by_label
from inficond_panel.results.levers import levers
from inficond_panel.results.metric_changes import changes
from inficond_panel.results.metrics import metrics
from inficond_panel.results.null_students import null_frame
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refits import refit_frames
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.results.slices import metadata_slices, slices
from inficond_panel.results.student_accuracy import group_accuracy
from inficond_panel.results.two_worlds import two_worlds
from inficond_panel.results.worst_group import worst_groups
from inficond_panel.tuning import Node
from inficond_panel.tuning.null_students import check_comparable
from inficond_panel.tuning.other_students import NodeName, find_node
from inficond_panel.tuning.suggest import suggest
from inficond_panel.tuning.thumbs import chosen_classes, known_name
from inficond_panel.vocabulary.metrics import METRICS, USUAL_METRIC, MetricKey
from inficond_panel.vocabulary.splits import TUNE, Split
from inficond_panel.wording.things import image_word


class Measures(NetworkMeasures):
    """Result tables of the students at one iteration; each use of the holdout is counted."""

    @property
    def confidence(self) -> float:
        """Confidence level of all intervals: ``views.confidence`` of the spec."""
        return float(self.tuner.spec.views.confidence)

    def metrics(self, split: Split = TUNE, *, intervals: bool = False) -> pd.DataFrame:
        """Return metrics of each class on a split, largest gap in AP first.

        With ``intervals`` each metric has its bootstrap limits: ``ap_low``, ``ap_high``.
        ``teacher_knows`` is True if the AP of the teacher is above ``chance``, see
        ``distill.teacher_skill``. Counts a use of the holdout.

        >>> students.metrics("tune")[["ap", "teacher_ap"]].head(2).round(2)
                 ap  teacher_ap
        class
        bird   0.52        0.94
        dog    0.62        0.97
        """
        self.count_look(split)
        return metrics(self.tuner, self.node, split, intervals=intervals)

    def metrics_together(self, split: Split = TUNE) -> pd.DataFrame:
        """Return top-1, top-5, ... metrics of all students as one classifier, and of the teacher.

        For data with one class per image; else raises ``TuningError``. Counts a use of the
        holdout.
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
        """Measure the oracle (the teacher on inputs reinforced with labels) on ``fit`` per gamma.

        Gamma is the strength of the reinforcement. Images are grouped by their label (``groups``
        "single") or set of labels ("sets"); ``above`` names super-classes: a metadata column or a
        CSV file. Raises as ``quantify.gamma_sweep``.
        """
        check_word("groups", groups, list(GROUPS))
        return oracle_sweep(self.tuner, gammas, groups=groups, above=above, draws=draws, seed=seed)

    def doctor(self, classes: str | Sequence[str] | None = None, *, seed: int = 0) -> Frames:
        """Diagnose each class, and name the first action for each problem.

        Returns frames ``findings`` (problems), ``classes``, ``suspects``, ``labels`` and more, from
        checks of teacher, concepts, labels and photos of fit and tune; see ``results.doctor``.
        They print as the findings. Raises ``TuningError`` for an unknown class.

        >>> print(students.doctor("bicycle")["findings"].loc["bicycle", "kind"])
        a correlation in the training images only
        """
        found = doctor(self.tuner, self.node, some(classes), seed, in_python=True)
        return Frames(found, image_word(self.tuner.store))

    def confusion(self, split: Split = TUNE, *, teacher: bool = False) -> pd.DataFrame:
        """Return the confusion matrix: images by label (rows) and the students' class (columns).

        With ``teacher`` the columns are the teacher's class. For data with one class per image;
        else raises ``TuningError``. Counts a use of the holdout.
        """
        check_single_label(self.tuner.store)
        self.count_look(split)
        return confusion_matrix(self.tuner, self.node, split, teacher=teacher)

    def confusions(self, split: Split = TUNE) -> pd.DataFrame:
        """Return pairs of label and predicted class, the pair with the most images first.

        Columns have the numbers of images, the limits of their share, and the teacher's numbers.
        Raises, and counts uses of the holdout, as ``confusion``.
        """
        check_single_label(self.tuner.store)
        self.count_look(split)
        return confusions(self.tuner, self.node, split)

    def changes(
        self, since: NodeName = "parent", split: Split = TUNE, metric: MetricKey = USUAL_METRIC
    ) -> pd.DataFrame:
        """Return a metric of each class at ``since`` and at this iteration, with the change.

        ``since`` is ``"parent"``, ``"start"`` (#0), or an iteration. The change has its interval.
        Counts a use of the holdout.

        >>> print(students.remove("boat", "lifebuoy").changes().loc["boat", "change"].round(2))
        0.13
        """
        check_word("metric", metric, METRICS)
        before = self._since(since)
        self.count_look(split)
        return changes(self.tuner, before, self.node, split, metrics=(metric,))

    def groups(self, *by: str, split: Split = TUNE, by_label: bool = False) -> pd.DataFrame:
        """Return metrics per class and group: images with one value of metadata columns ``by``.

        A class may serve as a column, with its labels as values.
        With ``by_label``: accuracy in each cell of label × value ("absent · water"), of which
        ``worst_groups`` has the least. Each metric has bootstrap limits: ``ap_low``, ``ap_high``.
        ``teacher_ap``, and so on, are the teacher's on the same images, also with limits.
        Counts a use of the holdout. Raises ``DataError`` for a column that the store does not have.
        """
        at = (self.tuner, self.node, split, self._masks(by, split), _named(by))
        return groups_by_label(*at) if by_label else groups(*at)[0]

    def group_gaps(self, *by: str, split: Split = TUNE) -> pd.DataFrame:
        """Return each class's worst group by each metric, and the difference from the best group.

        Arguments as in ``groups``. Groups of fewer than 30 images, or of fewer than 10 positives or
        negatives if a metric needs them, are not considered. ``teacher_value`` is the teacher's in
        the same worst group, ``teacher_worst`` and ``teacher_difference`` are its own. The
        worst-group accuracy of papers is of cells of label × value: ``worst_groups``. Counts a use
        of the holdout.
        """
        return groups(self.tuner, self.node, split, self._masks(by, split), _named(by))[1]

    def group_accuracy(self, *by: str, split: Split = TUNE) -> pd.DataFrame:
        """Return the top-1 accuracy of all students together per group, and the teacher's.

        For images with one class each. Arguments as in ``groups``; ``rest`` is the accuracy on the
        other images. Limits are Wilson's. Counts a use of the holdout. Raises ``DataError`` for a
        column that the store does not have, ``TuningError`` where images have several classes.
        """
        check_single_label(self.tuner.store)
        at = self.tuner, self.node, split, self._masks(by, split), _named(by)
        return group_accuracy(*at, self.tuner.spec.views.confidence)

    def worst_groups(
        self, *by: str, classes: str | Sequence[str] | None = None, split: Split = TUNE
    ) -> pd.DataFrame:
        """Return each class's worst-group accuracy, and the mean weighted by the training groups.

        A group is a cell of label and value of ``by``: metadata columns, properties of the
        pictures, classes or concepts. Both figures are those of Sagawa et al. (2020). A third one
        is the accuracy of the worst group if as many images are called as have the class, which
        does not depend on the threshold; ``suggest`` with the aim worst-group compares by it.
        ``teacher_worst_accuracy``, and so on, are the teacher's. See ``results.worst_group``.
        Counts a use of the holdout. Raises ``DataError`` for an unknown name, ``TuningError`` for
        an unknown class.
        """
        self._masks(by, split)
        return worst_groups(self.tuner, self.node, split, by, classes=some(classes))

    def _masks(self, by: Sequence[str], split: Split) -> dict[str, np.ndarray]:
        """Return the images of each group ``by`` columns, and count a use of the holdout."""
        if not by:
            raise DataError("No metadata column is named.", "Name one: students.groups('COLUMN').")
        masks = metadata_slices(self.tuner.store, split, by)
        self.count_look(split)  # a wrong name raises before this, and counts nothing
        return masks

    def report(self) -> Frames:
        """Return frames on the last refit: costs of bounds, gained influences, predictions.

        They print as sentences; see ``results.refits``. Raises ``TuningError`` at #0, the
        original students.
        """
        frames = refit_frames(explain(self.tuner, self.node, lift=True))
        return Frames(frames, image_word(self.tuner.store), sentences=True)

    def two_worlds(self, *, seed: int = 0) -> pd.DataFrame:
        """Return AP, recall and false positive rate before and after this iteration, in two worlds.

        ``these``: photos will be like the tuning images. ``independent``: each class with thumbs
        will appear equally often with and without the lowered concepts. One row per class, world
        and metric; ``change`` has its interval, ``reason`` says why a figure is missing. The notes
        (``frame.attrs["notes"]``) are sentences. Raises ``TuningError`` at #0.

        >>> worlds = students.remove("boat", "lifebuoy").two_worlds()
        >>> print(worlds.loc[("boat", "independent", "ap"), ["before", "after"]].round(2).tolist())
        [0.49, 0.87]
        """
        return two_worlds(self.tuner, self.node, seed=seed)

    def null_students(
        self,
        split: Split = TUNE,
        classes: str | Sequence[str] | None = None,
        *,
        draws: int | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Compare the original students with students of random words, at equal sizes.

        A class has a row per ``size``: at most 5, 10 and 20 concepts, their ``mean``, ``all``.
        ``named`` and ``random`` are APs, ``difference`` is paired; all have bootstrap limits.
        Where the store has no random words, random mixtures of the scores replace them: the fact
        ``null`` says which. Counts a use of the holdout. Raises as ``results.null_students``.

        >>> found = students.null_students(classes="bicycle")
        >>> print(found.loc[("bicycle", "5"), ["named", "random"]].round(1).tolist())
        [0.9, 0.4]
        """
        check_comparable(self.tuner)
        self.count_look(split)
        return null_frame(self.tuner, split, classes=some(classes), draws=draws, seed=seed)

    def penalty_path(self, class_name: str, split: Split = TUNE) -> pd.DataFrame:
        """Return the regularization path of a class: number of concepts, AP and fidelity per λ.

        λ is the index; ``now`` marks the current λ. ``auto`` marks the λ that the repair
        ``lambda: auto`` would choose as the only repair: the first λ, unless the λ of the highest
        AP gains more than one standard error on tune. It uses labels; ``students.lambda: auto`` of
        a spec is another choice, by the distance from the teacher, without labels. With the split
        holdout, this counts as a look at it.

        >>> students.penalty_path("bicycle")[["concepts", "ap"]].head(2).round(2)
                  concepts    ap
        lambda
        0.000100        77  0.80
        0.000464        32  0.84
        """
        class_name = known_name("class", class_name, self.classes)
        self.count_look(split)
        return penalty_path(self.tuner, self.node, class_name, split)

    def thresholds(
        self,
        precision: float | None = None,
        classes: str | Sequence[str] | None = None,
        *,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Return thresholds with the best F1 on tune, or the highest recall at this ``precision``.

        See ``results.decisions``. ``with_settings(threshold=found["threshold"].to_dict())``, or
        ``students.threshold`` of the spec, applies them.

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
        """Return accuracy and F1 on tune of the most certain decisions, a row per share of images.

        A decision is the more certain the farther its logit is from the threshold. Without a class
        (one class per image): of all students, by the probability of the likeliest class.
        ``gain`` compares with deciding all images, on the same bootstrap draws. Raises
        ``TuningError`` for an unknown class, and without a class if images have several classes.
        """
        name = known_name("class", class_name, self.classes) if name_text(class_name) else ""
        return coverage(self.tuner, self.node, name, draws, seed)

    def slices(
        self,
        by: str | Sequence[str],
        metric: MetricKey = USUAL_METRIC,
        classes: str | Sequence[str] | None = None,
        split: Split = TUNE,
        *,
        min_images: int = 30,
    ) -> pd.DataFrame:
        """Return a metric per class and slice: images with one value of one or two columns.

        ``p_holm``: p-value (Holm) that a slice is no worse than chance; ``small``: why the slice
        was not tested; ``teacher_ap``, and so on: the teacher's metrics on the same images. Counts
        a use of the holdout. Raises ``DataError`` for an unknown column.
        """
        check_word("metric", metric, METRICS)
        chosen_classes(some(classes), self.classes)
        self.count_look(split)
        columns = several(by)
        masks = metadata_slices(self.tuner.store, split, columns)
        return slices(
            *(self.tuner, self.node, split, masks, metric),
            by=_named(columns),
            classes=some(classes),
            min_images=min_images,
        )

    def compare(
        self, before: NodeName, after: NodeName | None = None, split: Split = TUNE
    ) -> Frames:
        """Compare iteration ``before`` with ``after`` (default: this iteration), as frames.

        ``changes`` of metrics, ``movers`` (concepts), ``flips`` (images with another prediction),
        ``steps`` (edits): ``results.history``. Each of the two counts a use of the holdout.
        """
        for other in (before, after):
            if isinstance(other, Measures):
                raise TuningError(
                    "compare takes two iterations of one history, not other students.",
                    "Name iterations, such as students.compare(0, 1). Students of another spec or "
                    "teacher are compared by a paired bootstrap on the same images: inficond docs "
                    "notebook.",
                )
        nodes = self._node_at(before), self._node_at(after)
        for node in dict.fromkeys(nodes):
            self.count_look(split, node)
        found = comparison_frames(self.tuner, compare(self.tuner, *nodes, split))
        return Frames(found, image_word(self.tuner.store))

    def suggest(
        self,
        classes: str | Sequence[str] | None = None,
        *,
        aim: str | None = None,
        by: str = "",
        seed: int = 0,
    ) -> SuggestedEdits:
        """Suggest repairs of ``classes`` (default all); ``tune`` takes the returned edits.

        All kinds of repair are compared by AP; with ``aim="worst-group"`` by the accuracy of the
        worst group ``by`` a metadata column, a property of the pictures, a class or a concept. By
        default ``aim`` and ``by`` are ``tuning.aim`` and ``tuning.groups`` of the spec.
        Raises ``TuningError`` for an unknown class or aim, ``DataError`` for an unknown ``by``.
        """
        for name in some(classes) or ():
            if find_name(name, self.classes) is None:
                raise TuningError(
                    missing("class", name, self.classes, "in the store"),
                    "Name classes of students.classes, or none for all: students.suggest(). All "
                    "kinds of repair are compared: students.compare_repairs().",
                )
        edits = suggest(self.tuner, self.node, classes=some(classes), seed=seed, aim=aim, by=by)
        known = {each.name: getattr(edits, each.name) for each in fields(edits)}
        return SuggestedEdits(**known, called=image_word(self.tuner.store))

    def compare_repairs(
        self,
        classes: str | Sequence[str] | None = None,
        *,
        aim: str | None = None,
        by: str = "",
        seed: int = 0,
    ) -> pd.DataFrame:
        """Return a row per class and kind of repair (lever), with its gain in AP on tune.

        ``aim`` and ``by`` are as in ``suggest``. With the worst group, ``gain`` is that of its
        accuracy, ``worst``, and ``ap_change`` what the repair changes in AP.

        Columns: AP and its cross-fitted gain with limits (0 to 1), ``fidelity`` to the teacher,
        number of ``concepts``, what the repair ``needs``, and whether it is ``recommended``. The
        class's own word alone, and its average with the student, are last: they are no edits.
        ``tune(suggest(classes=...))`` carries out the recommended repairs.

        >>> students.compare_repairs("bicycle")[["recommended", "gain"]].round(2)
                                             recommended  gain
        class   lever
        bicycle as it is                           False   NaN
                penalty λ                          False  0.00
                teacher on tuning images           False  0.09
                labels of tuning images            False  0.08
                ✕ suspects                          True  0.09
                👍 word                             False  0.02
                👍 word, ✕ first suspect            False  0.06
                ✕ first suspect                    False  0.04
                the word alone                     False  0.09
                average of student and word        False  0.09
        """
        return levers(self.suggest(classes, aim=aim, by=by, seed=seed))

    def _since(self, since: NodeName) -> Node:
        if since == "start":
            return self.tuner.root()
        if since == "parent":
            return self.tuner.node(self.node.parent) if self.node.parent else self.node
        return find_node(self.tuner, since)


def _named(columns: Sequence[str]) -> str:
    return " and ".join(map(name_text, columns))
