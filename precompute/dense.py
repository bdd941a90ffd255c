"""An embedding for each place of an image, from encoders made to give one for the whole.

The value trick is MaskCLIP's (Zhou, Loy and Dai, ECCV 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inficond_panel.errors import DataError

_REMEDY = (
    "Use a model with a vision transformer or ResNet of open_clip, or a timm trunk with average "
    "pooling (such as EfficientNet or ConvNeXt)."
)


def dense_function(model: Any, size: tuple[int, int], name: object) -> Callable[[Any], Any]:
    """Return the function from images ``(B, 3, *size)`` to embeddings ``(B, h, w, embed)``.

    Raises ``DataError`` for an image tower that has no dense path here.
    """
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    tower = model.visual
    if isinstance(tower, TimmModel) and _pools_by_average(tower):
        return lambda images: _conv_cells(tower, images)
    if isinstance(tower, ModifiedResNet):
        return lambda images: _attention_pool_cells(tower, images)
    if isinstance(tower, VisionTransformer) and _has_plain_attention(tower):
        _fit_positions(model, size)
        return lambda images: _vit_cells(tower, images)
    raise DataError(f"The encoder {name} has no dense path.", _REMEDY)


def _pools_by_average(tower: Any) -> bool:
    from timm.layers import SelectAdaptivePool2d

    pools = [m for m in tower.trunk.modules() if isinstance(m, SelectAdaptivePool2d)]
    average = len(pools) == 1 and str(pools[0].pool_type).endswith("avg")
    return average and "pool" not in tower.head._modules


def _conv_cells(tower: Any, images: Any) -> Any:
    """The head at each place of the feature map; where it is linear, the mean is the embedding."""
    features = tower.trunk.forward_features(images)
    if features.ndim != 4 or features.shape[1] != tower.trunk.num_features:
        raise DataError("The encoder's trunk gives no feature map (B, C, h, w).", _REMEDY)
    count, channels, height, width = features.shape
    places = features.permute(0, 2, 3, 1).reshape(-1, channels, 1, 1)
    cells = tower.head(tower.trunk.forward_head(places))
    return cells.reshape(count, height, width, -1)


def _attention_pool_cells(tower: Any, images: Any) -> Any:
    """Value and output projection of the pooling layer at each place of the feature map."""
    features = tower.stem(images)
    for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
        features = layer(features)
    places = features.permute(0, 2, 3, 1)
    return tower.attnpool.c_proj(tower.attnpool.v_proj(places))


def _has_plain_attention(tower: Any) -> bool:
    from torch import nn

    last = tower.transformer.resblocks[-1]
    batch_first = getattr(tower.transformer, "batch_first", False)
    return isinstance(last.attn, nn.MultiheadAttention) and batch_first and tower.attn_pool is None


def _vit_cells(tower: Any, images: Any) -> Any:
    """Last block: each token's value through the output projection, no query-key attention."""
    from torch.nn import functional

    *blocks, last = tower.transformer.resblocks
    tokens = tower._embeds(images)
    for block in blocks:
        tokens = block(tokens)
    attention = last.attn
    width = attention.embed_dim
    value = functional.linear(
        last.ln_1(tokens), attention.in_proj_weight[-width:], attention.in_proj_bias[-width:]
    )
    cells = tower.ln_post(last.ls_1(attention.out_proj(value)))[:, 1:] @ tower.proj
    return cells.reshape(len(images), *tower.grid_size, -1)


def _fit_positions(model: Any, size: tuple[int, int]) -> None:
    """Interpolate the positional embedding to the grid of images of another size."""
    from open_clip.model import resize_pos_embed
    from torch import nn

    tower = model.visual
    if any(side % patch for side, patch in zip(size, tower.patch_size, strict=True)):
        raise DataError(
            f"image_size {size[0]} is no multiple of the encoder's patch size "
            f"{tower.patch_size[0]}.",
            f"Take {max(1, round(size[0] / tower.patch_size[0])) * tower.patch_size[0]}.",
        )
    tower.grid_size = tuple(
        side // patch for side, patch in zip(size, tower.patch_size, strict=True)
    )
    state = {"visual.positional_embedding": tower.positional_embedding.data}
    resize_pos_embed(state, model)
    tower.positional_embedding = nn.Parameter(
        state["visual.positional_embedding"], requires_grad=False
    )
