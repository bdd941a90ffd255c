"""Report on a run, for the caller and for people."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import SPLITS
from precompute.batches.reuse import stage_of
from precompute.concepts.filters import Dropped, filter_lines


@dataclass(frozen=True)
class Report:
    """Report on a run. ``skipped`` lists the ids of images left out, with the reason.

    ``dropped`` lists the words that ``concepts.filters`` left out: name, filter, and its number.
    ``images_per_second`` is of the images that this run encoded, None if there were none.
    """

    store: Path
    content_hash: str
    changed: bool
    images: dict[str, int]
    segments: int
    skipped: tuple[tuple[str, str], ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]
    images_per_second: float | None
    seconds: float


def report_on(store: Store, changed: bool, speed: float | None, started: float) -> Report:
    """Report on the run that began at ``started`` (monotonic seconds)."""
    return Report(
        store=store.path,
        content_hash=store.content_hash,
        changed=changed,
        images={split: len(store.rows(split)) for split in SPLITS},
        segments=len(store.segment_image),
        skipped=tuple((image, reason) for image, reason in store.attrs["skipped"]),
        dropped=tuple(
            (name, key, why) for name, key, why in stage_facts(store, "text").get("dropped", ())
        ),
        warnings=tuple(store.attrs["warnings"]),
        images_per_second=speed,
        seconds=time.monotonic() - started,
    )


def stage_facts(store: Store, stage: str) -> Mapping[str, Any]:
    """Facts that a store keeps of one stage, beside its arrays."""
    told: Mapping[str, Any] = stage_of(store, stage).get("told", {})
    return told


def dropped_lines(told: Mapping[str, Any]) -> list[str]:
    """Effect of the filters of the concepts for people; none where there are no filters."""
    return filter_lines(len(told["concepts"]), told["dropped"]) if "dropped" in told else []


def duration(seconds: float) -> str:
    """``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
