"""Text files with one thing a line."""

from pathlib import Path

from inficond_panel.common.reading import LIST_BYTES, read_text
from inficond_panel.errors import DataError


def read_lines(path: Path, what: str, remedy: str, most: int = LIST_BYTES) -> list[str]:
    """Lines of a UTF-8 file of at most ``most`` bytes. ``what`` is its name in messages.

    Raises ``DataError`` where it cannot be read.
    """
    try:
        return read_text(path, most).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The {what} {path} cannot be read: {error}.", remedy) from error
