"""The whole spec: read from a file, and written back."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from inficond_panel.errors import Problem, SpecError
from inficond_panel.spec.dataset import Dataset, StoreDataset
from inficond_panel.spec.fields import Field, Reading, Text, hint
from inficond_panel.spec.paths import FilePath, NameOrPath
from inficond_panel.spec.section import Nested, Section, not_a_mapping, read_section
from inficond_panel.spec.sections import (
    Concepts,
    ExactStudents,
    Layout,
    Students,
    Tuning,
)
from inficond_panel.spec.source import REMEDY, compose, faults, text_of
from inficond_panel.spec.teachers import LogitsTeacher, Teacher

_REQUIRED = {"required": True}
_OF_PHOTOS = ("segments", "thumbnails", "encoder.image_size", "encoder.attention")


class Spec(Section):
    """All that a run needs to know, from one YAML file."""

    title = Text(None, doc="Name shown on the page.", metadata=_REQUIRED)
    store = FilePath(doc="Folder of the store; beside the spec, named after it, if left out.")
    history = FilePath(
        doc="SQLite file of the iterations; beside the store, named after it, if left out."
    )
    dataset = Nested(Dataset, doc="Images, labels and splits.", metadata=_REQUIRED)
    concepts = Nested(Concepts, doc="Words, encoder and segments.", metadata=_REQUIRED)
    teacher = Nested(Teacher, doc="What the students learn from.", metadata=_REQUIRED)
    students = Nested(Students, default_factory=ExactStudents, doc="The distillation.")
    tuning = Nested(Tuning, default_factory=Tuning, doc="What a thumb does.")
    layout = Nested(Layout, default_factory=Layout, doc="How the page looks.")

    def __init__(self, path: str | Path = "spec.yaml", **values: Any) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as written
        self._written: dict[Path, str] = {}
        self._places: dict[tuple[str, str], tuple[int, int]] = {}
        super().__init__(**values)
        self.store = self.store or self._path.with_suffix(".zarr")
        self.history = self.history or self.default_history()

    @property
    def path(self) -> Path:
        """The file, absolute; relative paths start from its folder."""
        return self._path

    def place(self, key: str, name: str) -> tuple[int, int]:
        """Line and column of a name in the mapping of a key; (1, 1) where no file says it."""
        return self._places.get((key, name), (1, 1))

    def default_history(self) -> Path:
        """History file beside the store."""
        return self.store.with_name(f"{self.store.name.removesuffix('.zarr')}.history.sqlite")

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield keys that the chosen solver does not use, and targets that there will not be."""
        if "tuning.epochs" in given and self.students.solver != "paper":
            yield "tuning.epochs", "is not used with solver: exact; it belongs to solver: paper"
        if self.students.targets == "oracle" and self.teacher and not self._has_oracle():
            yield "students.targets", "oracle needs the oracle's logits: give teacher.oracle"
        if isinstance(self.dataset, StoreDataset):
            yield from self._photo_faults(given)

    def _photo_faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield what needs the photos of a store's images."""
        for key in _OF_PHOTOS:
            if f"concepts.{key}" in given:
                yield f"concepts.{key}", "is not used with dataset.kind: store, as it was made"
        if self.teacher and not isinstance(self.teacher, LogitsTeacher):
            yield "teacher", "looks at photos, which a store does not hold; take kind: logits"

    def _has_oracle(self) -> bool:
        return getattr(self.teacher, "oracle", None) is not None

    def to_yaml(self) -> str:
        """Write what differs from the defaults, for a file in the folder of ``path``."""
        plain = self._plain(self)
        if self.store == self._path.with_suffix(".zarr"):
            plain.pop("store")
        if self.history == self.default_history():
            plain.pop("history")
        return _dump(plain)

    def _plain(self, section: Section) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, field in section.fields().items():
            value = getattr(section, field.attribute)
            usual = field.default_factory() if field.default_factory else field.default
            if isinstance(value, Path):
                text = self._locate(value, field, section)
                if usual is None or text != str(usual):
                    plain[key] = text
            elif value != usual or (key == section.chooser and value != section.usual):
                nested = isinstance(value, Section)
                plain[key] = self._plain(value) if nested else field.write(value)
        return plain

    def _locate(self, path: Path, field: Field, section: Section) -> str:
        """Path with the variables that the user wrote, else relative where it can be."""
        base = field.option("below")
        folder = getattr(section, base) if base else self._path.parent
        below = path.relative_to(folder) if path.is_relative_to(folder) else path
        text = self._written.get(path, str(below))
        return f"./{text}" if isinstance(field, NameOrPath) and "/" not in text else text


def _dump(plain: dict[str, Any], allow_unicode: bool = True) -> str:
    yaml, stream = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width, yaml.allow_unicode = 10_000, allow_unicode
    yaml.dump(plain, stream)
    text = stream.getvalue()
    # The emitter takes these for line breaks, which they are not in YAML 1.2: escape them.
    if allow_unicode and any(character in text for character in "\x85\u2028\u2029"):
        return _dump(plain, allow_unicode=False)
    return text


def load_spec(path: str | Path, check_files: bool = True) -> Spec:
    """Read and check a spec.

    Raises ``SpecError`` with every problem of the file at once. With ``check_files`` false, files
    and variables that only precompute needs may be missing.
    """
    file = Path(path)
    root = compose(file)
    reading = Reading(file, check_files)
    for node, message in faults(root):
        reading.report(node, "", message)
    if not isinstance(root, MappingNode):
        reading.report(root, "", not_a_mapping(root))
        raise SpecError(reading.problems, REMEDY)
    reading.values["path"] = file
    spec = read_section(Spec, root, reading)
    if reading.problems:
        raise SpecError(sorted(reading.problems, key=lambda p: (p.line, p.column)), REMEDY)
    spec._written.update(reading.written)
    spec._places.update(_places(reading))
    return spec


def _places(reading: Reading) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    """Where each key of each mapping stands: ((key of the mapping, name), (line, column))."""
    for where, (_, mapping) in reading.nodes.items():
        for name, _ in mapping.value if isinstance(mapping, MappingNode) else ():
            mark = name.start_mark
            yield (where, text_of(name)), (mark.line + 1, mark.column + 1)


def find_spec(name: str | Path) -> Path:
    """File of a spec: a path that exists, or the name of one that comes along, such as ``demo``.

    A folder of such a name does not stand in its way. Raises ``SpecError`` where there is neither.
    """
    file = Path(name)
    exists = os.path.exists(file)  # noqa: PTH110 - never raises, not even for a name too long
    if exists and not file.is_dir():
        return file
    package = Path(__file__).parents[1]
    folder = next(
        (place for place in (package / "specs", package.parent / "specs") if place.is_dir()),
        package / "specs",
    )
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if str(name) in names:
        return folder / f"{name}.yaml"
    if exists:
        return file
    near = hint(str(name), names) or f"; specs that come along: {', '.join(names)}"
    raise SpecError([Problem(file, 1, 1, f"no such file{near}")], REMEDY)
