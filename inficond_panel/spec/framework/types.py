"""Types of values that several sections use.

A message describes a value by the ``title`` of its JSON Schema, else by the schema (``phrase``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, PlainSerializer, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticUndefined, core_schema

from inficond_panel.common.database import is_path
from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.common.names import find_name
from inficond_panel.common.places import address_fault, is_remote, place_of
from inficond_panel.common.plugins import find_plugin
from inficond_panel.errors import DataError
from inficond_panel.spec.framework.yaml_source import Reading, expand, short

T = TypeVar("T", bound=Hashable)
V = TypeVar("V")
# Bytes; file systems allow 255 and 4,096.
_LONGEST_NAME, _LONGEST_PATH = 200, 3000
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_IN_MODULE = rf"{_NAME}(\.{_NAME})*:{_NAME}"
_IN_FILE = rf".*[^/]\.py:{_NAME}"
_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin")

#: Mark of an attribute that is not a key; subclasses with the key declare the attribute again.
NO_KEY = "no key"
Absent = Annotated[Any, NO_KEY]


@dataclass(frozen=True)
class Phrase:
    """Annotation of a type with a ``phrase`` that describes its values in messages."""

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
    """Type of a text that must be one of ``words``; an instance is also a tuple of the words."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return core_schema.literal_schema([*self])


def fault(message: str, *at: int | str) -> Exception:
    """Return a pydantic error with this message about a value, or about its item ``at``."""
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
    """Return a list unchanged, and any other value as a list with this one item."""
    return value if isinstance(value, list) else [value]


def option(default: Any = PydanticUndefined, doc: str = "", **options: Any) -> Any:
    """Declare a key of a section; it is required if ``default`` is omitted. ``doc`` describes the
    key in the reference, ``options`` are those of pydantic's ``Field``."""
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
#: List of unique values.
Several = Annotated[list[T], AfterValidator(_unique), _Unique]
#: List of unique values, at least one.
Some = Annotated[list[T], Field(min_length=1), AfterValidator(_unique), _Unique]
#: List of alternative names of one thing; a single name is written as text.
Names = Annotated[
    Text | Some[Text],
    AfterValidator(one_or_more),
    Field(title="a name, or a list of names that it goes by"),
    PlainSerializer(lambda names: names[0] if len(names) == 1 else names),
]
#: Path of a file as text, or a list of these.
Files = Annotated[
    Text | Some[Text],
    AfterValidator(one_or_more),
    Field(title="the path of a file, or a list of paths"),
    PlainSerializer(lambda names: names[0] if len(names) == 1 else names),
]

_Side = Annotated[int, Field(ge=1)]
Size = Annotated[
    tuple[_Side, _Side], Field(strict=False), Phrase("[width, height], two whole numbers > 0")
]
_RGB = "[red, green, blue], three numbers"
Channels = Annotated[tuple[float, float, float], Field(strict=False), Phrase(_RGB)]
Deviations = Annotated[
    tuple[Positive, Positive, Positive], Field(strict=False), Phrase(f"{_RGB} > 0")
]

GreyLevels = Annotated[
    Annotated[tuple[float, float], Field(strict=False)] | Literal["stretch"],
    Phrase("[low, high], two numbers, or stretch"),
]

#: A value for all classes, or a mapping from class to value, with ``default`` for the others.
ByClass: TypeAlias = (
    V
    | Annotated[
        dict[str, V],
        Field(min_length=1, title="a mapping from class (and default) to such numbers"),
    ]
)


def default_of(usual: Any) -> AfterValidator:
    """Return a validator that adds the item ``default: usual`` to a mapping without ``default``."""
    return AfterValidator(
        lambda value: {"default": usual, **value} if isinstance(value, dict) else value
    )


def value_of(value: Any, class_name: str) -> Any:
    """Return the value of one class from ``value``, one value for all classes or a mapping from
    class names, and ``default``, to values."""
    if not isinstance(value, dict):
        return value
    name = find_name(class_name, value)
    return value["default" if name is None else name]


@dataclass(frozen=True)
class Location:
    """Type of a path, stored as absolute. A relative path starts from the file's folder or from
    ``below``; if it begins with a variable ``${NAME}``, which is expanded, from the current folder.
    """

    #: "file" or "folder" if the path must exist.
    exists: str = ""
    #: Key whose folder the path is relative to.
    below: str = ""

    @property
    def phrase(self) -> str:
        """Description of valid values for messages, such as "the path of a file"."""
        return f"the path of a {self.exists or 'file or folder'}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Return the absolute path that ``text`` names; raise ``ValueError`` for an empty text, and
        a ``fault`` for an unset variable or a name that is too long."""
        if not text.strip() or "\0" in text:
            raise ValueError
        full, unset = expand(text, dict(os.environ))
        if unset and (reading.check_files or not reading.where):
            names = " and ".join(unset)
            raise fault(f"{names} is not set; set it first, for example: export {unset[0]}=FOLDER")
        if is_remote(full):
            return self._address(full, text, reading)
        below = reading.values.get(self.below) or reading.file.parent
        start = "" if text.startswith("${") else below  # as in a shell: from the current folder
        path = Path(os.path.abspath(start / Path(full)))  # noqa: PTH100 - links stay
        if not self.exists:
            _check_name(path, text)
        if "${" in text:
            reading.written[path] = text
        return path

    def _address(self, address: str, text: str, reading: Reading) -> str | Path:
        """Return the path of an address of object storage; raise a ``fault`` if none is allowed."""
        raise fault(f"expected {self.phrase}, got the address {short(text)}")

    def _checked(self, value: Any, info: Any) -> Any:
        in_python = isinstance(value, Path | str | None) or is_remote(value)
        if info.context is None and in_python:
            return value
        if not isinstance(value, str):
            raise ValueError  # noqa: TRY004 - pydantic takes no TypeError
        return self.read(value, info.context[0])

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "title": self.phrase}


def _check_name(path: Path, text: str) -> None:
    """Raise a ``fault`` if ``path`` or one of its names is too long for file systems; the limit
    leaves room for a suffix. ``text`` is the path that the user wrote."""
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if not path.name or longest > _LONGEST_NAME or len(os.fsencode(path)) > _LONGEST_PATH:
        raise fault(
            f"expected a path of at most {_LONGEST_PATH} bytes, with names of "
            f"1 to {_LONGEST_NAME} bytes, got {short(text)}"
        )


class NameOrPath(Location):
    """Type of a library's name or of a path. A path has a slash, a suffix of weights, or exists as
    a file.
    """

    @property
    def phrase(self) -> str:
        """Description of valid values for messages: "a name, or the path of a file"."""
        return f"a name, or {super().phrase}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Return a name as text, a path as absolute path; raise the errors of ``Location.read``."""
        exists = os.path.exists(reading.file.parent / text)  # noqa: PTH110 - never raises
        if not text.strip() or "/" in text or "${" in text or text.endswith(_WEIGHTS) or exists:
            return super().read(text, reading)
        return text


class _Function(Location):
    """Type of the name of a Python function: a text ``package.module:function``, or a path
    ``folder/file.py:function``."""

    phrase = "package.module:function or file.py:function"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Return a module's function as text, a file's as absolute path; else ``ValueError``."""
        if re.fullmatch(_IN_FILE, text):
            return super().read(text, reading)
        if not re.fullmatch(_IN_MODULE, text):
            raise ValueError
        return text

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        form = f"^({_IN_MODULE}|{_IN_FILE})$"
        return {"type": "string", "pattern": form, "title": self.phrase}


@dataclass(frozen=True)
class PluginName(Location):
    """Type of the name of a function that an installed package registers in ``group``."""

    group: str = ""

    @property
    def phrase(self) -> str:
        """Description of valid values for messages: a name in the group of entry points."""
        return f"a name that an installed package has in {self.group}"

    def read(self, text: str, reading: Reading) -> str | Path:
        """Return the name; raise ``ValueError`` for an empty text, and a ``fault`` for a name that
        is not installed. No package is imported."""
        if not text.strip():
            raise ValueError
        if reading.check_files:
            try:
                find_plugin(self.group, text)
            except DataError as error:
                raise fault(error.message) from None
        return text


def function_title(function: str | Path | None) -> str:
    """Return a function's name to show and to hash, without the folders of a file."""
    return function.name if isinstance(function, Path) else str(function)


class _Place(Location):
    """Type of the folder of a store, or of an address of object storage."""

    phrase = "the path of a folder, or an address s3://BUCKET/NAME.zarr"

    def _address(self, address: str, text: str, reading: Reading) -> str | Path:
        if wrong := address_fault(address):
            raise fault(wrong)
        path = place_of(address)
        if "${" in text:
            reading.written[path] = text
        return path


class _Database(Location):
    """Type of the path of a file, of the address of a database, or ``:memory:``."""

    phrase = "the path of a file, an address postgresql://USER@HOST/DATABASE, or :memory:"

    def read(self, text: str, reading: Reading) -> str | Path:
        return super().read(text, reading) if is_path(text) else text


AnyPath = Annotated[Path, Location()]
FolderOrAddress = Annotated[Path, _Place()]
PathOrAddress = Annotated[Path | str, _Database()]
FunctionName = Annotated[str | Path, _Function()]
FilePath = Annotated[Path, Location("file")]
FolderPath = Annotated[Path, Location("folder")]
#: Paths relative to the key ``root``.
FileBelow = Annotated[Path, Location("file", "root")]
FolderBelow = Annotated[Path, Location("folder", "root")]
