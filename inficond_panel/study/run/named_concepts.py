"""Conditions of a study that hide the concepts in one view, and name them in another."""

from __future__ import annotations

from collections.abc import Mapping

from inficond_panel.study.run.shown_views import TUNING_VIEW, page_spec
from inficond_panel.study.run.tasks import Ready
from inficond_panel.study.spec.study_spec import StudySpec

#: Views other than ``TUNING_VIEW`` that name the concepts of a student.
NAMING_VIEWS = ("detail", "embedding")


def named_concepts(study: StudySpec, ready: Mapping[str, Ready]) -> str:
    """Return a sentence on conditions that leave out ``TUNING_VIEW`` and yet name concepts in
    another view; "" if there are none. ``ready`` has the prepared tasks by name."""
    found: dict[str, list[str]] = {}
    for level in study.levels:
        specs = [
            page_spec(level.spec.over(one.spec) if level.spec else one.spec, one.task, level)
            for one in (ready[task.name_] for task in study.tasks)
        ]
        shown = {
            view
            for spec in specs
            if TUNING_VIEW not in spec.layout.views
            for view in spec.layout.views
        }
        if naming := [view for view in NAMING_VIEWS if view in shown]:
            found[str(level.name_)] = naming
    if not found:
        return ""
    each = "; ".join(f"{name}: {' and '.join(views)}" for name, views in found.items())
    return f"without {TUNING_VIEW}, other views still name concepts and their influence ({each})"
