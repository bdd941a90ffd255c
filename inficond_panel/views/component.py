"""What all views that the browser draws have in common."""

import param
from panel.custom import JSComponent


class ViewComponent(JSComponent):
    """One ES module of ``esm`` that draws a view from the component's parameters."""

    theme = param.String("", doc="light, dark, or empty: the page's.")
