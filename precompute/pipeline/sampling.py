"""Timed sample of a run: one batch of photos, from which time, memory and disk are estimated."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from inficond_panel.common.threads import one_thread
from inficond_panel.errors import InficondError
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import LogitsTeacher
from inficond_panel.store.images import UnreadableImage
from precompute.batches.run import Segmenting
from precompute.encoder.hub import offline
from precompute.pipeline.inputs import Inputs
from precompute.teachers.teacher import stacked

#: Photos of a sample, at most.
MOST = 16


@dataclass
class Sample:
    """Result of a sample: seconds per photo by stage, on one thread; bytes of results per photo;
    peak memory with one full batch, of which the batch needs ``batch_bytes``; ``faults``: why
    stages could not be timed."""

    photos: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    bytes_a_photo: float | None = None
    peak_bytes: int = 0
    batch_bytes: int = 0
    faults: list[str] = field(default_factory=list)


def take_sample(inputs: Inputs, stages: Collection[str], features: EncoderSection | None) -> Sample:
    """Run some readable photos through encoder and teacher twice, and time the second pass. With
    ``features`` the encoder also embeds whole photos. Nothing is downloaded or written."""
    rows = _readable(inputs)
    sample = Sample(len(rows))
    loaders = {
        "segments": partial(_segments, inputs, rows, sample, features),
        "teacher": partial(_teacher, inputs, rows),
    }
    for name in (name for name in loaders if name in stages and rows):
        try:
            with one_thread(), offline():
                is_network = name == "teacher" and inputs.teacher.passes
                batch = (inputs.teacher if is_network else inputs.encoder).batch
                whole = min(batch, len(inputs.keys)) / len(rows)
                sample.seconds[name] = _seconds(sample, loaders[name](), whole) / len(rows)
        except InficondError as error:
            sample.faults.append(f"{name}: {error.message}")
    return sample


def _seconds(sample: Sample, run: Callable[[], Any], whole: float) -> float:
    """Return the seconds of a second call of ``run``, and record its memory in ``sample``;
    ``whole`` is the size of a full batch relative to the sample."""
    before = peak_memory()
    run()
    grown = round((peak_memory() - before) * whole)
    sample.peak_bytes = max(sample.peak_bytes, before + grown)
    sample.batch_bytes = max(sample.batch_bytes, grown)
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _readable(inputs: Inputs) -> list[int]:
    """Return the positions of some readable photos, spread over the data set."""
    count = len(inputs.keys)
    wanted = min(MOST, inputs.encoder.batch, count)
    readable = []
    for row in range(0, count, max(1, count // (2 * wanted))):
        try:
            inputs.dataset.load(row)
        except UnreadableImage:
            continue
        readable.append(row)
        if len(readable) == wanted:
            break
    return readable


def _segments(
    inputs: Inputs, rows: list[int], sample: Sample, features: EncoderSection | None
) -> Callable[[], None]:
    """Load the encoder; return a function that encodes and segments the sample."""
    if inputs.training is not None:
        raise InficondError("the run trains the segments' head first, which a sample cannot time")
    work = Segmenting(inputs.dataset, inputs.encoder, inputs.settings, inputs.device, features)
    _ = work.model  # load before timing

    def run() -> None:
        arrays = work(rows)
        sample.bytes_a_photo = sum(values.nbytes for values in arrays.values()) / len(rows)

    return run


def _teacher(inputs: Inputs, rows: list[int]) -> Callable[[], None]:
    """Load the teacher; return a function that runs it on the sample."""
    if isinstance(inputs.teacher.section, LogitsTeacher):
        raise InficondError("the teacher is a table, which is only read")
    teacher = inputs.teacher.load()

    def run() -> None:
        prepare = teacher.preprocessing.prepare
        teacher.logits(stacked([prepare(inputs.dataset.load(row)) for row in rows]))

    return run


def peak_memory() -> int:
    """Return the peak memory of this process in bytes; 0 if the system does not report it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit
