"""All six views of a session, and how its worker reaches the page that they are on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import panel as pn
from bokeh.document import Document
from panel.viewable import Viewer

from inficond_panel.state import AppState, Store
from inficond_panel.state.jobs import Publish, run_at_once
from inficond_panel.state.patches import nearest_segments
from inficond_panel.views.cloud import projections, segment_density
from inficond_panel.views.configuration import ConfigurationView
from inficond_panel.views.detail import DetailView
from inficond_panel.views.embedding import EmbeddingView
from inficond_panel.views.knowledge import KnowledgeView
from inficond_panel.views.performance import PerformanceView
from inficond_panel.views.provenance import ProvenanceView

VIEWS: dict[str, Callable[[AppState], Viewer]] = {
    "configuration": ConfigurationView,
    "performance": PerformanceView,
    "embedding": EmbeddingView,
    "knowledge": KnowledgeView,
    "detail": DetailView,
    "provenance": ProvenanceView,
}


def make_views(app: AppState) -> dict[str, Viewer]:
    """The views that the spec's layout names."""
    return {name: make(app) for name, make in VIEWS.items() if name in app.spec.layout.views}


def warm(store: Store) -> None:
    """Compute what takes long once, in the worker, rather than at the first click."""
    nearest_segments(store)
    segment_density(store, projections(store)[0])


def publisher() -> Publish:
    """How a worker thread runs an update where the page lives: server session, notebook, script."""
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        return partial(publish_to_page, document)
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        return run_at_once


def publish_to_page(document: Document, update: Callable[[], None]) -> None:
    """Run ``update`` at the document's next tick, unless the page was closed meanwhile."""
    context = document.session_context
    if context is not None and not context.destroyed:
        document.add_next_tick_callback(update)
