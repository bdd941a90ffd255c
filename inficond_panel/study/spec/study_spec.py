"""The spec of a study: one YAML file, read into checked Params."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, ScalarNode

from inficond_panel.spec.framework.fields import Choice, Flag, Slug, Text, Whole
from inficond_panel.spec.framework.lists import Words
from inficond_panel.spec.framework.paths import FilePath
from inficond_panel.spec.framework.section import Nested, NestedList, Section
from inficond_panel.spec.framework.section_file import SpecFile, load_file
from inficond_panel.spec.framework.yaml_source import compose, text_of
from inficond_panel.spec.sections.page import VIEWS
from inficond_panel.study.spec.pages import (
    CheckPage,
    ConsentPage,
    EndPage,
    QuestionPage,
    TextPage,
)
from inficond_panel.study.spec.pictures import picture_faults
from inficond_panel.study.spec.questions import REQUIRED, Question
from inficond_panel.study.spec.tasks import Task
from inficond_panel.study.spec.variation import Variation

_START = "a study starts with 'title: ...'"


class Level(Section):
    """One condition: what it changes in a task."""

    name_ = Slug(None, doc="Name in tables.", metadata=REQUIRED)
    views = Words([], doc="Views on the page; empty: those of the task.", metadata={"words": VIEWS})
    spec = Nested(Variation, default=None, doc="Keys of the app's spec that are others here.")
    may_type = Flag(None, doc="Whether concepts can be typed; as the task says if left out.")
    may_ask = Flag(None, doc="Whether photos can be answered; as the task says if left out.")


class Conditions(Section):
    """Conditions that are varied, and their assignment to participants."""

    design = Choice(
        default="between",
        objects=["between", "within"],
        doc="between: one condition a participant; within: each of them, task by task.",
    )
    assignment = Choice(
        default="latin_square",
        objects=["latin_square", "random"],
        doc="latin_square: in turn, by the rows of a balanced square; random: drawn in blocks, so "
        "that the groups stay equal in size.",
    )
    levels = NestedList(Level, doc="The conditions.", metadata=REQUIRED)

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield names that stand twice."""
        yield from _twice("levels", [level.name_ for level in self.levels or []])


class StudySpec(SpecFile):
    """A study, from consent to the last page."""

    remedy = "`inficond check STUDY` checks a study; `inficond docs study-spec` has every key."

    title = Text(None, doc="Name of the study, for participants and report.", metadata=REQUIRED)
    spec = Text(
        "demo", doc="Spec of the app for tasks that name none: a file, or a name such as demo."
    )
    data = FilePath(
        doc="Folder of all that is recorded; beside the study, named after it, if left out."
    )
    external_id = Slug(
        "pid", doc="Name of the id in a link, as ?pid=..., of who sends participants; recorded."
    )
    consent = Nested(ConsentPage, default=None, doc="Consent; none is asked for if left out.")
    introduction = NestedList(TextPage, [], doc="Pages to read.")
    comprehension = Nested(
        CheckPage, default=None, doc="Questions on what was read, to be answered right."
    )
    form = NestedList(Question, [], doc="Questions on the person, such as experience.")
    training = Nested(
        Task, default=None, doc="A task to try, before the others; it does not count."
    )
    tasks = NestedList(Task, doc="The tasks.", metadata=REQUIRED)
    order = Choice(
        default="fixed",
        objects=["fixed", "latin_square", "random"],
        doc="Order of the tasks: as written, by the rows of a balanced square, or drawn.",
    )
    conditions = Nested(Conditions, default=None, doc="What is varied; nothing if left out.")
    seed = Whole(0, bounds=(0, None), doc="Seed of all that is drawn.")
    questionnaire = NestedList(QuestionPage, [], doc="Pages of questions after the tasks.")
    end = Nested(EndPage, default=None, doc="The last page; a word of thanks if left out.")

    def __init__(self, path: str | Path = "study.yaml", **values: Any) -> None:
        super().__init__(path, **values)
        self.data = self.data or self.default_data()

    def default_data(self) -> Path:
        """Folder of the data beside the file."""
        return self._path.with_suffix(".study")

    def plain(self) -> dict[str, Any]:
        """As ``SpecFile.plain``, without the place of the data if that is the usual one."""
        plain = super().plain()
        if self.data == self.default_data():
            plain.pop("data")
        return plain

    @property
    def all_tasks(self) -> list[Task]:
        """The training, if there is one, then the tasks."""
        return [*([self.training] if self.training else []), *(self.tasks or [])]

    @property
    def questions(self) -> list[Question]:
        """Questions that are asked once: of the form and of the questionnaire."""
        return [*self.form, *[asked for page in self.questionnaire for asked in page.asked]]

    @property
    def levels(self) -> list[Level]:
        """The conditions; none where nothing is varied."""
        return list(self.conditions.levels or []) if self.conditions else []

    def key_of(self, task: Task) -> str:
        """Key of a task in the file, such as ``tasks[0]``."""
        if task is self.training:
            return "training"
        return f"tasks[{next(at for at, other in enumerate(self.tasks) if other is task)}]"

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield names that stand twice, and conditions that tasks cannot be shared among."""
        yield from _twice("tasks", [task.name_ for task in self.all_tasks])
        key = "questionnaire" if self.questionnaire else "form"
        checked = self.comprehension.asked if self.comprehension else []
        yield from _twice(key, [question.name_ for question in [*checked, *self.questions]])
        for task in self.all_tasks:
            yield from _twice(self.key_of(task), [question.name_ for question in task.questions])
        yield from self._picture_faults()
        made, tasks = self.conditions, len(self.tasks or [])
        if made and made.levels and made.design == "within" and tasks % len(made.levels):
            yield (
                "conditions",
                f"{tasks} tasks cannot be shared among {len(made.levels)} conditions",
            )

    def _picture_faults(self) -> Iterator[tuple[str, str]]:
        """Yield pictures that cannot be shown, at the texts that name them."""
        pages: dict[str, Section | None] = {
            key: getattr(self, key) for key in ("consent", "comprehension", "end", "training")
        }
        for name in ("introduction", "tasks", "questionnaire"):
            pages |= {f"{name}[{at}]": page for at, page in enumerate(getattr(self, name) or [])}
        for task in self.all_tasks:
            where = self.key_of(task)
            pages |= {f"{where}.after[{at}]": page for at, page in enumerate(task.after)}
        for key, page in pages.items():
            text = getattr(page, "text", None)
            for message in picture_faults(text, self._path.parent) if text else ():
                yield f"{key}.text", message


def _twice(key: str, names: list[str | None]) -> Iterator[tuple[str, str]]:
    for name, number in Counter(names).items():
        if number > 1 and name:
            yield key, f"the name {name!r} stands {number} times"


def is_study(file: Path) -> bool:
    """True if a YAML file is the spec of a study rather than of the app; False for a folder."""
    if file.is_dir():
        return False
    root = compose(file)
    pairs = root.value if isinstance(root, MappingNode) else []
    keys = {text_of(key) for key, _ in pairs if isinstance(key, ScalarNode)}
    return "tasks" in keys and "dataset" not in keys


def load_study(path: str | Path) -> StudySpec:
    """Read and check the spec of a study; ``SpecError`` has every problem at once."""
    return load_file(StudySpec, path, check_files=True, start=_START)
