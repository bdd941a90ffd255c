"""The whole way from a spec to a store: read, encode, score, project, write."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.errors import CancelledError, DataError, InficondError, StoreError
from inficond_panel.store import Store, open_store, write_store
from precompute.assemble import assemble, skipped_images
from precompute.batches import Batches
from precompute.encoded import Gathered, check_copied, find_encoded, stored_batches
from precompute.encoder import load_encoder
from precompute.inputs import Inputs, read_inputs
from precompute.lock import only_run
from precompute.report import Report, duration, report_on

Progress = Callable[[str], None]
_MOST_WORKERS = 4


def run(
    spec: Any,
    store_path: Path | str,
    *,
    progress: Progress = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    workers: int | None = None,
) -> Report:
    """Compute the store of a spec (``inficond_panel.spec.Spec``) and write it to ``store_path``.

    Where the store there was made from the same inputs, nothing is done. Where it or another store
    (``*.zarr``) in its folder holds the same images, encoded and segmented alike, only what is left
    is computed: scores and projections of other words, other labels. Finished batches are kept in
    ``<store_path>.partial`` until the store is whole, so that a run that was stopped goes on where
    it was. ``progress`` is called with lines for people. ``workers`` (default: one per core, at
    most 4) decode and segment, each up to a batch ahead and behind; their number changes no bit.

    Raises ``DataError`` for inputs that cannot be used, ``MissingExtraError`` without the packages
    of the extra ``precompute``, ``CancelledError`` when ``cancelled()`` is true, and ``StoreError``
    when the store cannot be written, as on a full disk, or is being written by another run.
    """
    started = time.monotonic()
    path = Path(store_path)
    try:
        inputs = read_inputs(spec, progress)
        if _made_from(path, inputs):
            progress(f"{path} is up to date: nothing to do.")
            return report_on(open_store(path), False, None, started)
        with only_run(path):
            speed = _compute(inputs, path, progress, cancelled, workers or usual_workers())
    except OSError as error:
        if isinstance(error, InficondError):
            raise
        raise _cannot_write(path, error) from error
    report = report_on(open_store(path), True, speed, started)
    for warning in report.warnings:
        progress(f"Warning: {warning}")
    progress(f"Wrote {path} in {duration(report.seconds)}.")
    return report


def usual_workers() -> int:
    """Workers where none are asked for."""
    return min(_MOST_WORKERS, os.cpu_count() or 1)


def _cannot_write(path: Path, error: OSError) -> StoreError:
    if error.errno == errno.ENOSPC:
        return StoreError(
            f"The disk of {path} is full.", "Make room and start again; it goes on where it was."
        )
    return StoreError(
        f"{path} cannot be written: {error}.", "Choose another folder: inficond precompute --store"
    )


def _made_from(path: Path, inputs: Inputs) -> bool:
    """Whether the store is there, undamaged, and made from these inputs."""
    try:
        store = open_store(path)
        store.verify()
    except StoreError:
        return False
    return bool(store.attrs["inputs_hash"] == inputs.inputs_hash)


def _compute(
    inputs: Inputs, path: Path, progress: Progress, cancelled: Callable[[], bool], workers: int
) -> float | None:
    """Make and write the store; return the images encoded per second."""
    encoder = load_encoder(inputs.encoder)
    from threadpoolctl import threadpool_limits  # of the same extra, which is there now

    folder = _partial_folder(path, inputs.encoding_hash)
    encoded = Gathered(folder)
    with threadpool_limits(1, user_api="blas"):  # workers are the threads
        text = encoder.embed_concepts(inputs.concepts, inputs.prompts)
        known, speed = find_encoded(path, inputs.encoding_hash), None
        if known:
            progress(f"Images, encoded and segmented alike, are taken from {known.path}")
            _copy(known, encoded, inputs)
        else:
            progress(f"Encoding with {encoder.name}")
            batches = Batches(inputs.dataset, encoder, inputs.settings, folder, workers)
            speed = _encode(batches, encoded, inputs, progress, cancelled)
        progress("Scoring and projecting concepts")
        arrays, attrs = assemble(inputs, encoder, text, encoded.arrays())
    write_store(path, arrays, attrs)
    shutil.rmtree(folder)
    return speed


def _copy(known: Store, encoded: Gathered, inputs: Inputs) -> None:
    for arrays in stored_batches(known, inputs.settings.batch):
        encoded.add(arrays)
    check_copied(known, encoded.arrays())
    _check_skipped(encoded.reason, inputs)


def _partial_folder(path: Path, key: str) -> Path:
    """Folder of the finished batches; emptied if it belongs to other inputs."""
    folder = path.with_name(f"{path.name}.partial")
    key_file = folder / "inputs"
    if not key_file.is_file() or key_file.read_text() != key:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        key_file.write_text(key)
    return folder


def _encode(
    batches: Batches,
    encoded: Gathered,
    inputs: Inputs,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> float | None:
    """Gather all batches in ``encoded``; return the images encoded per second, None if none."""
    total, done, new, started = len(inputs.dataset.ids), 0, 0, time.monotonic()
    for arrays, old in batches.run():
        encoded.add(arrays)
        done += len(arrays["reason"])
        new += 0 if old else len(arrays["reason"])
        speed = new / (time.monotonic() - started)
        if (arrays["reason"] != "").any():
            _check_skipped(encoded.reason, inputs)
        if cancelled():
            raise CancelledError("The run was stopped.", "Start it again; it goes on where it was.")
        left = f", {speed:.1f} images/s, {duration((total - done) / speed)} left" if new else ""
        progress(f"Images encoded: {done} of {total}{left}")
    return speed if new else None


def _check_skipped(reason: np.ndarray, inputs: Inputs) -> None:
    skipped = skipped_images(reason, inputs)
    total = len(inputs.dataset.ids)
    if len(skipped) > inputs.max_bad_share * total:
        named = "; ".join(f"{image}: {why}" for image, why in skipped[:5])
        raise DataError(
            f"Images that cannot be read: {len(skipped)} of {total}, more than the share of "
            f"{inputs.max_bad_share:g} that is allowed. {named}",
            "Restore these files, or raise dataset.max_bad_share in the spec.",
        )
    if len(skipped) == total:
        raise DataError("No image can be read.", "Restore the files.")
