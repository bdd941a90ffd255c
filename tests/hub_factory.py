"""Tiny models of the package transformers with random weights, in folders as save_pretrained
writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Width and height of what the models see.
SIDE = 32
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]


def classifier(folder: Path, names: list[str], seed: int = 0, **config: Any) -> Any:
    """A ViT that tells ``names``; the model, as it was saved."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    torch.manual_seed(seed)
    model = ViTForImageClassification(
        ViTConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=24,
            image_size=SIDE,
            patch_size=8,
            initializer_range=0.4,
            id2label=dict(enumerate(names)),
            label2id={name: i for i, name in enumerate(names)},
            **config,
        )
    ).eval()
    model.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    ViTImageProcessor(size=size, image_mean=MEAN, image_std=STD).save_pretrained(folder)
    return model


def _tokenizer(folder: Path, words: list[str], length: int) -> None:
    """A tokenizer of whole words, with CLIP's marks."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    marks = ["<pad>", "<unk>", "<start>", "<end>"]
    vocabulary = {word: i for i, word in enumerate([*marks, *words])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", bos_token="<start>",
        eos_token="<end>", model_max_length=length,
    ).save_pretrained(folder)  # fmt: skip


def encoder(folder: Path, kind: str, words: list[str], seed: int = 0) -> Any:
    """A CLIP or SigLIP of 4 x 4 places that knows some words; the model, as it was saved."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, SiglipConfig, SiglipModel

    torch.manual_seed(seed)
    shared = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    shared |= {"num_attention_heads": 2}
    text = {"vocab_size": len(words) + 4, "max_position_embeddings": 12, "bos_token_id": 2}
    text |= {"eos_token_id": 3, "pad_token_id": 0, **shared}
    vision = {"image_size": SIDE, "patch_size": 8, **shared}
    if kind == "clip":
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    else:
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():  # what starts at 0 or is tiny would hide mistakes
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.eval().save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    CLIPImageProcessor(
        size=size, crop_size=size, image_mean=MEAN, image_std=STD, do_center_crop=False
    ).save_pretrained(folder)
    _tokenizer(folder, words, 12)
    return model
