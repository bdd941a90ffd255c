"""One image in the detail view: its prediction by concept, pictures of it, and files."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.export.predictions import Prediction
from inficond_panel.results.gallery import ASSIGNED, FILTERS, Gallery, gallery_file
from inficond_panel.results.image_sets import best_segment, image_set, shared_image_set
from inficond_panel.results.local_explanation import Apart, take_apart
from inficond_panel.state import AppState
from inficond_panel.store import Store
from inficond_panel.ui.component import Acting, action
from inficond_panel.ui.images import (
    data_uri,
    make_and_send,
    make_facts,
    make_picture,
    send_photo,
    send_pictures,
    thumbnail_uri,
    tile_uri,
)
from inficond_panel.views.detail.charts import DetailPanel

SHOWN_BARS = 10  #: number of concepts with a bar each; one bar sums the others


def make_apart(apart: Apart) -> dict[str, Any]:
    """Return a prediction by concept: bars that sum to the logit, and the edits that flip it.

    ``bars`` are the largest contributions of concepts, the sum of the others, and the intercept.
    Two bars are added where they apply: the other classes of a softmax student, and, on an image
    that the student has spent, the difference between the cross-fitted logit and the student's own.
    ``share`` is relative to the largest bar.
    """
    return {
        "row": apart.row,
        "student": apart.class_name,
        "bars": make_bars(apart),
        "logit": signed(apart.logit),
        "decision": make_decision(apart),
        "flip": apart.flips,
    }


def make_bars(apart: Apart | Prediction) -> list[dict[str, Any]]:
    """Return the bars whose values sum to the logit of a prediction, see ``make_apart``."""
    shown, rest = apart.parts[:SHOWN_BARS], apart.parts[SHOWN_BARS:]
    values = [part.logit for part in shown]
    others = sum(part.logit for part in rest)
    unseen = apart.unseen if isinstance(apart, Apart) else 0.0
    ends = [apart.intercept, apart.other_classes, unseen]
    most = max(map(abs, [*values, others, *ends]), default=0.0) or 1.0
    bars = [
        _bar(part.concept, part.logit, most, f"{number(part.score)} × {signed(part.influence)}")
        for part in shown
    ]
    if rest:
        bars.append(_bar(count(len(rest), "other"), others, most, kind="rest"))
    bars.append(_bar("Without concepts", apart.intercept, most, kind="rest"))
    if apart.other_classes:
        bars.append(_bar("Other classes", apart.other_classes, most, kind="rest"))
    if unseen:
        bars.append(_bar("Fitted without this image", unseen, most, kind="rest"))
    return bars


def _bar(name: str, value: float, most: float, text: str = "", kind: str = "") -> dict[str, Any]:
    return {"name": name, "text": text, "value": signed(value), "share": value / most, "kind": kind}


def make_decision(decided: Apart | Prediction) -> str:
    """Return the decision with its reason: the side of the threshold, or the likeliest class."""
    word = "present" if decided.present else "absent"
    if decided.named:
        likeliest = "the likeliest class" if decided.present else f"{decided.named} is likelier"
        return f"{word}: {likeliest}"
    side = "above" if decided.present else "not above"
    return f"{word}: its logit is {side} the threshold {number(decided.cutoff, 2)}"


_POINT = (255, 150, 30, 90)  #: red, green, blue, opacity of a point: the image shows through
_OTHER = (0, 0, 0, 165)  #: other pixels are dimmed, so that points are visible without colour


def make_heat(store: Store, row: int) -> dict[str, str]:
    """Return the heat map of the information that a network keeps of an image.

    It is a picture ``source`` and a ``text``; {} if the store has no heat maps.
    """
    contrast = store.knowledge_contrast(row)
    if contrast is None:
        return {}
    facts = store.attrs["knowledge"]
    points = contrast > facts["b"]
    pixels = np.where(points[..., None], _POINT, _OTHER).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    layer = f"layer {facts['layer']}" if facts["layer"] else "output"
    return {
        "source": data_uri(buffer.getvalue(), "png"),
        "text": f"Bright: parts that the {layer} of {facts['network']} keeps, "
        f"{number(float(points.mean()) * 100, 0)} % of the image (entropy more than "
        f"{number(facts['b'], 2)} nats below the background's).",
    }


#: Number of gallery images whose pictures a saved page contains.
STILL = 30


class ImageActions(Acting):
    """Actions of the browser on images of ``_gallery``; requests for other images are ignored."""

    panel: DetailPanel
    _app: AppState
    _store: Store
    _gallery: Gallery | None
    _still: dict[tuple[str, int], dict[str, Any]]  # by concept and image

    @action
    def _take_apart(self, row: int) -> None:
        """Show the prediction on one of the gallery's images by concept."""
        gallery = self._gallery
        if gallery is not None and row in gallery.position:
            apart = take_apart(self._app.students.student(gallery.class_name), row)
            self.panel.apart = {
                **make_apart(apart),
                "facts": make_facts(gallery, row),
                "heat": make_heat(self._store, row),
            }

    @action
    def _pictures(self, rows: list[int]) -> None:
        gallery = self._gallery
        if gallery is not None:
            wanted = [row for row in rows if row in gallery.position]
            make = partial(self._tile, gallery)
            send_pictures(self._app, self.panel, wanted, make, outlined=gallery.concept)

    @action
    def _photo(self, row: int) -> None:
        if self._gallery is not None and row in self._gallery.position:
            send_photo(self._app, self.panel, row)

    @action
    def _save_images(self, filters: list[str]) -> None:
        gallery = self._gallery
        if gallery is not None:
            tags, known = self._app.tuner.tags, [each for each in FILTERS if each in filters]
            make = partial(gallery_file, self._store, gallery, known)
            make_and_send(self._app, self.panel, lambda: make(tags()))

    @action
    def _tag(self, rows: list[int], tag: str, on: bool) -> None:
        """Add a tag to images of the gallery, or remove it for ``on=False``."""
        gallery = self._gallery
        listed = [row for row in rows if gallery is not None and row in gallery.position]
        if listed:
            self._app.tags.put(listed, tag, on=on)

    @action
    def _open_tagged(self, tag: str) -> None:
        """Show the images with a tag on the split in view, instead of the concept's images."""
        app, tags, images = self._app, self._app.tags.tags, self._store.images
        rows = [row for row in app.dataset.rows.tolist() if tag in tags.get(images[row], ())]
        student = app.students.student(self.panel.student)
        app.selection.open_images(shared_image_set(student, f"Tagged {tag}", rows))

    @action
    def _leave_images(self) -> None:
        """Drop the picked images, and show those of the concept again."""
        self._app.selection.leave_images()

    @action
    def _pick_images(self, filters: list[str]) -> None:
        """Pick the images of the gallery that pass ``filters``, for all views to follow."""
        gallery, app = self._gallery, self._app
        if gallery is None:
            return
        known = [each for each in FILTERS if each in filters]
        title = ", ".join([gallery.title, *known])
        student, rows = (
            app.students.student(gallery.class_name),
            gallery.rows[gallery.passing(known)],
        )
        of_class = app.shown.images is not None and app.shown.images.class_name
        same = set(known) <= {ASSIGNED} and not of_class
        make = shared_image_set if same else image_set
        app.selection.open_images(make(student, title, rows))

    def pictures(self) -> dict[str, Any]:
        """Return the message with the first pictures of the gallery, for a saved page."""
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
        """Return an image (see ``make_picture``), for a concept with its segment and its score."""
        segment, score = -1, ""
        if gallery.concept:
            concept = self._store.concepts.index(gallery.concept)
            segment = best_segment(self._store, row, concept)
            score = number(float(gallery.score[gallery.position[row]]))
        return {**make_picture(self._store, row, segment, source), "score": score}
