"""A section that is a whole YAML file: read with every problem at once, and written back."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from inficond_panel.errors import SpecError
from inficond_panel.spec.framework.fields import Field, Reading
from inficond_panel.spec.framework.paths import NameOrPath
from inficond_panel.spec.framework.section import Section, not_a_mapping, read_section
from inficond_panel.spec.framework.yaml_source import REMEDY, compose, faults, text_of

F = TypeVar("F", bound="SpecFile")


class SpecFile(Section):
    """A file of keys; relative paths in it start from its folder."""

    #: Remedy of a file with problems.
    remedy: ClassVar[str] = REMEDY

    def __init__(self, path: str | Path = "spec.yaml", **values: Any) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as written
        self._written: dict[Path, str] = {}
        self._places: dict[tuple[str, str], tuple[int, int]] = {}
        super().__init__(**values)

    @property
    def path(self) -> Path:
        """The file, absolute; relative paths start from its folder."""
        return self._path

    def place(self, key: str, name: str) -> tuple[int, int]:
        """Line and column of a name in the mapping of a key; (1, 1) where no file has it."""
        return self._places.get((key, name), (1, 1))

    def to_yaml(self, only: str = "") -> str:
        """Write what differs from the defaults, for a file in the folder of ``path``.

        ``only``: the section of one key, to be put into a file in place of its own.
        """
        plain = self.plain()
        return _dump({only: plain.get(only, {})} if only else plain)

    def plain(self) -> dict[str, Any]:
        """Plain data that ``to_yaml`` writes."""
        return self._plain(self)

    def _plain(self, section: Section) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, field in section.fields().items():
            value = getattr(section, field.attribute)
            usual = field.default_factory() if field.default_factory else field.default
            if isinstance(value, Path):
                text = self._locate(value, field, section)
                if usual is None or text != str(usual):
                    plain[key] = text
            elif (
                value != usual
                or (key == section.chooser and value != section.usual)
                or field.attribute in section.named
            ):
                plain[key] = self._value(value, field)
        return plain

    def _value(self, value: Any, field: Field) -> Any:
        if isinstance(value, Section):
            return self._plain(value)
        if isinstance(value, list) and value and isinstance(value[0], Section):
            return [self._plain(item) for item in value]
        return field.write(value)

    def _locate(self, path: Path, field: Field, section: Section) -> str:
        """Path with the variables that the user wrote, else relative where it can be."""
        base = field.option("below")
        folder = getattr(section, base) if base else self._path.parent
        below = path.relative_to(folder) if path.is_relative_to(folder) else path
        text = self._written.get(path, below.as_posix())
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


def load_file(kind: type[F], path: str | Path, check_files: bool, start: str = "") -> F:
    """Read and check a file; the message on an empty one ends with ``start``.

    Raises ``SpecError`` with every problem of the file at once.
    """
    file = Path(path)
    root = compose(file, start) if start else compose(file)
    reading = Reading(file, check_files, nodes={"": (root, root)})
    for node, message in faults(root):
        reading.report(node, "", message)
    if not isinstance(root, MappingNode):
        reading.report(root, "", not_a_mapping(root))
        raise SpecError(list(reading.problems), kind.remedy)
    reading.values["path"] = file
    spec = read_section(kind, root, reading)
    if reading.problems:
        raise SpecError(sorted(reading.problems, key=lambda p: (p.line, p.column)), kind.remedy)
    spec._written.update(reading.written)
    spec._places.update(_places(reading))
    return spec


def _places(reading: Reading) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    """Place of each key of each mapping: ((key of the mapping, name), (line, column))."""
    for where, (_, mapping) in reading.nodes.items():
        for name, _ in mapping.value if isinstance(mapping, MappingNode) else ():
            mark = name.start_mark
            yield (where, text_of(name)), (mark.line + 1, mark.column + 1)
