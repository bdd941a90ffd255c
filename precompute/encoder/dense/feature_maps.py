"""Dense paths of towers that end in a feature map: each place of it is pooled by itself."""

from __future__ import annotations

from typing import Any

from torch.nn import functional

from precompute.encoder.dense.path import Path, View


def clip_resnet(tower: Any) -> Path | None:
    """CLIP's ResNet: value and output projection of its attention pool, as 1 x 1 convolutions."""
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


def _average_pooled(tower: Any) -> View:
    """The head at each place; where it is linear, the mean over the places is the embedding."""
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
    """Embeddings ``(B, embed)`` of whole images, from the trunk's features."""
    return tower.head(tower.trunk.forward_head(features))


def _attention_pooled(tower: Any, pool: Any) -> View:
    """Value and output projection of the pool at each place, then the rest of the head."""
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
