"""Functions of installed packages that a spec names: entry points in groups of ours.

Only the metadata of the packages is read; a function is imported where a spec names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError

#: Groups of entry points, by what their functions return.
ENCODERS, TEACHERS, LAYOUTS = "inficond.encoders", "inficond.teachers", "inficond.layouts"
_SHOWN = 10


@dataclass(frozen=True)
class Plugin:
    """Function that a package registers as an entry point: its ``name`` in specs, the ``function``
    as ``package.module:function``, and the ``package`` with its version."""

    name: str
    function: str
    package: str

    @property
    def title(self) -> str:
        """Text that identifies the function: name, function, and package with its version."""
        return f"{self.name} ({self.function} of {self.package})"


def registered(group: str) -> list[Plugin]:
    """Return the functions that installed packages register in a group, sorted by name."""
    found = [
        Plugin(each.name, f"{each.module}:{each.attr}", f"{each.dist.name} {each.dist.version}")
        for each in entry_points(group=group)
        if each.dist
    ]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.package))


def find_plugin(group: str, name: str) -> Plugin:
    """Return the function that is registered in a group under a name; ``DataError`` if no package
    or several packages have this name."""
    known = registered(group)
    found = [plugin for plugin in known if plugin.name == name]
    if len(found) > 1:
        packages = listed([plugin.package for plugin in found], _SHOWN)
        raise DataError(
            f"several packages have {name!r} in {group}: {packages}",
            "Uninstall all but one of them.",
        )
    if not found:
        names = listed([plugin.name for plugin in known], _SHOWN) or "none"
        raise DataError(
            f"no installed package has {name!r} in {group}; installed: {names}",
            "Install the package, or correct the name.",
        )
    return found[0]
