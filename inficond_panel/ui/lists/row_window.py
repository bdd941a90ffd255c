"""Window of the rows of a long list that the browser has: the rows near the view, by place."""

from __future__ import annotations

WHOLE = 30  #: a list of so many rows is sent as a whole
USUAL = 12  #: rows that are sent before the browser says what is in view: each click redraws them
MOST = 200  #: rows that the browser may ask for at once

Window = tuple[int, int]  #: the first place, and the one after the last


def cut_window(size: int, first: int, last: int) -> Window:
    """The places that were asked for, of those that there are; all of a short list."""
    if size <= WHOLE:
        return 0, size
    first = max(0, min(first, size - 1))
    return first, max(first + 1, min(last, first + MOST, size))


def place_window(size: int, wanted: int | None, before: Window = (0, USUAL)) -> Window:
    """The window as it was, over what may be another list; moved where it lacks ``wanted``."""
    first, last = cut_window(size, *before)
    if wanted is None or first <= wanted < last:
        return first, last
    length = max(USUAL, last - first)
    start = max(0, min(wanted - length // 2, size - length))
    return cut_window(size, start, start + length)
