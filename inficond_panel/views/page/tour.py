"""The guided tour: whether it is offered, its example, and what of it has been done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.concepts.texts import words_for
from inficond_panel.tuning import Intent
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
    name, concept = make_example(app)
    if what == "class":
        selection.class_name = name
    elif what == "concept":
        selection.open_concept(concept)
    elif what == "undone":
        tuning.undo()
    elif what in {"pending", "tuned"} and not tuning.pending:
        tuning.toggle(Intent(name, concept, DOWN.key))
    if what == "tuned":
        tuning.fine_tune()


def make_example(app: AppState) -> tuple[str, str]:
    """The class selected and the concept opened; where there is none, the example or the first."""
    name, selection = EXAMPLE[0], app.selection
    name = selection.class_name or (name if name in app.store.classes else app.store.classes[0])
    return name, selection.concept or _doubtful(app, name)


def _doubtful(app: AppState, name: str) -> str:
    """A concept that the student of a class goes by and had better not: the example's, else the
    first suspect, else the strongest that is no word for the class."""
    store, student = app.store, app.students.student(name)
    example = EXAMPLE[1] if name == EXAMPLE[0] else ""
    if example in store.concepts and student.weight(example) != 0:
        return example
    if (found := app.shifts.by_class.get(name)) and found.suspects:
        return found.suspects[0].concept
    influence = np.abs(student.weights)
    influence[words_for(name, store.concepts, store.synonyms)] = 0
    return store.concepts[int(influence.argmax())]


def make_progress(app: AppState) -> dict[str, bool]:
    """Steps that the tour asks for, each True if it is done."""
    return {
        "class": bool(app.selection.class_name),
        "concept": bool(app.selection.concept),
        "pending": bool(app.tuning.pending),
        "tuned": app.tuning.status.kind == "done",
        "undone": app.tuning.can_redo,
    }
