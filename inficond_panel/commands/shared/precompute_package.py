"""Packages of extras: import of ``precompute``, and errors on missing packages."""

from __future__ import annotations

from typing import Any

from inficond_panel.common.installation import missing_extra
from inficond_panel.errors import MissingExtraError


def precompute_package() -> Any:
    """Import the package ``precompute``; raise ``MissingExtraError`` if that fails."""
    try:
        import precompute as package
    except ImportError as error:
        raise missing_extra("Making a store", error, "precompute") from error
    return package


def lacking_package(error: ModuleNotFoundError) -> MissingExtraError:
    """Return the error that names the extra of a missing package; raise if it is our module."""
    if (error.name or "inficond_panel").startswith(("inficond_panel", "precompute")):
        raise error
    return missing_extra("This", error, "all")
