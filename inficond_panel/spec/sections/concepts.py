"""Section ``concepts``: words, encoder, segments, scores and maps."""

from __future__ import annotations

from typing import ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import File, Some, option
from inficond_panel.spec.sections.encoder import Encoder, Prompts
from inficond_panel.spec.sections.filters import Filters
from inficond_panel.spec.sections.segments import KMeansSegments, Segments


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
    """The words, and the segments that stand for them."""

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
