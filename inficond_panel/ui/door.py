"""Messages that a browser may send: how often, how large, and the log of the rest.

A page tells what its controls can. Anything else comes from no control: it is left out, with one
line in the log that holds nothing of it, and no traceback.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from bokeh.document import Document

from inficond_panel.errors import InficondError

#: Messages of a page that are taken: so many a second, and so many at once. A key that is held
#: down repeats some 30 times a second.
RATE, BURST = 30.0, 120
#: Characters of one text in a message.
LONGEST = 100_000

#: What a message that no control sends can raise in what takes it.
MALFORMED = (InficondError, LookupError, TypeError, ValueError, AttributeError, OverflowError)

_log = logging.getLogger(__name__)
_panel = logging.getLogger("panel.reactive")


class Pace:
    """Number of messages that one page may still send: each takes one, time gives them back."""

    def __init__(self) -> None:
        self._left, self._at, self._dropped = float(BURST), time.monotonic(), 0

    def allows(self) -> bool:
        """True if one more may come; dropping is logged once, when it begins."""
        moment = time.monotonic()
        self._left = min(BURST, self._left + RATE * (moment - self._at))
        self._at = moment
        if self._left < 1:
            if not self._dropped:
                _log.warning("A page sends too many messages; they are dropped")
            self._dropped += 1
            return False
        self._left, self._dropped = self._left - 1, 0
        return True


_paces: WeakKeyDictionary[Document, Pace] = WeakKeyDictionary()


def allows(document: Document | None) -> bool:
    """True if the page of ``document`` may send one more message; a notebook's always may."""
    return document is None or _paces.setdefault(document, Pace()).allows()


def checked_message(message: object) -> dict[str, object]:
    """The message with whole characters; ``TypeError`` where it is no object, else ``ValueError``
    where it is too long."""
    if not isinstance(message, dict):
        raise TypeError("not an object")
    if max(map(len, _texts(message)), default=0) > LONGEST:
        raise ValueError("a text is too long")
    return {key: whole_text(value) for key, value in message.items()}


def whole_text(value: object) -> object:
    """The value with ``?`` for half a character, which a browser may cut and nobody can store."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {whole_text(key): whole_text(item) for key, item in value.items()}
    return [whole_text(item) for item in value] if isinstance(value, list) else value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@contextmanager
def refusing(component: str) -> Iterator[None]:
    """Leave out what a browser sent ``component`` where it is malformed; log where it was seen."""
    before, _panel.disabled = _panel.disabled, True  # Panel logs the values that it fails on
    try:
        yield
    except MALFORMED as error:
        seen = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(seen.filename).name}:{seen.lineno}"
        _log.warning("Refused a message to %s: %s at %s", component, type(error).__name__, place)
    finally:
        _panel.disabled = before
