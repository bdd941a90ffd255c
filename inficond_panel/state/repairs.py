"""State of the repairs: shift and suspects by class, suggested edits, and refit what-if curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import param

from inficond_panel.distill import alone
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.shift import (
    ALL_UP_TO,
    student_differences,
    student_repair,
    student_shift,
)
from inficond_panel.results.what_if_curves import CurvePoint, refit_curve
from inficond_panel.state.belonging import BelongState
from inficond_panel.state.by_class import ByClass
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning import Node
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest import Suggestion, suggest


class ShiftState(ByClass):
    """State of the shifts: students that do worse on ``tune`` than on ``fit``, with suspects.

    Results are shown one by one (``Job.first_of``); the selected class comes first. With more than
    ``ALL_UP_TO`` classes, which take minutes, only selected classes are computed. The differences
    of the other classes come after all shifts.
    """

    KEY = "shifts"
    RESULTS = ("by_class", "differences")

    asked = param.Boolean(False, doc="Whether a view has asked for the shifts.")
    by_class = param.Dict({}, doc="``ClassShift`` by class, as far as it is computed.")
    differences = param.Dict({}, doc="``Differences`` by class, as far as they are computed.")

    def __init__(
        self, students: StudentsState, selection: Selection, belong: BelongState, jobs: Jobs
    ) -> None:
        self._belong = belong
        super().__init__(students, selection, jobs)

    @property
    def all_wanted(self) -> bool:
        """True if this page computes the shifts of all classes; False: of selected classes only."""
        return len(self._students.tuner.store.classes) <= ALL_UP_TO

    @property
    def complete(self) -> bool:
        """True if the shifts of all classes are computed already."""
        return len(self.by_class) == len(self._students.tuner.store.classes)

    @property
    def explained(self) -> bool:
        """True if the differences of all classes are computed."""
        return len(self.differences) == len(self._students.tuner.store.classes)

    @property
    def selected_explained(self) -> bool:
        """True if the differences of the selected class are computed."""
        return self._selection.class_name in self.differences

    def suspects(self, class_name: str) -> list[str]:
        """Return the names of a class's suspect concepts, strongest first; empty until computed."""
        known = self.by_class.get(class_name)
        return [] if known is None else [suspect.concept for suspect in known.suspects]

    def start(self) -> None:
        """Start computing the shifts, if the spec shows suspects; each view calls this once."""
        self.asked = self._students.tuner.spec.tuning.suspects  # ``_follow`` comes before others

    @param.depends("_belong.belonging", watch=True)
    def _settle(self) -> None:
        """Take out of the shifts what belongs to the classes by the latest answers."""
        tuner, node = self._students.tuner, self._students.node
        shifts, seen = list(self.by_class), list(self.differences)

        def work(_: Job) -> dict[str, dict[str, object]]:
            return {
                "by_class": {name: student_shift(tuner, node, name) for name in shifts},
                "differences": {name: student_differences(tuner, node, name) for name in seen},
            }

        def done(made: dict[str, dict[str, object]]) -> None:
            if self._node.id == node.id:
                known = {key: getattr(self, key) | values for key, values in made.items()}
                self.param.update(**known)

        if shifts:
            self._jobs.submit(Job("settled", work, done, self._failed))

    @param.depends("asked", "_selection.class_name", watch=True)
    def _follow(self) -> None:
        self._next()

    def _missing(self) -> list[str]:
        wanted = self._wanted() if self.asked else []
        return [name for name in wanted if name not in self.by_class]

    def _made(self, node: Node, class_name: str) -> ClassShift:
        return student_shift(self._students.tuner, node, class_name)

    @param.depends("by_class", "_selection.class_name", watch=True)
    def _look(self) -> None:
        """Start computing the ``Differences`` of the selected class, once its shift is computed,
        and of the other classes, once all shifts are."""
        tuner, node = self._students.tuner, self._students.node
        wanted = self._wanted() if self.complete else [self._selection.class_name]
        missing = [name for name in wanted if name in self.by_class.keys() - self.differences]
        if not self.asked or self.problem or not missing:
            return

        def work(job: Job) -> dict[str, Differences]:
            return job.first_of(missing, partial(student_differences, tuner, node))

        def done(made: dict[str, Differences]) -> None:
            if self._node.id == node.id:  # perhaps again: then shifts of the class are to come
                known = {name: each for name, each in made.items() if name in self.by_class}
                self.differences = {**self.differences, **known}
            self._look()

        self._jobs.submit(Job("differences", work, done, self._failed, idle=True))

    def _wanted(self) -> list[str]:
        first, classes = self._selection.class_name, self._students.tuner.store.classes
        if not self.all_wanted:
            return [first] if first else []
        return sorted(classes, key=lambda name: name != first)


def gains(suggestion: Suggestion, class_name: str) -> bool:
    """Return whether the recommended repair of a class is expected to gain significantly."""
    if class_name not in suggestion.taken:
        return False
    return bool(suggestion.gain_of(class_name).low > 0)


class SuggestState(param.Parameterized):
    """State of the search for one suggested repair at a time, which is added to the batch."""

    running = param.Boolean(False, doc="Whether a search runs.")
    share = param.Number(0.0, bounds=(0, 1), doc="Share of the search that is done.")
    text = param.String("", doc="Name of the search's step that runs now.")
    latest = param.Parameter(None, doc="The last ``Suggestion`` for the node shown; None: none.")
    problem = param.String("", doc="Why the search failed.")
    expected = param.Dict({}, doc="Suggestions by class, searched ahead by ``expect``.")
    gainless = param.List(
        [],
        item_type=str,
        doc="Classes searched ahead for which no gain is expected; [] until all are searched.",
    )
    last = param.List(
        [],
        item_type=str,
        doc="Classes that come last in *Where to begin*: those ``gainless`` when all students were "
        "opened, so that nothing moves under the pointer when a search ends.",
    )

    def __init__(self, tuning: TuningState, selection: Selection, jobs: Jobs) -> None:
        self._tuning, self._selection, self._jobs = tuning, selection, jobs
        self._wanted: Sequence[str] = ()
        self._expecting: tuple[str, str] | None = None
        super().__init__()

    @property
    def offered(self) -> bool:
        """True if the spec shows suggested repairs, and these students can be repaired."""
        tuner = self._tuning.tuner
        return bool(tuner.spec.tuning.suggest and tuner.repairs.refused is None)

    def expect(self, classes: Sequence[str]) -> None:
        """Search ahead for a repair of each class while no person waits; fill ``expected``."""
        only = self._tuning.rights.class_name
        self._wanted = [name for name in classes if not only or name == only]
        self._look_ahead()

    @param.depends("_selection.class_name", watch=True)
    def _order(self) -> None:
        if not self._selection.class_name:
            self.last = self.gainless

    def take(self, class_name: str) -> None:
        """Add the repair in ``expected`` for a class to the pending batch. Raises ``KeyError``."""
        self._done(self.expected[class_name])

    @param.depends("_tuning.status", "running", watch=True)
    def _look_ahead(self) -> None:
        head = self._tuning.head
        known = {name: one for name, one in self.expected.items() if one.parent == head.id}
        if len(known) < len(self.expected):
            self.param.update(expected=known, gainless=[], last=[])
        if self._wanted and known.keys() >= set(self._wanted):
            self.gainless = [name for name in self._wanted if not gains(known[name], name)]
        missing = [(head.id, name) for name in self._wanted if name not in known]
        waited_for = self.running or self._tuning.awaited or self._tuning.busy
        if self._expecting and (waited_for or self._expecting not in missing):
            self._jobs.cancel("expected")
        elif missing and not (self._expecting or waited_for) and self.offered and self._jobs.spare:
            self._expect(missing[0][1])

    def _expect(self, name: str) -> None:
        tuner, head = self._tuning.tuner, self._tuning.head
        self._expecting = head.id, name

        def work(job: Job) -> Suggestion:
            return student_repair(tuner, head, name, job.cancelled)

        def done(suggestion: Suggestion) -> None:
            self._expecting = None
            self.expected = {**self.expected, name: suggestion}
            self._look_ahead()

        def failed(error: InficondError) -> None:
            self._expecting = None
            if not isinstance(error, CancelledError):  # ``ask`` shows the error
                self._wanted = [each for each in self._wanted if each != name]
            self._look_ahead()

        self._jobs.submit(Job("expected", work, done, failed, idle=True))

    def ask(self, classes: Sequence[str] | None = None) -> None:
        """Search for a repair of ``classes`` (None: all), and add its edits to the batch."""
        if self._tuning.busy or self._tuning.locked:
            return
        only = self._tuning.rights.class_name
        classes = [only] if only else classes
        tuner, head = self._tuning.tuner, self._tuning.head
        self.param.update(running=True, share=0.0, text="Starting", latest=None, problem="")

        def work(job: Job) -> Suggestion:
            tell = self._jobs.progress(job)
            if classes and len(classes) == 1:  # it may be cached
                return student_repair(tuner, head, classes[0], job.cancelled, tell)
            return suggest(tuner, head, classes=classes, progress=tell, cancelled=job.cancelled)

        self._jobs.submit(Job("suggestion", work, self._done, self._failed, self._tell))

    def cancel(self) -> None:
        """Cancel the search; the batch stays as it is."""
        if self.running:
            self._jobs.cancel("suggestion")

    def _tell(self, share: float, text: str) -> None:
        self.param.update(share=share, text=text)

    def _done(self, suggestion: Suggestion) -> None:
        still = suggestion.parent == self._tuning.head.id and not self._tuning.locked
        self.param.update(running=False, text="", latest=suggestion if still else None)
        if still and suggestion.intents:
            self._tuning.propose(suggestion)

    def _failed(self, error: InficondError) -> None:
        cancelled = isinstance(error, CancelledError)
        problem = "" if cancelled else error.whole_for_page
        self.param.update(running=False, text="", problem=problem)

    @param.depends("_tuning.status", watch=True)
    def _yield_to_refit(self) -> None:
        """Cancel the search when a refit starts, and forget a suggestion for another node."""
        if self._tuning.busy:
            self.cancel()
        if self.latest is not None and self.latest.parent != self._tuning.head.id:
            self.latest = None


class RefitWhatIf(param.Parameterized):
    """Refit what-if curve: metrics of a student refitted with thumbs on one concept, or with its
    influence fixed (see ``results.what_if_curves.refit_curve``).

    Each point of the curve is one job, so that other jobs run in between. While a person waits for
    a preview or a refit the curve is ``waiting``, and continues afterwards.
    """

    state: param.Selector[str] = param.Selector(
        default="", objects=["", "solving", "waiting", "stopped", "done"], doc="Empty: no curve."
    )
    points = param.List([], item_type=CurvePoint, doc="Solved points, by place on the curve.")
    share = param.Number(0.0, bounds=(0, 1), doc="Share of the curve that is solved.")

    def __init__(self, students: StudentsState, tuning: TuningState, jobs: Jobs) -> None:
        self._students, self._tuning, self._jobs = students, tuning, jobs
        self._asked: tuple[str, str, str, str] | None = None
        self._path: Iterator[CurvePoint] | None = None
        self._job: Job | None = None
        super().__init__()

    def solve(self, class_name: str, concept: str) -> None:
        """Compute the curve of a concept, or continue a stopped curve from its computed points."""
        shown = self._students.snapshot
        asked = (class_name, concept, shown.node.id, shown.split)
        if asked != self._asked:
            self.forget()
            self._asked = asked
        if self.state not in {"solving", "done"}:
            self._go_on()

    def stop(self) -> None:
        """Compute no further point until ``solve`` is called again; keep the computed points."""
        self._end()
        if self.state in {"solving", "waiting"}:
            self.state = "stopped"

    def forget(self) -> None:
        """Stop computing, and forget the curve with all its points."""
        self._end()
        self._asked = None
        self.param.update(state="", points=[], share=0.0)

    def _go_on(self) -> None:
        if self._asked is None:
            return
        if self._tuning.awaited:
            self.state = "waiting"
            return

        def cancelled() -> bool:
            return self._job is None or self._job.cancelled()

        self.state = "solving"
        class_name, concept, *_ = self._asked
        tuner, student = self._students.tuner, self._students.student(class_name)
        self._path = refit_curve(tuner, student, concept, cancelled=cancelled)
        self._next_point()

    def _end(self) -> None:
        self._jobs.cancel("refit what-if")
        self._path, self._job = None, None

    def _next_point(self) -> None:
        path = self._path
        if path is None:
            return

        def work(job: Job) -> CurvePoint | None:
            self._job = job
            return next(path, None)

        self._jobs.submit(Job("refit what-if", work, self._add, self._failed))

    def _add(self, point: CurvePoint | None) -> None:
        if point is None:
            self._path = None
            self.state = "done"
            return
        if not self._students.tuner.spec.views.intervals:
            point = replace(point, changes=alone(point.changes))
        others = [each for each in self.points if each.place != point.place]
        points = sorted([*others, point], key=lambda each: each.place)
        self.param.update(points=points, share=max(self.share, point.share))
        self._next_point()

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.stop()
            self._tuning.tell(error)

    @param.depends("_tuning.status", watch=True)
    def _yield_to_person(self) -> None:
        if self._tuning.awaited and self.state == "solving":
            self._end()
            self.state = "waiting"
        elif not self._tuning.awaited and self.state == "waiting":
            self._go_on()
