"""``inficond quantify add`` and ``layers``: maps of knowledge points for a store."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.commands.shared.output import note, say, show_lines
from inficond_panel.commands.shared.parser import spec_to_make
from inficond_panel.common.numbers import count, share
from inficond_panel.errors import DataError
from inficond_panel.quantify.experiment import NETWORKS, read_figures
from inficond_panel.quantify.information import Perturbation, pixel_information
from inficond_panel.quantify.knowledge_points import contrast, feature_at, layer_names
from inficond_panel.quantify.training import build_network, checkpoint_files, load_weights
from inficond_panel.spec import Spec
from inficond_panel.store import Store, open_store
from inficond_panel.store.images import UnreadableImage
from inficond_panel.store.write import add_arrays, check_free, only_run
from inficond_panel.tuning.opening import store_place


def layers(args: argparse.Namespace) -> None:
    """Print the names of a network's layers, one per line."""
    spec = spec_to_make(args)
    from precompute.datasets import load_dataset

    classes = load_dataset(spec.dataset).classes if args.network == "teacher" else ()
    network, _ = _network(spec, args.network, classes)
    names = layer_names(network)
    if not names:
        note("The network has no named layers; only its output can be measured.")
    for name in names:
        say(name)


def add(args: argparse.Namespace) -> None:
    """Measure images of a split, and write their maps of knowledge points into the store."""
    spec = spec_to_make(args, photos=True)
    from precompute.datasets import load_dataset

    path = store_place(spec, args.store)
    check_free(path)
    store = open_store(path)
    dataset = load_dataset(spec.dataset)
    network, preprocessing = _network(spec, args.network, dataset.classes)
    feature = feature_at(network, args.layer)
    settings = Perturbation(tau=args.tau, seed=args.seed, batch=8)
    with only_run(path):
        rows, images, masks, known = _images(dataset, store, preprocessing, args)
        information = pixel_information(
            feature, images, settings,
            progress=lambda done: note(f"{done} of {len(images)} images measured"),
        )  # fmt: skip
        maps = contrast(information.entropy, masks)
        facts = {
            "network": args.network,
            "layer": args.layer,
            "b": args.b,
            "background": "outside of the masks" if known else "the whole image",
            "images": len(rows),
            "converged": float(information.converged.mean()),
            "perturbation": asdict(settings),
        }
        add_arrays(store, {"knowledge_contrast": _stored(store, rows, maps)}, {"knowledge": facts})
    document = {"store": str(path), "store_hash": store.content_hash, **facts}
    layer = args.layer or "(output)"
    lines = [
        f"{path}: maps of {count(len(rows), 'image')}, {args.network}, layer {layer}",
        f"converged: {share(information.converged.mean())}; points at b = {args.b:g}: "
        f"{share((maps > args.b).mean())} of the pixels",
    ]
    show_lines(args, document, lines)


def _network(spec: Spec, name: str, classes: Sequence[str]) -> tuple[Any, Any]:
    """Return a network in evaluation mode, and the preprocessing of its images."""
    from precompute.encoder.image import Preprocessing
    from precompute.teachers.loading import network_of

    if name in ("encoder", "teacher"):
        return network_of(spec, name, classes)
    folder, _, which = name.rpartition(":")
    if which not in NETWORKS or not folder:
        raise DataError(
            f"There is no network {name!r}.",
            "Name encoder, teacher, or a network of an experiment: FOLDER:student.",
        )
    facts = read_figures(Path(folder)).facts
    network = build_network(which, facts["classes"])
    load_weights(network, checkpoint_files(Path(folder) / "checkpoints" / which)[-1])
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    size, mean, deviation = (tuple(facts[name]) for name in ("size", "mean", "std"))
    return network.eval(), Preprocessing(size, mean, deviation)


def _images(
    dataset: Any, store: Store, preprocessing: Any, args: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Return rows in the store, inputs ``(n, 3, H, W)``, masks ``(n, H, W)``, whether masks exist.

    Images without a background are left out.
    """
    from precompute.datasets.masks import masks_of, small_mask

    row_of = {image: i for i, image in enumerate(dataset.ids)}
    mask_of = masks_of(dataset, Path(args.masks) if args.masks else None)
    nothing = np.zeros(preprocessing.size[::-1], bool)
    order = np.random.default_rng(args.seed).permutation(store.rows(args.split))
    rows: list[int] = []
    inputs: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for row in order:
        i = row_of.get(store.images[row])
        if len(rows) == args.images or i is None:
            continue
        try:
            mask = small_mask(mask_of(i), preprocessing.size) if mask_of else nothing
            if not mask.all():
                inputs.append(preprocessing.prepare(dataset.load(i)))
                rows.append(int(row))
                masks.append(mask)
        except UnreadableImage as error:
            note(f"{store.images[row]} is left out: {error}")
    if not rows:
        raise DataError(
            f"No image of {args.split} can be measured: spec and store have none in common, or the "
            "masks cover whole images.",
            "Use the spec that the store was made from, or another --split.",
        )
    return np.array(rows), np.stack(inputs), np.stack(masks), mask_of is not None


def _stored(store: Store, rows: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return maps at thumbnail size for all images, concatenated; nan for images without a map."""
    pixels = np.full(int(store.mask_offset[-1]), np.nan, np.float16)
    for row, each in zip(rows, maps, strict=True):
        height, width = map(int, store.thumbnail_shape[row])
        start, stop = store.mask_offset[row : row + 2]
        resized = Image.fromarray(each).resize((width, height), Image.Resampling.BILINEAR)
        pixels[start:stop] = np.asarray(resized).ravel()
    return pixels
