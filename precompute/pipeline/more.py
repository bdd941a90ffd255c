"""Add photos to a store: encode and label them like its images, and save them as a part."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.devices import device_text
from inficond_panel.common.places import place_of
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.scoring import score_corpus
from inficond_panel.concepts.typed import scoring_of
from inficond_panel.errors import DataError, Remedy
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import LogitsTeacher
from inficond_panel.store import Store, open_store
from inficond_panel.store.images import decode, photo_digest
from inficond_panel.store.more_photos import (
    Extended,
    MorePhotos,
    more_folder,
    more_photos,
    parts_of,
    write_part,
)
from inficond_panel.store.write import only_run
from inficond_panel.vocabulary.splits import EVALUATED, FIT
from precompute.batches.results import UNREADABLE, Results, Segmented, photo_keys
from precompute.batches.run import Run, RunSettings, Tell, usual_workers
from precompute.datasets import Dataset
from precompute.datasets.photo_files import image_files, without_suffix
from precompute.encoder import fetch_encoder
from precompute.pipeline.apply import checked_settings
from precompute.pipeline.assemble import encoded_arrays
from precompute.pipeline.encode import Encoding
from precompute.pipeline.inputs import Inputs
from precompute.pipeline.near_photos import near_pairs, small_encoded, small_photos
from precompute.pipeline.run import partial_folder, writing_to
from precompute.segments import with_masks
from precompute.teachers.applied import checked_teacher, network_logits, table_logits
from precompute.teachers.loading import TeacherSource, fetch_teacher
from precompute.teachers.tables import TableColumns

#: Hex digits of the hash of a photo's content; with segments from files, the mask's hash follows.
_SHA256 = 64


def extend(
    spec: Spec,
    store_path: Path | str,
    photos: Iterable[str | Path],
    *,
    logits: Path | str | None = None,
    progress: Tell = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    workers: int | None = None,
) -> Extended:
    """Add photos (files, or folders of files) to a store as training images.

    Each photo gets scores for the store's concepts, and logits of its teacher. If the teacher is a
    table, ``logits`` is a table with a row per new photo. The photos are saved as a separate part
    (``inficond_panel.store.more_photos``); the store itself is not changed. Photos whose content
    equals a ``tune`` or ``holdout`` image are refused; photos that are in ``fit``, or were added
    before, are skipped. An interrupted run resumes when the same photos are added again.

    Raises ``DataError`` for missing photos, for too many unreadable photos
    (``dataset.max_bad_share``), for a store that was made with other settings than the spec's, and
    for photos without logits; ``MissingExtraError``; ``CancelledError``; and ``StoreError`` if
    the part cannot be written, or another run writes to the store.
    """
    started, path = time.monotonic(), place_of(store_path)
    spec.check_making()
    if spec.concepts.of_words:
        raise DataError(
            "Photos cannot be added to a store whose concepts are words of captions.",
            Remedy("Add rows to the table of captions, and run inficond precompute again."),
        )
    with writing_to(path, "Use a store in a folder in which you can write."):
        store = open_store(path)
        with only_run(path), one_thread():  # workers are the threads
            files = _named(photos)
            settings, teacher = checked_settings(spec, store), checked_teacher(spec, store)
            before = more_photos(store)
            report, new = _sorted_out(files, store, before)
            progress(f"{len(new)} of {len(files)} photos are new")
            if new:
                names = _free_names(new, {*store.images, *before.images})
                inputs = _inputs(spec, store, settings, teacher, new, names)
                run = Run(
                    inputs.dataset,
                    inputs.keys,
                    Results(partial_folder(more_folder(store))),
                    threads=workers or usual_workers(),
                    progress=progress,
                    cancelled=cancelled,
                )
                table = None if logits is None else Path(logits)
                report = _added(store, inputs, run, report, new, table)
    return replace(report, seconds=time.monotonic() - started)


@dataclass(frozen=True)
class _Photo:
    """Photo to add: file, name, and SHA-256 of its content."""

    path: Path
    name: str
    digest: str


def _named(photos: Iterable[str | Path]) -> list[_Photo]:
    """Return the photos in ``photos``, files or folders. A photo's name is its file name, or its
    path below the folder, without suffix."""
    ids: dict[Path, str] = {}
    for source in map(Path, photos):
        if source.is_dir():
            below = {source / name: without_suffix(name) for name in image_files(source)}
            if not below:
                raise DataError(f"The folder {source} holds no photo.", "Name a folder of photos.")
            ids = {**below, **ids}
        elif source.exists():
            ids.setdefault(source, without_suffix(source.name))
        else:
            raise DataError(f"There is no file {source}.", "Correct the path of the photo.")
    if not ids:
        raise DataError("No photo is named.", "Name photos, or folders of photos.")
    return [_Photo(path, name, photo_digest(path)) for path, name in ids.items()]


def _added(
    store: Store,
    inputs: Inputs,
    run: Run,
    report: Extended,
    new: Sequence[_Photo],
    table: Path | None,
) -> Extended:
    """Encode and label the ``new`` photos and write their part; return the report with them."""
    # read before photos are encoded, so that a missing row shows early
    labelled = _labeller(inputs, store, table, new)
    fetch_encoder(inputs.encoder)
    fetch_teacher(inputs.teacher.section)
    run.progress(f"Device: {device_text(inputs.device)}")
    encoding = Encoding(inputs, run)
    segmented = encoding.segmented()
    read = segmented.read
    names = [inputs.dataset.ids[i] for i in read]
    arrays = _arrays(store, segmented, names, [inputs.digests[i] for i in read])
    logits = labelled(run)
    arrays["teacher_logit"] = logits.own[read]
    if store.has("other_logit"):
        arrays["other_logit"] = logits.other[read]
    near = _near(store, segmented, names)
    part = write_part(store, arrays, [new[i].path.absolute() for i in read])
    shutil.rmtree(partial_folder(more_folder(store)))
    return replace(
        report,
        part=part,
        total=report.total + part.images,
        added=tuple(names),
        unreadable=tuple(
            (str(photo.path), why) for photo, why in zip(new, segmented.reason, strict=True) if why
        ),
        near_duplicates=near,
        images_per_second=encoding.speed,
    )


def _sorted_out(
    photos: Sequence[_Photo], store: Store, before: MorePhotos
) -> tuple[Extended, list[_Photo]]:
    """Return a report with the refused and skipped photos, and the new photos, each once."""
    digests = [str(one)[:_SHA256] for one in store.image_digest]
    rows = {split: store.rows(split) for split in EVALUATED}
    barred = {digests[i]: (store.images[i], split) for split in EVALUATED for i in rows[split]}
    known = {*(digests[i] for i in store.rows(FIT)), *(one[:_SHA256] for one in before.digests)}
    refused, skipped, new = [], [], []
    for photo in photos:
        if photo.digest in barred:
            refused.append((str(photo.path), *barred[photo.digest]))
        elif photo.digest in known and photo.digest != UNREADABLE:
            skipped.append(str(photo.path))
        else:
            new.append(photo)
            known.add(photo.digest)
    total = sum(part.images for part in parts_of(store))
    return Extended(store.path, None, total, (), tuple(skipped), tuple(refused)), new


def _free_names(photos: Sequence[_Photo], taken: set[str]) -> list[str]:
    """Return a unique name per photo: its name, with a number added if the name is in ``taken``."""
    names = []
    for photo in photos:
        tried = chain([photo.name], (f"{photo.name} ({n})" for n in range(2, len(taken) + 3)))
        name = next(name for name in tried if name not in taken)
        taken.add(name)
        names.append(name)
    return names


def _inputs(
    spec: Spec,
    store: Store,
    settings: RunSettings,
    teacher: TeacherSource,
    photos: Sequence[_Photo],
    names: Sequence[str],
) -> Inputs:
    """Return the inputs to encode the new photos and compute their logits, as for the store."""
    classes, grey = tuple(store.classes), getattr(spec.dataset, "grey", None)
    dataset = Dataset(
        ids=tuple(names),
        split=(FIT,) * len(photos),
        classes=classes,
        label=np.full((len(photos), len(classes)), -1, np.int8),
        load=lambda i: decode(photos[i].path, grey),
        digest=lambda i: photos[i].digest,
        task=store.task,
    )
    dataset = with_masks(dataset, settings.segments)
    digests = [dataset.digest(i) for i in range(len(photos))]
    return Inputs(
        dataset=dataset,
        max_bad_share=spec.dataset.max_bad_share,
        teacher=teacher,
        encoder=spec.concepts.encoder,
        settings=settings,  # they name the head that was trained for the store
        projections=spec.concepts.projections,
        digests=digests,
        keys=photo_keys(names, digests),
        device=spec.device,
    )


def _labeller(
    inputs: Inputs, store: Store, table: Path | None, photos: Sequence[_Photo]
) -> Callable[[Run], TableColumns]:
    """Return a function that returns the photos' logits, from a table (read now) or the network."""
    section = inputs.teacher.section
    if isinstance(section, LogitsTeacher):
        logits = table_logits(section, store, table, [photo.name for photo in photos])
        return lambda _: logits
    if table is not None:
        raise DataError(
            f"A {section.kind} teacher computes logits; a table of logits is for teachers of kind "
            "logits.",
            "Leave out " + Remedy("--logits", "logits") + ".",
        )
    return partial(network_logits, inputs.teacher, store)


def _arrays(
    store: Store, segmented: Segmented, names: Sequence[str], digests: Sequence[str]
) -> dict[str, Any]:
    """Return the arrays of the new part that come from the encoder. Scores are computed from the
    saved half-precision embeddings, as in the store."""
    arrays = encoded_arrays(segmented)
    scored = score_corpus(
        arrays["segment_embedding"],
        arrays["segment_image"],
        store.concept_text_embedding,
        images=len(names),
        scoring=scoring_of(store),
    )
    normaliser = scored.scoring.normaliser
    return {
        "image": np.array(names),
        "image_digest": np.array(digests),
        **arrays,
        "concept_score": scored.score,
        "segment_concept": scored.concept,
        "segment_cosine": scored.cosine,
        **({} if normaliser is None else {"segment_normaliser": normaliser}),
    }


def _near(
    store: Store, segmented: Segmented, names: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    """Return near-duplicates as (name of an added image, name of a similar tune or holdout image,
    split of the similar image)."""
    rows = np.concatenate([store.rows(split) for split in EVALUATED])
    evaluation = small_photos(lambda i: store.thumbnail(int(rows[i])), len(rows))
    small = np.concatenate([evaluation, small_encoded(segmented)])
    pairs, likeness = near_pairs(small)
    between = (pairs < len(rows)).sum(axis=1) == 1
    pairs, likeness = pairs[between], likeness[between]
    order = np.lexsort((-likeness, pairs[:, 1]))
    return tuple(
        (names[b - len(rows)], store.images[rows[a]], str(store.split[rows[a]]))
        for a, b in pairs[order]
    )
