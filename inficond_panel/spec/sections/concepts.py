"""Section ``concepts``: words, encoder, segments, scores and maps."""

from __future__ import annotations

from typing import ClassVar

from inficond_panel.spec.framework.fields import Choice, Number, Whole
from inficond_panel.spec.framework.lists import Words
from inficond_panel.spec.framework.paths import FilePath
from inficond_panel.spec.framework.section import Nested, Section
from inficond_panel.spec.sections.encoder import Encoder, Prompts
from inficond_panel.spec.sections.filters import Filters
from inficond_panel.spec.sections.segments import KMeansSegments, Segments

_REQUIRED = {"required": True}


class Scores(Section):
    """Strength of a concept in an image, from its segments."""

    chooser: ClassVar[str] = "method"
    usual: ClassVar[str] = "max_cosine"


class MaxCosineScores(Scores):
    """The paper's: the largest cosine of a segment with the concept's text, at least 0."""

    method = Choice(
        default="max_cosine", objects=["max_cosine"], doc="Largest cosine, clipped at 0."
    )


class ContrastScores(Scores):
    """The largest share of the concept in a softmax over the corpus."""

    method = Choice(
        default="contrast", objects=["contrast"], doc="Largest softmax share over the corpus."
    )
    temperature = Number(
        0.1,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Divides the cosines before the softmax; CLIP's own is 0.01.",
        metadata={"unit": "cosine"},
    )


class CentredScores(Scores):
    """The largest cosine after segments and texts were each centred on their mean, at least 0."""

    method = Choice(
        default="centred",
        objects=["centred"],
        doc="Largest cosine without the offsets that segments (of the split fit) and texts share.",
    )


class Projections(Section):
    """Maps of the concepts to the plane, and the segments on them."""

    methods = Words(
        ["tsne", "pca"],
        doc="Projections to compute; the first is shown first. umap needs the extra 'umap'.",
        metadata={"words": ["pca", "tsne", "umap"]},
    )
    seed = Whole(0, bounds=(0, None), doc="Seed of the projections.")
    segments = Whole(
        1_000_000,
        bounds=(0, 1_000_000),
        doc="Most segments that are placed on the maps; of more, a sample. 0: the page places them "
        "all when it needs them.",
    )


class Thumbnails(Section):
    """Small images kept in the store."""

    size = Whole(256, bounds=(16, None), doc="Longest side.", metadata={"unit": "pixels"})
    quality = Whole(80, bounds=(1, 100), doc="JPEG quality.", metadata={"unit": "percent"})


class Concepts(Section):
    """The words, and the segments that stand for them."""

    corpus = FilePath(
        doc="Text file, one concept a line: name, or name, synonym, synonym.",
        metadata={"required": True, "exists": "file"},
    )
    prompts = Prompts(
        ["a photo of a {}"],
        doc="Sentences that a concept is put into; their embeddings are averaged. imagenet: "
        "OpenAI's 80 for ImageNet; imagenet_simple: 7 of them.",
    )
    filters = Nested(
        Filters, default=None, doc="Which words of the corpus are left out; none if left out."
    )
    encoder = Nested(Encoder, doc="The image-text model.", metadata=_REQUIRED)
    segments = Nested(Segments, default_factory=KMeansSegments, doc="Segments of an image.")
    scores = Nested(Scores, default_factory=MaxCosineScores, doc="Scores of an image.")
    projections = Nested(Projections, default_factory=Projections, doc="Maps of the concepts.")
    thumbnails = Nested(Thumbnails, default_factory=Thumbnails, doc="Small images in the store.")
