"""Bounds on the weights of an iteration: active bounds, shadow prices and training objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from inficond_panel.distill import Fit, JointFit
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.distill.solver.centred_bounds import ConceptAtOptimum, at_bound
from inficond_panel.distill.solver.joint import joint_problem, solve_joint
from inficond_panel.distill.solver.joint_objective import FittedSoftmax, JointProblem, least_shift
from inficond_panel.distill.solver.penalty import Price, price_error, shadow_price
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.fitting.recipe import solve_each, start_from
from inficond_panel.tuning.thumbs import box

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


class BoundPrices:
    """Bounds of the students at ``node`` with their prices, at optima that subclasses solve."""

    def __init__(self, tuner: Tuner, node: Node, cancelled: Cancelled | None) -> None:
        self.tuner, self.node, self.cancelled = tuner, node, cancelled
        self.data = tuner.data_at(node)

    def bounds(self, class_name: str, lift: bool = False) -> tuple[Bound, ...]:
        """Return a class's bounds, largest shadow price first; ``lift`` sets ``Bound.lifted``."""
        store, priced = self.tuner.store, []
        k = store.classes.index(class_name)
        own = {c: limits for (owner, c), limits in self.node.bounds.items() if owner == class_name}
        if not own:
            return ()
        residuals, image_weight = self._residuals(k), self.data.weight(k)
        for concept, (lower, upper) in own.items():
            c = store.concepts.index(concept)
            column = np.asarray(self.data.images.scores[:, c], dtype=np.float64)
            spread = float(np.sqrt(image_weight @ (column - image_weight @ column) ** 2))
            weight, price = self._optimum(c, k, column @ residuals, spread)
            since = self.tuner.bound_since(self.node, class_name, concept)
            bound = Bound(concept, lower, upper, since, weight, price)
            if lift and bound.active:
                bound = replace(bound, lifted=self._lifted(c, k))
            priced.append(bound)
        return tuple(sorted(priced, key=lambda bound: (-bound.price.gain, bound.concept)))

    def objective(self, before: Student, after: Student) -> Objective:
        """Return the training objective for a class's students ``before`` and ``after`` a refit,
        or of all classes together for a joint student."""
        zero, free, optimum = self._levels(after.column)
        loss_before, size_before, teacher_before = self._terms(before)
        loss_after, size_after, teacher_after = self._terms(after)
        return Objective(
            zero=zero,
            free=free,
            before=loss_before + size_before,
            after=loss_after + size_after,
            optimum=optimum,
            loss_before=loss_before,
            loss_after=loss_after,
            teacher_before=teacher_before,
            teacher_after=teacher_after,
        )

    def _levels(self, k: int) -> tuple[float, float, float]:
        """Return the objective with all weights 0, and its optima without and with bounds."""
        raise NotImplementedError

    def _terms(self, student: Student) -> tuple[float, float, float]:
        """Return a student's loss against its targets, penalty, and loss against the teacher."""
        raise NotImplementedError

    def _residuals(self, k: int) -> np.ndarray:
        """Return the derivatives of the loss by the logits of class ``k``, or of all classes."""
        raise NotImplementedError

    def _optimum(self, c: int, k: int, gradient: Any, spread: float) -> tuple[float, Price]:
        """Return the optimal weight of concept ``c`` for class ``k``, and its bound's price."""
        raise NotImplementedError

    def _lifted(self, c: int, k: int) -> float:
        """Return how much the optimal objective falls if the bound on concept ``c`` is removed."""
        raise NotImplementedError


class Pricing(BoundPrices):
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
        super().__init__(tuner, node, cancelled)
        self.columns = [tuner.store.classes.index(name) for name in classes]
        self.lower, self.upper = box(node.bounds, classes, tuner.store.concepts)
        box_of = {"lower": self.lower, "upper": self.upper}
        self.held = self._solve(node, self.columns, _half(progress, 0), **box_of)
        self.free = self._solve(tuner.root(), self.columns, _half(progress, 1))

    def _levels(self, k: int) -> tuple[float, float, float]:
        free, held = (each.objective[self.columns.index(k)] for each in (self.free, self.held))
        return self.data.zero(k), float(free), float(held)

    def _terms(self, student: Student) -> tuple[float, float, float]:
        data, k = self.data, student.column
        logits = data.logits(student.weights, student.intercept)
        size = data.penalties.of(k).value(student.weights)
        return data.loss(logits, k), size, data.teacher_loss(logits, k)

    def _residuals(self, k: int) -> np.ndarray:
        weights = self.held.weights[:, self.columns.index(k)]
        support = np.flatnonzero(weights)
        scores = np.asarray(self.data.images.scores[:, support], dtype=np.float64)
        intercept = self.held.intercepts[self.columns.index(k)]
        return self.data.residuals(scores @ weights[support] + intercept, k)

    def _optimum(self, c: int, k: int, gradient: float, spread: float) -> tuple[float, Price]:
        data, index = self.data, self.columns.index(k)
        weight, error = float(self.held.weights[c, index]), np.nan
        if self.held.certificate[index] == "gap":
            delta = float(self.held.gap[index]) * data.zero(k) * data.source.bend
            error = price_error(spread, delta)
        limits = float(self.lower[c, index]), float(self.upper[c, index])
        price = shadow_price(
            float(gradient), weight, data.penalties.of(k).of(c, *limits), error=error
        )
        return weight, price

    def _lifted(self, c: int, k: int) -> float:
        index = self.columns.index(k)
        lower, upper = self.lower[:, [index]].copy(), self.upper[:, [index]].copy()
        lower[c], upper[c] = -np.inf, np.inf
        fit = self._solve(self.node, [k], None, lower=lower, upper=upper)
        return max(float(self.held.objective[index] - fit.objective[0]), 0.0)

    def _solve(
        self, start: Node, columns: Sequence[int], progress: Progress | None, **limits: np.ndarray
    ) -> Fit:
        return solve_each(
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


class JointPricing(BoundPrices):
    """Joint softmax student of an iteration, solved again precisely enough for shadow prices.

    Its objective covers all classes together.
    """

    def __init__(
        self,
        tuner: Tuner,
        node: Node,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> None:
        super().__init__(tuner, node, cancelled)
        self.lower, self.upper = box(node.bounds, tuner.store.classes, tuner.store.concepts)
        self.held = self._solve(node.weights, progress, self.lower, self.upper)
        self.free = self._solve(tuner.root().weights, None)

    def _levels(self, k: int) -> tuple[float, float, float]:
        return self._problem.reference, self.free.objective, self.held.objective

    def _terms(self, student: Student) -> tuple[float, float, float]:
        node, data = student.node, self.data
        linear = data.images.gathered.logits(node.weights, node.intercepts)
        even = np.full(len(linear), 1 / len(linear))
        beside = FittedSoftmax(linear / data.source.divisor).loss(data.targets.teacher, even)
        least = least_shift(
            node.weights, data.penalties.l1
        )  # the smallest weights with these predictions
        loss = self._problem.loss(self._problem.fitted(linear))
        return loss, self._problem.size(least), beside

    @cached_property
    def _centred(self) -> np.ndarray:
        weights = self.held.centred
        for bound in (self.lower, self.upper):
            weights = np.where(at_bound(weights, bound), bound, weights)
        return weights

    @cached_property
    def _problem(self) -> JointProblem:
        return joint_problem(self.data.joint_problem())

    def _residuals(self, k: int) -> np.ndarray:
        return self._residuals_of_all

    @cached_property
    def _residuals_of_all(self) -> np.ndarray:
        linear = self.data.images.gathered.logits(self.held.weights, self.held.intercepts)
        return self._problem.residuals(self._problem.fitted(linear).probability)

    def _optimum(self, c: int, k: int, gradient: np.ndarray, spread: float) -> tuple[float, Price]:
        optimum = ConceptAtOptimum(
            gradient=gradient,
            weights=self.held.weights[c],
            lower=self.lower[c],
            upper=self.upper[c],
            l1=self.data.penalties.l1,
            multipliers=self.held.multipliers[c],
            spread=spread,
            delta=self.held.gap * self._problem.reference * self.data.source.bend,
        )
        return float(self._centred[c, k]), optimum.price(k)

    def _lifted(self, c: int, k: int) -> float:
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
        return solve_joint(
            self.data.joint_problem().within(lower, upper),
            start=start,
            tolerance=TOLERANCE,
            progress=progress,
            cancelled=self.cancelled,
        )
