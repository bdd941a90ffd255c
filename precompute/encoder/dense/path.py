"""Description that a family of image towers gives of itself; and towers fitted to another size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inficond_panel.errors import DataError

#: From images ``(B, 3, H, W)`` to the embeddings of their places ``(B, h, w, embed)``, and of each
#: whole image ``(B, embed)`` where the second argument is true, else None; neither normalised.
View = Callable[[Any, bool], tuple[Any, Any]]


@dataclass(frozen=True)
class Dense:
    """Embeddings of places, and of the whole image from the same run of the tower."""

    view: View

    def __call__(self, images: Tensor) -> Any:
        """Embeddings ``(B, h, w, embed)``, not normalised, of images ``(B, 3, H, W)``."""
        return self.view(images, False)[0]

    def with_whole(self, images: Tensor) -> tuple[Any, Any]:
        """The same, and what the tower gives for the whole images ``(B, embed)``, to the bit."""
        return self.view(images, True)


@dataclass(frozen=True)
class Path:
    """A dense path: ``own`` is the family's attention (None: no choice); ``build`` makes the
    function for an attention."""

    own: str | None
    build: Callable[[str | None], View]


def fit_size(tower: Any, size: tuple[int, int]) -> None:
    """Change the tower in place to images of ``size`` (height, width), for cells and the whole.

    Raises ``DataError`` for a size that is no multiple of a patch.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.transformer import VisionTransformer

    if isinstance(tower, VisionTransformer):
        _fit_vit(tower, size)
    elif isinstance(tower, ModifiedResNet):
        _fit_pool(tower.attnpool, tuple(side // 32 for side in size))
    elif hasattr(tower.trunk, "set_input_size"):
        _fit_timm(tower.trunk, size)


def _fit_vit(tower: Any, size: tuple[int, int]) -> None:
    grid = grid_of(size, tower.patch_size)
    if grid != tuple(tower.grid_size):
        tower.positional_embedding = _resized(tower.positional_embedding, tower.grid_size, grid)
        tower.grid_size = grid


def _fit_pool(pool: Any, grid: tuple[int, ...]) -> None:
    side = int((len(pool.positional_embedding) - 1) ** 0.5)
    if grid != (side, side):
        pool.positional_embedding = _resized(pool.positional_embedding, (side, side), grid)


def _fit_timm(trunk: Any, size: tuple[int, int]) -> None:
    patches: Any = getattr(trunk, "patch_embed", None)
    if hasattr(patches, "feat_ratio"):
        grid_of(size, patches.feat_ratio(as_scalar=False))
    trunk.set_input_size(size)


def grid_of(size: tuple[int, int], patch: tuple[int, ...]) -> tuple[int, ...]:
    """Rows and columns of patches in an image of ``size`` (height, width).

    Raises ``DataError`` for a size that is no multiple of a patch.
    """
    if any(side % step for side, step in zip(size, patch, strict=True)):
        near = [max(1, round(side / step)) * step for side, step in zip(size, patch, strict=True)]
        height, width = size
        raise DataError(
            f"image_size {_shown(width, height)} is no multiple of the encoder's patch size "
            f"{_shown(patch[1], patch[0])}.",
            f"Take {_shown(near[1], near[0])}.",
        )
    return tuple(side // step for side, step in zip(size, patch, strict=True))


def _shown(width: int, height: int) -> str:
    return str(width) if width == height else f"[{width}, {height}]"


def _resized(embedding: Any, old: tuple[int, ...], new: tuple[int, ...]) -> nn.Parameter:
    """The first row (class or mean token) as it is, the grid interpolated as open_clip does it."""
    first, rest = embedding.data[:1], embedding.data[1:]
    grid = rest.T.reshape(1, -1, *old)
    grid = functional.interpolate(
        grid, size=new, mode="bicubic", antialias=True, align_corners=False
    )
    rows = torch.cat([first, grid.flatten(2)[0].T])
    return nn.Parameter(rows, requires_grad=False)
