"""Bounds on the weights of an iteration: active bounds, shadow prices and training objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.distill import Fit, JointFit, fit_joint
from inficond_panel.distill.solver.centred_bounds import ConceptAtOptimum, at_bound
from inficond_panel.distill.solver.joint import make_joint_problem
from inficond_panel.distill.solver.joint_objective import FittedSoftmax, JointProblem, least_shift
from inficond_panel.distill.solver.penalty import Price, price_error, shadow_price
from inficond_panel.tuning.fitting.recipe import Cancelled, Progress, solve, start_from
from inficond_panel.tuning.thumbs import box

if TYPE_CHECKING:
    from inficond_panel.tuning.node import Node
    from inficond_panel.tuning.student import Student
    from inficond_panel.tuning.tuner import Tuner

#: Tolerance of the optimum that prices are taken at: at a spread of 0.1 their error is ~1e-6.
TOLERANCE = 1e-10
#: A price up to this counts as 0 if its error is not known.
_UNKNOWN = 1e-8
#: Largest error of a price at which a bound counts as not active, rather than as unsure.
_CLOSE = 1e-5


@dataclass(frozen=True)
class Bound:
    """Bound on one concept's weight (None: no limit on that side), with its cost in the objective.

    ``since`` is the iteration that set the bound, ``weight`` the optimal weight under all bounds.
    The bound is ``active`` if the weight lies on it and a looser bound would lower the objective:
    ``price.gain`` exceeds ``price.error`` (nan if lambda and l2 are 0, since the duality gap is
    then unknown). ``lifted`` is the fall of the optimal objective if only this bound is removed, in
    nats; nan if not computed.
    """

    concept: str
    lower: float | None
    upper: float | None
    since: int | None
    weight: float
    price: Price
    lifted: float = np.nan

    @property
    def active(self) -> bool:
        """True if a looser bound would lower the objective."""
        error = self.price.error
        return self.price.gain > (_UNKNOWN if np.isnan(error) else max(error, 1e-12))

    @property
    def at_limit(self) -> bool:
        """True if the optimal weight equals the lower or the upper limit."""
        return self.weight in (self.lower, self.upper)

    @property
    def unsure(self) -> bool:
        """True if the optimum is not known closely enough to decide whether the bound is active."""
        return self.at_limit and not self.active and self.price.error > _CLOSE

    @property
    def direction_without(self) -> str:
        """Direction in which the weight would move without the bound: ``up``, ``down`` or empty."""
        if not self.active:
            return ""
        return "up" if self.upper is not None and self.price.right < 0 else "down"


@dataclass(frozen=True)
class Objective:
    """Training objective of a student, in nats per image, before and after an iteration.

    ``zero`` is the objective with all weights 0, ``free`` its optimum without bounds, ``optimum``
    its optimum under the bounds; ``before`` and ``after`` are its values at the stored weights of
    the parent and of this iteration. ``loss_*`` is the part without penalties, ``teacher_*`` the
    loss against the teacher alone (both are equal unless true labels are mixed in).
    """

    zero: float
    free: float
    before: float
    after: float
    optimum: float
    loss_before: float
    loss_after: float
    teacher_before: float
    teacher_after: float

    @property
    def rise(self) -> float:
        """Increase of the objective from the parent to this iteration, in nats per image."""
        return self.after - self.before

    @property
    def rise_share(self) -> float:
        """Increase ``rise`` divided by the objective with all weights 0."""
        return self.rise / self.zero

    @property
    def rise_by_branch(self) -> float:
        """Increase over the optimum without bounds, divided by the objective at weights 0."""
        return (self.after - self.free) / self.zero


class Pricing:
    """Students of some classes at ``node``, solved again precisely enough for shadow prices.

    ``held`` is the solution under the bounds of ``node``, ``free`` the solution without bounds.
    Both start from stored weights, so that a report is reproducible.
    """

    def __init__(
        self,
        tuner: Tuner,
        node: Node,
        classes: Sequence[str],
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> None:
        self.tuner, self.node, self.classes, self.cancelled = tuner, node, classes, cancelled
        self.columns = [tuner.store.classes.index(name) for name in classes]
        self.data = tuner.data_at(node)
        self.lower, self.upper = box(node.bounds, classes, tuner.store.concepts)
        box_of = {"lower": self.lower, "upper": self.upper}
        self.held = self._solve(node, self.columns, _half(progress, 0), **box_of)
        self.free = self._solve(tuner.root(), self.columns, _half(progress, 1))

    def objective(self, before: Student, after: Student) -> Objective:
        """Return a class's training objective for its students ``before`` and ``after`` a refit."""
        data, position, k = self.data, self.classes.index(after.class_name), after.column
        was, now = (
            data.logits(before.weights, before.intercept),
            data.logits(after.weights, after.intercept),
        )
        loss_before, loss_after = data.loss(was, k), data.loss(now, k)
        return Objective(
            zero=data.zero(k),
            free=float(self.free.objective[position]),
            before=loss_before + data.penalty(k).value(before.weights),
            after=loss_after + data.penalty(k).value(after.weights),
            optimum=float(self.held.objective[position]),
            loss_before=loss_before,
            loss_after=loss_after,
            teacher_before=data.teacher_loss(was, k),
            teacher_after=data.teacher_loss(now, k),
        )

    def bounds(self, class_name: str, lift: bool = False) -> tuple[Bound, ...]:
        """Return a class's bounds, largest shadow price first; ``lift`` sets ``Bound.lifted``."""
        concepts, position = self.tuner.store.concepts, self.classes.index(class_name)
        residuals = self._residuals(position)
        priced = []
        for (owner, concept), (lower, upper) in self.node.bounds.items():
            if owner != class_name:
                continue
            c = concepts.index(concept)
            bound = Bound(
                concept,
                lower,
                upper,
                self.tuner.bound_since(self.node, owner, concept),
                float(self.held.weights[c, position]),
                self._price(c, position, residuals),
            )
            if lift and bound.active:
                bound = replace(bound, lifted=self._lifted(c, position))
            priced.append(bound)
        return tuple(sorted(priced, key=lambda bound: (-bound.price.gain, bound.concept)))

    def _residuals(self, index: int) -> np.ndarray:
        data, k = self.data, self.columns[index]
        support = np.flatnonzero(self.held.weights[:, index])
        scores = np.asarray(data.scores[:, support], dtype=np.float64)
        logits = scores @ self.held.weights[support, index] + self.held.intercepts[index]
        return data.residuals(logits, k)

    def _price(self, c: int, index: int, residuals: np.ndarray) -> Price:
        data, k = self.data, self.columns[index]
        column = np.asarray(data.scores[:, c], dtype=np.float64)
        weight = data.weight(k)
        spread = float(np.sqrt(weight @ (column - weight @ column) ** 2))
        gapped = self.held.certificate[index] == "gap"
        delta = float(self.held.gap[index]) * data.zero(k) * data.bend if gapped else np.nan
        return shadow_price(
            float(column @ residuals),
            float(self.held.weights[c, index]),
            data.penalty(k).of(c, float(self.lower[c, index]), float(self.upper[c, index])),
            error=price_error(spread, delta) if gapped else np.nan,
        )

    def _lifted(self, c: int, index: int) -> float:
        """Return how much the optimal objective falls if the bound on concept ``c`` is removed."""
        lower, upper = self.lower[:, [index]].copy(), self.upper[:, [index]].copy()
        lower[c], upper[c] = -np.inf, np.inf
        fit = self._solve(self.node, [self.columns[index]], None, lower=lower, upper=upper)
        return max(float(self.held.objective[index] - fit.objective[0]), 0.0)

    def _solve(
        self,
        start: Node,
        columns: Sequence[int],
        progress: Progress | None,
        **limits: np.ndarray,
    ) -> Fit:
        return solve(
            self.data,
            columns,
            tolerance=TOLERANCE,
            start=start_from(start, columns),
            progress=progress,
            cancelled=self.cancelled,
            **limits,
        )


def _half(progress: Progress | None, which: int) -> Progress | None:
    """Return a callback that reports solution ``which`` (0 or 1) as half of the whole progress."""
    if progress is None:
        return None
    return lambda share, text: progress((which + share) / 2, text)


class JointPricing:
    """Joint softmax student of an iteration, solved again precisely enough for shadow prices.

    It has the methods of ``Pricing``, but its objective covers all classes together.
    """

    def __init__(
        self,
        tuner: Tuner,
        node: Node,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> None:
        self.tuner, self.node, self.cancelled = tuner, node, cancelled
        self.data, store = tuner.data_at(node), tuner.store
        self.lower, self.upper = box(node.bounds, store.classes, store.concepts)
        self.held = self._solve(node.weights, progress, self.lower, self.upper)
        self.free = self._solve(tuner.root().weights, None)

    def objective(self, before: Student, after: Student) -> Objective:
        """Return the training objective of all classes together, before and after a refit."""
        was, now = before.node, after.node
        (loss_before, taught_before), (loss_after, taught_after) = map(self._losses, (was, now))
        return Objective(
            zero=self._zero,
            free=self.free.objective,
            before=loss_before + self._size(was),
            after=loss_after + self._size(now),
            optimum=self.held.objective,
            loss_before=loss_before,
            loss_after=loss_after,
            teacher_before=taught_before,
            teacher_after=taught_after,
        )

    def bounds(self, class_name: str, lift: bool = False) -> tuple[Bound, ...]:
        """Return a class's bounds, largest shadow price first; ``lift`` sets ``Bound.lifted``."""
        store, priced = self.tuner.store, []
        k = store.classes.index(class_name)
        for (owner, concept), (lower, upper) in self.node.bounds.items():
            if owner != class_name:
                continue
            c = store.concepts.index(concept)
            since = self.tuner.bound_since(self.node, owner, concept)
            weight, price = float(self._centred[c, k]), self._at(c).price(k)
            bound = Bound(concept, lower, upper, since, weight, price)
            if lift and bound.active:
                bound = replace(bound, lifted=self._lifted(c, k))
            priced.append(bound)
        return tuple(sorted(priced, key=lambda bound: (-bound.price.gain, bound.concept)))

    @cached_property
    def _centred(self) -> np.ndarray:
        weights = self.held.centred
        for bound in (self.lower, self.upper):
            weights = np.where(at_bound(weights, bound), bound, weights)
        return weights

    @cached_property
    def _problem(self) -> JointProblem:
        problem = self.data.joint_problem()
        shape = problem.pop("scores").shape
        return make_joint_problem(shape, lower=None, upper=None, **problem)

    @cached_property
    def _zero(self) -> float:
        return self._problem.reference

    @cached_property
    def _residuals(self) -> np.ndarray:
        linear = self.data.gathered.logits(self.held.weights, self.held.intercepts)
        return self._problem.residuals(self._problem.fitted(linear).probability)

    def _at(self, c: int) -> ConceptAtOptimum:
        column, weight = np.asarray(self.data.scores[:, c], dtype=np.float64), self.data.weight(0)
        return ConceptAtOptimum(
            gradient=column @ self._residuals,
            weights=self.held.weights[c],
            lower=self.lower[c],
            upper=self.upper[c],
            l1=self.data.l1,
            multipliers=self.held.multipliers[c],
            spread=float(np.sqrt(weight @ (column - weight @ column) ** 2)),
            delta=self.held.gap * self._zero * self.data.bend,
        )

    def _losses(self, node: Node) -> tuple[float, float]:
        """Return a student's mean loss against its targets, and against the teacher alone."""
        linear = self.data.gathered.logits(node.weights, node.intercepts)
        even = np.full(len(linear), 1 / len(linear))
        beside = FittedSoftmax(linear / self.data.divisor).loss(self.data.teacher, even)
        return self._problem.loss(self._problem.fitted(linear)), beside

    def _size(self, node: Node) -> float:
        """Return the L1 penalty of the smallest weights that give the node's predictions."""
        l1 = self.data.l1
        return float(np.abs(least_shift(node.weights, l1)).sum(axis=0) @ l1)

    def _lifted(self, c: int, k: int) -> float:
        """Return how much the optimal objective falls if one bound (concept c, class k) goes."""
        lower, upper = self.lower.copy(), self.upper.copy()
        lower[c, k], upper[c, k] = -np.inf, np.inf
        free = self._solve(self.node.weights, None, lower, upper)
        return max(self.held.objective - free.objective, 0.0)

    def _solve(
        self,
        start: np.ndarray,
        progress: Progress | None,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> JointFit:
        return fit_joint(
            **self.data.joint_problem(),
            lower=lower,
            upper=upper,
            start=start,
            tolerance=TOLERANCE,
            progress=progress,
            cancelled=self.cancelled,
        )
