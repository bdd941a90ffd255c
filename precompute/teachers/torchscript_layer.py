"""The last linear layer of a TorchScript network: found in its graph, and written anew.

The layer is the ``linear`` (or ``addmm`` with a transposed weight) whose result is the output of
the network, or goes through a softmax or a sigmoid. What goes into it is made an output of a copy
of the graph, which runs here. The file that is written has the entries of the old archive, byte for
byte, but those of the two tensors; so its code is what it was. As always, torch gets no archive
that was not checked (``torchscript_file``).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import TorchScriptTeacher
from precompute.teachers.last_layer import (
    TARGETS_REMEDY,
    LayerWeights,
    link_of,
    no_layer,
    weights_from,
)
from precompute.teachers.teacher import Prepares, TorchTeacher
from precompute.teachers.torchscript_file import entries_of
from precompute.teachers.whole_models import load_torchscript

#: Operators that leave the order of a layer's outputs as it is.
_KEEPING = ("to", "contiguous", "flatten", "view", "reshape", "squeeze", "detach")
#: Operators that turn logits into probabilities.
_ENDS = ("softmax", "sigmoid")
_LINEAR = ("linear", "addmm")
#: Entries of an archive that are tensors.
_TENSORS = ("data/", "constants/")


class ScriptLinear(NamedTuple):
    """Values of a graph: what goes into the layer, its weight, and its bias."""

    features: Any
    weight: Any
    bias: Any


@dataclass(frozen=True)
class ScriptLayer:
    """Last linear layer of a TorchScript network (``last_layer.LastLayer``); ``both`` returns
    outputs and features of prepared photos."""

    path: Path
    teacher: TorchTeacher
    both: Any
    weights: LayerWeights
    link: str
    ends: bool

    @property
    def softmax(self) -> bool:
        """True if the store's probabilities are of one softmax over all classes."""
        return self.teacher.softmax

    @property
    def columns(self) -> tuple[int, ...]:
        """Outputs of the data set's classes, then those of other classes."""
        return self.teacher.columns

    @property
    def preprocessing(self) -> Prepares:
        """Preprocessing from a photo to the network's input."""
        return self.teacher.preprocessing

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(B, F)`` and outputs ``(B, K)`` of prepared photos."""
        import torch

        pixels = torch.from_numpy(images).to(self.teacher.device)
        self.teacher.run(pixels[:1])  # raises what a network that fails raises
        with one_torch_thread(), torch.inference_mode():
            outputs, features = self.both(self.teacher.module._c, pixels)
        return features.float().cpu().numpy(), outputs.float().cpu().numpy()

    def write(self, folder: Path, new: LayerWeights) -> list[Path]:
        """Write the archive with other bytes of the layer's tensors."""
        entries = entries_of(self.path)
        for old, values in ((self.weights.weight, new.weight), (self.weights.bias, new.bias)):
            name = _entry(entries, old.astype(new.dtype).tobytes())
            entries[name] = values.astype(new.dtype).tobytes()
        written = folder / self.path.name
        with zipfile.ZipFile(written, "w") as archive:
            for name, content in entries.items():
                archive.writestr(f"{self.path.stem}/{name}", content)
        return [written]


def torchscript_layer(
    section: TorchScriptTeacher, classes: Sequence[str], device: str
) -> ScriptLayer:
    """Load a spec's TorchScript file with the features of its last linear layer; raises
    ``DataError`` for a file that does not end with such a layer, or uses its weights twice."""
    import torch

    teacher = load_torchscript(section, classes, device)
    graph = teacher.module.inlined_graph.copy()
    found, activation = _find(graph)
    weight, bias = (_tensor(each, teacher.module) for each in found[1:]) if found else (None, None)
    linear = [*_linear(graph)]
    alone = sum(_is(each, weight, teacher.module) for each in linear) == 1
    if found is None or weight is None or bias is None or not alone:
        raise no_layer(str(section.path), [each.scopeName() or each.kind() for each in linear])
    if weight.dim() != 2 or bias.shape != weight.shape[:1] or len(weight) != teacher.outputs:
        raise no_layer(str(section.path), [])
    graph.registerOutput(found.features)
    graph.makeMultiOutputIntoTuple()
    both = torch._C._create_function_from_graph("with_features", graph)
    link = link_of(activation, section.softmax)
    return ScriptLayer(
        section.path, teacher, both, weights_from("linear", weight, bias), link, bool(activation)
    )


def _find(graph: Any) -> tuple[ScriptLinear | None, str]:
    """Return the layer that makes the output of a graph, None if no linear one does, and the
    activation between them ("": none)."""
    values, activation = list(graph.outputs()), ""
    if len(values) != 1:
        return None, activation
    node = values[0].node()
    while True:  # a graph of TorchScript has no circles
        kind, given = _kind(node), list(node.inputs())
        if kind in _ENDS and not activation:
            activation = kind
        elif kind not in _KEEPING or not given:
            return _layer(kind, given), activation
        node = given[0].node()


def _layer(kind: str, given: list[Any]) -> ScriptLinear | None:
    if kind == "linear" and len(given) == 3:
        return ScriptLinear(*given)
    if kind == "addmm" and len(given) == 5 and _kind(given[2].node()) == "t":
        bias, features, turned = given[:3]
        return ScriptLinear(features, next(iter(turned.node().inputs())), bias)
    return None


def _kind(node: Any) -> str:
    return str(node.kind()).removeprefix("aten::").rstrip("_")


def _tensor(value: Any, module: Any) -> Any:
    """Return the tensor of a value that is a constant or a parameter of a module; None if it is
    computed."""
    names, node = list[str](), value.node()
    if node.kind() == "prim::Constant" and node.hasAttribute("value"):
        return node.t("value") if node.kindOf("value") == "t" else None
    while node.kind() == "prim::GetAttr":
        names.insert(0, node.s("name"))
        node = next(iter(node.inputs())).node()
    if node.kind() != "prim::Param" or not names:
        return None
    for name in names:
        module = getattr(module, name)
    return module


def _linear(graph: Any) -> Iterator[Any]:
    """Yield the nodes of all linear layers, also within branches and loops."""
    for kind in _LINEAR:
        yield from graph.findAllNodes(f"aten::{kind}", recurse=True)


def _is(node: Any, weight: Any, module: Any) -> bool:
    """Return True if a node computes with a weight."""
    found = _layer(_kind(node), list(node.inputs()))
    other = _tensor(found.weight, module) if found else None
    return other is not None and weight is not None and other.data_ptr() == weight.data_ptr()


def _entry(entries: dict[str, bytes], content: bytes) -> str:
    """Return the name of the one tensor of an archive with these bytes; else ``DataError``."""
    names = [
        name for name, held in entries.items() if name.startswith(_TENSORS) and held == content
    ]
    if len(names) != 1:
        raise DataError(
            f"The file of the network has the weights of its last layer {len(names)} times.",
            TARGETS_REMEDY,
        )
    return names[0]
