"""Students of a spec: held against a store, and as if the file had other settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from inficond_panel.errors import Problem, SpecError, TuningError
from inficond_panel.spec.framework.by_name import ByClass
from inficond_panel.spec.framework.fields import hint
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.yaml_source import short
from inficond_panel.spec.sections.students import NO_THRESHOLD, Labels
from inficond_panel.spec.spec import Spec
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

REMEDY = "See the classes of the store: inficond info SPEC"


def check_against(spec: Spec, classes: Sequence[str], task: str) -> None:
    """Raise ``SpecError`` for what ``students`` says that a store does not go with.

    That is each class that is not among its ``classes``, a softmax where its ``task`` has any
    number of classes an image, and thresholds where it has one.
    """
    problems = [
        Problem(
            spec.path,
            *spec.place(where, name),
            f"{where}: there is no class {short(name)} in the store{hint(name, classes)}",
        )
        for where, name in _named(spec)
        if name not in classes
    ]
    if spec.students.link == SOFTMAX and task != SINGLE_LABEL:
        place = spec.place("students", "link")
        fault = f"students.link: a softmax has one class an image, the store's task is {task}"
        problems.append(Problem(spec.path, *place, f"{fault}; take sigmoid"))
    if spec.students.threshold and task == SINGLE_LABEL:
        place = spec.place("students", "threshold")
        problems.append(Problem(spec.path, *place, f"students.threshold: {NO_THRESHOLD}"))
    if problems:
        raise SpecError(sorted(problems, key=lambda p: (p.line, p.column)), REMEDY)


def _named(spec: Spec) -> Iterator[tuple[str, str]]:
    """Each class that a section names, with the key that holds it."""
    for key, field in spec.students.fields().items():
        value = getattr(spec.students, field.attribute)
        if isinstance(value, dict):
            others = {"default"} if isinstance(field, ByClass) else set()
            yield from ((f"students.{key}", name) for name in value if name not in others)


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
