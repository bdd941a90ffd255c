"""Segments of an image: connected regions whose cells embed alike, with one embedding each.

    settings = SegmentSettings(method="graph", max_per_image=16)
    found = segment(cells, image, (192, 256), settings)
    found.embedding   # (n, embed), unit length, in the encoder's space
    found.box         # (n, 4)
    found.mask        # (192, 256) uint8: 1 ... n

The paper's segments are those of CLIP-S⁴ (He et al., 2023): pixels inside a segment embed alike and
a segment compares with a text vector (InFiConD, sec. 4.2). docs/segments.md compares the methods.
"""

from precompute.segments.division import Segments, divide, segment
from precompute.segments.regions import connect, unit, upsample
from precompute.segments.settings import SegmentSettings, settings_of

__all__ = [
    "SegmentSettings",
    "Segments",
    "connect",
    "divide",
    "segment",
    "settings_of",
    "unit",
    "upsample",
]
