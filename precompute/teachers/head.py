"""Logistic-regression heads on an encoder's features: a teacher made from labels alone.

A head has seen the labels it was fitted on. So the training images (``fit``) get their logits from
heads that were fitted on the other folds (cross-fitting); images of ``tune`` and ``holdout`` from a
head fitted on all of ``fit``.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from inficond_panel.common.devices import CPU, product_device
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import HeadTeacher
from precompute.teachers.teacher import TorchTeacher

#: Weights of the L2 penalty to choose from, if the spec has none.
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_ITERATIONS = 1000
#: Function from features (n, E), labels (n,) and the weight of L2 to weights (E,) and intercept.
Logistic = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, float]]
#: Newton's method: most steps; largest final derivative; value added to the Hessian's diagonal.
_NEWTON_STEPS, _SLOPE, _LEAST_BEND = 100, 1e-9, 1e-12


@dataclass(frozen=True)
class Heads:
    """Logistic heads of all folds: ``weight`` (folds + 1, K, E) and ``bias`` (folds + 1, K).

    Head f was fitted without fold f, the last head on all of ``fit``. ``which`` (N, K) is the index
    of the head for each image and class. Features are centred and scaled first."""

    centre: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    which: np.ndarray
    l2: float

    @property
    def digest(self) -> str:
        """SHA-256 of the heads' weights, and of the centre and scale of the features."""
        arrays = (self.centre, self.scale, self.weight, self.bias)
        return hashlib.sha256(b"".join(map(np.ndarray.tobytes, arrays))).hexdigest()

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return logits ``(N, K)`` float32 from features ``(N, E)``; each image has its heads."""
        every = np.einsum("ne,fke->nfk", (features - self.centre) / self.scale, self.weight)
        chosen = np.take_along_axis(every + self.bias, self.which[:, None, :], 1)[:, 0]
        return chosen.astype(np.float32)

    def of_others(self, features: np.ndarray) -> np.ndarray:
        """Return logits ``(n, K)`` float32 of new images ``(n, E)``, by the last of the heads."""
        inputs = (features - self.centre) / self.scale
        return (inputs @ self.weight[-1].T + self.bias[-1]).astype(np.float32)

    def teacher(self, embedding: TorchTeacher, rows: np.ndarray) -> TorchTeacher:
        """Return encoder and heads as one network for the photos at ``rows``, each with its heads
        in ``which``, on the encoder's device."""
        import torch

        which, column = self.which[rows], np.arange(self.weight.shape[1])
        layers = (self.centre, self.scale, self.weight[which, column], self.bias[which, column])
        centre, scale, weight, bias = (
            torch.from_numpy(values.astype(np.float32)).to(embedding.device) for values in layers
        )

        def logits(pixels: Any) -> Any:
            features = (embedding.network(pixels) - centre) / scale
            return torch.einsum("be,bke->bk", features, weight) + bias

        classes = len(column)
        outputs = tuple(range(classes))
        return TorchTeacher(
            logits, embedding.preprocessing, outputs, classes, device=embedding.device
        )


def fit_heads(
    features: np.ndarray,
    label: np.ndarray,
    fit: np.ndarray,
    classes: Sequence[str],
    teacher: HeadTeacher,
    device: str = CPU,
    l2: float | None = None,
    logistic: Logistic | None = None,
) -> Heads:
    """Fit a logistic head per class on features ``(N, E)`` and labels ``(N, K)`` of the rows
    ``fit``.

    The solver is scikit-learn's or, if ``device`` is a GPU, Newton's method: the same optimum.
    ``teacher`` has ``folds``, ``l2`` (None: the value of least mean loss on the held-out folds) and
    ``seed``; the argument ``l2`` replaces that choice, ``logistic`` the solver.
    Raises ``DataError`` for classes with fewer than two positives or two negatives.
    """
    check_labels(label[fit], classes)
    centre, scale = features[fit].mean(0), features[fit].std(0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    inputs = (features[fit] - centre) / scale
    fold = np.stack([_folds(column, teacher.folds, teacher.seed) for column in label[fit].T], 1)
    known = l2 or teacher.l2
    penalties = (known,) if known else PENALTIES
    hardware = product_device(device)
    if logistic is None:
        logistic = _logistic if hardware is None else partial(newton_logistic, device=hardware)
    solved = {
        tried: _solve(inputs, label[fit], fold, teacher.folds, tried, logistic)
        for tried in penalties
    }
    l2 = min(penalties, key=lambda tried: _loss(solved[tried], inputs, label[fit], fold))
    which = np.full(label.shape, teacher.folds)
    which[fit] = fold
    return Heads(centre, scale, *solved[l2], which, l2)


def check_labels(label: np.ndarray, classes: Sequence[str]) -> None:
    """Raise ``DataError`` for classes with too few labels for a head in ``label`` ``(n, K)``."""
    few = [
        f"{name!r} ({(column == 1).sum()} present, {(column == 0).sum()} absent)"
        for name, column in zip(classes, label.T, strict=True)
        if min((column == 1).sum(), (column == 0).sum()) < 2
    ]
    if few:
        raise DataError(
            f"A head needs two images with and two without the class in fit: {', '.join(few)}.",
            "Name the other classes in dataset.classes (kind columns: dataset.labels), or put more "
            "images of these into fit.",
        )


def _folds(label: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold ``(n,)`` of each image for one class, stratified by the class's ``label``.

    An image with an ignored label gets ``folds``, the last head: no head was fitted on it.
    """
    fold = np.full(len(label), folds)
    rng = np.random.default_rng(seed)
    for value in (1, 0):
        rows = rng.permutation(np.flatnonzero(label == value))
        fold[rows] = np.arange(len(rows)) % folds
    return fold


def _solve(
    inputs: np.ndarray,
    label: np.ndarray,
    fold: np.ndarray,
    folds: int,
    l2: float,
    logistic: Logistic,
) -> tuple[np.ndarray, np.ndarray]:
    weight = np.empty((folds + 1, label.shape[1], inputs.shape[1]))
    bias = np.empty((folds + 1, label.shape[1]))
    for k, column in enumerate(label.T):
        for f in range(folds + 1):
            rows = (column >= 0) & (fold[:, k] != f)
            weight[f, k], bias[f, k] = logistic(inputs[rows], column[rows], l2)
    return weight, bias


def _logistic(inputs: np.ndarray, label: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    """Return weights and intercept that minimise mean logistic loss + l2/2 |w|² (scikit-learn)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (l2 * len(label)), max_iter=_ITERATIONS, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not matter here
        model.fit(inputs, label)
    return model.coef_[0], float(model.intercept_[0])


def newton_logistic(
    inputs: np.ndarray, label: np.ndarray, l2: float, device: str
) -> tuple[np.ndarray, float]:
    """Return weights ``(E,)`` and intercept that minimise mean logistic loss + l2/2 |w|².

    Newton's method with step halving in float64 on a torch device, until derivatives are ≤ 1e-9.
    """
    import torch

    one = np.ones((len(inputs), 1))
    x = torch.asarray(np.hstack([inputs, one]), dtype=torch.float64, device=device)
    y = torch.asarray(label, dtype=torch.float64, device=device)
    penalty = torch.full((x.shape[1],), float(l2), dtype=torch.float64, device=device)
    penalty[-1] = 0

    def loss(weight: Any) -> float:
        logit = x @ weight
        mean = (torch.nn.functional.softplus(logit) - y * logit).mean()
        return float(mean + (penalty * weight**2).sum() / 2)

    weight = torch.zeros_like(penalty)
    for _ in range(_NEWTON_STEPS):
        share = torch.sigmoid(x @ weight)
        slope = x.T @ (share - y) / len(x) + penalty * weight
        if float(slope.abs().max()) <= _SLOPE:
            break
        bend = (x.T * (share * (1 - share) / len(x))) @ x + torch.diag(penalty)
        bend.diagonal().add_(_LEAST_BEND)
        step, length, reached = torch.linalg.solve(bend, slope), 1.0, loss(weight)
        while loss(weight - length * step) > reached and length > _SLOPE:
            length /= 2
        weight = weight - length * step
    weights = weight.cpu().numpy()
    return weights[:-1], float(weights[-1])


def _loss(
    solved: tuple[np.ndarray, np.ndarray], inputs: np.ndarray, label: np.ndarray, fold: np.ndarray
) -> float:
    """Return the mean logistic loss of each label, by the head that was fitted without its fold."""
    weight, bias = solved
    every = np.einsum("ne,fke->nfk", inputs, weight) + bias
    logits = np.take_along_axis(every, fold[:, None, :], 1)[:, 0]
    losses = np.logaddexp(0, logits) - label * logits
    return float(losses[label >= 0].mean())
