"""``inficond quantify run`` and ``experiment``: measure a training run of the user, from its YAML
file, or networks that are trained here; write a folder."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.commands.shared.output import note, say, show
from inficond_panel.commands.shared.parser import precompute_package, spec_to_make
from inficond_panel.common.files import replacing, write_folders
from inficond_panel.common.numbers import count, defined
from inficond_panel.errors import DataError
from inficond_panel.quantify.experiment import (
    ExperimentOutcome,
    ExperimentPhotos,
    ExperimentSettings,
    Figures,
    follow,
    run_experiment,
    weight_distances,
    write_figures,
    write_sheet,
)
from inficond_panel.quantify.hypotheses import Followed
from inficond_panel.quantify.information import Information, Perturbation
from inficond_panel.quantify.knowledge_points import feature_at
from inficond_panel.quantify.training import LAYER, checkpoint_files, make_network
from inficond_panel.results.networks import hypotheses_table
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.quantify import Measured, Quantify, RunSpec, load_run
from inficond_panel.store.images import UnreadableImage
from inficond_panel.vocabulary.splits import FIT, TUNE

if TYPE_CHECKING:
    from precompute.datasets import Dataset

_ON_SHEET = 12
_NAMES = ("teacher", "student", "baseline")


def run_spec(args: argparse.Namespace) -> None:
    """Measure each layer of a run, print its table, and with ``--output`` write its folder."""
    run = load_run(args.file)
    if args.allow_python:
        run.dataset.allowed = True
    precompute_package()
    with write_folders(Path(args.output)) if args.output else nullcontext() as folder:
        measures = list(_measured(run))
        if folder is not None:
            for layer, figures, photos in measures:
                of_layer = folder / layer.replace("/", "_")
                of_layer.mkdir()
                write_measured(of_layer, figures, photos, run.quantify.b)
    if args.output:
        note(f"{args.output}: a folder for each layer, for inficond quantify table")
    for number, (_, figures, _) in enumerate(measures):
        if number and not args.json:
            say()
        show(args, hypotheses_table(figures, args.b))


def write_measured(folder: Path, figures: Figures, photos: np.ndarray, b: float) -> None:
    """Write figures, and a sheet of the first ``photos`` with their maps, to a folder."""
    write_figures(folder, figures)
    shown = slice(_ON_SHEET)
    maps = {name: one[0].contrast[-1][shown] for name, one in figures.networks.items()}
    write_sheet(folder / "maps.png", photos[shown], figures.foreground[shown], maps, b)


def _measured(run: RunSpec) -> Iterator[tuple[str, Figures, np.ndarray]]:
    """Yield for each layer its name, its figures, and the photos at the networks' size."""
    import torch

    from precompute.datasets import load_dataset

    section, started = run.quantify, time.monotonic()
    dataset = load_dataset(run.dataset)
    classes = len(dataset.classes)
    _check(section, classes)
    ids, photos, masks = _photos(run, dataset)
    note(f"{count(len(ids), 'image')} to measure")
    mean, std = (np.array(each, np.float32) for each in (section.mean, section.std))
    values = ((photos.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)
    images = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    settings = Perturbation(tau=section.tau, seed=section.seed)
    for at, layer in enumerate(section.layers):
        networks: dict[str, list[Followed]] = {}
        measured: list[Information] = []
        for name in _NAMES:
            part = getattr(section, name)
            if part is not None:
                parts = _followed(section, part, name, classes, at, images, masks, settings)
                networks[name] = []
                for followed, more in parts:
                    networks[name].append(followed)
                    measured += more
        facts = {
            "title": run.title,
            "layer": layer,
            "measured": len(ids),
            "foreground_share": float(masks.mean()),
            "converged": float(np.mean([each.converged for each in measured])),
            "distance": float(np.mean([each.distance for each in measured])),
            "b": section.b,
            "draws": section.draws,
            "level": section.confidence,
            "seed": section.seed,
            "settings": {"perturbation": asdict(settings), "size": list(section.size)},
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(time.process_time(), 1),
        }
        yield layer, Figures(facts, ids, masks, networks), photos


def _followed(
    section: Quantify,
    part: Measured,
    name: str,
    classes: int,
    at: int,
    images: Any,
    masks: np.ndarray,
    settings: Perturbation,
) -> Iterator[tuple[Followed, list[Information]]]:
    """Yield the measurements of each training of the network ``name``, at its layer ``at``."""
    layer = (part.layers or section.layers)[at]
    for number, training in enumerate(part.trainings, start=1):
        network = _network(section, part, classes)
        files = checkpoint_files(training.checkpoints)
        epochs = _epochs(section, name, len(files))
        follow_at = [files[epoch] for epoch in epochs]
        travelled = np.zeros(1)
        if name != "teacher":
            travelled = weight_distances(network, training.checkpoints, layer, images[:1])[epochs]
        note(f"{name}, training {number}: {layer} at {count(len(epochs), 'checkpoint')}")
        yield follow(network, follow_at, travelled, layer, images, masks, settings)


def _network(section: Quantify, part: Measured, classes: int) -> Any:
    chosen: Any = part.network or section.network
    model = str(getattr(chosen, "model", None) or getattr(chosen, "role", ""))
    return make_network(chosen.kind, model, chosen.outputs or classes)


def _epochs(section: Quantify, name: str, files: int) -> list[int]:
    """Return indices of the checkpoints to measure, evenly spaced; for the teacher the last one."""
    last = files - 1
    spaced = np.linspace(0, last, min(section.epochs, max(last, 1)) + 1)[1:]
    return [last] if name == "teacher" else sorted({round(each) for each in spaced})


def _check(section: Quantify, classes: int) -> None:
    """Raise ``DataError`` for missing layers and unequal numbers of checkpoints.

    Each network must have its layers; student and baseline need equally many checkpoints.
    """
    counts = set()
    for name in _NAMES:
        part = getattr(section, name)
        if part is None:
            continue
        network = _network(section, part, classes)
        for layer in part.layers or section.layers:
            feature_at(network, layer)
        for training in part.trainings:
            files = checkpoint_files(training.checkpoints)
            if name != "teacher":
                counts.add(len(_epochs(section, name, len(files))))
    if len(counts) > 1:
        raise DataError(
            f"The trainings have unequal numbers of checkpoints: {min(counts)} to {max(counts)}.",
            f"Save equally many for each training, or set quantify.epochs to {min(counts)}.",
        )


def _photos(run: RunSpec, dataset: Dataset) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return ids, photos ``(n, H, W, 3)`` uint8, and masks ``(n, H, W)`` to measure."""
    from precompute.datasets.dataset import small_photo
    from precompute.datasets.masks import masks_of, small_mask

    section = run.quantify
    mask_of = masks_of(dataset, section.masks)
    if mask_of is None:
        raise DataError(
            "The data set does not state where its objects are.",
            "Give a folder of masks: quantify.masks; or a data set of kind voc, coco or scenes.",
        )
    size, split = section.size, np.array(dataset.split)
    rng = np.random.default_rng(section.seed)
    ids: list[str] = []
    photos: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for i in rng.permutation(np.flatnonzero(split == section.split)).tolist():
        if len(ids) == section.images:
            break
        try:
            mask = small_mask(mask_of(i), size)
            if mask.any() and not mask.all():
                photos.append(small_photo(dataset, i, size))
                ids.append(dataset.ids[i])
                masks.append(mask)
        except UnreadableImage as error:
            note(f"{dataset.ids[i]} is left out: {error}")
    if not ids:
        raise DataError(
            f"No image of {section.split} can be measured: each mask covers no pixel, or all.",
            "Use another split, or correct the masks.",
        )
    return ids, np.stack(photos), np.stack(masks)


#: Most images that average precision is measured on.
_TESTED = 200


def experiment(args: argparse.Namespace) -> Figures:
    """Train and measure the networks, write a folder once all is complete, return the figures."""
    folder = Path(args.output)
    if folder.exists():
        raise DataError(f"{folder} already exists.", "Name another --output, or remove the folder.")
    started, worked = time.monotonic(), time.process_time()
    spec = spec_to_make(args, photos=True)
    with replacing(folder, alone=True) as writing:
        writing.mkdir()
        ids, photos = _photos_of(spec, args)
        settings = ExperimentSettings(
            args.epochs, args.epochs * 3 // 2, min(args.checkpoints, args.epochs), args.seed,
            Perturbation(tau=args.tau, seed=args.seed),
        )  # fmt: skip
        outcome = run_experiment(photos, writing / "checkpoints", settings, progress=note)
        facts = {
            "title": spec.title,
            "layer": LAYER,
            "measured": len(ids),
            "foreground_share": float(photos.foreground.mean()),
            **_facts(outcome),
            "settings": asdict(settings),
            **_scale(photos, args.size),
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(time.process_time() - worked, 1),
        }
        trainings = {name: [one] for name, one in outcome.networks.items()}
        figures = Figures(facts, ids, photos.foreground, trainings)
        write_measured(writing, figures, photos.test, args.b)
    note(f"{folder}: experiment.json, figures.npz, maps.png, checkpoints")
    return figures


def _facts(outcome: ExperimentOutcome) -> dict[str, Any]:
    names = ("feature_fit", "converged", "distance", "epochs")
    precision = {name: defined(value) for name, value in outcome.average_precision.items()}
    return {"average_precision": precision, **{name: getattr(outcome, name) for name in names}}


def _scale(photos: ExperimentPhotos, size: tuple[int, int]) -> dict[str, Any]:
    """Return the networks' input: classes, size in pixels, and mean and std of each channel."""
    mean, deviation = photos.scale
    return {
        "classes": photos.train_label.shape[1],
        "size": list(size),
        "mean": (mean / 255).tolist(),
        "std": (deviation / 255).tolist(),
    }


def _photos_of(spec: Spec, args: argparse.Namespace) -> tuple[list[str], ExperimentPhotos]:
    """Return ids of the images to measure, and photos of fit to train on, of tune to test on.

    The images to measure, whose masks cover a part of them, are the first of the test images.
    """
    from precompute.datasets import load_dataset
    from precompute.datasets.masks import masks_of, small_mask

    dataset = load_dataset(spec.dataset)
    mask_of = masks_of(dataset, Path(args.masks) if args.masks else None)
    if mask_of is None:
        raise DataError(
            "The data set does not state where its objects are.",
            "Give a folder of masks: --masks FOLDER; or use a data set of kind voc or scenes.",
        )
    rng, split = np.random.default_rng(args.seed), np.array(dataset.split)
    fit, tune = (rng.permutation(np.flatnonzero(split == name)) for name in (FIT, TUNE))
    tested = tune[: max(_TESTED, args.measured)]
    masks: dict[int, np.ndarray] = {}
    for i in tested:
        if len(masks) == args.measured:
            break
        with contextlib.suppress(UnreadableImage):  # the loader reports it
            mask = small_mask(mask_of(int(i)), args.size)
            if mask.any() and not mask.all():
                masks[int(i)] = mask
    if not masks or not len(fit):
        raise DataError(
            "Training needs images in fit, and measuring needs images in tune whose masks cover a "
            "part of the image.",
            "Add such images to both splits.",
        )
    tested = np.array([*masks, *(i for i in tested if int(i) not in masks)])
    train, train_rows = _loaded(dataset, fit[: args.images], args.size, "to train on")
    test, test_rows = _loaded(dataset, tested, args.size, "to test on")
    kept = [i for i in masks if i in set(test_rows.tolist())]
    photos = ExperimentPhotos(
        train, dataset.label[train_rows], test, dataset.label[test_rows],
        np.stack([masks[i] for i in kept]),
    )  # fmt: skip
    return [dataset.ids[i] for i in kept], photos


def _loaded(
    dataset: Dataset, rows: np.ndarray, size: tuple[int, int], what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the readable images of ``rows`` at ``size``, and their rows."""
    from precompute.datasets.dataset import small_photo

    images, readable = [], []
    for i in rows:
        try:
            images.append(small_photo(dataset, int(i), size))
            readable.append(int(i))
        except UnreadableImage as error:
            note(f"{dataset.ids[i]} is left out: {error}")
    if not images:
        raise DataError(f"No image {what} can be read.", "Restore the images.")
    note(f"{count(len(images), 'image')} {what}")
    return np.stack(images), np.array(readable)
