"""Build models of open_clip, or their text towers alone, and load the weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.installation import install_command
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from inficond_panel.store.network_weights import load_strictly, read_state
from precompute.encoder.hub import offline
from precompute.encoder.source import (
    OPEN_CLIP_CONFIG,
    WeightsSource,
    encoder_digest,
    encoder_name,
    find_source,
    open_clip_package,
)
from precompute.encoder.text import TextEncoder

_FOLDER = "local-dir:"
_NO_WEIGHTS = (".npz", ".npy")
_POSITIONS = "text.transformer.embeddings.position_ids"
_FIT = "Check that the weights (safetensors, or a state_dict) belong to this model."
#: Prefixes of text weights in models without a separate text tower.
_TEXT = (
    "transformer.",
    "token_embedding.",
    "positional_embedding",
    "ln_final.",
    "text_projection",
    "cls_emb",
)


@contextmanager
def loading(encoder: OpenClipEncoder) -> Iterator[None]:
    """Turn errors in the ``with`` block into ``DataError`` with a remedy.

    Raises ``MissingExtraError`` if a package is missing.
    """
    open_clip_package()
    try:
        yield
    except InficondError:
        raise
    except Exception as error:  # open_clip, torch and the hub raise many kinds
        named = encoder.pretrained or "the weights in its folder"
        raise DataError(
            f"The encoder {encoder.model} cannot be loaded with {named}: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            _remedy(error),
        ) from error


def build_model(source: WeightsSource) -> Any:
    """Return an open_clip model with its weights, in evaluation mode. Nothing is downloaded, except
    from the hub if the spec names a model there."""
    import open_clip

    config = open_clip.get_model_config(source.model)
    with (
        nullcontext() if source.online else offline(),
        no_warning_of_weights(),
        _building(source.model),
    ):
        model = open_clip.create_model(
            source.model,
            load_weights=False,
            pretrained_text=False,
            force_quick_gelu=source.quick_gelu(config),
            force_preprocess_cfg=source.preprocessing(),
        )
    if source.weights.suffix in _NO_WEIGHTS:
        raise ValueError(f"{source.weights.name} is not a safetensors file or state_dict")
    _load_weights(model, source.weights)
    return model.eval()


@contextmanager
def no_warning_of_weights() -> Iterator[None]:
    """Hide open_clip's warning in a ``with`` block that a model has random weights."""
    root = logging.getLogger()
    root.addFilter(_says_nothing)
    try:
        yield
    finally:
        root.removeFilter(_says_nothing)


@contextmanager
def _building(model: str) -> Iterator[None]:
    """Blame the configuration of a folder, not its weights, for a model that cannot be built."""
    try:
        yield
    except Exception as error:  # open_clip and torch raise many kinds
        if not model.startswith(_FOLDER) or _remedy(error) != _FIT:
            raise
        raise DataError(
            f"{model.removeprefix(_FOLDER)}/{OPEN_CLIP_CONFIG} describes no model that open_clip "
            f"can build: {type(error).__name__}: {' '.join(str(error).split())[:200]}",
            "Copy this file again from the source of the weights.",
        ) from error


def _load_weights(model: Any, path: Path) -> None:
    """Load weights into a model of open_clip, as ``open_clip.load_checkpoint`` does, but from all
    files that ``read_state`` reads. Raises ``DataError`` for weights that do not fit."""
    import torch
    from open_clip.convert import convert_state_dict
    from open_clip.model import (
        convert_to_custom_text_state_dict,
        resize_pos_embed,
        resize_text_pos_embed,
    )

    state = convert_state_dict(model, read_state(path))
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    for name in ("logit_scale", "logit_bias"):  # one number, as a scalar or as an array
        own = getattr(model, name, None)
        if own is not None and name in state:
            state[name] = state[name].reshape(own.shape)
        elif own is not None and name == "logit_bias":  # trained without
            state[name] = torch.zeros_like(own)
    if _POSITIONS not in model.state_dict():  # a buffer of older versions of transformers
        state.pop(_POSITIONS, None)
    resize_pos_embed(state, model)
    resize_text_pos_embed(state, model)
    load_strictly(model, state, path, _FIT)


def _says_nothing(_: logging.LogRecord) -> bool:
    return False


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError) or "transformers" in str(error):
        return f"Its text tower needs another package: {install_command('transformers')}"
    text = f"{type(error).__name__} {error}".lower()
    if any(sign in text for sign in ("offline", "local cache", "huggingface.co")):
        return (
            "Its tokenizer or text tower needs more files, which are not downloaded: put "
            "tokenizer.json and tokenizer_config.json into a folder with open_clip_config.json and "
            "the weights, and set concepts.encoder.model to the folder."
        )
    return _FIT


def load_open_clip_text(encoder: OpenClipEncoder, device: str = CPU) -> TextEncoder:
    """Load the text tower of a spec's open_clip encoder, as a ``TextEncoder``.

    Its vectors equal those of ``load_open_clip(encoder)``. From a safetensors file the image
    tower's weights are not read. Raises the errors of ``load_open_clip``.
    """
    with loading(encoder):
        source = find_source(encoder)
        hardware = torch_device(device)
        tower = _text_tower(source).to(hardware)
        return text_encoder(encoder, source, tower.eval(), hardware)


def text_encoder(
    encoder: OpenClipEncoder, source: WeightsSource, model: Any, device: str
) -> TextEncoder:
    """Return the text side of an encoder: the text tower of ``model`` and the model's tokenizer; a
    folder's model has the tokenizer's files in the folder."""
    import open_clip

    encode = text_function(model)
    with nullcontext() if source.online else offline():
        tokenizer = open_clip.get_tokenizer(source.model)
    return TextEncoder(encoder_name(encoder), encoder_digest(encoder), tokenizer, encode, device)


def text_function(model: Any) -> Callable[[Any], Any]:
    """Return the text tower as a function from tokens ``(B, context)`` to vectors ``(B, embed)``.

    With causal attention and pooling at the end token, tokens after it have no effect and are cut.
    """
    tower = getattr(model, "text", model)
    causal = getattr(tower, "attn_mask", None) is not None and hasattr(tower, "token_embedding")
    other = getattr(tower, "cls_emb", None) is not None or getattr(tower, "use_pad_mask", False)
    if causal and not other and _pool(tower)[0] in ("argmax", "eos"):
        return lambda tokens: _causal(tower, tokens)
    whole = getattr(tower, "encode_text", tower)

    def encode(tokens: Any) -> Any:
        out = whole(tokens)
        return out[0] if isinstance(out, tuple) else out

    return encode


def _pool(tower: Any) -> tuple[str, int | None]:
    """Return the kind of pooling of a text tower, and the id of its end token or None."""
    kind = getattr(tower, "text_pool_type", None) or tower.pool_type
    return kind, getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))


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


def _text_tower(source: WeightsSource) -> Any:
    """Return the text tower with its weights, or the whole model if weights cannot be split."""
    import open_clip
    from open_clip.model import _build_text_tower

    config = open_clip.get_model_config(source.model)
    text = config["text_cfg"]
    state = _text_state(source.weights)
    if state is None or "hf_model_name" in text:
        return build_model(source)
    tower = _build_text_tower(config["embed_dim"], text, source.quick_gelu(config))
    if state["positional_embedding"].shape != tower.positional_embedding.shape:
        return build_model(source)  # interpolates the position embeddings
    tower.load_state_dict(state)
    return tower


def _text_state(path: Path) -> dict[str, Any] | None:
    """Return the weights of the text tower by parameter name; None for another file layout."""
    if path.suffix != ".safetensors":
        return None
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        names = set(file.keys())
        names_of = {name: name[5:] for name in names if name.startswith("text.")}
        if not names_of:
            names_of = {name: name for name in names if name.startswith(_TEXT)}
        if not names_of or not any(name.startswith("visual.") for name in names):
            return None
        return {short: file.get_tensor(name).float() for name, short in names_of.items()}
