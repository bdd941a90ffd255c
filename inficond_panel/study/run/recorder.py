"""Session of a participant, from the link to the recording of all actions on the page.

The views do not know the recorder. Actions that change the students (iterations, undo, jumps,
names, notes, views of the holdout) are in the history and are not recorded again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import param

from inficond_panel.common import clock
from inficond_panel.errors import StudyError, StudyLinkError, TuningError
from inficond_panel.spec.sections.page import VIEW_NAMES
from inficond_panel.state import AppState
from inficond_panel.state.batch import read_item
from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.log import BEFORE
from inficond_panel.study.run.progress import StudyProgress
from inficond_panel.study.run.records import Note, Participant, StudyEvent, storable
from inficond_panel.study.run.study import Study
from inficond_panel.tuning.edits import is_known

#: Ids in a link: ids of panel providers have letters, digits and a few signs.
_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
#: Signs of placeholders that providers replace with an id, such as {{%PROLIFIC_PID%}}.
_PLACEHOLDER = ("%", "{")


def enter(
    study: Study, token: str, ids: Mapping[str, str], own: str = ""
) -> tuple[Participant, str, Mapping[str, str]]:
    """Return (participant of the link, token of a new personal link or "", ids to record).

    ``token`` is the link's, ``ids`` are those in the address. A personal link belongs to one
    participant; ids are then ignored. On the open link each id is a participant, and belongs to the
    browser that began with this id: this browser stores the personal link, and passes its token as
    ``own`` when it returns. Raises ``StudyLinkError`` for unknown links, for ids that are invalid
    or that another browser has begun with, and if no further participant can come.
    """
    if not study.log.is_open_link(token):
        return study.log.find(token), "", {}
    named = {name: ids[name] for name in study.spec.participants.ids if ids.get(name)}
    _check_ids(study, named)
    person = named[study.spec.participants.ids[0]]
    known = study.log.by_external_id(study.spec.participants.ids[0], person)
    if known is None:
        _check_room(study)
        return *study.add_participant(), named
    with suppress(StudyError):
        if own and study.log.find(own).number == known.number:
            return known, "", {}
    if all(event.action in BEFORE for event in study.log.events(known.number)):
        return known, study.log.new_token(known.number), {}
    raise StudyLinkError(
        "The study was begun with this id in another browser.",
        "Continue there, or ask the researcher for a link to continue here.",
    )


def _check_ids(study: Study, named: Mapping[str, str]) -> None:
    first = study.spec.participants.ids[0]
    remedy = "Open the link exactly as you received it."
    if first not in named:
        problem = f"This link needs an id: ?{first}=... in its address."
    elif any(sign in value for value in named.values() for sign in _PLACEHOLDER):
        problem = "The id in the address of this page was not filled in."
        remedy = "Open the study from the page that sent you here."
    elif not all(map(_ID.fullmatch, named.values())):
        problem = "The id in the address of this page is not valid."
    else:
        return
    raise StudyLinkError(problem, remedy)


def _check_room(study: Study) -> None:
    """Raise ``StudyLinkError`` if the study is full, or if too many participants begin at once."""
    section = study.spec.participants
    if study.places() >= section.most:
        raise StudyLinkError(
            "The study has all its participants.", "Return to the page that you came from."
        )
    minute = clock.before(60)
    if sum(who.created > minute for who in study.log.participants()) >= section.per_minute:
        raise StudyLinkError(
            "Many people begin at the moment.", "Wait a minute, then open the link again."
        )


class Session:
    """Session of the participant whose link has the ``token``; earlier sessions end.

    ``after`` is the previous session of a page that reloads itself, ``ids`` and ``own`` are as in
    ``enter``, ``window`` is the page's width and height in CSS pixels. The attribute ``link`` is
    the token of a new personal link, else "". Raises ``StudyLinkError`` as ``enter``, and
    ``StudyError`` if nothing can be recorded.
    """

    def __init__(
        self,
        study: Study,
        token: str,
        after: str = "",
        ids: Mapping[str, str] | None = None,
        own: str = "",
        window: Sequence[int] = (),
    ) -> None:
        self.study = study
        self.id = secrets.token_hex(4)
        self.participant, self.link, came_with = enter(study, token, ids or {}, own)
        study.log.open(self.participant.number, self.id, after, came_with, window)
        self.waiting: list[Note] = []
        self.progress = progress_of(study, self.participant)

    def record(self, *actions: tuple[str, str, Mapping[str, Any]]) -> None:
        """Record each action, (view, action, payload), as an event of the present step, on disk.

        If writing fails, the events wait in memory, in order and with their times, and are written
        before the next events. Raises ``StudyLinkError`` if the link was opened in another window
        since, and ``StudyError`` if the log cannot be written.
        """
        step = self.progress.step.name
        self.waiting += [
            Note(clock.now(), step, view, action, storable(payload))
            for view, action, payload in actions
        ]
        written = self.study.log.append(self.participant.number, self.id, self.waiting)
        self.waiting = []
        self.progress = StudyProgress(self.progress.steps, [*self.progress.events, *written])

    def touch(self) -> None:
        """Record that the page is still open. Raises the errors of ``record``."""
        self.study.log.append(self.participant.number, self.id, [])


#: View of each setting of the shared state; "": several views.
SETTING_VIEWS = {
    "sort": "performance",
    "descending": "performance",
    "confused": "performance",
    "scope": "configuration",
    "concept_sort": "knowledge",
    "top": "knowledge",
    "show": "",
    "effect": "knowledge",
    "patches_of": "knowledge",
    "measured": "knowledge",
    "repairing": "knowledge",
    "slice_by": "knowledge",
    "slice_metric": "knowledge",
    "explained": "knowledge",
    "what_if": "detail",
    "filters": "detail",
    "history_metric": "provenance",
    "projection": "embedding",
    "tab": "",
}
_OPENING = {"concept", "type"}  # actions that open a concept
Write = Callable[[str, str, dict[str, Any]], object]


class Recorder(param.Parameterized):
    """Recorder of a participant's changes in the state ``app``, which passes each change to
    ``write(view, action, payload)``.

    Make it before the views, so that a change is recorded before the views show it. ``view`` is the
    view used last, which is recorded as the source of changes in the shared state.
    """

    def __init__(self, app: AppState, write: Write, view: str = "") -> None:
        self.app, self.view = app, view
        self._write = write
        self._kind = app.tuning.status.kind
        super().__init__()
        for name, owner in SETTING_VIEWS.items():
            self._watch(owner, app.settings, name)

    def watch(self, views: Mapping[str, Any]) -> None:
        """Also record the searches in the table of ``views``."""
        if "knowledge" in views:
            self._watch("knowledge", views["knowledge"].table, "find")

    def visit(self, view: str) -> None:
        """Record that the participant now uses ``view``, if it is another view."""
        if view in VIEW_NAMES and view != self.view:
            self.view = view
            self._note("visit", {})

    def _watch(self, view: str, holder: param.Parameterized, name: str) -> None:
        def record(value: Any) -> None:
            self._write(view, "set", {name: value})

        param.bind(record, holder.param[name], watch=True)

    def _note(self, action: str, payload: dict[str, Any]) -> None:
        self._write(self.view, action, payload)

    @param.depends("app.selection.class_name", watch=True)
    def _on_class(self) -> None:
        self._note("class", {"name": self.app.selection.class_name})

    @param.depends("app.selection.concept", watch=True)
    def _on_concept(self) -> None:
        self._note("concept", {"name": self.app.selection.concept})

    @param.depends("app.selection.concepts", watch=True)
    def _on_group(self) -> None:
        self._note("group", {"names": self.app.selection.concepts})

    @param.depends("app.selection.images", watch=True)
    def _on_images(self) -> None:
        if images := self.app.selection.images:
            self._note("images", {"title": images.title, "count": len(images.rows)})

    @param.depends("app.students.thresholds", watch=True)
    def _on_thresholds(self) -> None:
        self._note("thresholds", {"tried": self.app.students.thresholds})

    @param.depends("app.tuning.pending", watch=True)
    def _on_batch(self) -> None:
        self._note("batch", {"intents": [intent.to_json() for intent in self.app.tuning.pending]})

    @param.depends("app.tuning.status", watch=True)
    def _on_status(self) -> None:
        status = self.app.tuning.status
        before, self._kind = self._kind, status.kind
        if self._kind == before:
            return
        if self._kind == "fitting":
            self._note("fine-tune", {})
        elif self._kind == "cancelling":
            self._note("cancel", {})
        elif self._kind == "error":
            self._write("", "failed", {"message": status.text})

    @param.depends("app.asking.latest", watch=True)
    def _on_photo(self) -> None:
        facts = dict(self.app.asking.latest)
        self._note(facts.pop("action"), facts)

    @param.depends("app.comparison.pair", watch=True)
    def _on_pair(self) -> None:
        if pair := self.app.comparison.pair:
            self._note("compare", {"before": pair[0], "after": pair[1]})


def resume(app: AppState, events: Sequence[StudyEvent], head_since: str) -> None:
    """Restore in ``app`` the selection and the pending batch that the page had when it was last
    open, from the events of the task. A batch before ``head_since``, the time of the last
    fine-tune, was already refitted and is not restored.
    """
    for event in events:
        if event.action == "class" and event.payload["name"] in app.store.classes:
            with suppress(TuningError):  # from before the task was on one class alone
                app.selection.class_name = event.payload["name"]
        elif event.action in _OPENING and event.payload["name"] in app.store.concepts:
            app.selection.concept = event.payload["name"]
    batches = [event for event in events if event.action == "batch"]
    if not batches or batches[-1].time <= head_since:
        return
    items = map(read_item, batches[-1].payload["intents"])
    given = app.store, app.tuner.refit
    app.tuning.put([item for item in items if item and is_known(item, *given)])
