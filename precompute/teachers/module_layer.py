"""The last linear layer of a network that the caller has in memory: a ``torch.nn.Module``.

Nothing is read from a file, and the caller's module stays as it is: it runs as a copy, in
evaluation mode, and ``copy_with`` returns another copy with other weights of the layer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import Teacher
from precompute.teachers.last_layer import LayerWeights, link_of, no_layer, weights_from
from precompute.teachers.teacher import Prepares, TorchTeacher, columns_of, own_or_given
from precompute.teachers.torch_layer import TorchLayer, find_linear

if TYPE_CHECKING:
    from torch import nn

#: Function from an RGB image to the network's input: a tensor or array (channels, height, width).
Prepare = Callable[[Image.Image], Any]


@dataclass(frozen=True)
class CallersSteps:
    """Preprocessing by a function of the caller (``teacher.Prepares``)."""

    function: Prepare

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return the network's input; raises ``DataError`` if the function fails, or returns
        something else than numbers ``(channels, height, width)``."""
        try:
            pixels = np.asarray(self.function(image), dtype=np.float32)
        except Exception as error:  # the caller's function may raise anything
            reason = (str(error).strip().splitlines() or [""])[-1][:200]
            raise DataError(
                f"prepare fails on a photo: {type(error).__name__}: {reason}"
            ) from error
        if pixels.ndim != 3:
            raise DataError(
                f"prepare returns numbers of shape {pixels.shape}, not (channels, height, width).",
                "Return the input of one photo, without a batch.",
            )
        return pixels

    def plain(self) -> dict[str, Any]:
        """Return no settings: the function is not known."""
        return {}


def module_layer(
    module: nn.Module, teacher: Teacher | None, classes: Sequence[str],
    outputs: Sequence[str] = (), prepare: Prepare | None = None, layer: str = "",
) -> TorchLayer:  # fmt: skip
    """Return the last linear layer of a module, or the one that ``layer`` names.

    ``classes`` are the data set's, ``outputs`` the class of each output, in order; if empty, those
    of the spec's ``teacher``, else the classes. Without ``prepare`` the preprocessing is the
    teacher's. Raises ``DataError`` for something else than a module, and for a module without
    such a layer, or whose layer shares its weights with another.
    """
    from torch import nn

    if not isinstance(module, nn.Module):
        raise DataError(
            f"The network is a {type(module).__name__}, not a torch.nn.Module.",
            "Pass the module itself.",
        )
    named = outputs or getattr(teacher, "classes", ())
    softmax = bool(teacher and teacher.softmax)
    running = _copied(module).eval().requires_grad_(False)
    loaded = TorchTeacher(
        running,
        _steps(teacher, prepare),
        *columns_of(classes, named, softmax),
        softmax=softmax,
        device=str(next((each.device for each in module.parameters()), "cpu")),
    )
    name, last = find_linear(loaded, type(module).__name__, layer)
    if not _alone(running, last):
        raise no_layer(f"{type(module).__name__}, whose layer {name!r} shares its weights,", [name])
    weights, link = weights_from(name, last.weight, last.bias), link_of("", softmax)
    return TorchLayer(loaded, last, weights, link, ends=False, state=dict)


def copy_with(module: nn.Module, new: LayerWeights) -> nn.Module:
    """Return a copy of a module with other weights of one linear layer; all else is equal."""
    import torch

    changed = _copied(module)
    layer: Any = changed.get_submodule(new.name)
    with torch.no_grad():
        for parameter, values in ((layer.weight, new.weight), (layer.bias, new.bias)):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))
    return changed


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:  # hooks and handles of the caller's code may not be copied
        reason = (str(error).strip().splitlines() or [""])[-1][:200]
        raise DataError(
            f"The network cannot be copied: {type(error).__name__}: {reason}",
            "Load its weights into a new module, and pass that.",
        ) from error


def _alone(module: nn.Module, layer: nn.Linear) -> bool:
    """Return True if the weight and bias of a layer are parameters of this layer alone."""
    own = layer._parameters
    if own.get("weight") is None or own.get("bias") is None:
        return False  # another weight is computed from parameters
    every = [each for _, each in module.named_parameters(remove_duplicate=False)]
    return all(sum(each is own[name] for each in every) == 1 for name in ("weight", "bias"))


def _steps(teacher: Teacher | None, prepare: Prepare | None) -> Prepares:
    """Return the preprocessing by the caller's function, or by a spec's teacher."""
    if prepare is not None:
        return CallersSteps(prepare)
    section = getattr(teacher, "preprocessing", None)
    if section is None or None in (section.size, section.mean, section.std):
        raise DataError(
            "The spec does not say how a photo becomes the network's input.",
            "Pass prepare=, a function from an RGB image of Pillow to a tensor (3, height, width).",
        )
    return own_or_given(section, {})
