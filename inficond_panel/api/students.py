"""Students of a spec that are tuned by script: what the page does, in a few calls.

students = inficond_panel.open_students("demo").fit()
students.tune([("bicycle", "traffic light", "remove")])
students.metrics("tune")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from inficond_panel.analysis.refit_report import RefitReport, explain
from inficond_panel.api import tables
from inficond_panel.distill import decision_function
from inficond_panel.distill.robustness.collinearity import collinear
from inficond_panel.errors import DataError, TuningError
from inficond_panel.export import export
from inficond_panel.tuning import Intent, Node, Tuner, open_tuner
from inficond_panel.tuning.intents.asked import Asked, asked_from_json
from inficond_panel.tuning.intents.intent import GroupIntent
from inficond_panel.tuning.node_names import find_node
from inficond_panel.vocabulary.directions import DIRECTIONS
from inficond_panel.vocabulary.metrics import AP, METRICS

if TYPE_CHECKING:
    from inficond_panel.api.estimator import ConceptStudents
    from inficond_panel.app import Explorer


def open_students(
    spec: str | Path, *, store: str | Path | None = None, history: str | Path | None = None
) -> TunableStudents:
    """The students of ``spec``, a file or the name of one that comes along, such as ``"demo"``.

    ``store`` and ``history`` are the places given here, else those in ``INFICOND_STORE`` and
    ``INFICOND_HISTORY``, else the spec's. ``history=":memory:"`` keeps nothing. Raises
    ``InficondError`` for a spec, a store or a history that cannot be used.
    """
    return TunableStudents(open_tuner(spec, store=store, history=history))


class TunableStudents:
    """The students of one store, at one iteration of their history.

    ``fit`` distills them, ``tune`` refits them with a batch of intents, ``undo``, ``redo`` and
    ``jump`` move among the iterations. Each of these returns the object itself. Iterations, moves
    and looks at the holdout go to the same history as those made on the page.
    """

    def __init__(self, tuner: Tuner) -> None:
        self.tuner = tuner
        self._node: Node | None = None

    def fit(self) -> Self:
        """Distill the students, or take them from the history, and go to the untouched ones."""
        self._node = self.tuner.root()
        return self

    def with_settings(self, **settings: Any) -> TunableStudents:
        """Students of the same store and history under other settings of the spec; not fitted yet.

        ``targets`` ("teacher" or "oracle"), ``alpha`` (None: no labels), ``temperature``,
        ``lambda_``, ...: as in ``spec.with_students``. They have iterations of their own.
        """
        return TunableStudents(self.tuner.with_students(**settings))

    def resume(self) -> Self:
        """Go to the iteration that the page shows."""
        self._node = self.tuner.head()
        return self

    def tune(self, intents: Iterable[Any]) -> Self:
        """Refit with one batch of intents, and go to the new iteration.

        An intent is ``(class, concept, direction)``, with a factor behind it if wanted; a list of
        concepts is a group, each of which gets the thumb. A direction is ``up``, ``down`` or
        ``remove``. A cure is a mapping as in an edits file, such as ``{"class": "truck",
        "direction": "lambda", "value": "auto"}``. ``Intent``, ``GroupIntent``, ``Balance``,
        ``Doubt``, ``Lambda`` and ``Label`` of ``inficond_panel.tuning`` do as well. Raises
        ``TuningError`` for names that are not there.
        """
        before = self.node
        node = self.tuner.fine_tune(before, [_asked(item) for item in intents])
        self.tuner.history.set_head(self.tuner.root_id, node.id, "fine-tune", before.id)
        self._node = node
        return self

    def undo(self) -> Self:
        """Go to the iteration that this one was tuned from. Nothing is deleted."""
        return self._at(self.tuner.history.undo(self.tuner.root_id, self.node.id))

    def redo(self) -> Self:
        """Go back to the iteration last left by ``undo``."""
        return self._at(self.tuner.history.redo(self.tuner.root_id, self.node.id))

    def jump(self, node: str | int) -> Self:
        """Go to any iteration, by its number, id or name."""
        found = find_node(self.tuner, node)
        self.tuner.history.set_head(self.tuner.root_id, found.id, "jump", self.node.id)
        return self._at(found.id)

    @property
    def node(self) -> Node:
        """The iteration that the students are at: weights (C, K), bounds, certificate."""
        if self._node is None:
            raise TuningError("The students are not fitted yet.", "Call fit() first.")
        return self._node

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the columns of all predictions."""
        return list(self.tuner.store.classes)

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts, in the order of the columns of the scores."""
        return list(self.tuner.store.concepts)

    @property
    def history(self) -> pd.DataFrame:
        """The iterations, oldest first: parent, intents, author, time; ``here`` is this one."""
        return tables.history(self.tuner.nodes(), self.node)

    def images(self, split: str) -> list[str]:
        """Ids of the images of a split, in the order of the rows of its predictions."""
        return [self.tuner.store.images[row] for row in self.tuner.store.rows(split)]

    def scores(self, split: str) -> np.ndarray:
        """Concept scores (n, C) of a split."""
        return self.tuner.store.concept_score[self.tuner.store.rows(split)]

    def decision_function(self, X: str | ArrayLike) -> np.ndarray:
        """Logits (n, K) of a split by name, or of concept scores (n, C).

        Of a data frame the columns are taken by the concepts' names. A look at the holdout is
        counted.
        """
        if isinstance(X, str):
            self._count(X)
            return self.tuner.logits(self.node)[self.tuner.store.rows(X)]
        return decision_function(self._checked(X), self.node.weights, self.node.intercepts)

    def predict_proba(self, X: str | ArrayLike) -> np.ndarray:
        """Probabilities (n, K) that each class is present; ``X`` as in ``decision_function``."""
        return expit(self.decision_function(X))

    def predict(self, X: str | ArrayLike) -> np.ndarray:
        """Decisions (n, K): 1 where the logit is above the class's threshold, else 0."""
        thresholds = [self.tuner.threshold(name) for name in self.classes]
        return (self.decision_function(X) > np.array(thresholds)).astype(np.int64)

    def metrics(self, split: str = "tune", *, intervals: bool = False) -> pd.DataFrame:
        """Metrics of each class on a split, largest AP gap first; a look at the holdout is counted.

        With ``intervals`` the bootstrap limits stand beside each metric: ``ap_low``, ``ap_high``.
        """
        self._count(split)
        return tables.metrics(self.tuner, self.node, split, intervals)

    def changes(
        self, since: str | int = "parent", split: str = "tune", metric: str = AP.key
    ) -> pd.DataFrame:
        """A metric of each class before and now, with the paired-bootstrap interval of the change.

        ``since`` is ``"parent"``, ``"start"``, or an iteration. A look at the holdout is counted.
        """
        if metric not in METRICS:
            raise TuningError(
                f"There is no metric {metric!r}.", f"Metrics are {', '.join(METRICS)}."
            )
        before = self._since(since)
        self._count(split)
        old, new = (self.tuner.at(each, split) for each in (before, self.node))
        return tables.changes(old, new, metric)

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

    def report(self) -> RefitReport:
        """Report on the last refit: prices of bounds, who took over, what changed sides."""
        return explain(self.tuner, self.node)

    def concepts_of(self, class_name: str, split: str = "tune") -> pd.DataFrame:
        """Concepts of one student that are not at 0, the largest influence first.

        Beside influence and bounds: the discrepancies over positives and negatives, and the AP
        that the student would have without the concept, the others held. A look at the holdout
        is counted.
        """
        self._class(class_name)
        self._count(split)
        return tables.concepts_of(self.tuner.at(self.node, split)[class_name])

    def shift(self, classes: Sequence[str] | None = None, *, seed: int = 0) -> pd.DataFrame:
        """Verdict on each class: ``shift``, ``none`` or ``unknown`` from fit to tune.

        Beside it the separation and the AP that are lost, and the AP on tune of two baselines, with
        their limits; see ``tuning.shift.class_shift``. Raises ``TuningError`` for an unknown class.
        """
        return tables.shift(self.tuner, self.node, classes, seed)

    def suspects(self, classes: Sequence[str] | None = None, *, seed: int = 0) -> pd.DataFrame:
        """Concepts that each student leans on, and whose bond with the class holds on fit only.

        The most suspect of a class first. Raises ``TuningError`` for an unknown class.
        """
        return tables.suspects(self.tuner, self.node, classes, seed)

    def penalty_path(self, class_name: str, split: str = "tune") -> pd.DataFrame:
        """The student of a class over λ: concepts left, AP and fidelity with their limits.

        λ is the index; ``now`` marks the one in force. A look at the holdout is counted.
        """
        self._class(class_name)
        self._count(split)
        return tables.penalty_path(self.tuner, self.node, class_name, split)

    def scales(self, class_name: str) -> pd.DataFrame:
        """Scale of each concept's score on ``fit``, and what λ and the step are worth on it.

        A weight is in logits per unit of a score. ``effect`` is influence × ``spread`` (the
        standard deviation), ``penalty`` is λ / spread: what the L1 term takes per unit of effect.
        ``step`` is the least size that a thumb counts with, ``step_effect`` that × ``spread``.
        """
        self._class(class_name)
        return tables.scales(self.tuner, self.node, class_name)

    def twins(self, concept: str, least: float = 0.8) -> pd.Series:
        """Concepts whose scores correlate with this one's by ``least`` or more, on split fit.

        They can take its place when it is tuned down: tune them together.
        """
        if concept not in self.concepts:
            raise _unknown("concept", concept)
        found = collinear(self.tuner.fit_data.correlation, self.concepts.index(concept), least)
        names = pd.Index([self.concepts[c] for c, _ in found], name="concept", dtype=object)
        return pd.Series([r for _, r in found], index=names, name="correlation", dtype=float)

    def export(
        self,
        folder: str | Path,
        formats: Sequence[str] = ("sklearn",),
        *,
        holdout: bool = False,
        force: bool = False,
    ) -> dict[str, Path]:
        """Write the students, with model card and edits file; see ``tuning.export.export``."""
        return export(self.tuner, self.node, folder, formats, holdout=holdout, force=force)

    def estimator(self) -> ConceptStudents:
        """The students as a fitted scikit-learn estimator (needs scikit-learn)."""
        from inficond_panel.api.exported_estimator import as_estimator  # noqa: PLC0415 - scikit-learn

        return as_estimator(self.tuner, self.node)

    def explore(self) -> Explorer:
        """The page in a notebook cell, at this iteration and on this history."""
        from inficond_panel.api.notebook import explore  # noqa: PLC0415 - loads Panel

        if self.tuner.head() != self.node:
            self.jump(self.node.id)
        return explore(self.tuner)

    def __repr__(self) -> str:
        store = self.tuner.store
        size = f"{len(store.classes)} classes, {len(store.concepts)} concepts"
        place = f"at #{self._node.number} ({self._node.id})" if self._node else "not fitted"
        mark = f", oracle, {self.tuner.mark}" if self.tuner.mark else ""
        return f"<TunableStudents {store.title!r}: {size}, {place}{mark}>"

    def _at(self, node_id: str) -> Self:
        self._node = self.tuner.node(node_id)
        return self

    def _grouped(
        self, table: Callable[..., pd.DataFrame], by: Sequence[str], split: str, by_label: bool
    ) -> pd.DataFrame:
        if not by:
            raise DataError("Groups of what?", "Name a metadata column.")
        found = table(self.tuner, self.node, split, by, by_label)
        self._count(split)  # a wrong name is no look
        return found

    def _count(self, split: str) -> None:
        if split == "holdout":
            self.tuner.count_look(self.node, split)

    def _since(self, since: str | int) -> Node:
        if since == "start":
            return self.tuner.root()
        if since == "parent":
            return self.tuner.node(self.node.parent) if self.node.parent else self.node
        return find_node(self.tuner, since)

    def _class(self, name: str) -> None:
        if name not in self.classes:
            raise _unknown("class", name)

    def _checked(self, X: Any) -> np.ndarray:
        if isinstance(X, pd.DataFrame):
            missing = [name for name in self.concepts if name not in X.columns]
            if missing:
                raise DataError(
                    f"{len(missing)} concepts have no column, the first is {missing[0]!r}.",
                    "Give one column for each concept.",
                )
            X = X[self.concepts]
        scores = np.asarray(X)
        if scores.ndim != 2 or scores.shape[1] != len(self.concepts):
            raise DataError(
                f"Scores have shape {scores.shape}, not (images, {len(self.concepts)}).",
                "Give one row for each image and one column for each concept.",
            )
        return scores


def _asked(item: Any) -> Asked:
    if isinstance(item, Asked):
        return item
    if isinstance(item, Mapping):
        return _from_mapping(item)
    class_name, concept, *rest = item
    if isinstance(concept, str):
        return Intent(class_name, concept, *rest)
    return GroupIntent(class_name, tuple(concept), *rest)


def _from_mapping(item: Mapping[str, Any]) -> Asked:
    try:
        concepts = item.get("concepts")
        if concepts is not None and item["direction"] in DIRECTIONS:
            return GroupIntent(item["class"], concepts, item["direction"], item.get("factor"))
        return asked_from_json(item)
    except (KeyError, TypeError, ValueError) as error:
        raise TuningError(
            f"{dict(item)} is no intent: {error}.", "Write it as in an edits file, docs/cures.md."
        ) from None


def _unknown(kind: str, name: str) -> TuningError:
    return TuningError(f"There is no {kind} {name!r}.", "Names are listed in: classes, concepts")
