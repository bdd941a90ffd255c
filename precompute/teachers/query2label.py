"""Query2Label: a network whose learned label queries attend to a backbone's feature map.

Liu et al., "Query2Label: A Simple Transformer Way to Multi-Label Classification", 2021. Modules
have the names of the published checkpoints. Dropout is left out, since evaluation does not use it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inficond_panel.errors import DataError


@dataclass(frozen=True)
class QueryShape:
    """Sizes of a Query2Label network; ``self_attention`` has one bool for each decoder layer."""

    classes: int
    width: int
    feedforward: int
    heads: int
    encoder_layers: int
    self_attention: tuple[bool, ...]
    projected: bool


class EncoderLayer(nn.TransformerEncoderLayer):
    """Transformer encoder layer: self-attention among the map's cells, then a feed-forward net."""

    def __init__(self, shape: QueryShape) -> None:
        super().__init__(shape.width, shape.heads, shape.feedforward, batch_first=True)

    def forward(self, places: Tensor, position: Tensor) -> Tensor:  # type: ignore[override]
        """Return new features ``(B, h·w, d)`` of the map's cells ``places``."""
        key = places + position
        places = self.norm1(places + self.self_attn(key, key, places, need_weights=False)[0])
        return self.norm2(places + self.linear2(functional.relu(self.linear1(places))))


class DecoderLayer(nn.TransformerDecoderLayer):
    """Transformer decoder layer: labels attend to the map, optionally to each other first."""

    def __init__(self, shape: QueryShape, self_attention: bool) -> None:
        super().__init__(shape.width, shape.heads, shape.feedforward, batch_first=True)
        self.keeps_self_attention = self_attention
        if not self_attention:
            del self.self_attn, self.norm1

    def forward(  # type: ignore[override]
        self, labels: Tensor, query: Tensor, places: Tensor, position: Tensor
    ) -> Tensor:
        """Return new features ``(B, K, d)`` of the labels."""
        if self.keeps_self_attention:
            key = labels + query
            labels = self.norm1(labels + self.self_attn(key, key, labels, need_weights=False)[0])
        seen = self.multihead_attn(labels + query, places + position, places, need_weights=False)[0]
        labels = self.norm2(labels + seen)
        return self.norm3(labels + self.linear2(functional.relu(self.linear1(labels))))


class GroupWiseLinear(nn.Module):
    """A linear classifier per class: ``logit[b, k] = W[0, k] · h[b, k] + b[0, k]``."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        limit = 1 / math.sqrt(width)
        self.W = nn.Parameter(torch.empty(1, classes, width).uniform_(-limit, limit))
        self.b = nn.Parameter(torch.empty(1, classes).uniform_(-limit, limit))

    def forward(self, labels: Tensor) -> Tensor:
        """Return logits ``(B, K)`` from label features ``(B, K, d)``."""
        return (self.W * labels).sum(-1) + self.b


class FeatureMap(nn.Module):
    """Module that returns the last feature map ``(B, C, h, w)`` of a timm model.

    Raises ``DataError`` for a model without feature map, such as a plain vision transformer.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature map of images ``(B, 3, H, W)``."""
        features = self.body.forward_features(images)  # type: ignore[operator]
        if features.ndim != 4:
            raise DataError(
                f"The backbone returns {tuple(features.shape)}, not a feature map (B, C, h, w).",
                "Use a convolutional backbone, or a Swin transformer.",
            )
        last = str(getattr(self.body, "output_fmt", "")).endswith("NHWC")
        return features.permute(0, 3, 1, 2) if last else features


class Query2Label(nn.Module):
    """Query2Label network; ``backbone`` returns a feature map ``(B, C, h, w)`` of images."""

    def __init__(self, backbone: nn.Module, channels: int, shape: QueryShape) -> None:
        super().__init__()
        self.backbone = backbone
        self.input_proj: nn.Module = (
            nn.Conv2d(channels, shape.width, 1) if shape.projected else nn.Identity()
        )
        encoder = [EncoderLayer(shape) for _ in range(shape.encoder_layers)]
        decoder = [DecoderLayer(shape, kept) for kept in shape.self_attention]
        # Layers by their names in a checkpoint; forward calls them in sequence.
        layers: dict[str, dict[str, nn.Module]] = {
            "encoder": {"layers": nn.ModuleList(encoder)},
            "decoder": {"layers": nn.ModuleList(decoder), "norm": nn.LayerNorm(shape.width)},
        }
        self.transformer = nn.ModuleDict({k: nn.ModuleDict(v) for k, v in layers.items()})
        self.query_embed = nn.Embedding(shape.classes, shape.width)
        self.fc = GroupWiseLinear(shape.classes, shape.width)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, K)`` of images ``(B, 3, H, W)``."""
        features = self.input_proj(self.backbone(images))
        position = sine_position(*features.shape[1:]).to(features).flatten(1).T
        places = features.flatten(2).transpose(1, 2)
        for layer in self.transformer["encoder"]["layers"]:  # type: ignore[index]
            places = layer(places, position)
        query = self.query_embed.weight.expand(len(images), -1, -1)
        labels = torch.zeros_like(query)
        for layer in self.transformer["decoder"]["layers"]:  # type: ignore[index]
            labels = layer(labels, query, places, position)
        return self.fc(self.transformer["decoder"]["norm"](labels))  # type: ignore[index]


def sine_position(width: int, rows: int, columns: int) -> Tensor:
    """Return the sine position code ``(width, rows, columns)``: channels of rows, then of columns.

    Rows and columns, counted from 1, are scaled to 2π; frequencies range from 1 to nearly 1e-4;
    even channels are sines, odd channels cosines.
    """
    half = width // 2
    rate = 10_000.0 ** (-2 * (torch.arange(half) // 2) / half)

    def code(count: int) -> Tensor:
        position = torch.arange(1, count + 1, dtype=torch.float32) / (count + 1e-6) * 2 * math.pi
        angle = position[:, None] * rate
        return torch.where(torch.arange(half) % 2 == 0, angle.sin(), angle.cos())

    by_row = code(rows).T[:, :, None].expand(half, rows, columns)
    by_column = code(columns).T[:, None, :].expand(half, rows, columns)
    return torch.cat([by_row, by_column])
