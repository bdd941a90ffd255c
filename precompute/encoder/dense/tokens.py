"""Dense paths of vision transformers: each token of the last block is pooled by itself.

An attention pool that sees one token gives that token's value, since the softmax over one is 1:
MaskCLIP's trick, done to the pool. So a tower whose pool has attention keeps its last block as it
is (``plain``), and one that reads a class token takes the values of the last block (``value``).
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

from precompute.encoder.dense.blocks import Watched, last_block, with_module
from precompute.encoder.dense.path import Path, View


def open_clip_vit(tower: Any) -> Path | None:
    """open_clip's vision transformer: class token, average (CLIPA) or attention pool (CoCa)."""
    from open_clip.transformer import VisionTransformer

    if not isinstance(tower, VisionTransformer):
        return None
    if getattr(tower, "attn_pool_contrastive", None) is not None:
        return None
    reads_class = tower.attn_pool is None and tower.pool_type == "tok"

    def build(attention: str | None) -> View:
        *blocks, last = tower.transformer.resblocks
        changed = last_block(last, attention)

        def view(images: Any, whole: bool) -> tuple[Any, Any]:
            before = tower._embeds(images)
            for block in blocks:
                before = block(before)
            after = changed(before)
            pooled = None
            if whole:
                pooled, _ = tower._pool(after if changed is last else last(before))
                pooled = pooled if tower.proj is None else pooled @ tower.proj
            x = after[:, 1:]
            if tower.attn_pool is not None:
                x = _value_of_pool(tower.attn_pool, x)
            x = tower.ln_post(x)
            x = x if tower.proj is None else x @ tower.proj
            return x.reshape(len(images), *tower.grid_size, -1), pooled

        return view

    return Path("value" if reads_class else "plain", build)


def _value_of_pool(pool: Any, x: Any) -> Any:
    """Output of open_clip's attention pool for each token by itself."""
    attention = pool.attn
    width = attention.embed_dim
    weight = attention.v_proj_weight
    if weight is None:
        weight = attention.in_proj_weight[-width:]
    return attention.out_proj(
        functional.linear(pool.ln_k(x), weight, attention.in_proj_bias[-width:])
    )


def timm_vit(tower: Any) -> Path | None:
    """timm's ViT and EVA: class token, average or attention pool (SigLIP, PE)."""
    from open_clip.timm_model import TimmModel
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer

    if not isinstance(tower, TimmModel) or not isinstance(tower.trunk, Eva | VisionTransformer):
        return None
    trunk = tower.trunk
    pool = getattr(trunk, "attn_pool", None)
    if getattr(pool, "pos_embed", None) is not None or trunk.global_pool not in _POOLS:
        return None

    def build(attention: str | None) -> View:
        *blocks, last = trunk.blocks
        kind = nn.ModuleList if isinstance(trunk.blocks, nn.ModuleList) else _sequential
        changed = last_block(last, attention)

        def trunk_with(ending: nn.Module) -> Any:
            return with_module(trunk, "blocks", kind([*blocks, ending]))

        with_cells = trunk_with(changed)

        def view(images: Any, whole: bool) -> tuple[Any, Any]:
            pooled = None
            if whole:
                watched = Watched(last)
                x = trunk_with(watched).forward_features(images)
                pooled = tower.head(trunk.forward_head(x))
                tokens, more = watched.given
                x = x if changed is last else trunk.norm(changed(tokens, **more))
            else:
                x = with_cells.forward_features(images)
            x = x[:, trunk.num_prefix_tokens :]
            if pool is not None:
                x = pool(x.reshape(-1, 1, x.shape[-1])).reshape(*x.shape[:2], -1)
            x = tower.head(trunk.head(trunk.head_drop(trunk.fc_norm(x))))
            return x.reshape(len(images), *trunk.patch_embed.grid_size, -1), pooled

        return view

    return Path("value" if trunk.global_pool == "token" else "plain", build)


_POOLS = ("token", "avg", "map")


def _sequential(blocks: list[nn.Module]) -> nn.Module:
    return nn.Sequential(*blocks)
