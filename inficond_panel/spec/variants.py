"""Variants of a spec: other settings of its students, as if its file had them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from inficond_panel.errors import TuningError
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.sections.students import Labels
from inficond_panel.spec.spec import Spec


def with_students(spec: Spec, **values: Any) -> Spec:
    """``spec`` with other ``students``, by key: ``targets``, ``temperature``, ``lambda_``, ...

    ``alpha`` is of ``students.labels``; None: no labels. Raises ``TuningError`` for values out
    of bounds, and for those that the spec's solver does not use.
    """
    old = spec.students
    if "alpha" in values:
        alpha = values.pop("alpha")
        if alpha is not None:
            values["labels"] = _made(Labels, alpha=alpha)
        elif "labels" in old.param:
            values["labels"] = None
    unused = [key for key in values if key not in old.param]
    if unused:
        raise TuningError(
            f"students.{unused[0]} is not used with solver: {old.solver}.",
            "Leave it out, or take another solver in the spec.",
        )
    students = _made(type(old), **{**_attributes(old), **values})
    return Spec(spec.path, **{**_attributes(spec), "students": students})


def _made(kind: Callable[..., Any], **values: Any) -> Any:
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise TuningError(f"{key.rstrip('_')} is {value}.", "Give a finite number.")
    try:
        return kind(**values)
    except ValueError as error:
        raise TuningError(f"{error}", "`inficond docs spec` has the keys of students.") from error


def _attributes(section: Section) -> dict[str, Any]:
    fields = section.fields().values()
    return {field.attribute: getattr(section, field.attribute) for field in fields}
