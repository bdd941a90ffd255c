"""Sections of a study's spec for its tasks: goals, tasks, and blocks of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import (
    FilePath,
    Names,
    OneOf,
    Several,
    Slug,
    Some,
    Text,
    option,
)
from inficond_panel.spec.sections.page import ViewName
from inficond_panel.study.spec.pages import SKIPPED, IntroductionPage, QuestionPage
from inficond_panel.study.spec.skips import SkipIf
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, PRECISION, RECALL, keys

GOALS = list(keys(AP, F1, PRECISION, RECALL, ACCURACY, FIDELITY))


class DoneWhen(Section):
    """Goal at which a task is done; metrics are on the split tune."""

    chooser: ClassVar[str] = "rule"


class ReachesTeacher(DoneWhen):
    """Goal: the student's AP reaches the teacher's (InFiConD, section 6)."""

    rule: Literal["teacher"] = option("teacher", doc="The student's AP reaches the teacher's.")
    margin: float = option(0.0, ge=0, le=1, doc="Difference in AP that is allowed.")


class ReachesValue(DoneWhen):
    """Goal: a metric of the student reaches a value."""

    rule: Literal["value"] = option("value", doc="A metric reaches a value.")
    metric: Annotated[str, OneOf(GOALS)] = option(AP.key, doc="Metric of the student.")
    value: float = option(ge=0, le=1, doc="Value to reach.")


class GainsBy(DoneWhen):
    """Goal: a metric of the student has risen by a given amount since the start node."""

    rule: Literal["gain"] = option("gain", doc="A metric has risen by a given amount.")
    metric: Annotated[str, OneOf(GOALS)] = option(AP.key, doc="Metric of the student.")
    by: float = option(gt=0, le=1, doc="Rise since the start node; 0.01 is one point.")


class IterationsMade(DoneWhen):
    """Goal: a number of fine-tunes."""

    rule: Literal["iterations"] = option("iterations", doc="A number of fine-tunes.")
    count: int = option(1, ge=1, doc="Number of fine-tunes.")


class AnswersGiven(DoneWhen):
    """Goal: a number of images is answered yes or no."""

    rule: Literal["answers"] = option("answers", doc="A number of images is answered yes or no.")
    count: int = option(
        20, ge=1, doc="Number of images (photos or captions); skipped ones do not count."
    )


class ParticipantSays(DoneWhen):
    """Goal: the participant decides that the task is done."""

    rule: Literal["participant"] = option("participant", doc="The participant decides.")


class Task(Section):
    """Task of the participants, with the student of one class."""

    name_: Slug = option(doc="Name in tables and files; unique.")
    title: Text = option(doc="Heading.")
    text: Text = option(doc="Instructions, as Markdown.")
    spec: Text | None = option(None, doc="Spec of the app, a file or a name; default: the study's.")
    class_: Names = option(doc="Class to tune. Of several names, the first name in the store.")
    edits: FilePath | None = option(
        None, doc="Edits file that leads from the original students to the start node."
    )
    node: Text | None = option(
        None, doc="Start node in the history of the spec: number, id or name; #0 if left out."
    )
    views: Several[ViewName] = option([], doc="Views on the page; empty: as in the spec's layout.")
    done_when: DoneWhen = option(
        default_factory=ParticipantSays,
        doc="When the task is done; if left out, when the participant decides.",
    )
    time_limit: float | None = option(
        None, gt=0, doc="Minutes after which the task ends; none if left out."
    )
    may_leave: bool = option(True, doc="Whether participants may leave an unfinished task.")
    other_classes: bool = option(
        False, doc="Whether students of other classes can be opened and tuned in the task."
    )
    may_type: bool = option(
        False, doc="Whether concepts can be typed in the task, for this participant only."
    )
    may_ask: bool = option(
        False,
        doc="Whether images (photos or captions) can be answered yes or no in the task, to teach "
        "the student.",
    )
    after: list[QuestionPage] = option([], doc="Pages of questions after the task.")
    skip_if: SkipIf | None = option(None, doc=SKIPPED)

    @property
    def ends_by_word(self) -> bool:
        """True if the participant decides when the task is done."""
        return isinstance(self.done_when, ParticipantSays)

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each fault: two start nodes, a goal that nobody can reach, or a
        task that cannot end."""
        if self.edits and self.node:
            yield "node", "is not used with edits, which lead to the start node; leave one out"
        if isinstance(self.done_when, AnswersGiven) and not self.may_ask:
            yield "done_when", "images cannot be answered in this task; write may_ask: true"
        if not (self.may_leave or self.time_limit or self.ends_by_word):
            yield "may_leave", "a participant could not leave without the goal; set time_limit"


class Block(Section):
    """Tasks in a row, with pages before and after them."""

    name_: Slug = option(doc="Name in tables; unique, also among the tasks.")
    tasks: Some[Slug] = option(doc="Names of its tasks.")
    introduction: list[IntroductionPage] = option([], doc="Pages to read before its tasks.")
    after: list[QuestionPage] = option([], doc="Pages of questions after its tasks.")
    skip_if: SkipIf | None = option(None, doc="When its pages and tasks are skipped.")
