"""Scores of new photos, and text vectors of new concepts, by the networks of a spec.

The networks need the extra ``precompute`` and are loaded at first use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.captions import caption_fault
from inficond_panel.common.installation import missing_extra, needs
from inficond_panel.concepts.caption_words import caption_scores, has_words, unknown_note
from inficond_panel.concepts.new_rows import NewRows, note_name, row_scores, undecided_notes
from inficond_panel.concepts.photo_scores import CAPTIONS, PhotoScores
from inficond_panel.concepts.texts import EncodesText
from inficond_panel.errors import CancelledError, DataError, MissingExtraError, Remedy
from inficond_panel.spec import Spec
from inficond_panel.spec.sections.encoder import PythonEncoder
from inficond_panel.store import Store
from inficond_panel.store.more_photos import Extended

Tell = Callable[[str], None]

#: Required packages, by kind of encoder; a function needs what it imports.
_PACKAGES = {"open_clip": ("torch", "open_clip"), "transformers": ("torch", "transformers")}
_AS_PACKAGE = "Register the function in a package (`inficond docs encoders`), or "
#: Features that need the extra, for error messages.
_PREDICTING, _TYPING = "Predicting a photo", "Typing a concept"
#: Suffixes of tables of captions.
_TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")
#: Place of a caption that is given as a text, not in a table.
_GIVEN = "a text"
_LARGEST = 2048  #: pixels of the longer side of a photo on the page
_WAIT = 0.2  #: seconds between checks for cancellation while waiting


class Networks(Protocol):
    """Protocol of objects that score photos by a spec's encoder and teacher, once loaded."""

    def scores(
        self, photos: Sequence[Path | bytes], progress: Tell = lambda _: None
    ) -> PhotoScores:
        """Return concept scores and teacher logits of photos, which are paths or files' bytes."""


def score_photos(
    spec: Spec, store: Store, photos: Sequence[Any], progress: Tell = lambda _: None
) -> PhotoScores:
    """Return concept scores and teacher logits of photos (files), for the concepts of ``store``.

    If the concepts are words of captions, ``photos`` are captions, or tables with the column of
    captions that the spec names. If the scores of the store were given as tables, ``photos`` are
    tables of new rows: files, or data frames (see ``concepts.new_rows``).

    Photos are always segmented and encoded anew. Raises as ``precompute.pipeline.apply``, and
    ``DataError`` if no photo can be read. Repeated files are scored once.
    """
    if store.of_words:
        return _score_captions(spec, store, list(map(str, photos)))
    if store.given:
        return _score_rows(store, photos)
    files = list(dict.fromkeys(Path(photo) for photo in photos))
    if not files:
        raise DataError("No photo is named.", "Name at least one photo file.")
    scores = _load(spec, store, progress).scores(files, progress)
    if all(scores.fault):
        reasons = "; ".join(f"{file}: {why}" for file, why in zip(files, scores.fault, strict=True))
        raise DataError(
            f"No photo can be read. {reasons}.",
            "Name JPEG, PNG, WebP or TIFF files; of a folder: FOLDER/*.jpg.",
        )
    return scores


def _score_rows(store: Store, named: Sequence[Any]) -> PhotoScores:
    """Return the concept scores of new rows of tables, which are files or data frames."""
    from precompute.pipeline.new_rows import read_new_rows  # noqa: PLC0415 - reads files

    if not named:
        raise DataError(
            "No table is named.",
            "Name a table of new rows: "
            + Remedy("inficond predict STORE new.csv", 'students.predict_images("new.csv")'),
        )
    read = [
        read_new_rows(Path(each)) if isinstance(each, str | Path) else NewRows.of_frame(each)
        for each in named
    ]
    return row_scores(store, read)


def _score_captions(spec: Spec, store: Store, named: Sequence[str]) -> PhotoScores:
    """Return the concept scores of captions, which are texts, or tables of captions."""
    column = None if spec.of_store else getattr(spec.dataset, "captions", None)
    captions, faults = dict[str, str](), dict[str, str]()
    places = dict[str, str]()
    for text in named:
        if Path(text).suffix.lower() in _TABLES and not any(map(str.isspace, text)):
            from precompute.pipeline.new_captions import read_captions  # noqa: PLC0415 - reads files

            for each in read_captions(Path(text), column or "caption"):
                note_name(places, each.image, each.place, "caption")
                captions[each.image], faults[each.image] = each.text, each.fault
        elif fault := caption_fault(text):
            raise DataError(f"The caption {text[:40]!r} {fault}.", "Write a sentence or a few.")
        else:
            if places.setdefault(text, _GIVEN) != _GIVEN:  # the same text twice is one caption
                note_name(places, text, _GIVEN, "caption")
            captions[text], faults[text] = text, ""
    told = undecided_notes(list(faults), list(faults.values()), "caption")
    if not has_words(list(captions.values())):
        raise DataError(
            " ".join(["No caption has a word.", *told]),
            'Name captions, "a man in a red hat", or a table of them.',
        )
    texts = [(name, *store.synonyms.get(name, ())) for name in store.concepts]
    score = caption_scores(list(captions.values()), texts)
    score[[bool(fault) for fault in faults.values()]] = np.nan
    return PhotoScores(
        tuple(captions),
        tuple(faults.values()),
        tuple(store.concepts),
        tuple(store.classes),
        score,
        no_teacher="the teacher does not run on captions",
        things=CAPTIONS,
        notes=(*told, *filter(None, [unknown_note(score, list(captions))])),
    )


def extend_store(
    spec: Spec,
    store: Path,
    photos: Sequence[str | Path],
    logits: str | Path | None = None,
    progress: Tell = lambda _: None,
) -> Extended:
    """Add photos to a store with ``precompute.extend``; the teacher labels them, or, for a teacher
    that is a table, the table ``logits``."""
    with needs("Adding photos", "precompute"):
        from precompute.pipeline.more import extend  # noqa: PLC0415 - heavy, and an extra
    return extend(spec, store, photos, logits=logits, progress=progress)


class PagePhotos:
    """Scorer of photos that users upload to the page; sessions share its networks in turn."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    @property
    def side(self) -> int:
        """Pixels of the longer side that the browser scales a photo down to.

        Twice the encoder's size, so that the shorter side of a 2 : 1 photo has the encoder's size.
        """
        encoder = self.spec.concepts.encoder
        size = (encoder.image_size if encoder else None) or 0
        longest = max(size) if isinstance(size, tuple | list) else size
        return min(_LARGEST, max(_LARGEST // 2, 2 * longest))

    def check(self, store: Store) -> None:
        """Raise the errors of ``score`` that need no loaded network."""
        if store.given:
            raise DataError(
                "Photos cannot be predicted: the scores of this store were given as tables, "
                "without an encoder.",
                "Predict new rows of a table: "
                + Remedy("inficond predict STORE new.csv", 'students.predict_images("new.csv")'),
            )
        if self.spec.of_store:  # the message hides the store's path, which is private to the server
            raise DataError(
                "This page was opened from a store without its spec, so the encoder is unknown.",
                "Open the spec that the store was made from.",
            )
        if store.of_words:
            raise DataError(
                "The concepts of this store are words of captions, so that a photo has no scores.",
                "Predict captions: "
                + Remedy('inficond predict SPEC "CAPTION"', "students.predict_images([CAPTION])"),
            )
        stages = store.attrs.get("stages")
        if not isinstance(stages, dict) or "segments" not in stages:
            raise DataError(
                "The store does not record how its photos were encoded and segmented.",
                Remedy(
                    "Make the store from photos: inficond precompute SPEC",
                    "Make the store from photos: build(...); from a spec: inficond precompute SPEC",
                ),
            )
        if self.spec.concepts.segments.method == "file":
            raise DataError(
                "The segments of this spec come from files, and a new photo has no such file.",
                "Open a spec whose concepts.segments.method is not file.",
            )
        _check_code(
            self.spec,
            Remedy("use inficond predict SPEC PHOTO --allow-python", "call spec.allow_python()"),
        )
        _check_packages(_PREDICTING, self.spec)

    def score(
        self, store: Store, photo: bytes, progress: Tell, cancelled: Callable[[], bool]
    ) -> PhotoScores:
        """Return the scores of one photo (bytes of its file); nothing is stored.

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
            raise DataError(f"The photo cannot be read: {scores.fault[0]}.", "Take another photo.")
        return scores


_TURN = Lock()


def _load(spec: Spec, store: Store, progress: Tell = lambda _: None) -> Networks:
    try:
        from precompute.pipeline.apply import load  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise _missing(_PREDICTING, error) from error
    return load(spec, store, progress)


_shared = once(1)(_load)


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise CancelledError("Cancelled.")


def text_encoder(spec: Spec) -> EncodesText:
    """Load and return the text tower of a spec's encoder.

    Raises ``MissingExtraError`` without the extra, ``SpecError`` for a spec without encoder.
    """
    spec.check_making()
    _check_encoder(spec)
    try:
        from precompute.encoder import load_text_encoder  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise _missing(_TYPING, error) from error
    return load_text_encoder(spec.concepts.encoder, spec.device)


class PageEncoder:
    """Text tower of a spec's encoder for the page, loaded once for all sessions."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def check(self) -> None:
        """Raise the errors of ``text_encoder`` that need no loaded encoder."""
        self.spec.check_making()
        _check_encoder(self.spec)
        _check_code(
            self.spec,
            Remedy(
                "type it as inficond concept add SPEC WORDS --allow-python",
                "call spec.allow_python()",
            ),
        )
        _check_packages(_TYPING, self.spec)

    @property
    def digest(self) -> str:
        """SHA-256 that identifies the encoder; loads the encoder at first use."""
        return _loaded(self.spec).digest

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors ``(len(texts), embed)`` float32 of texts."""
        return _loaded(self.spec).embed_text(texts)


_loaded = once(2)(text_encoder)


def _check_encoder(spec: Spec) -> None:
    """Raise ``DataError`` if the spec's concepts are words of captions, without an encoder."""
    if spec.concepts.of_words:
        raise DataError(
            "The concepts of this spec are words of captions, so that there is no encoder.",
            Remedy(
                f"Write the word into {spec.concepts.corpus.name}, and run inficond precompute."
            ),
        )


def _check_code(spec: Spec, instead: str) -> None:
    """Raise ``DataError`` if the encoder is a Python function of the user that is not allowed."""
    encoder = spec.concepts.encoder
    if isinstance(encoder, PythonEncoder) and not encoder.allowed:
        raise DataError(
            f"The encoder is Python code, {encoder.title}, which the page does not run.",
            _AS_PACKAGE + instead,
        )


def _check_packages(what: str, spec: Spec) -> None:
    for name in _PACKAGES.get(spec.concepts.encoder.kind, ()):
        if find_spec(name) is None:
            raise _missing(what, name)


def _missing(what: str, error: ImportError | str) -> MissingExtraError:
    package = error if isinstance(error, str) else error.name
    extras = ["precompute", *(["transformers"] if package == "transformers" else [])]
    return missing_extra(what, error, *extras)
