"""The spec as a whole: one YAML file, found, read and checked; its JSON Schema; other students."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from inficond_panel.common.installation import shipped_folder
from inficond_panel.errors import Problem, SpecError, TuningError
from inficond_panel.spec.framework.section import Key, Section
from inficond_panel.spec.framework.section_file import SpecFile, load_file
from inficond_panel.spec.framework.types import AnyPath, Device, File, PathOrAddress, Text, option
from inficond_panel.spec.framework.yaml_source import hint, short
from inficond_panel.spec.sections.concepts import Concepts
from inficond_panel.spec.sections.dataset import Dataset, PythonDataset, ScenesDataset, StoreDataset
from inficond_panel.spec.sections.page import Layout, Views
from inficond_panel.spec.sections.students import (
    NO_THRESHOLD,
    ExactStudents,
    Labels,
    Students,
    Tuning,
)
from inficond_panel.spec.sections.teacher import LogitsTeacher, PythonTeacher, Teacher
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

_MAKING = ("dataset", "concepts", "teacher")  # what a store is made of
_OF_STORE = (
    "Name the spec that the store was made from, or write what it is made of. Scores that were "
    "given as tables have neither photos nor encoder, and need none for all else."
)
_OF_PHOTOS = ("segments", "thumbnails", "encoder.image_size", "encoder.attention")


class Spec(SpecFile):
    """All that a run needs to know, from one YAML file.

    Of a store that already exists the title and the store are enough; ``dataset``, ``concepts``
    and ``teacher`` are None then.
    """

    spared: ClassVar[dict[str, tuple[str, ...]]] = {"store": _MAKING}

    title: Text = option(doc="Name shown on the page.")
    store: AnyPath = option(
        None,
        doc="Folder of the store; beside the spec, named after it, if left out. Of one that is "
        "there, dataset, concepts and teacher may be left out together.",
    )
    history: PathOrAddress = option(
        None,
        doc="SQLite file of the iterations; beside the store, named after it, if left out. Or the "
        "address of a PostgreSQL database, for several servers; without a password.",
    )
    dataset: Dataset = option(None, doc="Images, labels and splits.")
    concepts: Concepts = option(None, doc="Words, encoder and segments.")
    teacher: Teacher = option(None, doc="What the students learn from.")
    device: Device = option(
        "cpu",
        doc="Where networks run: encoder, teacher with its heads, and solver: paper; on a CUDA "
        "card the exact solver's products too. auto: a GPU where there is one. Numbers of other "
        "devices than the cpu differ in their last digits.",
    )
    students: Students = option(default_factory=ExactStudents, doc="The distillation.")
    tuning: Tuning = option(default_factory=Tuning, doc="What a thumb does.")
    views: Views = option(default_factory=Views, doc="Numbers that the views go by.")
    layout: Layout = option(default_factory=Layout, doc="How the page looks.")
    study: File | None = option(
        None, doc="Study on this store, for inficond study; see `inficond docs study`."
    )

    def model_post_init(self, context: object) -> None:
        """Set the default paths of omitted keys."""
        super().model_post_init(context)
        self.store = self.store or self.path.with_suffix(".zarr")
        self.history = self.history or self.default_history()

    @property
    def of_store(self) -> bool:
        """True if the spec names a store, and not the inputs that make one."""
        return self.dataset is None

    @property
    def projections(self) -> list[str]:
        """Projections that the spec names, the default first; none for an existing store."""
        return [] if self.concepts is None else list(self.concepts.projections.methods)

    @property
    def order(self) -> str | None:
        """Value of ``teacher.order``; None for a store without a spec."""
        return self.teacher.order if self.teacher else None

    def check_making(self) -> None:
        """Raise ``SpecError`` where it does not say what a store is made of."""
        if self.of_store:
            message = f"{', '.join(sorted(_MAKING))} are missing: it names a store by itself"
            raise SpecError([Problem(self.path, 1, 1, message)], _OF_STORE)

    def check_photos(self) -> None:
        """Raise as ``check_making``, and where no photo can be had; none is looked for."""
        self.check_making()
        if isinstance(self.dataset, ScenesDataset):
            self.dataset.check_recipe()

    def allow_python(self) -> None:
        """Let the Python functions of the spec run: data set and teacher."""
        for section in (self.dataset, self.teacher):
            if isinstance(section, PythonDataset | PythonTeacher):
                section.allowed = True

    def default_history(self) -> Path:
        """Return the history file next to the store."""
        return self.store.with_name(f"{self.store.name.removesuffix('.zarr')}.history.sqlite")

    def history_of(self, name: str | Path) -> Path | str:
        """The history of this spec, opened by ``name``, unless another is given."""
        here = Path(name).exists() or isinstance(self.history, str)
        return self.history if here else Path.cwd() / self.history.name

    def with_layout(self, layout: Layout) -> Spec:
        """Return this spec with another layout."""
        return self.model_copy(update={"layout": layout})

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield keys that the chosen solver does not use, and targets that the store will lack."""
        if "tuning.epochs" in given and self.students.solver != "paper":
            yield "tuning.epochs", "is not used with solver: exact; it belongs to solver: paper"
        if self.students.targets == "oracle" and self.teacher and not self._has_oracle():
            yield "students.targets", "oracle needs the oracle's logits: give teacher.oracle"
        if isinstance(self.dataset, StoreDataset):
            yield from self._photo_faults(given)
        if self.dataset and self.teacher:
            yield from self._task_faults(given)

    def _task_faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield an activation or a link that does not go with the task, or that is to be named."""
        single = self.dataset.task == SINGLE_LABEL
        if single and "students.threshold" in given:
            yield "students.threshold", NO_THRESHOLD
        if self.students.link == SOFTMAX and not single:
            yield (
                "students.link",
                "a softmax has one class an image; give dataset.task: single_label or take sigmoid",
            )
        if self.teacher.softmax and not single:
            yield (
                "teacher.activation",
                "a softmax has one class an image; give dataset.task: single_label or take sigmoid",
            )
        if single and self.teacher.activation is None:
            yield (
                "teacher.activation",
                "is needed with task: single_label: softmax, if the teacher was trained to tell "
                "the classes apart, or sigmoid, if to find each by itself",
            )

    def _photo_faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield what needs the photos of a store's images."""
        for key in _OF_PHOTOS:
            if f"concepts.{key}" in given:
                yield f"concepts.{key}", "is not used with dataset.kind: store, as it was made"
        if self.teacher and not isinstance(self.teacher, LogitsTeacher):
            yield "teacher", "looks at photos, which a store does not hold; take kind: logits"

    def _has_oracle(self) -> bool:
        return getattr(self.teacher, "oracle", None) is not None

    def plain(self) -> dict[str, Any]:
        """Return plain data like ``SpecFile.plain``, without the default paths."""
        plain = super().plain()
        if self.store == self.path.with_suffix(".zarr") and not self.of_store:
            plain.pop("store")
        if self.history == self.default_history():
            plain.pop("history")
        return plain


def load_spec(path: str | Path, check_files: bool = True) -> Spec:
    """Read and check a spec; the folder of a store is the spec of its title and itself.

    Raises ``SpecError`` with every problem of the file at once. With ``check_files`` false, files
    and variables that only precompute needs may be missing.
    """
    if os.path.isfile(os.path.join(path, "zarr.json")):  # noqa: PTH113, PTH118 - never raises
        folder = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as written
        return Spec(path=folder, title=_store_title(folder), store=folder)
    return load_file(Spec, path, check_files)


def _store_title(folder: Path) -> str:
    """Return the title of a store; its name if it has no title or cannot be opened."""
    try:
        group = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
        return str(group["attributes"]["title"])
    except (OSError, ValueError, LookupError, TypeError):
        return folder.name.removesuffix(".zarr")


def find_spec(name: str | Path, kind: str = "spec") -> Path:
    """Return the file of a spec: an existing path, or the name of a packaged one, such as ``demo``.

    The folder of a store counts as a spec. A folder named like a packaged spec does not hide it.
    With ``kind`` "study" packaged specs are those in ``studies``, else also those in ``public``.
    Raises ``SpecError`` if nothing is found.
    """
    file = Path(name)
    exists = os.path.exists(file)  # noqa: PTH110 - never raises, not even for a name too long
    if exists and not file.is_dir():
        return file
    specs = _come_along(kind)
    if str(name) in specs:
        return specs[str(name)]
    if exists:
        return file
    raise no_such_spec(name, kind)


def find_edits(name: str | Path) -> Path:
    """Return a file of edits: a path, or a packaged one, such as ``demo/edits.yaml``."""
    along = shipped_folder("specs") / name
    return along if along.is_file() and not Path(name).is_file() else Path(name)


def no_such_spec(name: str | Path, *kinds: str) -> SpecError:
    """The error of a name that is neither a file nor a spec of these ``kinds``."""
    names = {kind: sorted(_come_along(kind)) for kind in kinds}
    there = (
        f"{_PLURAL[kind]} that come along: {', '.join(found)}" for kind, found in names.items()
    )
    near = (
        hint(str(name), [name for found in names.values() for name in found])
        or f"; {'; '.join(there)}"
    )
    return SpecError([Problem(Path(name), 1, 1, f"no such file{near}")], _NAME)


def _come_along(kind: str) -> dict[str, Path]:
    places = (shipped_folder("specs") / folder for folder in _PLACES[kind])
    return {path.stem: path for folder in places for path in folder.glob("*.yaml")}


#: Folders of the specs that come along.
_PLACES = {"spec": ("", "public"), "study": ("studies",)}
_PLURAL = {"spec": "specs", "study": "studies"}
_NAME = "Name a file that is there, the folder of a store, or one that comes along."


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
        at = spec.place("students", "link")
        fault = f"students.link: a softmax has one class an image, the store's task is {task}"
        problems.append(Problem(spec.path, *at, f"{fault}; take sigmoid"))
    if spec.students.threshold and task == SINGLE_LABEL:
        at = spec.place("students", "threshold")
        problems.append(Problem(spec.path, *at, f"students.threshold: {NO_THRESHOLD}"))
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
        first = error.errors()[0]
        name = str(first["loc"][0]).rstrip("_")
        must = f" must be {kind.fields()[name].expected}, got {first['input']!r}"
        fault = f": {first['msg']}" if first["type"] == "fault" else must
        raise TuningError(
            f"students.{name}{fault}.",
            "`inficond docs spec` has the keys of students.",
        ) from None


def json_schema(
    root: type[Section] = Spec, title: str = "Spec of InFiConD Panel"
) -> dict[str, Any]:
    """JSON Schema (2020-12) of a spec, or of another file whose section is ``root``."""
    definitions: dict[str, Any] = {}
    for _, section in sections(root):
        kinds = section.kinds()
        if kinds:
            definitions[section.__name__] = {"oneOf": [_pointer(k) for k in kinds.values()]}
        for kind in kinds.values() or [section]:
            definitions[kind.__name__] = _object(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_pointer(root),
        "$defs": definitions,
    }


def sections(section: type[Section] = Spec, where: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Walk the sections, each with its full name; a section before those within it."""
    yield where, section
    seen = set()
    for kind in section.kinds().values() or [section]:
        for name, key in kind.fields().items():
            for inner in key.sections:
                if inner not in seen:
                    seen.add(inner)
                    below = f"{name}[]" if key.many else name
                    yield from sections(inner, f"{where}.{below}" if where else below)


def _pointer(section: type[Section]) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{section.__name__}"}


def _object(kind: type[Section]) -> dict[str, Any]:
    spared = [key for keys in kind.spared.values() for key in keys]
    needed, keys = kind.needed(set()), kind.fields()
    none = {"not": {"anyOf": [{"required": [key]} for key in spared]}}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n", maxsplit=1)[0],
        "properties": {name: _property(key, name in needed) for name, key in keys.items()},
        "required": [name for name in keys if name in needed and name not in spared],
        "additionalProperties": False,
        **({"anyOf": [{"required": spared}, none]} if spared else {}),
    }


def _property(key: Key, needed: bool) -> dict[str, Any]:
    references, schema = [_pointer(section) for section in key.sections], key.schema
    if key.many:
        least = 0 if key.default == [] else 1
        schema = {"type": "array", "items": references[0], "minItems": least}
    elif references:
        others = [schema] if schema else [{"type": "null"}] * (key.default is None and not needed)
        schema = {"anyOf": [*references, *others]} if others else references[0]
    elif key.default is not None and not needed:
        schema = {**schema, "default": key.adapter.dump_python(key.default, mode="json")}
    elif not needed and {"type": "null"} not in schema.get("anyOf", []):
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "description": key.doc}
