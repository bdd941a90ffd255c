"""Plan of a run: the work of each stage, and the changes since the existing store was made."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count, duration, size_text
from inficond_panel.common.places import has_store, place_of
from inficond_panel.concepts.random_words import lacks_random_words
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from precompute.batches.results import Results, stage_of, stores_near
from precompute.batches.run import Run, usual_workers
from precompute.pipeline.encode import Encoding, features_of
from precompute.pipeline.inputs import Inputs, read_inputs
from precompute.pipeline.own_words import needed_words
from precompute.pipeline.run import partial_folder
from precompute.pipeline.sampling import Sample, take_sample
from precompute.pipeline.words import WordInputs
from precompute.teachers.stage import known_batches

#: Bytes of a photo's results in ``<store>.partial``: 256 px, 16 segments, 512 dimensions.
_BYTES_PER_IMAGE = 75_000
_SHOWN = 5
_DIGITS = 8
#: Inputs without a line in ``differences``; ``_photo_changes`` reports them.
_SILENT = {"photos"}


@dataclass(frozen=True)
class PlannedStage:
    """Plan of one stage of a run.

    ``does`` is ``nothing`` (the store has the result), ``take`` (copy it from ``source``), ``go
    on`` (part of the result is finished) or ``run``. ``why`` states what changed since the existing
    store was made. ``photos`` counts the photos to encode, or to run through the teacher;
    ``beside`` counts the photos whose features for the teacher are computed while they are encoded
    for segments. ``seconds`` is the expected time, None if unknown.
    """

    name: str
    does: str
    why: tuple[str, ...]
    source: str | None = None
    photos: int | None = None
    batches: int | None = None
    seconds: float | None = None
    beside: int = 0


@dataclass(frozen=True)
class Plan:
    """Plan of a run: its stages in order; ``seconds`` is the sum of the known times.

    ``sampled`` is the number of timed photos, 0 without a sample; ``memory_bytes`` is the memory of
    a run with ``workers`` threads, None without a sample. ``faults`` are reasons for missing times.
    """

    store: Path
    up_to_date: bool
    stages: tuple[PlannedStage, ...]
    seconds: float | None
    free_bytes: int
    needed_bytes: int
    workers: int = 1
    sampled: int = 0
    memory_bytes: int | None = None
    faults: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the plan as plain data for JSON."""
        return {**asdict(self), "store": str(self.store)}

    def lines(self) -> Iterator[str]:
        """Yield the plan as lines to print."""
        if self.up_to_date:
            yield f"{self.store} is up to date: nothing to do."
            return
        for stage in self.stages:
            yield f"{stage.name:<12} {_stage_words(stage)}"
            yield from (f"{'':<12}   {reason}" for reason in stage.why)
        if self.seconds is not None:
            by = "the time that these stages took before"
            if self.sampled:
                by = (
                    f"a sample of {self.sampled} photos on one thread, assuming that each of "
                    f"{self.workers} threads is as fast"
                )
            yield f"About {duration(self.seconds)}, by {by}."
        yield from (f"Not timed: {fault}" for fault in self.faults)
        if self.memory_bytes:
            yield f"Memory: about {size_text(self.memory_bytes)} with {self.workers} threads."
        if self.sampled:
            yield (
                f"Disk: about {size_text(self.needed_bytes)} while it runs, half of it afterwards; "
                f"{size_text(self.free_bytes)} are free."
            )
        if self.needed_bytes > self.free_bytes:
            yield (
                f"Warning: the run needs about {self.needed_bytes / 1e9:.1f} GB beside the store; "
                f"{self.free_bytes / 1e9:.1f} GB are free. Free some space."
            )


def _stage_words(stage: PlannedStage) -> str:
    if stage.does in {"nothing", "take"}:
        return "unchanged" if stage.does == "nothing" else f"unchanged, taken from {stage.source}"
    many = ""
    if stage.photos is not None:
        many = f", {count(stage.photos, 'photo')} in {count(stage.batches or 0, 'batch')}"
    if stage.beside:
        alone = "" if not stage.photos else f"{many} alone"
        many = f", {stage.beside} photos as they are encoded for segments{alone}"
    time = "" if stage.seconds is None else f", about {duration(stage.seconds)}"
    return f"{'runs' if stage.does == 'run' else 'goes on'}{many}{time}"


def plan(
    spec: Spec,
    store_path: Path | str,
    *,
    progress: Callable[[str], None] = lambda _: None,
    sample: bool = False,
) -> Plan:
    """Return the plan of a ``run`` of ``spec``. Inputs are read and hashed; nothing is written.

    With ``sample`` a few photos are encoded, and run through the teacher, to time the stages that
    no earlier run timed; nothing is downloaded. Raises ``DataError`` for unusable inputs.
    """
    spec.check_photos()
    if spec.concepts.of_words:
        return _plan_of_words(WordInputs.of(spec, progress), place_of(store_path))
    path, inputs = place_of(store_path), read_inputs(spec, progress)
    results, near = Results(partial_folder(path)), list(stores_near(path))
    there = next((store for store in near if store.path == path), None)
    encoding = Encoding(inputs, Run(inputs.dataset, inputs.keys, results, near))
    up_to_date = inputs.made(path)
    planned = {"segments": _plan_photos, "teacher": _plan_teacher}
    stages = tuple(
        planned[name](encoding, there) if name in planned else _plan_stage(name, encoding, there)
        for name in inputs.stages
    )
    words = needed_words(there) if up_to_date and there else {}
    if words:  # before a store is made it is not known which words lie beside it
        stages = (*stages, PlannedStage("own words", "run", (_words_reason([*words]),)))
    random = bool(up_to_date and there and lacks_random_words(there))
    if random:
        stages = (*stages, PlannedStage("random words", "run", ("the store lacks them",)))
    workers, timed = usual_workers(), Sample()
    unknown = {stage.name for stage in stages if stage.photos and stage.seconds is None}
    if sample and unknown:
        progress("Timing a sample of photos")
        made = any(stage.beside for stage in stages)
        timed = take_sample(inputs, unknown, features_of(inputs) if made else None)
        stages = tuple(_with_seconds(stage, timed, workers) for stage in stages)
    known = [stage.seconds for stage in stages if stage.seconds is not None]
    photos = len(inputs.keys) if not up_to_date else 0  # no photo is encoded for words
    parents = partial_folder(path).absolute().parents
    folder = next(folder for folder in parents if folder.exists())
    return Plan(
        store=path,
        up_to_date=up_to_date and not words and not random,
        stages=stages,
        seconds=sum(known) if known else None,
        free_bytes=shutil.disk_usage(folder).free,
        needed_bytes=round(2 * (timed.bytes_a_photo or _BYTES_PER_IMAGE) * photos),
        workers=workers,
        sampled=timed.photos if timed.seconds else 0,
        memory_bytes=(timed.peak_bytes + (workers - 1) * timed.batch_bytes) or None,
        faults=tuple(timed.faults),
    )


def _plan_of_words(inputs: WordInputs, path: Path) -> Plan:
    """Return the plan of a store of words of captions, which is made in one stage."""
    made = inputs.made(path)
    why = "the inputs changed" if has_store(path) else "the store does not exist yet"
    stages = () if made else (PlannedStage("words", "run", (why,)),)
    parents = partial_folder(path).absolute().parents
    folder = next(folder for folder in parents if folder.exists())
    free = shutil.disk_usage(folder).free
    return Plan(path, made, stages, None, free, 4 * inputs.count)


def _words_reason(classes: list[str]) -> str:
    return f"{count(len(classes), 'class')} without own word: {listed(classes, _SHOWN)}"


def _with_seconds(stage: PlannedStage, sample: Sample, workers: int) -> PlannedStage:
    per_photo = sample.seconds.get(stage.name)
    if stage.seconds is not None or per_photo is None or not stage.photos:
        return stage
    return replace(stage, seconds=stage.photos * per_photo / workers)


def _plan_stage(name: str, encoding: Encoding, there: Store | None) -> PlannedStage:
    inputs, run = encoding.inputs, encoding.run
    key = inputs.stage_keys[name]
    if stage_of(there, name).get("key") == key:
        return PlannedStage(name, "nothing", ())
    why = _reasons(name, inputs, there)
    for store in run.near:
        if stage_of(store, name).get("key") == key:
            return PlannedStage(name, "take", why, str(store.path))
    if run.results.has(name, key):
        return PlannedStage(name, "take", why, str(run.results.folder))
    return PlannedStage(name, "run", why, seconds=stage_of(there, name).get("seconds"))


def _plan_photos(encoding: Encoding, there: Store | None) -> PlannedStage:
    inputs, run = encoding.inputs, encoding.run
    if stage_of(there, "segments").get("key") == inputs.stage_keys["segments"]:
        return PlannedStage("segments", "nothing", ())
    why = (*_reasons("segments", inputs, there), *_photo_changes(inputs, there))
    store, _ = encoding.source
    source = str(store.path) if store else None
    photos = sum(map(len, encoding.missing))
    if not photos:
        return PlannedStage("segments", "take", why, source or str(run.results.folder))
    speed = _images_per_second("segments", {"encoder": inputs.encoder_inputs}, run.near)
    return PlannedStage(
        "segments",
        "go on" if encoding.here else "run",
        why,
        source,
        photos,
        len(encoding.missing),
        photos / speed if speed else None,
    )


def _plan_teacher(encoding: Encoding, there: Store | None) -> PlannedStage:
    """Return the plan of the teacher's stage, with the number of photos that lack its outputs."""
    inputs, run = encoding.inputs, encoding.run
    planned = _plan_stage("teacher", encoding, there)
    if planned.does != "run" or not inputs.teacher.passes:  # a table
        return planned
    name, key = next(iter(inputs.teacher.passes.items()))  # the oracle's follows from its values
    _, missing = known_batches(run, name, key, inputs.keys, inputs.teacher.batch)
    beside = {*missing} & {*encoding.missing} & encoding.without_features
    missing = [batch for batch in missing if batch not in beside]
    count = sum(map(len, missing))
    settings = {"settings": inputs.teacher_inputs["settings"]}
    speed = _images_per_second("teacher", settings, run.near)
    return replace(
        planned,
        why=(*planned.why, *_photo_changes(inputs, there)),
        photos=count,
        batches=len(missing),
        seconds=count / speed if speed else None,
        beside=sum(map(len, beside)),
    )


def _images_per_second(name: str, same: Mapping[str, Any], stores: Sequence[Store]) -> float | None:
    """Return the speed of the first stage ``name`` in ``stores`` whose inputs include ``same``."""
    for store in stores:
        stage = stage_of(store, name)
        inputs = stage.get("inputs", {})
        if stage.get("images") and stage.get("seconds") and same.items() <= inputs.items():
            return float(stage["images"]) / float(stage["seconds"])
    return None


def _reasons(name: str, inputs: Inputs, there: Store | None) -> tuple[str, ...]:
    if there is None:
        return ("the store does not exist yet",)
    old = stage_of(there, name).get("inputs")
    if old is None:
        return ("the store does not record its inputs",)
    return tuple(differences(old, inputs.stages[name], set(inputs.stages)))


def _photo_changes(inputs: Inputs, there: Store | None) -> Iterator[str]:
    """Yield a line for new, changed and removed photos since the existing store was made."""
    if there is None or not there.has("image_digest"):
        return
    skipped = stage_of(there, "segments").get("skipped", [])
    old: Mapping[str, str] = {
        **dict(zip(there.images, map(str, there.image_digest), strict=True)),
        **{image: digest for image, _, digest in skipped},
    }
    new = dict(zip(inputs.dataset.ids, inputs.digests, strict=True))
    kinds: dict[str, list[str]] = {
        "new": [image for image in new if image not in old],
        "changed": [image for image in new if image in old and old[image] != new[image]],
        "gone": [image for image in old if image not in new],
    }
    for kind, images in kinds.items():
        if images:
            more = ", ..." if len(images) > 3 else ""
            yield f"photos {kind}: {len(images)} ({', '.join(images[:3])}{more})"
    if not any(kinds.values()) and Counter(old) == Counter(new) and list(old) != list(new):
        yield "photos: in another order"


def differences(old: object, new: object, stages: Collection[str] = ()) -> Iterator[str]:
    """Yield a line for each input that differs, such as ``encoder.image_size: 224 → 384``.

    ``stages`` are names of stages: an input with such a name is the key of that stage's result.
    """
    before, now = dict(_flat(old)), dict(_flat(new))
    for name in sorted({*before, *now}):
        if name in _SILENT or before.get(name) == now.get(name):
            continue
        if name in stages:
            yield f"{name}: computed again"
        elif isinstance(before.get(name), list) and isinstance(now.get(name), list):
            yield f"{name}: {_of_lists(before[name], now[name])}"
        else:
            yield f"{name}: {_shown(before, name)} → {_shown(now, name)}"


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and set(value) != {"count", "sha256"}:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "(not set)"
    value = values[name]
    if isinstance(value, Mapping):
        return f"{value['count']} values ({value['sha256'][:_DIGITS]}…)"
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return f"{value[:_DIGITS]}…"
    if isinstance(value, list):
        return listed(list(map(str, value)), _SHOWN)
    return str(value)


def _of_lists(old: list[Any], new: list[Any]) -> str:
    was, now = list(map(str, old)), list(map(str, new))
    before, after = set(was), set(now)
    kinds = {
        "added": [name for name in now if name not in before],
        "removed": [name for name in was if name not in after],
    }
    changes = [f"{word} {listed(names, _SHOWN)}" for word, names in kinds.items() if names]
    return "; ".join(changes) or "the same in another order"
