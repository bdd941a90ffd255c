"""Base of all views that the browser draws."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from typing import Any, ClassVar

import param
from bokeh.document import Document
from bokeh.model import DataModel, Model
from bokeh.util.callback_manager import PropertyCallbackManager
from panel import custom
from panel.custom import Child, Children, JSComponent
from panel.io import hold, state
from panel.models.esm import DataEvent

from inficond_panel.ui.door import allows, checked_message, refusing, whole_text


class Component(JSComponent):
    """One ES module that draws from the component's parameters.

    The browser sets those in ``_taken``, and sends messages to what ``on_msg`` was given; both are
    left out where they are malformed or too many, see ``door``. What all views change upon one of
    them goes to the page in one message.
    """

    _taken: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **params: Any) -> None:
        _hold_plain_data(type(self))
        super().__init__(**params)

    @property
    def _linked_properties(self) -> tuple[str, ...]:
        return tuple(name for name in super()._linked_properties if name in self._taken)

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """Tell the browser that the source is JavaScript, by a name for it.

        Without one Panel compiles each source in the browser, as if it were TypeScript, whenever a
        page opens.
        """
        given = super()._get_properties(doc)
        return {**given, "bundle": _bundle_name(given["esm"])}

    def _process_event(self, event: Any) -> None:
        if isinstance(event, DataEvent) and allows(state.curdoc):
            with refusing(type(self).__name__), hold(state.curdoc):
                event.data = checked_message(event.data)
                super()._process_event(event)

    def _process_events(self, events: dict[str, Any]) -> None:
        taken = {name: value for name, value in events.items() if name in self._taken}
        if taken and allows(state.curdoc):
            with refusing(type(self).__name__), hold(state.curdoc):
                super()._process_events({name: whole_text(value) for name, value in taken.items()})

    @classmethod
    def _patch_datamodel_ref(cls, props: DataModel, ref: str) -> None:
        """Mark the component's data as the page ``ref``'s; its children mark their own.

        Panel looks for data models in all that the component holds, at each change of it: in every
        row of a table, and from the shell in the whole page. Here only the component has one.
        """
        tag = f"__ref:{ref}"
        if tag not in props.tags:
            props.tags.append(tag)


@cache
def _bundle_name(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _hold_plain_data(component: type[Component]) -> None:
    """Let a change of the component's data search it for models only where children are held.

    Bokeh looks at every value of every row of a table, at each change, for models that came or
    went. What is sent to the browser are texts and numbers; models are children alone.
    """
    data = component._data_model
    if "trigger" in vars(data):
        return
    holding = [name for name in data.properties() if _holds_models(component, name)]

    def trigger(model: Any, attr: str, old: Any, new: Any, *hint: Any, **setter: Any) -> None:
        change = Model.trigger if attr in holding else PropertyCallbackManager.trigger
        change(model, attr, old, new, *hint, **setter)

    setattr(data, "trigger", trigger)  # noqa: B010 - a class that Panel made


def _frozen(
    freeze: Callable[..., AbstractContextManager[None]],
    document: Document,
    model: Any,
    properties: dict[str, Any],
    force: bool = False,
) -> AbstractContextManager[None]:
    """Panel's way to hold the page's list of models while ``model`` changes, where it can change.

    Panel too looks at every value of every row for that, and asks the model for each by name.
    """
    if not force and "trigger" in vars(type(getattr(model, "data", None))):
        return nullcontext()
    return freeze(document, model, properties, force)


setattr(custom, "freeze_doc", partial(_frozen, custom.freeze_doc))  # noqa: B010 - our kind of it


def _holds_models(component: type[Component], name: str) -> bool:
    return name in component.param and isinstance(component.param[name], Child | Children)


class ViewComponent(Component):
    """A component that is one view."""

    theme = param.String("", doc="light, dark, or empty: the page's.")
    extent = param.String("full", doc="full, or simple: what people who begin need.")
    intervals = param.Boolean(True, doc="Whether changes and curves have their intervals.")

    #: Milliseconds that Panel waits for more changes: the browser sends those of a click together.
    _debounce: ClassVar[int] = 0


def tie(component: JSComponent, kept: param.Parameterized, **names: Any) -> None:
    """Keep params of a component and of the state ``kept`` equal, from the state's values on."""
    component.param.update(**{own: getattr(kept, other) for own, other in names.items()})
    component.link(kept, bidirectional=True, **names)
