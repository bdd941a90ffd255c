"""Architectures of networks by name: timm's, torchvision's, and the experiment's small ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from inficond_panel.common.installation import missing_extra
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError


def make_network(kind: str, name: str, outputs: int) -> Any:
    """A network in evaluation, with random weights, for checkpoints to be loaded into.

    ``kind`` is timm, torchvision or small; ``name`` the model's, of a small one ``student`` or
    ``teacher``. Raises ``DataError`` for a model that there is not, and ``MissingExtraError``.
    """
    made = {"timm": _timm, "torchvision": _torchvision, "small": _small}[kind](name, outputs)
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    return made.eval()


def _small(name: str, outputs: int) -> Any:
    return build_network(TEACHER if name == "teacher" else STUDENT, outputs, 0)


def _timm(name: str, outputs: int) -> Any:
    try:
        import timm
    except ImportError as error:
        raise missing_extra("This network", error, "precompute") from error
    if not timm.is_model(name):
        raise _unknown("timm", name, timm.list_models())
    return timm.create_model(name, pretrained=False, num_classes=outputs)


def _torchvision(name: str, outputs: int) -> Any:
    try:
        from torchvision import models
    except ImportError as error:
        raise missing_extra("This network", error, "precompute") from error
    known = models.list_models(module=models)
    if name not in known:
        raise _unknown("torchvision", name, known)
    return models.get_model(name, weights=None, num_classes=outputs)


def _unknown(package: str, name: str, known: list[str]) -> DataError:
    return DataError(
        f"{package} knows no model {name!r}.{near(name, known, most=3)}",
        f"Name one of {package}'s list_models().",
    )


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
