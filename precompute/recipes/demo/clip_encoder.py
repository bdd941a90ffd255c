"""A small open_clip model, trained from scratch on captions and words of drawn scenes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize

from precompute.recipes.demo.scene_views import SceneView, TrainingScenes, views
from precompute.recipes.scenes import concept_names
from precompute.recipes.scenes.scene import caption

SIDE = 192  # px, side of a training view; dense features are taken at twice this side
MODEL: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {
        "timm_model_name": "test_byobnet",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "timm_proj_bias": True,
        "image_size": SIDE,
    },
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}
PREPROCESS: dict[str, Any] = {
    "size": [SIDE, SIDE],
    "mode": "RGB",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "interpolation": "bicubic",
    "resize_mode": "squash",
    "fill_color": 0,
}
PROMPT = "a drawing of a {}"
WORD_SCALE, WORD_BIAS = 14.0, -5.0
CAPTION_WEIGHT = 0.3


class WordLoss(nn.Module):
    """Contrast of images and words, with several positives: a word must match a cell of its image.

    logit = scale * (largest cosine over the cells) + bias, with the binary cross-entropy over all
    words of the corpus; words that a view shows in part are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(WORD_SCALE))
        self.bias = nn.Parameter(torch.tensor(WORD_BIAS))

    def forward(self, cells: torch.Tensor, text: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Return the loss; cells: (B, cells, E); text: (C, E), unit length; words: (B, C)."""
        best = (normalize(cells, dim=-1) @ text.T).amax(dim=1)
        loss = binary_cross_entropy_with_logits(
            self.scale * best + self.bias, (words > 0).float(), reduction="none"
        )
        known = (words >= 0).float()
        return (loss * known).sum() / (words > 0).sum()


def train_encoder(
    data: TrainingScenes, epochs: int, seed: int, progress: Callable[[str], None]
) -> open_clip.CLIP:
    """Return a model whose image and text tower were trained together on the scenes `data`.
    Deterministic on one machine and thread count."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, loss, batch, rate = open_clip.CLIP(**MODEL), WordLoss(), 64, 4e-3
    model.visual = model.visual.to(memory_format=torch.channels_last)
    nn.init.normal_(model.token_embedding.weight, std=0.2)
    tokenizer = open_clip.SimpleTokenizer(context_length=MODEL["text_cfg"]["context_length"])
    prompts = tokenizer([PROMPT.format(name) for name in concept_names()])
    steps = epochs * (len(data.scenes) // batch)
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *loss.parameters()], lr=rate, weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    for epoch in range(epochs):
        total = []
        for view in views(data, SIDE, batch, rng):
            value = _loss(model, loss, view, prompts, tokenizer)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total.append(float(value.detach()))
        progress(f"encoder: epoch {epoch + 1}/{epochs}, loss {np.mean(total):.3f}")
    return _forget_unseen_tokens(model.eval(), data, tokenizer, prompts)


def _loss(
    model: open_clip.CLIP,
    word_loss: WordLoss,
    view: SceneView,
    prompts: torch.Tensor,
    tokenizer: open_clip.SimpleTokenizer,
) -> torch.Tensor:
    pixels = ((view.pixels - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)
    cells = dense(model, pixels)
    text = model.encode_text(prompts, normalize=True)
    captions = model.encode_text(tokenizer(view.captions), normalize=True)
    image = normalize(cells.mean(dim=1), dim=-1)
    logits = model.logit_scale.exp() * image @ captions.T
    target = torch.arange(len(image))
    caption_loss = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    return word_loss(cells, text, view.words) + CAPTION_WEIGHT * caption_loss


def dense(model: open_clip.CLIP, pixels: torch.Tensor) -> torch.Tensor:
    """Return embeddings of the cells of the last feature map, (B, cells, E), not normalised."""
    features = model.visual.trunk.forward_features(pixels)
    return model.visual.head(features.permute(0, 2, 3, 1)).flatten(1, 2)


def _forget_unseen_tokens(
    model: open_clip.CLIP,
    data: TrainingScenes,
    tokenizer: open_clip.SimpleTokenizer,
    prompts: torch.Tensor,
) -> open_clip.CLIP:
    """Return the model with vectors 0 for tokens that are in no caption or prompt."""
    seen = torch.cat([prompts, tokenizer([caption(scene) for scene in data.scenes])]).unique()
    unseen = torch.ones(len(model.token_embedding.weight), dtype=torch.bool)
    unseen[seen] = False
    model.token_embedding.weight.data[unseen] = 0
    return model


def save_encoder(model: open_clip.CLIP, checkpoint: Path) -> None:
    """Write a model's weights (float16) to ``checkpoint``, and its configuration beside it.

    open_clip loads the folder as "local-dir:FOLDER".
    """
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(weights, checkpoint)
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (checkpoint.parent / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
