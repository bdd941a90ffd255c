"""Workarounds of the page for Panel and Bokeh; ``inficond_panel/common/upstream.py`` lists them.

``apply`` replaces functions of Panel for the whole process: app, server and ``explore`` call it,
and no import does. ``LightComponent``, the base of our components, changes only these.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

from bokeh.document import Document
from bokeh.model import DataModel, Model
from bokeh.models import InlineStyleSheet
from bokeh.util.callback_manager import PropertyCallbackManager
from panel import custom
from panel.custom import JSComponent
from panel.io import state
from panel.viewable import Child, Children

from inficond_panel.common.upstream import (
    COMPILED,
    DATA_MODELS,
    FREEZING,
    SHEETS,
    TRIGGER,
    VALUES_LOGGED,
    choose_bokeh,
)

#: Whether this thread and task handle a message of our components; see ``_WithoutValues``.
handling: ContextVar[bool] = ContextVar("handling", default=False)


@cache
def apply() -> None:
    """Install, once in this process, the workarounds that replace functions of Panel.

    HoloViews' Bokeh backend becomes the current one where none is loaded: the page draws in several
    threads, between which it cannot be chosen for each plot.
    """
    choose_bokeh()
    if VALUES_LOGGED.applies:
        logging.getLogger("panel.reactive").addFilter(_WithoutValues())
    if FREEZING.applies:
        freeze: Any = vars(custom)["freeze_doc"]
        setattr(custom, "freeze_doc", partial(_frozen, freeze))  # noqa: B010 - replaces Panel's


class _WithoutValues(logging.Filter):
    """Logging filter that drops Panel's record of a failed message to a component of ours.

    Panel logs the values of the message; ``refusing`` of ``component.py`` logs the failing line in
    its place.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for the record of ``Reactive._process_events`` on our message."""
        return not (handling.get() and record.funcName == "_process_events")


def _frozen(
    freeze: Callable[..., AbstractContextManager[None]],
    document: Document,
    model: Any,
    properties: dict[str, Any],
    force: bool = False,
) -> AbstractContextManager[None]:
    """Freeze the page's list of models as Panel does, but only where a change can affect the list.

    Panel searches every value of every row of a table for models. Components of other projects are
    frozen by Panel's function.
    """
    if not force and "trigger" in vars(type(getattr(model, "data", None))):
        return nullcontext()
    return freeze(document, model, properties, force)


class LightComponent(JSComponent):
    """Component whose source the browser does not compile, whose style sheets a page gets once, and
    whose plain data are not searched for models."""

    def __init__(self, **params: Any) -> None:
        if TRIGGER.applies:
            _hold_plain_data(type(self))
        super().__init__(**params)

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """Return Panel's properties, with style sheets that components of a page share, and with a
        bundle name, which marks the source as JavaScript.

        Without a name Panel compiles each source in the browser, as if it were TypeScript, whenever
        a page opens.
        """
        properties = super()._get_properties(doc)
        if SHEETS.applies:
            properties["stylesheets"] = _shared(properties["stylesheets"], doc)
        if COMPILED.applies:
            properties["bundle"] = _bundle_name(properties["esm"])
        return properties

    @classmethod
    def _patch_datamodel_ref(cls, props: DataModel, ref: str) -> None:
        """Mark the component's data model as part of the page ``ref``; children mark theirs.

        Panel searches all values of the component for data models at each change: every row of a
        table, and for the shell the whole page. Here only the component has a data model.
        """
        if not DATA_MODELS.applies:
            super()._patch_datamodel_ref(props, ref)
            return
        tag = f"__ref:{ref}"
        if tag not in props.tags:
            props.tags.append(tag)


def _shared(sheets: list[Any], doc: Document | None) -> list[Any]:
    """Return style sheets, texts among them, as models that the page ``doc`` has once each."""
    known: Any = state._stylesheets.get(doc, {}) if doc else {}
    for css in sheets:
        if isinstance(css, str) and css not in known:
            known[css] = InlineStyleSheet(css=css)
    return [known[each] if isinstance(each, str) else each for each in sheets]


@cache
def _bundle_name(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _hold_plain_data(component: type[JSComponent]) -> None:
    """Let Bokeh search changed data of a component for models only in parameters with children.

    Bokeh searches every value of every row of a table, at each change, for models that were added
    or removed. Data for the browser are texts and numbers; only children are models.
    """
    data = component._data_model
    if "trigger" in vars(data):
        return
    holding = [
        name
        for name in data.properties()
        if name in component.param and isinstance(component.param[name], Child | Children)
    ]

    def trigger(model: Any, attr: str, old: Any, new: Any, *hint: Any, **setter: Any) -> None:
        change = Model.trigger if attr in holding else PropertyCallbackManager.trigger
        change(model, attr, old, new, *hint, **setter)

    setattr(data, "trigger", trigger)  # noqa: B010 - a class that Panel made
