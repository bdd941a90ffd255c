"""The other sections: concepts, students, tuning and layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from inficond_panel.errors import TuningError
from inficond_panel.spec.framework.by_name import ByClass, Numbers
from inficond_panel.spec.framework.fields import Choice, Flag, Number, Whole
from inficond_panel.spec.framework.layout_fields import NamedShares, Rows, Shares
from inficond_panel.spec.framework.lists import Words
from inficond_panel.spec.framework.paths import FilePath
from inficond_panel.spec.framework.section import Nested, Section
from inficond_panel.spec.sections.encoder import Encoder, Prompts
from inficond_panel.spec.sections.filters import Filters
from inficond_panel.spec.sections.segments import KMeansSegments, Segments
from inficond_panel.vocabulary.confidence import (
    CONFIDENCE,
    Noise,
    confidence_word,
    draws_fault,
    least_draws,
)
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, SOFTMAX

VIEWS = ["configuration", "performance", "knowledge", "embedding", "detail", "provenance"]
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


class Students(Section):
    """Distillation of the linear students from the teacher."""

    chooser: ClassVar[str] = "solver"
    usual: ClassVar[str] = "exact"
    solver: Any
    link: Any = SIGMOID

    lambda_ = ByClass(
        1e-4,
        bounds=(0, None),
        doc="Weight of the L1 penalty on the influences; `default`: that of the other classes.",
    )
    temperature = Number(
        1.0,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Divides the teacher's logits before they become probabilities.",
    )
    tempered = Choice(
        default="teacher",
        objects=["teacher", "both"],
        doc="Logits that the temperature divides: the teacher's alone, or both the teacher's and, "
        "where they meet it, the student's (Lee et al., eq. 3). The label's part of the loss is at "
        "1. It matters where temperature is not 1.",
    )
    targets = Choice(
        default="teacher",
        objects=["teacher", "oracle"],
        doc="Logits that are learned from; oracle: those of teacher.oracle, on fit, which have "
        "seen the label. Metrics always compare with the teacher.",
    )
    threshold = Numbers({}, doc="Logit of a class above which it is present; 0 if left out.")

    def penalty(self, class_name: str) -> float:
        """Weight of the L1 penalty of one class's student."""
        return float(self.param["lambda_"].value_of(self.lambda_, class_name))

    @property
    def penalty_text(self) -> str:
        """Weight of the L1 penalty for people: one number, or those by class."""
        if not isinstance(self.lambda_, dict):
            return f"{self.lambda_:g}"
        return ", ".join(f"{name}: {value:g}" for name, value in self.lambda_.items())


class Labels(Section):
    """True labels mixed into what the students learn."""

    alpha = Number(
        None,
        bounds=(0, None),
        doc="Weight of the teacher beside the labels: the loss is CE(label) + alpha CE(teacher), "
        "of sigmoids or of the softmax by `link`.",
        metadata=_REQUIRED,
    )


class ExactStudents(Students):
    """Students by the exact solver, with a certificate."""

    solver = Choice(default="exact", objects=["exact"], doc="Convex solver with a duality gap.")
    link = Choice(
        default=SIGMOID,
        objects=list(LINKS),
        doc="sigmoid: a student per class. softmax: one joint student of all classes, for "
        "task: single_label; a thumb on one class moves the others too.",
    )
    tolerance = Number(
        1e-6,
        bounds=(0, 1),
        inclusive_bounds=(False, False),
        doc="Duality gap, relative to the objective at w = 0, to stop at.",
    )
    l2 = Number(
        0.0,
        bounds=(0, None),
        doc="Weight of the L2 penalty, l2/2 times the sum of squares of the influences.",
    )
    labels = Nested(
        Labels, default=None, doc="True labels beside the teacher's; the teacher alone if left out."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield penalties that the joint student cannot have."""
        if self.link != SOFTMAX:
            return
        if self.l2:
            yield "l2", "is not used with link: softmax; leave it out, or take link: sigmoid"
        least = self.lambda_.values() if isinstance(self.lambda_, dict) else [self.lambda_]
        if 0 in least:
            yield "lambda", "must be above 0 with link: softmax"


class PaperStudents(Students):
    """Students by the paper's recipe."""

    solver = Choice(
        default="paper", objects=["paper"], doc="Adam on mini-batches, as in the paper."
    )
    epochs = Whole(10, bounds=(1, None), doc="Passes over the images.")
    batch = Whole(128, bounds=(1, None), doc="Images in a mini-batch.")
    lr = Number(
        None,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        allow_None=True,
        doc="Adam's learning rate; if left out, each class takes the one of 0.01, 0.03, 0.1, 0.3, "
        "1 and 3 that ends with the least objective on fit.",
    )
    seed = Whole(0, bounds=(0, None), doc="Seed of the order of the images.")


class Tuning(Section):
    """Effect of a thumb."""

    factor = Number(
        2.0,
        bounds=(1, 1000),
        inclusive_bounds=(False, True),
        doc="Factor x of an intent that names none. The page takes the same.",
    )
    reference = Choice(
        default="parent",
        objects=["parent", "original"],
        doc="Weights that a bound is measured from: the parent iteration's or the untouched ones.",
    )
    step = Number(
        0.05,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Least magnitude a thumb acts on, as a share of the student's largest weight.",
    )
    preview = Flag(True, doc="Whether a pending batch is solved before it is committed.")
    suspects = Flag(
        True, doc="Whether the page names concepts that the data accuse, and offers cures."
    )
    suggest = Flag(True, doc="Whether the page offers to do what a machine would.")
    epochs = Whole(3, bounds=(1, None), doc="Passes of a refit; only with solver: paper.")


#: Numbers of concepts that a list may show; 0 is all.
TOPS = (5, 10, 20, 50, 100, 200, 0)


class Views(Section):
    """Numbers that the views start from or go by."""

    top = Whole(
        10,
        bounds=(0, 200),
        doc=f"Concepts listed at first: {', '.join(map(str, TOPS[:-1]))}; 0: all.",
    )
    labelled = Whole(10, bounds=(0, 100), doc="Strongest concepts that are marked on the map.")
    patches = Whole(5, bounds=(0, 12), doc="Segments shown beside a concept.")
    patches_of = Choice(
        default="nearest",
        objects=["nearest", "assigned"],
        doc="Which at first: those nearest to its text, or those whose best concept it is.",
    )
    factors = Shares(
        [1.25, 1.5, 2.0, 3.0, 5.0, 10.0],
        doc="Factors of a thumb to choose from, above 1; `tuning.factor` is always among them.",
    )
    collinear = Number(
        0.8,
        bounds=(0, 1),
        inclusive_bounds=(False, True),
        doc="Correlation over fit from which concepts count as collinear, in reports and groups.",
    )
    draws = Whole(
        200,
        bounds=(20, 10_000),
        doc="Bootstrap draws of the intervals that are stated, where none are asked for.",
    )
    confidence = Number(
        CONFIDENCE,
        bounds=(0.5, 1),
        inclusive_bounds=(False, False),
        doc="Level of the intervals that are stated: on the page, by commands, exports and tables.",
    )
    intervals = Flag(
        True,
        doc="Whether the page shows intervals, of changes and of curves; else estimates alone.",
    )

    @property
    def shown_level(self) -> float | None:
        """Level of the intervals that the page shows; None where it shows none."""
        return float(self.confidence) if self.intervals else None

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield a number that no list has, and factors that leave a weight or turn it back."""
        if self.top not in (None, *TOPS):
            yield "top", f"expected one of {', '.join(map(str, TOPS))}, got {self.top}"
        wrong = [factor for factor in self.factors or [] if factor <= 1]
        if wrong:
            yield "factors", f"expected numbers above 1, got {wrong[0]:g}"
        yield from self._too_sure()

    def noise(self, draws: int | None = None, seed: int = 0) -> Noise:
        """Noise of the intervals that are stated: ``draws``, or as many as the spec says.

        Raises ``TuningError`` for fewer than the level needs, see ``least_draws``.
        """
        found = Noise(
            draws=self.draws if draws is None else draws, seed=seed, level=float(self.confidence)
        )
        self.check_draws(found["draws"])
        return found

    def check_draws(self, draws: int) -> None:
        """Raise ``TuningError`` for too few draws to tell the limits at the level."""
        least = least_draws(self.confidence) if self.confidence > CONFIDENCE else 1
        if draws < least:
            raise TuningError(
                f"{draws:,} draws are too few: intervals at {confidence_word(self.confidence)} "
                f"need at least {least:,}.",
                "Ask for as many, or lower views.confidence in the spec.",
            )

    def _too_sure(self) -> Iterator[tuple[str, str]]:
        """Yield a level that so few draws cannot tell: not even one lies beyond each limit."""
        if None in (self.confidence, self.draws):
            return
        if fault := draws_fault(self.confidence, self.draws):
            yield "confidence", fault


class Layout(Section):
    """Look of the page, at first: all of it can be changed on the page and saved from there."""

    theme = Choice(
        default="auto", objects=["auto", "light", "dark"], doc="Colours; auto: the browser's."
    )
    rows = Rows(
        [VIEWS[:3], VIEWS[3:]],
        doc="Views that are shown. Lists (performance, knowledge) get a column each, the others of "
        "a row share one; configuration is the strip above.",
        metadata={"words": VIEWS},
    )
    columns = Rows(
        [],
        doc="In place of rows: views of each column, from left to right and top down.",
        metadata={"words": VIEWS},
    )
    widths = Shares([], doc="Width of each of the columns, relative to each other.")
    heights = NamedShares(
        {},
        doc="Heights of views, relative to those of the same column; 1 where another has one.",
        metadata={"words": VIEWS},
    )
    collapsed = Words([], doc="Views of which only the title is shown.", metadata={"words": VIEWS})
    show = Choice(
        default="full",
        objects=["full", "simple"],
        doc="Amount that is shown: simple leaves AP, names, bars, patches, thumbs and a sentence.",
    )
    tour = Flag(True, doc="Whether who sees the page for the first time is offered the tour.")

    @property
    def views(self) -> list[str]:
        """Names of the views that are shown."""
        return [name for group in self.columns or self.rows for name in group]

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield rows beside columns, and sizes of what is not shown."""
        if self.columns and "layout.rows" in given:
            yield "rows", "is not used with columns"
        known = self.columns or "layout.columns" not in given
        if self.widths and known and len(self.widths) != len(self.columns):
            yield (
                "widths",
                f"expected one number for each of the {len(self.columns)} columns",
            )
        for key in ("heights", "collapsed"):
            for name in sorted(set(getattr(self, key)) - set(self.views)):
                yield key, f"the view {name!r} is not shown"
