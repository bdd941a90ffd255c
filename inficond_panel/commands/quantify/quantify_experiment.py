"""``inficond quantify experiment``: train and measure networks, and write a folder."""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.commands.quantify.quantify_run import write_measured
from inficond_panel.commands.shared.output import note
from inficond_panel.commands.shared.precompute_package import spec_to_make
from inficond_panel.common.files import replacing
from inficond_panel.common.numbers import defined
from inficond_panel.errors import DataError
from inficond_panel.quantify.experiment import Figures, Outcome, Photos, Settings, run_experiment
from inficond_panel.quantify.information import Perturbation
from inficond_panel.quantify.training import LAYER
from inficond_panel.spec import Spec
from inficond_panel.store.images import UnreadableImage
from inficond_panel.vocabulary.splits import FIT, TUNE

if TYPE_CHECKING:
    from precompute.datasets import Dataset

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
        ids, photos = _photos(spec, args)
        settings = Settings(
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


def _facts(outcome: Outcome) -> dict[str, Any]:
    names = ("feature_fit", "converged", "distance", "epochs")
    precision = {name: defined(value) for name, value in outcome.average_precision.items()}
    return {"average_precision": precision, **{name: getattr(outcome, name) for name in names}}


def _scale(photos: Photos, size: tuple[int, int]) -> dict[str, Any]:
    """Return the networks' input: classes, size in pixels, and mean and std of each channel."""
    mean, deviation = photos.scale
    return {
        "classes": photos.train_label.shape[1],
        "size": list(size),
        "mean": (mean / 255).tolist(),
        "std": (deviation / 255).tolist(),
    }


def _photos(spec: Spec, args: argparse.Namespace) -> tuple[list[str], Photos]:
    """Return ids of the images to measure, and photos of fit to train on, of tune to test on.

    The images to measure, whose masks cover a part of them, are the first of the test images.
    """
    from precompute.datasets import load_dataset
    from precompute.datasets.dataset import masks_of, small_mask

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
    photos = Photos(
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
    note(f"{len(images)} images {what}")
    return np.stack(images), np.array(readable)
