"""Page shell: header bar, and the views in the columns that the spec's layout asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import param
from panel.viewable import Viewer

from inficond_panel.common.numbers import count
from inficond_panel.common.saved_file import File
from inficond_panel.ui.actions import action
from inficond_panel.ui.component import tie
from inficond_panel.ui.parts.saving import send_file
from inficond_panel.views.page.address import Address, make_address
from inficond_panel.views.page.palette import choose, make_answer, make_shortcuts
from inficond_panel.views.page.photo import PhotoActions, make_photo
from inficond_panel.views.page.shell_page import (
    ShellPage,
    make_layout,
    make_saved,
    make_subtitle,
    read_layout,
)
from inficond_panel.views.page.tour import make_progress, make_tour, show_step

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from inficond_panel.spec import Spec
    from inficond_panel.state import AppState
    from inficond_panel.state.notice import Notice


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
            layout=app.layout or make_layout(app.spec.layout),
            subtitle=make_subtitle(app.dataset.title, app.dataset.counts["classes"]),
            shortcuts=make_shortcuts(app.rights.closed),
            theme=theme,
            tour=make_tour(app),
            root=app.tuner.root_id,
            standard={
                "layout": make_layout(app.spec.layout),
                "theme": theme,
                "show": app.spec.layout.show,
            },
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
        self._rearrange()
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
        """No file or layout leaves a page without export."""
        return self.app.rights.export or name not in {"copy_layout", "save_spec", "open_export"}

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

    @param.depends("_page.layout", "_page.theme", watch=True)
    def _rearrange(self) -> None:
        if not self.app.rights.arrange:
            self._page.layout = self._page.standard["layout"]
        self.app.layout = self._page.layout

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
        "app.pinned.node_id",
        "app.tuning.status",
        "app.targets.status",
        "app.settings.param",
        watch=True,
    )
    def _tell_address(self) -> None:
        """Put the present state into the URL, except while a link is being followed."""
        if self.address is not None and self.address.arrived(self.app):
            self._page.param.update(address=make_address(self.app), turn=self._turn)

    @property
    def spec(self) -> Spec:
        """The spec with the layout that the page has now."""
        looks = {"theme": self.theme, "show": self._page.extent}
        layout = read_layout(self._page.layout, looks, self.app.spec.layout)
        return self.app.spec.with_layout(layout)

    @param.depends(
        "app.selection.class_name",
        "app.selection.concept",
        "app.tuning.pending",
        "app.tuning.status",
        "app.students.tree",
        watch=True,
    )
    def _tell_progress(self) -> None:
        self._page.progress = make_progress(self.app)

    @param.depends("app.tuning.notice", watch=True)
    def _tell_notice(self) -> None:
        """Show the last event and offer to undo it, as long as it can be undone."""
        notice, before = self.app.tuning.notice, self._noticed
        self._noticed = notice
        if notice is not None:
            self._tell(notice.text, notice.offer)
        elif before is not None and self._page.notice == before.text:
            self._tell("")

    def _tell(self, words: str, offer: str = "") -> None:
        self._page.param.update(notice=words, offer=offer)

    @action
    def _take_offer(self) -> None:
        """Carry out the offer of the notice."""
        notice = self.app.tuning.notice
        if notice is not None and self._page.notice == notice.text:
            self._page.param.update(notice="", offer="")
            notice.run()

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
    def _copy_layout(self, layout: dict[str, Any], theme: str) -> None:
        """Answer with the page's layout, which the message brings: it may be newer than ours."""
        self._page.param.update(layout=layout, theme=theme)
        self._page._send_msg({"copy": self.spec.to_yaml(only="layout")})

    @action
    def _save_spec(self, layout: dict[str, Any], theme: str) -> None:
        """Answer with the spec that has the page's layout."""
        self._page.param.update(layout=layout, theme=theme)
        send_file(self._page, File(self.spec.path.name, self.spec.to_yaml().encode()))

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
    def _pin(self) -> None:
        """Pin the iteration in view beside; where one is pinned, unpin it."""
        self.app.pinned.toggle()

    @action
    def _find_entries(self, query: str) -> None:
        self._page._send_msg(make_answer(self.app, query))

    @action
    def _choose(self, kind: str, key: str) -> None:
        choose(self.app, kind, key)

    @action
    def _show_step(self, step: str) -> None:
        show_step(self.app, step)

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
