"""datashader, also where neither its folder nor a home can be written: a service, a container."""

from __future__ import annotations

import sys
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

#: Removed when the process ends.
_KEPT: list[TemporaryDirectory[str]] = []


@cache
def datashader_package() -> Any:
    """The package datashader. Importing it takes a second, so a worker calls this.

    numba refuses to import its compiled functions where it finds no place to keep them; it then
    gets a folder of this process alone.
    """
    try:
        import datashader  # noqa: PLC0415 - see above
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        _KEPT.append(TemporaryDirectory(prefix="inficond-numba-"))
        setattr(sys.modules["numba.core.config"], "CACHE_DIR", _KEPT[-1].name)  # noqa: B010 - types
        import datashader  # noqa: PLC0415 - see above
    return datashader
