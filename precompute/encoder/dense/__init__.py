"""An embedding for each place of an image, from encoders made to give one for the whole.

An image tower makes features of places, pools them and projects the pool into the joint space. The
embedding of a place is what the tower gives where that place alone is pooled. Which attention of
the last block of a transformer is used is an option (see ``precompute.encoder.dense.blocks``).
"""

from __future__ import annotations

from typing import Any

from inficond_panel.errors import DataError
from precompute.encoder.dense.blocks import ATTENTIONS
from precompute.encoder.dense.families import clip_resnet, open_clip_vit, timm_map, timm_vit
from precompute.encoder.dense.path import Dense, Path, fit_size

_FAMILIES = (
    "Use a model of one of the families with a dense path: vision transformers of open_clip (also "
    "of CoCa and CLIPA) and of timm (ViT, SigLIP, EVA, PE, ViTamin), ResNets of CLIP, trunks of "
    "timm with average pooling (such as ConvNeXt, EfficientNet, ResNet, FastViT, Swin)."
)


def dense_function(
    model: Any, size: tuple[int, int], name: object, attention: str | None = None
) -> tuple[Dense, str | None]:
    """Fit the model to images ``(B, 3, *size)``; return its dense function and its attention.

    The function gives embeddings ``(B, h, w, embed)``, not normalised. The attention returned is
    the one that is used: the given one, else the family's, None where there is no such choice.
    Raises ``DataError`` for an image tower without a dense path, for a size that does not fit, and
    for an attention that the tower does not have.
    """
    path = dense_path(model.visual)
    if path is None:
        raise DataError(f"The encoder {name} has no dense path.", _FAMILIES)
    if attention is not None and path.own is None:
        raise DataError(
            f"The encoder {name} has no attention to choose, but attention is {attention}.",
            "Leave concepts.encoder.attention out.",
        )
    chosen = attention or path.own
    fit_size(model.visual, size)
    return Dense(path.build(chosen)), chosen


def dense_path(tower: Any) -> Path | None:
    """The dense path of an image tower of open_clip, None if it is of no family that has one."""
    families = (open_clip_vit, timm_vit, clip_resnet, timm_map)
    return next((path for family in families if (path := family(tower))), None)


__all__ = ["ATTENTIONS", "Dense", "dense_function", "dense_path"]
