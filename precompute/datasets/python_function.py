"""A function that a spec names: loaded where the caller allows it, known by its file's hash."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from inficond_panel.errors import DataError
from inficond_panel.spec.framework.types import function_title
from inficond_panel.spec.sections.dataset import PythonDataset
from inficond_panel.spec.sections.teacher import PythonTeacher
from inficond_panel.store.network_weights import file_digest

_FORM = "package.module:function, which is installed or in PYTHONPATH, or file.py:function"


def load_function(section: PythonDataset | PythonTeacher) -> Callable[..., Any]:
    """Function of a spec's section; ``DataError`` where it is not allowed, not there, or none."""
    check_allowed(section)
    key = f"{_name(section).replace(' ', '')}.function {function_title(section.function)}"
    place, _, name = str(section.function).rpartition(":")
    try:
        in_file = isinstance(section.function, Path)
        function = getattr(_run(Path(place)) if in_file else importlib.import_module(place), name)
    except (Exception, SystemExit) as error:  # whatever a module of somebody's raises
        raise DataError(
            f"{key} cannot be imported: {type(error).__name__}: {error}", f"Name {_FORM}."
        ) from error
    if not callable(function):
        raise DataError(f"{key} is no function.", f"Name {_FORM}.")
    return function


def check_allowed(section: PythonDataset | PythonTeacher) -> None:
    """Raise ``DataError`` unless the caller has allowed the code that a spec names."""
    if not section.allowed:
        raise DataError(
            f"The spec's {_name(section)} is Python code, {function_title(section.function)}, "
            "which could do anything.",
            "If you trust it: --allow-python.",
        )


def source(function: str | Path) -> tuple[str, str]:
    """Name of a function and SHA-256 of its file, found without running anything; "" where there
    is none. What the file imports, and the data that it reads, are not part of it."""
    if isinstance(function, Path):
        origin: Path | None = Path(str(function).rpartition(":")[0])
    else:
        origin = _origin(function.partition(":")[0].split("."))
    digest = file_digest(origin) if origin and origin.is_file() else ""
    return function_title(function), digest


def _name(section: PythonDataset | PythonTeacher) -> str:
    return "data set" if isinstance(section, PythonDataset) else "teacher"


def _run(file: Path) -> ModuleType:
    """The module of a file, run anew, by a name that no other module has."""
    name = f"inficond function {file}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _origin(parts: Sequence[str]) -> Path | None:
    spec: ModuleSpec | None = None
    path: Sequence[str] | None = None
    for count in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:count]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return Path(spec.origin) if spec and spec.origin else None
