"""All views of a session: on its page, which its worker reaches, and as a still picture."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

import panel as pn
from bokeh.document import Document
from panel.io import hold
from panel.viewable import Viewer

from inficond_panel.results.patches import shown_segments
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Publish, run_at_once
from inficond_panel.store import Store
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.views.configuration.view import ConfigurationView
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.embedding.map_panel import MissingMap
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.matrix.view import MatrixView
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.view import ProvenanceView


def make_embedding(app: AppState) -> Viewer:
    """The map of the concepts; where the store has none, what stands in its place."""
    return EmbeddingView(app) if app.store.holds("maps") else MissingMap(app)


def make_knowledge(app: AppState) -> Viewer:
    """One student; all of them while no class is selected, with ``marked`` for the suspects."""
    return KnowledgeView(app, MatrixView(app))


VIEWS: dict[str, Callable[[AppState], Viewer]] = {
    "configuration": ConfigurationView,
    "performance": PerformanceView,
    "embedding": make_embedding,
    "knowledge": make_knowledge,
    "detail": DetailView,
    "provenance": ProvenanceView,
}


def make_views(app: AppState) -> dict[str, Viewer]:
    """The views that the spec's layout names."""
    return {name: make(app) for name, make in VIEWS.items() if name in app.spec.layout.views}


def close_views(views: Mapping[str, Viewer]) -> None:
    """Let go of views that are shown no more: what holds them beyond the page lets go of them."""
    for view in views.values():
        if isinstance(view, EmbeddingView | KnowledgeView | PerformanceView):
            view.close()


def warm(store: Store) -> None:
    """Compute what takes long once, in the worker, rather than at the first click."""
    shown_segments(store)


def publisher() -> Publish:
    """Way for a worker thread to run an update where the page is: session, notebook, script."""
    document = pn.state.curdoc
    try:
        to_loop = partial(publish_to_loop, asyncio.get_running_loop())
    except RuntimeError:
        return run_at_once
    if document is not None and document.session_context is not None:
        # From the loop: a document that gathers changes could lose what a thread adds meanwhile.
        return lambda update: to_loop(partial(publish_to_page, document, update))
    return to_loop


def publish_to_loop(loop: asyncio.AbstractEventLoop, update: Callable[[], None]) -> None:
    """Run ``update`` in the notebook's event loop, unless that was closed meanwhile.

    At once where it is called there. All of a session is changed in this one thread: by results
    of the worker, by what the browser sends, whichever thread receives it, and by code in cells.
    """
    if _runs_here(loop):
        update()
        return
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(update)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def publish_to_page(document: Document, update: Callable[[], None]) -> None:
    """Run ``update`` at the document's next tick, unless the page was closed meanwhile."""
    context = document.session_context
    if context is not None and not context.destroyed:
        document.add_next_tick_callback(partial(_in_one_message, document, update))


def _in_one_message(document: Document, update: Callable[[], None]) -> None:
    """Run ``update``; what it changes goes to the page in one message, which is what takes long.

    For params of components: what listens to Bokeh's models in Python is not told of what is held.
    """
    with hold(document):
        update()


#: Columns below the configuration, each from the top.
COLUMNS = (("performance", "embedding"), ("knowledge", "detail", "provenance"))
_GAP = 12


@runtime_checkable
class Pictured(Protocol):
    """A view that draws itself without a browser."""

    def picture(self) -> Drawing | None:
        """Still picture of the present content; None without any."""


def view_picture(view: Viewer) -> Drawing | None:
    """Picture of one view; None where it has none to give."""
    return view.picture() if isinstance(view, Pictured) else None


def page_picture(views: Mapping[str, Viewer]) -> Drawing | None:
    """Picture of all views of a page that have one, below each other in two columns."""
    drawn = {name: found for name in views if (found := view_picture(views[name])) is not None}
    columns = [[drawn[name] for name in names if name in drawn] for names in COLUMNS]
    columns = [column for column in columns if column]
    strip = drawn.get("configuration")
    wide = sum(max(each.width for each in column) + _GAP for column in columns)
    head = strip.height + _GAP if strip is not None else 0.0
    high = max((sum(each.height + _GAP for each in column) for column in columns), default=0.0)
    if not drawn:
        return None
    page = Drawing(max(wide, strip.width if strip is not None else 0.0), head + high)
    if strip is not None:
        page.put((0, 0), strip)
    x = 0.0
    for column in columns:
        y = head
        for each in column:
            page.put((x, y), each)
            y += each.height + _GAP
        x += max(each.width for each in column) + _GAP
    return page
