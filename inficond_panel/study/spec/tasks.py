"""Sections of a study's spec: tasks, and when they are done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from inficond_panel.spec.framework.fields import Choice, Flag, Number, Slug, Text, Whole
from inficond_panel.spec.framework.lists import Names, Words
from inficond_panel.spec.framework.paths import FilePath
from inficond_panel.spec.framework.section import Nested, NestedList, Section
from inficond_panel.spec.sections.page import VIEWS
from inficond_panel.study.spec.pages import QuestionPage
from inficond_panel.study.spec.questions import REQUIRED, Question
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, PRECISION, RECALL, keys

GOALS = list(keys(AP, F1, PRECISION, RECALL, ACCURACY, FIDELITY))


class DoneWhen(Section):
    """Goal at which a task is done; measured on the split tune."""

    chooser: ClassVar[str] = "rule"


class ReachesTeacher(DoneWhen):
    """The student's AP reaches the teacher's (InFiConD, section 6)."""

    rule = Choice(
        default="teacher", objects=["teacher"], doc="The student's AP reaches the teacher's."
    )
    margin = Number(0.0, bounds=(0, 1), doc="Gap that is still enough.", metadata={"unit": "AP"})


class ReachesValue(DoneWhen):
    """A metric of the student reaches a value."""

    rule = Choice(default="value", objects=["value"], doc="A metric reaches a value.")
    metric = Choice(default=AP.key, objects=GOALS, doc="Metric of the student.")
    value = Number(None, bounds=(0, 1), doc="Value to reach.", metadata=REQUIRED)


class GainsBy(DoneWhen):
    """A metric of the student has risen by so much since the start node."""

    rule = Choice(default="gain", objects=["gain"], doc="A metric has risen by so much.")
    metric = Choice(default=AP.key, objects=GOALS, doc="Metric of the student.")
    by = Number(
        None,
        bounds=(0, 1),
        inclusive_bounds=(False, True),
        doc="Rise since the start node, 0.01 is one point.",
        metadata=REQUIRED,
    )


class IterationsMade(DoneWhen):
    """So many fine-tuning iterations were made."""

    rule = Choice(default="iterations", objects=["iterations"], doc="So many fine-tunes.")
    count = Whole(1, bounds=(1, None), doc="Fine-tunes.")


class AnswersGiven(DoneWhen):
    """So many photos were answered yes or no."""

    rule = Choice(
        default="answers", objects=["answers"], doc="So many photos were answered yes or no."
    )
    count = Whole(20, bounds=(1, None), doc="Photos; skipped ones do not count.")


class ParticipantSays(DoneWhen):
    """The participant says so."""

    rule = Choice(
        default="participant", objects=["participant"], doc="The participant says that it is."
    )


class Task(Section):
    """Something to do with the students of one class."""

    name_ = Slug(None, doc="Name in tables and files; no two alike.", metadata=REQUIRED)
    title = Text(None, doc="Heading.", metadata=REQUIRED)
    text = Text(None, doc="What to do, as Markdown.", metadata=REQUIRED)
    spec = Text(None, doc="Spec of the app, a file or a name; that of the study if left out.")
    class_ = Names(
        None,
        doc="Class to work on. Of several names the first that the store has.",
        metadata=REQUIRED,
    )
    edits = FilePath(
        doc="Edits file that leads from the untouched students to the start node.",
        metadata={"exists": "file"},
    )
    node = Text(
        None, doc="Start node in the history of the spec: number, id or name; #0 if left out."
    )
    views = Words(
        [],
        doc="Views on the page; empty: all of the spec's layout.",
        metadata={"words": VIEWS},
    )
    done_when = Nested(DoneWhen, default_factory=ParticipantSays, doc="When the task is done.")
    time_limit = Number(
        None,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Time after which the task ends; none if left out.",
        metadata={"unit": "minutes"},
    )
    may_leave = Flag(True, doc="Whether one may go on before the task is done.")
    other_classes = Flag(
        False, doc="Whether students of other classes can be opened and tuned in the task."
    )
    may_type = Flag(
        False, doc="Whether concepts can be typed in the task; they are the participant's own."
    )
    may_ask = Flag(
        False, doc="Whether photos can be answered yes or no in the task, to teach the student."
    )
    after = NestedList(QuestionPage, [], doc="Pages of questions after the task.")

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
