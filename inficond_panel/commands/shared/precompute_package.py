"""The package ``precompute``, which is an extra."""

from __future__ import annotations

from typing import Any

from inficond_panel.common.installation import install_command
from inficond_panel.errors import MissingExtraError


def precompute_package() -> Any:
    """The package ``precompute``; raises ``MissingExtraError`` where it cannot be used."""
    try:
        import precompute as package
    except ImportError as error:
        raise MissingExtraError(
            f"Making a store needs packages that are not installed ({error.name}).",
            f"Install them: {install_command('precompute')}",
        ) from error
    return package
