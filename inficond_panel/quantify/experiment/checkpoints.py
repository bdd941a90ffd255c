"""The checkpoints of a training run: a folder of weights, one file for each, in order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.common.whole_file import replacing
from inficond_panel.errors import DataError
from inficond_panel.quantify.pixels.layers import Feature
from inficond_panel.store.network_weights import State, load_strictly, read_state

if TYPE_CHECKING:
    from torch import Tensor, nn

_SUFFIXES = (".safetensors", ".pt", ".pth")


def checkpoint_files(folder: Path | str) -> list[Path]:
    """Files of weights in ``folder``, in the order of the last number in their names.

    The first is the network before training. Raises ``DataError`` for a folder with none, or with
    names without a number or with the same one.
    """
    folder = Path(folder)
    files = [path for path in folder.glob("*") if path.suffix in _SUFFIXES]
    if not files:
        raise DataError(
            f"{folder} holds no checkpoints ({', '.join(_SUFFIXES)}).",
            "Save the weights before the training and after each epoch, such as "
            "epoch-000.safetensors, epoch-001.safetensors.",
        )
    numbered = {path: re.findall(r"\d+", path.stem) for path in files}
    nameless = [path.name for path, numbers in numbered.items() if not numbers]
    order = {path: int(numbers[-1]) for path, numbers in numbered.items() if numbers}
    if nameless or len(set(order.values())) < len(order):
        what = f"{nameless[0]} has no number" if nameless else "two have the same number"
        raise DataError(
            f"The order of the checkpoints in {folder} is not told: {what}.",
            "End the names with the epoch, such as epoch-003.safetensors.",
        )
    return sorted(files, key=lambda path: order[path])


def load_weights(network: nn.Module, path: Path) -> None:
    """Load a checkpoint into ``network``, all of it; no code in the file is run.

    Raises ``DataError`` for a file that is damaged, or of another network.
    """
    load_strictly(network, read_state(path), path, "Take the checkpoints of this network.")


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights of ``network`` as safetensors; the file appears whole or not at all."""
    from safetensors.torch import save_file

    state = {name: t.detach().contiguous() for name, t in network.state_dict().items()}
    with replacing(path, alone=True) as writing:
        save_file(state, writing)


def parameters_at(network: nn.Module, feature: Feature, image: Tensor) -> list[str]:
    """Names of the parameters that a feature depends on.

    Weight distances are taken over these, so that networks that are trained in different ways
    above a layer can be compared at it. ``image`` is one input ``(1, C, H, W)``.
    """
    import torch

    names, parameters = zip(*network.named_parameters(), strict=True)
    needed = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        with torch.enable_grad():
            found = torch.autograd.grad(feature(image).sum(), parameters, allow_unused=True)
    finally:
        for parameter, before in zip(parameters, needed, strict=True):
            parameter.requires_grad_(before)
    return [name for name, gradient in zip(names, found, strict=True) if gradient is not None]


def chosen(state: State, names: list[str]) -> Mapping[str, Any]:
    """Some of a checkpoint's arrays, for ``learning.distance_travelled``."""
    return {name: state[name] for name in names}
