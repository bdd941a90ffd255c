"""Component of the page: its titles and layout as plain data, and the layout as the spec has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param
from panel.custom import Children
from panel.viewable import Viewer

from inficond_panel.common.numbers import count
from inficond_panel.spec import Layout
from inficond_panel.ui import browser
from inficond_panel.ui.component import Component, action, tie
from inficond_panel.views.page.address import KEYS, PLACES, Address, make_address
from inficond_panel.views.page.photo import PhotoActions, make_photo
from inficond_panel.views.page.shortcuts import make_shortcuts

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from inficond_panel.state import AppState
    from inficond_panel.state.batch import Notice
    from inficond_panel.tuning import Iteration

TITLES = {
    "configuration": "Configuration",
    "performance": "Student performance",
    "knowledge": "Student knowledge",
    "embedding": "Concept embedding",
    "detail": "Concept detail",
    "provenance": "Fine-tuning provenance",
}
STRIP = "configuration"
#: Views that take the height of the page, with their share of 12 columns; others share a column.
TALL = {"performance": 3, "knowledge": 5}
SHARED = 4


def make_subtitle(title: str, classes: int) -> str:
    """Data set and its size: ``VOC 2007, 20 classes``."""
    return f"{title}, {count(classes)} class{'es' * (classes != 1)}"


def make_saved(nodes: Sequence[Iteration], doing: str, path: str) -> dict[str, str]:
    """Text of the header on saving: time of the newest iteration (ISO), or the running job."""
    newest = nodes[-1].created if len(nodes) > 1 else ""
    if path == ":memory:":
        return {"text": doing or "Not kept: history in memory", "at": "", "place": ""}
    iterations = f"{count(len(nodes) - 1)} iteration{'s' * (len(nodes) != 2)}"
    return {
        "text": doing,
        "at": newest,
        "place": f"{iterations} in {Path(path).name}",  # where it is on the server is its own
    }


class ShellPage(Component):
    """Page that the browser draws; actions come back as messages ``{"action", ...}``."""

    views = Children(default=[], doc="The views, in the order of `names`; empty while loading.")
    names = param.List([], item_type=str)
    titles = param.Dict(TITLES, constant=True)
    layout = param.Dict({}, doc="See `make_layout`.")
    subtitle = param.String("")
    saved = param.Dict({})
    shortcuts = param.List([])
    tab = param.String("detail", doc="View in front where views share a place as tabs.")
    front = param.String("performance", doc="View in front where the page has one column.")
    theme: param.Selector[str] = param.Selector(default="auto", objects=["auto", "light", "dark"])
    extent: param.Selector[str] = param.Selector(default="simple", objects=["simple", "details"])
    dark = param.Boolean(False, doc="Whether it is dark now; the browser tells.")
    address = param.String(
        None,
        allow_None=True,
        doc="Query of the URL, see `make_address`; None: kept out of it.",
    )
    root = param.String("", doc="Id of the untouched students, which the batch is of.")
    batch = param.Dict({}, doc="Thumbs that wait `at` a node; kept over a reload.")
    photo = param.Dict({}, doc="A photo of one's own, see `make_photo`.")
    turn = param.Integer(0, doc="Number of the last step back or forward that `address` answers.")
    places = param.List(list(PLACES), constant=True, doc="Keys with entries in its history.")
    keys = param.List(list(KEYS), constant=True, doc="Keys of the query that are the page's own.")
    notice = param.String("", doc="What is told; empty: nothing.")
    offer = param.String("", doc="Word for what can be done about it: it is told for a while only.")
    compares = param.Boolean(False, doc="Whether the notice names two iterations to compare.")
    page = param.Boolean(True, doc="Whether it fills the browser's page.")
    still = param.Boolean(False, doc="Whether it is a file without a server (`take_still`).")
    standard = param.Dict({}, doc="`theme` and `show` as in the spec.")

    _taken = frozenset({"dark", "front", "notice", "extent", "offer", "tab", "theme"})
    _esm = browser.module(Path(__file__).with_name("shell.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("shell.css"))


def make_layout(layout: Layout) -> dict[str, Any]:
    """Columns of the page: names of their views, top down, and their widths.

    ``strip`` says whether the configuration is above them.
    """
    columns = _columns(layout.rows)
    return {
        "columns": columns,
        "widths": [_width(names) for names in columns],
        "strip": STRIP in layout.views,
    }


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A row with a list (performance, knowledge) gives each of its views a column; a row of
    smaller views is one column, unless it is the only row."""
    groups = [names for row in rows if (names := [name for name in row if name != STRIP])]
    columns: list[list[str]] = []
    for names in groups:
        if len(groups) == 1 or any(name in TALL for name in names):
            columns += [[name] for name in names]
        else:
            columns.append(list(names))
    return columns


def _width(names: Sequence[str]) -> int:
    """Share of a column: of the lists their own, of the others the same."""
    return TALL.get(names[0], SHARED) if len(names) == 1 else SHARED


class Shell(PhotoActions, Viewer):
    """All views of a session on one page, or in one notebook cell (``page=False``).

    ``views`` maps view names to what shows them; without views it is a skeleton until ``place``.
    """

    theme: param.Selector[str] = param.Selector(
        default="auto", objects=["auto", "light", "dark"], doc="Colours."
    )

    def __init__(
        self,
        app: AppState,
        views: Mapping[str, Viewable | Viewer] | None = None,
        *,
        page: bool = True,
        address: Address | None = None,
    ) -> None:
        theme = app.spec.layout.theme
        self.app = app
        self.address = address
        self._turn = 0
        self._noticed: Notice | None = None
        self._page = ShellPage(
            layout=make_layout(app.spec.layout),
            subtitle=make_subtitle(app.dataset.title, app.dataset.counts["classes"]),
            shortcuts=make_shortcuts(app.rights.closed),
            theme=theme,
            front="knowledge" if app.selection.class_name else "performance",
            root=app.tuner.root_id,
            standard={"theme": theme, "show": app.spec.layout.show},
            page=page,
            sizing_mode="stretch_width",
            margin=0,
        )
        self.listen_to(self._page)
        tie(self._page, app.settings, tab="tab", extent="show")
        super().__init__(theme=theme)
        self._page.link(self, theme="theme", bidirectional=True)
        self._tell_batch()
        self._update_saved()
        if views:
            self.place(views)

    def place(self, views: Mapping[str, Viewable | Viewer]) -> None:
        """Put the views in their places."""
        self._page.param.update(names=list(views), views=list(views.values()))
        if self.address is not None:
            self._tell(self.address.follow(self.app))
            self._tell_address()

    @param.depends("_page.dark", watch=True)
    def _recolour(self) -> None:
        self.app.theme = "dark" if self._page.dark else "light"

    def _takes(self, name: str) -> bool:
        """No file leaves a page without export."""
        return self.app.rights.export or name != "open_export"

    @param.depends(
        "app.photo.status",
        "app.photo.decided",
        "app.photo.missing",
        "app.photo.asked",
        watch=True,
        on_init=True,
    )
    def _show_photo(self) -> None:
        self._page.photo = make_photo(self.app, self._photo_class)

    @param.depends("app.students.tree", "app.tuning.status", "app.concepts.status", watch=True)
    def _update_saved(self) -> None:
        tuning, concepts = self.app.tuning, self.app.concepts
        path = self.app.tuner.history.path
        doing = "Fine-tuning…" if tuning.status.kind == "fitting" else ""
        if concepts.busy:
            doing = f"{concepts.status.text}…"
        self._page.saved = make_saved(tuning.nodes, doing, path)

    @param.depends("app.selection.concept", "app.selection.images", watch=True)
    def _show_detail(self) -> None:
        if self.app.selection.concept or self.app.selection.images:
            self._page.param.update(tab="detail", front="detail")

    @param.depends("app.selection.class_name", watch=True)
    def _show_student(self) -> None:
        self._page.front = "knowledge"

    @param.depends(
        "app.selection.class_name",
        "app.selection.concept",
        "app.students.snapshot",
        "app.students.tree",
        "app.comparison.pair",
        "app.tuning.status",
        "app.targets.status",
        "app.settings.param",
        watch=True,
    )
    def _tell_address(self) -> None:
        """Put the present state into the URL, except while a link is being followed."""
        if self.address is not None and self.address.arrived(self.app):
            self._page.param.update(address=make_address(self.app), turn=self._turn)

    @param.depends("app.tuning.notice", watch=True)
    def _tell_notice(self) -> None:
        """Show the last event and offer to undo it, as long as it can be undone."""
        notice, before = self.app.tuning.notice, self._noticed
        self._noticed = notice
        if notice is not None:
            self._tell(notice.text, notice.offer, notice.compared is not None)
        elif before is not None and self._page.notice == before.text:
            self._tell("")

    def _tell(self, words: str, offer: str = "", compares: bool = False) -> None:
        self._page.param.update(notice=words, offer=offer, compares=compares)

    @action
    def _take_offer(self) -> None:
        """Carry out the offer of the notice."""
        notice = self.app.tuning.notice
        if notice is not None and self._page.notice == notice.text:
            self._page.param.update(notice="", offer="")
            notice.run()

    @action
    def _compare_offered(self) -> None:
        """Compare the two iterations of the notice."""
        notice = self.app.tuning.notice
        if notice is not None and notice.compared and self._page.notice == notice.text:
            self._page.param.update(notice="", offer="", tab="provenance", front="provenance")
            self.app.comparison.compare(*notice.compared)

    @action
    def _look(self) -> None:
        self.app.tuning.look()

    @param.depends("app.tuning.pending", "app.students.snapshot", watch=True)
    def _tell_batch(self) -> None:
        """Thumbs that are not in the history yet."""
        tuning = self.app.tuning
        thumbs = [intent.to_json() for intent in tuning.pending]
        self._page.batch = {"at": tuning.head.id, "thumbs": thumbs} if thumbs else {}

    @action
    def _take_back(self, at: str, thumbs: list[Any]) -> None:
        """Go on with the batch that waited when the page was left, or show what came of it."""
        tuning = self.app.tuning
        finished, lost = tuning.take_back(at, thumbs)
        if finished is not None:
            self._tell(f"The fine-tune went on meanwhile: it is #{finished.number}.")
        elif lost:
            left = f"{count(lost)} of the {count(len(thumbs))} thumbs that waited"
            self._tell(f"{left} cannot be kept: class or concept is not here.")

    @action
    def _fine_tune(self) -> None:
        """Refit with the batch; while that goes on, stop it: as the button does."""
        tuning = self.app.tuning
        if tuning.status.kind == "fitting":
            tuning.cancel()
        else:
            tuning.fine_tune()

    @action
    def _undo(self) -> None:
        self.app.tuning.undo()

    @action
    def _redo(self) -> None:
        self.app.tuning.redo()

    @action
    def _go(self, search: str, turn: int) -> None:
        """Follow the browser's history to a link."""
        if self.address is not None:
            self._turn = turn
            self._tell(self.address.go(self.app, search))
            self._tell_address()

    @action
    def _open_export(self) -> None:
        self._page.param.update(tab="provenance", front="provenance")
        self.app.export.param.trigger("asked")

    def __panel__(self) -> Viewable:
        return self._page
