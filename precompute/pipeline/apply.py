"""Score new photos as the photos of a store were scored: segments, concept scores, teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import device_text
from inficond_panel.common.numbers import size_text
from inficond_panel.common.places import beside
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.photo_scores import PhotoScores, PhotoSegments, ScoredTexts
from inficond_panel.errors import DataError, InficondError, Remedy, precompute_command
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.store.grey_levels import Grey
from inficond_panel.store.images import UnreadableImage, decode
from precompute.batches.results import plain, stage_of
from precompute.batches.run import RunSettings, Tell, in_threads, segment_batch, usual_workers
from precompute.datasets import load_dataset
from precompute.datasets.dataset import readable
from precompute.encoder import Encoder, encoder_inputs, load_encoder
from precompute.segments import SegmentSettings, read_mask, settings_of
from precompute.teachers.applied import AppliedTeacher, reason_of, teacher_of
from precompute.teachers.stage import check_finite

#: Bytes of the largest file that is read as a new photo.
MOST_BYTES = 64_000_000


def load(spec: Spec, store: Store, progress: Tell = lambda _: None) -> Applying:
    """Load encoder and teacher of ``spec``, to score new photos like the photos of ``store``.

    Raises ``DataError`` for a store that was made with other settings than the spec's,
    ``SpecError`` for a spec without an encoder, and ``MissingExtraError`` if packages of the extra
    ``precompute`` are missing.
    """
    spec.check_making()
    section = spec.concepts.encoder
    settings = checked_settings(spec, store)
    progress(f"Device: {device_text(spec.device)}")
    with one_thread():
        encoder = load_encoder(section, spec.device)
        scorer = Scorer(encoder, section.batch, settings, ScoredTexts.of(store))
        teacher, no_teacher = teacher_of(spec, store, encoder)
    grey = getattr(spec.dataset, "grey", None)
    return Applying(store, scorer, teacher, no_teacher, grey)


AppliedPart = tuple[list[str], np.ndarray, np.ndarray, list[PhotoSegments | None], str]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Encoder, segment settings and concept texts of a store, which score images outside it.

    ``size`` is the encoder's batch size. Batches are always full: rounding depends on their size.
    """

    encoder: Encoder
    size: int
    settings: RunSettings
    texts: ScoredTexts

    def score(
        self, images: list[Image.Image], names: list[str]
    ) -> tuple[np.ndarray, list[PhotoSegments]]:
        """Return concept scores ``(n, C)`` float32 and the segments of at most ``size`` images.

        ``names`` are the names of the images' mask files.
        """
        with one_thread():
            return self.of_cells(images, self.encoder.dense(self.full_batch(images)), names)

    def full_batch(self, images: list[Image.Image]) -> np.ndarray:
        """Return prepared images ``(size, 3, height, width)``, filled up with the last one."""
        pixels = [self.encoder.prepare(image) for image in images]
        return np.stack([*pixels, *[pixels[-1]] * (self.size - len(pixels))])

    def of_cells(
        self, images: list[Image.Image], cells: np.ndarray, names: list[str]
    ) -> tuple[np.ndarray, list[PhotoSegments]]:
        """Return the result of ``score`` for cell embeddings ``(size, h, w, embed)``."""
        arrays = segment_batch(images, cells[: len(images)], self.settings, names)
        owner = np.repeat(np.arange(len(images)), arrays["segments"])
        score = self.texts.score(arrays["embedding"], owner, len(images))
        shapes = arrays["thumbnail_shape"].astype(np.int64)
        masks = np.split(arrays["mask"], np.cumsum(shapes.prod(axis=1))[:-1])
        embeddings = np.split(arrays["embedding"], np.cumsum(arrays["segments"])[:-1])
        return score, [
            PhotoSegments(mask.reshape(shape), embedding)
            for mask, shape, embedding in zip(masks, shapes, embeddings, strict=True)
        ]


@dataclass(frozen=True)
class Applying:
    """Scorer and teacher of a store, loaded to score new photos. ``teacher`` is None if it cannot
    run; ``no_teacher`` then states why. ``grey`` is ``dataset.grey`` of the spec."""

    store: Store
    scorer: Scorer
    teacher: AppliedTeacher | None
    no_teacher: str
    grey: Grey = None

    def scores(
        self, photos: Sequence[Path | bytes], progress: Tell = lambda _: None
    ) -> PhotoScores:
        """Return concept scores and teacher's log odds of photos, each a path or a file's bytes.

        The encoder always runs on a full batch of the spec's size, filled up with copies: rounding
        depends on the batch size, and so a photo's numbers do not depend on the other photos. A
        photo that is in the store gets its stored scores (up to rounding on another machine).
        ``fault`` has the reason for each unreadable photo; nothing is written. If the teacher
        fails, ``teacher`` is None and ``no_teacher`` the reason: students do not need the teacher.
        """
        parts, store, size, done = [], self.store, self.scorer.size, 0
        batches = [photos[first : first + size] for first in range(0, len(photos), size)]
        for number, part in in_threads(self.batch, batches, min(usual_workers(), len(batches))):
            parts.append(part)
            done += len(batches[number])
            progress(f"Photos: {done} of {len(photos)}")
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

    def batch(self, photos: Sequence[Path | bytes]) -> AppliedPart:
        """Return, for at most ``size`` photos: the faults; scores ``(n, C)``; the teacher's log
        odds ``(n, K)``; the segments; and why the teacher failed, "" if it did not."""
        settings = self.scorer.settings.segments
        read_one = partial(read_photo, settings=settings, grey=self.grey)
        images, faults = readable(read_one, photos)
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
        """Return embeddings of cells, and of whole images if heads need them, else None."""
        encoder, pixels = self.scorer.encoder, self.scorer.full_batch(images)
        if self.teacher is None or self.teacher.network:
            return encoder.dense(pixels), None
        cells, whole = encoder.dense_with_whole(pixels)
        return cells, whole[: len(images)]


def scorer_of(spec: Spec, store: Store) -> Scorer:
    """Return the scorer of a store on the CPU; raises the errors of ``load``."""
    spec.check_making()
    settings = checked_settings(spec, store)
    section = spec.concepts.encoder
    return Scorer(load_encoder(section), section.batch, settings, ScoredTexts.of(store))


def photos_of(spec: Spec, ids: Sequence[str]) -> dict[str, Image.Image]:
    """Return photos of the spec's data set by id; unknown ids and unreadable photos are left out.

    Raises ``DataError`` if no photo can be read, and the errors of ``load_dataset``.
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
        raise DataError(
            "No photo can be read.", "Restore the data set's files, or correct their paths."
        )
    return photos


def _name(photo: Path | bytes) -> str:
    return photo.stem if isinstance(photo, Path) else ""


def read_photo(photo: Path | bytes, settings: SegmentSettings, grey: Grey = None) -> Image.Image:
    """Read a new photo as ``decoded`` does. If segments come from files, the mask file with the
    photo's name is checked too."""
    image = decoded(photo, grey)
    if settings.method == "file":
        read_mask(Path(settings.masks), _name(photo), image.size)
    return image


def decoded(photo: Path | bytes, grey: Grey = None) -> Image.Image:
    """Read a new photo from a path or a file's bytes; raises ``UnreadableImage`` with the
    reason."""
    size = 0
    try:
        if isinstance(photo, bytes):
            size = len(photo)
        elif photo.is_file():
            size = photo.stat().st_size
    except OSError as error:  # such as a folder that may not be entered
        raise UnreadableImage(error.strerror or str(error)) from error
    if size > MOST_BYTES:
        raise UnreadableImage(f"the file is larger than {size_text(MOST_BYTES)}")
    return decode(photo, grey)


def checked_settings(spec: Spec, store: Store) -> RunSettings:
    """Return the settings of the store's segments; ``DataError`` if the spec's settings differ. A
    trained head is the file beside the store."""
    section = spec.concepts
    segments = settings_of(section.segments)
    if segments.method == "head" and not segments.head:
        head = beside(store.path).with_suffix(".head.safetensors")
        if not head.is_file():
            raise DataError(
                f"The file of the segmentation head, {head}, is missing.",
                "Make the store again, which trains the head: " + precompute_command(),
            )
        segments = replace(segments, head=str(head))
    settings = RunSettings(segments, section.thumbnails.size, section.thumbnails.quality)
    _check_made_alike(spec, store, settings)
    return settings


def _check_made_alike(spec: Spec, store: Store, settings: RunSettings) -> None:
    """Raise ``DataError`` if the store was encoded or segmented with other settings."""
    made = stage_of(store, "segments").get("inputs", {})
    if not {"encoder", "segments", "thumbnails"} <= made.keys():
        raise DataError(
            f"{store.path} does not record how its photos were encoded and segmented.",
            Remedy(
                "Use a store that was made from photos: inficond precompute SPEC",
                "Use a store that was made from photos: build(...); from a spec: inficond "
                "precompute SPEC",
            ),
        )
    segments = settings.segments.inputs()
    trained = made["segments"].get("head")
    if isinstance(trained, dict):  # recorded as the inputs of its training, not as a file's hash
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
                "Make the store again ("
                + precompute_command()
                + "), or use the spec that made it.",
            )
