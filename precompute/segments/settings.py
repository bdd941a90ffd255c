"""Settings that segments depend on beside the image, as plain values."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from inficond_panel.spec.sections.concepts import Segments

#: Raise it when the same settings no longer give the same segments.
RECIPE = 3


@dataclass(frozen=True)
class SegmentSettings:
    """Settings of ``segment``; a method reads those that the spec has for it.

    ``spatial`` is the weight of the squared distance in the image (a side is 1) beside 1 - cosine.
    ``scale`` is Felzenszwalb's, ``superpixels`` and ``compactness`` SLIC's. ``masks`` is a folder,
    ``head`` a file of ``precompute.segments.head``.
    """

    method: str = "kmeans"
    max_per_image: int = 16
    seed: int = 0
    spatial: float = 1.0
    refine: str = "none"
    scale: float = 100.0
    superpixels: int = 200
    compactness: float = 10.0
    masks: str = ""
    head: str = ""

    def inputs(self) -> dict[str, Any]:
        """All that the segments depend on, for a hash; a head counts by its content."""
        values = asdict(self) | {"recipe": RECIPE}
        del values["masks"]  # a mask belongs to its image: see files.with_masks
        if self.head:
            values["head"] = hashlib.sha256(Path(self.head).read_bytes()).hexdigest()
        return values


def settings_of(segments: Segments) -> SegmentSettings:
    """Settings of a spec's ``concepts.segments``.

    A head that is to be trained first is not in them; see ``train_head``.
    """
    known = {field.name for field in fields(SegmentSettings)}
    values = {key: value for key, value in segments.values().items() if key in known}
    if "masks" in values:
        values["masks"] = str(values["masks"])
    head = values.pop("head", None)
    if head is not None and head.checkpoint is not None:
        values["head"] = str(head.checkpoint)
    return SegmentSettings(**values)


@dataclass(frozen=True)
class Training:
    """Settings that the training of a head depends on beside images, encoder and texts."""

    images: int = 200
    epochs: int = 8
    seed: int = 0


def training_of(segments: Segments) -> Training | None:
    """Settings of the training that a spec's ``concepts.segments`` asks for, if any."""
    head = getattr(segments, "head", None)
    if head is None or head.checkpoint is not None:
        return None
    return Training(head.images, head.epochs, head.seed)
