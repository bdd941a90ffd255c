"""Methods that divide an image into segments; ``METHODS`` lists them.

Spherical k-means clusters cells with a term for their position: a segment is then uniform in the
encoder's space and comparable with a text, as in CLIP-S⁴ (He et al., 2023), which clusters pixel
embeddings in this way. Graph merging joins neighbours, the pair of lowest cost first. Superpixels
are regions of colour that follow the photo's edges; those with similar embeddings are merged.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.segments.label_maps import (
    components,
    connect,
    memberships,
    middles,
    neighbours,
    numbered,
    places,
    shares,
    unit,
)
from precompute.segments.masks import read_mask
from precompute.segments.settings import SegmentSettings


@dataclass(frozen=True)
class MethodInput:
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


def divide(view: MethodInput, settings: SegmentSettings) -> np.ndarray:
    """Return the segments of an image as a label map from 0, per cell, per pixel, or in between."""
    labels = METHODS[settings.method](view, settings)
    return to_edges(labels, view.pixels) if settings.refine == "edges" else labels


KMEANS_ITERATIONS = 10


def cluster_kmeans(
    cells: np.ndarray, max_segments: int, seed: int, spatial: float = 1.0
) -> np.ndarray:
    """Divide cells ``(h, w, embed)`` into at most ``max_segments`` segments by spherical k-means.

    Return connected segments as labels ``(h, w)``. Minimises Σ 1 - cos(cell, centre) +
    ``spatial``·(distance to the cluster's middle)², seeded by k-means++ (Arthur and Vassilvitskii,
    2007)."""
    height, width, _ = cells.shape
    direction = unit(cells.reshape(height * width, -1).astype(np.float32))
    centres = np.float32(np.sqrt(spatial)) * places(height, width)
    labels = _first_labels(direction, centres, min(max_segments, height * width), seed)
    for _ in range(KMEANS_ITERATIONS):
        member = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
        member = member[:, member.any(0)]
        centre = unit(member.T @ direction)
        middle = member.T @ centres / member.sum(0)[:, None]
        update = _cost(direction, centres, centre, middle).argmin(1)
        if np.array_equal(update, labels):
            break
        labels = update
    return connect(numbered(labels).reshape(height, width))


def _first_labels(direction: np.ndarray, place: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the first label of each cell, from centres chosen by k-means++."""
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(direction)))]
    cost = np.empty((len(direction), count), dtype=np.float32)
    for j in range(count):
        at = chosen[j : j + 1]
        cost[:, j] = _cost(direction, place, direction[at], place[at])[:, 0]
        if j + 1 < count:
            nearest = np.maximum(cost[:, : j + 1].min(1), 0).astype(np.float64)
            nearest[chosen] = 0
            if not nearest.any():
                break
            chosen.append(int(rng.choice(len(nearest), p=nearest / nearest.sum())))
    return cost[:, : len(chosen)].argmin(1)


def _cost(
    direction: np.ndarray, place: np.ndarray, centre: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    away = np.square(place[:, None] - middle[None]).sum(-1)
    return 1 - direction @ centre.T + away


def cluster_graph(cells: np.ndarray, max_segments: int, spatial: float = 1.0) -> np.ndarray:
    """Divide cells ``(h, w, embed)`` into ``max_segments`` connected segments, labels ``(h, w)``.

    Neighbouring cells are merged by Ward's rule on direction and position. The cost is that of
    ``cluster_kmeans``, but segments stay connected and no seed is needed.
    """
    height, width, _ = cells.shape
    grid = np.arange(height * width).reshape(height, width)
    feature = features(cells.reshape(height * width, -1), places(height, width), spatial)
    weight = np.ones(height * width)
    return merge(feature, weight, neighbours(grid), max_segments)[grid]


def features(embedding: np.ndarray, place: np.ndarray, spatial: float) -> np.ndarray:
    """Return a point for each cell: squared distances are 1 - cosine + ``spatial``·(distance)²."""
    direction = unit(embedding.astype(np.float32)) * np.float32(np.sqrt(0.5))
    return np.concatenate([direction, np.float32(np.sqrt(spatial)) * place], 1)


def merge(feature: np.ndarray, weight: np.ndarray, pairs: np.ndarray, count: int) -> np.ndarray:
    """Merge regions ``(n, d)`` of a connected graph until ``count`` are left; return labels (n,).

    ``pairs`` are the neighbours. By Ward's rule the two neighbours whose union adds least to Σ
    weight·distance² are merged, the first pair in a tie. Labels are numbered by their first region.
    """
    regions = len(feature)
    middle = np.concatenate([feature, np.zeros_like(feature)]).astype(np.float64)
    weight = np.concatenate([weight, np.zeros_like(weight)]).astype(np.float64)
    parent = np.arange(2 * regions)
    around: dict[int, set[int]] = {region: set() for region in range(regions)}
    for a, b in pairs.tolist():
        around[a].add(b)
        around[b].add(a)

    def costs(a: np.ndarray, b: np.ndarray | int) -> list[float]:
        gap = np.square(middle[a] - middle[b]).sum(-1)
        return (gap * weight[a] * weight[b] / (weight[a] + weight[b])).tolist()

    cost = costs(pairs[:, 0], pairs[:, 1])
    heap = [(c, a, b) for c, (a, b) in zip(cost, pairs.tolist(), strict=True)]
    heapq.heapify(heap)
    new = regions  # a union gets a number higher than all before
    while len(around) > count:
        _, a, b = heapq.heappop(heap)
        if a not in around or b not in around:
            continue  # one of them was merged before
        parent[[a, b]] = new
        weight[new] = weight[a] + weight[b]
        middle[new] = (weight[a] * middle[a] + weight[b] * middle[b]) / weight[new]
        others = sorted((around.pop(a) | around.pop(b)) - {a, b})
        for other in others:
            around[other] = (around[other] - {a, b}) | {new}
        around[new] = set(others)
        for c, other in zip(costs(np.array(others, int), new), others, strict=True):
            heapq.heappush(heap, (c, other, new))
        new += 1
    for region in range(2 * regions - 1, -1, -1):  # a parent comes after its children
        parent[region] = parent[parent[region]]
    _, first, label = np.unique(parent[:regions], return_index=True, return_inverse=True)
    return first.argsort().argsort()[label]


#: Felzenszwalb's method: sigma of the smoothing, and smallest region, in pixels.
SIGMA, SMALLEST = 0.8, 20
#: Scale of the regions of even colour in ``to_edges``.
SCALE = 100.0


def even_regions(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Return connected regions ``(H, W)`` of even colour, from 0; larger for larger ``scale``.

    The method is that of Felzenszwalb and Huttenlocher, 2004."""
    from skimage.segmentation import felzenszwalb

    if min(pixels.shape[:2]) < 2:  # the method needs pairs of pixels on both axes
        return np.zeros(pixels.shape[:2], dtype=int)
    return connect(felzenszwalb(pixels, scale=scale, sigma=SIGMA, min_size=SMALLEST))


def superpixels(pixels: np.ndarray, count: int, compactness: float) -> np.ndarray:
    """Return a label map ``(H, W)`` from 0 of about ``count`` connected superpixels, by SLIC
    (Achanta et al., 2012)."""
    from skimage.segmentation import slic

    labels = slic(pixels, n_segments=count, compactness=compactness, start_label=0)
    return connect(labels)


def merged(labels: np.ndarray, cells: np.ndarray, settings: SegmentSettings) -> np.ndarray:
    """Merge connected regions, similar in embedding and position, to ``max_per_image`` regions."""
    if labels.max() < settings.max_per_image:
        return labels
    cover = shares(labels, cells.shape[:2])
    area = cover.sum(1, keepdims=True)
    embedding = cover @ cells.reshape(-1, cells.shape[-1]) / area
    point = features(embedding, middles(labels), settings.spatial)
    return merge(point, area[:, 0], neighbours(labels), settings.max_per_image)[labels]


def to_edges(labels: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Upsample a label map of cells to ``pixels`` (H, W, 3), with outlines along edges of colour.

    Membership in the segments is interpolated to pixels and averaged over regions of even colour;
    each region gets the segment with the largest mean. A segment that falls apart keeps its largest
    part; a segment without a region vanishes.
    """
    member = memberships(labels, pixels.shape[:2])
    region = even_regions(pixels, SCALE)
    flat = region.ravel()
    total = np.stack([np.bincount(flat, of_one) for of_one in member.reshape(flat.size, -1).T], 1)
    return connect(total.argmax(1)[region])


def _by_mask(view: MethodInput, settings: SegmentSettings) -> np.ndarray:
    """Return the connected parts of the labels in the image's mask file, merged by similar
    embeddings if they are too many."""
    mask = read_mask(Path(settings.masks), view.image_id, view.image.size)
    if mask.mode in ("1", "P"):
        mask = Image.fromarray(np.asarray(mask).astype(np.uint8))
    small = mask.resize((view.shape[1], view.shape[0]), Image.Resampling.NEAREST)
    return merged(components(np.asarray(small)), view.cells, settings)


def _head(view: MethodInput, settings: SegmentSettings) -> np.ndarray:
    from precompute.segments.head import load_head

    embedded = load_head(settings.head).embed(view.cells, view.image)
    return cluster_graph(embedded, settings.max_per_image, settings.spatial)


#: Methods by the name in ``concepts.segments``; each returns a label map from 0.
METHODS: dict[str, Callable[[MethodInput, SegmentSettings], np.ndarray]] = {
    "kmeans": lambda view, s: cluster_kmeans(view.cells, s.max_per_image, s.seed, s.spatial),
    "graph": lambda view, s: cluster_graph(view.cells, s.max_per_image, s.spatial),
    "felzenszwalb": lambda view, s: merged(even_regions(view.pixels, s.scale), view.cells, s),
    "slic": lambda view, s: merged(
        superpixels(view.pixels, s.superpixels, s.compactness), view.cells, s
    ),
    "file": _by_mask,
    "head": _head,
}
