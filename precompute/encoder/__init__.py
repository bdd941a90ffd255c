"""Image-text encoders: embeddings of texts and of image cells in a joint space.

    encoder = load_encoder(spec.concepts.encoder)
    cells = encoder.dense(np.stack([encoder.prepare(image)]))   # (1, h, w, embed), not normalised
    text = encoder.embed_concepts(["dog"], ["a photo of a {}"]) # (1, embed), unit length

``load_text_encoder`` loads the text tower alone. torch, open_clip and transformers are imported
when an encoder is loaded that needs them.
"""

from __future__ import annotations

from typing import cast

from inficond_panel.common.devices import CPU
from inficond_panel.spec.sections.encoder import Encoder as Section
from inficond_panel.spec.sections.encoder import OpenClipEncoder, TransformersEncoder
from inficond_panel.spec.sections.functions import FunctionEncoder as FunctionSection
from precompute.encoder.function_encoder import load_function_encoder
from precompute.encoder.image import Encoder, load_open_clip
from precompute.encoder.open_clip_model import load_open_clip_text
from precompute.encoder.source import encoder_digest, encoder_inputs, encoder_name, fetch_encoder
from precompute.encoder.text import TextEncoder, templates

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


def load_encoder(encoder: Section, device: str = CPU) -> Encoder:
    """Load the encoder of a spec's section onto a device (``common.devices``).

    Only a model on the hub, or weights named by a tag, are downloaded. Raises ``MissingExtraError``
    if the packages are missing, and ``DataError`` for a model that cannot be loaded or cannot embed
    cells (no dense path), and for an unavailable device.
    """
    if isinstance(encoder, FunctionSection):
        return load_function_encoder(encoder)
    if isinstance(encoder, TransformersEncoder):
        from precompute.encoder.transformers_model import load_transformers

        return load_transformers(encoder, device)
    return load_open_clip(cast("OpenClipEncoder", encoder), device)


def load_text_encoder(encoder: Section, device: str = CPU) -> TextEncoder:
    """Load the text tower of an encoder, without the image tower if possible.

    Its vectors equal those of ``load_encoder``. Raises the errors of ``load_encoder``.
    """
    if isinstance(encoder, TransformersEncoder | FunctionSection):
        return load_encoder(encoder, device).text
    return load_open_clip_text(cast("OpenClipEncoder", encoder), device)
