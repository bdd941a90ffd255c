"""Text files with one thing a line."""

from pathlib import Path

from inficond_panel.errors import DataError


def read_lines(path: Path, what: str, remedy: str) -> list[str]:
    """Lines of a UTF-8 file; raises ``DataError`` where it cannot be read. ``what`` is its name."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The {what} {path} cannot be read: {error}.", remedy) from error
