"""Change the last block's attention of an image tower, and adapt a tower to an image size.

In the last block the class token collects what the global embedding needs; the other tokens mix
with the whole image and describe their own cell badly. Attentions to choose from:

- ``plain``: the unchanged block.
- ``value``: each token attends to itself alone, so that its value passes through the output
  projection; no residual connection, no feed-forward part (MaskCLIP: Zhou, Loy and Dai, ECCV 2022,
  whose published code keeps both; without both: Lan et al., below).
- ``clearclip``: queries attend to queries; also without both (ClearCLIP: Lan et al., ECCV 2024).
- ``sclip``: the sum of query-query and key-key attention, with both parts (SCLIP: Wang, Mei and
  Yuille, ECCV 2024).

Each is built from the block's attention module, and so keeps its norms, scales and rotary
embeddings: a mask restricts each token to itself; with the queries' projection in place of the
keys', the module compares queries with queries.
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

#: Function from images ``(B, 3, H, W)`` to cell embeddings ``(B, h, w, embed)`` and, if the second
#: argument is true, embeddings of whole images ``(B, embed)``, else None; not normalised.
DenseView = Callable[[Any, bool], tuple[Any, Any]]


@dataclass(frozen=True)
class Dense:
    """Function from images to embeddings of cells, and of whole images, in one pass of a tower."""

    view: DenseView

    def __call__(self, images: Tensor) -> Any:
        """Return cell embeddings ``(B, h, w, embed)``, not normalised, of ``(B, 3, H, W)``."""
        return self.view(images, False)[0]

    def with_whole(self, images: Tensor) -> tuple[Any, Any]:
        """Return the cell embeddings, and embeddings ``(B, embed)`` of whole images, bit-identical
        to the tower's output."""
        return self.view(images, True)


@dataclass(frozen=True)
class Path:
    """Dense path of a family of image towers: how it embeds cells. ``build`` returns the
    function for an attention of the last block; ``own`` is the default attention (None: no
    choice)."""

    own: str | None
    build: Callable[[str | None], DenseView]


def fit_size(tower: Any, size: tuple[int, int]) -> None:
    """Change the image tower in place so that it takes images of ``size`` (height, width).

    Raises ``DataError`` for a size that is not a multiple of a patch.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.transformer import VisionTransformer

    if isinstance(tower, VisionTransformer):
        grid = grid_of(size, patch_of(tower))
        if grid != tuple(tower.grid_size):
            tower.positional_embedding = _resized(tower.positional_embedding, tower.grid_size, grid)
            tower.grid_size = grid
    elif isinstance(tower, ModifiedResNet):
        pool, grid = tower.attnpool, tuple(side // 32 for side in size)
        side = int((len(pool.positional_embedding) - 1) ** 0.5)
        if grid != (side, side):
            pool.positional_embedding = _resized(pool.positional_embedding, (side, side), grid)
    elif hasattr(tower.trunk, "set_input_size"):
        grid_of(size, patch_of(tower))
        tower.trunk.set_input_size(size)


def patch_of(tower: Any) -> tuple[int, ...]:
    """Return height and width of a patch of an image tower in pixels; (1, 1) if it has none."""
    from open_clip.transformer import VisionTransformer

    if isinstance(tower, VisionTransformer):
        return tuple(tower.patch_size)
    trunk = getattr(tower, "trunk", None)
    ratio = getattr(getattr(trunk, "patch_embed", None), "feat_ratio", None)
    if ratio is None or not hasattr(trunk, "set_input_size"):
        return 1, 1
    return tuple(ratio(as_scalar=False))


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
            f"Set concepts.encoder.image_size: {_shown(near[1], near[0])}.",
        )
    return tuple(side // step for side, step in zip(size, patch, strict=True))


def _shown(width: int, height: int) -> str:
    return str(width) if width == height else f"[{width}, {height}]"


def _resized(embedding: Any, old: tuple[int, ...], new: tuple[int, ...]) -> nn.Parameter:
    """Return position embeddings resized from grid ``old`` to grid ``new``, as open_clip does: row
    0 (class token or mean) stays, the grid is interpolated."""
    first, rest = embedding.data[:1], embedding.data[1:]
    grid = rest.T.reshape(1, -1, *old)
    grid = functional.interpolate(
        grid, size=new, mode="bicubic", antialias=True, align_corners=False
    )
    rows = torch.cat([first, grid.flatten(2)[0].T])
    return nn.Parameter(rows, requires_grad=False)


def last_block(block: Any, attention: str | None) -> nn.Module:
    """Return the block with ``attention``; it shares unchanged weights."""
    if attention == "plain":
        return block
    if attention == "value":
        return _Branch(block, block.attn, alone=True)
    queries = _self_similar(block.attn, "query")
    if attention == "clearclip":
        return _Branch(block, queries, alone=False)
    inner = getattr(block.attn, "ln_inner", None) or getattr(block.attn, "norm", None)
    if inner is not None and not isinstance(inner, nn.Identity):
        raise DataError(
            "Attention sclip cannot be used with this encoder: its attention has an inner norm.",
            "Set concepts.encoder.attention to clearclip, value or plain.",
        )
    output = block.attn.out_proj if hasattr(block.attn, "out_proj") else block.attn.proj
    bias = 0 if output.bias is None else output.bias
    both = _Sum(queries, _self_similar(block.attn, "key"), bias)
    return with_module(block, "attn", both)


def with_module(module: nn.Module, name: str, part: nn.Module) -> nn.Module:
    """Return a copy of a module with submodule ``name`` replaced; all other parts are shared."""
    changed = copy.copy(module)
    changed.__dict__["_modules"] = {**module._modules, name: part}
    return changed


class Watched(nn.Module):
    """Wrapper of a block that stores the block's input in ``given``; for use in one pass only."""

    given: tuple[Any, dict[str, Any]]

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Any, **more: Any) -> Any:
        """Return the block's output; store the block's arguments in ``given``."""
        self.given = x, more
        return self.block(x, **more)


class _Branch(nn.Module):
    """A block's attention without residual connection and feed-forward part; with ``alone`` each
    token attends only to itself."""

    def __init__(self, block: nn.Module, attention: nn.Module, alone: bool) -> None:
        super().__init__()
        self.block, self.attention, self.alone = block, attention, alone

    def forward(self, x: Any, rope: Any = None, **_: Any) -> Any:
        """Return the attention's output for tokens ``x``, with the block's norm and scale."""
        block: Any = self.block
        more = {} if rope is None else {"rope": rope}
        if self.alone:
            size = x.shape[1]
            itself = torch.eye(size, device=x.device, dtype=x.dtype)
            more["attn_mask"] = torch.zeros_like(itself).masked_fill(itself == 0, -torch.inf)
        if isinstance(self.attention, nn.MultiheadAttention):
            y = block.ln_1(x)
            return block.ls_1(self.attention(y, y, y, need_weights=False, **more)[0])
        if hasattr(block, "ln_1"):  # open_clip's blocks with options
            return block.ls_1(block.ln_attn(self.attention(block.ln_1(x), **more)))
        if hasattr(block, "ls1"):  # timm's ViT
            return block.ls1(self.attention(block.norm1(x), **more))
        if type(block).__name__ == "EvaBlockPostNorm":
            return block.norm1(self.attention(x, **more))
        y = self.attention(block.norm1(x), **more)
        return y if block.gamma_1 is None else block.gamma_1 * y


class _Sum(nn.Module):
    """Sum of two attentions with the same output projection, whose ``bias`` is counted once."""

    def __init__(self, first: nn.Module, second: nn.Module, bias: Any) -> None:
        super().__init__()
        self.first, self.second, self.bias = first, second, bias

    def forward(self, *x: Any, **more: Any) -> Any:
        first, second = self.first(*x, **more), self.second(*x, **more)
        if isinstance(first, tuple):
            return (first[0] + second[0] - self.bias,)
        return first + second - self.bias


_PARTS = {"query": 0, "key": 1}
_MODULES = (("q_proj", "k_proj"), ("q_norm", "k_norm"), ("ln_q", "ln_k"))


def _self_similar(attention: Any, source: str) -> nn.Module:
    """Return a copy that compares queries with queries (``source`` "query"), or keys with keys."""
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
