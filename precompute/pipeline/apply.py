"""New photos through the whole way of a store's: encoder, segments, scores; and the teacher."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from inficond_panel.common.devices import device_text
from inficond_panel.common.numbers import size_text
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.photo_scores import PhotoScores, PhotoSegments, ScoredTexts
from inficond_panel.concepts.typed import base_of
from inficond_panel.errors import DataError, InficondError
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.teacher import LogitsTeacher, NetworkTeacher
from inficond_panel.store import Store
from inficond_panel.store.images import UnreadableImage, decode
from precompute.batches.results import Arrays, plain, stage_of
from precompute.batches.run import Settings, segment_batch
from precompute.datasets import load_dataset
from precompute.encoder import Encoder, encoder_inputs, load_encoder
from precompute.segments import SegmentSettings, settings_of
from precompute.segments.files import read_mask
from precompute.teachers.applied import AppliedTeacher, reason_of, teacher_of
from precompute.teachers.loading import network_inputs
from precompute.teachers.outputs import resolved
from precompute.teachers.stage import check_finite

#: Bytes of the largest file that is read as a new photo.
MOST_BYTES = 64_000_000

Progress = Callable[[str], None]


def load(spec: Spec, store: Store, progress: Progress = lambda _: None) -> Applying:
    """Encoder and teacher of ``spec``, ready to treat photos as those of ``store`` were treated.

    Raises ``DataError`` for a store that was made in another way than the spec says, ``SpecError``
    for a spec that names no encoder, ``MissingExtraError`` without the packages of the extra
    ``precompute``.
    """
    spec.check_making()
    section = spec.concepts.encoder
    settings = checked_settings(spec, store)
    progress(f"Device: {device_text(spec.device)}")
    with one_thread():
        encoder = load_encoder(section, spec.device)
        scorer = Scorer(encoder, section.batch, settings, ScoredTexts.of(store))
        teacher, no_teacher = teacher_of(spec, store, encoder)
    return Applying(store, scorer, teacher, no_teacher)


Part = tuple[list[str], np.ndarray, np.ndarray, list[PhotoSegments | None], str]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Encoder, segments and texts of a store, applied to images outside it.

    ``size`` is that of the encoder's batch, which is always full: it is in the rounding.
    """

    encoder: Encoder
    size: int
    settings: Settings
    texts: ScoredTexts

    def score(
        self, images: list[Image.Image], names: list[str]
    ) -> tuple[np.ndarray, list[PhotoSegments]]:
        """Scores ``(n, C)`` float32 and segments of at most ``size`` images.

        ``names`` are those of masks.
        """
        with one_thread():
            return self.of_cells(images, self.encoder.dense(self.full_batch(images)), names)

    def full_batch(self, images: list[Image.Image]) -> np.ndarray:
        """A full batch ``(size, 3, height, width)`` of prepared images, the last one repeated."""
        pixels = [self.encoder.prepare(image) for image in images]
        return np.stack([*pixels, *[pixels[-1]] * (self.size - len(pixels))])

    def of_cells(
        self, images: list[Image.Image], cells: np.ndarray, names: list[str]
    ) -> tuple[np.ndarray, list[PhotoSegments]]:
        """The same of images that are encoded: ``cells`` ``(size, h, w, embed)`` of the batch."""
        arrays = segment_batch(images, cells[: len(images)], self.settings, names)
        owner = np.repeat(np.arange(len(images)), arrays["segments"])
        score = self.texts.score(arrays["embedding"], owner, len(images))
        return score, _segments_of(arrays)


@dataclass(frozen=True)
class Applying:
    """Scorer and teacher of a store, loaded, for photos that are in none."""

    store: Store
    scorer: Scorer
    teacher: AppliedTeacher | None
    no_teacher: str

    def scores(
        self, photos: Sequence[Path | bytes], progress: Progress = lambda _: None
    ) -> PhotoScores:
        """Scores of photos, files or their content, by the concepts of the store.

        The encoder always runs on a whole batch of the spec's size, filled up with copies, so that
        a photo's numbers do not depend on the others: rounding differs by the size of a batch. A
        photo that is in the store has its scores again but for rounding on another machine. Photos
        with a fault are told in ``fault``, the others go on; nothing is written. A teacher that
        fails is left out, and ``no_teacher`` tells why: the students do not need it.
        """
        parts, store = [], self.store
        with one_thread():
            for batch in batches(photos, self.scorer.size):
                parts.append(self.batch(batch))
                progress(f"Photos: {sum(map(len, (part[0] for part in parts)))} of {len(photos)}")
        fault, score, logit, segments, failed = zip(*parts, strict=True)
        no_teacher = next(filter(None, failed), self.no_teacher)
        return PhotoScores(
            photos=tuple(str(photo) if isinstance(photo, Path) else "" for photo in photos),
            fault=tuple(reason for part in fault for reason in part),
            concepts=tuple(store.concepts),
            classes=tuple(store.classes),
            score=np.concatenate(score),
            teacher=None if no_teacher else np.concatenate(logit),
            no_teacher=no_teacher,
            segments=tuple(one for part in segments for one in part),
        )

    def batch(self, photos: Sequence[Path | bytes]) -> Part:
        """Faults, scores ``(n, C)``, log odds of the teacher ``(n, K)`` and segments of photos; and
        why the teacher failed, else ""."""
        images, faults = read_photos(photos, self.scorer.settings.segments)
        read = [i for i, fault in enumerate(faults) if not fault]
        store = self.store
        score = np.full((len(photos), len(store.concepts)), np.nan, np.float32)
        logit = np.full((len(photos), len(store.classes)), np.nan, np.float32)
        segments: list[PhotoSegments | None] = [None] * len(photos)
        failed = ""
        if read:
            cells, whole = self._encoded(images)
            names = [_name(photos[i]) for i in read]
            score[read], shown = self.scorer.of_cells(images, cells, names)
            for i, of_photo in zip(read, shown, strict=True):
                segments[i] = of_photo
            if self.teacher:
                try:
                    logit[read] = self.teacher.log_odds(images, whole)
                    check_finite("logits", logit[read], [_name(photos[i]) for i in read])
                except InficondError as error:
                    failed = reason_of(error)
        return faults, score, logit, segments, failed

    def _encoded(self, images: list[Image.Image]) -> tuple[np.ndarray, np.ndarray | None]:
        """Embeddings of places of a full batch, and of the whole images where heads need them."""
        encoder, pixels = self.scorer.encoder, self.scorer.full_batch(images)
        if self.teacher is None or self.teacher.network:
            return encoder.dense(pixels), None
        cells, whole = encoder.dense_with_whole(pixels)
        return cells, whole[: len(images)]


def scorer_of(spec: Spec, store: Store) -> Scorer:
    """The scorer of a store on the processor; raises what ``apply`` does."""
    spec.check_making()
    settings = checked_settings(spec, store)
    section = spec.concepts.encoder
    return Scorer(load_encoder(section), section.batch, settings, ScoredTexts.of(store))


def photos_of(spec: Spec, ids: Sequence[str]) -> dict[str, Image.Image]:
    """Photos of the spec's data set by their ids; those that cannot be read are left out.

    Raises ``DataError`` where none is there, and what reading the data set does.
    """
    spec.check_making()
    dataset = load_dataset(spec.dataset)
    position_of = {name: at for at, name in enumerate(dataset.ids)}
    photos = {}
    for name in ids:
        try:
            photos[name] = dataset.load(position_of[name])
        except (UnreadableImage, KeyError):
            continue
    if not photos:
        raise DataError("None of the photos is there.", "Bring them to where the spec names them.")
    return photos


def _segments_of(arrays: Arrays) -> list[PhotoSegments]:
    """Masks and embeddings of a batch, by photo."""
    shapes = arrays["thumbnail_shape"].astype(np.int64)
    masks = np.split(arrays["mask"], np.cumsum(shapes.prod(axis=1))[:-1])
    embeddings = np.split(arrays["embedding"], np.cumsum(arrays["segments"])[:-1])
    return [
        PhotoSegments(mask.reshape(shape), embedding)
        for mask, shape, embedding in zip(masks, shapes, embeddings, strict=True)
    ]


def _name(photo: Path | bytes) -> str:
    return photo.stem if isinstance(photo, Path) else ""


def read_photos(
    photos: Sequence[Path | bytes], settings: SegmentSettings
) -> tuple[list[Image.Image], list[str]]:
    """Images of the photos that can be read; the fault of each photo, "" where it has none."""
    images, faults = [], []
    for photo in photos:
        try:
            images.append(read_photo(photo, settings))
            faults.append("")
        except UnreadableImage as fault:
            faults.append(str(fault) or "unreadable")
    return images, faults


def read_photo(photo: Path | bytes, settings: SegmentSettings) -> Image.Image:
    """Image of a new photo, a file or its content; raises ``UnreadableImage`` with the reason.

    Where segments come from files, its mask lies among them by the photo's name.
    """
    try:
        large = _bytes_of(photo) > MOST_BYTES
    except OSError as error:  # such as a folder that may not be entered
        raise UnreadableImage(error.strerror or str(error)) from error
    if large:
        raise UnreadableImage(f"larger than {size_text(MOST_BYTES)}")
    image = decode(photo)
    if settings.method == "file":
        read_mask(Path(settings.masks), _name(photo), image.size)
    return image


def _bytes_of(photo: Path | bytes) -> int:
    if isinstance(photo, bytes):
        return len(photo)
    return photo.stat().st_size if photo.is_file() else 0


P = TypeVar("P")


def batches(photos: Sequence[P], size: int) -> Iterator[Sequence[P]]:
    """Cut photos into batches of the encoder; the last batch may be shorter."""
    return (photos[start : start + size] for start in range(0, len(photos), size))


def checked_settings(spec: Spec, store: Store) -> Settings:
    """Settings of the store's segments; ``DataError`` where the spec would make others."""
    settings = _settings(spec, store)
    _check_made_alike(spec, store, settings)
    return settings


def checked_teacher(spec: Spec, store: Store) -> LogitsTeacher | NetworkTeacher:
    """The section of the store's teacher; ``DataError`` where the spec names another one.

    The size of its batches, its oracle and the file of a table may be others.
    """
    section = resolved(spec.teacher, store.classes)
    inputs = network_inputs(section, store.classes, spec.concepts.encoder, base_of(store).concepts)
    now = json.loads(json.dumps(plain(inputs["settings"])))
    made = stage_of(store, "teacher").get("inputs", {}).get("settings", {})
    free = {"batch", "oracle", *(["path"] if section.kind == "logits" else [])}
    differ = [key for key in sorted({*now, *made} - free) if now.get(key) != made.get(key)]
    if differ:
        raise DataError(
            f"teacher.{differ[0]} is {now.get(differ[0])!r} in the spec, but the store was made "
            f"with {made.get(differ[0])!r}.",
            "Name the teacher that the store was made with, or make the store again.",
        )
    checked: LogitsTeacher | NetworkTeacher = section
    return checked


def _settings(spec: Spec, store: Store) -> Settings:
    """Settings of the store's segments; a head that was trained for it lies beside it."""
    section = spec.concepts
    segments = settings_of(section.segments)
    if segments.method == "head" and not segments.head:
        head = store.path.with_name(f"{store.path.stem}.head.safetensors")
        if not head.is_file():
            raise DataError(
                f"The head of the segments, {head}, is not there.",
                "Make the store again, which trains it: inficond precompute SPEC",
            )
        segments = replace(segments, head=str(head))
    return Settings(segments, section.thumbnails.size, section.thumbnails.quality)


def _check_made_alike(spec: Spec, store: Store, settings: Settings) -> None:
    """Raise ``DataError`` where the spec would encode or divide photos in another way."""
    made = stage_of(store, "segments").get("inputs", {})
    if not {"encoder", "segments", "thumbnails"} <= made.keys():
        raise DataError(
            f"{store.path} does not record how its photos were encoded and segmented.",
            "Name a spec whose store was made from photos: inficond precompute SPEC",
        )
    segments = settings.segments.inputs()
    trained = made["segments"].get("head")
    if isinstance(trained, dict):  # for the store: told by what it was trained from, not by a hash
        segments["head"] = trained
    now: dict[str, dict[str, Any]] = {
        "encoder": encoder_inputs(spec.concepts.encoder),
        "segments": segments,
        "thumbnails": {"size": settings.thumbnail_size},
    }
    for part, values in now.items():
        differ = [key for key, value in values.items() if made[part].get(key) != plain(value)]
        if differ:
            raise DataError(
                f"concepts.{part}.{differ[0]} is {values[differ[0]]!r} in the spec, but the store "
                f"was made with {made[part].get(differ[0])!r}.",
                "Make the store again, or name the spec that it was made from.",
            )
