"""Image-text encoders: texts and places of images as vectors of one space.

    encoder = load_encoder(spec.concepts.encoder)
    cells = encoder.dense(np.stack([encoder.prepare(image)]))   # (1, h, w, embed), not normalised
    text = encoder.embed_concepts(["dog"], ["a photo of a {}"]) # (1, embed), unit length

``load_text_encoder`` loads the text tower alone. The packages are imported when an encoder is
loaded.
"""

from precompute.encoder.by_kind import (
    encoder_digest,
    encoder_inputs,
    encoder_name,
    fetch_encoder,
    load_encoder,
    load_text_encoder,
)
from precompute.encoder.image import Encoder
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
