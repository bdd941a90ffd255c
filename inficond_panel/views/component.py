"""What all views that the browser draws have in common."""

from typing import ClassVar

import param
from panel.custom import JSComponent


class ViewComponent(JSComponent):
    """One ES module of ``esm`` that draws a view from the component's parameters."""

    theme = param.String("", doc="light, dark, or empty: the page's.")

    #: Milliseconds that Panel waits for more changes: the browser sends those of a click together.
    _debounce: ClassVar[int] = 0
