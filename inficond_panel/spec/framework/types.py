"""Types of values that several sections use.

A message calls a value by the ``title`` of its JSON Schema, or by the schema itself (``phrase``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, PlainSerializer, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticUndefined, core_schema

from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.common.folders import is_address
from inficond_panel.spec.framework.yaml_source import Reading, expand, short

T = TypeVar("T", bound=Hashable)
V = TypeVar("V")
# File systems end at 255 and 4,096.
_LONGEST_NAME, _LONGEST_PATH = 200, 3000
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_IN_MODULE = rf"{_NAME}(\.{_NAME})*:{_NAME}"
_IN_FILE = rf".*[^/]\.py:{_NAME}"
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin")

#: Marks an attribute that is not a key; kinds that have the key declare it anew.
NO_KEY = "no key"
Absent = Annotated[Any, NO_KEY]


@dataclass(frozen=True)
class Phrase:
    """Mark a type that messages describe by one ``phrase``, without its parts."""

    phrase: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return core_schema.no_info_wrap_validator_function(_whole, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "title": self.phrase}


def _whole(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError:
        raise ValueError from None


class OneOf(tuple[str, ...]):
    """Type of one word out of some; a list of words elsewhere."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return core_schema.literal_schema([*self])


def fault(message: str, *at: int | str) -> Exception:
    """Make an error with a message of its own, at a part of a value."""
    error = PydanticCustomError("fault", "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "", [InitErrorDetails(type=error, loc=at, input=None)]
    )


def _unique(values: list[T]) -> list[T]:
    seen: set[T] = set()
    for at, value in enumerate(values):
        if value in seen:
            raise fault(f"{short(str(value))} is named twice", at)
        seen.add(value)
    return values


def one_or_more(value: Any) -> Any:
    """Return a list as it is, and any other value as a list of one."""
    return value if isinstance(value, list) else [value]


def _rgb(phrase: str) -> Phrase:
    return Phrase(f"[red, green, blue], three numbers{phrase}")


def option(default: Any = PydanticUndefined, doc: str = "", **options: Any) -> Any:
    """Declare a key of a section, required without a default; ``doc`` is for the reference page."""
    return Field(default, description=doc, **options)


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Slug = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$"),
    Phrase("a name of up to 40 of a-z, 0-9, - and _"),
]
Device = Annotated[str, Field(pattern=f"^({FORM.pattern})$"), Phrase(EXPECTED)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

_Unique = Field(json_schema_extra={"uniqueItems": True})
#: Values without repeats.
Several = Annotated[list[T], AfterValidator(_unique), _Unique]
#: The same, at least one.
Some = Annotated[list[T], Field(min_length=1), AfterValidator(_unique), _Unique]
#: A name, or several that a thing goes by; written as one text where it is one.
Names = Annotated[
    Text | Some[Text],
    AfterValidator(one_or_more),
    Field(title="a name, or a list of names that it goes by"),
    PlainSerializer(lambda names: names[0] if len(names) == 1 else names),
]

_Side = Annotated[int, Field(ge=1)]
Size = Annotated[
    tuple[_Side, _Side], Field(strict=False), Phrase("[width, height], two whole numbers > 0")
]
Channels = Annotated[tuple[float, float, float], Field(strict=False), _rgb("")]
Deviations = Annotated[tuple[Positive, Positive, Positive], Field(strict=False), _rgb(" > 0")]


def _with_default(default: Any, value: Any) -> Any:
    return {"default": default, **value} if isinstance(value, dict) else value


#: A value for all classes, or a mapping from class to value, with ``default`` for the others.
ByClass: TypeAlias = (
    V
    | Annotated[
        dict[str, V],
        Field(min_length=1, title="a mapping from class (and default) to such numbers"),
    ]
)


def default_of(value: Any) -> AfterValidator:
    """Validator that adds the ``default`` of a mapping that names none."""
    return AfterValidator(partial(_with_default, value))


def value_of(value: Any, class_name: str) -> Any:
    """The value of one class, from the value for all or the mapping."""
    return value.get(class_name, value["default"]) if isinstance(value, dict) else value


@dataclass(frozen=True)
class Location:
    """A path, kept absolute. A relative one starts from the file's folder or from ``below``; where
    ``${NAME}``, which is expanded, begins it, from the working folder.
    """

    #: "file" or "folder" for what must exist.
    exists: str = ""
    #: Key of the folder that the path is relative to.
    below: str = ""

    @property
    def phrase(self) -> str:
        """Phrase for a path, with the kind of thing that must exist."""
        return f"the path of a {self.exists or 'file or folder'}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Absolute path of a text of a file; ``ValueError`` for none, see ``fault`` for others."""
        if not text.strip() or "\0" in text:
            raise ValueError
        full, unset = expand(text, dict(os.environ))
        if unset and not reading.data_optional:
            names = " and ".join(unset)
            raise fault(f"{names} is not set; set it first, for example: export {unset[0]}=FOLDER")
        below = reading.values.get(self.below) or reading.file.parent
        start = "" if text.startswith("${") else below  # a shell's variable: its working folder
        path = Path(os.path.abspath(start / Path(full)))  # noqa: PTH100 - links stay
        if not self.exists:
            _check_name(path, text)
        if "${" in text:
            reading.written[path] = text
        return path

    def _checked(self, value: Any, info: Any) -> Any:
        if info.context is None and isinstance(value, Path | str | None):  # made in Python
            return value
        if not isinstance(value, str):
            raise ValueError  # noqa: TRY004 - pydantic takes no TypeError
        return self.read(value, info.context[0])

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "title": self.phrase}


def _check_name(path: Path, text: str) -> None:
    """Raise for what no file system can make, with room for an ending of ours."""
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if not path.name or longest > _LONGEST_NAME or len(os.fsencode(path)) > _LONGEST_PATH:
        raise fault(
            f"expected a path whose names have 1 to {_LONGEST_NAME} bytes, "
            f"{_LONGEST_PATH} in all, got {short(text)}"
        )


class NameOrPath(Location):
    """Type of a name that a library knows, or of a path: text with a slash or a suffix of weights,
    or of a file that exists.
    """

    @property
    def phrase(self) -> str:
        """Phrase for a name or a path."""
        return f"a name, or {super().phrase}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Name as text, or absolute path; raises as ``Location.read``."""
        there = os.path.exists(reading.file.parent / text)  # noqa: PTH110 - never raises
        if not text.strip() or "/" in text or "${" in text or text.endswith(_WEIGHTS) or there:
            return super().read(text, reading)
        return text


class _Function(Location):
    """``package.module:function`` as text, or ``folder/file.py:function`` as a path."""

    phrase = "package.module:function or file.py:function"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Text of a module's function, absolute path of a file's; ``ValueError`` for neither."""
        if re.fullmatch(_IN_FILE, text):
            return super().read(text, reading)
        if not re.fullmatch(_IN_MODULE, text):
            raise ValueError
        return text

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        form = f"^({_IN_MODULE}|{_IN_FILE})$"
        return {"type": "string", "pattern": form, "title": self.phrase}


def function_title(function: str | Path | None) -> str:
    """Name of a function for people, and for hashes: of a file without its folders."""
    return function.name if isinstance(function, Path) else str(function)


class _Database(Location):
    """A path, or the address of a database."""

    phrase = "the path of a file, or an address postgresql://USER@HOST/DATABASE"

    def read(self, text: str, reading: Reading) -> str | Path:
        return text if is_address(text) else super().read(text, reading)


AnyPath = Annotated[Path, Location()]
PathOrAddress = Annotated[Path | str, _Database()]
FunctionName = Annotated[str | Path, _Function()]
File = Annotated[Path, Location("file")]
Folder = Annotated[Path, Location("folder")]
#: Relative to the key ``root``.
FileBelow = Annotated[Path, Location("file", "root")]
FolderBelow = Annotated[Path, Location("folder", "root")]
