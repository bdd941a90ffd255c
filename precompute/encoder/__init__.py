"""Image-text encoders: embeddings of texts and of image cells in a joint space.

    encoder = load_encoder(spec.concepts.encoder)
    cells = encoder.dense(np.stack([encoder.prepare(image)]))   # (1, h, w, embed), not normalised
    text = encoder.embed_concepts(["dog"], ["a photo of a {}"]) # (1, embed), unit length

``load_text_encoder`` loads the text tower alone. torch, open_clip and transformers are imported
when an encoder is loaded.
"""

from __future__ import annotations

from precompute.encoder.image import Encoder
from precompute.encoder.loading import load_encoder, load_text_encoder
from precompute.encoder.source import (
    encoder_digest,
    encoder_inputs,
    encoder_name,
    fetch_encoder,
)
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
