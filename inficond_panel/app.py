"""The Panel app: ``panel serve inficond_panel/app.py --args SPEC [SPEC ...]``.

Imports are absolute, since ``panel serve`` runs this file outside its package.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.errors import InficondError
from inficond_panel.predict import PageEncoder, PagePhotos
from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.results.tree import take_tree
from inficond_panel.serving import guard, is_guarded
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.state.jobs import Progress
from inficond_panel.state.networks import ConceptsState
from inficond_panel.state.targets import TargetsState
from inficond_panel.tuning import Node, Tuner, shared_tuner
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.ui import upstream
from inficond_panel.ui.browser import show_first, use_own_files
from inficond_panel.ui.component import Connection
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.notebook_cell import Cell
from inficond_panel.views.page.address import Address
from inficond_panel.views.page.exploring import USUAL_EXTENT, Extent, View, WaitingJobs
from inficond_panel.views.page.exported_page import ExportedPage, watch_export
from inficond_panel.views.page.page import (
    VIEWS,
    OpeningView,
    close_views,
    make_views,
    page_picture,
    publisher,
    skeleton,
    view_picture,
    warm,
)
from inficond_panel.views.page.shell import Shell
from inficond_panel.vocabulary.splits import TUNE

UNGUARDED = (
    "WARNING: Until this first page the server had no guards (checks of requests) and no /health.\n"
    "Reinstall inficond-panel, or use: inficond serve SPEC (see: inficond docs serving)\n"
)
#: Height in pixels of a single view in a notebook cell.
HEIGHT, STRIP_HEIGHT = 620, 170


class SessionViews:
    """Views of one session as attributes for notebook cells: ``views.knowledge`` is one view."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def __getattr__(self, name: str) -> Viewable:
        if name not in VIEWS:
            raise AttributeError(f"no view {name!r}; views are {', '.join(VIEWS)}")
        return self._explorer.place(name)

    def __dir__(self) -> list[str]:
        return list(VIEWS)


class Explorer(Viewer):
    """The six coordinated views over one or several specs (InFiConD, sec. 5).

    Displays itself in a notebook cell. Work runs in a session's worker threads; an unusable
    spec or store is shown as a message with its remedy. ``specs`` are paths, names or open tuners.
    ``views`` has single views for separate cells; all views share the session's state, ``app``.
    ``on_ready`` is called with the explorer whenever ``app`` has been set and is on screen.
    """

    app = param.ClassSelector(
        class_=AppState, default=None, doc="State of the session; None until a store is open."
    )

    def __init__(
        self,
        specs: Sequence[str | Path | Tuner],
        history: str | Path = "",
        on_ready: Callable[[Explorer], object] | None = None,
    ) -> None:
        upstream.apply()
        super().__init__()
        self._on_ready = on_ready
        self.specs = [spec if isinstance(spec, Tuner) else str(spec) for spec in specs]
        self.history = str(history)
        self._to_page = publisher()
        self.jobs = Jobs(self._publish)
        self._author = pn.state.user or "user"  # the name of the login, if any
        served = pn.state.curdoc is not None and pn.state.curdoc.session_context is not None
        location = pn.state.location if served else None  # not a notebook's URL
        self.address = Address(location.search) if location is not None else None
        self.views = SessionViews(self)
        self._shown: dict[str, View] = {}  # views of ``app``, by name, made so far
        self._places: dict[str, Cell] = {}  # cells of single views, by name
        self.opening = OpeningView()
        height = {"min-height": "calc(100vh - var(--page-taken, 0px))"} if served else {}
        self._page = self._cell("", sizing_mode="stretch_both", styles=height)
        # Before the page is loaded, a result could not be displayed.
        pn.state.onload(self.open)

    def open(self, spec: str | Tuner | None = None) -> None:
        """Open and show ``spec``; by default the spec in the page's address, else ``specs[0]``.

        Runs in the worker thread; distills the students if the history does not have them. An
        error is shown as a message with a button to retry.
        """

        def work(job: Job) -> AppState:
            chosen = spec or self._first()
            tuner = chosen if isinstance(chosen, Tuner) else shared_tuner(chosen, self.history)
            tuner.root(progress=self.jobs.progress(job), cancelled=job.cancelled)
            return self._state(tuner, job)

        self.opening.begin(lambda: self.open(spec))
        self._page[:] = [self.opening]
        self.jobs.submit(Job("open", work, self._show, self._fail, report=self.opening.report))

    def close(self) -> None:
        """Stop the worker and release all views; called when the session ends."""
        self.jobs.close()
        close_views(self._shown)
        for cell in (self._page, *self._places.values()):
            cell.close()

    def _first(self) -> str | Tuner:
        """Return the spec in the page's address, else the first spec."""
        titles = _titles(self.specs)
        title = self.address.dataset(titles) if self.address else ""
        return self.specs[titles.index(title)] if title else self.specs[0]

    def _state(self, tuner: Tuner, job: Job) -> AppState:
        """Return the state of a new page of ``tuner``; call in the worker thread (reads files)."""
        warm(tuner.store)
        encoder = PageEncoder(tuner.spec)
        photos = PagePhotos(tuner.spec)
        app = AppState(
            tuner,
            self.jobs,
            encoder,
            photos=photos,
            progress=self.jobs.progress(job),
            datasets=_titles(self.specs),
        )
        app.tuning.author = self._author
        return app

    def _show(self, app: AppState) -> None:
        """Show the views of ``app``; if one of them cannot be made, the old views stay."""
        views = make_views(app)
        shell = Shell(app, views, page=self.address is not None, address=self.address)
        pn.bind(partial(self._switch, app), app.param.requested, watch=True)
        for other in (app.concepts, app.targets):
            pn.bind(partial(self._go_on, app, other), other.param.tuner, watch=True)
        watch_export(app)
        before, self._shown = self._shown, views
        if self.app is not None:
            for state in (self.app.pocket, self.app.network):
                state.cancel()  # nobody sees their progress any more
        self.app = app
        self._page[:] = [shell]
        for name in self._places:
            self._fill(name)
        close_views(before)
        if self._on_ready is not None:
            self._on_ready(self)

    def _fail(self, error: InficondError) -> None:
        self.opening.fail(error)
        self._page[:] = [self.opening]

    def place(self, name: str) -> Cell:
        """Return the cell with the single view ``name``; the same cell at each call."""
        if name not in self._places:
            height = STRIP_HEIGHT if name == "configuration" else HEIGHT
            self._places[name] = self._cell(name, height=height, sizing_mode="stretch_width")
            self._fill(name)
        return self._places[name]

    def _cell(self, name: str, **params: Any) -> Cell:
        return Cell(self.opening, publish=self._publish, draw=partial(self._draw, name), **params)

    def _publish(self, update: Callable[[], None]) -> None:
        """Run ``update`` on the page's thread, then redraw the pictures of the cells."""

        def update_all() -> None:
            update()
            for cell in (self._page, *self._places.values()):
                if cell.still is not None:
                    cell.still.change_soon()

        self._to_page(update_all)

    def _draw(self, name: str) -> Drawing | None:
        """Return a picture of the view ``name`` ("": the page); None while the spec opens."""
        if self.app is None:
            return None
        return page_picture(self._shown) if not name else view_picture(self._shown[name])

    def _fill(self, name: str) -> None:
        if self.app is not None:
            view = self._shown.get(name) or VIEWS[name](self.app)
            self._shown[name] = view
            self._places[name][:] = [view]

    def _go_on(self, before: AppState, other: ConceptsState | TargetsState, tuner: Tuner) -> None:
        """Show a page of ``tuner``, with other concepts or targets, and keep the selection."""

        def done(app: AppState) -> None:
            app.go_on_from(before)
            self._show(app)

        self.jobs.submit(Job("open", lambda job: self._state(tuner, job), done, other.fail))

    def _switch(self, app: AppState, title: str) -> None:
        self.open(self.specs[app.datasets.index(title)])

    def __panel__(self) -> Viewable:
        return self._page


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


@bokeh_backend()
def page_html(
    tuner: Tuner,
    node: Node,
    class_name: str = "",
    concept: str = "",
    *,
    dark: bool = False,
    progress: Progress | None = None,
    extent: Extent = USUAL_EXTENT,
) -> str:
    """Return the page of an iteration as one read-only HTML text; the history is not changed.

    ``class_name`` and ``concept`` are selected. A reader can open other classes, concepts and
    iterations within ``extent``. Raises ``TuningError`` for an unknown class or concept.
    """
    if class_name:
        class_name = known_name("class", class_name, tuner.store.classes)
    if concept:
        concept = known_name("concept", concept, tuner.store.concepts)
    jobs = WaitingJobs()
    app = AppState(tuner, jobs, theme="dark" if dark else "light")
    app.students.param.update(
        snapshot=take_snapshot(tuner, node, TUNE), tree=take_tree(tuner, node)
    )
    app.selection.param.update(class_name=class_name, concept=concept)
    html = ""
    for step in ExportedPage(app, jobs, extent).steps():
        if isinstance(step, str):
            html = step
        elif progress is not None:
            progress(step, "Writing the page")
    if progress is not None:
        progress(1.0, "Page written")
    return html


def serve_page(arguments: Sequence[str]) -> None:
    """Create the page of this session; ``panel serve`` calls it once per session."""
    pn.extension(sizing_mode="stretch_width")
    use_own_files()
    show_first(skeleton())
    explorer = Explorer(arguments or ["demo"], os.environ.get("INFICOND_HISTORY", ""))
    pn.state.on_session_destroyed(lambda _: explorer.close())
    explorer.servable(title="InFiConD")
    Connection().servable()


if pn.state.served:
    if not is_guarded():  # an old installation without entry points for Panel
        sys.stderr.write(UNGUARDED)
        guard()
    # Panel runs this file as a module per session, and empties the module before the session ends.
    from inficond_panel.app import serve_page

    serve_page(sys.argv[1:])
