"""What all views that the browser draws have in common."""

from typing import Any, ClassVar

import param
from bokeh.model import DataModel
from panel.custom import JSComponent


class Component(JSComponent):
    """One ES module of ``esm`` that draws from the component's parameters."""

    @classmethod
    def _patch_datamodel_ref(cls, props: DataModel, ref: str) -> None:
        """Mark the component's data as that of the page ``ref``; its children mark their own.

        Panel looks for data models in all that the component holds, at each change of it: in every
        row of a table, and from the shell in the whole page. Here only the component has one.
        """
        tag = f"__ref:{ref}"
        if tag not in props.tags:
            props.tags.append(tag)


class ViewComponent(Component):
    """A component that is one view."""

    theme = param.String("", doc="light, dark, or empty: the page's.")

    #: Milliseconds that Panel waits for more changes: the browser sends those of a click together.
    _debounce: ClassVar[int] = 0


def tie(component: JSComponent, state: param.Parameterized, **names: Any) -> None:
    """Keep params of a component and of the state equal, from the state's values on."""
    component.param.update(**{own: getattr(state, other) for own, other in names.items()})
    component.link(state, bidirectional=True, **names)
