"""Students of a spec: held against a store, and as if the file had other settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from inficond_panel.errors import Problem, SpecError, TuningError
from inficond_panel.spec.framework.phrases import hint
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.yaml_source import short
from inficond_panel.spec.sections.students import NO_THRESHOLD, Labels
from inficond_panel.spec.spec import Spec
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

S = TypeVar("S", bound=Section)
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
    for key, value in spec.students.values().items():
        if isinstance(value, dict):
            others = set() if key == "threshold" else {"default"}
            where = f"students.{key.rstrip('_')}"
            yield from ((where, name) for name in value if name not in others)


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
        elif "labels" in old.fields():
            values["labels"] = None
    unused = [name for name in values if name not in old.values()]
    if unused:
        raise TuningError(
            f"students.{unused[0]} is not used with solver: {old.solver}.",
            "Leave it out, or take another solver in the spec.",
        )
    students = _made(type(old), **{**old.values(), **values})
    return spec.model_copy(update={"students": students})


def _made(kind: type[S], **values: Any) -> S:
    try:
        return kind(**values)
    except ValidationError as error:
        found = error.errors()[0]
        name = str(found["loc"][0]).rstrip("_")
        must = f" must be {kind.fields()[name].expected}, got {found['input']!r}"
        fault = f": {found['msg']}" if found["type"] == "fault" else must
        raise TuningError(
            f"students.{name}{fault}.",
            "`inficond docs spec` has the keys of students.",
        ) from None
