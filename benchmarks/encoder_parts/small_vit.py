"""A small vision transformer with a class token, trained as CLIP is: whole views, no places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 128
MODEL: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {
        "layers": 4,
        "width": 96,
        "head_width": 32,
        "patch_size": 16,
        "image_size": SIDE,
    },
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 1},
}
PREPROCESS = {"mean": [0.5] * 3, "std": [0.25] * 3, "resize_mode": "squash"}


def train(folder: Path, scenes: int, epochs: int) -> None:
    """Write the trained model below ``folder``; the class token alone meets words and captions."""
    import open_clip
    import torch
    from safetensors.torch import save_file
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    from precompute.recipes.demo.scene_views import training_scenes, views
    from precompute.recipes.scenes import concept_names

    torch.manual_seed(0)
    rng, batch, rate = np.random.default_rng(0), 64, 1e-3
    data = training_scenes(10, scenes, (192, 144), 1)
    model = open_clip.CLIP(**MODEL)
    torch.nn.init.normal_(model.token_embedding.weight, std=0.2)
    scale, bias = (torch.nn.Parameter(torch.tensor(v)) for v in (14.0, -5.0))
    tokenizer = open_clip.SimpleTokenizer(context_length=24)
    prompts = tokenizer([f"a drawing of a {name}" for name in concept_names()])
    optimizer = torch.optim.AdamW([*model.parameters(), scale, bias], lr=rate, weight_decay=0.05)
    steps = epochs * (scenes // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * rate, steps, pct_start=0.1)
    for epoch in range(epochs):
        losses = []
        for view in views(data, SIDE, batch, rng):
            image = model.encode_image((view.pixels - 0.5) / 0.25, normalize=True)
            text = model.encode_text(prompts, normalize=True)
            known = (view.words >= 0).float()
            logit = scale * image @ text.T + bias
            each = binary_cross_entropy_with_logits(
                logit, (view.words > 0).float(), reduction="none"
            )
            loss = (each * known).sum() / (view.words > 0).sum()
            captions = model.encode_text(tokenizer(view.captions), normalize=True)
            match = model.logit_scale.exp() * image @ captions.T
            target = torch.arange(len(image))
            loss = loss + 0.15 * (cross_entropy(match, target) + cross_entropy(match.T, target))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        print(f"  epoch {epoch + 1}/{epochs}, loss {np.mean(losses):.3f}", flush=True)
    folder.mkdir(parents=True)
    config = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        folder / "small-vit.safetensors",
    )
