"""Report on a run, for the caller and for people."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.store import SPLITS, Store


@dataclass(frozen=True)
class Report:
    """Report on a run. ``skipped`` lists the ids of images left out, with the reason.

    ``images_per_second`` is of the images that this run encoded, None if there were none.
    """

    store: Path
    content_hash: str
    changed: bool
    images: dict[str, int]
    segments: int
    skipped: tuple[tuple[str, str], ...]
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
        warnings=tuple(store.attrs["warnings"]),
        images_per_second=speed,
        seconds=time.monotonic() - started,
    )


def duration(seconds: float) -> str:
    """``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
