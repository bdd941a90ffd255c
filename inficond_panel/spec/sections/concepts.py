"""Sections of a spec for concepts, their filters and projections, and segments of photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import FilePath, FolderPath, Some, option
from inficond_panel.spec.sections.encoder import Encoder, Prompts


def _cosine(doc: str) -> Any:
    return option(None, ge=-1, le=1, doc=doc)


class Filters(Section):
    """Concept filters of Label-free CBM (Oikarinen et al., 2023), applied in this order.

    An omitted filter drops no concept. Cosines are of text embeddings, by encoder and prompts.
    """

    longest: int | None = option(
        None, ge=1, doc="Largest number of characters of a concept's name; 30 in the paper."
    )
    class_cosine: float | None = _cosine(
        "Drops a concept whose cosine with a class's name reaches this: it is the class itself."
    )
    twin_cosine: float | None = _cosine(
        "Drops a concept whose cosine with an earlier concept of the corpus reaches this."
    )
    least_score: float | None = option(
        None,
        doc="Drops a concept unless the mean of its five largest scores on fit is above this. 0 "
        "drops concepts that no image shows.",
    )

    def limits(self) -> dict[str, float]:
        """Return the limits of the filters that are set, by key."""
        return {key: value for key, value in self.values().items() if value is not None}


def _spatial(usual: float = 1.0) -> Any:
    return option(
        usual,
        ge=0,
        doc="Weight of the squared distance in the image (side length 1), added to 1 - cosine.",
    )


_Refine = Literal["none", "edges"]
_REFINE = option(
    "none",
    doc="Outlines of segments. none: between the encoder's cells; edges: along colour edges.",
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
    refine: _Refine = _REFINE


class GraphSegments(Segments):
    """Segments by merging neighbouring cells of the encoder's dense features."""

    method: Literal["graph"] = option("graph", doc="Neighbouring cells, merged by Ward's rule.")
    spatial: float = _spatial()
    refine: _Refine = _REFINE


class FelzenszwalbSegments(Segments):
    """Regions of even colour, merged if their embeddings are similar."""

    method: Literal["felzenszwalb"] = option(
        "felzenszwalb",
        doc="Regions of even colour (Felzenszwalb and Huttenlocher), merged by embedding.",
    )
    spatial: float = _spatial()
    scale: float = option(
        100.0, gt=0, doc="Scale of the regions before merging; larger: fewer, larger regions."
    )


class SlicSegments(Segments):
    """Superpixels, merged if their embeddings are similar."""

    method: Literal["slic"] = option("slic", doc="Superpixels by SLIC, merged by embedding.")
    spatial: float = _spatial()
    superpixels: int = option(200, ge=2, le=5000, doc="Superpixels per image before merging.")
    compactness: float = option(10.0, gt=0, doc="SLIC's weight of position against colour.")


class FileSegments(Segments):
    """Segments read from files of label maps."""

    method: Literal["file"] = option("file", doc="A label map for each image.")
    masks: FolderPath = option(
        doc="Folder of label maps IMAGE_ID.png: grey or palette, of the image's size."
    )
    spatial: float = _spatial()


class Head(Section):
    """Head on the encoder that gives pixel embeddings, trained without labels, as in CLIP-S4."""

    checkpoint: FilePath | None = option(
        None, doc="File of a trained head; if left out, precompute trains one."
    )
    images: int = option(200, ge=1, doc="Number of images of fit to train on.")
    epochs: int = option(8, ge=1, doc="Training passes over these images.")
    seed: int = option(0, ge=0, doc="Seed of the training.")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each training setting beside a file of a trained head."""
        if self.checkpoint is None:
            return
        for key in ("images", "epochs", "seed"):
            if f"concepts.segments.head.{key}" in given:
                yield key, "is not used with a checkpoint, which is already trained; leave it out"


class HeadSegments(Segments):
    """Segments by merging neighbours in the pixel embeddings of a trained head."""

    method: Literal["head"] = option(
        "head", doc="Neighbouring pixels, merged by a trained head's embeddings."
    )
    spatial: float = _spatial(0.1)
    refine: _Refine = _REFINE
    head: Head = option(default_factory=Head, doc="The head's file, or how to train the head.")


class Scores(Section):
    """Score of a concept in an image, from the image's segments."""

    chooser: ClassVar[str] = "method"
    usual: ClassVar[str] = "max_cosine"


class MaxCosineScores(Scores):
    """Largest cosine of a segment with the concept's text, at least 0, as in the paper."""

    method: Literal["max_cosine"] = option(
        "max_cosine",
        doc="Largest cosine of a segment with the concept's text, at least 0, as in the paper.",
    )


class ContrastScores(Scores):
    """Largest probability of the concept at a segment, by a softmax over the corpus."""

    method: Literal["contrast"] = option(
        "contrast",
        doc="Largest probability of the concept at a segment, by a softmax over the corpus.",
    )
    temperature: float = option(
        0.1, gt=0, doc="Divides the cosines before the softmax; 0.01 in CLIP."
    )


class CentredScores(Scores):
    """Largest cosine, at least 0, after subtracting the mean of segments and the mean of texts."""

    method: Literal["centred"] = option(
        "centred",
        doc="Largest cosine, at least 0, after subtracting the mean segment (of fit) and the mean "
        "text.",
    )


class WordScores(Scores):
    """1 if the image's caption has the concept, a word or a phrase, in singular or plural, else 0.

    No encoder is needed: nothing is segmented, and the concepts have no maps.
    """

    method: Literal["words"] = option(
        "words",
        doc="1 if the image's caption has the concept, in singular or plural, else 0; needs "
        "dataset.captions, and neither encoder nor photos.",
    )


class Projections(Section):
    """Maps of the concepts and segments in 2D."""

    methods: Some[Literal["pca", "tsne", "umap"]] = option(
        ["tsne", "pca"],
        doc="Projections to compute; the first is shown first. umap needs the extra 'umap'.",
    )
    seed: int = option(0, ge=0, doc="Seed of the projections.")
    segments: int = option(
        1_000_000,
        ge=0,
        le=1_000_000,
        doc="Largest number of segments on the maps; a larger store shows a random sample. 0: the "
        "page projects all segments when it needs them.",
    )


class Thumbnails(Section):
    """Small copies of the images, in the store."""

    size: int = option(256, ge=16, doc="Longest side, in pixels.")
    quality: int = option(80, ge=1, le=100, doc="JPEG quality.")


class Concepts(Section):
    """Concepts: their words, the encoder, and how images are segmented and scored."""

    corpus: FilePath = option(
        doc="Text file, one concept per line: name, or name, synonym, synonym."
    )
    prompts: Prompts = option(
        ["a photo of a {}"],
        doc="Sentences with {} for the concept; their text embeddings are averaged. imagenet: "
        "OpenAI's 80 sentences for ImageNet; imagenet_simple: 7 of these sentences.",
    )
    filters: Filters | None = option(None, doc="Filters that drop concepts.")
    encoder: Encoder = option(
        None, doc="The image-text model; required, except with scores: {method: words}."
    )
    segments: Segments = option(default_factory=KMeansSegments, doc="How images are segmented.")
    scores: Scores = option(default_factory=MaxCosineScores, doc="How concepts are scored.")
    projections: Projections = option(default_factory=Projections, doc="Maps of the concepts.")
    thumbnails: Thumbnails = option(default_factory=Thumbnails, doc="Small images in the store.")

    @property
    def of_words(self) -> bool:
        """True if the scores are words of captions, without an encoder."""
        return isinstance(self.scores, WordScores)

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a missing encoder, and for keys that words of captions make
        useless."""
        if not self.of_words:
            if "concepts.encoder" not in given:
                yield "encoder", f"missing; expected {self.fields()['encoder'].expected}"
            return
        for key in ("encoder", "prompts", "segments", "projections"):
            if f"concepts.{key}" in given:
                yield key, "is not used with scores: {method: words}; leave it out"
        for key in ("class_cosine", "twin_cosine"):
            if f"concepts.filters.{key}" in given:
                yield f"filters.{key}", "needs an encoder; scores: {method: words} has none"
