"""The section ``concepts.segments``: how an image is divided into segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import File, Folder, option


def _spatial(usual: float = 1.0) -> Any:
    return option(
        usual,
        ge=0,
        doc="Weight of the squared distance in the image (a side is 1) beside 1 - cosine.",
    )


def _refine() -> Any:
    return option(
        "none",
        doc="none: outlines between the encoder's cells; edges: along edges of colour.",
    )


class Segments(Section):
    """Division of an image into segments."""

    chooser: ClassVar[str] = "method"
    usual: ClassVar[str] = "kmeans"

    max_per_image: int = option(16, ge=1, le=255, doc="Most segments of one image.")


class KMeansSegments(Segments):
    """Segments by clustering the encoder's dense features."""

    method: Literal["kmeans"] = option("kmeans", doc="Clusters of the encoder's dense features.")
    seed: int = option(0, ge=0, doc="Seed of the clustering.")
    spatial: float = _spatial()
    refine: Literal["none", "edges"] = _refine()


class GraphSegments(Segments):
    """Segments by merging neighbours in the encoder's dense features."""

    method: Literal["graph"] = option("graph", doc="Neighbouring cells merged by Ward's rule.")
    spatial: float = _spatial()
    refine: Literal["none", "edges"] = _refine()


class FelzenszwalbSegments(Segments):
    """Segments by colour, merged where they embed alike."""

    method: Literal["felzenszwalb"] = option(
        "felzenszwalb",
        doc="Regions of even colour by Felzenszwalb and Huttenlocher, merged by embedding.",
    )
    spatial: float = _spatial()
    scale: float = option(
        100.0, gt=0, doc="Scale of the regions that are merged; larger: fewer and larger."
    )


class SlicSegments(Segments):
    """Segments made of superpixels that embed alike."""

    method: Literal["slic"] = option("slic", doc="Superpixels by SLIC, merged by embedding.")
    spatial: float = _spatial()
    superpixels: int = option(200, ge=2, le=5000, doc="Superpixels of an image before merging.")
    compactness: float = option(10.0, gt=0, doc="SLIC's weight of place beside colour.")


class FileSegments(Segments):
    """Segments from files."""

    method: Literal["file"] = option("file", doc="A label map for each image.")
    masks: Folder = option(
        doc="Folder of label maps, IMAGE_ID.png: grey or palette, of the image's size."
    )
    spatial: float = _spatial()


class Head(Section):
    """Pixel embeddings trained without labels, as in CLIP-S4."""

    checkpoint: File | None = option(
        None, doc="File of a head that was trained before; without one it is trained first."
    )
    images: int = option(200, ge=1, doc="Images of the split fit to train on.")
    epochs: int = option(8, ge=1, doc="Passes over these images.")
    seed: int = option(0, ge=0, doc="Seed of the training.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield settings of a training beside a head that is trained already."""
        if self.checkpoint is None:
            return
        for key in ("images", "epochs", "seed"):
            if f"concepts.segments.head.{key}" in given:
                yield key, "is not used with a checkpoint, which is trained already"


class HeadSegments(Segments):
    """Segments by merging neighbours in the pixel embeddings of a trained head."""

    method: Literal["head"] = option(
        "head", doc="Neighbouring pixels of a head's embeddings, merged."
    )
    spatial: float = _spatial(0.1)
    refine: Literal["none", "edges"] = _refine()
    head: Head = option(default_factory=Head, doc="The head, or how it is trained.")
