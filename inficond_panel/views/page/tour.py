"""The guided tour: whether it is offered, its example, and what of it has been done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.directions import DOWN

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Of the demo: a class, and a concept that goes with it in ``fit`` alone.
EXAMPLE = ("bicycle", "traffic light")


def make_tour(app: AppState) -> dict[str, Any]:
    """Offer of the tour, unless the spec asks for none; the example, where the store has both."""
    name, concept = EXAMPLE
    known = name in app.store.classes and concept in app.store.concepts
    example = {"class": name, "concept": concept} if known else {}
    level = app.spec.views.shown_level
    words = "" if level is None else interval_word(level)
    return {"offered": app.spec.layout.tour, "interval": words, **example}


def show_step(app: AppState, what: str) -> None:
    """Do for the person what a step asks for (a key of ``make_progress``), on the example."""
    selection, tuning = app.selection, app.tuning
    name, concept = _example(app)
    if what == "class":
        selection.class_name = name
    elif what == "concept":
        selection.open_concept(concept)
    elif what == "undone":
        tuning.undo()
    elif what in {"pending", "tuned"} and not tuning.pending:
        tuning.toggle(name, concept, DOWN.key)
    if what == "tuned":
        tuning.fine_tune()


def _example(app: AppState) -> tuple[str, str]:
    """The class selected and the concept opened; where there is none, the example or the first."""
    name, concept = EXAMPLE
    store, selection = app.store, app.selection
    name = selection.class_name or (name if name in store.classes else store.classes[0])
    strongest = store.concepts[int(np.abs(app.students.student(name).weights).argmax())]
    student = app.students.student(name)
    known = (
        (name, concept) == EXAMPLE and concept in store.concepts and student.weight(concept) != 0
    )
    return name, selection.concept or (concept if known else strongest)


def make_progress(app: AppState) -> dict[str, bool]:
    """Steps that the tour asks for, each True if it is done."""
    return {
        "class": bool(app.selection.class_name),
        "concept": bool(app.selection.concept),
        "pending": bool(app.tuning.pending),
        "tuned": app.tuning.status.kind == "done",
        "undone": app.tuning.can_redo,
    }
