"""Models of open_clip, built and filled with weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

from inficond_panel.common.installation import install_command
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute.encoder.hub import offline, open_clip_package
from precompute.encoder.source import Source


@contextmanager
def loading(section: OpenClipEncoder) -> Iterator[Any]:
    """Give open_clip; what goes wrong meanwhile becomes an error for people.

    Raises ``MissingExtraError`` without a package, and ``DataError``.
    """
    open_clip = open_clip_package()
    try:
        yield open_clip
    except InficondError:
        raise
    except Exception as error:  # open_clip, torch and the hub raise many kinds
        named = section.pretrained or "the weights in it"
        raise DataError(
            f"The encoder {section.model} cannot be loaded with {named}: "
            f"{type(error).__name__}: {error}",
            _remedy(error),
        ) from error


def build_model(open_clip: ModuleType, source: Source) -> Any:
    """The model with its weights, for evaluation; nothing but what the spec names is downloaded."""
    root = logging.getLogger()
    root.addFilter(_says_nothing)  # it warns of random weights, which are loaded next
    config = open_clip.get_model_config(source.model)
    try:
        with nullcontext() if source.online else offline():
            model = open_clip.create_model(
                source.model,
                load_weights=False,
                pretrained_text=False,
                force_quick_gelu=source.quick_gelu(config),
                force_preprocess_cfg=source.preprocessing(),
            )
    finally:
        root.removeFilter(_says_nothing)
    if source.weights.suffix in _NO_WEIGHTS:
        raise ValueError(f"{source.weights.name} is no safetensors file or state_dict")
    open_clip.load_checkpoint(model, str(source.weights))
    return model.eval()


_NO_WEIGHTS = (".npz", ".npy")


def load_tokenizer(open_clip: ModuleType, source: Source) -> Any:
    """The model's tokenizer; a folder's own files, if it needs any."""
    with nullcontext() if source.online else offline():
        return open_clip.get_tokenizer(source.model)


def _says_nothing(_: logging.LogRecord) -> bool:
    return False


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError) or "transformers" in str(error):
        return f"Its text tower needs another package: {install_command('transformers')}"
    text = f"{type(error).__name__} {error}".lower()
    if any(sign in text for sign in ("offline", "local cache", "huggingface.co")):
        return (
            "Its tokenizer or text tower has files of its own, and only what the spec names is "
            "downloaded: put tokenizer.json and tokenizer_config.json into a folder with "
            "open_clip_config.json and the weights, and name the folder as concepts.encoder.model."
        )
    return "Check that the checkpoint belongs to the model (safetensors, or a state_dict)."
