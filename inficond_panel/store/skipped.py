"""Text on images that were skipped since they could not be read."""

from __future__ import annotations

from collections.abc import Sequence

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count

#: Most skipped images that are named.
MOST_NAMED = 5


def skipped_text(skipped: Sequence[tuple[str, str]]) -> str:
    """Return the text ``skipped 2 images that cannot be read: a: no such file; b: ...``."""
    named = [f"{image}: {why}" for image, why in skipped]
    what = f"skipped {count(len(skipped), 'image')} that cannot be read"
    return f"{what}: {listed(named, MOST_NAMED, '; ')}"
