"""Changes that the page is told together."""

from __future__ import annotations

from collections.abc import Callable

from bokeh.document import Document
from panel.io import hold


def in_one_message(document: Document, update: Callable[[], None]) -> None:
    """Run ``update``; what it changes goes to the page in one message.

    Most of the time that a change takes is that of its message, however small it is. For params of
    components alone: what listens to Bokeh's models in Python is not told of changes that are held.
    """
    with hold(document):
        update()
