"""Section that is a whole YAML file: read and check the file, and write the section as YAML."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import PrivateAttr
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from inficond_panel.common.places import is_remote
from inficond_panel.errors import SpecError
from inficond_panel.spec.framework.section import Key, Section, read_section
from inficond_panel.spec.framework.types import NO_KEY, AnyPath, NameOrPath
from inficond_panel.spec.framework.yaml_source import (
    SPEC_REMEDY,
    Reading,
    compose,
    faults,
    shown,
    text_of,
)

F = TypeVar("F", bound="SpecFile")


class SpecFile(Section):
    """Section of a whole YAML file; relative paths in the file start from its folder."""

    #: Remedy in the error for a file with problems.
    remedy: ClassVar[str] = SPEC_REMEDY

    #: The file, absolute; relative paths start from its folder.
    path: Annotated[AnyPath, NO_KEY] = Path("spec.yaml")
    _written: dict[Path, str] = PrivateAttr({})
    _places: dict[tuple[str, str], tuple[int, int]] = PrivateAttr({})

    def model_post_init(self, context: object) -> None:
        """Make the path of the file absolute, after pydantic has read the values."""
        if not is_remote(self.path):
            self.path = Path(os.path.abspath(self.path))  # noqa: PTH100 - links stay as written

    @classmethod
    def made(cls, reading: Reading) -> Self:
        """Return the section with the values read so far, and with the path of the file."""
        reading.values["path"] = reading.file
        return super().made(reading)

    def place(self, key: str, name: str) -> tuple[int, int]:
        """Return the (line, column) in the file at which the mapping ``key`` has the key ``name``;
        (1, 1) if it has no such key."""
        return self._places.get((key, name), (1, 1))

    def to_yaml(self) -> str:
        """Return YAML text of all values that are not defaults, for a file in the same folder."""
        return _dump(self.plain())

    def plain(self) -> dict[str, Any]:
        """Return the plain data that ``to_yaml`` writes, as nested dicts and lists."""
        return self._plain(self)

    def _plain(self, section: Section, partial: bool = False) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        partial |= section.partial
        for name, key in section.fields().items():
            value, usual = getattr(section, key.attribute), key.default
            named = partial and value is not None and key.attribute in section.model_fields_set
            if isinstance(value, Path) or (is_remote(value) and not isinstance(value, str)):
                text = self._locate(value, key, section)
                if usual is None or text != str(usual):
                    plain[name] = text
            elif value != usual or named or (name == section.chooser and value != section.usual):
                plain[name] = self._value(value, key, partial)
        return plain

    def _value(self, value: Any, key: Key, partial: bool) -> Any:
        if isinstance(value, Section):
            return self._plain(value, partial)
        if key.many:
            return [self._plain(item, partial) for item in value]
        return None if value is None else key.adapter.dump_python(value, mode="json")

    def _locate(self, path: Path, key: Key, section: Section) -> str:
        """Return a path as the user wrote it, with variables; a path that the file does not have is
        made relative if possible."""
        base = key.location.below
        folder = getattr(section, base) if base else self.path.parent
        if is_remote(path):
            return self._written.get(path, str(path))
        below = path.relative_to(folder) if path.is_relative_to(folder) else path
        text = self._written.get(path, below.as_posix())
        named = isinstance(key.location, NameOrPath) and "/" not in text and "${" not in text
        return f"./{text}" if named else text  # else it would be read as a name


def _dump(plain: dict[str, Any], allow_unicode: bool = True) -> str:
    yaml, stream = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width, yaml.allow_unicode = 10_000, allow_unicode
    yaml.dump(plain, stream)
    text = stream.getvalue()
    # The emitter writes these characters as line breaks, which YAML 1.2 does not: escape them.
    if allow_unicode and any(character in text for character in "\x85\u2028\u2029"):
        return _dump(plain, allow_unicode=False)
    return text


def load_file(kind: type[F], path: str | Path, check_files: bool, start: str = "") -> F:
    """Read and check a YAML file as a section of the class ``kind``.

    Raises ``SpecError`` with all problems of the file. ``start`` ends the message on an empty file.
    """
    file = Path(path)
    root = compose(file, start) if start else compose(file)
    reading = Reading(file, check_files, nodes={"": (root, root)})
    for node, message in faults(root):
        reading.report(node, "", message)
    if not isinstance(root, MappingNode):
        expected = "a mapping (title: ..., dataset: ...)"
        reading.report(root, "", f"expected {expected}, got {shown(root)}")
        raise SpecError(list(reading.problems), kind.remedy)
    spec = read_section(kind, root, reading)
    if reading.problems:
        raise SpecError(sorted(reading.problems, key=lambda p: (p.line, p.column)), kind.remedy)
    spec._written.update(reading.written)
    spec._places.update(_places(reading))
    return spec


def _places(reading: Reading) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    """Yield the position of each name in each mapping: ((mapping, name), (line, column))."""
    for where, (_, mapping) in reading.nodes.items():
        for name, _ in mapping.value if isinstance(mapping, MappingNode) else ():
            mark = name.start_mark
            yield (where, text_of(name)), (mark.line + 1, mark.column + 1)
