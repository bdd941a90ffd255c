"""Image-text encoders: texts and places of images as vectors of one space.

    encoder = load_encoder(spec.concepts.encoder)
    cells = encoder.dense(np.stack([encoder.prepare(image)]))   # (1, h, w, embed), not normalised
    text = encoder.embed_concepts(["dog"], ["a photo of a {}"]) # (1, embed), unit length

``load_text_encoder`` loads the text tower alone. The packages are imported when an encoder is
loaded.
"""

from __future__ import annotations

from typing import Any, cast

from inficond_panel.common.devices import CPU
from inficond_panel.spec.sections.encoder import FLOAT32, OpenClipEncoder, TransformersEncoder
from inficond_panel.spec.sections.encoder import Encoder as Section
from precompute.encoder.image import Encoder, load_open_clip
from precompute.encoder.model_files import fetch_model, model_digest
from precompute.encoder.source import fetch_open_clip, open_clip_digest, open_clip_name
from precompute.encoder.text import TextEncoder, templates
from precompute.encoder.tower import load_open_clip_text

__all__ = [
    "Encoder",
    "TextEncoder",
    "encoder_digest",
    "encoder_inputs",
    "encoder_name",
    "fetch_encoder",
    "load_encoder",
    "load_text_encoder",
    "templates",
]


def _open_clip(section: Section) -> OpenClipEncoder:
    return cast("OpenClipEncoder", section)


def load_encoder(section: Section, device: str = CPU) -> Encoder:
    """Load the encoder that a spec's section names, onto a device (``common.devices``).

    Only a hub's model and a tag are downloaded. Raises ``MissingExtraError`` without the packages,
    and ``DataError`` for a model that cannot be loaded or has no dense path, and for a device that
    is not there.
    """
    if isinstance(section, TransformersEncoder):
        from precompute.encoder.transformers_model import load_transformers

        return load_transformers(section, device)
    return load_open_clip(_open_clip(section), device)


def load_text_encoder(section: Section, device: str = CPU) -> TextEncoder:
    """Load the text tower alone, where that can be; it gives the vectors of ``load_encoder``.

    Raises as ``load_encoder`` does.
    """
    if isinstance(section, TransformersEncoder):
        return load_encoder(section, device).text
    return load_open_clip_text(_open_clip(section), device)


def fetch_encoder(section: Section) -> None:
    """Download what a section names by tag or hub; nothing is done for files and what is here."""
    if isinstance(section, TransformersEncoder):
        fetch_model(section.model)
    else:
        fetch_open_clip(_open_clip(section))


def encoder_name(section: Section) -> str:
    """Name for the store."""
    if isinstance(section, TransformersEncoder):
        return section.title
    return open_clip_name(_open_clip(section))


def encoder_digest(section: Section) -> str:
    """SHA-256 of what the encoder is: its configuration and the bytes of its weights.

    What is to be downloaded counts by its names until it is here.
    """
    if isinstance(section, TransformersEncoder):
        return model_digest(section.model)
    return open_clip_digest(_open_clip(section))


def encoder_inputs(section: Section) -> dict[str, Any]:
    """All that a dense vector depends on beside the image, as plain data, without a model."""
    size = section.image_size
    return {
        "kind": section.kind,
        "digest": encoder_digest(section),
        "image_size": list(size) if isinstance(size, tuple) else size,
        "attention": section.attention,
        **({} if section.precision == FLOAT32 else {"precision": section.precision}),
    }
