"""Segments of an image: connected regions of cells with similar embeddings, one embedding each.

    settings = SegmentSettings(method="graph", max_per_image=16)
    segments = segment(cells, image, (192, 256), settings)
    segments.embedding   # (n, embed), unit length, in the encoder's space
    segments.box         # (n, 4)
    segments.mask        # (192, 256) uint8: 1 ... n

The paper uses the segments of CLIP-S⁴ (He et al., 2023): pixels of a segment have similar
embeddings that can be compared with texts (InFiConD, sec. 4.2). docs/measured.md compares methods.
``with_masks`` takes the segments from files: a PNG label map (mask) per image.
"""

from precompute.segments.masks import read_mask, with_masks
from precompute.segments.segmentation import Segments, segment
from precompute.segments.settings import SegmentSettings, settings_of

__all__ = ["SegmentSettings", "Segments", "read_mask", "segment", "settings_of", "with_masks"]
