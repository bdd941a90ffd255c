"""The small convolutional networks of the experiment: features below, layers for labels above."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

#: Layer at which teacher, student and baseline are compared; all have its number of channels.
LAYER = "features"
#: Channels of the blocks of ``features``; all but the last halve height and width.
TEACHER = (32, 64, 128, 96)
STUDENT = (16, 32, 64, 96)
_HIDDEN = 128


def build_network(widths: Sequence[int], classes: int, seed: int) -> Any:
    """A network from images ``(B, 3, H, W)``, standardised, to logits ``(B, classes)``.

    Its layers are ``features`` (``features.block1``, ...) and ``upper``. The same seed and widths
    give the same weights.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        blocks = [
            (f"block{i}", _block(before, after, 1 if i == len(widths) else 2))
            for i, (before, after) in enumerate(zip((3, *widths), widths, strict=False), 1)
        ]
        upper = nn.Sequential(
            _block(widths[-1], _HIDDEN, 1),
            nn.Conv2d(_HIDDEN, classes, 1),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        return nn.Sequential(
            OrderedDict([(LAYER, nn.Sequential(OrderedDict(blocks))), ("upper", upper)])
        )


def _block(before: int, after: int, stride: int) -> Any:
    """Kernels of 4 where the stride is 2: with 3, every other pixel would be seen twice as often,
    and the maps would show that grid more than the image."""
    from torch import nn

    kernel = 4 if stride == 2 else 3
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )
