"""The text side of an encoder: embeddings of texts and of concepts in prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.common.devices import CPU
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import listed
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.concepts.texts import embed_concepts
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.encoder import PROMPT_TEMPLATES

_TEXTS_AT_A_TIME = 256
_SHOWN = 3


@dataclass(frozen=True)
class TextEncoder:
    """Text tower of an encoder: unit vectors of texts. ``digest`` is the hash of the encoder's
    configuration and weights."""

    name: str
    digest: str
    tokenizer: Any
    encode: Callable[[Any], Any]
    device: str = CPU

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors ``(len(texts), embed)`` float32, one per text.

        Raises ``DataError`` for texts longer than the encoder's context.
        """
        import torch

        check_length(self.tokenizer, texts)
        parts = []
        with one_torch_thread(), torch.inference_mode():
            for start in range(0, len(texts), _TEXTS_AT_A_TIME):
                tokens = self.tokenizer(list(texts[start : start + _TEXTS_AT_A_TIME]))
                vectors = self.encode(_moved(tokens, self.device))
                unit = torch.nn.functional.normalize(vectors, dim=-1)
                parts.append(unit.float().cpu().numpy())
        return np.concatenate(parts)

    def embed_concepts(self, concepts: Sequence[str], prompts: Sequence[str]) -> np.ndarray:
        """Return unit vectors ``(concept, embed)`` float32, averaged over prompts as in CLIP.

        A prompt is a sentence in which ``{}`` is replaced by the concept, or a name in
        ``PROMPT_TEMPLATES`` for a list of sentences. The sentences' unit vectors are averaged and
        normalised. Raises the errors of ``embed_text``."""
        return embed_concepts(self, [[concept] for concept in concepts], templates(prompts))


def _moved(tokens: Any, device: str) -> Any:
    """Move tokens (a tensor, or a dict of tensors) to a device."""
    if isinstance(tokens, dict):
        return {name: values.to(device) for name, values in tokens.items()}
    return tokens.to(device)


def check_length(tokenizer: Any, texts: Sequence[str]) -> None:
    """Raise ``DataError`` if a text has more tokens than the encoder's context."""
    limit = tokenizer.context_length
    lengths = {text: _tokens(tokenizer, text) for text in texts if len(text.encode()) > limit - 2}
    long = {text: length for text, length in lengths.items() if length > limit}
    if long:
        shown = listed([f"{text!r} ({tokens})" for text, tokens in long.items()], _SHOWN, "; ")
        raise DataError(
            f"The encoder reads {limit} tokens, and these texts have more: {shown}.",
            "Shorten the concepts or the prompts: the encoder would ignore the rest of a text.",
        )


def _tokens(tokenizer: Any, text: str) -> int:
    """Return the number of tokens of a text, including start and end tokens."""
    if hasattr(tokenizer, "encode"):
        return len(tokenizer.encode(text)) + 2
    clean = getattr(tokenizer, "clean_fn", str)  # tokenizers of transformers clean texts themselves
    return len(tokenizer.tokenizer(clean(text)).input_ids)


def templates(prompts: Sequence[str]) -> list[str]:
    """Return prompt sentences with ``{}``; a name in ``PROMPT_TEMPLATES`` stands for its texts.

    ``PROMPT_TEMPLATES`` are OpenAI's lists for ImageNet, from ``open_clip.zero_shot_metadata``.
    """
    sentences: list[str] = []
    for prompt in prompts:
        sentences += [prompt] if "{}" in prompt else _named(prompt)
    return list(dict.fromkeys(sentences))


def _named(name: str) -> list[str]:
    with needs("Encoding concepts", "precompute"):
        from open_clip import zero_shot_metadata
    return [template("{}") for template in getattr(zero_shot_metadata, PROMPT_TEMPLATES[name])]
