"""What all views that the browser draws have in common."""

from typing import Any, ClassVar

import param
from panel.custom import JSComponent


class ViewComponent(JSComponent):
    """One ES module of ``esm`` that draws a view from the component's parameters."""

    theme = param.String("", doc="light, dark, or empty: the page's.")

    #: Milliseconds that Panel waits for more changes: the browser sends those of a click together.
    _debounce: ClassVar[int] = 0


def tie(component: JSComponent, state: param.Parameterized, **names: Any) -> None:
    """Keep params of a component and of the state equal, from the state's values on."""
    component.param.update(**{own: getattr(state, other) for own, other in names.items()})
    component.link(state, bidirectional=True, **names)
