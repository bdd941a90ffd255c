"""The feature of an image at a named layer of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from torch import nn

#: Tensor ``(B, C, H, W)`` of images to their feature, a tensor whose first dimension is B.
Feature = Callable[[Any], Any]

_SHOWN = 12


def layer_names(network: nn.Module | Feature) -> list[str]:
    """Names of a network's layers, as ``network.named_modules()`` gives them; [] for a function."""
    import torch

    if not isinstance(network, torch.nn.Module) or isinstance(network, torch.jit.ScriptModule):
        return []
    return [name for name, _ in network.named_modules() if name]


def feature_at(network: nn.Module | Feature, layer: str = "") -> Feature:
    """Function from images to the output of ``layer``; of the whole network where that is "".

    The network runs no further than the layer. Raises ``DataError`` for a layer that it does not
    have, and when the function is called, for one that an image does not reach or that gives no
    tensor.
    """
    if not layer:
        return lambda images: _tensor(network(images), "The network")
    module = _module(network, layer)

    def feature(images: Any) -> Any:
        found: list[Any] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            found.append(output)
            raise _Reached

        handle = module.register_forward_hook(keep)
        try:
            network(images)
        except _Reached:
            return _tensor(found[0], f"The layer {layer!r}")
        finally:
            handle.remove()
        raise DataError(
            f"No image reaches the layer {layer!r}.", "Name a layer that the network runs."
        )

    return feature


class _Reached(Exception):  # noqa: N818 - ends the forward pass, no fault
    """The layer has given its output."""


def _module(network: nn.Module | Feature, layer: str) -> Any:
    import torch

    if isinstance(network, torch.jit.ScriptModule) or not isinstance(network, torch.nn.Module):
        raise DataError(
            f"The layer {layer!r} cannot be reached: a {type(network).__name__} shows no layers.",
            "Name no layer and give the network up to there: a function, or for TorchScript "
            "torch.jit.trace(model.features, example).",
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
        f"{what} gives a {type(output).__name__}, no tensor.",
        "Name a layer whose output is one tensor.",
    )
