"""Dense paths of the families of image towers: tokens of transformers, and feature maps.

Each token of a transformer's last block, or each place of a feature map, is pooled by itself.

An attention pool that sees one token gives that token's value, since the softmax over one is 1:
MaskCLIP's trick, done to the pool. So a tower whose pool has attention keeps its last block as it
is (``plain``), and one that reads a class token takes the values of the last block (``value``).
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

from precompute.encoder.dense.blocks import last_block, with_module
from precompute.encoder.dense.path import Cells, Path


def open_clip_vit(tower: Any) -> Path | None:
    """open_clip's vision transformer: class token, average (CLIPA) or attention pool (CoCa)."""
    from open_clip.transformer import VisionTransformer

    if not isinstance(tower, VisionTransformer):
        return None
    if getattr(tower, "attn_pool_contrastive", None) is not None:
        return None
    reads_class = tower.attn_pool is None and tower.pool_type == "tok"

    def build(attention: str | None) -> Cells:
        *blocks, last = tower.transformer.resblocks
        blocks = [*blocks, last_block(last, attention)]

        def cells(images: Any) -> Any:
            x = tower._embeds(images)
            for block in blocks:
                x = block(x)
            x = x[:, 1:]
            if tower.attn_pool is not None:
                x = _value_of_pool(tower.attn_pool, x)
            x = tower.ln_post(x)
            x = x if tower.proj is None else x @ tower.proj
            return x.reshape(len(images), *tower.grid_size, -1)

        return cells

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

    def build(attention: str | None) -> Cells:
        *blocks, last = trunk.blocks
        kind = nn.ModuleList if isinstance(trunk.blocks, nn.ModuleList) else _sequential
        changed: Any = with_module(trunk, "blocks", kind([*blocks, last_block(last, attention)]))

        def cells(images: Any) -> Any:
            x = changed.forward_features(images)[:, trunk.num_prefix_tokens :]
            if pool is not None:
                x = pool(x.reshape(-1, 1, x.shape[-1])).reshape(*x.shape[:2], -1)
            x = tower.head(trunk.head(trunk.head_drop(trunk.fc_norm(x))))
            return x.reshape(len(images), *trunk.patch_embed.grid_size, -1)

        return cells

    return Path("value" if trunk.global_pool == "token" else "plain", build)


_POOLS = ("token", "avg", "map")


def _sequential(blocks: list[nn.Module]) -> nn.Module:
    return nn.Sequential(*blocks)


def clip_resnet(tower: Any) -> Path | None:
    """CLIP's ResNet: value and output projection of its attention pool, as 1 x 1 convolutions."""
    from open_clip.modified_resnet import ModifiedResNet

    if not isinstance(tower, ModifiedResNet):
        return None

    def cells(images: Any) -> Any:
        features = tower.stem(images)
        for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
            features = layer(features)
        return tower.attnpool.c_proj(tower.attnpool.v_proj(features.permute(0, 2, 3, 1)))

    return Path(None, lambda _: cells)


def timm_map(tower: Any) -> Path | None:
    """A trunk of timm whose feature map is pooled by the average, or by timm's attention pools."""
    from open_clip.timm_model import TimmModel
    from timm.layers import AttentionPool2d, RotAttentionPool2d

    if not isinstance(tower, TimmModel):
        return None
    pool = tower.head._modules.get("pool")
    if isinstance(pool, AttentionPool2d | RotAttentionPool2d):
        return Path(None, lambda _: _attention_pooled(tower, pool))
    if pool is None and _has_map(tower.trunk) and _pools_by_average(tower.trunk):
        return Path(None, lambda _: _average_pooled(tower))
    return None


def _has_map(trunk: Any) -> bool:
    """True if the features keep their places: timm then names the feature levels."""
    return hasattr(trunk, "forward_features") and bool(getattr(trunk, "feature_info", None))


def _pools_by_average(trunk: Any) -> bool:
    from timm.layers import SelectAdaptivePool2d

    pools = [module for module in trunk.modules() if isinstance(module, SelectAdaptivePool2d)]
    return len(pools) == 1 and str(pools[0].pool_type).endswith("avg")


def _average_pooled(tower: Any) -> Cells:
    """The head at each place; where it is linear, the mean over the places is the embedding."""
    trunk = tower.trunk
    last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"

    def cells(images: Any) -> Any:
        features = trunk.forward_features(images)
        places = features if last else features.permute(0, 2, 3, 1)
        shape, channels = places.shape[:3], places.shape[-1]
        single = (-1, 1, 1, channels) if last else (-1, channels, 1, 1)
        out = tower.head(trunk.forward_head(places.reshape(single)))
        return out.reshape(*shape, -1)

    return cells


def _attention_pooled(tower: Any, pool: Any) -> Cells:
    """Value and output projection of the pool at each place, then the rest of the head."""
    rest = list(tower.head)[1:]

    def cells(images: Any) -> Any:
        out = pool.proj(_value(pool, tower.trunk.forward_features(images).permute(0, 2, 3, 1)))
        for layer in rest:
            out = layer(out)
        return out

    return cells


def _value(pool: Any, places: Any) -> Any:
    if pool.qkv is None:
        return pool.v(places)
    width = pool.qkv.out_features // 3
    bias = None if pool.qkv.bias is None else pool.qkv.bias[-width:]
    return functional.linear(places, pool.qkv.weight[-width:], bias)
