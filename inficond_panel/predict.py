"""Photos that are in no store, and words that it has no scores of, through the networks of a spec.

The networks are an extra, loaded when first used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.installation import missing_extra
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.concepts.texts import TextEncoder
from inficond_panel.errors import CancelledError, DataError, MissingExtraError
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.store.more_photos import Extended

Progress = Callable[[str], None]

#: By the kind of the encoder.
_PACKAGES = {"open_clip": ("torch", "open_clip"), "transformers": ("torch", "transformers")}
#: What needs the extra.
_PREDICTING, _TYPING = "Predicting a photo", "Typing a concept"
_LARGEST = 2048  #: pixels of the longer side of a photo on the page
_WAIT = 0.2  #: seconds between looks whether one who waits has given up


class Networks(Protocol):
    """The loaded encoder and teacher of a spec."""

    def scores(
        self, photos: Sequence[Path | bytes], progress: Progress = lambda _: None
    ) -> PhotoScores:
        """Scores of photos, files or their content."""


def score_photos(
    spec: Spec,
    store: Store,
    photos: Sequence[str | Path],
    progress: Progress = lambda _: None,
) -> PhotoScores:
    """Scores of photos (files, each once) by the concepts of ``store``, and the teacher's logits.

    Through the encoder and the segments, never looked up: see ``precompute.pipeline.apply``. Raises
    what that does, and ``DataError`` where none of the photos can be read.
    """
    files = list(dict.fromkeys(Path(photo) for photo in photos))
    if not files:
        raise DataError("No photo is named.", "Name the files of photos.")
    scores = _load(spec, store, progress).scores(files, progress)
    if all(scores.fault):
        reasons = "; ".join(f"{file}: {why}" for file, why in zip(files, scores.fault, strict=True))
        raise DataError(f"No photo can be read. {reasons}.", "Name JPEG, PNG, WebP or TIFF files.")
    return scores


def extend_store(
    spec: Spec,
    store: Path,
    photos: Sequence[str | Path],
    logits: str | Path | None = None,
    progress: Progress = lambda _: None,
) -> Extended:
    """Add photos beside the store at ``store``, labelled by the teacher: ``precompute.extend``."""
    try:
        from precompute.pipeline.more import extend  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise missing_extra("Adding photos", error, "precompute") from error
    return extend(spec, store, photos, logits=logits, progress=progress)


class PagePhotos:
    """Photos put on the page: all sessions share the loaded networks, one photo at a time."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    @property
    def side(self) -> int:
        """Pixels of the longer side that a photo is scaled down to before it is sent.

        Twice the encoder's, so that one of 2 : 1 has as many as that in its shorter side.
        """
        size = self.spec.concepts.encoder.image_size or 0
        longest = max(size) if isinstance(size, tuple | list) else size
        return min(_LARGEST, max(_LARGEST // 2, 2 * longest))

    def check(self, store: Store) -> None:
        """Raise what ``score`` would, as far as that is known; loads nothing."""
        if self.spec.of_store:  # told without the place of the store, which is the server's own
            raise DataError(
                "This page is of a store alone: no spec names its encoder.",
                "Open it by the spec that the store was made from.",
            )
        stages = store.attrs.get("stages")
        if not isinstance(stages, dict) or "segments" not in stages:
            raise DataError(
                "The store does not record how its photos were encoded and segmented.",
                "Make it from photos: inficond precompute SPEC",
            )
        if self.spec.concepts.segments.method == "file":
            raise DataError("The segments come from files, and a photo on the page has none.")
        _check_packages(_PREDICTING, self.spec)

    def score(
        self, store: Store, photo: bytes, progress: Progress, cancelled: Callable[[], bool]
    ) -> PhotoScores:
        """Scores of one photo, given by its content; nothing of it is kept.

        Raises as ``score_photos``, and ``CancelledError``.
        """
        while not _TURN.acquire(timeout=_WAIT):
            _stop_if(cancelled)
        try:
            progress("Loading the encoder, which may take a minute the first time")
            networks = _shared(self.spec, store)
            _stop_if(cancelled)
            progress("Encoding the photo")
            scores = networks.scores([photo])
        finally:
            _TURN.release()
        _stop_if(cancelled)
        if scores.fault[0]:
            raise DataError(f"The photo cannot be read: {scores.fault[0]}.", "Choose another.")
        return scores


_TURN = Lock()


def _load(spec: Spec, store: Store, progress: Progress = lambda _: None) -> Networks:
    try:
        from precompute.pipeline.apply import load  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise _missing(_PREDICTING, error) from error
    return load(spec, store, progress)


@once(1)
def _shared(spec: Spec, store: Store) -> Networks:
    return _load(spec, store)


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise CancelledError("Cancelled.")


def text_encoder(spec: Spec) -> TextEncoder:
    """The text tower of a spec's encoder.

    Raises ``MissingExtraError`` without the extra, ``SpecError`` for a spec that names none.
    """
    spec.check_making()
    try:
        from precompute.encoder import load_text_encoder  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise _missing(_TYPING, error) from error
    return load_text_encoder(spec.concepts.encoder, spec.device)


class PageEncoder:
    """The text tower of a spec's encoder as the page has it: all sessions share the loaded one."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def check(self) -> None:
        """Raise what ``text_encoder`` does, as far as that is known; loads nothing."""
        self.spec.check_making()
        _check_packages(_TYPING, self.spec)

    @property
    def digest(self) -> str:
        """SHA-256 of what the encoder is; loads it."""
        return _loaded(self.spec).digest

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Unit vectors ``(len(texts), embed)`` float32 of texts."""
        return _loaded(self.spec).embed_text(texts)


_loaded = once(2)(text_encoder)


def _check_packages(what: str, spec: Spec) -> None:
    for name in _PACKAGES[spec.concepts.encoder.kind]:
        if find_spec(name) is None:
            raise _missing(what, name)


def _missing(what: str, error: ImportError | str) -> MissingExtraError:
    package = error if isinstance(error, str) else error.name
    extras = ["precompute", *(["transformers"] if package == "transformers" else [])]
    return missing_extra(what, error, *extras)
