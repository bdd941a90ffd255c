"""Dense paths of families of image towers: an embedding per cell instead of one per image.

An image tower computes features of cells (a transformer's tokens, or positions of a feature map),
pools them and projects the result into the joint space. A cell's embedding is the tower's output if
this cell alone is pooled.

An attention pool over one token returns that token's value, since a softmax over one value is 1:
MaskCLIP's trick, applied to the pool. So a tower with an attention pool keeps its last block
(``plain``), and a tower with a class token uses the values of the last block (``value``). The last
block's attention is an option (see ``precompute.encoder.dense_blocks``).
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

from inficond_panel.errors import DataError
from precompute.encoder.dense_blocks import (
    Dense,
    DenseView,
    Path,
    Watched,
    fit_size,
    last_block,
    with_module,
)


def open_clip_vit(tower: Any) -> Path | None:
    """Return the dense path of an open_clip ViT that pools by class token, average (CLIPA) or
    attention (CoCa); None for other towers."""
    from open_clip.transformer import VisionTransformer

    if not isinstance(tower, VisionTransformer):
        return None
    if getattr(tower, "attn_pool_contrastive", None) is not None:
        return None
    reads_class = tower.attn_pool is None and tower.pool_type == "tok"

    def build(attention: str | None) -> DenseView:
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
    """Return the output of open_clip's attention pool for each token ``x`` alone."""
    attention = pool.attn
    width = attention.embed_dim
    weight = attention.v_proj_weight
    if weight is None:
        weight = attention.in_proj_weight[-width:]
    return attention.out_proj(
        functional.linear(pool.ln_k(x), weight, attention.in_proj_bias[-width:])
    )


def timm_vit(tower: Any) -> Path | None:
    """Return the dense path of timm's ViT or EVA that pools by class token, average or attention
    (SigLIP, PE); None for other towers."""
    from open_clip.timm_model import TimmModel
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer

    if not isinstance(tower, TimmModel) or not isinstance(tower.trunk, Eva | VisionTransformer):
        return None
    trunk = tower.trunk
    pool = getattr(trunk, "attn_pool", None)
    if getattr(pool, "pos_embed", None) is not None or trunk.global_pool not in _POOLS:
        return None

    def build(attention: str | None) -> DenseView:
        *blocks, last = trunk.blocks
        in_list = isinstance(trunk.blocks, nn.ModuleList)
        changed = last_block(last, attention)

        def trunk_with(ending: nn.Module) -> Any:
            every = [*blocks, ending]
            kept = nn.ModuleList(every) if in_list else nn.Sequential(*every)
            return with_module(trunk, "blocks", kept)

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


def clip_resnet(tower: Any) -> Path | None:
    """Return the dense path of CLIP's ResNet: 1 x 1 convolutions for its pool; else None."""
    from open_clip.modified_resnet import ModifiedResNet

    if not isinstance(tower, ModifiedResNet):
        return None

    def view(images: Any, whole: bool) -> tuple[Any, Any]:
        features = tower.stem(images)
        for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
            features = layer(features)
        pool = tower.attnpool
        cells = pool.c_proj(pool.v_proj(features.permute(0, 2, 3, 1)))
        return cells, pool(features) if whole else None

    return Path(None, lambda _: view)


def timm_map(tower: Any) -> Path | None:
    """Return the dense path of a timm tower with an average or attention pool, else None."""
    from open_clip.timm_model import TimmModel
    from timm.layers import AttentionPool2d, RotAttentionPool2d, SelectAdaptivePool2d

    if not isinstance(tower, TimmModel):
        return None
    pool = tower.head._modules.get("pool")
    if isinstance(pool, AttentionPool2d | RotAttentionPool2d):
        return Path(None, lambda _: _attention_pooled(tower, pool))
    trunk = tower.trunk
    # features are a map if timm lists their levels
    has_map = hasattr(trunk, "forward_features") and getattr(trunk, "feature_info", None)
    if pool is not None or not has_map:
        return None
    pools = [module for module in trunk.modules() if isinstance(module, SelectAdaptivePool2d)]
    if len(pools) != 1 or not str(pools[0].pool_type).endswith("avg"):
        return None
    return Path(None, lambda _: _average_pooled(tower))


def _average_pooled(tower: Any) -> DenseView:
    """Return a function that applies the head to each cell; for a linear head the cells' mean is
    the image's embedding."""
    trunk = tower.trunk
    last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"

    def view(images: Any, whole: bool) -> tuple[Any, Any]:
        features = trunk.forward_features(images)
        places = features if last else features.permute(0, 2, 3, 1)
        shape, channels = places.shape[:3], places.shape[-1]
        single = (-1, 1, 1, channels) if last else (-1, channels, 1, 1)
        out = tower.head(trunk.forward_head(places.reshape(single)))
        return out.reshape(*shape, -1), _whole(tower, features) if whole else None

    return view


def _whole(tower: Any, features: Any) -> Any:
    """Return embeddings ``(B, embed)`` of whole images from the trunk's features."""
    return tower.head(tower.trunk.forward_head(features))


def _attention_pooled(tower: Any, pool: Any) -> DenseView:
    """Return a function that applies the pool's projections, then the head, to each cell."""
    rest = list(tower.head)[1:]

    def view(images: Any, whole: bool) -> tuple[Any, Any]:
        features = tower.trunk.forward_features(images)
        out = pool.proj(_value(pool, features.permute(0, 2, 3, 1)))
        for layer in rest:
            out = layer(out)
        return out, _whole(tower, features) if whole else None

    return view


def _value(pool: Any, places: Any) -> Any:
    if pool.qkv is None:
        return pool.v(places)
    width = pool.qkv.out_features // 3
    bias = None if pool.qkv.bias is None else pool.qkv.bias[-width:]
    return functional.linear(places, pool.qkv.weight[-width:], bias)


_FAMILIES = (
    "Use a model whose image cells can be embedded: vision transformers of open_clip (also "
    "of CoCa and CLIPA) and of timm (ViT, SigLIP, EVA, PE, ViTamin), ResNets of CLIP, trunks of "
    "timm with average pooling (such as ConvNeXt, EfficientNet, ResNet, FastViT, Swin)."
)


def dense_function(
    model: Any, size: tuple[int, int], name: object, attention: str | None = None
) -> tuple[Dense, str | None]:
    """Adapt the model to images ``(B, 3, *size)``; return its dense function and its attention.

    The function returns embeddings ``(B, h, w, embed)``, not normalised. The returned attention is
    the argument, else the family's default, None if it cannot be chosen. ``name`` is for messages.
    Raises ``DataError`` for an image tower without a dense path, for a size that is no multiple of
    a patch, and for an unsupported attention.
    """
    families = (open_clip_vit, timm_vit, clip_resnet, timm_map)
    path = next((path for family in families if (path := family(model.visual))), None)
    if path is None:
        raise DataError(
            f"The image tower of the encoder {name} gives no embedding per cell (no dense path).",
            _FAMILIES,
        )
    if attention is not None and path.own is None:
        raise DataError(
            f"The encoder {name} has no choice of attention, but the spec sets {attention}.",
            "Leave out concepts.encoder.attention.",
        )
    chosen = attention or path.own
    fit_size(model.visual, size)
    return Dense(path.build(chosen)), chosen
