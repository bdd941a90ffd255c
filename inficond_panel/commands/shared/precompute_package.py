"""Import of ``precompute``, errors on missing packages, and specs that a store is made from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.parser import allow_python
from inficond_panel.common.installation import missing_extra, needs
from inficond_panel.errors import MissingExtraError

if TYPE_CHECKING:
    from inficond_panel.spec import Spec


def precompute_package() -> Any:
    """Import the package ``precompute``; raise ``MissingExtraError`` if that fails."""
    with needs("Making a store", "precompute"):
        import precompute as package
    return package


def lacking_package(error: ModuleNotFoundError) -> MissingExtraError:
    """Return the error that names the extra of a missing package; raise if it is our module."""
    if (error.name or "inficond_panel").startswith(("inficond_panel", "precompute")):
        raise error
    return missing_extra("This", error, "all")


def spec_to_make(args: argparse.Namespace, *, photos: bool = False) -> Spec:
    """Return the spec in ``args``, with ``--allow-python`` applied; import ``precompute``.

    Raises as ``Spec.check_making``, with ``photos`` as ``Spec.check_photos``.
    """
    from inficond_panel.spec import find_spec, load_spec

    spec = load_spec(find_spec(args.spec))
    allow_python(args, spec)
    if photos:
        spec.check_photos()
    else:
        spec.check_making()
    precompute_package()
    return spec
