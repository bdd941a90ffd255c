"""Pixel information of a feature: entropy of the largest pixel noise that the feature ignores.

Cheng, Rao, Chen and Zhang, "Explaining Knowledge Distillation by Quantifying the Knowledge", CVPR
2020. For an image x and its feature f* = f(x), noise N(0, σ_i²) at each pixel i is learned, the
same in all channels, by minimising

    E ‖f(x + σε) - f*‖² / δ_f² - β Σ_i H_i,    H_i = log σ_i + ½ log(2πe),

where ε is standard normal and δ_f² = E ‖f(x + τε) - f*‖² is the feature's inherent variance, so
that layers and networks can be compared. The feature depends on pixels with a small H_i.

Solution. At the minimum every pixel below the limit has

    c_i = σ_i/δ_f² · E[Σ_c ε_ic ∂‖f(x + σε) - f*‖²/∂x_ic] = β.

Of a linear feature with Jacobian J this is σ_i² = β δ_f² / (2 ‖J_i‖²), ‖J_i‖² being summed over the
pixel's channels, and the change is β n / 2 for n pixels. So β = 2 · bound / n: with bound 1, the
solution is noise of size τ in every pixel for an image whose pixels all matter alike. The search
starts from this closed form with ‖J_i‖² averaged over the noise (Gauss-Newton; ‖J_i‖² by random
projections of the feature, Hutchinson), and then makes Newton steps on the objective,
``log σ_i -= ½ (c_i/β - 1)``. c_i is noisy, so it is estimated on two halves of the draws. The mean
product of the two residuals estimates their mean square without noise, and so the distance to the
optimum, ½ rms(c_i/β - 1) nats, and the length of the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import DataError
from inficond_panel.quantify.knowledge_points import Feature

if TYPE_CHECKING:
    from torch import Tensor

#: Entropy of a standard normal variable, in nats.
UNIT_ENTROPY = 0.5 * math.log(2 * math.pi * math.e)
_START = (32, 64)
_VARIANCE_DRAWS = 64
#: Under strong noise a feature can change faster than by σ², and a whole step would overshoot.
_DAMPING = 0.75


@dataclass(frozen=True)
class Perturbation:
    """Settings for learning the pixel noise. Sizes are in the unit of the network's input.

    tau: size of the noise that measures δ_f². bound: allowed change of the feature by the learned
    noise, in units of δ_f² (for a linear feature; β = 2 · bound / pixels). limit: largest σ, since
    noise in a pixel that the feature ignores is unbounded otherwise. tolerance: distance to the
    optimum in nats, rms over pixels, at which an image counts as converged. rounds: largest number
    of Newton steps, each of ``draws`` draws. batch: images per batch. seed: of the draws, which are
    separate for each image and equal for every network.
    """

    tau: float = 0.1
    bound: float = 1.0
    limit: float = 1.0
    tolerance: float = 0.1
    rounds: int = 8
    draws: int = 128
    batch: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.tau < self.limit:
            raise DataError(
                f"tau is {self.tau:g}; it must lie above 0 and below limit, {self.limit:g}.",
                "Set tau to about a tenth of the inputs' standard deviation.",
            )
        if min(self.bound, self.tolerance, self.rounds, self.batch) <= 0 or self.draws < 2:
            raise DataError(
                "bound, tolerance, rounds and batch must be above 0, and draws at least 2.",
                "Leave them out for the defaults.",
            )


@dataclass(frozen=True, eq=False)
class Information:
    """Pixel information of N images, by one feature.

    entropy: ``(N, H, W)`` float32, H_i in nats. change: ``(N,)``, E ‖f(x+σε) - f*‖² / δ_f² under
    the learned noise. distance: ``(N,)``, distance to the optimum in nats. converged: ``(N,)``,
    whether the distance is within the tolerance. inherent_variance: ``(N,)``, δ_f².
    """

    entropy: NDArray[np.float32]
    change: NDArray[np.float64]
    distance: NDArray[np.float64]
    converged: NDArray[np.bool_]
    inherent_variance: NDArray[np.float64]


def pixel_information(
    feature: Feature,
    images: Tensor | NDArray,
    settings: Perturbation | None = None,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Information:
    """Compute for each pixel the entropy of the largest noise that a feature ignores.

    ``images`` are network input ``(N, C, H, W)`` float32. ``progress`` is called with the number of
    finished images. One thread is used, since several wait for each other on a busy machine; so the
    result is deterministic for a seed, a machine and a batch size, which changes only the rounding.
    Raises ``DataError`` for a feature that has no gradient, is not finite, or does not change under
    noise.
    """
    import torch

    settings = settings or Perturbation()
    pixels = torch.as_tensor(images)
    if pixels.ndim != 4 or not len(pixels):
        raise DataError(
            f"The images have shape {tuple(pixels.shape)}, not (images, channels, height, width).",
            "Give the images as a batch of network input.",
        )
    parts = []
    for start in range(0, len(pixels), settings.batch):
        with one_torch_thread():
            search = _Search(feature, pixels[start : start + settings.batch], settings, start)
            parts.append(search.run())
        progress(min(start + settings.batch, len(pixels)))
    return Information(*(np.concatenate(values) for values in zip(*parts, strict=True)))


class _Search:
    """Search for the largest pixel noise that the feature ignores, for a batch of images.

    ``log_sigma`` ``(B, H, W)`` is its present log σ, ``rows`` are the unfinished images."""

    def __init__(
        self, feature: Feature, images: Tensor, settings: Perturbation, first: int
    ) -> None:
        import torch

        self.feature, self.images, self.settings = feature, images.detach(), settings
        seeds = [np.random.SeedSequence([settings.seed, first + i]) for i in range(len(images))]
        self.generators = [
            torch.Generator().manual_seed(int(seed.generate_state(1)[0])) for seed in seeds
        ]
        self.rows = torch.arange(len(images), device=images.device)
        height, width = images.shape[-2:]
        self.beta = 2 * settings.bound / (height * width)
        self.top = math.log(settings.limit)
        self.log_sigma = images.new_full((len(images), height, width), math.log(settings.tau))
        with torch.no_grad():
            self.target = self._finite(feature(self.images))
            self.variance = self._variance()

    def run(self) -> tuple[np.ndarray, ...]:
        """Search, and return the fields of ``Information`` in their order, for the batch."""
        for draws in _START:
            self._start(draws)
        entropy = self.log_sigma.new_empty(self.log_sigma.shape)
        change, distance, variance = (self.variance.new_empty(len(entropy)) for _ in range(3))
        variance[:] = self.variance
        for left in range(self.settings.rounds - 1, -1, -1):
            residual, shared, change[self.rows] = self._residuals()
            distance[self.rows] = 0.5 * shared.clamp(min=0).sqrt()
            if left:
                self._step(residual, shared, distance[self.rows] > self.settings.tolerance)
            entropy[self.rows] = self.log_sigma + UNIT_ENTROPY
            self._keep(distance[self.rows] > self.settings.tolerance)
            if not len(self.rows):
                break
        converged = (distance <= self.settings.tolerance).cpu().numpy()
        plain = [values.cpu().double().numpy() for values in (change, distance, variance)]
        return entropy.cpu().numpy().astype(np.float32), *plain[:2], converged, plain[2]

    def _keep(self, chosen: Any) -> None:
        """Remove all images but the chosen ones (mask over ``rows``) from the search."""
        self.generators = [
            generator for generator, on in zip(self.generators, chosen, strict=True) if on
        ]
        for name in ("rows", "images", "log_sigma", "target", "variance"):
            setattr(self, name, getattr(self, name)[chosen])

    def _noise(self) -> Any:
        """Return standard normal noise of the images' shape, with a generator per image."""
        import torch

        shape = self.images.shape[1:]
        noise = [torch.randn(shape, generator=each) for each in self.generators]
        return torch.stack(noise).to(self.images)

    def _variance(self) -> Any:
        """Return the feature's inherent variance δ_f² ``(B,)`` on each image."""
        points = (self.images + self.settings.tau * self._noise() for _ in range(_VARIANCE_DRAWS))
        total = sum(self._distance(self._finite(self.feature(point))) for point in points)
        variance = total / _VARIANCE_DRAWS
        if not bool((variance > 0).all()):
            raise DataError(
                "The feature of an image does not change under noise.",
                "Name another layer, or set a larger tau.",
            )
        return variance

    def _distance(self, moved: Any) -> Any:
        """Return the squared distance ‖f(x') - f*‖² ``(B,)`` of each image's feature f(x')."""
        return (moved - self.target).square().flatten(1).sum(1)

    def _start(self, draws: int) -> None:
        """Set ``log_sigma`` by the closed form, with ‖J_i‖² averaged over ``draws`` of noise."""
        import torch

        total = torch.zeros_like(self.log_sigma)
        for _ in range(draws):
            point = self._place(self._noise())
            output = self.feature(point)
            direction = torch.stack(
                [torch.randn(output.shape[1:], generator=each) for each in self.generators]
            ).to(output)
            total += self._gradient((output * direction).sum(), point).square().sum(1)
        if not bool((total > 0).flatten(1).any(1).all()):
            raise DataError(
                "The feature's gradient is 0 everywhere, though noise changes it.",
                "Name a layer before the one that rounds or compares.",
            )
        square = (total / draws).clamp(min=torch.finfo(total.dtype).tiny)
        optimum = 0.5 * torch.log(self.beta * self.variance[:, None, None] / (2 * square))
        self.log_sigma = optimum.clamp(max=self.top)

    def _residuals(self) -> tuple[Any, Any, Any]:
        """Return c_i/β - 1 ``(B, H, W)``, its mean square ``(B,)`` corrected for noise, and the
        change ``(B,)`` of the feature."""
        (first, change), (second, other) = (self._half() for _ in range(2))
        shared = _mean(first * second, self._inner())[:, 0, 0]
        return (first + second) / 2, shared, (change + other) / 2

    def _half(self) -> tuple[Any, Any]:
        draws = self.settings.draws // 2
        slope, change = 0.0, 0.0
        for _ in range(draws):
            noise = self._noise()
            point = self._place(noise)
            moved = self._distance(self._finite(self.feature(point)))
            gradient = self._gradient(moved.sum(), point)
            slope = slope + (noise * gradient).sum(1)
            change = change + moved.detach() / self.variance
        scale = self.log_sigma.exp() / (self.variance[:, None, None] * self.beta * draws)
        return slope * scale - 1, change / draws

    def _step(self, residual: Any, shared: Any, chosen: Any) -> None:
        """Make a damped Newton step of ``log_sigma`` for the ``chosen`` images (mask), as if c_i
        grew with σ_i²."""
        inner = self._inner()
        mean = _mean(residual, inner)
        size = (1 + mean).clamp(min=0.1) * inner + (1 - inner)  # of c_i / β, 1 at the limit
        rest = residual - (size - 1)
        signal = (shared[:, None, None] - mean.square()).clamp(min=0)
        trust = (signal / _mean(rest.square(), inner).clamp(min=1e-12)).clamp(max=1)
        step = _DAMPING * 0.5 * (size.log() + (trust * rest / size).clamp(-1, 1))
        moved = (self.log_sigma - step).clamp(max=self.top)
        self.log_sigma = moved.where(chosen[:, None, None], self.log_sigma)

    def _inner(self) -> Any:
        """Return ``(B, H, W)``: 1 for pixels with σ below the limit, 0 for pixels at the limit."""
        return (self.log_sigma < self.top).to(self.log_sigma)

    def _place(self, noise: Any) -> Any:
        return (self.images + self.log_sigma.exp()[:, None] * noise).requires_grad_()

    def _gradient(self, value: Any, point: Any) -> Any:
        import torch

        try:
            (gradient,) = torch.autograd.grad(value, point)
        except RuntimeError as error:
            raise DataError(
                f"The feature gives no gradient: {str(error).splitlines()[0]}",
                "Use a differentiable network, and run it without no_grad.",
            ) from error
        return self._finite(gradient)

    def _finite(self, values: Any) -> Any:
        if not bool(values.isfinite().all()):
            raise DataError(
                "The feature, or its gradient, is not finite.",
                "Check the network's weights and the scale of the images.",
            )
        return values


def _mean(values: Any, weight: Any) -> Any:
    """Return the weighted mean ``(B, 1, 1)`` of values ``(B, H, W)``; 0 where all weights are 0."""
    total = (values * weight).sum((1, 2), keepdim=True)
    return total / weight.sum((1, 2), keepdim=True).clamp(min=1)
