"""Knowledge points: pixels of which a layer's feature keeps more than of the background.

Cheng et al., CVPR 2020: with H̄ the mean entropy over the background of an image, pixel i is a
knowledge point if H̄ - H_i > b. N_fg and N_bg are the mean numbers of points in the foreground and
the background of an image, and λ = E[N_fg / (N_fg + N_bg)] is called foreground ratio here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.near_words import near
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from torch import nn

#: Function from images, a tensor ``(B, C, H, W)``, to features, a tensor with first dimension B.
Feature = Callable[[Any], Any]

_SHOWN = 12


def layer_names(network: nn.Module | Feature) -> list[str]:
    """Return the names of a network's layers, as in ``named_modules()``; [] for a function."""
    import torch

    if not isinstance(network, torch.nn.Module) or isinstance(network, torch.jit.ScriptModule):
        return []
    return [name for name, _ in network.named_modules() if name]


def feature_at(network: nn.Module | Feature, layer: str = "") -> Feature:
    """Return a function from images to the output of ``layer``; "" is the whole network.

    The network runs no further than the layer. Raises ``DataError`` for an unknown layer; the
    returned function raises it if no image reaches the layer or the layer returns no tensor.
    """
    if not layer:
        return lambda images: _tensor(network(images), "The network")
    module = _module(network, layer)

    def feature(images: Any) -> Any:
        outputs: list[Any] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            outputs.append(output)
            raise _Reached

        handle = module.register_forward_hook(keep)
        try:
            network(images)
        except _Reached:
            return _tensor(outputs[0], f"The layer {layer!r}")
        finally:
            handle.remove()
        raise DataError(
            f"The network does not run the layer {layer!r}.", "Name a layer that it runs."
        )

    return feature


class _Reached(Exception):  # noqa: N818 - ends the forward pass, no fault
    """Signal, raised in a forward pass, that the layer has computed its output."""


def _module(network: nn.Module | Feature, layer: str) -> Any:
    import torch

    if isinstance(network, torch.jit.ScriptModule) or not isinstance(network, torch.nn.Module):
        raise DataError(
            f"The layer {layer!r} cannot be reached: a {type(network).__name__} shows no layers.",
            "Give only the part of the network up to that layer, and name no layer: a function, or "
            "for TorchScript torch.jit.trace(model.features, example).",
        )
    names = layer_names(network)
    if layer in names:
        return network.get_submodule(layer)
    more = ", ..." if len(names) > _SHOWN else ""
    raise DataError(
        f"The network has no layer {layer!r}.{near(layer, names, most=3)}",
        f"Its layers: {', '.join(names[:_SHOWN])}{more}.",
    )


def _tensor(output: Any, what: str) -> Any:
    import torch

    if isinstance(output, torch.Tensor):
        return output
    raise DataError(
        f"{what} returns a {type(output).__name__}, not a tensor.",
        "Name a layer whose output is one tensor.",
    )


#: Least H̄ - H_i, in nats, of a knowledge point: σ is then a fifth below that of the background.
THRESHOLD = 0.2


def check_masks(foreground: NDArray, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Return the foreground masks as booleans; raise ``DataError`` unless their shape is ``shape``,
    (images, height, width)."""
    masks = np.asarray(foreground)
    if masks.shape != tuple(shape):
        raise DataError(
            f"The masks have shape {masks.shape}, but the images have {tuple(shape)} pixels "
            "(images, height, width).",
            "Give one mask per image, at the size of the network's input.",
        )
    return masks.astype(bool)


def contrast(entropy: NDArray, foreground: NDArray) -> NDArray[np.float32]:
    """Return H̄ - H_i ``(N, H, W)``: mean entropy of the background less each pixel's, in nats.

    ``entropy`` and the ``foreground`` masks are ``(N, H, W)``. nan for an image without a
    background. Raises ``DataError`` for masks of another size.
    """
    background = ~check_masks(foreground, np.shape(entropy))
    count = background.sum((1, 2))
    total = np.where(background, entropy, 0).sum((1, 2), dtype=np.float64)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return (mean[:, None, None] - entropy).astype(np.float32)


def knowledge_points(contrast: NDArray, b: float = THRESHOLD) -> NDArray[np.bool_]:
    """Return the mask of knowledge points: pixels whose ``contrast`` H̄ - H_i is above b, in nats.

    It has the shape of the contrast, and is False where the contrast is nan."""
    return np.asarray(contrast) > b


@dataclass(frozen=True, eq=False)
class PointCounts:
    """Numbers of knowledge points in the foreground and in the background of each image ``(N,)``.

    All values are nan for an image without foreground or without background."""

    foreground: NDArray[np.float64]
    background: NDArray[np.float64]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Share of each image's knowledge points that lie in the foreground ``(N,)``; nan if the
        image has no points."""
        return ratio(self.foreground, self.foreground + self.background)


def count_points(points: NDArray, foreground: NDArray) -> PointCounts:
    """Count the knowledge points (mask ``(N, H, W)``) in each image's foreground and background."""
    inside = check_masks(foreground, np.shape(points))
    usable = inside.any((1, 2)) & ~inside.all((1, 2))
    both = [
        np.where(usable, (points & where).sum((1, 2)), np.nan).astype(np.float64)
        for where in (inside, ~inside)
    ]
    return PointCounts(*both)
