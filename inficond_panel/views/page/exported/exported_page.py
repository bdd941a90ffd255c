"""Page of an iteration as a file: made, shown state by state, recorded and written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import panel as pn
from bokeh.document import Document
from panel.io import state
from panel.io.state import set_curdoc

from inficond_panel.common.saved_file import File
from inficond_panel.state import AppState
from inficond_panel.state.requests.export import stem
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.page.exported.exploring import Explorable, WaitingJobs, whole_rows
from inficond_panel.views.page.exported.static_page import (
    bundle_of,
    make_html,
    make_notice,
    page_json,
    put_rows,
)
from inficond_panel.views.page.page import close_views, make_views
from inficond_panel.views.page.shell import Shell

#: Bytes of a file that pictures of galleries fill up, and what they have in any case.
MOST, LEAST = 7_800_000, 1_000_000
PACKED = 0.8  #: bytes in a file for each of a picture, which has a head as the others have
#: Pixels of the map for which names are placed: as few as it has on a page. On a larger one they
#: stay beside their marks, which lie farther apart.
MAP_SIZE = (410, 150)


class ExportedPage:
    """A page that nobody looks at, over ``app``, whose ``jobs`` wait for it.

    Made on an event loop, as other pages are; then ``steps`` may run anywhere.
    """

    def __init__(self, app: AppState, jobs: WaitingJobs) -> None:
        self._app, self._jobs = app, jobs
        self._views = make_views(app)
        embedding = self._views.get("embedding")
        if isinstance(embedding, EmbeddingView):
            embedding.map.resize(*MAP_SIZE)
        self._page = Shell(app, dict(self._views)).__panel__()
        self._document = Document(title=app.dataset.title)
        with set_curdoc(self._document):  # else style sheets of a session's page would be shared
            self._root = self._page.get_root(self._document)
        self._document.add_root(self._root)
        self._bundle = bundle_of(self._document)

    def steps(self) -> Iterator[float | str]:
        """Make the file; yields the part that is done, at last the file. Lets go of the page."""
        try:
            self._jobs.work_off()
            page = page_json(self._document, self._app.theme)
            put_rows(page, whole_rows(self._views))
            notice = make_notice(self._app)
            explorable = Explorable(self._app, self._jobs, self._views, self._document)
            yield from explorable.states()
            make = partial(make_html, page, self._document.roots, self._bundle)
            rest = len(make(explorable.record(0), notice).encode())
            galleries = max(LEAST, int((MOST - rest) / PACKED))
            yield make(explorable.record(galleries), notice)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the views, which Panel and HoloViews would keep."""
        close_views(self._views)
        self._page._cleanup(self._root)
        state._views.pop(self._root.ref["id"], None)


def watch_export(app: AppState) -> None:
    """Make an HTML file of the page as it is, whenever one is asked for."""

    def export(_: object) -> None:
        jobs, name = WaitingJobs(), f"{stem(app.tuner, app.students.node)}.html"

        def steps(copy: AppState) -> Iterator[float | File]:
            made = ExportedPage(copy, jobs).steps()
            return (File(name, step.encode()) if isinstance(step, str) else step for step in made)

        app.export.make_in_steps(partial(app.copy, jobs), steps)

    pn.bind(export, app.export.param.page, watch=True)
