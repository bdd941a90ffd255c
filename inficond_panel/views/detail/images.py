"""Images of the concept detail view: what the browser may ask of those that are listed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from inficond_panel.results.patches import best_segment
from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.parts.saving import make_and_send
from inficond_panel.ui.photos.gallery import make_facts, make_tile
from inficond_panel.ui.photos.images import send_photo, send_pictures, thumbnail_uri, tile_uri
from inficond_panel.views.detail.local_explanation import make_apart, make_heat

if TYPE_CHECKING:
    from inficond_panel.results.gallery import Gallery
    from inficond_panel.state import AppState
    from inficond_panel.store import Store
    from inficond_panel.views.detail.panel import DetailPanel

#: Images of the gallery whose pictures go with a page without a server.
STILL = 30


class ImageActions(Acting):
    """Actions of the browser on the images of ``_gallery``; others are not answered."""

    panel: DetailPanel
    _app: AppState
    _store: Store
    _gallery: Gallery | None
    _still: dict[tuple[str, int], dict[str, Any]]  # by concept and image

    @action
    def _take_apart(self, row: int) -> None:
        """The prediction for one of the images shown."""
        gallery = self._gallery
        if gallery is not None and row in gallery.position:
            apart = self._app.students.take_apart(gallery.class_name, row)
            self.panel.apart = {
                **make_apart(apart),
                "facts": make_facts(gallery, row),
                "heat": make_heat(self._store, row),
            }

    @action
    def _pictures(self, rows: list[int]) -> None:
        """Send the pictures asked for, of images that are shown."""
        gallery = self._gallery
        if gallery is not None:
            wanted = [row for row in rows if row in gallery.position]
            make = partial(self._tile, gallery)
            send_pictures(self._app, self.panel, wanted, make, outlined=gallery.concept)

    @action
    def _photo(self, row: int) -> None:
        """Send the photo of one of the images shown."""
        if self._gallery is not None and row in self._gallery.position:
            send_photo(self._app, self.panel, row)

    @action
    def _save_images(self, filters: list[str]) -> None:
        gallery = self._gallery
        if gallery is not None:
            make = self._app.students.images_file
            make_and_send(self._app, self.panel, lambda: make(gallery, filters))

    @action
    def _tag(self, rows: list[int], tag: str, on: bool) -> None:
        """Give images that are listed a tag, or take it from them."""
        gallery = self._gallery
        listed = [row for row in rows if gallery is not None and row in gallery.position]
        if listed:
            self._app.tags.put(listed, tag, on=on)

    @action
    def _leave_images(self) -> None:
        """Go back to the images of the concept."""
        self._app.selection.images = None

    def pictures(self) -> dict[str, Any]:
        """The message with the first pictures of the gallery, for a page without a server."""
        gallery = self._gallery
        if gallery is None:
            return {"pictures": {}}
        rows = gallery.rows[gallery.passing(self._app.settings.filters)][:STILL].tolist()
        for row in rows:
            if (gallery.concept, row) not in self._still:
                self._still[gallery.concept, row] = self._tile(gallery, row, tile_uri)
        tiles = {str(row): self._still[gallery.concept, row] for row in rows}
        return {"outlined": gallery.concept, "pictures": tiles}

    def _tile(
        self, gallery: Gallery, row: int, source: Callable[[Store, int], str] = thumbnail_uri
    ) -> dict[str, Any]:
        segment = -1
        if gallery.concept:
            concept = self._store.concepts.index(gallery.concept)
            segment = best_segment(self._store, row, concept)
        return make_tile(self._store, gallery, row, segment, source)
