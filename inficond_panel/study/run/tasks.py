"""Tasks of a study with their stores: goal, start node, and typed concepts.

Each typed concept gives students with a new root in the history of the task. The events of a
participant record when concepts were typed; the history records how they were used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.common.names import find_name
from inficond_panel.concepts.texts import EncodesText
from inficond_panel.concepts.typed import check_encoder, check_typing, extended
from inficond_panel.errors import FileProblem, FileProblemsError, InficondError, SpecError
from inficond_panel.spec import Spec, find_spec, load_spec
from inficond_panel.spec.framework.yaml_source import hint
from inficond_panel.store import Store
from inficond_panel.study.run.records import StudyEvent
from inficond_panel.study.run.shown_views import goal_fault
from inficond_panel.study.spec.conditions import Level, Variation
from inficond_panel.study.spec.study_spec import StudySpec
from inficond_panel.study.spec.task_sections import (
    AnswersGiven,
    DoneWhen,
    GainsBy,
    IterationsMade,
    ParticipantSays,
    ReachesTeacher,
    ReachesValue,
    Task,
)
from inficond_panel.tuning import History, Node, Student, Tuner, open_tuner, read_edits
from inficond_panel.tuning.edits import Edit
from inficond_panel.tuning.opening import open_spec_store, typed_folder
from inficond_panel.tuning.other_students import find_node
from inficond_panel.tuning.replay import branch
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE

SPLIT = TUNE
#: Goals that count something instead of a metric, and their names on the page.
ITERATIONS, ANSWERS = "iterations", "answers"
COUNTED = {ITERATIONS: "Fine-tunes", ANSWERS: "Images answered"}


@dataclass(frozen=True)
class Standing:
    """Progress of a task towards its goal: the present ``value`` of the measure ``what``, and the
    ``target`` for this value. Both are None if the participant decides when the task is done; an
    undefined value is nan.
    """

    what: str
    value: float | None
    target: float | None

    @property
    def done(self) -> bool:
        """True if the target is reached."""
        if self.value is None or self.target is None:
            return False
        return self.value >= self.target


def answered(events: Iterable[StudyEvent]) -> int:
    """Return how many photos have been answered yes or no, from the events of a task."""
    images: set[str] = set()
    for event in events:
        if event.action == "photo-answer" and event.payload["answer"] is not None:
            images.add(event.payload["image"])
        elif event.action == "photo-undo":
            images -= set(event.payload["images"])
    return len(images)


def standing(
    rule: DoneWhen, start: Student, student: Student, iterations: int, answers: int = 0
) -> Standing:
    """Return the progress towards the goal ``rule`` of ``student``, which is ``iterations``
    fine-tunes after the student ``start``; ``answers`` is the number of answered photos."""
    if isinstance(rule, ParticipantSays):
        return Standing("", None, None)
    if isinstance(rule, IterationsMade):
        return Standing(ITERATIONS, iterations, rule.count)
    if isinstance(rule, AnswersGiven):
        return Standing(ANSWERS, answers, rule.count)
    now = student.metrics
    if isinstance(rule, ReachesTeacher):
        return Standing(AP.key, now.ap, now.teacher_ap - rule.margin)
    if isinstance(rule, ReachesValue):
        return Standing(rule.metric, getattr(now, rule.metric), rule.value)
    assert isinstance(rule, GainsBy)
    before = getattr(start.metrics, rule.metric)
    return Standing(rule.metric, getattr(now, rule.metric), before + rule.by)


REMEDY = "`inficond check STUDY` checks a study; `inficond docs study` says how to set one up."
Progress = Callable[[float, str], None]
EncoderOf = Callable[[Spec], EncodesText]


@dataclass(frozen=True)
class Ready:
    """Prepared task with its spec, store, and ``nodes`` from the original students to the start."""

    task: Task
    class_name: str
    spec: Spec
    store: Store
    nodes: tuple[Node, ...]

    @property
    def start(self) -> Node:
        """Start node, the students that a participant begins with."""
        return self.nodes[-1]


def allowed(task: Task, level: Level | None, key: str) -> bool:
    """Return True if a task under the condition ``level`` allows typed concepts (``key``
    "may_type") or answered photos ("may_ask")."""
    by_level = getattr(level, key) if level else None
    return bool(getattr(task, key) if by_level is None else by_level)


class Preparation:
    """Preparation of a study: opens stores, distils students once, and makes the start nodes.

    ``own`` is a spec of the app that replaces the study's, ``starts`` the history that gets the
    start nodes. ``encoder`` loads a spec's encoder, which is checked if concepts may be typed.
    """

    def __init__(
        self, study: StudySpec, own: Path | None, starts: History, encoder: EncoderOf | None = None
    ) -> None:
        self.study, self.own, self.starts, self._encoder = study, own, starts, encoder
        #: Tasks by name and condition, of conditions that change the spec of the app.
        self.varied: dict[tuple[str, str], Ready] = {}
        self._tuners: dict[tuple[Path, str | None], Tuner] = {}
        self._problems: dict[FileProblem, None] = {}

    def tasks(self, progress: Progress | None = None) -> dict[str, Ready]:
        """Return all prepared tasks by name, including the training.

        Raises ``SpecError`` with all problems: a class that the store lacks or that has no
        positives on tune, a goal that is reached at the start node or that nobody can reach, and
        problems of the spec of the app, its store and the edits file.
        """
        ready = {task.name_: self._ready(task, progress) for task in self.study.all_tasks}
        for task in self.study.all_tasks:
            for level in self.study.levels_of(task):
                if level.spec is not None and (made := self._ready(task, progress, level)):
                    self.varied[task.name_, level.name_] = made
        if self._problems:
            raise SpecError(
                sorted(self._problems, key=lambda p: (str(p.file), p.line, p.column)), REMEDY
            )
        return {name: task for name, task in ready.items() if task is not None}

    def _ready(
        self, task: Task, progress: Progress | None, level: Level | None = None
    ) -> Ready | None:
        """Return a prepared task, or None if the task has problems; they are collected to be
        reported at once for all tasks.
        """
        try:
            return self._prepared(task, progress, level)
        except FileProblemsError as error:
            self._problems.update(dict.fromkeys(error.problems))
        except InficondError as error:
            self._report(task, "", f"{error.message} {error.remedy}".strip())
        return None

    def _prepared(self, task: Task, progress: Progress | None, level: Level | None) -> Ready | None:
        tuner = self._tuner(task, level)
        if tuner is None or not (name := self._class_name(task, tuner.store)):
            return None
        nodes = self._nodes(task, tuner, progress)
        start = tuner.at(nodes[-1], SPLIT)[name]
        goal = standing(task.done_when, start, start, 0)
        if goal.done:
            what = f"{goal.what} is {goal.value:.3f}, to reach {goal.target:.3f}"
            self._report(task, "done_when", f"is true at the start node already: {what}")
        if beyond := _beyond_best(task.done_when, start, goal):
            self._report(task, "done_when", beyond)
        ready = Ready(task, name, tuner.spec, tuner.store, tuple(nodes))
        for each in self._levels_with(task, level):
            if hidden := goal_fault(tuner.spec, task, each):
                self._report(task, "done_when", hidden)
        levels = [level] if level else [None, *self.study.levels_of(task)]
        typing = [allowed(task, each, "may_type") for each in levels]
        if self._encoder and any(typing) and (fault := _typing_fault(ready, self._encoder)):
            self._report(task, "may_type", fault)
        refused = tuner.repairs.refused
        if refused and any(allowed(task, each, "may_ask") for each in levels):
            self._report(task, "may_ask", f"these students cannot learn answers. {refused.message}")
        return ready

    def _levels_with(self, task: Task, level: Level | None) -> Sequence[Level | None]:
        """Return the conditions of a task with the spec of ``level``: itself, or without one all
        that do not change the spec of the app. [None] if the study has no conditions."""
        if level is not None or not self.study.levels:
            return [level]
        return [each for each in self.study.levels_of(task) if each.spec is None]

    def _tuner(self, task: Task, level: Level | None) -> Tuner | None:
        """Return the tuner of a task's students under a condition; None if the condition cannot be
        used. Problems are collected."""
        source = self.spec_of(task)
        key = source, level.name_ if level else None
        if key not in self._tuners:
            spec = load_spec(source, check_files=False)
            if level is not None and level.spec is not None:
                if self._misfits(level, level.spec, spec):
                    return None
                spec = level.spec.over(spec)
            self._tuners[key] = Tuner(open_spec_store(source, spec.store), spec, self.starts)
        return self._tuners[key]

    def _misfits(self, level: Level, changed: Variation, spec: Spec) -> bool:
        """Collect problems with keys of ``spec`` that a condition cannot change; return True if
        there are any."""
        at = next((at for at, one in enumerate(self.study.levels) if one is level), 0)
        where = f"conditions.levels[{at}].spec"
        misfits = list(changed.misfits(spec))
        for key, message in misfits:
            line, column = self.study.place(where, key)
            self._problems[FileProblem(self.study.path, line, column, f"{where}.{message}")] = None
        return bool(misfits)

    def spec_of(self, task: Task) -> Path:
        """Return the path of the spec of the app for a task."""
        if self.own and not task.spec:
            return self.own
        name = task.spec or self.study.spec
        beside = self.study.path.parent / name
        return beside if beside.exists() else find_spec(name)

    def _class_name(self, task: Task, store: Store) -> str:
        found = (find_name(name, store.classes) for name in task.class_)
        name = next(filter(None, found), "")
        if not name:
            wanted = " or ".join(repr(name) for name in task.class_)
            near = hint(task.class_[0], store.classes)
            known = near or f"; the classes are {', '.join(store.classes)}"
            self._report(task, "class", f"there is no class {wanted} in {store.path}{known}")
        elif not (store.label[store.rows(SPLIT), store.classes.index(name)] == 1).any():
            self._report(task, "class", f"{name!r} has no positives on {SPLIT}: AP is undefined")
            return ""
        return name

    def _nodes(self, task: Task, tuner: Tuner, progress: Progress | None) -> list[Node]:
        nodes = [tuner.root(progress)]
        batches: Sequence[Sequence[Edit]] = []
        if task.edits:
            batches = read_edits(task.edits, tuner.store)
        elif task.node:
            source = open_tuner(self.spec_of(task))
            batches = [node.edits for node in branch(source, find_node(source, task.node))[1:]]
        for batch in batches:
            nodes.append(tuner.fine_tune(nodes[-1], batch, progress, author="study"))
        return nodes

    def _report(self, task: Task, key: str, message: str) -> None:
        where = self.study.key_of(task)
        line, column = self.study.place(where, key)
        full = f"{where}.{key}" if key else where
        self._problems[FileProblem(self.study.path, line, column, f"{full}: {message}")] = None


def _beyond_best(rule: DoneWhen, start: Student, goal: Standing) -> str:
    """Return the reason why nobody can gain as much as ``rule`` asks for; "" if somebody can."""
    if not isinstance(rule, GainsBy) or goal.target is None or not goal.target > 1:
        return ""
    before = getattr(start.metrics, rule.metric)
    largest = math.floor(1000 * (1 - before)) / 1000
    return (
        f"cannot be reached: {rule.metric} is {before:.3f} at the start node and 1 at best, so "
        f"that it rises by {largest:.3f} at most, not by {rule.by:g}; lower `by`"
    )


def _typing_fault(ready: Ready, encoder: EncoderOf) -> str:
    """Return the reason why no concept can be typed in a task; "" if concepts can be typed."""
    try:
        check_typing(ready.store)
        check_encoder(ready.store, encoder(ready.spec).digest)
    except InficondError as error:
        return error.message
    return ""


TYPED = "type"  #: action of the event that a concept was typed


@dataclass(frozen=True)
class ConceptSet:
    """Concepts that a participant's students use in a task, from one time on.

    They are the concepts of the store and those that the participant has typed: ``typed`` has their
    names, in order of time. ``since`` is the time, "" for the start of the task. ``root`` is the id
    of the original students with these concepts, ``node`` the id of the students shown first.
    """

    root: str
    node: str
    typed: tuple[str, ...] = ()
    since: str = ""


def concept_sets(ready: Ready, events: Iterable[StudyEvent]) -> list[ConceptSet]:
    """Return the concept sets of a task: first the store's concepts, then a set after each typed
    concept."""
    sets = [ConceptSet(ready.start.root, ready.start.id)]
    for event in events:
        if event.action == TYPED and event.step == ready.task.name_:
            payload, typed = event.payload, sets[-1].typed
            sets.append(
                ConceptSet(payload["root"], payload["node"], (*typed, payload["name"]), event.time)
            )
    return sets


def store_over(store: Store, history: Path, typed: Iterable[str]) -> Store:
    """Return ``store`` with the concepts named ``typed``, whose file is beside ``history``."""
    names, folder = set(typed), typed_folder(history)
    kept = folder.read(store) if names and folder else []
    return extended(store, [one for one in kept if one.name in names])
