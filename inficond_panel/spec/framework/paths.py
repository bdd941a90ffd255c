"""Fields that hold a path."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import param
from ruamel.yaml.nodes import Node

from inficond_panel.spec.framework.fields import Field, Mismatch, Reading, read_text
from inficond_panel.spec.framework.yaml_source import expand, shown

# File systems end at 255 and 4,096.
_LONGEST_NAME, _LONGEST_PATH = 200, 3000


class FilePath(Field, param.ClassSelector):
    """A path, kept absolute; ``${NAME}`` is expanded; relative to the file or to ``below``."""

    __slots__ = ()

    def __init__(self, default: Path | None = None, **options: Any) -> None:
        super().__init__(default=default, class_=Path, **options)

    def expected(self) -> str:
        """Phrase for a path, with the kind of thing that must exist."""
        return f"the path of a {self.option('exists') or 'file or folder'}"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a path: a text of at least one character."""
        return {"type": "string", "minLength": 1}

    def read(self, node: Node, reading: Reading) -> Path:
        """Absolute path; ``Mismatch`` for a blank text, a variable not set, or a name too long."""
        text = read_text(node, self)
        if not text.strip() or "\0" in text:
            raise self.wrong(node)
        full, unset = expand(text, dict(os.environ))
        if unset and not reading.data_optional:
            names = " and ".join(unset)
            raise Mismatch(
                node, f"{names} is not set; set it first, for example: export {unset[0]}=FOLDER"
            )
        whole = unset and text.startswith("${")  # what a variable begins may be absolute
        below = None if whole else reading.values.get(self.option("below") or "")
        base = below or reading.file.parent
        path = Path(os.path.abspath(base / full))  # noqa: PTH100 - links stay as written
        if not self.option("exists"):
            _check_name(path, node)
        if "${" in text:
            reading.written[path] = text
        return path


def _check_name(path: Path, node: Node) -> None:
    """Raise ``Mismatch`` for what no file system can make, with room for an ending of ours."""
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if not path.name or longest > _LONGEST_NAME or len(os.fsencode(path)) > _LONGEST_PATH:
        raise Mismatch(
            node,
            f"expected a path whose names have 1 to {_LONGEST_NAME} bytes, "
            f"{_LONGEST_PATH} in all, got {shown(node)}",
        )


class NameOrPath(FilePath):
    """A name that a library knows, or a path: what has a slash, a suffix of weights, or exists."""

    __slots__ = ()

    def __init__(self, default: str | Path | None = None, **options: Any) -> None:
        param.ClassSelector.__init__(self, default=default, class_=(str, Path), **options)

    def expected(self) -> str:
        """Phrase for a name or a path."""
        return f"a name, or the path of a {self.option('exists')}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Name as text, or absolute path; raises as ``FilePath.read``."""
        text = read_text(node, self)
        suffixes = (".safetensors", ".pt", ".pth", ".bin")
        there = os.path.exists(reading.file.parent / text)  # noqa: PTH110 - never raises
        if "/" in text or "${" in text or text.endswith(suffixes) or (text.strip() and there):
            return super().read(node, reading)
        if not text.strip():
            raise self.wrong(node)
        return text


class FunctionName(FilePath):
    """A function: ``package.module:function`` as text, or ``folder/file.py:function`` as a path."""

    __slots__ = ()

    def __init__(self, **options: Any) -> None:
        param.ClassSelector.__init__(self, default=None, class_=(str, Path), **options)

    def expected(self) -> str:
        """Phrase with both forms."""
        return "package.module:function or file.py:function"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a text of one of the forms."""
        return {"type": "string", "pattern": f"^({_IN_MODULE.pattern}|{_IN_FILE.pattern})$"}

    def read(self, node: Node, reading: Reading) -> Any:
        """Text of a module's function, absolute path of a file's; ``Mismatch`` for neither."""
        text = read_text(node, self)
        if _IN_FILE.fullmatch(text):
            return super().read(node, reading)
        if not _IN_MODULE.fullmatch(text):
            raise self.wrong(node)
        return text


def function_title(function: str | Path | None) -> str:
    """Name of a function for people, and for hashes: of a file without its folders."""
    return function.name if isinstance(function, Path) else str(function)


_IN_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_IN_FILE = re.compile(r".*[^/]\.py:[A-Za-z_][A-Za-z_0-9]*")
