"""Write a file whole, or leave what was there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inficond_panel.errors import ExportError


def write_whole(place: Path, content: bytes) -> None:
    """Write a result to ``place``; what was there before stays until the new file is complete.

    A link is followed; to what is no regular file, such as /dev/stdout, is written directly.
    Raises ``ExportError``, which names the file.
    """
    path = Path(os.path.realpath(place))
    with named(place):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path, content)


@contextmanager
def named(place: Path) -> Iterator[None]:
    """Raise ``ExportError``, which names the place, where the system does not write there."""
    try:
        yield
    except ExportError:  # an OSError too, which says already what is wrong
        raise
    except OSError as error:
        raise ExportError(
            f"{place} cannot be written: {error.strerror or error}.",
            "Make room, or name another place.",
        ) from error


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{uuid.uuid4().hex[:12]}.writing")
    try:
        with partial.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            partial.chmod(path.stat().st_mode)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
