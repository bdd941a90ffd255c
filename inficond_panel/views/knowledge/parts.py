"""What all parts of the view of one student share: their parameters, and thumbs given in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import panel as pn
import param

from inficond_panel.state import CHANGE_METRICS, SLICE_METRICS, TOPS, Status
from inficond_panel.tuning import Intent
from inficond_panel.ui.actions import action
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.refit_actions import RefitActions
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import METRICS

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Actions on the student in view, which are of no other.
OWN = frozenset(
    {
        "ask",
        "cure",
        "open_patch",
        "set_bound",
        "set_own_factor",
        "suggest",
        "toggle",
        "toggle_group",
    }
)


def make_status(status: Status, change: dict[str, Any] | None, others: str = "") -> dict[str, Any]:
    """Line below the blocks. When a refit is done it tells ``change``, or that it was of others."""
    return {
        "kind": status.kind,
        "text": status.text,
        "progress": status.progress,
        "remedy": status.remedy,
        "change": change if status.kind == "done" else None,
        "others": others,
    }


def make_options(app: AppState) -> dict[str, Any]:
    """What stays as it is for the session: numbers and metrics to choose from, what is offered.

    ``patchless`` tells why no row has patches, ``cureless`` why these students take no cures, and
    ``confidence`` is the level of the intervals in words; each is empty where it does not apply.
    """
    views, cures = app.spec.views, app.tuner.cures
    return {
        "confidence": confidence_word(views.confidence) if views.intervals else "",
        "concepts": len(app.store.concepts),
        "patchless": app.store.lacks("segments"),
        "tops": list(TOPS),
        "metrics": [[key, METRICS[key].name] for key in CHANGE_METRICS],
        "slice_metrics": [[key, METRICS[key].name] for key in SLICE_METRICS],
        "columns": app.store.metadata_columns,
        "factors": sorted({*views.factors, app.tuning.factor}),
        "suspecting": app.spec.tuning.suspects,
        "suggests": app.spec.tuning.suggest,
        "cureless": str(cures.refused or ""),
        "penalised": cures.takes_lambda,
    }


class StudentPart(ViewComponent):
    """A part of the view: it knows the student, what waits, and how a refit goes."""

    student = param.String(default="", doc="Class whose student is shown; empty: none.")
    pending = param.List(default=[], item_type=dict, doc="The thumbs that wait, of all classes.")
    status = param.Dict(default=make_status(Status(), None))
    locked = param.String(default="", doc="Why nothing can be tuned now; empty: it can.")
    adding = param.Boolean(default=False, doc="Whether a concept is being added.")
    options = param.Dict(default={}, doc="As ``make_options`` gives them.")

    @classmethod
    def of(cls, app: AppState, **params: Any) -> Self:
        """The part of a session's page."""

        def adding(_: Status) -> bool:
            return app.concepts.busy

        return cls(
            theme=app.param.theme,
            extent=app.settings.param.show,
            intervals=app.spec.views.intervals,
            student=app.selection.param.class_name,
            locked=app.tuning.param.locked,
            adding=pn.bind(adding, app.concepts.param.status),
            options=make_options(app),
            margin=0,
            **params,
        )


class StudentActions(RefitActions):
    """Actions of all parts: thumbs on concepts of ``student``, and what is opened."""

    @property
    def student(self) -> str:
        """Class whose student is in view; empty: none."""
        return self.app.selection.class_name

    def act(self, message: Mapping[str, Any]) -> None:
        """Call the action; leave out what was done to ``seen``, a student not in view any more.

        Another was chosen a moment before, and has not come to the browser yet.
        """
        own = dict(message)
        seen = own.pop("seen", self.student)
        if seen == self.student or own.get("action") not in OWN:
            super().act(own)

    @action
    def _toggle(self, concept: str, direction: str) -> None:
        self.app.tuning.toggle(Intent(self.student, concept, direction))

    @action
    def _toggle_group(self, concepts: list[str], direction: str) -> None:
        self.app.tuning.toggle(*(Intent(self.student, each, direction) for each in concepts))

    @action
    def _take_out(self, place: list[str]) -> None:
        """Remove one intent from the batch, by its place."""
        self.app.tuning.take_out(place)

    @action
    def _open(self, concept: str) -> None:
        self.app.selection.open_concept(concept)

    @action
    def _select(self, student: str) -> None:
        self.app.selection.class_name = student
