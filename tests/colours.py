"""Photos of one colour each, and an encoder without torch whose vectors are mean colours."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from precompute_factory import photo_set

#: A vector is a colour, and a text is the colour that it names: cosines are known by hand.
ENCODER = """
import numpy as np
COLOURS = {"red": (9, 0, 0), "green": (0, 9, 0), "blue": (0, 0, 9), "yellow": (5, 5, 0)}
class Colours:
    size = (32, 24)
    def embed_places(self, photos):
        assert photos.dtype == np.uint8 and photos.shape[1:] == (24, 32, 3)
        return photos.reshape(len(photos), 3, 8, 4, 8, 3).mean(axis=(2, 4))
    def embed_text(self, texts):
        return [COLOURS.get(text.split()[-1], (1, 1, 1)) for text in texts]
def make(weights=None):
    return Colours()
"""
WORDS = ("red", "green", "blue")


def colour_photos(folder: Path, encoder: str, count: int = 12) -> Path:
    """Photos of red, green and blue by turns, of growing brightness, and the path of their spec,
    whose encoder is the section ``encoder``."""
    ids = photo_set(folder, count)
    for i, name in enumerate(ids):
        colour = [0, 0, 0]
        colour[i % 3] = 255 - 8 * i
        photo = Image.new("RGB", (48 + i, 36), tuple(colour))
        photo.save(folder / "photos" / "images" / f"{name}.jpg", quality=100)
    (folder / "words.txt").write_text("\n".join(WORDS))
    path, old = folder / "spec.yaml", "{model: encoder, pretrained: encoder/weights.safetensors, "
    text = path.read_text().replace(f"{old}image_size: 96, batch: 3}}", encoder)
    text = text.replace(', "a drawing of a {}"', "")
    path.write_text(text.replace("  max_bad_share", "  across_splits: allow\n  max_bad_share"))
    return path
