"""The training recipe of the paper: mini-batches, Adam, a few epochs (InFiConD, sec. 4.4, 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.installation import missing_extra
from inficond_panel.common.torch_thread import one_torch_thread
from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.scores.scores import Scores
from inficond_panel.distill.solver.exact import Fit, certify, fit
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.problem import make_problems, start_weights
from inficond_panel.distill.solver.tempered import Tempered, TemperedProblem
from inficond_panel.errors import CancelledError, SolverError

#: Learning rates that are tried where none is given.
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
#: Gap of the exact solution that the distance from the optimum is measured to.
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
    """Students trained as in the paper, with the certificate of what they reached.

    Mean BCE-with-logits on mini-batches, Adam, and after each step the proximal step of l1*|w|_1
    and the box in Adam's own metric (Yun, Lozano, Yang 2021, NeurIPS): a weight moves towards 0 by
    l1 times its step per unit of gradient, and stays at 0 where its gradient is smaller than l1.
    Adam works on each coefficient alone, so training all classes as one layer is the same as
    training each by itself on the same batches.

    Without ``lr`` each of ``RATES`` is tried, with the same seed, and each class takes the one
    whose students end with the least objective on the scores given. ``gap`` is the distance to the
    optimum, which the exact solver finds to 1e-4: it judges, and gives nothing to the weights. The
    other arguments and the errors are as in fit; MissingExtraError where torch is not
    installed, DataError for a device that is not there. First weights and order of the images are
    the same on all devices.
    """
    if epochs < 1 or batch < 1 or not (lr is None or lr > 0):
        raise SolverError(
            f"Cannot train with epochs {epochs}, batch {batch}, lr {lr}.", "All must be above 0."
        )
    torch = _import_torch()
    values = np.asarray(scores)
    data, rates = Scores(values), RATES if lr is None else (lr,)
    given: dict[str, Any] = {"l1": l1, "lower": lower, "upper": upper}
    problems = make_problems(data.shape, targets, l1, 0.0, lower, upper, None)
    trained = _training(torch, values, problems, (epochs, batch, seed), start, torch_device(device))
    layers = []
    with one_torch_thread():
        for number, rate in enumerate(rates):
            tried = f", learning rate {rate:g}" if lr is None else ""
            for epoch, trainer in enumerate(trained(rate, cancelled), start=1):
                layer, steps = trainer.layer(), trainer.steps
                if progress is not None:
                    done = (number * epochs + epoch) / (epochs * len(rates))
                    progress(done, f"epoch {epoch} of {epochs}{tried}")
            layers.append(layer)
    sound = [layer for layer in layers if all(np.isfinite(part).all() for part in layer)]
    if not sound:
        raise SolverError(
            f"Training diverged at lr {rates[0]:g}.", "Choose a smaller learning rate."
        )
    ends = [certify(data, targets, *layer, **given) for layer in sound]
    reached = least(ends)
    optimum = fit(data, targets, **given, start=reached, tolerance=_CLOSE, cancelled=cancelled)
    unit = np.array([problem.reference for problem in problems])
    above = np.maximum((reached.objective - optimum.objective) / unit + optimum.gap, 0.0)
    proved = np.array(reached.certificate) == "gap"
    taken = np.full(len(problems), steps)
    return replace(reached, gap=np.where(proved, above, reached.gap), iterations=taken)


def _training(
    torch: Any,
    scores: NDArray,
    problems: list[Problem],
    passes: tuple[int, int, int],
    start: Fit | None,
    device: str,
) -> Callable[[float, Callable[[], bool] | None], Iterator[_Trainer]]:
    """Function that trains at a learning rate; it yields the trainer after each epoch.

    ``passes`` are epochs, images in a batch, and the seed.
    """
    epochs, batch, seed = passes

    def train(rate: float, cancelled: Callable[[], bool] | None) -> Iterator[_Trainer]:
        trainer = _Trainer(torch, scores, problems, rate, seed, device)
        if start is not None:
            shape = scores.shape[1], len(problems)
            trainer.set_layer(start_weights(start.weights, shape, problems), start.intercepts)
        for _ in range(epochs):
            for rows in trainer.batches(batch):
                if cancelled is not None and cancelled():
                    raise CancelledError("The training was cancelled.", "Nothing was changed.")
                trainer.step(rows)
            yield trainer

    return train


def least(ends: list[Fit]) -> Fit:
    """Each class's student of the least objective."""
    best = np.argmin([end.objective for end in ends], axis=0)
    columns = np.arange(len(best))

    def chosen(name: str) -> Any:
        return np.stack([getattr(end, name) for end in ends])[best, ..., columns]

    return replace(
        ends[0],
        weights=chosen("weights").T,
        **{name: chosen(name) for name in ("intercepts", "objective", "gap", "converged")},
    )


class _Trainer:
    """One linear layer of all classes, and its optimiser."""

    def __init__(
        self,
        torch: Any,
        scores: NDArray,
        problems: list[Problem],
        lr: float,
        seed: int,
        device: str,
    ) -> None:
        self.torch, self.device = torch, device
        self.generator = torch.Generator().manual_seed(seed)
        self.scores = torch.tensor(scores, dtype=torch.float32, device=device)
        self.targets = self._stack([p.target for p in problems])
        first_problem = problems[0]
        self.divisor = 1.0
        if isinstance(first_problem, TemperedProblem):
            self.divisor = first_problem.temperature
        l1 = np.array([p.penalty.l1 for p in problems]).T
        self.l1 = torch.tensor(l1, dtype=torch.float32, device=device)
        self.lower = self._stack([np.asarray(p.penalty.lower) for p in problems])
        self.upper = self._stack([np.asarray(p.penalty.upper) for p in problems])
        width = scores.shape[1] ** -0.5  # as torch.nn.Linear starts
        first = torch.rand((scores.shape[1] + 1, len(problems)), generator=self.generator)
        first = ((2 * first - 1) * width).to(device)
        self.weights, self.bias = first[:-1].clone(), first[-1].clone()
        for parameter in (self.weights, self.bias):
            parameter.requires_grad_()
        self.optimiser = torch.optim.Adam([self.weights, self.bias], lr=lr)
        self.steps = 0

    def set_layer(self, weights: Array, intercepts: Array) -> None:
        """Go on from weights (C, K) and intercepts (K,)."""
        with self.torch.no_grad():
            self.weights.copy_(self.torch.from_numpy(weights))
            self.bias.copy_(self.torch.from_numpy(np.array(intercepts)))

    def _stack(self, columns: list[Array]) -> Any:
        values = np.stack(columns, axis=1)
        return self.torch.tensor(values, dtype=self.torch.float32, device=self.device)

    def layer(self) -> tuple[Array, Array]:
        """Weights (C, K) and intercepts (K,)."""
        weights, bias = (values.detach().cpu().numpy() for values in (self.weights, self.bias))
        return weights.astype(np.float64), bias.astype(np.float64)

    def batches(self, size: int) -> tuple[Any, ...]:
        """The images in random order, cut into batches."""
        order = self.torch.randperm(len(self.scores), generator=self.generator)
        return order.to(self.device).split(size)

    def step(self, rows: Any) -> None:
        """One step of Adam on a batch, then the proximal step of L1 term and box."""
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
        """Length of Adam's step per unit of gradient, by weight (C, K)."""
        state, group = self.optimiser.state[self.weights], self.optimiser.param_groups[0]
        second = state["exp_avg_sq"] / (1 - group["betas"][1] ** self.steps)
        return group["lr"] / (second.sqrt() + group["eps"])


def _import_torch() -> Any:
    try:
        import torch  # noqa: PLC0415
    except ImportError as error:
        what, more = "The paper's training recipe", ", or use solver: exact."
        raise missing_extra(what, error, "precompute", more=more) from None
    return torch
