"""Small teachers with a gradient, made here: a net for drawn scenes, heads for photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCH = 32
#: Of the scenes that the net is trained on; those of the store have another.
TRAINING_SEED = 1001
#: Of the heads; to choose it by the folds takes longer than all the rest.
L2 = 0.1


@dataclass(frozen=True)
class Teacher:
    """Its logits ``(N, K)`` of all images of the store, and how they come about.

    ``pixels(row)`` is the network's input for an image, ``network(rows)`` what gives the logits of
    a batch of inputs, those of the images at these rows.
    """

    name: str
    logit: np.ndarray
    pixels: Callable[[int], np.ndarray]
    network: Callable[[np.ndarray], Callable[[Any], Any]]


def scenes_teacher(store: Any, spec: Any, scenes: int, epochs: int) -> Teacher:
    """The demo's own net (``precompute.recipes.demo``), trained for less long on fewer scenes."""
    from precompute.datasets import load_dataset
    from precompute.recipes.demo.conv_teacher import train_teacher
    from precompute.recipes.demo.scene_views import training_scenes

    dataset = load_dataset(spec.dataset)
    place = {name: i for i, name in enumerate(dataset.ids)}
    data = training_scenes(TRAINING_SEED, scenes, tuple(spec.dataset.size), 1)
    net = train_teacher(data, epochs, 0, print).requires_grad_(False)

    def pixels(row: int) -> np.ndarray:
        photo = np.asarray(dataset.load(place[store.images[row]]), dtype=np.float32)
        return photo.transpose(2, 0, 1) / 255

    name = f"five convolutions, {scenes} scenes without shortcuts, {epochs} epochs"
    return Teacher(name, _each(store, pixels, net), pixels, lambda _: net)


def photos_teacher(store: Any, spec: Any, side: int) -> Teacher:
    """Logistic heads on the spec's encoder, for photos of ``side`` pixels.

    An image of fit is judged by heads that were fitted on the others.
    """
    from inficond_panel.spec.sections.teacher import HeadTeacher
    from precompute.datasets import load_dataset
    from precompute.teachers.head import fit_heads
    from precompute.teachers.loading import TeacherSource

    dataset = load_dataset(spec.dataset)
    place = {name: i for i, name in enumerate(dataset.ids)}
    spec.concepts.encoder.image_size = side
    section = HeadTeacher(encoder=spec.concepts.encoder, l2=L2)
    embedding = TeacherSource(section, store.classes, spec.concepts.encoder).load()

    def pixels(row: int) -> np.ndarray:
        return embedding.preprocessing.prepare(dataset.load(place[store.images[row]]))

    features = _each(store, pixels, embedding.forward)
    heads = fit_heads(features, store.label, store.rows("fit"), store.classes, section)
    name = f"heads on {store.attrs['encoder']} at {side} pixels, l2 {L2:g}"

    def network(rows: np.ndarray) -> Any:
        return heads.teacher(embedding, rows).network

    return Teacher(name, heads.logits(features), pixels, network)


def oracle_logits_of(
    teacher: Teacher, rows: np.ndarray, label: np.ndarray, gammas: list[float]
) -> dict[float, np.ndarray]:
    """The oracle's logits ``(n, K)`` for each gamma; the step is linear in gamma."""
    import torch

    from precompute.teachers.teacher import loss_gradient, stepped

    found: dict[float, list[np.ndarray]] = {gamma: [] for gamma in gammas}
    for at in np.array_split(np.arange(len(rows)), -(-len(rows) // BATCH)):
        network, x = teacher.network(rows[at]), _inputs(teacher.pixels, rows[at])
        labels = torch.from_numpy(label[at].astype(np.int64))
        step = stepped(x, loss_gradient(network, x, labels), 1.0) - x
        for gamma in gammas:
            with torch.inference_mode():
                found[gamma].append(network(x + gamma * step).numpy())
    return {gamma: np.concatenate(parts) for gamma, parts in found.items()}


def _each(store: Any, pixels: Callable[[int], np.ndarray], network: Any) -> np.ndarray:
    """Outputs of a network for all images of the store."""
    import torch

    rows, found = np.arange(len(store.images)), []
    for some in np.array_split(rows, -(-len(rows) // BATCH)):
        with torch.inference_mode():
            found.append(network(_inputs(pixels, some)).numpy())
    return np.concatenate(found)


def _inputs(pixels: Callable[[int], np.ndarray], rows: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.stack([pixels(int(row)) for row in rows]))
