"""A running study: its spec, its folder, its log, and the students of each task."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inficond_panel.common import clock
from inficond_panel.common.cache import once
from inficond_panel.errors import StudyError
from inficond_panel.spec import Spec, load_spec
from inficond_panel.spec.sections.page import Layout
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.records import Event, Participant
from inficond_panel.study.run.tasks import (
    ConceptSet,
    EncoderOf,
    Preparation,
    Progress,
    Ready,
    allowed,
    assign,
    concept_sets,
    store_over,
)
from inficond_panel.study.spec.conditions import Level
from inficond_panel.study.spec.study_spec import StudySpec, Task, find_file, is_study, load_study
from inficond_panel.tuning import History, Tuner

_HOLDOUT = "holdout"  # fact: what reports have measured there


class Study:
    """Study: its spec, and the folder of its data.

    The folder holds ``study.sqlite`` (participants, events), ``starts.sqlite`` (the nodes that
    tasks begin with) and a folder for each participant with a history for each of their tasks.
    """

    def __init__(self, spec: StudySpec, folder: Path, own: Path | None = None) -> None:
        self.spec, self.folder, self.own = spec, folder, own
        self.log = StudyLog(folder / "study.sqlite")
        self.ready: dict[str, Ready] = {}
        self.varied: dict[tuple[str, str], Ready] = {}
        #: Minutes and fine-tunes of who has finished, by number.
        self.spent: dict[int, tuple[float, int]] = {}

    def prepare(self, progress: Progress | None = None, encoder: EncoderOf | None = None) -> None:
        """Open stores, make start nodes and the folder; only a prepared study accepts participants.

        ``encoder`` loads the encoder of a spec; if concepts may be typed, it is checked against the
        store. Raises the errors of ``Preparation.tasks``, and ``StudyError`` if the study differs
        from the one that participants have begun.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(
                f"The folder {self.folder} cannot be made: {error}.", "Name another with --data."
            ) from error
        clock.go_on_from(self.log.latest())
        starts = History(self.folder / "starts.sqlite")
        preparation = Preparation(self.spec, self.own, starts, encoder)
        self.ready = preparation.tasks(progress)
        self.varied = preparation.varied
        starts.close()
        self._keep_what_it_is()

    def check(
        self, progress: Progress | None = None, encoder: EncoderOf | None = None
    ) -> dict[str, Ready]:
        """Its tasks, as ``prepare`` makes them; nothing is written."""
        return Preparation(self.spec, self.own, History(":memory:"), encoder).tasks(progress)

    def _keep_what_it_is(self) -> None:
        facts = {
            "spec": self.spec.to_yaml(),
            "starts": json.dumps(
                {name: ready.start.id for name, ready in self.ready.items()}
                | {f"{task}, {level}": one.start.id for (task, level), one in self.varied.items()}
            ),
        }
        if self.log.participants():
            if any(self.log.fact(name) != value for name, value in facts.items()):
                raise StudyError(
                    f"{self.spec.path} or the store of its students was changed since its first "
                    "participant.",
                    "Undo the change, or name another folder with --data for a new study.",
                )
            return
        for name, value in facts.items():
            self.log.set_fact(name, value)

    def add_participant(self) -> tuple[Participant, str]:
        """A new participant, and the token of their link.

        They take the first place that nobody holds: those who declined, or are gone for as long as
        the spec says, have given theirs back.
        """
        minutes = self.spec.participants.gone_after
        gone = clock.before(60 * minutes) if minutes else ""
        return self.log.add(lambda slot: assign(self.spec, slot), gone)

    def has(self, label: str) -> bool:
        """True if a participant of that label exists and was not deleted."""
        return any(who.label == label for who in self.log.participants())

    def delete_participant(self, number: int) -> None:
        """Take a participant out: histories, events, answers, link."""
        self.log.participant(number)
        shutil.rmtree(self._folder_of(number), ignore_errors=True)
        if self._folder_of(number).exists():
            raise StudyError(
                f"{self._folder_of(number)} cannot be removed.", "Make it writable, and try again."
            )
        label = self.log.participant(number).label

        def rest(kept: str) -> str:
            known = _measured(kept)
            return json.dumps({k: v for k, v in known.items() if k.split("/")[0] != label})

        self.log.delete(number, _HOLDOUT, rest)

    def holdout(self) -> dict[str, Any]:
        """AP on the holdout that reports have measured, by participant and task."""
        return _measured(self.log.fact(_HOLDOUT))

    def keep_holdout(self, key: str, measured: Mapping[str, Any]) -> None:
        """Store the holdout results of one participant and task, permanently.

        ``key`` is as in ``holdout``. Nothing is stored for a deleted participant, and concurrent
        reports do not overwrite each other.
        """
        number = int(key.partition("/")[0][1:])
        self.log.change_fact(
            _HOLDOUT, number, lambda kept: json.dumps({**_measured(kept), key: measured})
        )

    def task(self, name: str) -> Task:
        """The task of that name."""
        return next(task for task in self.spec.all_tasks if task.name_ == name)

    def level(self, participant: Participant, task: str) -> Level | None:
        """Return the condition of a participant in a task; in the training, that of all."""
        condition = participant.condition(task)
        return next((level for level in self.spec.levels if level.name_ == condition), None)

    def ready_for(self, participant: Participant, task: str) -> Ready:
        """A task as one participant has it, under their condition."""
        level = self.level(participant, task)
        return self.varied.get((task, level.name_ if level else ""), self.ready[task])

    def history(self, participant: Participant, task: str) -> Path:
        """File of the iterations of a participant in a task."""
        return self._folder_of(participant.number) / f"{task}.history.sqlite"

    def begun(self, participant: Participant, task: str) -> bool:
        """True if the participant has begun the task."""
        return self.history(participant, task).exists()

    def allows(self, participant: Participant, task: str, key: str) -> bool:
        """True if the participant can do a thing: ``may_type`` concepts, ``may_ask`` for photos."""
        return allowed(self.task(task), self.level(participant, task), key)

    def concept_sets(
        self, participant: Participant, task: str, events: Iterable[Event] | None = None
    ) -> list[ConceptSet]:
        """Return the concept sets of a participant in a task, the store's first.

        They follow from ``events``, by default those recorded so far.
        """
        known = self.log.events(participant.number) if events is None else events
        return concept_sets(self.ready_for(participant, task), known)

    def tuner(self, participant: Participant, task: str, at: ConceptSet | None = None) -> Tuner:
        """Return the students of one participant in one task; its history begins at the start node.

        The concepts are those ``at`` some time in the task, by default the present ones.
        """
        ready, chosen = (
            self.ready_for(participant, task),
            at or self.concept_sets(participant, task)[-1],
        )
        file = self.history(participant, task)
        file.parent.mkdir(parents=True, exist_ok=True)
        history = History(file)
        spec = page_spec(ready.spec, ready.task, self.level(participant, task))
        missing = [node for node in ready.nodes if history.get(node.id) is None]
        for node in missing:
            history.add(node)
        if missing and len(ready.nodes) > 1:
            history.set_head(ready.start.root, ready.start.id, "jump", author="study")
        return Tuner(store_over(ready.store, file, chosen.typed), spec, history)

    def close(self) -> None:
        """Close the record."""
        self.log.close()

    def _folder_of(self, number: int) -> Path:
        return self.folder / "participants" / f"P{number:02d}"


def _measured(kept: str) -> dict[str, Any]:
    return dict(json.loads(kept or "{}"))


def page_spec(spec: Spec, task: Task, level: Level | None) -> Spec:
    """The spec of the app, as a condition has it, with the views of a task."""
    views = (level.views if level else []) or task.views
    return spec.with_layout(_only(spec.layout, views)) if views else spec


def _only(layout: Layout, views: Sequence[str]) -> Layout:
    """Return the layout with only some views; a view that it lacks gets a row of its own."""
    rows = [[name for name in row if name in views] for row in layout.rows]
    rows += [[name] for name in views if name not in layout.views]
    return Layout(theme=layout.theme, show=layout.show, rows=[row for row in rows if row])


def open_study(name: str | Path, data: str | Path | None = None) -> Study:
    """Open the study of a file, of a packaged name, or of a spec of the app with ``study``.

    ``data`` is the folder of the data. By default the study names it, next to its file or to the
    spec of the app; data of a packaged study are in the current folder. Raises ``SpecError``, and
    ``StudyError`` for a spec of the app without a study.
    """
    file = find_file(name)
    own = None if is_study(file) else file
    study = load_study(_study_of(own) if own else file)
    usual = own.with_suffix(".study") if own else study.data
    if not Path(name).exists():
        usual = Path.cwd() / usual.name
    folder = Path(os.path.abspath(data)) if data else usual  # noqa: PTH100 - links stay as written
    return Study(study, folder, own)


def _study_of(spec: Path) -> Path:
    study = load_spec(spec, check_files=False).study
    if study is None:
        raise StudyError(f"{spec} names no study.", "Give it the key `study: FILE`.")
    return study


@once(1)
def shared_study(name: str, data: str) -> Study:
    """The study that all sessions of one server share. No address of a visitor is logged."""
    logging.getLogger("tornado.access").disabled = True
    study = open_study(name, data)
    study.prepare()
    return study
