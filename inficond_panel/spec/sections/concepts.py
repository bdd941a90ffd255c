"""Sections of a spec: concepts, their filters and projections, and segments of photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import File, Folder, Some, option
from inficond_panel.spec.sections.encoder import Encoder, Prompts


def _cosine(doc: str) -> Any:
    return option(None, ge=-1, le=1, doc=doc)


class Filters(Section):
    """Filters of Label-free CBM (Oikarinen et al., 2023), in their order; one left out drops none.

    The cosines are of the vectors that the concepts have: by the spec's encoder and prompts.
    """

    longest: int | None = option(
        None, ge=1, doc="Most characters that a concept's name may have; the paper's is 30."
    )
    class_cosine: float | None = _cosine(
        "Cosine with a class's name at which a concept falls: it would be the class itself.",
    )
    twin_cosine: float | None = _cosine(
        "Cosine with an earlier concept of the corpus at which a concept falls.",
    )
    least_score: float | None = option(
        None,
        doc="The mean of a concept's five largest scores on fit must exceed it; 0: what no image "
        "shows falls.",
    )

    def limits(self) -> dict[str, float]:
        """Limits that are set, by key."""
        return {key: value for key, value in self.values().items() if value is not None}


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
        """Yield settings of training given together with a trained head."""
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


class Scores(Section):
    """Strength of a concept in an image, from its segments."""

    chooser: ClassVar[str] = "method"
    usual: ClassVar[str] = "max_cosine"


class MaxCosineScores(Scores):
    """The paper's: the largest cosine of a segment with the concept's text, at least 0."""

    method: Literal["max_cosine"] = option("max_cosine", doc="Largest cosine, clipped at 0.")


class ContrastScores(Scores):
    """The largest share of the concept in a softmax over the corpus."""

    method: Literal["contrast"] = option("contrast", doc="Largest softmax share over the corpus.")
    temperature: float = option(
        0.1,
        gt=0,
        doc="Divides the cosines before the softmax; CLIP's own is 0.01.",
    )


class CentredScores(Scores):
    """The largest cosine after segments and texts were each centred on their mean, at least 0."""

    method: Literal["centred"] = option(
        "centred",
        doc="Largest cosine without the offsets that segments (of the split fit) and texts share.",
    )


class Projections(Section):
    """Maps of the concepts to the plane, and the segments on them."""

    methods: Some[Literal["pca", "tsne", "umap"]] = option(
        ["tsne", "pca"],
        doc="Projections to compute; the first is shown first. umap needs the extra 'umap'.",
    )
    seed: int = option(0, ge=0, doc="Seed of the projections.")
    segments: int = option(
        1_000_000,
        ge=0,
        le=1_000_000,
        doc="Most segments that are placed on the maps; of more, a sample. 0: the page places them "
        "all when it needs them.",
    )


class Thumbnails(Section):
    """Small images kept in the store."""

    size: int = option(256, ge=16, doc="Longest side, in pixels.")
    quality: int = option(80, ge=1, le=100, doc="JPEG quality, of 100.")


class Concepts(Section):
    """Concepts: their words, and how the segments of images are matched to them."""

    corpus: File = option(doc="Text file, one concept a line: name, or name, synonym, synonym.")
    prompts: Prompts = option(
        ["a photo of a {}"],
        doc="Sentences that a concept is put into; their embeddings are averaged. imagenet: "
        "OpenAI's 80 for ImageNet; imagenet_simple: 7 of them.",
    )
    filters: Filters | None = option(
        None, doc="Which words of the corpus are left out; none if left out."
    )
    encoder: Encoder = option(doc="The image-text model.")
    segments: Segments = option(default_factory=KMeansSegments, doc="Segments of an image.")
    scores: Scores = option(default_factory=MaxCosineScores, doc="Scores of an image.")
    projections: Projections = option(default_factory=Projections, doc="Maps of the concepts.")
    thumbnails: Thumbnails = option(default_factory=Thumbnails, doc="Small images in the store.")
