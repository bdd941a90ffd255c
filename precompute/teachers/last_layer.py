"""The last linear layer of a teacher network: its weights, its features, and a file with others.

The features of a photo are the values that go into the layer. ``checked`` makes sure that a layer
which was found is the last one: its logits must be the outputs of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import expit, softmax

from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError, Remedy
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX
from precompute.teachers.teacher import Prepares

if TYPE_CHECKING:
    from torch import Tensor

#: Largest difference of a layer's logits from the outputs of the network, for outputs up to 1.
_DIFFERENCE, _DIFFERENCE_OF_HALVES = 1e-3, 2e-2
#: What else can be done: the targets for a training of one's own.
TARGETS_REMEDY = "Train the network on the targets instead: " + Remedy(
    "inficond export SPEC --targets FILE.csv (see inficond docs network).",
    "students.targets() (see inficond docs network).",
)


@dataclass(frozen=True)
class LayerWeights:
    """Weights of a linear layer: ``weight`` ``(K, F)``, ``bias`` ``(K,)``, in double precision, and
    the ``dtype`` in which the file holds them."""

    name: str
    weight: np.ndarray
    bias: np.ndarray
    dtype: np.dtype[Any]

    def stored(self, weight: np.ndarray, bias: np.ndarray) -> LayerWeights:
        """Return other weights, rounded as the file holds them."""
        return replace(self, weight=self._rounded(weight), bias=self._rounded(bias))

    def _rounded(self, values: np.ndarray) -> np.ndarray:
        return values.astype(self.dtype).astype(np.float64)


def weights_from(name: str, weight: Tensor, bias: Tensor) -> LayerWeights:
    """Return the weights of a torch layer in double precision."""
    weight, bias = weight.detach().cpu(), bias.detach().cpu()
    stored = np.dtype({2: np.float16, 4: np.float32}.get(weight.element_size(), np.float64))
    return LayerWeights(name, weight.double().numpy(), bias.double().numpy(), stored)


class LastLayer(Protocol):
    """Last linear layer of a loaded network; ``link`` turns its logits into probabilities, and
    ``ends`` says that the network itself does so."""

    @property
    def weights(self) -> LayerWeights:
        """Weights that the layer has in the network's file."""

    @property
    def link(self) -> str:
        """``sigmoid`` or ``softmax``."""

    @property
    def ends(self) -> bool:
        """True if the network's outputs are probabilities."""

    @property
    def softmax(self) -> bool:
        """True if the store's probabilities are of one softmax over all classes."""

    @property
    def columns(self) -> tuple[int, ...]:
        """Outputs of the data set's classes, then those of other classes."""

    @property
    def preprocessing(self) -> Prepares:
        """Preprocessing from a photo to the network's input."""

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(B, F)`` and outputs ``(B, K)`` of prepared photos."""

    def write(self, folder: Path, new: LayerWeights) -> list[Path]:
        """Write the network with other weights of this layer to a folder; return the files, the
        network's own first. Everything else in them is as it was."""


def with_features(layer: LastLayer, images: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Return features and outputs of prepared photos ``(B, F + K)``: the ``compute`` of a pass."""
    features, outputs = layer.run(images)
    check_layer(layer, features, outputs)
    return np.hstack([features, outputs]).astype(np.float32)


def check_layer(layer: LastLayer, features: np.ndarray, outputs: np.ndarray) -> None:
    """Raise ``DataError`` unless the layer's logits are the outputs of the network."""
    weights, expected = layer.weights, None
    if features.ndim == 2 and features.shape[1] == weights.weight.shape[1]:
        expected = features.astype(np.float64) @ weights.weight.T + weights.bias
        expected = probability(expected, layer.link) if layer.ends else expected
    if expected is not None and expected.shape == outputs.shape:
        most = _DIFFERENCE_OF_HALVES if weights.dtype.itemsize < 4 else _DIFFERENCE
        scale = max(1.0, float(np.abs(outputs).max(initial=0.0)))
        if np.abs(expected - outputs).max(initial=0.0) <= most * scale:
            return
    raise DataError(
        f"The outputs of the network are not those of its linear layer {weights.name!r}: something "
        "else follows it.",
        TARGETS_REMEDY,
    )


def probability(logits: np.ndarray, link: str) -> np.ndarray:
    """Return probabilities ``(n, K)`` of logits, by a sigmoid per output or by one softmax."""
    return np.asarray(softmax(logits, axis=1) if link == SOFTMAX else expit(logits))


def no_layer(what: str, layers: Sequence[str]) -> DataError:
    """Return the error for a network that does not end with a linear layer; ``layers`` are the
    linear layers that it has."""
    has = f"its linear layers are {listed(layers, 5)}" if layers else "it has no linear layer"
    return DataError(
        f"{what} does not end with a linear layer (weight and bias) that makes its outputs; {has}.",
        TARGETS_REMEDY,
    )


def link_of(activation: str, by_softmax: bool) -> str:
    """Return the link of a network whose graph ends with ``activation`` ("": unknown)."""
    return activation or (SOFTMAX if by_softmax else SIGMOID)
