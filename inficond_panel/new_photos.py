"""Photos that are in no store, scored by the concepts of one: an extra, loaded when first used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.spec import Spec
from inficond_panel.store import Store


def score_photos(
    spec: Spec,
    store: Store,
    photos: Sequence[str | Path],
    progress: Callable[[str], None] = lambda _: None,
) -> PhotoScores:
    """Scores of photos (files, each once) by the concepts of ``store``, and the teacher's logits.

    Through the encoder and the segments, never looked up: see ``precompute.pipeline.apply``. Raises
    what that does, and ``DataError`` where none of the photos can be read.
    """
    files = list(dict.fromkeys(Path(photo) for photo in photos))
    if not files:
        raise DataError("No photo is named.", "Name the files of photos.")
    try:
        from precompute.pipeline.apply import apply  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise MissingExtraError(
            f"Predicting photos needs packages that are not installed ({error.name}).",
            "Install them: pip install 'inficond-panel[precompute]'",
        ) from error
    found = apply(spec, store, files, progress)
    if all(found.fault):
        told = "; ".join(f"{file}: {why}" for file, why in zip(files, found.fault, strict=True))
        raise DataError(f"No photo can be read. {told}.", "Name JPEG, PNG, WebP or TIFF files.")
    return found
