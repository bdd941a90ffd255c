"""Training of a head without labels, by the three losses of CLIP-S⁴ (He et al., 2023, sec. 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.errors import CancelledError, DataError
from precompute.segments.head import Head, Layout, build, load_head, save_head
from precompute.segments.regions import unit
from precompute.segments.views import Example, Views, examples

BATCH, STEP = 4, 2e-3
#: Temperatures of the contrast of pixels and of the classes; prototypes of unknown classes.
SHARP, CLASSES, UNKNOWN = 0.1, 0.05, 32
#: Weights of contrast, embedding consistency and semantic consistency.
WEIGHTS = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Training:
    """What a training depends on beside images, encoder and texts."""

    images: int = 200
    epochs: int = 8
    seed: int = 0


def train_head(
    load: Callable[[int], Any],
    count: int,
    encoder: Any,
    text: np.ndarray,
    training: Training,
    path: Path,
    inputs: dict[str, Any],
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Train a head on up to ``training.images`` of ``count`` images and write it to ``path``.

    ``load(i)`` gives image i (RGB; one that cannot be read is passed over), ``text`` are the
    prototypes ``(concept, embed)`` of known classes. ``inputs`` names all that these depend on and
    is kept in the file: where it is there already, made of the same, nothing is done. On one CPU
    the result is the same to the bit, whatever the number of threads.
    """
    settings = {"training": asdict(training), "inputs": inputs}
    if path.is_file() and _settings(path) == settings:
        return
    chosen = np.random.default_rng(training.seed).permutation(count)[: training.images]
    views = Views(encoder, Layout(text.shape[1]), training.seed)
    found = list(examples(views, load, sorted(chosen.tolist()), progress, cancelled))
    if not found:
        raise DataError("No image can be read to train a head.", "Restore the files.")
    network = fit(found, text, training, progress, cancelled)
    save_head(Head(network, views.layout, settings), path)


def _settings(path: Path) -> dict[str, Any] | None:
    try:
        return load_head(path).settings
    except DataError:
        return None


def fit(
    found: list[Example],
    text: np.ndarray,
    training: Training,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Any:
    """A network trained on examples, with one thread (the sums then come in one order)."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            return _fitted(found, text, training, progress, cancelled)
    finally:
        torch.set_num_threads(threads)


def _fitted(
    found: list[Example],
    text: np.ndarray,
    training: Training,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Any:
    import torch

    network = build(Layout(text.shape[1])).train()
    steps = training.epochs * -(-len(found) // BATCH)
    optimiser = torch.optim.Adam(network.parameters(), STEP)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    prototypes = torch.from_numpy(np.concatenate([text, unknown_classes(found, training.seed)]))
    order = np.random.default_rng(training.seed)
    for epoch in range(training.epochs):
        losses = []
        shuffled = order.permutation(len(found))
        for first in range(0, len(found), BATCH):
            if cancelled():
                raise CancelledError("The training was stopped.", "Start it again.")
            loss = _loss(network, [found[i] for i in shuffled[first : first + BATCH]], prototypes)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        progress(f"Head: pass {epoch + 1} of {training.epochs}, loss {np.mean(losses):.3f}")
    return network.eval()


def unknown_classes(found: list[Example], seed: int) -> np.ndarray:
    """Prototypes ``(UNKNOWN, embed)`` by clustering the encoder's embeddings of all segments."""
    from sklearn.cluster import KMeans

    segments = np.concatenate([view.dense for example in found for view in example.views[:1]])
    clusters = KMeans(min(UNKNOWN, len(np.unique(segments, axis=0))), n_init=1, random_state=seed)
    return unit(clusters.fit(segments).cluster_centers_).astype(np.float32)


def _loss(network: Any, batch: list[Example], prototypes: Any) -> Any:
    import torch

    views = [view for example in batch for view in example.views]
    pixels = network(
        torch.from_numpy(np.stack([view.cells for view in views])),
        torch.from_numpy(np.stack([view.colours for view in views])),
    )
    pairs = [
        image_loss(pixels[2 * i : 2 * i + 2], example, prototypes)
        for i, example in enumerate(batch)
    ]
    return torch.stack(pairs).mean()


def image_loss(pixels: Any, example: Example, prototypes: Any) -> Any:
    """The three losses of one image, weighted; ``pixels`` (2, H, W, embed) are its views'."""
    import torch
    from torch.nn.functional import cross_entropy, kl_div, log_softmax, normalize

    flat, labels, means, there = [], [], [], []
    for pixel, view in zip(pixels, example.views, strict=True):
        member = torch.from_numpy(view.member)
        flat.append(pixel.reshape(-1, pixel.shape[-1]))
        labels.append(torch.from_numpy(view.labels.ravel()))
        means.append(normalize(member @ flat[-1], dim=-1))
        there.append(torch.from_numpy(view.member.any(1)))
    contrast = torch.stack(
        [
            cross_entropy(
                (flat[a] @ means[b].T / SHARP).masked_fill(~there[b], -1e4)[there[b][labels[a]]],
                labels[a][there[b][labels[a]]],
            )
            for a in (0, 1)
            for b in (0, 1)
        ]
    ).mean()
    own = torch.cat([mean[known] for mean, known in zip(means, there, strict=True)])
    dense = torch.cat(
        [
            torch.from_numpy(view.dense)[known]
            for view, known in zip(example.views, there, strict=True)
        ]
    )
    agreement = 1 - (own * dense).sum(-1).mean()
    wanted = log_softmax(dense @ prototypes.T / CLASSES, -1)
    semantic = kl_div(
        log_softmax(own @ prototypes.T / CLASSES, -1),
        wanted,
        log_target=True,
        reduction="batchmean",
    )
    return WEIGHTS[0] * contrast + WEIGHTS[1] * agreement + WEIGHTS[2] * semantic
