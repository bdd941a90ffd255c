"""The training recipe of the paper: mini-batches, Adam, a few epochs (InFiConD, sec. 4.4, 4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.installation import needs
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.exact import Fit, certify, check_cancelled, made_of, solve
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.solver.problem import FitProblem, make_problems, start_weights
from inficond_panel.distill.solver.tempered import Tempered, TemperedProblem
from inficond_panel.distill.sources import Array, check_dense
from inficond_panel.errors import SolverError
from inficond_panel.vocabulary.intents import LARGEST_RATE

#: Learning rates that are tried where the caller names none.
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
#: Gap of the exact solution, which stands for the optimum in the distance from it.
_CLOSE = 1e-4


def fit_paper(
    scores: ArrayLike,
    targets: NDArray | Tempered,
    *,
    l1: ArrayLike = 1e-4,
    epochs: int = 10,
    batch: int = 128,
    lr: float | None = None,
    seed: int = 0,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    start: Fit | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    device: str = CPU,
) -> Fit:
    """Train students by the paper's recipe, and certify how far they are from the optimum.

    Scores are (N, C), targets (N, K). The recipe: mean BCE-with-logits on mini-batches, Adam, and
    after each step the proximal step of l1*|w|_1 and the bounds in Adam's own metric (Yun, Lozano,
    Yang 2021, NeurIPS): a weight moves towards 0 by l1 times its step per unit of gradient, and
    stays at 0 where its gradient is smaller than l1. Adam works on each weight alone, so training
    all classes as one layer is the same as training each by itself on the same batches.

    The layer reads the scores less their means, over one common spread (``Standardised``): Adam
    makes steps of one length in all weights, and with raw scores most steps would go into the
    intercept. Penalty, bounds, weights and intercepts of arguments and result belong to the
    original scores. Without ``start`` training begins at the weights nearest to 0.

    Without ``lr`` each of ``RATES`` is tried, with the same seed, and each class takes the student
    of the rate with the least objective on these scores. ``gap`` is the distance to the optimum,
    which the exact solver computes to 1e-4; its solution is not used for the weights. The other
    arguments and errors are as in ``fit``. Besides, a training that diverged raises SolverError, a
    missing torch MissingExtraError, and a ``device`` that is not available DataError. The order of
    the images is the same on all devices.
    """
    if epochs < 1 or batch < 1 or not (lr is None or 0 < lr <= LARGEST_RATE):
        raise SolverError(
            f"Cannot train with epochs {epochs}, batch {batch}, lr {lr}.",
            f"All must be above 0, and lr at most {LARGEST_RATE:g}.",
        )
    with needs("The paper's training recipe", "precompute", more=", or use solver: exact."):
        import torch  # noqa: PLC0415 - an extra
    check_dense(scores=scores, targets=targets, lower=lower, upper=upper)
    values = np.asarray(scores)
    data, rates = Scores(values), RATES if lr is None else (lr,)
    options: dict[str, Any] = {"l1": l1, "lower": lower, "upper": upper}
    problems = make_problems(data.shape, targets, l1, 0.0, lower, upper, None)
    columns = Standardised.of(data)
    first = _first_layer(columns, data.shape, problems, start)
    table = torch.tensor(columns.values(values), device=torch_device(device))
    penalties = [problem.penalty.scaled(columns.spread) for problem in problems]
    layers = []
    with one_torch_thread():
        for number, rate in enumerate(rates):
            tried = f", learning rate {rate:g}" if lr is None else ""
            trainer = _Trainer(torch, table, problems, penalties, first, rate, seed)
            for epoch in range(1, epochs + 1):
                trainer.epoch(batch, cancelled)
                if progress is not None:
                    done = (number * epochs + epoch) / (epochs * len(rates))
                    progress(done, f"epoch {epoch} of {epochs}{tried}")
            layers.append(columns.outside(*trainer.layer(), problems))
    sound = [layer for layer in layers if all(np.isfinite(part).all() for part in layer)]
    if not sound:
        raise SolverError(
            f"Training diverged at lr {rates[0]:g}.", "Choose a smaller learning rate."
        )
    reached = _least([certify(data, targets, *layer, **options) for layer in sound])
    whole = FitProblem(data, targets, **options)
    optimum = solve(whole, tolerance=_CLOSE, cancelled=cancelled)
    unit = np.array([problem.reference for problem in problems])
    above = np.maximum((reached.objective - optimum.objective) / unit + optimum.gap, 0.0)
    proved = np.array(reached.certificate) == "gap"
    taken = np.full(len(problems), trainer.steps)
    return replace(reached, gap=np.where(proved, above, reached.gap), iterations=taken)


@dataclass(frozen=True)
class Standardised:
    """Standardisation of scores x to (x - ``mean`` (C,)) / ``spread``.

    All columns share one spread, so that L1 still penalises all weights alike. Weights of
    standardised scores are ``spread`` times those of the original scores."""

    mean: Array
    spread: float

    @classmethod
    def of(cls, data: Scores) -> Standardised:
        """Return the standardisation of these scores: each column's mean, and as common spread the
        root mean square of the standard deviations."""
        mean, variance = data.moments(np.full(data.shape[0], 1 / data.shape[0]))
        return cls(mean, float(np.sqrt(variance.mean())) or 1.0)

    def values(self, scores: NDArray) -> NDArray[np.float32]:
        """Standardise scores (N, C); the difference to the mean has the precision of the scores."""
        kind = np.promote_types(scores.dtype, np.float32)
        less = scores.astype(kind, copy=False) - self.mean.astype(kind)
        return np.asarray(less / kind.type(self.spread), dtype=np.float32)

    def outside(
        self, weights: Array, intercepts: Array, problems: list[Problem]
    ) -> tuple[Array, Array]:
        """Convert weights (C, K) and intercepts (K,) to the original scores; the weights are
        clipped into the bounds of ``problems``."""
        pairs = zip(problems, weights.T / self.spread, strict=True)
        clipped = np.stack([problem.penalty.clip(w) for problem, w in pairs], axis=1)
        return clipped, intercepts - self.mean @ clipped


def _first_layer(
    columns: Standardised, shape: tuple[int, int], problems: list[Problem], start: Fit | None
) -> tuple[Array, Array]:
    """Return the weights (C, K) and mean logits (K,) with which training on ``columns`` begins.

    They are those of ``start``, clipped into the bounds, or without ``start`` the weights nearest
    to 0. Clipping leaves the mean logit unchanged."""
    size = shape[1], len(problems)
    if start is not None:
        weights = start_weights(start.weights, size, problems)
        mean_logits = start.intercepts + columns.mean @ start.weights
    else:
        weights, flat = start_weights(None, size, problems), np.zeros(shape[0])
        best = [p.best_point(np.zeros(size[0]), flat, 0.0).intercept for p in problems]
        mean_logits = np.array(best)
    return weights * columns.spread, mean_logits


def _least(ends: list[Fit]) -> Fit:
    """Return for each class the student with the least objective, out of several fits."""
    best = np.argmin([end.objective for end in ends], axis=0)
    columns = np.arange(len(best))
    return made_of(ends, lambda values: np.stack(values)[best, ..., columns].T)


class _Trainer:
    """Linear layer of all classes (students) in training, with its Adam optimiser."""

    def __init__(
        self,
        torch: Any,
        scores: Any,
        problems: list[Problem],
        penalties: list[Penalty],
        first: tuple[Array, Array],
        lr: float,
        seed: int,
    ) -> None:
        self.torch, self.scores = torch, scores
        self.generator = torch.Generator().manual_seed(seed)
        self.targets = self._tensor(np.stack([p.target for p in problems], axis=1))
        one = problems[0]
        self.divisor = one.temperature if isinstance(one, TemperedProblem) else 1.0
        self.l1, self.lower, self.upper = (
            self._tensor(np.array([getattr(p, name) for p in penalties]).T)
            for name in ("l1", "lower", "upper")
        )
        self.weights, self.bias = map(self._tensor, first)
        for parameter in (self.weights, self.bias):
            parameter.requires_grad_()
        self.optimiser = torch.optim.Adam([self.weights, self.bias], lr=lr)
        self.steps = 0

    def _tensor(self, values: Array) -> Any:
        return self.torch.tensor(values, dtype=self.torch.float32, device=self.scores.device)

    def layer(self) -> tuple[Array, Array]:
        """Return the layer's present weights (C, K) and intercepts (K,)."""
        weights, bias = (values.detach().cpu().numpy() for values in (self.weights, self.bias))
        return weights.astype(np.float64), bias.astype(np.float64)

    def epoch(self, batch: int, cancelled: Callable[[], bool] | None) -> None:
        """Train on all images once, in random order, in batches of ``batch`` images."""
        order = self.torch.randperm(len(self.scores), generator=self.generator)
        for rows in order.to(self.scores.device).split(batch):
            check_cancelled(cancelled, "The training was")
            self._step(rows)

    def _step(self, rows: Any) -> None:
        """Make one Adam step on the images ``rows``, then the proximal step of L1 and bounds."""
        logits = (self.scores[rows] @ self.weights + self.bias) / self.divisor
        loss = self.torch.nn.functional.binary_cross_entropy_with_logits(
            logits, self.targets[rows], reduction="sum"
        ) / len(rows)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.steps += 1
        with self.torch.no_grad():
            most = self.l1 * self._reach()
            moved = self.weights.sign() * (self.weights.abs() - most).clamp(min=0)
            self.weights.copy_(moved.clamp(self.lower, self.upper))

    def _reach(self) -> Any:
        """Return the length of Adam's step per unit of gradient, per weight (C, K)."""
        state, group = self.optimiser.state[self.weights], self.optimiser.param_groups[0]
        second = state["exp_avg_sq"] / (1 - group["betas"][1] ** self.steps)
        return group["lr"] / (second.sqrt() + group["eps"])
