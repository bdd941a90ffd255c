"""Settings of segments, from a spec's ``concepts.segments``."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from inficond_panel.spec.sections.concepts import Segments

#: Version of the methods' code: increment it when equal settings give other segments than before.
RECIPE = 3


@dataclass(frozen=True)
class SegmentSettings:
    """Settings of ``segment``; each method uses only some of them.

    ``spatial`` is the weight of the squared distance in the image (a side is 1) relative to 1 -
    cosine. ``scale`` is a parameter of Felzenszwalb's method, ``superpixels`` and ``compactness``
    are parameters of SLIC. ``masks`` is a folder, ``head`` a file of ``precompute.segments.head``.
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
        """Return the settings that segments depend on, for a hash; a head's file as its SHA-256."""
        values = asdict(self) | {"recipe": RECIPE}
        del values["masks"]  # a mask belongs to its image: see ``masks.with_masks``
        if self.head:
            values["head"] = hashlib.sha256(Path(self.head).read_bytes()).hexdigest()
        return values


def settings_of(segments: Segments) -> SegmentSettings:
    """Return the settings of a spec's ``concepts.segments``.

    ``head`` stays empty if the head is yet to be trained; see ``train_head``.
    """
    names = {field.name for field in fields(SegmentSettings)}
    values = {key: value for key, value in segments.values().items() if key in names}
    if "masks" in values:
        values["masks"] = str(values["masks"])
    head = values.pop("head", None)
    if head is not None and head.checkpoint is not None:
        values["head"] = str(head.checkpoint)
    return SegmentSettings(**values)


@dataclass(frozen=True)
class HeadTraining:
    """Settings for training a segmentation head: number of ``images``, ``epochs``, ``seed``."""

    images: int = 200
    epochs: int = 8
    seed: int = 0


def training_of(segments: Segments) -> HeadTraining | None:
    """Return the training settings of a spec's segmentation head; None if no head is trained."""
    head = getattr(segments, "head", None)
    if head is None or head.checkpoint is not None:
        return None
    return HeadTraining(head.images, head.epochs, head.seed)
