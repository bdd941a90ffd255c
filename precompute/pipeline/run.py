"""Run the pipeline from a spec to a store, stage by stage."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common import clock
from inficond_panel.common.devices import device_text
from inficond_panel.common.files import replaced, restore
from inficond_panel.common.numbers import duration
from inficond_panel.common.places import beside, is_remote, place_of
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.random_words import lacks_random_words
from inficond_panel.errors import CancelledError, DataError, InficondError, Remedy, StoreError
from inficond_panel.spec import Spec
from inficond_panel.spec.faults import in_spec
from inficond_panel.store import Store, open_store, write_store
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.store.write import check_free, lock_of, only_run
from inficond_panel.vocabulary.splits import SPLITS
from precompute.batches.results import Arrays, Results, stage_of, stores_near
from precompute.batches.run import Run, Tell, usual_workers
from precompute.concepts.corpus import Dropped, filter_lines
from precompute.encoder import fetch_encoder
from precompute.pipeline import stages
from precompute.pipeline.assemble import assemble
from precompute.pipeline.encode import Encoding
from precompute.pipeline.inputs import Inputs, read_inputs
from precompute.pipeline.near_photos import check_copies
from precompute.pipeline.own_words import make_words, needed_words
from precompute.pipeline.random_words import make_random_words
from precompute.pipeline.words import WordInputs, make_store
from precompute.teachers.loading import fetch_teacher
from precompute.teachers.outputs import check_order

_ELSEWHERE = "Choose another folder: " + Remedy(
    "inficond precompute --store", "build(..., path=FOLDER)"
)
_WORDLESS = "Warning: words next to the store were not made"
#: Classes whose own words were made next to a store, and random words that were.
Words = tuple[tuple[str, ...], tuple[str, ...]]
_NO_WORDS: Words = ((), ())
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Report:
    """Report on a finished run. ``skipped`` has (id, reason) of each skipped image.

    ``dropped`` lists the concepts that ``concepts.filters`` dropped: name, filter, and the number
    compared with the limit, ``words`` the classes whose own words were made next to the store,
    ``random_words`` how many random words were.
    ``images_per_second`` is the encoding speed, None if no image was encoded."""

    store: Path
    content_hash: str
    changed: bool
    images: dict[str, int]
    segments: int
    skipped: tuple[tuple[str, str], ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]
    words: tuple[str, ...]
    random_words: int
    images_per_second: float | None
    seconds: float


def run(
    spec: Spec,
    store_path: Path | str,
    *,
    progress: Tell = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Report:
    """Compute the store of a spec (``inficond_panel.spec.Spec``) and write it to ``store_path``.

    If the existing store was made from equal inputs, only words that it lacks are made next to it
    (``concepts.own_words``, ``concepts.random_words``). Otherwise only stages and batches whose
    inputs changed are computed; the others come from the existing store or from another store
    (``*.zarr``) in the same folder. Finished results are kept in ``partial_folder`` until the store
    is complete, so that an interrupted run resumes.
    ``progress`` is called with lines for people. ``workers`` (default: one per core, at most 16) is
    the number of threads, each with one batch. ``scheduler`` is the address of a Dask scheduler;
    its workers then replace the threads. The result is bit-identical for any workers.

    Raises ``DataError`` for unusable inputs, ``OrderError`` if the teacher's outputs match the
    labels in a different order, ``MissingExtraError`` if packages of the extra ``precompute`` are
    missing, ``CancelledError`` when ``cancelled()`` is true, and ``StoreError`` when the store
    cannot be written (full disk), or is being written by another run.
    """
    started = time.monotonic()
    path = place_of(store_path)
    spec.check_photos()
    try:
        with writing_to(path, _ELSEWHERE):
            if spec.concepts.of_words:
                return _of_words(spec, path, progress, started)
            fetch_teacher(spec.teacher)  # first: it may be refused, and the encoder is large
            fetch_encoder(spec.concepts.encoder)
            inputs = read_inputs(spec, progress)
            if inputs.made(path):
                _tidy(path)
                store = open_store(path)
                if better := hold_store(store, inputs.teacher.section.order):
                    progress(f"Warning: {better.warning}")
                lacking = needed_words(store) or lacks_random_words(store)
                words = _words_later(store, inputs, progress) if lacking else _NO_WORDS
                if not any(words):
                    progress(f"{path} is up to date: nothing to do.")
                return _report(store, False, words, None, started)
            check_free(path)
            with only_run(path):
                if not is_remote(path):
                    restore(path)
                left = partial_folder(path)
                run = Run(
                    inputs.dataset,
                    inputs.keys,
                    Results(left),
                    list(stores_near(path)),
                    workers or usual_workers(),
                    scheduler,
                    progress,
                    cancelled,
                )
                speed = _Stages(inputs, run).make(path)
                store = open_store(path)
                words = _words(store, inputs, progress)
                shutil.rmtree(left)
    except DataError as error:
        raise in_spec(error, spec) from error.__cause__
    report = _report(store, True, words, speed, started)
    for warning in report.warnings:
        progress(f"Warning: {warning}")
    progress(f"Wrote {path} in {duration(report.seconds)}.")
    return report


def _of_words(spec: Spec, path: Path, progress: Tell, started: float) -> Report:
    """Make the store of a spec whose scores are words of captions, unless it is up to date."""
    inputs = WordInputs.of(spec, progress)
    if inputs.made(path):
        progress(f"{path} is up to date: nothing to do.")
        return _report(open_store(path), False, _NO_WORDS, None, started)
    check_free(path)
    with only_run(path):
        if not is_remote(path):
            restore(path)
        report = _report(make_store(inputs, path, progress), True, _NO_WORDS, None, started)
    for warning in report.warnings:
        progress(f"Warning: {warning}")
    progress(f"Wrote {path} in {duration(report.seconds)}.")
    return report


def _words_later(store: Store, inputs: Inputs, progress: Tell) -> Words:
    """Make the words that an existing store lacks, unless another run writes the store."""
    try:
        with only_run(store.path):
            return _words(store, inputs, progress)
    except (StoreError, OSError) as error:  # such as a folder that may not be written
        progress(f"{_WORDLESS}: {error}")
    return _NO_WORDS


def _words(store: Store, inputs: Inputs, progress: Tell) -> Words:
    """Make own words (``make_words``) and random words (``make_random_words``); return both. A
    fault is a warning: the store is complete without them."""
    own: tuple[str, ...] = ()
    load = partial(stages.encoder_of, inputs)
    try:
        with one_thread():
            own = make_words(store, load, progress)
            return own, make_random_words(store, load, progress)
    except CancelledError:
        raise
    except (InficondError, OSError) as error:
        progress(f"{_WORDLESS}: {error}")
    return own, ()


def _tidy(path: Path) -> None:
    """Remove temporary folders of a run that was killed after its store was complete.

    Do nothing while another run writes the store; ignore folders that cannot be removed.
    """
    left = [partial_folder(path), *([] if is_remote(path) else [replaced(path)])]
    if any(leftover.exists() for leftover in (*left, lock_of(path))):
        with suppress(StoreError, OSError), only_run(path):
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)


def partial_folder(path: Path) -> Path:
    """Return the folder for the results of an unfinished run: ``<path>.partial``, on disk; in the
    current folder if the store has an address."""
    here = beside(path)
    return here.with_name(f"{here.name}.partial")


@contextmanager
def writing_to(path: Path, remedy: str) -> Iterator[None]:
    """Turn an ``OSError`` in the ``with`` block into ``StoreError`` with ``remedy``, or with the
    remedy for a full disk."""
    try:
        yield
    except InficondError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                f"The disk of {path} is full.",
                "Free some space, and start the run again: it resumes.",
            ) from error
        raise StoreError(f"{path} cannot be written: {error}.", remedy) from error


@dataclass
class _Stages:
    """The stages of a run; ``records`` has the time and the speed of each stage that was made."""

    inputs: Inputs
    run: Run
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def make(self, path: Path) -> float | None:
        """Compute all stages and write the store; return the encoded images per second."""
        inputs, run = self.inputs, self.run
        run.progress(f"Device: {device_text(inputs.device)}")
        with one_thread():  # workers are the threads
            if not self._known("segments"):
                how = inputs.across_splits, run.threads, run.progress, inputs.listing
                check_copies(inputs.dataset, *how)
            encoding = Encoding(inputs, run, features=not self._known("teacher"))
            # before encoding, so that a fault of the teacher shows early; features need encoding
            teacher = None if encoding.without_features else self._teacher()
            segmented = encoding.segmented()
            teacher = teacher or self._teacher()
            self.records["segments"] = self._of_photos(encoding)
            if np.isnan(teacher["teacher_logit"][segmented.read]).any():
                # taken from a store that skipped photos which this run could read
                teacher = self._teacher(anew=True)
            text = self._result("text", partial(stages.text, inputs, segmented))
            facts = stages.facts_of(text)
            if "dropped" in facts:
                for line in filter_lines(len(facts["concepts"]), facts["dropped"]):
                    run.progress(line)
            scores = partial(stages.scores, inputs, segmented, text)
            projections = partial(stages.projections, inputs, segmented, text, run.progress)
            results = {
                "teacher": teacher,
                "text": text,
                "scores": self._result("scores", scores),
                "projections": self._result("projections", projections),
            }
            self.records["labels"] = _record()
            arrays, attrs = assemble(inputs, segmented, results, self.records)
        run.progress(f"Writing {path}")
        write_store(path, arrays, attrs)
        return encoding.speed

    def _result(self, name: str, compute: Callable[[], Arrays], *, anew: bool = False) -> Arrays:
        """Return a stage's result, reused from an earlier run or a store in the same folder (unless
        ``anew``), else computed."""
        results, key = self.run.results, self.inputs.stage_keys[name]
        arrays = results.get(name, key)
        if arrays is None and not anew:
            arrays = self._of_store(name)
        if arrays is None:
            self.run.progress(f"Stage {name}")
            started = time.monotonic()
            results.put(name, key, compute())
            self.records[name] = _record(seconds=round(time.monotonic() - started, 3))
            arrays = results.open(name, key)
        self.records.setdefault(name, _record())
        return arrays

    def _of_store(self, name: str) -> Arrays | None:
        for store in self.run.near:
            stage = stage_of(store, name)
            if stage.get("key") != self.inputs.stage_keys[name]:
                continue
            try:
                arrays = stages.stored_result(store, name, self.inputs)
            except StoreError:
                continue
            self.records[name] = _kept(stage)
            return arrays
        return None

    def _of_photos(self, encoding: Encoding) -> dict[str, Any]:
        if images := self.run.images["segments"]:
            return _record(seconds=round(encoding.seconds, 3), images=images)
        for store in self.run.near:
            stage = stage_of(store, "segments")
            if stage.get("encoding") == self.inputs.encoding_key:
                return _kept(stage)
        return _record()

    def _known(self, name: str) -> bool:
        """Return True if the stage's result exists, in this run's folder or in a nearby store."""
        key = self.inputs.stage_keys[name]
        in_store = any(stage_of(store, name).get("key") == key for store in self.run.near)
        return in_store or self.run.results.has(name, key)

    def _teacher(self, *, anew: bool = False) -> Arrays:
        inputs, run = self.inputs, self.run
        arrays = self._result("teacher", partial(stages.teacher, inputs, run), anew=anew)
        if images := run.images["teacher"]:
            self.records["teacher"]["images"] = images
        other = arrays.get("other_logit")
        check_order(inputs.teacher.section, inputs.dataset, arrays["teacher_logit"], other)
        return arrays


def _kept(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a store's record of a stage that a new store keeps: time, speed."""
    return {key: stage[key] for key in ("made", "seconds", "images") if key in stage}


def _record(**values: Any) -> dict[str, Any]:
    return {"made": clock.stamp(), **values}


def _report(
    store: Store, changed: bool, words: Words, speed: float | None, started: float
) -> Report:
    """Return the report on a run that started at ``started`` (seconds of the monotonic clock)."""
    return Report(
        store=store.path,
        content_hash=store.content_hash,
        changed=changed,
        images={split: len(store.rows(split)) for split in SPLITS},
        segments=len(store.segment_image),
        skipped=tuple((image, reason) for image, reason in store.attrs["skipped"]),
        dropped=tuple(
            (name, key, why)
            for name, key, why in stage_of(store, "text").get("told", {}).get("dropped", ())
        ),
        warnings=tuple(store.attrs["warnings"]),
        words=words[0],
        random_words=len(words[1]),
        images_per_second=speed,
        seconds=time.monotonic() - started,
    )
