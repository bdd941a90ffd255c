"""The section ``concepts.segments``: how an image is divided into segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from inficond_panel.spec.framework.fields import Choice, Number, Whole
from inficond_panel.spec.framework.paths import FilePath
from inficond_panel.spec.framework.section import Nested, Section


def _spatial(usual: float = 1.0) -> Number:
    return Number(
        usual,
        bounds=(0, None),
        doc="Weight of the squared distance in the image (a side is 1) beside 1 - cosine.",
    )


def _refine() -> Choice:
    return Choice(
        default="none",
        objects=["none", "edges"],
        doc="none: outlines between the encoder's cells; edges: along edges of colour.",
    )


class Segments(Section):
    """Division of an image into segments."""

    chooser: ClassVar[str] = "method"
    usual: ClassVar[str] = "kmeans"

    max_per_image = Whole(16, bounds=(1, 255), doc="Most segments of one image.")


class KMeansSegments(Segments):
    """Segments by clustering the encoder's dense features."""

    method = Choice(
        default="kmeans", objects=["kmeans"], doc="Clusters of the encoder's dense features."
    )
    seed = Whole(0, bounds=(0, None), doc="Seed of the clustering.")
    spatial = _spatial()
    refine = _refine()


class GraphSegments(Segments):
    """Segments by merging neighbours in the encoder's dense features."""

    method = Choice(
        default="graph", objects=["graph"], doc="Neighbouring cells merged by Ward's rule."
    )
    spatial = _spatial()
    refine = _refine()


class FelzenszwalbSegments(Segments):
    """Segments by colour, merged where they embed alike."""

    method = Choice(
        default="felzenszwalb",
        objects=["felzenszwalb"],
        doc="Regions of even colour by Felzenszwalb and Huttenlocher, merged by embedding.",
    )
    spatial = _spatial()
    scale = Number(
        100.0,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Scale of the regions that are merged; larger: fewer and larger.",
    )


class SlicSegments(Segments):
    """Segments made of superpixels that embed alike."""

    method = Choice(
        default="slic", objects=["slic"], doc="Superpixels by SLIC, merged by embedding."
    )
    spatial = _spatial()
    superpixels = Whole(200, bounds=(2, 5000), doc="Superpixels of an image before merging.")
    compactness = Number(
        10.0,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="SLIC's weight of place beside colour.",
    )


class FileSegments(Segments):
    """Segments from files."""

    method = Choice(default="file", objects=["file"], doc="A label map for each image.")
    masks = FilePath(
        doc="Folder of label maps, IMAGE_ID.png: grey or palette, of the image's size.",
        metadata={"required": True, "exists": "folder"},
    )
    spatial = _spatial()


class Head(Section):
    """Pixel embeddings trained without labels, as in CLIP-S4."""

    checkpoint = FilePath(
        doc="File of a head that was trained before; without one it is trained first.",
        metadata={"exists": "file"},
    )
    images = Whole(200, bounds=(1, None), doc="Images of the split fit to train on.")
    epochs = Whole(8, bounds=(1, None), doc="Passes over these images.")
    seed = Whole(0, bounds=(0, None), doc="Seed of the training.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield settings of a training beside a head that is trained already."""
        if self.checkpoint is None:
            return
        for key in ("images", "epochs", "seed"):
            if f"concepts.segments.head.{key}" in given:
                yield key, "is not used with a checkpoint, which is trained already"


class HeadSegments(Segments):
    """Segments by merging neighbours in the pixel embeddings of a trained head."""

    method = Choice(
        default="head", objects=["head"], doc="Neighbouring pixels of a head's embeddings, merged."
    )
    spatial = _spatial(0.1)
    refine = _refine()
    head = Nested(Head, default_factory=Head, doc="The head, or how it is trained.")
