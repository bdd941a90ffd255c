"""The text tower of a model, alone or as a part of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute.encoder.building import build_model, load_tokenizer, loading
from precompute.encoder.source import Source, find_source, open_clip_digest, open_clip_name
from precompute.encoder.text import TextEncoder

#: What the state of a model without a tower of its own for text begins with.
_TEXT = (
    "transformer.",
    "token_embedding.",
    "positional_embedding",
    "ln_final.",
    "text_projection",
    "cls_emb",
)


def load_open_clip_text(section: OpenClipEncoder, device: str = CPU) -> TextEncoder:
    """Load the text tower of the encoder that a spec's section names.

    It gives the vectors that ``load_open_clip(section)`` gives. Of a safetensors file the image
    tower's weights are not read. Raises as ``load_open_clip`` does.
    """
    with loading(section) as open_clip:
        source = find_source(section)
        place = torch_device(device)
        tower = _text_tower(open_clip, source).to(place)
        return TextEncoder(
            name=open_clip_name(section),
            digest=open_clip_digest(section),
            tokenizer=load_tokenizer(open_clip, source),
            encode=text_function(tower.eval()),
            device=place,
        )


def text_function(model: Any) -> Callable[[Any], Any]:
    """Function from tokens ``(B, context)`` to embeddings ``(B, embed)`` of a model or text tower.

    Where attention looks back only and the end token is read, what follows it has no part in the
    result and is left out.
    """
    tower = getattr(model, "text", model)
    if hasattr(tower, "token_embedding") and _reads_the_end(tower):
        return lambda tokens: _causal(tower, tokens)
    whole = getattr(tower, "encode_text", tower)

    def encode(tokens: Any) -> Any:
        out = whole(tokens)
        return out[0] if isinstance(out, tuple) else out

    return encode


def _pool(tower: Any) -> tuple[str, int | None]:
    """Kind of pooling and end token; a model without a text tower has them under other names."""
    kind = getattr(tower, "text_pool_type", None) or tower.pool_type
    return kind, getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))


def _reads_the_end(tower: Any) -> bool:
    causal = tower.attn_mask is not None and getattr(tower, "cls_emb", None) is None
    return causal and not getattr(tower, "use_pad_mask", False) and _pool(tower)[0] in _AT_THE_END


_AT_THE_END = ("argmax", "eos")


def _causal(tower: Any, tokens: Any) -> Any:
    from open_clip.transformer import text_global_pool
    from torch import nn

    kind, end = _pool(tower)
    last = tokens.argmax(1) if kind == "argmax" else (tokens == end).int().argmax(1)
    length = int(last.max()) + 1
    tokens = tokens[:, :length]
    x = tower.token_embedding(tokens) + tower.positional_embedding[:length]
    x = tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))
    x = text_global_pool(x, tokens, kind, eos_token_id=end)
    projection = tower.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, nn.Linear) else x @ projection


def _text_tower(open_clip: ModuleType, source: Source) -> Any:
    """The text tower with its weights; the whole model where their layout is another."""
    from open_clip.model import _build_text_tower

    config = open_clip.get_model_config(source.model)
    text = config["text_cfg"]
    state = _text_state(source.weights)
    if state is None or "hf_model_name" in text:
        return build_model(open_clip, source)
    tower = _build_text_tower(config["embed_dim"], text, source.quick_gelu(config))
    if state["positional_embedding"].shape != tower.positional_embedding.shape:
        return build_model(open_clip, source)  # which interpolates it
    tower.load_state_dict(state)
    return tower


def _text_state(path: Path) -> dict[str, Any] | None:
    """Weights of the text tower by its own names; None if the file has another layout."""
    if path.suffix != ".safetensors":
        return None
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        names = set(file.keys())
        own = {name: name[5:] for name in names if name.startswith("text.")}
        if not own:
            own = {name: name for name in names if name.startswith(_TEXT)}
        if not own or not any(name.startswith("visual.") for name in names):
            return None
        return {short: file.get_tensor(name).float() for name, short in own.items()}
