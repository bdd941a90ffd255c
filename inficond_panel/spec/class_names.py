"""Class names and link of a spec, compared with a store, each reported at its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inficond_panel.errors import Problem, SpecError
from inficond_panel.spec.framework.by_name import ByClass
from inficond_panel.spec.framework.fields import hint
from inficond_panel.spec.framework.yaml_source import short
from inficond_panel.spec.spec import Spec
from inficond_panel.vocabulary.tasks import SOFTMAX

REMEDY = "`inficond info SPEC` lists the classes of the store."


def check_against(spec: Spec, classes: Sequence[str], task: str) -> None:
    """Raise ``SpecError`` for what ``students`` says that a store does not go with.

    That is each class that is not among its ``classes``, and a softmax where its ``task`` has any
    number of classes an image.
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
    if spec.students.link == SOFTMAX and task != "single_label":
        place = spec.place("students", "link")
        fault = f"students.link: a softmax has one class an image, the store's task is {task}"
        problems.append(Problem(spec.path, *place, f"{fault}; take sigmoid"))
    if problems:
        raise SpecError(sorted(problems, key=lambda p: (p.line, p.column)), REMEDY)


def _named(spec: Spec) -> Iterator[tuple[str, str]]:
    """Each class that a section names, with the key that holds it."""
    for key, field in spec.students.fields().items():
        value = getattr(spec.students, field.attribute)
        if isinstance(value, dict):
            others = {"default"} if isinstance(field, ByClass) else set()
            yield from ((f"students.{key}", name) for name in value if name not in others)
