"""What may be a caption: a text of one or more sentences."""

from __future__ import annotations

import re

#: Largest number of characters of a caption; a longer text is a document.
LONGEST = 10_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def caption_fault(caption: object) -> str:
    """Return what is wrong with a caption: no text, a control character, or too long; else ""."""
    if not isinstance(caption, str):
        return f"is {type(caption).__name__} {str(caption)[:40]!r}, not text"
    if control := _CONTROL.search(caption):
        return f"has the control character {control[0]!r} at position {control.start() + 1}"
    if len(caption) > LONGEST:
        return f"has {len(caption):,} characters, more than {LONGEST:,}"
    return ""
