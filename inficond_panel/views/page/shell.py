"""Shell of a session's page: its component with titles and layout, and actions of all views."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import panel as pn
import param
from panel.viewable import Children, Viewable, Viewer

from inficond_panel.common.database import IN_MEMORY
from inficond_panel.common.numbers import count, signed
from inficond_panel.results.begin import in_order
from inficond_panel.results.shared_bias import asked_classes
from inficond_panel.spec import Layout
from inficond_panel.state import AppState
from inficond_panel.state.batch import Notice
from inficond_panel.tuning import Iteration
from inficond_panel.ui import browser
from inficond_panel.ui.component import Component, action, tie
from inficond_panel.views.page.address import KEYS, PLACES, Address, make_address
from inficond_panel.views.page.photo import PhotoActions, make_photo
from inficond_panel.wording.things import image_word

TITLES = {
    "configuration": "Configuration",
    "performance": "Student performance",
    "knowledge": "Knowledge",
    "embedding": "Concept embedding",
    "detail": "Concept detail",
    "provenance": "Provenance",
}


class PageKeys(NamedTuple):
    """Keys of the page and what they do; ``views`` are those that have them, () for any page."""

    keys: str
    words: str
    views: tuple[str, ...] = ()


_CLASSES, _MAP, _IMAGES = ("performance",), ("embedding",), ("detail",)
_CONCEPTS, _ITERATIONS = ("knowledge",), ("provenance",)

SHORTCUTS = (
    PageKeys("?", "Show these keys"),
    PageKeys("Tab", "Go to the next control or list"),
    PageKeys("↑ ↓", "Move in a list"),
    PageKeys("Home End", "First and last of a list; Page Up and Page Down go by what is in view"),
    PageKeys("Enter", "Select the row: class, iteration", (*_CLASSES, *_ITERATIONS)),
    PageKeys("I", "On a class: images with the class; with Shift those without it", _CLASSES),
    PageKeys("U D X", "Raise, lower, remove the concept", (*_CONCEPTS, *_MAP)),
    PageKeys(
        "I", "Set the concept's influence: ← → move it, Enter keeps it, Esc leaves it", _CONCEPTS
    ),
    PageKeys("G", "The same for all of its group", _CONCEPTS),
    PageKeys("T", "Add a concept by typing it; delete it", _CONCEPTS),
    PageKeys("← →", "Next image, while one is large", _IMAGES),
    PageKeys("← ↑ → ↓", "On the map: next concept; Enter opens, Space selects", _MAP),
    PageKeys("+ - 0", "On the map: nearer, farther, all of it", _MAP),
    PageKeys("S", "On the map: photo of the nearest segment", _MAP),
    PageKeys("/", "Find a class", _CLASSES),
    PageKeys("C", "Find a concept", _CONCEPTS),
    PageKeys("M", "On an iteration: compare it with the one shown", _ITERATIONS),
    PageKeys("R N E", "On an iteration: rename it, write a note, export it", _ITERATIONS),
    PageKeys(
        "Del", "On an iteration: delete the branch from here; it can be restored", _ITERATIONS
    ),
    PageKeys(".", "On an iteration: all that can be done with it", _ITERATIONS),
    PageKeys("L", "Copy a link to what is shown"),
    PageKeys("Ctrl Enter", "Fine-tune; once more cancels"),
    PageKeys("Shift Backspace", "Clear the changes that wait"),
    PageKeys("Ctrl Z", "Undo the last iteration"),
    PageKeys("Ctrl Shift Z", "Redo it"),
    PageKeys("Esc", "Close a card or a dialog"),
)

#: Shortcuts of what *Details* adds to the page.
DETAILS = (
    PageKeys("H", "Whether the concept's influence is stable", _CONCEPTS),
    PageKeys("W", "Effect of the last fine-tune", _CONCEPTS),
    PageKeys("B", "Suspects and repairs of the student", _CONCEPTS),
    PageKeys("A", "All metrics of the student", _CONCEPTS),
    PageKeys(
        "← →", "On the charts: read them at another influence; with Shift in larger steps", _IMAGES
    ),
)

#: Shortcuts by (right, keys) that a page without this right shows instead; None: none.
_CLOSED = {
    ("typing", "T"): None,
    ("link", "L"): None,
    ("export", "R N E"): PageKeys("R N", "On an iteration: rename it, write a note", _ITERATIONS),
    **dict.fromkeys(
        ("tuning", keys)
        for keys in ("U D X", "Ctrl Enter", "Shift Backspace", "Ctrl Z", "Ctrl Shift Z")
    ),
}
#: Actions of keys that change the students.
_TUNING_KEYS = frozenset({"fine_tune", "clear", "undo", "redo"})


def make_shortcuts(
    closed: Collection[str], show: str, views: Collection[str] = TITLES
) -> list[list[str]]:
    """Return [keys, action] for each shortcut of a page of these ``views`` without the rights in
    ``closed`` (``link``: to an address that others can open); ``show`` is ``simple`` or
    ``details``."""
    instead = {keys: other for (right, keys), other in _CLOSED.items() if right in closed}
    every = (*SHORTCUTS, *(DETAILS if show == "details" else ()))
    shortcuts = [instead.get(one.keys, one) for one in every]
    return [
        [one.keys, one.words]
        for one in shortcuts
        if one is not None and (not one.views or not {*views}.isdisjoint(one.views))
    ]


STRIP = "configuration"
#: Views as high as the page, with their width in twelfths; other views share a column.
TALL = {"performance": 3, "knowledge": 5}
SHARED = 4


def make_saved(nodes: Sequence[Iteration], doing: str, path: str) -> dict[str, str]:
    """Return the header's texts on saving: running job, newest iteration (ISO time), and file."""
    newest = nodes[-1].created if len(nodes) > 1 else ""
    if path == IN_MEMORY:
        return {"text": doing or "Not kept: history in memory", "at": "", "place": ""}
    iterations = count(len(nodes) - 1, "iteration")
    return {
        "text": doing,
        "at": newest,
        "place": f"{iterations} in {Path(path).name}",  # without folders of the server
    }


def make_folded(app: AppState) -> list[str]:
    """Return the views with nothing to show yet: concept detail without a class, concept or images,
    and provenance without an iteration or a batch."""
    selection = app.selection
    opened = selection.class_name or selection.concept or selection.images
    edited = len(app.tuning.nodes) > 1 or app.tuning.pending
    return [name for name, shown in (("detail", opened), ("provenance", edited)) if not shown]


def make_heading(app: AppState) -> dict[str, str]:
    """Return what the page is ``of``, the words on the ``images`` picked, and those on the
    ``thresholds`` tried; "" for none."""
    images, tried = app.shown.images, app.students.thresholds
    many = f"Thresholds tried for {count(len(tried), 'class')}"
    one = [f"{name}: threshold {signed(value)} tried" for name, value in tried.items()]
    return {
        "of": f"{app.dataset.title}, {count(len(app.store.classes), 'class')}",
        "images": images.words if images else "",
        "thresholds": "" if not one else one[0] if len(one) == 1 else many,
    }


def next_class(app: AppState) -> str:
    """Return the class to go on with after a refit, the first of *Where to begin* that may rely on
    the wrong thing and was not tuned; "" without one."""
    snapshot, relying = app.students.snapshot, app.reliance.relying
    asked = asked_classes(app.shared.by_class)
    order = in_order(snapshot.metrics, relying, asked, app.suggestion.gainless)
    done = {app.selection.class_name, *snapshot.tuned}
    left = (name for name in order if name in {*relying, *asked} and name not in done)
    return "" if app.rights.class_name else next(left, "")


class ShellPage(Component):
    """Component of the page: the browser draws it, and sends actions as ``{"action", ...}``."""

    views = Children(default=[], doc="The views, in the order of `names`.")
    names = param.List([], item_type=str)
    titles = param.Dict(TITLES, constant=True)
    layout = param.Dict({}, doc="Columns of the page, see `make_layout`.")
    heading = param.Dict({}, doc="What the page is of, see `make_heading`.")
    saved = param.Dict({})
    shortcuts = param.List([])
    tab = param.String("detail", doc="Front view where views share a panel as tabs.")
    front = param.String("knowledge", doc="Front view where the page has one column.")
    folded = param.List([], item_type=str, doc="Views that show their head alone: they are empty.")
    begins = param.Boolean(False, doc="Whether no class is open.")
    theme: param.Selector[str] = param.Selector(default="auto", objects=["auto", "light", "dark"])
    extent: param.Selector[str] = param.Selector(default="simple", objects=["simple", "details"])
    dark = param.Boolean(False, doc="Whether the page is dark; the browser sets it.")
    address = param.String(
        None, allow_None=True, doc="Query of the URL, see `make_address`; None: it is not changed."
    )
    root = param.String("", doc="Id of the original students, to which the batch belongs.")
    batch = param.Dict({}, doc="Pending thumbs and their node, `at`; a reload keeps them.")
    photo = param.Dict({}, doc="The user's photo, see `make_photo`.")
    turn = param.Integer(0, doc="Number of the Back or Forward step that `address` answers.")
    places = param.List(list(PLACES), constant=True, doc="Keys with history entries.")
    keys = param.List(list(KEYS), constant=True, doc="Keys of the query that the page sets.")
    notice = param.String("", doc="Sentence of the notice; empty: none.")
    offer = param.String("", doc="Label of the notice's button, shown for a while only.")
    leads = param.Dict(
        {}, doc="What else the notice offers: `compare` its iterations, and the `next` class."
    )
    page = param.Boolean(True, doc="Whether the page fills the browser's window.")
    called = param.String("image", doc="What sentences call an image of the store.")
    still = param.Boolean(False, doc="Whether the page is a file without a server.")
    standard = param.Dict({}, doc="`theme` and `show` as in the spec.")

    _taken = frozenset({"dark", "front", "notice", "extent", "offer", "tab", "theme"})
    _esm = browser.module(Path(__file__).with_name("shell.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("shell.css"))


def make_layout(layout: Layout, views: Collection[str]) -> dict[str, Any]:
    """Return the columns of the page: names of their views from top to bottom, and their widths.
    Of the layout's views it has those that were made (``views``).

    A row with a list (performance, knowledge) gives each view a column; a row of smaller views is
    one column, unless it is the only row. ``strip`` is True if the configuration is above them.
    """
    below = {*views} - {STRIP}
    groups = [names for row in layout.rows if (names := [name for name in row if name in below])]
    columns: list[list[str]] = []
    for names in groups:
        if len(groups) == 1 or any(name in TALL for name in names):
            columns += [[name] for name in names]
        else:
            columns.append(list(names))
    return {
        "columns": columns,
        "widths": [TALL.get(names[0], SHARED) if len(names) == 1 else SHARED for names in columns],
        "strip": STRIP in layout.views and STRIP in views,
    }


class Shell(PhotoActions, Viewer):
    """View of a whole session: all views on one page, or in one notebook cell (``page=False``).

    ``views`` are the views by name; the page shows what its link, ``address``, states.
    """

    def __init__(
        self,
        app: AppState,
        views: Mapping[str, Viewable | Viewer],
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
            names=list(views),
            views=list(views.values()),
            layout=make_layout(app.spec.layout, list(views)),
            shortcuts=pn.bind(
                make_shortcuts,
                [*app.rights.closed, *(["link"] if address is None or not page else [])],
                app.settings.param.show,
                list(views),
            ),
            theme=theme,
            root=app.tuner.root_id,
            standard={"theme": theme, "show": app.spec.layout.show},
            page=page,
            called=image_word(app.store),
            sizing_mode="stretch_width",
            margin=0,
        )
        self.listen_to(self._page)
        tie(self._page, app.settings, tab="tab", extent="show")
        super().__init__()
        if address is not None:
            self._tell(address.follow(app))
            self._tell_address()

    @param.depends("_page.dark", watch=True)
    def _recolour(self) -> None:
        self.app.theme = "dark" if self._page.dark else "light"

    def _takes(self, name: str) -> bool:
        """Return False for an action of the export menu, or of a key, that the session may not
        use: keys reach the page where no button does."""
        rights = self.app.rights
        return (rights.export or name != "open_export") and (
            rights.tuning or name not in _TUNING_KEYS
        )

    @param.depends("app.photo.param", watch=True, on_init=True)
    def _show_photo(self) -> None:
        self._page.photo = make_photo(self.app, self._photo_class)

    @param.depends(
        "app.students.tree", "app.tuning.status", "app.concepts.status", watch=True, on_init=True
    )
    def _update_saved(self) -> None:
        tuning, concepts = self.app.tuning, self.app.concepts
        path = self.app.tuner.history.path
        doing = "Fine-tuning…" if tuning.status.kind == "fitting" else ""
        if concepts.busy:
            doing = f"{concepts.status.text}…"
        self._page.saved = make_saved(tuning.nodes, doing, path)

    @param.depends(
        "app.selection.concept", "app.selection.images", "app.selection.listed", watch=True
    )
    def _show_detail(self) -> None:
        if self.app.selection.concept or self.app.selection.images:
            self._page.param.update(tab="detail", front="detail")

    @param.depends(
        "app.selection.param", "app.students.tree", "app.tuning.pending", watch=True, on_init=True
    )
    def _fold(self) -> None:
        """Fold away views with nothing in them, while no class is open."""
        self._page.begins = not self.app.selection.class_name
        self._page.folded = make_folded(self.app)

    @param.depends(
        "app.selection.images",
        "app.students.thresholds",
        "app.students.snapshot",
        watch=True,
        on_init=True,
    )
    def _show_heading(self) -> None:
        self._page.heading = make_heading(self.app)

    @action
    def _list_images(self) -> None:
        """List the picked images."""
        self.app.selection.list_images()

    @action
    def _leave_images(self) -> None:
        self.app.selection.leave_images()

    @action
    def _forget_thresholds(self) -> None:
        self.app.shown.forget_thresholds()

    @param.depends("app.selection.class_name", watch=True)
    def _show_student(self) -> None:
        self._page.front = "knowledge"

    @param.depends(
        "app.selection.class_name",
        "app.selection.concept",
        "app.selection.images",
        "app.students.snapshot",
        "app.students.tree",
        "app.comparison.pair",
        "app.tuning.status",
        "app.targets.status",
        "app.settings.param",
        watch=True,
    )
    def _tell_address(self) -> None:
        """Write the present state into the URL, except while the page follows a link."""
        if self.address is not None and self.address.arrived(self.app):
            self._page.param.update(address=make_address(self.app), turn=self._turn)

    @param.depends("app.tuning.notice", watch=True)
    def _tell_notice(self) -> None:
        """Show the last notice with its button, or remove a notice that has ended."""
        notice, before = self.app.tuning.notice, self._noticed
        self._noticed = notice
        if notice is not None:
            leads = {"compare": True, "next": next_class(self.app)} if notice.compared else {}
            self._tell(notice.text, notice.offer, leads)
        elif before is not None and self._page.notice == before.text:
            self._tell("")

    def _tell(self, words: str, offer: str = "", leads: Mapping[str, Any] | None = None) -> None:
        self._page.param.update(notice=words, offer=offer, leads=dict(leads or {}))

    @action
    def _take_offer(self) -> None:
        """Run the action of the button on the notice, if this notice is still shown."""
        notice = self.app.tuning.notice
        if notice is not None and self._page.notice == notice.text:
            self._page.param.update(notice="", offer="")
            notice.run()

    @action
    def _go_on(self) -> None:
        """Open the class that the notice offers to go on with."""
        if name := self._page.leads.get("next"):
            self._page.param.update(notice="", offer="", leads={})
            self.app.selection.class_name = name

    @action
    def _compare_offered(self) -> None:
        notice = self.app.tuning.notice
        if notice is not None and notice.compared and self._page.notice == notice.text:
            self._page.param.update(notice="", offer="", tab="provenance", front="provenance")
            self.app.comparison.compare(*notice.compared)

    @action
    def _look(self) -> None:
        self.app.tuning.look()

    @param.depends("app.tuning.pending", "app.students.snapshot", watch=True, on_init=True)
    def _tell_batch(self) -> None:
        """Let the browser keep the pending batch, which is not in the history yet."""
        tuning = self.app.tuning
        thumbs = [intent.to_json() for intent in tuning.pending]
        self._page.batch = {"at": tuning.head.id, "thumbs": thumbs} if thumbs else {}

    @action
    def _take_back(self, at: str, thumbs: list[Any]) -> None:
        """Restore the batch pending when the page was left, or show the iteration made from it."""
        tuning = self.app.tuning
        finished, lost = tuning.take_back(at, thumbs)
        if finished is not None:
            self._tell(f"The fine-tune ended meanwhile: it is #{finished.number}.")
        elif lost:
            left = f"{count(lost)} of the {count(len(thumbs))} pending thumbs"
            self._tell(f"{left} cannot be kept: class or concept is not in this store.")

    @action
    def _fine_tune(self) -> None:
        """Start a refit with the batch, or cancel a running refit, as the button does."""
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
        """Show the state in the URL query ``search`` after the browser's Back or Forward."""
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
