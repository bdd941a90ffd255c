"""Tuner: distills the students of a store and a spec, and refits them by edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache, partial
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import Latest, once
from inficond_panel.distill import SEEN_LABEL, ClassMetrics, Fit, Outcome, TeacherSkill
from inficond_panel.distill.metrics.outcome import Cutoffs
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.errors import TuningError
from inficond_panel.spec import Spec, with_students
from inficond_panel.store import Store
from inficond_panel.tuning.edits import Edit, as_stored, meant_by, split_edits, thumbs_of
from inficond_panel.tuning.fitting import recipe
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.dividing import Work, choose_divided, fit_divided, parts_of
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.penalty_choice import choose_penalties
from inficond_panel.tuning.fitting.recipe import ResolvedEdits, distilled, refitted
from inficond_panel.tuning.fitting.targets import TargetSource
from inficond_panel.tuning.fitting.terms import Terms, with_adjusted
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.node import PREVIEW, Iteration, Node, node_id, warn_of_optimality
from inficond_panel.tuning.part import PartEvaluation
from inficond_panel.tuning.removals import reliance_on
from inficond_panel.tuning.repairs.cross_fit import logits_for_evaluation, spent_classes
from inficond_panel.tuning.repairs.kinds import terms_of
from inficond_panel.tuning.repairs.repair_terms import RepairTerms
from inficond_panel.tuning.student import Evaluation, Students
from inficond_panel.tuning.student_history import StudentHistory
from inficond_panel.tuning.thumb_targets import adjustments_after
from inficond_panel.tuning.thumbs import (
    Bounds,
    Intent,
    canonical,
    check_together,
    in_force,
    resolve,
)
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX

#: Size of the cache of previewed fits, shared by all sessions.
_PREVIEWS = 64
#: Size of the cache of spent classes by node, shared by all sessions.
_SPENT = 256


class Workers(Protocol):
    """Other processes that compute parts of a tuner's work."""

    def each(
        self, tuner: Tuner, nodes: Sequence[Node], work: Work, items: Iterable[Any]
    ) -> Iterator[Any]:
        """Yield ``work(tuner, *nodes, item)`` of each item, in order, by copies of ``tuner``."""


class Tuner(StudentHistory):
    """The students of one store, tuned by intents; every iteration is kept in ``history``.

    Threads may share it. Raises ``TuningError`` if the spec has a threshold for an unknown class,
    any threshold with one class per image, or a softmax student with several classes per image, and
    ``DataError`` if logits or scores are not finite; its methods raise ``HistoryError`` as
    ``History`` does. ``penalties`` are L1 penalties of another tuner, for the classes whose penalty
    the spec leaves to the data; None: taken from the history, else chosen from the data. Fits of
    many classes are divided among ``workers``, if given.
    """

    def __init__(
        self,
        store: Store,
        spec: Spec,
        history: History,
        penalties: Sequence[float] | None = None,
        workers: Workers | None = None,
    ) -> None:
        recipe.check_link(spec, store)
        recipe.check_images(spec, store)
        self.original_terms = recipe.original_terms(spec, store)
        self.spec, self.workers = spec, workers
        section = spec.students
        unseen = partial(logits_for_evaluation, self)
        self._spent = lru_cache(_SPENT)(partial(spent_classes, self))
        self._evaluation = Evaluation(store, section.threshold, section.link, self._spent, unseen)
        super().__init__(store, history)
        #: L1 penalty per class; None until they are chosen.
        self.known_penalties = None if penalties is None else tuple(penalties)
        self._choosing = Lock()
        self._previewed: Latest[str, Node] = Latest(_PREVIEWS, lambda node: node.size)
        self.repairs = RepairTerms(store, spec, lambda: self.fit_data, self.terms)
        self._distilling, self._distilled = Lock(), False

    def with_students(self, **settings: Any) -> Tuner:
        """Return a tuner of the same store and history with other settings of the spec's
        ``students``.

        Settings as in ``spec.with_students``. The root id depends on them, so the new tuner has a
        separate tree of iterations. Raises ``TuningError`` for impossible values.
        """
        spec = with_students(self.spec, **settings)
        return Tuner(self.store, spec, self.history, workers=self.workers)

    def measuring(
        self, rows: np.ndarray | None = None, thresholds: Mapping[str, float] | None = None
    ) -> Tuner:
        """Return this tuner with other decisions and metrics: of the images at ``rows`` of the
        store (None: all), with ``thresholds`` in place of the spec's, by class.

        Students and history are the same; nothing is fitted. Its metrics are not cached for other
        sessions. Raises ``TuningError`` as ``PartEvaluation``.
        """
        other = copy(self)
        other.workers = None  # they have all images
        other._evaluation = PartEvaluation(self._evaluation, rows, thresholds or {})
        return other

    def images(self, split: str) -> np.ndarray:
        """Return the positions in the store of the images that metrics on a split are of."""
        return self._evaluation.rows(split)

    @property
    def partial(self) -> bool:
        """True for a tuner that ``measuring`` returned."""
        return isinstance(self._evaluation, PartEvaluation)

    @property
    def joint(self) -> bool:
        """True for a softmax student (``link: softmax``): each thumb changes all classes."""
        return self.spec.students.link == SOFTMAX

    @property
    def mark(self) -> str:
        """Words that mark students of the oracle, which has seen the labels; "" for others."""
        return SEEN_LABEL if self.spec.students.targets == "oracle" else ""

    def root(self, progress: Progress | None = None, cancelled: Cancelled | None = None) -> Node:
        """Return the original students, #0; distills them if the history does not have them.

        Warns once (``OptimumWarning``) if students ended far from their optimum. Raises
        ``SolverError`` for a problem without a solution, and ``CancelledError``.
        """
        self._choose_penalties(progress, cancelled)
        with self._distilling:  # one of several concurrent sessions distills
            if not self._distilled and self.history.get(self.root_id) is None:
                self.history.add(self._original(progress, cancelled))
            first, self._distilled = not self._distilled, True
        root = self.node(self.root_id)
        if first:
            warn_of_optimality(root, self.store.classes)
        return root

    def original(self, progress: Progress | None = None) -> Node:
        """Return the original students like ``root``, without writing them to the history."""
        self._choose_penalties(progress)
        if self.history.get(self.root_id) is not None:
            return self.node(self.root_id)
        made = self._original(progress)
        warn_of_optimality(made, self.store.classes)
        return made

    def _original(self, progress: Progress | None, cancelled: Cancelled | None = None) -> Node:
        solve = partial(self._fit, self._distillation, self.original_terms, progress, cancelled)
        return distilled(self.root_id, solve, self.store.classes, self.root_settings)

    def _fit(
        self,
        made: recipe.Recipe,
        terms: Mapping[str, Terms],
        progress: Progress | None,
        cancelled: Cancelled | None,
        columns: Sequence[int],
        **held: Any,
    ) -> Fit:
        """Fit the classes at ``columns`` under ``terms``, with ``held`` arguments, here or by the
        workers."""
        if self.workers is None or not made.divisible:
            told = {"progress": progress, "cancelled": cancelled}
            return made.fit(self.fit_data.under(terms), columns, **held, **told)
        parts = parts_of(self.store, columns, **held)
        return fit_divided(self.each, made, terms, parts, progress, cancelled)

    def each(self, work: Work, items: Iterable[Any], *nodes: Node) -> Iterator[Any]:
        """Yield ``work(tuner, *nodes, item)`` of each item, in order, here or by the workers.

        A worker's tuner has no iterations but ``nodes`` and their ancestors.
        """
        if self.workers is None:
            return (work(self, *nodes, item) for item in items)
        return self.workers.each(self, nodes, work, items)

    @property
    def penalties(self) -> tuple[float, ...]:
        """L1 penalty per class: from the spec, else chosen for the original students."""
        return self._choose_penalties()

    @property
    def penalties_chosen(self) -> bool:
        """True if the penalty of any class is chosen from the data, not set in the spec."""
        return recipe.LAMBDA_CHOSEN in self.root_settings

    def _choose_penalties(
        self, progress: Progress | None = None, cancelled: Cancelled | None = None
    ) -> tuple[float, ...]:
        with self._choosing:
            if self.known_penalties is None:
                self.known_penalties = self._chosen(progress, cancelled)
        return self.known_penalties

    def _chosen(self, progress: Progress | None, cancelled: Cancelled | None) -> tuple[float, ...]:
        """Return the spec's penalties; those that it leaves out as recorded, else chosen."""
        given = [self.spec.students.penalty(name) for name in self.store.classes]
        free = [k for k, value in enumerate(given) if value is None]
        chosen: dict[int, float] = {}
        if free:
            roots = (other.settings for other in self.history.other_roots(""))
            recorded = recipe.recorded_penalties(self.spec, self.store, roots)
            if recorded is not None:
                return recorded
            chosen = dict(zip(free, self._compared(free, progress, cancelled), strict=True))
        return tuple(chosen[k] if value is None else value for k, value in enumerate(given))

    def _compared(
        self, free: list[int], progress: Progress | None, cancelled: Cancelled | None
    ) -> list[float]:
        """Return the penalties of the classes at ``free``, chosen here or by the workers."""
        made, terms = self._plain_recipe, self.original_terms
        if self.workers is None or not made.divisible:
            data = self.unpenalised.under(terms)
            return choose_penalties(self.store, data, free, progress, cancelled)
        return choose_divided(self.each, terms, parts_of(self.store, free), progress, cancelled)

    @cached_property
    def root_id(self) -> str:
        """Id of the original students, #0, which identifies their tree of iterations."""
        return node_id(None, (), self.root_settings)

    @cached_property
    def root_settings(self) -> dict[str, Any]:
        """Plain data that determine the original students: store, solver, and settings."""
        return recipe.root_settings(self.spec, self.store, self._distillation)

    @cached_property
    def _refit_settings(self) -> dict[str, Any]:
        """Plain data that determine a refit, besides parent and edits."""
        section = self.spec.tuning
        asked = {"reference": section.reference, "step": float(section.step)}
        return {**asked, **self._refit.settings(self.store.classes)}

    @cached_property
    def _distillation(self) -> recipe.Recipe:
        return recipe.distillation(self.spec, self.penalties)

    @cached_property
    def _refit(self) -> recipe.Recipe:
        return recipe.refit(self.spec, self._distillation)

    def fine_tune(
        self,
        parent: Node,
        intents: Iterable[Edit],
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        author: str = "user",
        resolved: Mapping[str, Any] | None = None,
        refit: str | None = None,
    ) -> Node:
        """Refit from ``parent`` with one batch of ``intents``; return the node, saved to disk.

        Only the students of classes with an intent in the batch are refitted, from the parent's
        stored weights; students of other classes stay bit for bit. A ``joint`` student is refitted
        whole. All bounds of the branch stay active.
        Module ``thumbs`` defines the precedence of contradicting intents, ``tuning.notices``
        reports it. Repairs use the labels of ``tune``, or earlier terms, ``resolved`` (see
        ``Node.resolved``). ``refit`` is what a thumb does, ``target`` or ``all``; None: as in the
        spec. The same parent and intents give the same node, which is not fitted
        twice. Warns (``OptimumWarning``) if students ended far from their optimum. Raises
        ``TuningError`` for unknown names, no intents, an impossible repair, contradicting bounds,
        or a parent that is not in the history; ``SolverError``; ``CancelledError``.
        """
        stored = self.node(parent.id)
        batch = [as_stored(edit, self.store) for edit in intents]
        edits, meant = self._resolved_edits(stored, batch, resolved, refit), meant_by(batch)
        if self.history.get(edits.name) is None:
            known = self._previewed.get(edits.name)
            made = known or self._refitted(stored, edits, progress, cancelled)
            self.history.add(made.changed(author=author))
        if meant:
            self.set_meant(edits.name, meant, author)
        node = self.node(edits.name)
        warn_of_optimality(node, self.store.classes)
        return node

    def preview(
        self, parent: Node, intents: Iterable[Edit], cancelled: Cancelled | None = None
    ) -> Node:
        """Return the node that ``fine_tune`` would return, without storing it.

        It cannot be a parent. A later ``fine_tune`` reuses the fit.
        """
        stored = self.node(parent.id)
        edits = self._resolved_edits(stored, intents)
        made = self._previewed.made(
            edits.name, lambda: self._refitted(stored, edits, None, cancelled)
        )
        return made.changed(id=f"{PREVIEW}{edits.name}")

    @property
    def refit(self) -> str:
        """What a thumb does, ``target`` or ``all``: as in the spec, and by the solver."""
        return self.spec.refit

    def resolve(self, parent: Node, intents: Iterable[Edit], refit: str | None = None) -> Bounds:
        """Return the bounds that the thumbs of a batch would set after ``parent``; ``refit`` as in
        ``fine_tune``."""
        return resolve(
            canonical(thumbs_of(intents), self.spec.tuning.factor),
            self.store,
            parent=parent.weights,
            original=self.root().weights,
            reference=self.spec.tuning.reference,
            step=self.spec.tuning.step,
            refit=refit or self.refit,
        )

    def adjusted(
        self, parent: Node, intents: Iterable[Intent]
    ) -> dict[str, tuple[Adjustment, ...]]:
        """Return, by class of the resolved ``intents``, the adjustments of the targets in force
        after them, with ``refit`` target."""
        data, before = self.fit_data, self.terms(parent)
        by_class: dict[str, list[Intent]] = {}
        for intent in intents:
            by_class.setdefault(intent.class_name, []).append(intent)
        return {
            name: adjustments_after(
                before.get(name, Terms()).adjusted,
                of_class,
                self.spec.tuning.reference,
                partial(data.source.adjustment, name),
                partial(reliance_on, data.source, parent, partial(self.logits, parent), name),
                [c for (of, c), held in parent.bounds.items() if of == name and held == (0.0, 0.0)],
            )
            for name, of_class in sorted(by_class.items())
        }

    def head(self) -> Node:
        """Return the node that the page shows; #0 before the first refit or jump."""
        self.root()
        return self.node(self.history.head(self.root_id))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Threshold per class, in logits; unused with one class per image."""
        return self._evaluation.thresholds

    def cutoffs(self, logits: np.ndarray) -> Cutoffs:
        """Return the cutoffs of decisions on all classes, for students' logits ``(n, K)``."""
        return self._evaluation.cutoffs_of(logits)

    def decided(self, logits: np.ndarray) -> np.ndarray:
        """Return decisions ``(n, K)`` from logits ``(n, K)``, of students or teacher."""
        return self._evaluation.decided(logits)

    def logits(self, node: Node, rows: np.ndarray | None = None) -> np.ndarray:
        """Return student logits ``(n, K)`` of the images at ``rows`` of the store (None: all).

        Logits of images of ``tune`` are cross-fitted for the classes in ``spent``.
        """
        every = np.arange(len(self.store.images))
        return self._evaluation.logits(node, every if rows is None else rows)

    def spent(self, node: Node, split: str) -> tuple[str, ...]:
        """Return the classes whose students at ``node`` have spent images of ``split``.

        Labels of these images chose the student's settings, or it was fitted to the images. Its
        metrics, logits and decisions on this split are cross-fitted, wherever they are shown: each
        image is evaluated by a student that its label neither fitted nor chose. Empty but for
        ``tune``.
        """
        return tuple(self._spent(node)) if split == TUNE else ()

    def at(self, node: Node, split: str) -> Students:
        """Return a mapping from class to student of ``node``, with the images of a split.

        The caller must count uses of the holdout (``count_look``).
        """
        return Students(self._evaluation, node, split)

    def teacher_outcomes(self, split: str) -> Mapping[str, Outcome]:
        """Return labels, teacher's logits and decisions (``Outcome``) on a split, by class."""
        return self._evaluation.teacher_outcomes(split)

    def teacher_skills(self, split: str) -> dict[str, TeacherSkill]:
        """Return the teacher's AP on a split, with its chance level, by class."""
        return dict(self._evaluation.teacher_skills(split))

    def metrics(self, node: Node, split: str) -> dict[str, ClassMetrics]:
        """Return the metrics of each class at ``node`` on ``split``; nan if undefined."""
        return dict(self._evaluation.metrics(node, split))

    def known_metrics(self, node: Node | Iteration, split: str) -> dict[str, ClassMetrics] | None:
        """Return the metrics of each class at ``node`` on ``split`` if cached; None if not."""
        return self._evaluation.known_metrics(node, split)

    @cached_property
    def fit_data(self) -> FitData:
        """Data that the students are fitted to, read at first use."""
        return self.unpenalised.with_lambda(self.penalties)

    @cached_property
    def unpenalised(self) -> FitData:
        """The data ``fit_data``, with an L1 penalty of 1 for each class."""
        section, made = self.spec.students, self._plain_recipe
        how = section.temperature, section.targets, made.alpha, made.link, section.tempered
        return _original_data(self.store, *how, made.l1, made.l2, self.spec.device)

    @cached_property
    def _plain_recipe(self) -> recipe.Recipe:
        return recipe.distillation(self.spec, [1.0] * len(self.store.classes))

    def data_at(self, node: Node, scores: NDArray | None = None) -> FitData:
        """Return the data that the students of ``node`` are fitted to, with its repairs' terms;
        ``scores`` as in ``TargetSource.on_fit``."""
        return self.fit_data.under(self.terms(node), scores)

    def _resolved_edits(
        self,
        parent: Node,
        edits: Iterable[Edit],
        resolved: Mapping[str, Any] | None = None,
        refit: str | None = None,
    ) -> ResolvedEdits:
        """Check the edits of an iteration; return them with the resulting bounds and terms."""
        stored, refit = [as_stored(edit, self.store) for edit in edits], refit or self.refit
        thumbs, repairs = split_edits(stored, self.spec.tuning.factor, refit)
        if not thumbs and not repairs:
            raise TuningError("There is nothing to tune.", "Give at least one thumb or repair.")
        bounds = in_force(parent.bounds, self.resolve(parent, thumbs, refit))
        if self.joint:
            check_together(bounds, self.store.classes, self.store.concepts)
        self.repairs.check(repairs)
        settings, adjusted = self._refit_settings, dict[str, tuple[Adjustment, ...]]()
        if thumbs and refit == TARGET:
            adjusted = self.adjusted(parent, thumbs)
            plain = {name: [each.to_json() for each in of] for name, of in adjusted.items()}
            settings = {**settings, "refit": TARGET, "adjusted": plain}
        if repairs:
            terms = resolved or self.repairs.resolved(parent, repairs, bounds, adjusted)
            try:
                terms_of(terms, self.store)
            except (ValueError, KeyError, TypeError) as error:
                raise TuningError(
                    "The stored results of the repairs belong to other images.",
                    "Replay the history on the store it was made with, or make the repairs again.",
                ) from error
            settings = {**settings, "terms": dict(terms)}
        return ResolvedEdits(thumbs, repairs, bounds, settings, parent.id, adjusted)

    def _refitted(
        self,
        parent: Node,
        edits: ResolvedEdits,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> Node:
        before = self.terms(parent)
        terms = {**before, **terms_of(edits.settings.get("terms", {}), self.store)}
        adjusted = {**{name: of.adjusted for name, of in before.items()}, **edits.adjusted}
        terms = with_adjusted(terms, adjusted)
        solve = partial(self._fit, self._refit, terms, progress, cancelled)
        names = self._refit.refits(edits.tuned, self.store.classes)
        return refitted(solve, names, parent, edits, self.store)


@once(2)  # shared by tuners of one store with different histories, as in a study
def _original_data(
    store: Store,
    temperature: float,
    targets: str,
    alpha: float | None,
    link: str,
    tempered: str,
    l1: tuple[float, ...],
    l2: float,
    device: str,
) -> FitData:
    columns = np.arange(len(store.classes))
    source = TargetSource(store, temperature, columns, targets, alpha, link, tempered)
    return FitData.original(source, l1, l2, device)
