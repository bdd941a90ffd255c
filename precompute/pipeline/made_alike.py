"""Settings of a store's segments, of a spec that encodes and divides photos as the store's were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from inficond_panel.errors import DataError
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from precompute.batches.reuse import stage_of
from precompute.batches.segmenting import Settings
from precompute.encoder import encoder_inputs
from precompute.pipeline.inputs import plain
from precompute.segments import settings_of


def checked_settings(spec: Spec, store: Store) -> Settings:
    """Settings of the store's segments; ``DataError`` where the spec would make others."""
    settings = _settings(spec, store)
    _check_made_alike(spec, store, settings)
    return settings


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
            f"{store.path} does not tell how photos were encoded and divided for it.",
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
                f"The store was made with another {differ[0]} of concepts.{part} than the spec "
                f"says: {made[part].get(differ[0])!r}, now {values[differ[0]]!r}.",
                "Make the store again, or name the spec that it was made from.",
            )
