"""Experiment on the three hypotheses: train and measure teacher, distilled student and baseline.

Cheng et al., CVPR 2020. The teacher is trained on the labels. The student first learns to match the
teacher's feature at one layer; then its upper layers alone are trained on the labels. The baseline
has the student's architecture, initial weights and batches, and is trained on the labels. All are
compared at that layer: the student over the epochs of feature matching, the baseline over as many
epochs of training on the labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inficond_panel.common.npz import NPZ_FAULTS, open_npz
from inficond_panel.common.numbers import count
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.distill import average_precision
from inficond_panel.errors import DataError
from inficond_panel.quantify.hypotheses import Followed, distance_travelled
from inficond_panel.quantify.information import Information, Perturbation, pixel_information
from inficond_panel.quantify.knowledge_points import check_masks, contrast, feature_at
from inficond_panel.quantify.training import (
    LAYER,
    Schedule,
    TrainingData,
    build_network,
    checkpoint_files,
    feature_fit,
    load_weights,
    logits_of,
    match_features,
    parameters_at,
    train_on_labels,
    train_upper,
)
from inficond_panel.store.network_weights import read_state

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Figures:
    """Results of an experiment, as in its files: ``facts`` are data for JSON (settings, average
    precision, ...), ``images`` the ids of the N measured images, ``foreground`` their masks
    ``(N, H, W)``, ``networks`` by name the measurement of each training."""

    facts: dict[str, Any]
    images: list[str]
    foreground: NDArray[np.bool_]
    networks: dict[str, list[Followed]]


def write_figures(folder: Path, figures: Figures) -> None:
    """Write results to ``figures.npz`` (arrays) and ``experiment.json`` (facts) in ``folder``."""
    arrays: dict[str, Any] = {"foreground": figures.foreground, "image": np.array(figures.images)}
    for name, trainings in figures.networks.items():
        for number, followed in enumerate(trainings):
            end = f"_{number}" if number else ""
            arrays[f"{name}_contrast{end}"] = followed.contrast
            arrays[f"{name}_travelled{end}"] = followed.travelled
    np.savez_compressed(folder / "figures.npz", **arrays)
    text = json.dumps(figures.facts, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "experiment.json").write_text(text + "\n", encoding="utf-8")


def read_figures(folder: Path) -> Figures:
    """Read the results that ``write_figures`` wrote to ``folder``; raise ``DataError`` if a file is
    missing or damaged."""
    try:
        facts = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
        with open_npz(folder / "figures.npz") as file:
            networks: dict[str, list[Followed]] = {}
            for name in file.names:
                network, kind, _ = name.partition("_contrast")
                if kind:
                    travelled = file.read(name.replace("_contrast", "_travelled"))
                    networks.setdefault(network, []).append(Followed(file.read(name), travelled))
            images = [str(image) for image in file.read("image")]
            return Figures(facts, images, file.read("foreground"), networks)
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} holds no experiment: {Path(str(error.filename)).name} is missing.",
            "Run the experiment: inficond quantify experiment SPEC --output FOLDER",
        ) from error
    except NPZ_FAULTS as error:
        raise DataError(
            f"The experiment in {folder} is damaged: {error}.", "Run the experiment again."
        ) from error


_POINT = np.array([230, 120, 0])
_SCALE, _GAP, _HEAD = 3, 6, 16


def heat_map(contrast: NDArray, b: float) -> NDArray[np.uint8]:
    """Return an RGB image ``(H, W, 3)`` of an image's contrast H̄ - H_i ``(H, W)``: grey from -1 to
    1 nats; knowledge points (above ``b``) orange, lighter for larger values."""
    level = np.clip((np.nan_to_num(contrast) + 1) / 2, 0, 1)[..., None]
    grey = np.broadcast_to(220 * level, (*contrast.shape, 3))
    orange = _POINT + (255 - _POINT) * np.clip(2 * level - 1, 0, 1) ** 2
    return np.where((contrast > b)[..., None], orange, grey).round().astype(np.uint8)


def write_sheet(
    path: Path,
    images: NDArray[np.uint8],
    foreground: NDArray[np.bool_],
    maps: Mapping[str, Sequence[NDArray]],
    b: float,
) -> None:
    """Write a PNG with a row per image ``(N, H, W, 3)``: the image, its mask, and a heat map of
    each of the contrasts ``(N, H, W)`` in ``maps``, by name; ``b`` as in ``heat_map``."""
    masks = [np.repeat(mask[..., None], 3, -1).astype(np.uint8) * 255 for mask in foreground]
    columns = {"image": list(images), "foreground": masks}
    columns |= {name: [heat_map(each, b) for each in of_one] for name, of_one in maps.items()}
    height, width = (side * _SCALE for side in images.shape[1:3])
    sheet = Image.new(
        "RGB",
        (len(columns) * (width + _GAP) + _GAP, len(images) * (height + _GAP) + _GAP + _HEAD),
        "white",
    )
    pen = ImageDraw.Draw(sheet)
    for column, (name, cells) in enumerate(columns.items()):
        left = _GAP + column * (width + _GAP)
        pen.text((left, 3), name, fill="black")
        for row, cell in enumerate(cells):
            picture = Image.fromarray(cell).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (left, _HEAD + _GAP + row * (height + _GAP)))
    sheet.save(path)


NETWORKS = ("teacher", "student", "baseline")


@dataclass(frozen=True, eq=False)
class ExperimentPhotos:
    """Photos of the experiment, for training and for measuring.

    train, test: images ``(N, H, W, 3)`` uint8. Labels ``(N, K)``: 1, 0 or -1. foreground: masks
    ``(n, H, W)`` of the first n test images. AP is measured on all test images, knowledge points
    on those with a mask.
    """

    train: NDArray[np.uint8]
    train_label: NDArray[np.int8]
    test: NDArray[np.uint8]
    test_label: NDArray[np.int8]
    foreground: NDArray[np.bool_]

    @cached_property
    def scale(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation ``(3,)`` of each channel of the training images, 0 to 255."""
        values = self.train.reshape(-1, 3).astype(np.float32)
        return values.mean(0), values.std(0).clip(min=1)

    def tensor(self, images: NDArray[np.uint8]) -> Any:
        """Convert images ``(N, H, W, 3)`` to network input: standardised, ``(N, 3, H, W)``."""
        import torch

        mean, deviation = self.scale
        values = ((images - mean) / deviation).transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(values, np.float32))


@dataclass(frozen=True)
class ExperimentSettings:
    """Settings of the experiment.

    Student and baseline are trained for ``epochs``, the teacher for ``teacher_epochs``, the
    student's upper layers for half of ``epochs``. ``checkpoints`` epochs are measured, at even
    distances, the last included. ``seed`` is for weights, batches and noise."""

    epochs: int = 20
    teacher_epochs: int = 30
    checkpoints: int = 5
    seed: int = 0
    perturbation: Perturbation = field(default_factory=Perturbation)


@dataclass(frozen=True, eq=False)
class ExperimentOutcome:
    """Outcome of the experiment: measurement and quality of each network, by its name.

    average_precision: mean over the classes that test images show. feature_fit: R² of the
    student's feature against the teacher's on test images. converged, distance: share of
    measurements that converged, and their mean distance to the optimum, in nats. epochs: measured
    epochs of student and baseline."""

    networks: dict[str, Followed]
    average_precision: dict[str, float]
    feature_fit: float
    converged: float
    distance: float
    epochs: list[int]


def follow(
    network: nn.Module,
    checkpoints: list[Path],
    travelled: NDArray[np.float64],
    layer: str,
    images: Tensor,
    foreground: NDArray,
    settings: Perturbation | None = None,
) -> tuple[Followed, list[Information]]:
    """Measure a layer's contrast on ``images`` ``(N, C, H, W)`` at checkpoints of a network.

    ``travelled`` (M,) are the weight distances of these M checkpoints. Also returns the pixel
    information at each checkpoint. Raises ``DataError`` for masks of another size, an unknown
    layer, and checkpoints of another network.
    """
    check_masks(foreground, (len(images), *images.shape[2:]))
    feature, information = feature_at(network, layer), []
    network.eval()
    for path in checkpoints:
        load_weights(network, path)
        information.append(pixel_information(feature, images, settings))
    maps = np.stack([contrast(each.entropy, foreground) for each in information])
    return Followed(maps, travelled), information


def weight_distances(network: nn.Module, folder: Path | str, layer: str, image: Tensor) -> NDArray:
    """Return how far the weights have moved at each checkpoint in a folder ``(M + 1,)``; first 0.

    Only parameters on which the layer's output depends are counted; ``image`` is one input
    ``(1, C, H, W)``. Raises ``DataError`` without checkpoints."""
    files = checkpoint_files(folder)
    names = parameters_at(network.eval(), feature_at(network, layer), image)
    states = map(read_state, files)
    return distance_travelled({name: state[name] for name in names} for state in states)


def run_experiment(
    photos: ExperimentPhotos,
    folder: Path,
    settings: ExperimentSettings,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> ExperimentOutcome:
    """Train the three networks, save their checkpoints in ``folder``, and measure them.

    Uses one thread, so that a seed gives equal numbers on one machine.
    """
    with one_torch_thread():
        return _Experiment(photos, folder, settings, progress).run()


class _Experiment:
    def __init__(
        self,
        photos: ExperimentPhotos,
        folder: Path,
        settings: ExperimentSettings,
        progress: Callable[[str], None],
    ) -> None:
        import torch

        if not len(photos.foreground):
            raise DataError("No image with a mask is left to measure.", "Use more images.")
        self.photos, self.folder, self.settings = photos, folder, settings
        self.progress = progress
        label = torch.from_numpy(np.array(photos.train_label))
        self.train = TrainingData(photos.tensor(photos.train), label)
        self.test = photos.tensor(photos.test)
        self.measured = self.test[: len(photos.foreground)]
        classes = photos.train_label.shape[1]
        self.networks = {
            name: build_network(name, classes, settings.seed + (name == "teacher"))
            for name in NETWORKS
        }

    def run(self) -> ExperimentOutcome:
        """Train the three networks, then measure them and return the outcome."""
        self._train()
        precision = {name: self._precision(network) for name, network in self.networks.items()}
        fit = feature_fit(self.networks["student"], self.networks["teacher"], self.test)
        spaced = np.linspace(0, self.settings.epochs, self.settings.checkpoints + 1)[1:]
        epochs = sorted({max(1, round(epoch)) for epoch in spaced})
        followed, points = {}, []
        for name in NETWORKS:
            last = self.settings.teacher_epochs
            followed[name], more = self._follow(name, [last] if name == "teacher" else epochs)
            points += more
        converged = float(np.mean([each.converged for each in points]))
        distance = float(np.mean([each.distance for each in points]))
        return ExperimentOutcome(followed, precision, fit, converged, distance, epochs)

    def _train(self) -> None:
        def told(name: str) -> Callable[[str], None]:
            return lambda text: self.progress(f"{name}: {text}")

        s, data, folder = self.settings, self.train, self.folder
        teacher, student, baseline = (self.networks[name] for name in NETWORKS)
        schedule, longer = Schedule(s.epochs, s.seed), Schedule(s.teacher_epochs, s.seed)
        shorter = Schedule(max(1, s.epochs // 2), s.seed)
        train_on_labels(teacher, data, longer, folder / "teacher", told("teacher"))
        match_features(student, teacher, data, schedule, folder / "student", told("student"))
        train_upper(student, data, shorter, told("student's upper layers"))
        train_on_labels(baseline, data, schedule, folder / "baseline", told("baseline"))

    def _follow(self, name: str, epochs: list[int]) -> tuple[Followed, list[Information]]:
        network = build_network(name, self.photos.train_label.shape[1])
        files = checkpoint_files(self.folder / name)
        travelled = weight_distances(network, self.folder / name, LAYER, self.measured[:1])
        self.progress(f"{name}: knowledge points at {count(len(epochs), 'checkpoint')}")
        return follow(
            network, [files[epoch] for epoch in epochs], travelled[epochs], LAYER, self.measured,
            self.photos.foreground, self.settings.perturbation,
        )  # fmt: skip

    def _precision(self, network: nn.Module) -> float:
        logit, label = logits_of(network, self.test), self.photos.test_label
        precisions = [average_precision(label[:, k], logit[:, k]) for k in range(label.shape[1])]
        defined = [value for value in precisions if not np.isnan(value)]
        return float(np.mean(defined)) if defined else float("nan")
