"""Last blocks of image towers with another attention, and what a family says of its towers.

The class token of the last block gathers what the global embedding needs; the other tokens there
mix with all of the image and say little of their own place. What to do instead:

- ``plain``: the block as it is.
- ``value``: each token sees itself alone, so that its value passes through the output projection;
  without the residual connection and the feed-forward part (MaskCLIP: Zhou, Loy and Dai, ECCV 2022,
  whose published code keeps those two; without: Lan et al., below).
- ``clearclip``: queries attend to queries; also without the two (ClearCLIP: Lan et al., ECCV 2024).
- ``sclip``: the sum of query-query and key-key attention, with the two (SCLIP: Wang, Mei and
  Yuille, ECCV 2024).

Each is made of the block's own attention module, so that its norms, scales and rotary embeddings
hold here too: a mask leaves each token itself; with the queries' projection in place of the keys'
the module compares queries with queries.
"""

from __future__ import annotations

import copy
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
    """Embeddings of positions, and of the whole image, from one run of the tower."""

    view: View

    def __call__(self, images: Tensor) -> Any:
        """Embeddings ``(B, h, w, embed)``, not normalised, of images ``(B, 3, H, W)``."""
        return self.view(images, False)[0]

    def with_whole(self, images: Tensor) -> tuple[Any, Any]:
        """Return the path with the tower's output for the whole images ``(B, embed)`` too, to the
        bit.
        """
        return self.view(images, True)


@dataclass(frozen=True)
class Path:
    """A dense path: ``own`` is the family's attention (None: no choice).

    ``build`` makes the function for an attention.
    """

    own: str | None
    build: Callable[[str | None], View]


def fit_size(tower: Any, size: tuple[int, int]) -> None:
    """Adapt the tower in place to images of ``size`` (height, width), for cells and whole images.

    Raises ``DataError`` for a size that is not a multiple of a patch.
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
    """Return rows and columns of patches in an image of ``size`` (height, width).

    Raises ``DataError`` for a size that is not a multiple of a patch.
    """
    if any(side % step for side, step in zip(size, patch, strict=True)):
        near = [max(1, round(side / step)) * step for side, step in zip(size, patch, strict=True)]
        height, width = size
        raise DataError(
            f"image_size {_shown(width, height)} is not a multiple of the encoder's patch size "
            f"{_shown(patch[1], patch[0])}.",
            f"Take {_shown(near[1], near[0])}.",
        )
    return tuple(side // step for side, step in zip(size, patch, strict=True))


def _shown(width: int, height: int) -> str:
    return str(width) if width == height else f"[{width}, {height}]"


def _resized(embedding: Any, old: tuple[int, ...], new: tuple[int, ...]) -> nn.Parameter:
    """Keep the first row (class or mean token), and interpolate the grid as open_clip does."""
    first, rest = embedding.data[:1], embedding.data[1:]
    grid = rest.T.reshape(1, -1, *old)
    grid = functional.interpolate(
        grid, size=new, mode="bicubic", antialias=True, align_corners=False
    )
    rows = torch.cat([first, grid.flatten(2)[0].T])
    return nn.Parameter(rows, requires_grad=False)


ATTENTIONS = ("value", "plain", "clearclip", "sclip")


def last_block(block: Any, attention: str | None) -> nn.Module:
    """Return the block with the attention; it shares all unchanged weights."""
    if attention == "plain":
        return block
    if attention == "value":
        return _Branch(block, block.attn, alone=True)
    queries = _self_similar(block.attn, "query")
    if attention == "clearclip":
        return _Branch(block, queries, alone=False)
    both = _Sum(queries, _self_similar(block.attn, "key"), _output_bias(block.attn))
    return with_module(block, "attn", both)


def with_module(module: nn.Module, name: str, part: nn.Module) -> nn.Module:
    """Return a copy of a module with one part replaced; all else is shared with the original."""
    changed = copy.copy(module)
    changed.__dict__["_modules"] = {**module._modules, name: part}
    return changed


class Watched(nn.Module):
    """The unchanged block, which records its arguments in ``given``; for one run only."""

    given: tuple[Any, dict[str, Any]]

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Any, **more: Any) -> Any:
        """The block's output."""
        self.given = x, more
        return self.block(x, **more)


class _Branch(nn.Module):
    """The attention's branch of a block: no residual connection, no feed-forward part."""

    def __init__(self, block: nn.Module, attention: nn.Module, alone: bool) -> None:
        super().__init__()
        self.block, self.attention, self.alone = block, attention, alone

    def forward(self, x: Any, rope: Any = None, **_: Any) -> Any:
        more = {} if rope is None else {"rope": rope}
        if self.alone:
            size = x.shape[1]
            itself = torch.eye(size, device=x.device, dtype=x.dtype)
            more["attn_mask"] = torch.zeros_like(itself).masked_fill(itself == 0, -torch.inf)
        return _branch(self.block, self.attention, x, more)


def _branch(block: Any, attention: Any, x: Any, more: dict[str, Any]) -> Any:
    """Norm, attention and scale as the block has them."""
    if isinstance(attention, nn.MultiheadAttention):
        y = block.ln_1(x)
        return block.ls_1(attention(y, y, y, need_weights=False, **more)[0])
    if hasattr(block, "ln_1"):  # open_clip's blocks with options
        return block.ls_1(block.ln_attn(attention(block.ln_1(x), **more)))
    if hasattr(block, "ls1"):  # timm's ViT
        return block.ls1(attention(block.norm1(x), **more))
    if type(block).__name__ == "EvaBlockPostNorm":
        return block.norm1(attention(x, **more))
    y = attention(block.norm1(x), **more)
    return y if block.gamma_1 is None else block.gamma_1 * y


class _Sum(nn.Module):
    """Two attentions of one output projection, added before it."""

    def __init__(self, first: nn.Module, second: nn.Module, bias: Any) -> None:
        super().__init__()
        self.first, self.second, self.bias = first, second, bias

    def forward(self, *x: Any, **more: Any) -> Any:
        first, second = self.first(*x, **more), self.second(*x, **more)
        if isinstance(first, tuple):
            return (first[0] + second[0] - self.bias,)
        return first + second - self.bias


def _output_bias(attention: Any) -> Any:
    """Bias of the output projection, which the sum of two outputs holds twice."""
    inner = getattr(attention, "ln_inner", None) or getattr(attention, "norm", None)
    if inner is not None and not isinstance(inner, nn.Identity):
        raise DataError(
            "sclip adds two attentions, which the norm inside this encoder's does not allow.",
            "Take clearclip, value or plain as concepts.encoder.attention.",
        )
    output = attention.out_proj if hasattr(attention, "out_proj") else attention.proj
    return 0 if output.bias is None else output.bias


_PARTS = {"query": 0, "key": 1}
_MODULES = (("q_proj", "k_proj"), ("q_norm", "k_norm"), ("ln_q", "ln_k"))


def _self_similar(attention: Any, source: str) -> nn.Module:
    """A copy that compares queries with queries, or keys with keys, as the source has it."""
    changed = copy.deepcopy(attention).requires_grad_(False)
    take, give = _PARTS[source], 1 - _PARTS[source]
    qkv = getattr(changed, "qkv", None)
    fused = [getattr(changed, name, None) for name in ("in_proj_weight", "in_proj_bias")]
    fused += [] if qkv is None else [qkv.weight, qkv.bias]
    with torch.no_grad():
        for tensor in fused:
            if tensor is not None:
                thirds = tensor.chunk(3)
                thirds[give].copy_(thirds[take])
        if getattr(changed, "q_bias", None) is not None:
            biases = (changed.q_bias, changed.k_bias)
            biases[give].copy_(biases[take])
    for names in _MODULES:
        if getattr(changed, names[take], None) is not None:
            setattr(changed, names[give], getattr(changed, names[take]))
    return changed
