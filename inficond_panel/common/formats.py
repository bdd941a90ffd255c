"""Formats of kept files. Stores, histories, studies and exports name theirs by a number."""

from __future__ import annotations


def other_format(place: object, found: object, read: int, otherwise: str) -> tuple[str, str]:
    """Return message and remedy for a file in another format than the one that this version reads.

    The remedy for a newer format is to update; ``otherwise`` is the one for an earlier format.
    """
    if isinstance(found, int) and found > read:
        message = f"{place} has format {found}, of a newer version; this program reads {read}."
        return message, "Install the newest inficond-panel."
    message = f"{place} has format {found}, of an earlier version; this program reads {read}."
    return message, otherwise
