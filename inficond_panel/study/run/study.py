"""Study that runs: its spec, data folder, log of events, and students of each task."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inficond_panel.common import clock
from inficond_panel.common.cache import once
from inficond_panel.errors import StudyError
from inficond_panel.spec import load_spec
from inficond_panel.study.run.assignment import assign
from inficond_panel.study.run.log import StudyLog
from inficond_panel.study.run.records import Participant, StudyEvent
from inficond_panel.study.run.shown_views import page_spec
from inficond_panel.study.run.tasks import (
    ConceptSet,
    EncoderOf,
    Preparation,
    Progress,
    Ready,
    allowed,
    concept_sets,
    store_over,
)
from inficond_panel.study.spec.conditions import Level
from inficond_panel.study.spec.study_spec import StudySpec, find_file, is_study, load_study
from inficond_panel.tuning import History, Tuner
from inficond_panel.wording.things import image_word

#: Seconds without an open page after which who did nothing yet holds no place.
_UNBEGUN = 60
_HOLDOUT = "holdout"  # name of a fact: measurements of reports on the holdout


class Study:
    """Study that runs in a data folder; ``own`` is a spec of the app that replaces the study's.

    The folder has ``study.sqlite`` (participants, events), ``starts.sqlite`` (start nodes of the
    tasks) and a folder per participant with a history per task. ``log`` stands in for the first.
    """

    def __init__(
        self, spec: StudySpec, folder: Path, own: Path | None = None, log: StudyLog | None = None
    ) -> None:
        self.spec, self.folder, self.own = spec, folder, own
        self.log = log or StudyLog(folder / "study.sqlite")
        self.ready: dict[str, Ready] = {}
        self.varied: dict[tuple[str, str], Ready] = {}
        #: Slot of the first participant.
        self.first_slot = 0
        #: Minutes and fine-tunes of participants who have finished, by number.
        self.spent: dict[int, tuple[float, int]] = {}

    def prepare(self, progress: Progress | None = None, encoder: EncoderOf | None = None) -> None:
        """Open the stores, make the data folder and the tasks' start nodes. Call it before
        participants come.

        ``encoder`` loads the encoder of a spec; if concepts may be typed, the encoder is compared
        with the store. Raises the errors of ``Preparation.tasks``, and ``StudyError`` if the study
        has changed since its first participant.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(
                f"The data folder {self.folder} cannot be made: {error}.",
                "Name another folder with --data.",
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
        """Return the prepared tasks by name, as ``prepare`` makes them; no file is written."""
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
        """Add a participant; return the participant and the token of their link.

        The participant gets the first free slot. Slots of participants who declined, or are away
        for longer than ``gone_after`` in the spec, are free again.
        """
        return self.log.add(lambda slot: assign(self.spec, self.first_slot + slot), self._gone())

    def places(self) -> int:
        """Return the number of participants who count for ``participants.most``: who finished or is
        under way. Who declined, is away for longer than ``gone_after``, or closed the page before
        they did anything does not count, also if they come back."""
        return self.log.places(self._gone(), clock.before(_UNBEGUN))

    def _gone(self) -> str:
        """Return the time since which participants without an open page are gone; "" if never."""
        minutes = self.spec.participants.gone_after
        return clock.before(60 * minutes) if minutes else ""

    def preview(self, slot: int) -> Study:
        """Return this study with nobody in it, to be looked at: its log is in memory, and its other
        files are in a temporary folder, until ``discard``. The next participant gets the plan of
        ``slot``."""
        folder = Path(tempfile.mkdtemp(prefix="inficond-preview-"))
        preview = Study(self.spec, folder, self.own, StudyLog(":memory:"))
        preview.ready, preview.varied = self.ready, self.varied
        preview.first_slot = slot
        return preview

    def discard(self) -> None:
        """Delete all files of a preview."""
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def delete_participant(self, number: int) -> None:
        """Delete a participant with all histories, events, answers and the link."""
        label = self.log.participant(number).label
        folder = self._folder_of(label)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise StudyError(f"{folder} cannot be removed.", "Make it writable, and try again.")

        def rest(stored: str) -> str:
            measured = _measured(stored)
            return json.dumps({k: v for k, v in measured.items() if k.split("/")[0] != label})

        self.log.delete(number, _HOLDOUT, rest)

    def holdout(self) -> dict[str, Any]:
        """Return the stored measurements on the holdout by "participant/task"."""
        return _measured(self.log.fact(_HOLDOUT))

    def keep_holdout(self, key: str, measured: Mapping[str, Any]) -> None:
        """Store the holdout results of one participant and task, permanently.

        ``key`` is "participant/task", as in ``holdout``. Nothing is stored for a deleted
        participant, and concurrent reports do not overwrite each other.
        """
        number = int(key.partition("/")[0][1:])
        self.log.change_fact(
            _HOLDOUT, number, lambda kept: json.dumps({**_measured(kept), key: measured})
        )

    def level(self, participant: Participant, task: str) -> Level | None:
        """Return the condition of a participant in a task; None without conditions. The training
        has the participant's condition in all tasks, or what all conditions have in common."""
        levels = self.spec.levels_of(self.ready[task].task)
        if len(levels) == 1:
            return levels[0]
        condition = participant.condition(task)
        return next((level for level in levels if level.name_ == condition), None)

    def ready_for(self, participant: Participant, task: str) -> Ready:
        """Return the prepared task for a participant, under the participant's condition."""
        level = self.level(participant, task)
        return self.varied.get((task, level.name_ if level else ""), self.ready[task])

    @property
    def image_word(self) -> str:
        """What sentences call an image of the tasks' stores: ``image``, ``row`` or ``caption``; an
        image if the stores differ, or are not open."""
        words = {image_word(each.store) for each in (*self.ready.values(), *self.varied.values())}
        return words.pop() if len(words) == 1 else "image"

    def history(self, participant: Participant, task: str) -> Path:
        """Return the path of the history file of a participant in a task."""
        return self._folder_of(participant.label) / f"{task}.history.sqlite"

    def begun(self, participant: Participant, task: str) -> bool:
        """Return True if the participant has begun the task."""
        return self.history(participant, task).exists()

    def allows(self, participant: Participant, task: str, key: str) -> bool:
        """Return True if the participant may type concepts in the task (``key`` "may_type"), or may
        answer photos ("may_ask")."""
        return allowed(self.ready[task].task, self.level(participant, task), key)

    def concept_sets(
        self, participant: Participant, task: str, events: Iterable[StudyEvent] | None = None
    ) -> list[ConceptSet]:
        """Return the concept sets that a participant has had in a task, the store's set first: each
        typed concept makes a new set. They are read from ``events``, by default all so far.
        """
        recorded = self.log.events(participant.number) if events is None else events
        return concept_sets(self.ready_for(participant, task), recorded)

    def tuner(self, participant: Participant, task: str, at: ConceptSet | None = None) -> Tuner:
        """Return the tuner of a participant's students in a task; its history begins at the start
        node. ``at`` is the concept set of the students, by default the present set.
        """
        ready = self.ready_for(participant, task)
        chosen = at or self.concept_sets(participant, task)[-1]
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
        """Close the log."""
        self.log.close()

    def _folder_of(self, label: str) -> Path:
        return self.folder / "participants" / label


def _measured(stored: str) -> dict[str, Any]:
    return dict(json.loads(stored or "{}"))


def open_study(name: str | Path, data: str | Path | None = None) -> Study:
    """Open a study by the path or packaged name of its spec, or of a spec of the app with the key
    ``study``.

    ``data`` is the data folder; by default from the study's spec, next to the study's file or to
    the spec of the app, and for a packaged study in the current folder. Raises ``SpecError``, and
    ``StudyError`` for a spec of the app without a study.
    """
    file = find_file(name)
    own = None if is_study(file) else file
    named = load_spec(own, check_files=False).study if own else file
    if named is None:
        raise StudyError(f"{own} names no study.", "Add the key `study: FILE` to this spec.")
    study = load_study(named)
    usual = own.with_suffix(".study") if own else study.data
    if not Path(name).exists():
        usual = Path.cwd() / usual.name
    folder = Path(os.path.abspath(data)) if data else usual  # noqa: PTH100 - links stay as written
    return Study(study, folder, own)


@once(1)
def shared_study(name: str, data: str) -> Study:
    """Return the study that all sessions of a server share; no visitor's address is logged."""
    logging.getLogger("tornado.access").disabled = True
    study = open_study(name, data)
    study.prepare()
    return study
