"""Sections of a spec that name a Python function: of the user (``python``), or of an installed
package (``plugin``)."""

from __future__ import annotations

from pathlib import Path

from inficond_panel.common.plugins import ENCODERS, LAYOUTS, TEACHERS, find_plugin
from inficond_panel.errors import DataError, Remedy
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.framework.types import function_title
from inficond_panel.spec.sections.dataset import PluginDataset, PythonDataset
from inficond_panel.spec.sections.encoder import PluginEncoder, PythonEncoder
from inficond_panel.spec.sections.teacher import PluginTeacher, PythonTeacher

FunctionDataset = PythonDataset | PluginDataset
FunctionTeacher = PythonTeacher | PluginTeacher
FunctionEncoder = PythonEncoder | PluginEncoder
#: Sections with a function.
Code = FunctionDataset | FunctionTeacher | FunctionEncoder
#: By class of section: what its function gives, in messages, and the group of its entry points.
_WORDS: dict[type[Section], tuple[str, str]] = {
    **dict.fromkeys((PythonDataset, PluginDataset), ("data set", LAYOUTS)),
    **dict.fromkeys((PythonTeacher, PluginTeacher), ("teacher", TEACHERS)),
    **dict.fromkeys((PythonEncoder, PluginEncoder), ("encoder", ENCODERS)),
}


def what_of(section: Code) -> str:
    """Return what a section's function gives, in messages: data set, teacher or encoder."""
    return _WORDS[type(section)][0]


def function_of(section: Code) -> str | Path:
    """Return the function of a section: ``package.module:function``, or a path
    ``folder/file.py:function``. Raises ``DataError`` for a package that is not installed."""
    if isinstance(section, PythonDataset | PythonTeacher | PythonEncoder):
        return section.function
    return find_plugin(_WORDS[type(section)][1], section.name).function


def identity(section: Code) -> str:
    """Return the name of a section's function for hashes; a package's with its version."""
    if isinstance(section, PythonDataset | PythonTeacher | PythonEncoder):
        return function_title(section.function)
    return find_plugin(_WORDS[type(section)][1], section.name).title


def check_allowed(section: Code) -> None:
    """Raise ``DataError`` for a user's function unless the caller of the command allowed it. The
    functions of installed packages need no permission: they are code that the user installed."""
    if isinstance(section, PluginDataset | PluginTeacher | PluginEncoder) or section.allowed:
        return
    raise DataError(
        f"The spec's {what_of(section)} is Python code, {function_title(section.function)}, "
        "which could do anything.",
        Remedy(
            "If you trust the code, add --allow-python to the command.",
            "If you trust the code, call spec.allow_python(), or use build(..., teacher=FUNCTION).",
        ),
    )
