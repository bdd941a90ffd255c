"""Train a segmentation head without labels, by the three losses of CLIP-S⁴ (He et al., 2023)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image, ImageEnhance
from scipy.ndimage import maximum_filter, minimum_filter

from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import CancelledError, DataError
from inficond_panel.store.images import UnreadableImage
from precompute.segments.head import Head, HeadLayout, colours_of, load_head, save_head, untrained
from precompute.segments.label_maps import shares, unit
from precompute.segments.methods import cluster_graph, to_edges
from precompute.segments.settings import HeadTraining

if TYPE_CHECKING:
    from torch import Tensor

#: Segments per training image; weight of the position; their pixels per pixel embedding and side.
SEGMENTS, SPATIAL, FINER = 16, 0.1, 4
#: Width of a segment's rim, in pixel embeddings.
RIM = 2
SMALLEST_CROP, JITTER = 0.5, 0.3
_WHOLE = (0.0, 0.0, 1.0, 1.0)


class DenseEncoder(Protocol):
    """Encoder of images that returns an embedding per cell."""

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return the encoder's input of an RGB image: ``(3, height, width)`` float32."""

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Return embeddings ``(B, h, w, embed)``, not normalised, of ``(B, 3, height, width)``."""


@dataclass(frozen=True)
class ViewOfImage:
    """One view of an image: the encoder's ``cells`` (h, w, embed); ``colours`` (3, 2H, 2W);
    ``labels`` (H, W): the segment of each pixel embedding; ``member`` (n, H·W): weights of each
    segment's mean, 0 if not in the view; ``dense`` (n, embed): the encoder's unit embeddings."""

    cells: np.ndarray
    colours: np.ndarray
    labels: np.ndarray
    member: np.ndarray
    dense: np.ndarray


#: Training example: two views of one image, with equally numbered segments.
Example = tuple[ViewOfImage, ViewOfImage]


@dataclass(frozen=True)
class ExampleViews:
    """Maker of training examples; the example of image i does not depend on other images."""

    encoder: DenseEncoder
    layout: HeadLayout
    seed: int

    def example(self, image: Image.Image, i: int) -> Example:
        """Return two views of an image: the whole, and a mirrored, jittered crop."""
        rng = np.random.default_rng((self.seed, i))
        box, mirror = _crop(rng), bool(rng.random() < 0.5)
        other = _jittered(_cut(image, box, mirror), rng)
        pixels = np.stack([self.encoder.prepare(view) for view in (image, other)])
        cells = self.encoder.dense(pixels)
        grid = self.layout.grid(*cells.shape[1:3])
        labels = self.segments(image, cells[0], grid)
        maps = _cut_labels(labels, grid, _WHOLE, False), _cut_labels(labels, grid, box, mirror)
        count = int(labels.max()) + 1
        return (
            _view(cells[0], colours_of(image, grid), maps[0], count),
            _view(cells[1], colours_of(other, grid), maps[1], count),
        )

    def segments(self, image: Image.Image, cells: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
        """Return the segments of an image that the head learns, finer than the grid: clusters of
        the untrained head's pixel embeddings, with outlines at edges of colour."""
        embedded = untrained(self.layout, self.seed).embed(cells, image)
        size = FINER * grid[1], FINER * grid[0]
        pixels = np.asarray(image.resize(size, Image.Resampling.BOX))
        return to_edges(cluster_graph(embedded, SEGMENTS, SPATIAL), pixels)


def examples(
    views: ExampleViews,
    photos: Sequence[Callable[[], Image.Image]],
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Iterator[Example]:
    """Yield a training example per readable photo; ``photos`` are functions that load a photo."""
    for i, load in enumerate(photos):
        if cancelled():
            raise CancelledError("The head's training was stopped.", "Start the run again.")
        if i % 50 == 0:
            progress(f"Head: two views of photo {i + 1} of {len(photos)}")
        try:
            yield views.example(load(), i)
        except UnreadableImage:
            continue


def _view(cells: np.ndarray, colours: np.ndarray, labels: np.ndarray, count: int) -> ViewOfImage:
    member = np.eye(count, dtype=np.float32)[labels.ravel()].T
    area = np.maximum(member.sum(1, keepdims=True), 1)
    shown = np.unique(labels)
    dense = np.zeros((count, cells.shape[-1]), dtype=np.float32)
    inside = np.searchsorted(shown, labels)
    flat = cells.reshape(-1, cells.shape[-1])
    dense[shown] = unit(shares(inside, cells.shape[:2]) @ flat)
    return ViewOfImage(cells, colours, labels, member / area, dense)


def _crop(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Draw a random crop: left, top, right, bottom as shares of the sides."""
    wide, high = rng.uniform(SMALLEST_CROP, 1, 2)
    left, top = rng.uniform(0, 1 - wide), rng.uniform(0, 1 - high)
    return left, top, left + wide, top + high


def _cut(image: Image.Image, box: tuple[float, float, float, float], mirror: bool) -> Image.Image:
    sides = (image.width, image.height) * 2
    left, top, right, bottom = (round(at * side) for at, side in zip(box, sides, strict=True))
    part = image.crop((left, top, max(left + 1, right), max(top + 1, bottom)))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else part


def _cut_labels(
    labels: np.ndarray, grid: tuple[int, int], box: tuple[float, float, float, float], mirror: bool
) -> np.ndarray:
    """Return the labels of the part ``box`` of an image, resampled to a grid."""
    left, top, right, bottom = box
    rows = top + (np.arange(grid[0]) + 0.5) / grid[0] * (bottom - top)
    columns = left + (np.arange(grid[1]) + 0.5) / grid[1] * (right - left)
    part = labels[
        (rows * labels.shape[0]).astype(int)[:, None], (columns * labels.shape[1]).astype(int)
    ]
    return np.ascontiguousarray(part[:, ::-1]) if mirror else part


def _jittered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = kind(image).enhance(float(rng.uniform(1 - JITTER, 1 + JITTER)))
    return image


#: Version of the training's code: increment it when equal inputs give another head than before.
RECIPE = 2
#: Learning rate of Adam, and of the two parameters ``near`` and ``alike`` of the network.
STEP, STEP_OF_CHOICE = 2e-3, 2e-2
#: Temperatures of the pixels' contrast and of the classes; number of unknown-class prototypes.
SHARP, CLASSES, UNKNOWN = 0.07, 0.05, 32
#: Segments whose encoder embeddings have at least this cosine do not repel each other.
ALIKE = 0.9
#: Weights of contrast, embedding consistency and semantic consistency. An encoder's mean of a
#: segment contains a little of its neighbours: with 0.3 each, outlines return to the cells' grid.
WEIGHTS = (1.0, 0.1, 0.01)


def train_head(
    photos: Sequence[Callable[[], Image.Image]],
    encoder: DenseEncoder,
    text: Callable[[], np.ndarray],
    training: HeadTraining,
    path: Path,
    inputs: dict[str, Any],
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Train a segmentation head and write it to ``path``.

    Each of ``photos`` is a function that loads a photo (RGB; unreadable photos are skipped);
    ``text`` returns the prototypes ``(concept, embed)`` of known classes. ``inputs`` identifies
    photos, encoder and texts, and is saved in the file: if the file exists with equal inputs,
    nothing is done. On one kind of CPU the result is bit-identical for any number of threads."""
    settings = {"training": asdict(training), "inputs": inputs, "recipe": RECIPE}
    if path.is_file() and _settings(path) == settings:
        progress(f"Reusing the segmentation head in {path}")
        return
    prototypes = np.asarray(text(), dtype=np.float32)
    views = ExampleViews(encoder, HeadLayout(prototypes.shape[1]), training.seed)
    cells = list(examples(views, photos, progress, cancelled))
    if not cells:
        raise DataError("No image can be read to train a head.", "Restore the images' files.")
    network = fit(cells, prototypes, training, progress, cancelled)
    save_head(Head(network, views.layout, settings), path)
    progress(f"Wrote {path}")


def _settings(path: Path) -> dict[str, Any] | None:
    try:
        return load_head(path).settings
    except DataError:
        return None


@one_torch_thread()
def fit(
    examples: list[Example],
    text: np.ndarray,
    training: HeadTraining,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Any:
    """Return a network trained on ``examples``, in one thread, so that sums have a fixed order."""
    import torch

    network = untrained(HeadLayout(text.shape[1]), training.seed).network
    choice = [network.near, network.alike]
    others = [p for p in network.parameters() if all(p is not one for one in choice)]
    optimiser = torch.optim.Adam(
        [{"params": others, "lr": STEP}, {"params": choice, "lr": STEP_OF_CHOICE}]
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, training.epochs * len(examples)
    )
    prototypes = torch.from_numpy(np.concatenate([text, unknown_classes(examples, training.seed)]))
    order = np.random.default_rng(training.seed)
    for epoch in range(training.epochs):
        losses = []
        for i in order.permutation(len(examples)):
            if cancelled():
                raise CancelledError("The head's training was stopped.", "Start the run again.")
            pixels = network(
                torch.from_numpy(np.stack([view.cells for view in examples[i]])),
                torch.from_numpy(np.stack([view.colours for view in examples[i]])),
            )
            loss = image_loss(pixels, examples[i], prototypes)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        progress(f"Head: epoch {epoch + 1} of {training.epochs}, loss {np.mean(losses):.3f}")
    return network.eval()


def unknown_classes(examples: list[Example], seed: int) -> np.ndarray:
    """Return prototypes ``(UNKNOWN, embed)`` of classes without a text: clusters of segments. They
    are clustered by the encoder's embeddings."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    segments = np.concatenate([example[0].dense for example in examples]).astype(np.float64)
    different = len(np.unique(segments.round(6), axis=0))
    clusters = KMeans(min(UNKNOWN, different), n_init=1, random_state=seed)
    with threadpool_limits(1):
        return unit(clusters.fit(segments).cluster_centers_).astype(np.float32)


def image_loss(pixels: Tensor, example: Example, prototypes: Tensor) -> Any:
    """Return the weighted sum of an image's losses, from its views' ``pixels`` (2, H, W, embed)."""
    import torch
    from torch.nn.functional import kl_div, log_softmax, normalize

    views = [_on_torch(view) for view in example]
    flat = [pixel.reshape(-1, pixel.shape[-1]) for pixel in pixels]
    means = [normalize(v.member @ p, dim=-1) for v, p in zip(views, flat, strict=True)]
    contrast = [
        _contrast(flat[a][views[a].rim], views[a].labels[views[a].rim], means[b], views[b])
        for a in (0, 1)
        for b in (0, 1)
    ]
    per_place = torch.cat([mean[v.there] for mean, v in zip(means, views, strict=True)])
    dense = torch.cat([v.dense[v.there] for v in views])
    agreement = 1 - (per_place * dense).sum(-1).mean()
    semantic = kl_div(
        log_softmax(per_place @ prototypes.T / CLASSES, -1),
        log_softmax(dense @ prototypes.T / CLASSES, -1),
        log_target=True,
        reduction="batchmean",
    )
    losses = (torch.stack(contrast).mean(), agreement, semantic)
    return sum(weight * loss for weight, loss in zip(WEIGHTS, losses, strict=True))


@dataclass(frozen=True)
class _Tensors:
    """A view's arrays as torch tensors; ``rim``: mask of points within ``RIM`` of another label,
    all True without any; ``there``: mask of the segments that the view shows."""

    labels: Any
    rim: Any
    member: Any
    dense: Any
    there: Any


def _on_torch(view: ViewOfImage) -> _Tensors:
    import torch

    across = 2 * RIM + 1
    rim = (maximum_filter(view.labels, across) != minimum_filter(view.labels, across)).ravel()
    arrays = view.labels.ravel(), rim if rim.any() else ~rim, view.member, view.dense
    labels, at_rim, member, dense = map(torch.from_numpy, arrays)
    return _Tensors(labels, at_rim, member, dense, member.any(1))


def _contrast(pixels: Tensor, labels: Tensor, means: Tensor, view: _Tensors) -> Any:
    """Return the loss that moves pixels (n, embed) towards their segment's mean, away from others.

    Segments with similar encoder embeddings do not repel: they may be parts of one object.
    """
    from torch.nn.functional import cross_entropy

    shown = view.there[labels]
    pixels, labels = pixels[shown], labels[shown]
    other = (view.dense @ view.dense.T < ALIKE) & view.there
    other.fill_diagonal_(True)
    cosine = pixels @ means.T
    return cross_entropy((cosine / SHARP).masked_fill(~other[labels], -1e4), labels)
