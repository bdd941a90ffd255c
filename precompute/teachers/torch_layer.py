"""The last linear layer of a network of timm, torchvision or transformers.

The layer is the ``nn.Linear`` that runs last. Its weights are written as safetensors, under the
names of the file that they were read from, with all other tensors of that file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import NamedOutputs
from inficond_panel.store.network_weights import State, read_state
from precompute.encoder.hub import fetch_model, model_files, settings_files
from precompute.teachers.last_layer import (
    TARGETS_REMEDY,
    LayerWeights,
    link_of,
    no_layer,
    weights_from,
)
from precompute.teachers.teacher import Prepares, TorchTeacher

if TYPE_CHECKING:
    from torch import nn

#: Name of the written weights, as the package transformers expects it.
WEIGHTS = "model.safetensors"
#: End of the name of the list of a model's parts, which one file replaces.
INDEX = ".index.json"


@dataclass(frozen=True)
class TorchLayer:
    """Last linear layer of a torch network (``last_layer.LastLayer``); ``module`` is the layer,
    ``state`` returns the tensors of the network's file, ``beside`` are other files of the model."""

    teacher: TorchTeacher
    module: nn.Linear
    weights: LayerWeights
    link: str
    ends: bool
    state: Callable[[], State]
    beside: tuple[Path, ...] = ()

    @property
    def softmax(self) -> bool:
        """True if the store's probabilities are of one softmax over all classes."""
        return self.teacher.softmax

    @property
    def columns(self) -> tuple[int, ...]:
        """Outputs of the data set's classes."""
        return self.teacher.columns

    @property
    def preprocessing(self) -> Prepares:
        """Preprocessing from a photo to the network's input."""
        return self.teacher.preprocessing

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(B, F)`` and outputs ``(B, K)`` of prepared photos."""
        outputs, calls = _calls(self.teacher, images, [self.module])
        return calls[-1][1], outputs

    def write(self, folder: Path, new: LayerWeights) -> list[Path]:
        """Write the network's weights with those of the layer replaced; the other tensors, and the
        settings of a model of transformers, stay."""
        import torch
        from safetensors.torch import save_file

        state = self.state()
        names = _named(state, self.module.weight.detach().cpu())
        for name, values in zip(names, (new.weight, new.bias), strict=True):
            tensor = torch.from_numpy(np.ascontiguousarray(values))
            state[name] = tensor.to(state[name].dtype).reshape(state[name].shape)
        written = folder / WEIGHTS
        tensors = {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}
        save_file(tensors, written, {"format": "pt"})
        return [written, *(Path(shutil.copyfile(each, folder / each.name)) for each in self.beside)]


def torch_layer(section: NamedOutputs, teacher: TorchTeacher) -> TorchLayer:
    """Return the last linear layer of a loaded teacher; raises ``DataError`` if it has none with
    weight and bias."""
    name, last = find_linear(teacher, section.title)
    state, beside = _file(section, teacher.module)
    link, weights = link_of("", section.softmax), weights_from(name, last.weight, last.bias)
    return TorchLayer(teacher, last, weights, link, teacher.probabilities, state, beside)


def find_linear(teacher: TorchTeacher, title: str, named: str = "") -> tuple[str, nn.Linear]:
    """Return the name of a network's linear layer, and the layer: the one that runs last, or the
    one that is ``named``. Raises ``DataError`` unless it has weight and bias and all outputs."""
    from torch import nn

    modules = teacher.module.named_modules()
    linear = {name: each for name, each in modules if isinstance(each, nn.Linear)}
    name, last = (named, linear.get(named)) if named else _last(teacher, linear)
    if last is None or last.bias is None or last.out_features != teacher.outputs:
        raise no_layer(title, [*linear])
    return name, last


def _last(teacher: TorchTeacher, linear: dict[str, nn.Linear]) -> tuple[str, nn.Linear | None]:
    """Return the linear layer that runs last, and its name; None if none runs."""
    from PIL import Image

    photo = Image.new("RGB", (64, 64), (120, 130, 90))
    pixels = np.asarray(teacher.preprocessing.prepare(photo))[None]
    _, calls = _calls(teacher, pixels, [*linear.values()])
    if not calls:
        return "", None
    return next((name, each) for name, each in linear.items() if each is calls[-1][0])


def _calls(
    teacher: TorchTeacher, images: np.ndarray, layers: Sequence[nn.Linear]
) -> tuple[np.ndarray, list[tuple[nn.Linear, np.ndarray]]]:
    """Return the network's outputs ``(B, K)``, and what went into the layers, in their order."""
    import torch

    calls = list[tuple[Any, np.ndarray]]()

    def keep(layer: Any, given: tuple[Any, ...], _: Any) -> None:
        calls.append((layer, given[0].detach().float().cpu().numpy()))

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        with one_torch_thread(), torch.inference_mode():
            outputs = teacher.run(torch.from_numpy(images).to(teacher.device))
    finally:
        for hook in hooks:
            hook.remove()
    return outputs.float().cpu().numpy(), calls


def _file(section: Any, module: nn.Module) -> tuple[Callable[[], State], tuple[Path, ...]]:
    """Return a function that reads the tensors of the network's file, and the other files of a
    model of transformers."""
    if section.kind == "transformers":
        folder = fetch_model(section.model)
        weights = [file for file in model_files(folder) if file.suffix == ".safetensors"]
        settings = [file for file in settings_files(folder) if not file.name.endswith(INDEX)]
        return partial(_merged, weights), tuple(settings)
    file = getattr(section, "head", None) or section.pretrained
    if isinstance(file, Path):
        return partial(read_state, file), ()
    return lambda: dict(module.state_dict()), ()


def _merged(files: Sequence[Path]) -> State:
    """Return the tensors of all parts of a model of transformers."""
    from safetensors.torch import load_file

    return {name: value for file in files for name, value in load_file(file).items()}


def _named(state: State, weight: Any) -> tuple[str, str]:
    """Return the names of a layer's weight and bias in a file: the tensor with the values of
    ``weight``; ``DataError`` unless the file has it once, with a bias beside it."""
    names = [
        name
        for name, value in state.items()
        if value.shape == weight.shape and bool((value.to(weight) == weight).all())
    ]
    bias = f"{names[0].removesuffix('weight')}bias" if names else ""
    if len(names) != 1 or bias not in state:
        raise DataError(
            f"The file of the network has the weights of its last layer {len(names)} times.",
            TARGETS_REMEDY,
        )
    return names[0], bias
