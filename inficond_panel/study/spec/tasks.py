"""Sections of a study's spec: tasks, and when they are done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import File, Names, OneOf, Several, Slug, Text, option
from inficond_panel.spec.sections.page import View
from inficond_panel.study.spec.pages import Question, QuestionPage
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, PRECISION, RECALL, keys

GOALS = list(keys(AP, F1, PRECISION, RECALL, ACCURACY, FIDELITY))


class DoneWhen(Section):
    """Goal at which a task is done; measured on the split tune."""

    chooser: ClassVar[str] = "rule"


class ReachesTeacher(DoneWhen):
    """The student's AP reaches the teacher's (InFiConD, section 6)."""

    rule: Literal["teacher"] = option("teacher", doc="The student's AP reaches the teacher's.")
    margin: float = option(0.0, ge=0, le=1, doc="Gap of AP that is still enough.")


class ReachesValue(DoneWhen):
    """A metric of the student reaches a value."""

    rule: Literal["value"] = option("value", doc="A metric reaches a value.")
    metric: Annotated[str, OneOf(GOALS)] = option(AP.key, doc="Metric of the student.")
    value: float = option(ge=0, le=1, doc="Value to reach.")


class GainsBy(DoneWhen):
    """A metric of the student has risen by so much since the start node."""

    rule: Literal["gain"] = option("gain", doc="A metric has risen by so much.")
    metric: Annotated[str, OneOf(GOALS)] = option(AP.key, doc="Metric of the student.")
    by: float = option(gt=0, le=1, doc="Rise since the start node, 0.01 is one point.")


class IterationsMade(DoneWhen):
    """So many fine-tuning iterations were made."""

    rule: Literal["iterations"] = option("iterations", doc="So many fine-tunes.")
    count: int = option(1, ge=1, doc="Fine-tunes.")


class AnswersGiven(DoneWhen):
    """So many photos were answered yes or no."""

    rule: Literal["answers"] = option("answers", doc="So many photos were answered yes or no.")
    count: int = option(20, ge=1, doc="Photos; skipped ones do not count.")


class ParticipantSays(DoneWhen):
    """The participant says so."""

    rule: Literal["participant"] = option("participant", doc="The participant says that it is.")


class Task(Section):
    """Something to do with the students of one class."""

    name_: Slug = option(doc="Name in tables and files; no two alike.")
    title: Text = option(doc="Heading.")
    text: Text = option(doc="What to do, as Markdown.")
    spec: Text | None = option(
        None, doc="Spec of the app, a file or a name; that of the study if left out."
    )
    class_: Names = option(doc="Class to work on. Of several names the first that the store has.")
    edits: File | None = option(
        None, doc="Edits file that leads from the untouched students to the start node."
    )
    node: Text | None = option(
        None,
        doc="Start node in the history of the spec: number, id or name; #0 if left out.",
    )
    views: Several[View] = option([], doc="Views on the page; empty: all of the spec's layout.")
    done_when: DoneWhen = option(default_factory=ParticipantSays, doc="When the task is done.")
    time_limit: float | None = option(
        None, gt=0, doc="Minutes after which the task ends; none if left out."
    )
    may_leave: bool = option(True, doc="Whether one may go on before the task is done.")
    other_classes: bool = option(
        False, doc="Whether students of other classes can be opened and tuned in the task."
    )
    may_type: bool = option(
        False,
        doc="Whether concepts can be typed in the task; they are the participant's own.",
    )
    may_ask: bool = option(
        False,
        doc="Whether photos can be answered yes or no in the task, to teach the student.",
    )
    after: list[QuestionPage] = option([], doc="Pages of questions after the task.")

    @property
    def ends_by_word(self) -> bool:
        """True if the participant decides when it is done."""
        return isinstance(self.done_when, ParticipantSays)

    @property
    def questions(self) -> list[Question]:
        """Questions that are asked after it."""
        return [question for page in self.after for question in page.asked]

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield two start nodes, and a task that cannot end."""
        if self.edits and self.node:
            yield "node", "the start is named already, by edits"
        if isinstance(self.done_when, AnswersGiven) and not self.may_ask:
            yield "done_when", "photos cannot be answered in this task; write may_ask: true"
        if not (self.may_leave or self.time_limit or self.ends_by_word):
            yield "may_leave", "who does not get there could never go on; give a time_limit"
