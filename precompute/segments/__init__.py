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

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.store.images import UnreadableImage
from precompute.datasets import Dataset
from precompute.segments.methods import (
    SegmentSettings,
    cluster_graph,
    cluster_kmeans,
    even_regions,
    merged,
    settings_of,
    superpixels,
    to_edges,
)
from precompute.segments.regions import boxes, components, shares, unit, upsample

__all__ = ["SegmentSettings", "Segments", "divide", "segment", "settings_of"]


@dataclass(frozen=True)
class Segments:
    """Segments of one image, in the order of their numbers.

    ``embedding`` is ``(n, embed)`` of unit length; ``box`` is ``(n, 4)``: x0, y0, x1, y1 as shares
    of width and height; ``mask`` is ``(H, W)`` uint8: the number of each pixel's segment, from 1.
    """

    embedding: np.ndarray
    box: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class View:
    """One image as the input of a segmentation method.

    ``cells`` are the image's cell embeddings (h, w, embed), not normalised. ``pixels`` and the mask
    have ``shape`` (height, width).
    """

    cells: np.ndarray
    image: Image.Image
    shape: tuple[int, int]
    image_id: str

    @cached_property
    def pixels(self) -> np.ndarray:
        """Image resized to ``shape``: RGB ``(height, width, 3)`` uint8."""
        size = self.shape[1], self.shape[0]
        return np.asarray(self.image.resize(size, Image.Resampling.LANCZOS))


def segment(
    cells: np.ndarray,
    image: Image.Image,
    shape: tuple[int, int],
    settings: SegmentSettings,
    image_id: str = "",
) -> Segments:
    """Divide an image with cell embeddings ``cells`` (h, w, embed) into connected segments.

    A segment's embedding is the mean of its cells' embeddings, weighted by the covered share of
    each cell and taken before normalising, so that cells with little evidence (short vectors) count
    little. There are at most ``settings.max_per_image`` segments. ``image_id`` names the mask file
    of method ``file``.
    """
    labels = divide(View(cells, image, shape, image_id), settings)
    cover = shares(labels, cells.shape[:2])
    mean = cover @ cells.reshape(-1, cells.shape[-1]) / cover.sum(1, keepdims=True)
    mask = labels if labels.shape == shape else upsample(labels, shape)
    return Segments(unit(mean), boxes(labels), (mask + 1).astype(np.uint8))


def divide(view: View, settings: SegmentSettings) -> np.ndarray:
    """Return the segments of an image as a label map from 0, per cell, per pixel, or in between."""
    labels = _METHODS[settings.method](view, settings)
    return to_edges(labels, view.pixels) if settings.refine == "edges" else labels


def _by_mask(view: View, settings: SegmentSettings) -> np.ndarray:
    """Return the connected parts of the labels in the image's mask file, merged by similar
    embeddings if they are too many."""
    mask = read_mask(Path(settings.masks), view.image_id, view.image.size)
    if mask.mode in ("1", "P"):
        mask = Image.fromarray(np.asarray(mask).astype(np.uint8))
    small = mask.resize((view.shape[1], view.shape[0]), Image.Resampling.NEAREST)
    return merged(components(np.asarray(small)), view.cells, settings)


def _head(view: View, settings: SegmentSettings) -> np.ndarray:
    from precompute.segments.head import load_head

    embedded = load_head(settings.head).embed(view.cells, view.image)
    return cluster_graph(embedded, settings.max_per_image, settings.spatial)


_METHODS: dict[str, Callable[[View, SegmentSettings], np.ndarray]] = {
    "kmeans": lambda view, s: cluster_kmeans(view.cells, s.max_per_image, s.seed, s.spatial),
    "graph": lambda view, s: cluster_graph(view.cells, s.max_per_image, s.spatial),
    "felzenszwalb": lambda view, s: merged(even_regions(view.pixels, s.scale), view.cells, s),
    "slic": lambda view, s: merged(
        superpixels(view.pixels, s.superpixels, s.compactness), view.cells, s
    ),
    "file": _by_mask,
    "head": _head,
}


_MODES = {"1", "L", "P", "I", "I;16"}


def read_mask(folder: Path, image_id: str, size: tuple[int, int]) -> Image.Image:
    """Read the label map ``<folder>/<image_id>.png`` of an image of ``size`` (width, height).

    Raises ``UnreadableImage`` for a file that is missing, damaged, in colours, or of another size.
    """
    path = folder / f"{image_id}.png"
    try:
        with Image.open(path, formats=("PNG",)) as mask:
            if mask.mode not in _MODES:  # checked before decoding, as the size is
                fault = f"is {mask.mode}; labels are grey or palette values"
            elif mask.size != size:
                fault = f"is {mask.width} x {mask.height}, the image {size[0]} x {size[1]}"
            else:
                mask.load()
                return mask.copy()
    except FileNotFoundError:
        raise UnreadableImage(f"there is no mask {path.name} in {folder}") from None
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        raise UnreadableImage(f"the mask {path.name} cannot be read: {error}") from error
    raise UnreadableImage(f"the mask {path.name} {fault}")


def with_masks(dataset: Dataset, settings: SegmentSettings) -> Dataset:
    """Return the data set so that images without a valid mask file are unreadable.

    The data set is unchanged if segments do not come from files.
    """
    if settings.method != "file":
        return dataset
    folder = Path(settings.masks)

    def load(i: int) -> Image.Image:
        image = dataset.load(i)
        read_mask(folder, dataset.ids[i], image.size)
        return image

    def digest(i: int) -> str:
        try:
            content = (folder / f"{dataset.ids[i]}.png").read_bytes()
        except OSError:
            content = b""
        return dataset.digest(i) + hashlib.sha256(content).hexdigest()

    return replace(dataset, load=load, digest=digest)
