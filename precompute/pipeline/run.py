"""The whole way from a spec to a store, stage by stage."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common import clock
from inficond_panel.common.blas_threads import one_thread
from inficond_panel.common.devices import device_text
from inficond_panel.common.whole_file import replaced, restore
from inficond_panel.errors import InficondError, OrderError, StoreError
from inficond_panel.spec import Spec
from inficond_panel.store import Store, open_store, write_store
from inficond_panel.store.lock import lock_of, only_run
from inficond_panel.store.output_order import hold_store
from precompute.batches.reuse import stage_of, stores_near
from precompute.batches.stages import Arrays, Finished, Stage
from precompute.batches.workers import Workers
from precompute.encoder import fetch_encoder
from precompute.pipeline import steps
from precompute.pipeline.assemble import assemble
from precompute.pipeline.encode import Encoding, read_rows
from precompute.pipeline.features import head_features
from precompute.pipeline.inputs import Inputs, read_inputs
from precompute.pipeline.report import Report, dropped_lines, duration, report_on
from precompute.teachers import Photos, check_order, fetch_teacher, in_spec

Progress = Callable[[str], None]
_MOST_WORKERS = 16
_ELSEWHERE = "Choose another folder: inficond precompute --store"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def run(
    spec: Spec,
    store_path: Path | str,
    *,
    progress: Progress = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Report:
    """Compute the store of a spec (``inficond_panel.spec.Spec``) and write it to ``store_path``.

    Where the store there was made from the same inputs, nothing is done. Else only those stages and
    batches of photos are computed whose inputs changed; the others are taken from the store there
    or from another one (``*.zarr``) in its folder. What is finished is kept in
    ``<store_path>.partial`` until the store is whole, so that a run that was stopped goes on where
    it was. ``progress`` is called with lines for people. ``workers`` (default: one per core, at
    most 16) are threads with a batch each; ``scheduler`` is the address of a Dask scheduler whose
    workers encode, and run the teacher, instead. They change no bit.

    Raises ``DataError`` for inputs that cannot be used, ``OrderError`` where the teacher's outputs
    fit the labels in another order, ``MissingExtraError`` without the packages
    of the extra ``precompute``, ``CancelledError`` when ``cancelled()`` is true, and ``StoreError``
    when the store cannot be written, as on a full disk, or is being written by another run.
    """
    started = time.monotonic()
    path = Path(store_path)
    spec.check_photos()
    try:
        fetch_encoder(spec.concepts.encoder)
        fetch_teacher(spec.teacher)
        inputs = read_inputs(spec, progress)
        if is_made_from(path, inputs):
            _tidy(path)
            store = open_store(path)
            if better := hold_store(store, spec.order):
                progress(f"Warning: {better.warning}")
            progress(f"{path} is up to date: nothing to do.")
            return report_on(store, False, None, started)
        with only_run(path):
            restore(path)
            who = Workers(workers or usual_workers(), scheduler, progress)
            speed = _Run(inputs, path, Finished(partial_folder(path)), progress, cancelled).compute(
                who
            )
            shutil.rmtree(partial_folder(path))
    except OrderError as error:
        raise in_spec(error, spec) from error
    except OSError as error:
        if isinstance(error, InficondError):
            raise
        raise cannot_write(path, error, _ELSEWHERE) from error
    report = report_on(open_store(path), True, speed, started)
    for warning in report.warnings:
        progress(f"Warning: {warning}")
    progress(f"Wrote {path} in {duration(report.seconds)}.")
    return report


def _tidy(path: Path) -> None:
    """Remove what a run left that was killed when its store was in place already.

    Where another run is at work on the store, or nothing can be removed, all is left as it is.
    """
    left = (partial_folder(path), replaced(path))
    if any(place.exists() for place in (*left, lock_of(path))):
        with suppress(StoreError, OSError), only_run(path):
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)


def partial_folder(path: Path) -> Path:
    """Folder of the results of a run that is not at its end."""
    return path.with_name(f"{path.name}.partial")


def usual_workers() -> int:
    """Workers where none are asked for."""
    return min(_MOST_WORKERS, os.cpu_count() or 1)


def is_made_from(path: Path, inputs: Inputs) -> bool:
    """True if the store exists, is undamaged, and was made from these inputs."""
    try:
        store = open_store(path)
        store.verify()
    except StoreError:
        return False
    return bool(store.attrs["inputs_hash"] == inputs.inputs_hash)


def cannot_write(path: Path, error: OSError, remedy: str) -> StoreError:
    """The error of a run that cannot write to ``path``; ``remedy`` unless the disk is full."""
    if error.errno in _FULL:
        return StoreError(
            f"The disk of {path} is full.", "Make room and start again; it goes on where it was."
        )
    return StoreError(f"{path} cannot be written: {error}.", remedy)


@dataclass
class _Run:
    """One run; ``records`` say of each stage when and from what its result came."""

    inputs: Inputs
    path: Path
    finished: Finished
    progress: Progress
    cancelled: Callable[[], bool]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def near(self) -> list[Store]:
        """Stores whose stages may be of use."""
        return list(stores_near(self.path))

    def compute(self, workers: Workers) -> float | None:
        """Make and write the store; return the images encoded per second."""
        inputs = self.inputs
        self.progress(f"Device: {device_text(inputs.device)}")
        with one_thread():  # workers are the threads
            photos = self._photos(workers)
            features = None if self._known("teacher") else head_features(inputs, photos)
            # what a teacher lacks is told before photos are encoded, but for features made then
            teacher = None if features else self._teacher(photos)
            encoding = Encoding(
                inputs, self.finished, self.near, self.progress, self.cancelled, workers, features
            )
            gathered = encoding.run()
            teacher = teacher or self._teacher(photos)
            self.records["segments"] = self._of_photos(encoding)
            encoded, read = gathered.arrays(), read_rows(gathered.reason)
            if np.isnan(teacher["teacher_logit"][read]).any():
                # Taken from a store that skipped photos, for other segments, which ours has.
                teacher = self._teacher(self._photos(workers), anew=True)
            text = self.result("text", partial(steps.text, inputs, encoded, read))
            for line in dropped_lines(steps.facts_of(text)):
                self.progress(line)
            results = {
                "teacher": teacher,
                "text": text,
                "scores": self.result("scores", partial(steps.scores, inputs, encoded, read, text)),
                "projections": self.result(
                    "projections", partial(steps.projections, inputs, encoded, text)
                ),
            }
            self.records["labels"] = _record()
            arrays, attrs = assemble(inputs, gathered, results, self.records)
        self.progress(f"Writing {self.path}")
        write_store(self.path, arrays, attrs)
        return encoding.speed

    def result(self, name: str, compute: Callable[[], Arrays], *, anew: bool = False) -> Arrays:
        """Result of a stage: finished before, or (unless ``anew``) of a store near by, or computed
        now."""
        stage = Stage(name, self.inputs.stages[name], compute)
        arrays = self.finished.get(name, stage.key)
        if arrays is None and not anew:
            arrays = self._of_store(stage)
        if arrays is None:
            self.progress(f"Stage {name}")
            started = time.monotonic()
            self.finished.put(name, stage.key, stage.compute())
            self.records[name] = _record(seconds=round(time.monotonic() - started, 3))
            arrays = self.finished.get(name, stage.key)
        if arrays is None:
            raise OSError(f"{self.finished.place(name, stage.key)} is gone")
        self.records.setdefault(name, _record())
        return arrays

    def _of_store(self, stage: Stage) -> Arrays | None:
        for store in self.near:
            known = stage_of(store, stage.name)
            if known.get("key") != stage.key:
                continue
            try:
                arrays = steps.stored_result(store, stage.name, self.inputs)
            except StoreError:
                continue
            self.records[stage.name] = _known(known)
            return arrays
        return None

    def _of_photos(self, encoding: Encoding) -> dict[str, Any]:
        if encoding.images:
            return _record(seconds=round(encoding.seconds, 3), images=encoding.images)
        for store in self.near:
            known = stage_of(store, "segments")
            if known.get("encoding") == self.inputs.encoding_key:
                return _known(known)
        return _record()

    def _known(self, name: str) -> bool:
        """True if the result of a stage is finished, or in a store near by."""
        key = self.inputs.stage_keys[name]
        there = any(stage_of(store, name).get("key") == key for store in self.near)
        return there or self.finished.has(name, key)

    def _photos(self, workers: Workers) -> Photos:
        data, keys = self.inputs.dataset, self.inputs.keys
        return Photos(data, keys, workers, self.finished, self.near, self.cancelled)

    def _teacher(self, photos: Photos, *, anew: bool = False) -> Arrays:
        arrays = self.result("teacher", partial(steps.teacher, self.inputs, photos), anew=anew)
        if photos.computed:
            self.records["teacher"]["images"] = photos.computed
        section, other = self.inputs.teacher, arrays.get("other_logit")
        check_order(section, self.inputs.dataset, arrays["teacher_logit"], other)
        return arrays


def _known(stage: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a stage that a store has."""
    return {key: stage[key] for key in ("made", "seconds", "images") if key in stage}


def _record(**values: Any) -> dict[str, Any]:
    return {"made": clock.stamp(), **values}
