"""Teacher networks: preprocessing of photos, logits, and logits of the oracle.

The oracle is the teacher on inputs that were reinforced with their labels: a step of size gamma
against the gradient of the labels' loss L. (Lee et al., "Distillation for High-Quality Knowledge
Extraction via Explainable Oracle Approach", BMVC 2023, section 3.1, eq. 2: ``x* = x - gamma |x| *
dL/dx``.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from inficond_panel.common.arrays import Sliced
from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.names import name_key, positions
from inficond_panel.common.teacher_outputs import LEAST_OF_SIGMOID, LEAST_OF_SOFTMAX
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.sections.teacher import Query2LabelTeacher, TimmTeacher, TorchvisionTeacher
from precompute.encoder.image import Preprocessing
from precompute.teachers.tables import check_probabilities, near_in_list, other_classes

if TYPE_CHECKING:
    from torch import Tensor, nn

S = TypeVar("S", bound=Section)
#: Interpolations of ``Preprocessing``.
_FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")


class Prepares(Protocol):
    """Preprocessing from a photo to a network's input, by settings or by a model's processor."""

    def prepare(self, image: Image.Image) -> np.ndarray | Image.Image:
        """Return the network's input of an RGB image: ``(3, H, W)`` float32, or the image."""

    def plain(self) -> dict[str, Any]:
        """Return the settings of the preprocessing as JSON, for stores and hashes."""


def stacked(prepared: Sequence[np.ndarray | Image.Image]) -> np.ndarray | list[Image.Image]:
    """Return outputs of ``prepare`` as one batch: an array ``(B, 3, H, W)`` or a photo list."""
    photos = [one for one in prepared if isinstance(one, Image.Image)]
    return photos if photos else np.stack([np.asarray(one) for one in prepared])


def section_with(section: S, **values: Any) -> S:
    """Return a copy of a spec's section with the given values; a value None removes its key."""
    written = {**section.values(), **values}
    return type(section)(**{key: value for key, value in written.items() if value is not None})


def own_or_given(section: Section, own: dict[str, Any]) -> Preprocessing:
    """Return the preprocessing of a spec's section; the model's values ``own`` are defaults."""
    written = {name: value for name, value in section.values().items() if value is not None}
    return Preprocessing(**{**own, **written})


def of_timm(model: nn.Module) -> dict[str, Any]:
    """Return the preprocessing settings of a timm model, from its configuration."""
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(model)
    _, height, width = config["input_size"]
    known = config["interpolation"] if config["interpolation"] in _FILTERS else "bicubic"
    return {
        "size": (width, height),
        "mean": tuple(config["mean"]),
        "std": tuple(config["std"]),
        "interpolation": known,
        "crop": 0.0 if config["crop_mode"] == "squash" else float(config["crop_pct"]),
    }


Outputs = TypeVar("Outputs", bound=Sliced)
#: Prepared photos: an array ``(B, 3, H, W)`` float32, or a list for teachers of kind python.
InputBatch = Any


class Teacher(Protocol):
    """A loaded teacher network: a function from prepared photos to logits."""

    @property
    def preprocessing(self) -> Prepares:
        """Preprocessing from a photo to the network's input."""

    @property
    def outputs(self) -> int:
        """Number of the network's outputs; some may be classes that the data set lacks."""

    @property
    def differentiable(self) -> bool:
        """True if gradients can be computed through the network, which an oracle needs."""

    def logits(self, images: InputBatch) -> np.ndarray:
        """Return logits ``(B, K)`` float32 of prepared photos ``(B, 3, H, W)``, or of a list."""


@dataclass(frozen=True)
class TorchTeacher:
    """A teacher as a torch network; ``columns`` are the outputs of the data set's classes.

    With ``softmax`` the outputs of the other classes follow. ``probabilities`` states that the
    network returns probabilities, not logits. ``whole`` is the torch module, if ``network`` only
    calls it.
    """

    network: Callable[[Any], Any]
    preprocessing: Prepares
    columns: tuple[int, ...] = ()
    outputs: int = 0
    probabilities: bool = False
    softmax: bool = False
    differentiable: bool = True
    device: str = CPU
    whole: Any = None

    @property
    def module(self) -> Any:
        """The network as a torch module."""
        return self.whole or self.network

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits ``(B, K)``, with a softmax ``(B, K + M)``, of inputs ``(B, 3, H, W)``."""
        import torch

        with one_torch_thread(), torch.inference_mode():
            return self.forward(self._moved(images)).cpu().numpy()

    def oracles(
        self, images: np.ndarray, label: np.ndarray, gammas: Sequence[float]
    ) -> list[np.ndarray]:
        """Return, for each gamma, ``logits`` of inputs after reinforcing them with their labels
        ``(B, K)``; the gradient is computed once."""
        import torch

        known, pixels = self._moved(label.astype(np.int64)), self._moved(images)
        loss = softmax_loss if self.softmax else task_loss
        gradient = loss_gradient(self.forward, pixels, known, loss)
        with one_torch_thread(), torch.inference_mode():
            return [
                self.forward(stepped(pixels, gradient, gamma)).cpu().numpy() for gamma in gammas
            ]

    def _moved(self, values: np.ndarray) -> Any:
        import torch

        return torch.from_numpy(values).to(self.device)

    def forward(self, pixels: Tensor) -> Any:
        """Return logits of prepared photos as tensors; raise ``DataError`` if the network fails."""
        import torch

        values = self.run(pixels)[:, list(self.columns)].float()
        if not self.probabilities:
            return values
        check_probabilities(values.detach().cpu().numpy(), self.softmax)
        if self.softmax:
            return torch.log(values.clamp(min=LEAST_OF_SOFTMAX))
        return torch.logit(values, eps=LEAST_OF_SIGMOID)

    def run(self, pixels: Tensor) -> Tensor:
        """Return all outputs ``(B, outputs)`` of the network; raises as ``forward``."""
        import torch

        try:
            values = self.network(pixels)
        except InficondError:
            raise
        except Exception as error:  # the user's network may raise anything
            raise _refused(pixels.shape, error) from error
        if not isinstance(values, torch.Tensor):
            raise DataError(
                f"The teacher returns a {type(values).__name__}, not a tensor.",
                "Save a model that returns only a tensor of logits.",
            )
        return check_outputs(values, len(pixels), self.outputs)


def frozen_teacher(
    section: TimmTeacher | TorchvisionTeacher | Query2LabelTeacher,
    network: nn.Module,
    own: dict[str, Any],
    columns: tuple[tuple[int, ...], int],
    device: str,
) -> TorchTeacher:
    """Return the network of a spec's section as a teacher: on the device, in evaluation mode, and
    without gradients of its parameters. ``own`` is the model's preprocessing, ``columns`` are those
    of ``columns_of``."""
    hardware = torch_device(device)
    return TorchTeacher(
        network.requires_grad_(False).eval().to(hardware),
        own_or_given(section.preprocessing, own),
        *columns,
        section.outputs == "probabilities",
        section.softmax,
        device=hardware,
    )


class RunError(DataError):
    """Error: a network fails on prepared photos, mostly for their size."""


class OutputsError(DataError):
    """Error: a network's number of ``outputs`` is not the number of expected outputs."""

    outputs = 0


def check_outputs(values: Outputs, photos: int, outputs: int) -> Outputs:
    """Return ``values`` unchanged; raise ``OutputsError`` if not of shape ``(photos, outputs)``."""
    shape = tuple(values.shape)
    if shape != (photos, outputs):
        in_rows = len(shape) == 2 and shape[0] == photos
        error = OutputsError(
            f"The teacher returns {shape} for {photos} images; expected {outputs} outputs each.",
            "Name the class of each output, in order: teacher.classes."
            if in_rows
            else "Return logits (photos, classes): a row per photo, in the photos' order.",
        )
        error.outputs = shape[1] if in_rows else 0
        raise error
    return values


def _refused(shape: Sequence[int], error: Exception) -> RunError:
    reason = (str(error).strip().splitlines() or [""])[-1]
    return RunError(
        f"The teacher fails on photos {tuple(shape)}: {type(error).__name__}: {reason}",
        "Correct teacher.preprocessing, first of all its size.",
    )


def columns_of(
    classes: Sequence[str], outputs: Sequence[str], others: bool = False
) -> tuple[tuple[int, ...], int]:
    """Return the position of each class among a network's outputs, and the number of outputs.

    ``outputs`` are the outputs' names, equal to the classes if empty. With ``others`` the positions
    of the teacher's other classes follow."""
    names = list(outputs or classes)
    at = positions(names)
    missing = [name for name in classes if name_key(name) not in at]
    if missing:
        named = ", ".join(f"{name!r}{near_in_list(name, names)}" for name in missing)
        raise DataError(
            f"The teacher has no output for {named}.",
            "Name the class of each output, in order, as the data set names it: teacher.classes.",
        )
    chosen = [at[name_key(name)] for name in classes]
    if others:
        chosen += [at[name_key(name)] for name in other_classes(classes, names)]
    return tuple(chosen), len(names)


def task_loss(logits: Tensor, label: Tensor) -> Any:
    """Return the loss of each image, ``(B,)``: the sum of cross-entropies over its known labels.

    ``logits`` and ``label`` are tensors ``(B, K)``; labels are 1, 0, or -1 (ignored). The sum is
    the negative log-likelihood of the labels, like the paper's softmax cross-entropy for one label
    per image; a mean would reduce the step as classes are added.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    known = (label >= 0).to(logits.dtype)
    target = label.clamp(min=0).to(logits.dtype)
    losses = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (losses * known).sum(1)


def softmax_loss(logits: Tensor, label: Tensor) -> Any:
    """Return the loss of each image, ``(B,)``: cross-entropy in the softmax over all logits.

    The first K columns of ``logits`` ``(B, K + M)`` are the classes of ``label`` ``(B, K)``. An
    image of unknown class has loss 0.
    """
    known = (label == 1).any(1).to(logits.dtype)
    chosen = logits.gather(1, label.argmax(1, keepdim=True))[:, 0]
    return (logits.logsumexp(1) - chosen) * known


def stepped(pixels: Tensor, gradient: Tensor, gamma: float) -> Any:
    """Return reinforced inputs ``x* = x - gamma |x| * gradient`` (eq. 2), ``(B, 3, H, W)``.

    x is the network's input after normalisation: |x| is a channel's distance from the mean colour,
    in standard deviations. Raises ``DataError`` if x* overflows: a network that saturates would
    give finite logits for it, so that the logits alone do not show the fault.
    """
    import torch

    reinforced = pixels - gamma * pixels.abs() * gradient
    if torch.isfinite(gradient).all() and not torch.isfinite(reinforced).all():
        raise DataError(
            f"gamma {gamma:g} is too large: the reinforced photos are not finite numbers.",
            "Choose a smaller gamma; the paper's are between 0 and a few units.",
        )
    return reinforced


def loss_gradient(
    forward: Callable[[Any], Any],
    pixels: Tensor,
    label: Tensor,
    loss_of: Callable[[Any, Any], Any] = task_loss,
) -> Any:
    """Return the gradient ``dL/dx`` of each image's loss L at inputs x ``(B, 3, H, W)``.

    One thread is used, for equal bits on all workers. Raises ``DataError`` without a gradient.
    """
    import torch

    with one_torch_thread(), torch.enable_grad():
        x = pixels.detach().clone().requires_grad_()
        loss = loss_of(forward(x), label).sum()  # gradient of a sum: one gradient per image
        try:
            (gradient,) = torch.autograd.grad(loss, x)
        except RuntimeError as error:
            raise DataError(
                f"No gradient can be computed through the teacher: {str(error).splitlines()[0]}",
                "Leave out teacher.oracle, or save the model without no_grad.",
            ) from error
    return gradient
