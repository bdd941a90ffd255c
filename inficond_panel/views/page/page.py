"""The page of a session: while a spec is opened, with all views, and as a still picture."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from string import Template

import panel as pn
import param
from bokeh.document import Document
from panel.io import hold
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import FileProblemsError, InficondError
from inficond_panel.results.image_sets import shown_segments
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Publish, run_at_once
from inficond_panel.store import Store
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.threads import check_threads
from inficond_panel.views.configuration.view import ConfigurationView
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.embedding.map_panel import MissingMap
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.asking import AskingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.matrix.view import MatrixView
from inficond_panel.views.page.exploring import View
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.view import ProvenanceView
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.palette import BACKGROUND, CONTROL, INK, INK_2, SURFACE, TRACK

_ROLES = {"bg": BACKGROUND, "ink": INK, "surface": SURFACE, "faint": INK_2, "track": TRACK}
_COLOURS = {
    **{name: colour.light for name, colour in _ROLES.items()},
    **{f"dark_{name}": colour.dark for name, colour in _ROLES.items()},
}
_STYLE = Template("""
:host { display: grid; place-items: center; min-height: 100vh; box-sizing: border-box;
  padding: 24px; background: $bg; color: $ink;
  font: 14px/20px var(--inficond-font, sans-serif);
  font-family: var(--inficond-font, sans-serif) !important; /* Panel's design sheets come later */ }
main { min-width: 0; }
section { max-width: 960px; background: $surface; border-radius: 8px; padding: 24px 32px; }
h1 { font-size: 18px; line-height: 22px; margin: 0 0 12px; }
p { margin: 8px 0 0; color: $faint; }
li, code { font: 13px/20px ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 20px; }
progress { width: 320px; }
.page { --track: $track; min-height: 100vh; box-sizing: border-box; padding: 0 16px 16px;
  justify-self: stretch; margin: -24px; /* the host's padding */
  display: grid; gap: 12px; grid-template: 28px 72px minmax(0, 1fr) / 3fr 5fr 4fr; }
.page > b { grid-column: 1 / -1; padding-top: 10px; font-weight: 700; }
.page > section { grid-column: 1 / -1; max-width: none; padding: 0 16px; border-radius: 8px;
  display: flex; align-items: center; gap: 16px; }
.page section > b { font-weight: 600; }
.page > div { display: grid; gap: 12px; grid-template-rows: 1fr 338px 252px; }
.page i { position: relative; display: block; min-height: 0; border-radius: 8px;
  background: $surface; }
.page i::before { content: ""; position: absolute; inset: 15px auto auto 16px;
  width: 40%; height: 14px; border-radius: 4px; background: var(--track); }
.page i::after { content: ""; position: absolute; inset: 60px 16px 16px;
  background: repeating-linear-gradient(var(--track) 0 12px, transparent 12px 44px); opacity: 0.5; }
@media (max-width: 1879px), (max-height: 979px) {
  .page { padding: 0 12px 12px; grid-template-rows: 28px 108px minmax(0, 1fr); }
  .page > div { grid-template-rows: 47fr 53fr; } .page > div > :last-child { display: none; } }
@media (max-width: 1023px) {
  .page { grid-template-columns: minmax(0, 1fr); } .page > i ~ * { display: none; } }
@media (prefers-color-scheme: dark) {
  :host { background: $dark_bg; color: $dark_ink; } section, .page i { background: $dark_surface; }
  p { color: $dark_faint; } .page { --track: $dark_track; } }
""").substitute(_COLOURS)
#: Style of an error: centred together with the button below it.
_TOLD = """
:host { min-height: 0; padding-bottom: 16px; }
main { display: grid; justify-items: center; }
"""
_AROUND = Template("""
:host { justify-content: center; min-height: 100vh; background: $bg; }
@media (prefers-color-scheme: dark) { :host { background: $dark_bg; } }
""").substitute(_COLOURS)
#: What the opening view says where no script goes on with it, such as after a refused connection.
_LATE = (
    "<style>.late { visibility: hidden; margin: 0; font-size: 0; animation: late 0s 20s forwards; }"
    " @keyframes late { to { visibility: visible; font-size: inherit; } }</style>"
    "<p class='late'>The server has not answered for 20 s. Load the page again. If that does not "
    "help, ask whoever runs the server to look at its log.</p>"
)
#: Empty boxes where the views will be, so that little moves when the views arrive.
_BONES = "<i></i><i></i><div><i></i><i></i><i></i></div>"


def skeleton() -> str:
    """Return the opening view as HTML and CSS of its own, which a browser draws before the page's
    scripts have arrived; it hides once these have drawn anything."""
    return (
        "<style>body:has([data-root-id] > *) > #skeleton { display: none; }</style>"
        '<div id="skeleton"><template shadowrootmode="open">'
        f"<style>{_STYLE}</style>{_opening('Opening', None, _LATE)}</template></div>"
    )


def _opening(step: str, share: float | None, more: str = "") -> str:
    """Return the opening view as HTML; ``share`` None: how much is done is not known. The HTML
    ``more`` follows the bar."""
    value = "" if share is None else f" value='{share:.3f}'"
    return (
        f"<main class='page'><b>InFiConD</b><section role='status'><b>{step}</b>"
        f"<progress max='1'{value} aria-label='Progress'></progress>{more}</section>{_BONES}</main>"
    )


class OpeningView(Viewer):
    """View while a spec is opened: progress, or the error and its remedy if opening fails."""

    text = param.String("Opening", doc="Present step.")
    share = param.Number(0.0, bounds=(0, 1), doc="Share of the work that is done.")
    error = param.ClassSelector(class_=InficondError, default=None)

    def __init__(self) -> None:
        super().__init__()
        self._again: Callable[[], None] | None = None
        self._page = pn.Column(
            *self._made(), sizing_mode="stretch_both", margin=0, stylesheets=[_AROUND]
        )

    def begin(self, again: Callable[[], None]) -> None:
        """Show that opening begins; after an error a button calls ``again``."""
        self._again = again
        self.param.update(text="Opening", share=0.0, error=None)

    def report(self, share: float, text: str) -> None:
        """Show the progress (``share``, 0 to 1) and the present step (``text``)."""
        self.param.update(share=min(max(share, 0.0), 1.0), text=text, error=None)

    def fail(self, error: InficondError) -> None:
        """Show the error that ended the opening, and its remedy."""
        self.error = error

    @param.depends("text", "share", "error", watch=True)
    def _show(self) -> None:
        # A new pane: a changed pane would fetch its style sheets again (see stylesheets.py).
        self._page[:] = self._made()

    def _made(self) -> list[Viewable]:
        if self.error is None:
            step = escape(self.text[:1].upper() + self.text[1:])
            html = _opening(step, self.share)
            return [_pane(html, _STYLE, sizing_mode="stretch_both")]
        problem = _pane(error_html(self.error), _STYLE + _TOLD, sizing_mode="stretch_width")
        if (again := self._again) is None:
            return [problem]
        look = {"color": "primary", "align": "center", "sizing_mode": "fixed", "width": 120}
        button = pn.widgets.Button(label="Try again", on_click=lambda _: again(), **look)
        return [problem, button]

    def __panel__(self) -> Viewable:
        return self._page


def _pane(html: str, style: str, **params: str) -> pn.pane.HTML:
    return pn.pane.HTML(html, margin=0, stylesheets=[style], **params)


def error_html(error: InficondError) -> str:
    """Return an error as escaped HTML: one line per problem of a file, then the remedy."""
    if isinstance(error, FileProblemsError):
        items = "".join(f"<li>{escape(line)}</li>" for line in error.problems_for_page)
        body = f"<h1>The spec needs {len(error.problems)} change(s)</h1><ul>{items}</ul>"
    else:
        body = f"<h1>{escape(error.for_page)}</h1>"
    remedy = f"<p>{escape(error.remedy_for_page)}</p>" if error.remedy else ""
    return f"<main><section role='alert'>{body}{remedy}</section></main>"


def make_embedding(app: AppState) -> View:
    """Return the view of the concept map, or a notice if the store has no map."""
    if app.store.holds("maps"):
        return EmbeddingView(app)
    return MissingMap.of(app, told=app.store.lacks("maps"), sizing_mode="stretch_both")


_SCROLL = f"scrollbar-width: thin; scrollbar-color: {CONTROL.css} transparent;"
_ALL = f":host {{ background: {SURFACE.css}; border-radius: 8px; {_SCROLL} }}"


class AllStudents(Viewer):
    """View while no class is selected: cards of students to begin with.

    With details the matrix of all students follows below the cards; it is made when it is first
    shown.
    """

    def __init__(self, app: AppState) -> None:
        self._app = app
        self._start = StartView(app)
        self._matrix: MatrixView | None = None
        self._place = pn.Column(
            sizing_mode="stretch_both", margin=0, scroll="y-auto", stylesheets=[_ALL]
        )
        super().__init__()

    @param.depends("_app.settings.show", "_app.selection.class_name", watch=True, on_init=True)
    def _bring(self) -> None:
        app, start = self._app, self._start
        if app.selection.class_name and self._place:
            return
        details = app.settings.show == "details"
        if details and self._matrix is None:
            self._matrix = MatrixView(app)
        shown = [start, self._matrix] if details else [start]
        if len(self._place) != len(shown):
            self._place[:] = shown

    def picture(self) -> Drawing:
        """Return a still picture of the cards of students."""
        return self._start.picture()

    def close(self) -> None:
        """Release the matrix and its plot, at the end of the session."""
        if self._matrix is not None:
            self._matrix.close()

    def __panel__(self) -> Viewable:
        return self._place


#: Views by name; ``photos``, which asks about photos, is a part of ``knowledge`` on the page.
VIEWS: dict[str, Callable[[AppState], View]] = {
    "configuration": ConfigurationView,
    "performance": PerformanceView,
    "embedding": make_embedding,
    "knowledge": lambda app: KnowledgeView(app, AllStudents(app)),
    "detail": DetailView,
    "provenance": ProvenanceView,
    "photos": AskingView,
}


def make_views(app: AppState) -> dict[str, View]:
    """Return the views that the spec's layout names, by name; without the map if the store has
    none, unless it is the only view."""
    named = app.spec.layout.views
    held = [name for name in named if name != "embedding" or app.store.holds("maps")] or named
    return {name: make(app) for name, make in VIEWS.items() if name in held}


def close_views(views: Mapping[str, View]) -> None:
    """Close the views of an ended page, so that nothing outside the page refers to them."""
    for view in views.values():
        if isinstance(view, EmbeddingView | KnowledgeView | PerformanceView | ProvenanceView):
            view.close()


def warm(store: Store) -> None:
    """Compute slow facts of a store once, on the worker, so that no click has to wait for them."""
    shown_segments(store)


def publisher() -> Publish:
    """Return the function that runs a worker's updates on the session's event loop.

    Raises ``InficondError`` if Panel calls handlers in a thread pool, not on the loop.
    """
    check_threads()
    document = pn.state.curdoc
    try:
        to_loop = partial(publish_to_loop, asyncio.get_running_loop())
    except RuntimeError:
        return run_at_once
    if document is not None and document.session_context is not None:
        # From the loop: a document that collects changes could lose a change of another thread.
        return lambda update: to_loop(partial(publish_to_page, document, update))
    return to_loop


def publish_to_loop(loop: asyncio.AbstractEventLoop, update: Callable[[], None]) -> None:
    """Run ``update`` on a notebook's event loop; drop it if the loop was closed meanwhile.

    On the loop's thread, run it at once. All changes of a session are made on this thread: by
    results of the worker, by messages of the browser on any thread, and by code in cells.
    """
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        update()
        return
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(update)


def publish_to_page(document: Document, update: Callable[[], None]) -> None:
    """Run ``update`` at the document's next tick; drop it if the page was closed meanwhile.

    All its changes go to the page in one message, as messages are slow. This works for parameters
    of components; Bokeh's Python callbacks do not see held changes.
    """

    def in_one_message() -> None:
        with hold(document):
            update()

    context = document.session_context
    if context is not None and not context.destroyed:
        document.add_next_tick_callback(in_one_message)


#: Views of the columns below the configuration, from top to bottom.
PAGE_COLUMNS = (("performance", "embedding"), ("knowledge", "detail", "provenance"))
_GAP = 12


def view_picture(view: View) -> Drawing | None:
    """Return a still picture of a view's present content; None if it is empty."""
    picture: Callable[[], Drawing | None] | None = getattr(view, "picture", None)
    return picture() if picture else None


def page_picture(views: Mapping[str, View]) -> Drawing | None:
    """Return a picture of all views that have something to draw; None if no view has."""
    drawn = {name: picture for name in views if (picture := view_picture(views[name])) is not None}
    if not drawn:
        return None
    columns = [[drawn[name] for name in names if name in drawn] for names in PAGE_COLUMNS]
    columns = [column for column in columns if column]
    strip = drawn.get("configuration")
    wide = sum(max(each.width for each in column) + _GAP for column in columns)
    head = strip.height + _GAP if strip is not None else 0.0
    high = max((sum(each.height + _GAP for each in column) for column in columns), default=0.0)
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
