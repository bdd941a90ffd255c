"""Cost of the bounds of an iteration of the joint student: one optimum for all classes."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.distill import JointFit, fit_joint
from inficond_panel.distill.solver.centred_bounds import ConceptAtOptimum, at_bound
from inficond_panel.distill.solver.joint import make_joint_problem
from inficond_panel.distill.solver.joint_objective import FittedSoftmax, JointProblem, least_shift
from inficond_panel.results.bound_prices import TOLERANCE, Bound, Objective
from inficond_panel.tuning.fitting.recipe import Cancelled, Progress
from inficond_panel.tuning.thumbs import box

if TYPE_CHECKING:
    from inficond_panel.tuning.node import Node
    from inficond_panel.tuning.student import Student
    from inficond_panel.tuning.tuner import Tuner


class JointPricing:
    """The joint student of one iteration, solved again closely enough for prices.

    As ``bound_prices.Pricing``; the objective is that of all classes together.
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
        """Objective of all classes from the parent's student to the node's."""
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
        """Bounds in force on one class, the dearest first."""
        store, priced = self.tuner.store, []
        k = store.classes.index(class_name)
        for (owner, concept), (lower, upper) in self.node.bounds.items():
            if owner != class_name:
                continue
            c = store.concepts.index(concept)
            since = self.tuner.bound_since(self.node, owner, concept)
            weight, price = float(self._centred[c, k]), self._at(c).price(k)
            bound = Bound(concept, lower, upper, since, weight, price)
            if lift and bound.binds:
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
        """Mean loss of a node, and that against the teacher alone."""
        linear = self.data.gathered.logits(node.weights, node.intercepts)
        even = np.full(len(linear), 1 / len(linear))
        beside = FittedSoftmax(linear / self.data.divisor).loss(self.data.teacher, even)
        return self._problem.loss(self._problem.fitted(linear)), beside

    def _size(self, node: Node) -> float:
        """L1 term: that of the weights with the least of it that predict as the node's."""
        l1 = self.data.l1
        return float(np.abs(least_shift(node.weights, l1)).sum(axis=0) @ l1)

    def _lifted(self, c: int, k: int) -> float:
        """By how much the optimal objective falls without one bound."""
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
