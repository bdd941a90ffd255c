"""Formats of kept files. Stores, histories, studies and exports name theirs by a number."""

from __future__ import annotations

UPDATE = "Install the newest inficond-panel"


def other_format(place: object, found: object, read: int) -> str:
    """Return the message on a file whose format is ``found``, where this version reads ``read``."""
    if is_newer(found, read):
        return f"{place} has format {found}, of a newer version; this program reads {read}."
    return f"{place} has format {found}, of an earlier version; this program reads {read}."


def is_newer(found: object, read: int) -> bool:
    """Return True if a file's format ``found`` is one that only later versions write."""
    return isinstance(found, int) and found > read
