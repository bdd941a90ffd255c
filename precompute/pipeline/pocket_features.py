"""Features of a frozen trunk on the images of a store, and the trunk as an ONNX graph.

Finished batches of photos are kept beside the store, in ``NAME.trunks``, so that a stopped run
resumes, and another iteration of the same store gets its pocket at once.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.places import beside
from inficond_panel.common.progress import Progress, no_progress, part_of
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import ExportError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE
from precompute.batches.results import Results, photo_keys
from precompute.batches.run import Run, usual_workers
from precompute.datasets import Dataset, load_dataset
from precompute.pipeline.pixel_scores import OPSET, plain_attention
from precompute.pipeline.store_photos import check_read, positions_of
from precompute.teachers.stage import Pass, run_pass
from precompute.teachers.trunk import Trunk, TrunkName, load_trunk, trunk_features, usual_trunk
from precompute.teachers.trunk_tuning import ScoredPhotos, Start, tuned_trunk

if TYPE_CHECKING:
    from torch import nn

#: Photos per batch, and photos that are read between two lines of progress.
BATCH, _TOLD = 32, 100


@dataclass(frozen=True, eq=False)
class TrunkFeatures:
    """Features ``(n, F)`` float32 of a ``trunk`` on the images at ``rows`` of a store, whose photos
    are in ``dataset``."""

    trunk: Trunk
    dataset: Dataset
    rows: np.ndarray
    features: np.ndarray

    def prepared(self, names: list[str]) -> np.ndarray:
        """Return the trunk's inputs ``(m, 3, H, W)`` of images of the store."""
        prepare = self.trunk.preprocessing.prepare
        return np.stack([prepare(self.dataset.load(self._position[name])) for name in names])

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.dataset.ids)}


def trunk_of(spec: Spec, store: Store, name: TrunkName) -> Trunk:
    """Load a trunk on the spec's device; raises as ``load_trunk``."""
    return load_trunk(name, _encoder(spec), spec.device, store)


def usual_trunk_of(spec: Spec, store: Store) -> tuple[str, str]:
    """Return the name of a spec's usual trunk, and why; raises as ``usual_trunk``."""
    return usual_trunk(_encoder(spec), store)


def _encoder(spec: Spec) -> EncoderSection | None:
    return None if spec.of_store or spec.concepts.of_words else spec.concepts.encoder


def pocket_features(
    spec: Spec, store: Store, trunk: Trunk, splits: Sequence[str], progress: Progress = no_progress
) -> TrunkFeatures:
    """Run a trunk on the photos of the splits of a store; return its features.

    Raises ``DataError`` for photos that are missing or cannot be read.
    """
    dataset = load_dataset(spec.dataset)
    rows = [store.rows(split) for split in splits]
    found = [positions_of(dataset, [store.images[row] for row in each]) for each in rows]
    run = Run(dataset, dataset.ids, _results(store), threads=usual_workers())
    keys = iter(_keys(dataset, np.concatenate(found), part_of(progress, 0.0, 0.2)))
    passing, images = part_of(progress, 0.2, 1.0), sum(map(len, found))

    def tell(line: str) -> None:
        passing(run.images["teacher"] / images, line)

    run.progress = tell
    width, title = trunk.outputs, "Small network"
    work = Pass("trunk", trunk.digest, lambda: trunk, trunk_features, dataset, width, title)  # type: ignore[arg-type,return-value]
    parts = []  # batches depend on their photos: of each split by itself, so that all can be reused
    for at in found:
        parts.append(run_pass(run, work, BATCH, at, [next(keys) for _ in at])[at])
    every, values = np.concatenate(rows), np.concatenate(parts)
    check_read([store.images[row] for row in every], values, "Restore the photos.")
    order = np.argsort(every)
    return TrunkFeatures(trunk, dataset, every[order], values[order])


def _keys(dataset: Dataset, at: np.ndarray, progress: Progress) -> list[str]:
    """Return the keys of the photos at positions in a data set; each photo is read for that."""
    digests = []
    for done, i in enumerate(at):
        if done % _TOLD == 0:
            progress(done / len(at), f"Reading the images: {done} of {len(at)}")
        digests.append(dataset.digest(int(i)))
    return photo_keys([dataset.ids[i] for i in at], digests)


def fine_tuned(
    spec: Spec,
    store: Store,
    network: TrunkFeatures,
    splits: Sequence[str],
    start: Start,
    used: np.ndarray,
    epochs: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[TrunkFeatures, tuple[float, ...]]:
    """Fine-tune the trunk of ``network`` from a ``start`` to give the scores of the ``used``
    concepts; return its features and the errors (``precompute.teachers.trunk_tuning``)."""
    learned, measured = (
        ScoredPhotos(
            positions_of(network.dataset, [store.images[row] for row in rows]),
            store.concept_score[rows][:, used].astype(np.float64),
        )
        for rows in (store.rows(FIT), store.rows(TUNE))
    )
    folder = _results(store).folder
    tuned = tuned_trunk(
        start, network.dataset, learned, measured, epochs, seed, folder,
        part_of(progress, 0.0, 0.9),
    )  # fmt: skip
    if not tuned.epoch:
        return network, tuned.errors
    return pocket_features(
        spec, store, tuned.trunk, splits, part_of(progress, 0.9, 1.0)
    ), tuned.errors


def _results(store: Store) -> Results:
    """Return the folder of finished batches beside a store; nothing is kept in a folder that cannot
    be written to."""
    here = beside(store.path)
    if not os.access(here.parent, os.W_OK):
        return Results()
    return Results(here.with_name(f"{here.name.removesuffix('.zarr')}.trunks"))


def trunk_onnx(trunk: Trunk) -> bytes:
    """Return a trunk as ONNX: input ``pixels`` (images, 3, H, W), output ``features`` (images, F),
    both float32; raises ``ExportError`` if it cannot be written."""
    width, height = trunk.preprocessing.size
    return module_onnx(trunk.module, (height, width), trunk.title)


def module_onnx(
    module: nn.Module, size: tuple[int, int], title: str, output: str = "features"
) -> bytes:
    """Return a torch module of pixels ``(B, 3, height, width)`` as ONNX, of any number of images;
    ``ExportError`` if it cannot be written."""
    import torch

    content: Any = io.BytesIO()  # works, though torch's type hint allows paths only
    device = next((each.device for each in module.parameters()), None)  # frozen: it has none
    try:
        with one_torch_thread(), torch.no_grad(), plain_attention(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing: all sizes but the images' are constants
            torch.onnx.export(
                module,
                (torch.zeros(1, 3, *size, device=device),),
                content,
                input_names=["pixels"],
                output_names=[output],
                dynamic_axes={"pixels": {0: "images"}, output: {0: "images"}},
                opset_version=OPSET,
                dynamo=False,  # dynamo=True needs the package onnxscript
            )
    except Exception as error:  # the exporter raises many kinds
        reason = str(error).splitlines()[0][:200] if str(error) else ""
        raise ExportError(
            f"The network {title} cannot be written as ONNX: {type(error).__name__}: {reason}",
            "Choose another trunk.",
        ) from error
    return bytes(content.getvalue())
