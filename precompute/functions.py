"""Import the Python function that a section of a spec names, and hash its source."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from inficond_panel.common.user_code import fault_text
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.functions import (
    Code,
    check_allowed,
    function_of,
    identity,
    what_of,
)
from inficond_panel.store.network_weights import file_digest

_FORM = "package.module:function (installed, or in PYTHONPATH), or file.py:function"
_REMEDY = {"python": f"Write {_FORM}.", "plugin": "Install another version of the package."}


def load_function(section: Code) -> Callable[..., Any]:
    """Import and return the Python function that a spec's section names. Raises ``DataError`` if
    the user's code is not allowed, or if the function is missing."""
    check_allowed(section)
    function, remedy = function_of(section), _REMEDY[section.kind]
    key = f"{what_of(section).replace(' ', '')}.function {identity(section)}"
    file, _, name = str(function).rpartition(":")
    try:
        in_file = isinstance(function, Path)
        module = _run(Path(file)) if in_file else importlib.import_module(file)
        found = attrgetter(name)(module)
    except (Exception, SystemExit) as error:  # the user's module may raise anything
        raise DataError(f"{key} cannot be imported: {fault_text(error)}", remedy) from error
    if not callable(found):
        raise DataError(f"{key} is not a function.", remedy)
    return found


def source(section: Code) -> tuple[str, str]:
    """Return the name of a section's function and the SHA-256 of its file, without running it. The
    name of a package's function has the version of the package.

    The hash is "" without a file. It does not cover imported files and data of the function.
    """
    function = function_of(section)
    if isinstance(function, Path):
        origin: Path | None = Path(str(function).rpartition(":")[0])
    else:
        origin = _origin(function.partition(":")[0].split("."))
    digest = file_digest(origin) if origin and origin.is_file() else ""
    return identity(section), digest


def _run(file: Path) -> ModuleType:
    """Run a Python file and return its module, under a name that no other module has."""
    name = f"inficond function {file}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
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
