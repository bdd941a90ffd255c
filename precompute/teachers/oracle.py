"""Oracle logits: the teacher's, on inputs that were reinforced with the help of the labels.

Lee et al., "Distillation for High-Quality Knowledge Extraction via Explainable Oracle Approach",
BMVC 2023, section 3.1, eq. 2: ``x* = x - gamma |x| * dL/dx``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inficond_panel.common.torch_thread import one_torch_thread
from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def task_loss(logits: Tensor, label: Tensor) -> Any:
    """Loss of each image, ``(B,)``: the sum of the binary cross-entropies of its known labels.

    ``logits`` and ``label`` are tensors ``(B, K)``; labels are 1, 0, or -1 (ignored). The sum is
    the negative log-likelihood of the labels, as the paper's softmax cross-entropy is for one label
    an image; a mean would shrink the step as classes are added.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    known = (label >= 0).to(logits.dtype)
    target = label.clamp(min=0).to(logits.dtype)
    each = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * known).sum(1)


def softmax_loss(logits: Tensor, label: Tensor) -> Any:
    """Loss of each image, ``(B,)``: the cross-entropy of its class in the softmax over all logits.

    ``logits`` ``(B, K + M)`` begin with those of the classes of ``label`` ``(B, K)``. An image
    whose class is not known has none.
    """
    known = (label == 1).any(1).to(logits.dtype)
    chosen = logits.gather(1, label.argmax(1, keepdim=True))[:, 0]
    return (logits.logsumexp(1) - chosen) * known


def stepped(pixels: Tensor, gradient: Tensor, gamma: float) -> Any:
    """``x* = x - gamma |x| * gradient`` (eq. 2) of inputs ``(B, 3, H, W)``.

    x is the input as it enters the network, after normalisation: |x| is a channel's distance from
    the mean colour, in standard deviations. Raises ``DataError`` for a gamma with which it
    overflows: not every network shows that in its logits, one that saturates makes finite ones of
    any input.
    """
    import torch

    found = pixels - gamma * pixels.abs() * gradient
    if torch.isfinite(gradient).all() and not torch.isfinite(found).all():
        raise DataError(
            f"gamma {gamma:g} is too large: the reinforced photos are no finite numbers.",
            "Take a smaller one; those of the paper lie between 0 and a few units.",
        )
    return found


def loss_gradient(
    forward: Callable[[Any], Any],
    pixels: Tensor,
    label: Tensor,
    loss_of: Callable[[Any, Any], Any] = task_loss,
) -> Any:
    """``dL/dx`` of inputs ``(B, 3, H, W)``, L the image's own loss.

    Computed in one thread, for the same bits on all workers. Raises ``DataError`` without one.
    """
    import torch

    with one_torch_thread(), torch.enable_grad():
        x = pixels.detach().clone().requires_grad_()
        loss = loss_of(forward(x), label).sum()  # of sums: each image gets its own gradient
        try:
            (gradient,) = torch.autograd.grad(loss, x)
        except RuntimeError as error:
            raise DataError(
                f"The teacher gives no gradient: {str(error).splitlines()[0]}",
                "Leave teacher.oracle out, or save the model without no_grad.",
            ) from error
    return gradient
