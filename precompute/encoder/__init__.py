"""Image-text encoders of open_clip: texts and places of images as vectors of one space.

    encoder = load_encoder(spec.concepts.encoder)
    cells = encoder.dense(np.stack([encoder.prepare(image)]))   # (1, h, w, embed), not normalised
    text = encoder.embed_concepts(["dog"], ["a photo of a {}"]) # (1, embed), unit length

``load_text_encoder`` loads the text tower alone. torch and open_clip are imported when an encoder
is loaded.
"""

from precompute.encoder.image import Encoder, load_encoder
from precompute.encoder.source import encoder_digest, encoder_inputs, encoder_name, fetch_encoder
from precompute.encoder.templates import templates
from precompute.encoder.text import TextEncoder
from precompute.encoder.tower import load_text_encoder

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
