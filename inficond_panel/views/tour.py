"""The guided tour: whether it is offered, its example, and what of it has been done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inficond_panel.state import AppState

#: Of the demo: a class, and a concept that goes with it in ``fit`` alone.
EXAMPLE = ("bicycle", "traffic light")


def make_tour(app: AppState) -> dict[str, Any]:
    """Whether the spec asks for the tour; the example, where the store has both."""
    name, concept = EXAMPLE
    known = name in app.store.classes and concept in app.store.concepts
    example = {"class": name, "concept": concept} if known else {}
    return {"offered": app.spec.layout.tour, **example}


def make_progress(app: AppState) -> dict[str, bool]:
    """Which of the things that the tour asks for are done."""
    return {
        "class": bool(app.selection.class_name),
        "concept": bool(app.selection.concept),
        "pending": bool(app.tuning.pending),
        "tuned": app.tuning.status.kind == "done",
    }
