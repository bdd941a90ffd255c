"""What students are fitted to, as one value: images, targets, weights and penalties.

``under`` returns the same for the terms of some classes: each term makes another value of one or
more of the four, and nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.devices import CPU
from inficond_panel.distill import FitProblem, decision_function
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.problem import make_problems
from inficond_panel.distill.solver.tempered import mixed_of
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.effect import Effect
from inficond_panel.tuning.fitting.images import Further, Images
from inficond_panel.tuning.fitting.penalties import Penalties
from inficond_panel.tuning.fitting.targets import Targets, TargetSource, one_sided
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.fitting.weights import Weights


@dataclass(frozen=True, eq=False)
class FitData:
    """What the students of K classes are fitted to, on n images."""

    images: Images
    targets: Targets
    weights: Weights
    penalties: Penalties

    @classmethod
    def original(
        cls, source: TargetSource, l1: Sequence[float], l2: float = 0.0, device: str = CPU
    ) -> FitData:
        """Return the data of the original students: images of ``fit``, targets of ``source``.

        Raises ``TuningError`` without images, and for a class whose targets are all 0 or all 1: its
        student has no finite intercept. Raises ``DataError`` if the store lacks the oracle's
        logits.
        """
        images = Images.of_fit(source.store, device)
        targets, weights, scale = Targets.original(source)
        penalties = Penalties(np.array(l1, dtype=np.float64), np.asarray(scale), l2 * scale)
        made = cls(images, targets, Weights(weights, len(images)), penalties)
        made._check_classes()
        return made

    def _check_classes(self) -> None:
        source = self.targets.source
        learned = source.learned
        who = f"The {learned} is" if source.alpha is None else f"Labels and {learned} are"
        for k, name in enumerate(source.store.classes):
            column = self.targets_of(k)
            if one_sided(column):
                raise TuningError(
                    f"{who} certain of {name!r} on every image of the split 'fit' (all "
                    f"targets are {column[0]:g}): its student has no finite intercept.",
                    "Leave the class out, or give the students a higher temperature.",
                )

    @property
    def source(self) -> TargetSource:
        """What the students learn from."""
        return self.targets.source

    @property
    def store(self) -> Store:
        """Store of the images."""
        return self.images.store

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of images and of classes, (n, K)."""
        return len(self.images), len(self.source.columns)

    def only(self, k: int) -> FitData:
        """Return the data of the class at index ``k`` alone, whose index is 0 there."""
        return FitData(
            self.images, self.targets.only(k), self.weights.only(k), self.penalties.only(k)
        )

    def with_lambda(self, values: Sequence[float]) -> FitData:
        """Return this data with other values of lambda, one per class."""
        lambda_ = np.array(values, dtype=np.float64)
        return replace(self, penalties=replace(self.penalties, lambda_=lambda_))

    def under(self, terms: Mapping[str, Terms], scores: NDArray | None = None) -> FitData:
        """Return this data with ``terms`` applied to the classes that have any; ``scores`` are as
        in ``TargetSource.on_fit``.

        First thumbs adjust the targets. Then the effects of repairs change penalties, weights and
        targets, and add photos. At last they multiply the weights of all photos.
        """
        if not terms:
            return self
        adjusted = {name: of.adjusted for name, of in terms.items() if of.adjusted}
        data = replace(self, targets=self.targets.adjusted(adjusted, scores))
        for name, of_class in terms.items():
            data = data._changed(name, of_class)
        source, usual = data.source, data.weights.usual
        labels = {name: of.labels for name, of in terms.items()}
        for kind, effects in _by_kind(terms).items():
            for further in kind.further(source, usual, effects, labels):
                data = data.followed_by(further)
        return replace(data, weights=data._multiplied(terms))

    def _multiplied(self, terms: Mapping[str, Terms]) -> Weights:
        """Return the weights, multiplied by what effects have for all images, learned ones too."""
        weights = self.weights
        for name, of_class in terms.items():
            if (factors := of_class.image_factors(self.images)) is not None:
                weights = weights.multiplied(self.source.index(name), factors, self.shape)
        return weights

    def _changed(self, name: str, terms: Terms) -> FitData:
        """Return this data with penalties, weights and targets of one class by its ``terms``."""
        k, targets, weights = self.source.index(name), self.targets, self.weights
        for effect in terms.effects:
            weights = effect.on_weights(weights, k, self.shape)
            targets = effect.on_targets(targets, name)
        return replace(
            self, targets=targets, weights=weights, penalties=self.penalties_under(k, terms)
        )

    def penalties_under(self, k: int, terms: Terms) -> Penalties:
        """Return the penalties with those of class ``k`` by its ``terms``."""
        penalties = self.penalties
        for effect in terms.effects:
            penalties = effect.on_penalties(penalties, k, self.store.concepts)
        return penalties

    def followed_by(self, further: Further) -> FitData:
        """Return this data and then further images, which a fit has with their own weights."""
        return FitData(
            self.images.followed_by(further),
            self.targets.followed_by(further.targets),
            self.weights.followed_by(further.weights, self.shape),
            self.penalties,
        )

    def problem(self, columns: Sequence[int], rows: NDArray[np.bool_] | None = None) -> FitProblem:
        """Return the problem of ``distill.solve`` for the classes at ``columns``, on the images of
        the mask ``rows`` ``(n,)`` (None: all)."""
        chosen, weight, targets = list(columns), self.weights.values, self.targets.values
        if chosen != list(range(self.shape[1])):  # else without a copy of all targets
            weight = None if weight is None else weight[:, chosen]
            targets = targets[:, chosen]
        l1, l2 = self.penalties.l1[..., chosen], self.penalties.l2[chosen]
        return self._on(rows, FitProblem(self.images.gathered, targets, l1, l2, weight))

    def joint_problem(self, rows: NDArray[np.bool_] | None = None) -> FitProblem:
        """Return the problem of ``distill.joint_students`` for ``link`` softmax, on the images of
        the mask ``rows`` ``(n,)`` (None: all)."""
        weight = None if self.weights.values is None else self.weight(0)
        targets, l1 = self.targets.values, self.penalties.l1
        problem = FitProblem(self.images.gathered, targets, l1, sample_weight=weight)
        return self._on(rows, problem)

    def _on(self, rows: NDArray[np.bool_] | None, problem: FitProblem) -> FitProblem:
        return problem if rows is None else problem.on(rows)

    def targets_of(self, k: int, rows: NDArray[np.bool_] | None = None) -> NDArray:
        """Return the targets of class ``k`` on the images of ``rows`` with a weight above 0."""
        inside = self.weight(k) > 0
        return mixed_of(self.targets.values[inside if rows is None else inside & rows, k])

    def weight(self, k: int) -> NDArray:
        """Return the image weights ``(n,)`` of class ``k``; their sum is 1."""
        return self.weights.of(k, len(self.images))

    def logits(self, weights: NDArray, intercept: float) -> NDArray:
        """Return logits ``(n,)`` of a student with ``weights`` ``(C,)`` on the images."""
        gathered, intercepts = self.images.gathered, np.array([intercept])
        return decision_function(gathered, weights[:, None], intercepts)[:, 0]

    def loss(self, logits: NDArray, k: int) -> float:
        """Return the mean loss, in nats per image, of logits ``(n,)`` of class ``k``."""
        problem = self._problem_of(k)
        return problem.loss(problem.fitted(logits))

    def residuals(self, logits: NDArray, k: int) -> NDArray:
        """Return the derivative ``(n,)`` of the loss of class ``k`` by each of its logits."""
        problem = self._problem_of(k)
        return problem.residuals(problem.fitted(logits).probability)

    def largest_lambda(self, k: int) -> float:
        """Return the least lambda of class ``k`` at which all its weights are 0."""
        problem, size = self._problem_of(k), len(self.images)
        flat = problem.best_point(np.zeros(1), np.zeros(size), 0.0).fitted.probability
        residuals = problem.residuals(flat)[:, None]
        slopes = np.abs(self.images.gathered.gradient(residuals)[:, 0])
        return float((slopes / self.penalties.unit[..., k]).max(initial=0.0))

    def zero(self, k: int) -> float:
        """Return the objective of class ``k`` at w = 0 with the best intercept."""
        return self._problem_of(k).reference

    def _problem_of(self, k: int) -> Problem:
        """Return the loss of class ``k``, without penalties, as a solver problem."""
        shape, targets = (len(self.images), 1), self.targets.values[:, [k]]
        (problem,) = make_problems(shape, targets, 0.0, 0.0, None, None, self.weight(k))
        return problem

    def teacher_loss(self, logits: NDArray, k: int) -> float:
        """Return the mean cross-entropy with the teacher on ``fit``, with equal weights."""
        logits = logits[: self.images.of_split] / self.source.divisor
        return float((np.logaddexp(0, logits) - self.targets.teacher[:, k] * logits).mean())


def _by_kind(terms: Mapping[str, Terms]) -> dict[type[Effect], dict[str, Effect]]:
    """Return effects by kind, in the order of their keys, and then by class."""
    found: dict[type[Effect], dict[str, Effect]] = {}
    for name, of in terms.items():
        for effect in of.effects:
            found.setdefault(type(effect), {})[name] = effect
    return dict(sorted(found.items(), key=lambda item: item[0].key))
