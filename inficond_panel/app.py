"""The app: ``panel serve inficond_panel/app.py --args SPEC [SPEC ...]``.

Imports are absolute, since ``panel serve`` runs this file outside its package.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import panel as pn
from bokeh.document import Document
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import InficondError
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.state.jobs import Publish, run_at_once
from inficond_panel.state.patches import nearest_segments
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.views.cloud import projections, segment_density
from inficond_panel.views.configuration import ConfigurationView
from inficond_panel.views.detail import DetailView
from inficond_panel.views.embedding import EmbeddingView
from inficond_panel.views.knowledge import KnowledgeView
from inficond_panel.views.opening import OpeningView
from inficond_panel.views.performance import PerformanceView
from inficond_panel.views.provenance import ProvenanceView
from inficond_panel.views.shell import Shell
from inficond_panel.views.stylesheets import InlineStyles

VIEWS: dict[str, Callable[[AppState], Viewer]] = {
    "configuration": ConfigurationView,
    "performance": PerformanceView,
    "embedding": EmbeddingView,
    "knowledge": KnowledgeView,
    "detail": DetailView,
    "provenance": ProvenanceView,
}


@lru_cache(maxsize=8)
def shared_tuner(spec: str, history: str) -> Tuner:
    """Open a spec's store and history once per process; all sessions share them."""
    return open_tuner(spec, history=history or None)


class Explorer(Viewer):
    """The six coordinated views over one or several specs (InFiConD, sec. 5).

    Shows itself in a notebook cell. Work runs in one worker thread of the session; a spec or a
    store that cannot be used is shown as a message with its remedy. In place of a spec a tuner
    that is open already may be given.
    """

    def __init__(self, specs: Sequence[str | Path | Tuner], history: str | Path = "") -> None:
        super().__init__()
        self.specs = [spec if isinstance(spec, Tuner) else str(spec) for spec in specs]
        self.history = str(history)
        self.jobs = Jobs(publisher())
        self.app: AppState | None = None
        self.opening = OpeningView()
        self._page = pn.Column(
            self.opening,
            sizing_mode="stretch_both",
            margin=0,
            styles={"min-height": "100vh"},
            hooks=[InlineStyles()],
        )
        # A result that is there before the page is loaded would have nowhere to go.
        pn.state.onload(lambda: self.open(self.specs[0]))

    def open(self, spec: str | Tuner) -> None:
        """Open ``spec`` off the event loop and show it; the students are distilled if need be."""

        def work(job: Job) -> Tuner:
            tuner = spec if isinstance(spec, Tuner) else shared_tuner(spec, self.history)
            tuner.root(progress=self.jobs.progress(job), cancelled=job.cancelled)
            # What takes long is computed once, here rather than at the first click.
            nearest_segments(tuner.store)
            segment_density(tuner.store, projections(tuner.store)[0])
            return tuner

        self._page[:] = [self.opening]
        self.jobs.submit(
            Job("open", work, self._show, self.opening.fail, report=self.opening.report)
        )

    def close(self) -> None:
        """Stop the worker; called when the session ends."""
        self.jobs.close()

    def _show(self, tuner: Tuner) -> None:
        self.app = AppState(tuner, self.jobs, datasets=_titles(self.specs))
        self.app.param.watch(self._switch, "requested")
        wanted = {name for row in tuner.spec.layout.rows for name in row}
        views = {name: make(self.app) for name, make in VIEWS.items() if name in wanted}
        self._page[:] = [Shell(self.app, views)]

    def _switch(self, event: object) -> None:
        titles = _titles(self.specs)
        self.open(self.specs[titles.index(event.new)])  # type: ignore[attr-defined]

    def __panel__(self) -> Viewable:
        return self._page


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


def _titles(specs: Sequence[str | Tuner]) -> list[str]:
    titles = []
    for spec in specs:
        if isinstance(spec, Tuner):
            titles.append(spec.spec.title)
            continue
        try:
            titles.append(load_spec(find_spec(spec), check_files=False).title)
        except InficondError:
            titles.append(spec)
    return titles


def serve_page(arguments: Sequence[str]) -> None:
    """Make this session's page; called by ``panel serve`` once per session."""
    pn.extension(sizing_mode="stretch_width")
    explorer = Explorer(arguments or ["demo"], os.environ.get("INFICOND_HISTORY", ""))
    pn.state.on_session_destroyed(lambda _: explorer.close())
    explorer.servable(title="InFiConD")


if pn.state.served:
    serve_page(sys.argv[1:])
