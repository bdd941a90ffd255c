"""Page of an iteration as one HTML file, which is explored without a server or network.

The file has the page's Bokeh models, all scripts and style sheets, and the models' values for each
selection, which are recorded state by state.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.core.serialization import Serializer
from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.document.json import DocJson
from bokeh.embed.elements import html_page_for_render_items
from bokeh.embed.util import RenderItem
from bokeh.model import Model
from bokeh.resources import Component, Resources
from panel.io import state
from panel.io.resources import CDN_DIST, DIST_DIR, Bundle, bundle_resources, set_resource_mode
from panel.io.state import set_curdoc

from inficond_panel.common.files import File
from inficond_panel.common.numbers import count
from inficond_panel.state import AppState
from inficond_panel.state.export import stem
from inficond_panel.ui import browser
from inficond_panel.ui.browser import own_font
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.page.exploring import (
    USUAL_EXTENT,
    Explorable,
    Extent,
    WaitingJobs,
    whole_rows,
)
from inficond_panel.views.page.page import close_views, make_views
from inficond_panel.views.page.shell import Shell
from inficond_panel.wording.things import image_word

PACKED_SHARE = 0.8  #: bytes in a file per byte of a picture: headers of pictures compress well
#: Size of the map in pixels for which names are placed: the smallest on a page. On a larger map
#: names stay beside their marks, which lie farther apart.
MAP_SIZE = (410, 150)


class ExportedPage:
    """Page without a viewer, which is recorded as one HTML file; ``app`` is its state.

    The queue ``jobs`` runs the jobs of ``app`` on demand. Make it on an event loop, as other pages;
    ``steps`` may run on any thread.
    """

    def __init__(self, app: AppState, jobs: WaitingJobs, extent: Extent = USUAL_EXTENT) -> None:
        self._app, self._jobs, self._extent = app, jobs, extent
        self._views = make_views(app)
        embedding = self._views.get("embedding")
        if isinstance(embedding, EmbeddingView):
            embedding.map.resize(*MAP_SIZE)
        self._page = Shell(app, self._views).__panel__()
        self._document = Document(title=app.dataset.title)
        with set_curdoc(self._document):  # else style sheets of a session's page would be shared
            self._root = self._page.get_root(self._document)
        self._document.add_root(self._root)
        resources = Resources(mode="inline", components=_SCRIPTS)
        # both are set for the whole process: run nothing else here
        with set_resource_mode("inline"), own_font():
            self._bundle = bundle_resources(self._document.roots, resources)

    def steps(self) -> Iterator[float | str]:
        """Yield the finished share after each step, and at last the HTML; then release the page."""
        steps = self._steps()
        while True:
            # On a thread the current document would be one that the server is busy with, and Panel
            # would take the changes here for changes of that session's page.
            with set_curdoc(self._document):
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _steps(self) -> Iterator[float | str]:
        try:
            self._jobs.work_off()
            page = page_json(self._document, self._app.theme, whole_rows(self._views))
            notice = make_notice(self._app)
            most = self._extent.concepts
            explorable = Explorable(self._app, self._jobs, self._views, self._document, most)
            yield from explorable.states()
            make = partial(make_html, page, self._document.roots, self._bundle)
            rest = len(make(explorable.record(0), notice).encode())
            galleries = max(self._extent.least, int((self._extent.most - rest) / PACKED_SHARE))
            yield make(explorable.record(galleries), notice)
        finally:
            self.close()

    def close(self) -> None:
        """Release the views, which Panel and HoloViews would keep in memory."""
        close_views(self._views)
        self._page._cleanup(self._root)
        state._stylesheets.pop(self._document, None)  # the sheets refer to the document
        state._views.pop(self._root.ref["id"], None)


def watch_export(app: AppState) -> None:
    """Make an HTML file of the present page whenever ``app.export.page`` is triggered."""

    def export(_: object) -> None:
        jobs, name = WaitingJobs(), f"{stem(app.tuner, app.students.node)}.html"

        def steps(copy: AppState) -> Iterator[float | File]:
            made = ExportedPage(copy, jobs).steps()
            return (File(name, step.encode()) if isinstance(step, str) else step for step in made)

        app.export.make_in_steps(partial(app.copy, jobs), steps)

    pn.bind(export, app.export.param.page, watch=True)


_SHEETS = "static/extensions/panel/"
#: Bokeh's scripts that a page or Panel's scripts use; no plot uses WebGL.
_SCRIPTS: list[Component] = ["bokeh", "bokeh-widgets", "bokeh-tables"]
_TEMPLATE = """{% block preamble %}{{ viewport }}
<style>{{ css }}</style>{% endblock %}
{% block contents %}<p id="export"><span role="note">{{ told }}</span>
<b id="missing" role="status"></b></p>{{ super() }}
<script id="explored" type="text/plain">{{ explored }}</script>
<script>{{ script }}</script>{% endblock %}"""


def page_json(document: Document, theme: str, rows: Mapping[str, Mapping[str, Any]]) -> DocJson:
    """Return a page's present models as JSON, with ``theme`` set, for a file without a server.

    ``rows`` are all rows of views that send rows in parts: the values by property, by the id of a
    model's data. Links to Panel's style sheets are replaced by the style sheets' texts.
    """
    page = document.to_json(deferred=False)
    still = {"ShellPage": {"theme": theme, "still": True}, "Connection": {"over": True}}
    for model in _objects(page):
        if model.get("name") == "ImportedStyleSheet":
            url = model["attributes"]["url"].split("?")[0]
            css = DIST_DIR / url.rpartition(_SHEETS)[2].removeprefix(CDN_DIST)
            attributes = {"css": css.read_text(encoding="utf-8")}
            model.update(name="InlineStyleSheet", attributes=attributes)
        picture = still.get(model.get("attributes", {}).get("class_name"))
        if picture:
            model["attributes"]["data"]["attributes"].update(picture)
        if model.get("id") in rows and "attributes" in model:
            updates = rows[model["id"]].items()
            model["attributes"].update({n: Serializer().encode(value) for n, value in updates})
    return page


def make_notice(app: AppState) -> str:
    """Return the notice at the file's top: data set, iteration, and time of the export."""
    node, store = app.students.node, app.store
    name = f" ({node.name})" if node.name else ""
    size = count(len(store.images), image_word(store))
    return (
        f"Export, read only. {app.dataset.title}, {size}, data hash "
        f"{store.content_hash[:12]}. Opens at iteration #{node.number}{name}, id {node.id}. "
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    )


def make_html(
    page: DocJson, roots: Sequence[Model], bundle: Bundle, record: Mapping[str, Any], notice: str
) -> str:
    """Return the HTML file of a page with its record (see ``pack``) and a notice at its top."""
    places = {root: ID(f"root-{at}") for at, root in enumerate(roots)}
    return html_page_for_render_items(
        bundle,
        {ID("export"): page},
        [RenderItem(docid=ID("export"), roots=places)],
        title=page["title"],
        template=_TEMPLATE,
        template_variables={
            "viewport": browser.VIEWPORT,
            "told": escape(notice),
            "explored": pack(record),
            "css": _own("static_page.css").read_text(encoding="utf-8"),
            "script": browser.module(_own("static_page.js")),
        },
    )


def pack(record: Mapping[str, Any]) -> str:
    """Return a record as zlib-compressed JSON in base64; equal records give equal texts."""
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def _own(name: str) -> Path:
    return Path(__file__).with_name(name)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all JSON objects in ``value``, and ``value`` itself if it is an object."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list | tuple):
            yield from _objects(item)
