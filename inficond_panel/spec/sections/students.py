"""Sections ``students`` and ``tuning``: the distillation, and the effect of a thumb."""

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
    default_of,
    option,
    value_of,
)
from inficond_panel.vocabulary.intents import AUTO, LARGEST_RATE
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, SOFTMAX

#: Fault of ``students.threshold`` with one class per image.
NO_THRESHOLD = "is not used with one class per image: the likeliest class is decided"


class Students(Section):
    """Distillation of the linear students from the teacher."""

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
        doc="Logits that the temperature divides: the teacher's alone, or both the teacher's and, "
        "where they meet it, the student's (Lee et al., eq. 3). The label's part of the loss is at "
        "1. It matters where temperature is not 1.",
    )
    targets: Literal["teacher", "oracle"] = option(
        "teacher",
        doc="Logits that are learned from; oracle: those of teacher.oracle, on fit, which have "
        "seen the label. Metrics always compare with the teacher.",
    )
    threshold: dict[str, float] = option(
        {},
        doc="Logit of a class above which it is present; 0 if left out. Not used with task: "
        "single_label.",
    )

    def penalty(self, class_name: str) -> float | None:
        """Weight of the L1 penalty of one class's student; None where the data choose it."""
        value = value_of(self.lambda_, class_name)
        return None if value == AUTO else float(value)


class Labels(Section):
    """True labels mixed into what the students learn."""

    alpha: float = option(
        ge=0,
        doc="Weight of the teacher beside the labels: the loss is CE(label) + alpha CE(teacher), "
        "of sigmoids or of the softmax by `link`.",
    )


class ExactStudents(Students):
    """Students by the exact solver, with a certificate."""

    solver: Literal["exact"] = option("exact", doc="Convex solver with a duality gap.")
    lambda_: Annotated[ByClass[Literal["auto"] | NotNegative], default_of(AUTO)] = option(
        AUTO,
        doc="Weight of the L1 penalty on the influences; `default`: that of the other classes. "
        "auto: of seven values from 1e-4 to 1e-2 the one whose student comes nearest to the "
        "teacher on images of tune; no label is used.",
    )
    link: Annotated[str, OneOf(LINKS)] = option(
        SIGMOID,
        doc="sigmoid: a student per class. softmax: one joint student of all classes, for "
        "task: single_label; a thumb on one class moves the others too.",
    )
    distil_on: Some[Annotated[str, OneOf([FIT, TUNE])]] = option(
        [FIT],
        doc="Splits whose images the students are distilled on. [fit, tune]: on those of tune too, "
        "by the teacher; no label is used, and metrics on tune are of students that did not see "
        "the image. Not with link: softmax, labels, targets: oracle or tempered: both.",
    )
    tolerance: float = option(
        1e-6, gt=0, lt=1, doc="Duality gap, relative to the objective at w = 0, to stop at."
    )
    l2: float = option(
        0.0,
        ge=0,
        doc="Weight of the L2 penalty, l2/2 times the sum of squares of the influences.",
    )
    labels: Labels | None = option(
        None, doc="True labels beside the teacher's; the teacher alone if left out."
    )

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield keys that exclude each other: images other than those of fit, and penalties that
        the joint student cannot have.
        """
        fault = self.fault_of_images()
        if fault:
            yield "distil_on", fault
        if self.link != SOFTMAX:
            return
        if self.l2:
            yield "l2", "is not used with link: softmax; leave it out, or take link: sigmoid"
        values = set(self.lambda_.values() if isinstance(self.lambda_, dict) else [self.lambda_])
        if 0 in values:
            yield "lambda", "must be above 0 with link: softmax"
        if AUTO in values and values != {AUTO}:
            yield "lambda", "is auto for all classes or for none with link: softmax"

    def fault_of_images(self) -> str:
        """Return the fault of ``distil_on``, or ""."""
        if FIT not in self.distil_on:
            return "must name fit"
        others = {
            "link: softmax": self.link == SOFTMAX,
            "labels": self.labels is not None,
            "targets: oracle": self.targets == "oracle",
            "tempered: both": self.tempered == "both",
        }
        refusals = [words for words, used in others.items() if used and TUNE in self.distil_on]
        return f"cannot name tune with {' and '.join(refusals)}" if refusals else ""


class PaperStudents(Students):
    """Students by the paper's recipe."""

    solver: Literal["paper"] = option("paper", doc="Adam on mini-batches, as in the paper.")
    lambda_: Annotated[ByClass[NotNegative], default_of(1e-4)] = option(
        1e-4,
        doc="Weight of the L1 penalty on the influences; `default`: that of the other classes.",
    )
    epochs: int = option(10, ge=1, doc="Passes over the images.")
    batch: int = option(128, ge=1, doc="Images in a mini-batch.")
    lr: float | None = option(
        None,
        gt=0,
        le=LARGEST_RATE,
        doc="Adam's learning rate, for scores less their means and over one spread; if left out, "
        "each class takes the one of 0.001, 0.003, 0.01, 0.03, 0.1 and 0.3 that ends with the "
        "least objective on fit.",
    )
    seed: int = option(0, ge=0, doc="Seed of the order of the images.")


class Tuning(Section):
    """Effect of a thumb."""

    factor: float = option(
        2.0,
        gt=1,
        le=1000,
        doc="Default factor of an intent, also on the page.",
    )
    reference: Literal["parent", "original"] = option(
        "parent",
        doc="Weights that a bound is measured from: the parent iteration's or the original ones.",
    )
    step: float = option(
        0.05,
        gt=0,
        doc="Least magnitude a thumb acts on, as a share of the student's largest weight.",
    )
    preview: bool = option(True, doc="Whether a pending batch is solved before it is committed.")
    suspects: bool = option(
        True, doc="Whether the page lists suspect concepts, and offers repairs."
    )
    suggest: bool = option(True, doc="Whether the page offers to do what a machine would.")
    epochs: int = option(3, ge=1, doc="Passes of a refit; only with solver: paper.")
