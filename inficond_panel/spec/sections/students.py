"""Sections ``students`` and ``tuning``: settings of the distillation, and of thumbs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    Absent,
    ByClass,
    NotNegative,
    OneOf,
    Some,
    Text,
    default_of,
    option,
    value_of,
)
from inficond_panel.vocabulary.aims import WORST_GROUP
from inficond_panel.vocabulary.intents import AUTO, LARGEST_RATE
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, SOFTMAX

#: Fault of ``students.threshold`` with one class per image.
NO_THRESHOLD = "is not used with one class per image, where the likeliest class wins; leave it out"


class Students(Section):
    """Settings of the distillation of linear students from the teacher."""

    chooser: ClassVar[str] = "solver"
    usual: ClassVar[str] = "exact"
    solver: Absent = ""
    link: Absent = SIGMOID
    lambda_: Absent = None
    temperature: float = option(
        1.0, gt=0, doc="Divides the teacher's logits before they become probabilities."
    )
    tempered: Literal["teacher", "both"] = option(
        "teacher",
        doc="Logits that the temperature divides: only the teacher's, or both the teacher's and "
        "the student's (Lee et al., eq. 3). The label loss has temperature 1.",
    )
    targets: Literal["teacher", "oracle"] = option(
        "teacher",
        doc="Logits that the students learn: the teacher's, or on fit the logits of "
        "teacher.oracle, which depend on the label. Metrics always compare with the teacher.",
    )
    threshold: dict[str, float] = option(
        {},
        doc="By class: logit above which the class is present; 0 if left out. Not used with task: "
        "single_label.",
    )

    def penalty(self, class_name: str) -> float | None:
        """Return the L1 penalty λ of a class's student; None if it is chosen from data (auto)."""
        value = value_of(self.lambda_, class_name)
        return None if value == AUTO else float(value)


class Labels(Section):
    """True labels as part of the distillation loss."""

    alpha: float = option(
        ge=0,
        doc="Weight of the teacher in the loss CE(label) + alpha CE(teacher); CE is the "
        "cross-entropy of sigmoids or of the softmax, by `link`.",
    )


class ExactStudents(Students):
    """Students fitted by the exact solver, with a duality gap as certificate."""

    solver: Literal["exact"] = option("exact", doc="Convex solver with a duality gap.")
    lambda_: Annotated[ByClass[Literal["auto"] | NotNegative], default_of(AUTO)] = option(
        AUTO,
        doc="Weight of the L1 penalty on the influences; by class, `default` is for other classes. "
        "auto: of seven values the one whose student is nearest to the teacher on tune; no label "
        "is used. They go from 1e-4 to 1e-2; for given scores both ends are multiplied by a power "
        "of ten, by the spread of the scores.",
    )
    link: Annotated[str, OneOf(LINKS)] = option(
        SIGMOID,
        doc="sigmoid: one student per class. softmax: one joint student of all classes, for "
        "task: single_label; a thumb on one class also changes the others.",
    )
    distil_on: Some[Annotated[str, OneOf([FIT, TUNE])]] = option(
        [FIT],
        doc="Splits that the students are distilled on. [fit, tune]: no label is used, and metrics "
        "on tune are of students that did not see the image; not with link: softmax, labels, "
        "targets: oracle or tempered: both.",
    )
    tolerance: float = option(
        1e-6, gt=0, lt=1, doc="Stops at this duality gap, relative to the objective at w = 0."
    )
    l2: float = option(
        0.0, ge=0, doc="Weight of the L2 penalty, l2/2 times the sum of squares of the influences."
    )
    labels: Labels | None = option(
        None, doc="Adds the true labels to the loss; if left out, only the teacher counts."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for a ``distil_on`` that other keys exclude, and for penalties that
        a joint softmax student cannot have."""
        fault = self.fault_of_images()
        if fault:
            yield "distil_on", fault
        if self.link != SOFTMAX:
            return
        if self.l2:
            yield "l2", "is not used with link: softmax; leave it out, or write link: sigmoid"
        values = set(self.lambda_.values() if isinstance(self.lambda_, dict) else [self.lambda_])
        if 0 in values:
            yield "lambda", "must be above 0 with link: softmax"
        if AUTO in values and values != {AUTO}:
            yield "lambda", "must be auto for all classes or for none with link: softmax"

    def fault_of_images(self) -> str:
        """Return a message if the value of ``distil_on`` is not possible; "" if it is possible."""
        if FIT not in self.distil_on:
            return "must contain fit"
        others = {
            "link: softmax": self.link == SOFTMAX,
            "labels": self.labels is not None,
            "targets: oracle": self.targets == "oracle",
            "tempered: both": self.tempered == "both",
        }
        refusals = [words for words, used in others.items() if used and TUNE in self.distil_on]
        return f"cannot contain tune with {' and '.join(refusals)}" if refusals else ""


class PaperStudents(Students):
    """Students trained by the paper's recipe."""

    solver: Literal["paper"] = option("paper", doc="Adam on mini-batches, as in the paper.")
    lambda_: Annotated[ByClass[NotNegative], default_of(1e-4)] = option(
        1e-4,
        doc="Weight of the L1 penalty on the influences; by class, `default` is for other classes.",
    )
    epochs: int = option(10, ge=1, doc="Training passes over the images.")
    batch: int = option(128, ge=1, doc="Images per mini-batch.")
    lr: float | None = option(
        None,
        gt=0,
        le=LARGEST_RATE,
        doc="Adam's learning rate, for centred scores divided by one common spread; if left out, "
        "each class uses the rate of 0.001, 0.003, 0.01, 0.03, 0.1 and 0.3 with the smallest "
        "final objective on fit.",
    )
    seed: int = option(0, ge=0, doc="Seed of the order of the images.")


class Tuning(Section):
    """Settings of thumbs and refits."""

    factor: float = option(
        2.0, gt=1, le=1000, doc="Default factor of a thumb, in edits files and on the page."
    )
    reference: Literal["parent", "original"] = option(
        "parent",
        doc="Weights that the factor multiplies: of the parent iteration, or the original weights.",
    )
    step: float = option(
        0.05, gt=0,
        doc="Magnitude that a thumb on a smaller weight starts from, as a share of the student's "
        "largest weight.",
    )  # fmt: skip
    refit: Literal["target", "all"] | None = option(
        None,
        doc="What a thumb does. target: it changes the log-odds that the student is fitted to, on "
        "images with the concept; all: it bounds the weight, and all weights are fitted to the "
        "teacher again. If left out: target, with solver: paper all.",
    )
    preview: bool = option(
        True,
        doc="Whether a pending batch is solved before Fine-tune, and marked on the curves. The "
        "curves, with all other influences fixed, stay; `views.curves` leaves them out.",
    )
    suspects: bool = option(
        True, doc="Whether the page lists suspect concepts, and offers repairs."
    )
    suggest: bool = option(True, doc="Whether the page offers repairs that a search has chosen.")
    aim: Literal["mean-ap", "worst-group"] = option(
        "mean-ap",
        doc="What the search compares repairs by: the mean AP, or the accuracy of the worst of the "
        "groups of images.",
    )
    groups: Text | None = option(
        None,
        doc="What divides the images into groups, for the aim worst-group and for the tables of "
        "groups: a column of the metadata, a property of the pictures, a class or a concept.",
    )

    @property
    def aimed_groups(self) -> str:
        """What divides images into the groups at whose worst the search aims; "" for mean-ap."""
        return self.groups or "" if self.aim == WORST_GROUP else ""

    epochs: int = option(3, ge=1, doc="Training passes of a refit; only with solver: paper.")
