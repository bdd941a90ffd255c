"""Report on the refit behind a student, and the thumbs that can be given to a group at once."""

from __future__ import annotations

from collections.abc import Callable

from inficond_panel.analysis.compensation import Group, groups
from inficond_panel.analysis.refit_report import RefitReport, explain
from inficond_panel.concepts.texts import words_for
from inficond_panel.tuning import Iteration, Node, Student, Tuner


def refit_of(tuner: Tuner, node: Node, class_name: str) -> Node | None:
    """The iteration that made the class's student of ``node``: the last that tuned the class.

    None for the untouched student.
    """
    path: list[Node | Iteration] = [node, *tuner.ancestors(node)]
    found = next((at.id for at in path if class_name in at.tuned), None)
    return None if found is None else tuner.node(found)


def report_on(tuner: Tuner, refit: Node, cancelled: Callable[[], bool]) -> RefitReport:
    """Report on ``refit``; takes seconds on a large store. Looks at no image of the holdout."""
    return explain(tuner, refit, cancelled=cancelled)


def group_of(tuner: Tuner, student: Student, concept: str) -> Group | None:
    """The collinear concepts that ``concept`` stands with, over the images of ``fit``."""
    concepts, weights = tuner.store.concepts, student.weights
    tuned = [concepts.index(concept)]
    own = words_for(student.class_name, concepts, tuner.store.synonyms)
    found = groups(
        tuner.fit_data, concepts, weights, weights, tuned, tuner.spec.views.collinear, own
    )
    return found[0] if found else None
