"""Concept detail view: effect of one concept on one student, and images with the concept.

InFiConD, section 5, figure 5e. Images that were picked in another view replace these images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
import param

from inficond_panel.common.numbers import bound, signed
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import WhatIf
from inficond_panel.errors import CancelledError
from inficond_panel.results.gallery import Gallery, take_gallery, take_picked
from inficond_panel.results.image_sets import ImageSet
from inficond_panel.results.metrics import like_constant
from inficond_panel.results.what_if_curves import exact_curves
from inficond_panel.state import AppState, Job
from inficond_panel.tuning import Intent
from inficond_panel.ui.component import action, tie
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.images import make_gallery, tile_uri
from inficond_panel.views.detail.charts import (
    CHARTED,
    CONCEPTS,
    SHOWN_IMAGES,
    DetailPanel,
    draw_picture,
    make_band,
    make_charts,
    make_points,
    make_starts,
    make_steps,
    piece_middles,
)
from inficond_panel.views.detail.images import ImageActions
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.wording.metrics import constant_sentence

#: Sentence below the filters where no photo can be assigned to a concept; where there is no photo.
UNSEGMENTED = "This store has no segments to assign to concepts: images are listed by their scores."
BY_SCORE = "Images are listed by their scores."


class DetailView(ImageActions, pn.viewable.Viewer):
    """View of one concept for one student: what-if charts and images (see ``app.selection``)."""

    def __init__(self, app: AppState) -> None:
        self._app, self._store = app, app.dataset.store
        self._curves: WhatIf | None = None
        self._gallery: Gallery | None = None
        self._still = {}
        level = app.spec.views.shown_level
        self.panel = DetailPanel.of(
            app,
            curves=app.spec.views.curves,
            confidence=confidence_word(level) if level else "",
            thumb_does=app.tuner.refit,
            sizing_mode="stretch_both",
        )
        tie(self.panel, app.settings, filters="filters", mode="what_if")
        self.listen_to(self.panel)
        super().__init__()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

    @param.depends(
        "_app.selection.class_name",
        "_app.selection.concept",
        "_app.selection.images",
        "_app.selection.listed",
        "_app.students.snapshot",
        watch=True,
        on_init=True,
    )
    def _show_concept(self) -> None:
        """Show the selected concept and student, and drop the refit what-if shown before."""
        student, concept = self._app.selection.class_name, self._app.selection.concept
        self._curves = self._gallery = None  # forgetting draws the marks of what is shown
        self._app.refit_what_if.forget()
        self._take()
        listed = self._listed
        self.panel.param.update(
            student=student,
            concept=concept,
            picked=listed.title if listed else "",
            outlined=self._gallery.concept if self._gallery else "",
            apart={},
            **self._drawn(),
        )
        self._solve()
        self._find_bands()

    @property
    def _listed(self) -> ImageSet | None:
        """The picked images, where they are listed in place of those with the concept."""
        selection, images = self._app.selection, self._app.shown.images
        return images if images and (selection.listed or not selection.concept) else None

    def _take(self) -> None:
        """Take curves and images of the student and concept shown, by the thresholds tried."""
        students, selection, images = self._app.students, self._app.selection, self._listed
        student, concept = selection.class_name, selection.concept
        self._curves = self._gallery = None
        if student and images is not None:
            self._gallery = take_picked(students.student(student), images)
        elif student and concept:
            if self._app.spec.views.curves:
                self._curves = exact_curves(students.student(student), concept)
            self._gallery = take_gallery(self._app.shown.student(student), concept)

    def _drawn(self) -> dict[str, Any]:
        """Return the panel's data on the curves and images taken."""
        return {
            "steps": make_steps(self._curves) if self._curves else {},
            "bands": {},
            "gallery": make_gallery(self._gallery) if self._gallery else {},
            "listed": self._told(),
            **self._marks(),
        }

    def _told(self) -> str:
        """Return sentences on the images that are listed, and on a student that agrees with its
        teacher no more than one answer for all images does."""
        student, level = self._app.selection.class_name, self._app.spec.views.shown_level
        if not (student and level and like_constant(self._app.students.student(student), level)):
            return self._of_images()
        images = self._of_images()
        ended = f"{images.removesuffix('.')}. " if images else ""
        return f"{ended}{constant_sentence([student])}"

    def _of_images(self) -> str:
        """Return the sentence on the images that are listed."""
        images = self._app.shown.images
        if self._listed is not None:
            return self._gallery.summary() if self._gallery else ""
        among = f"Of {images.words}." if images else ""
        if among or self._store.holds("segments"):
            return among
        return UNSEGMENTED if self._store.holds("photos") else BY_SCORE

    @param.depends("_app.students.thresholds", watch=True)
    def _redecide(self) -> None:
        """Show curves and images as decided by other thresholds."""
        self._take()
        self.panel.param.update(**self._drawn())
        self._find_bands()

    @param.depends(
        "_app.selection.class_name",
        "_app.selection.concept",
        "_app.shifts.by_class",
        "_app.reliance.repaired",
        "_app.students.snapshot",
        watch=True,
        on_init=True,
    )
    def _show_starts(self) -> None:
        """Suggest concepts of the selected class to open, or classes for the open concept."""
        app, store, name = self._app, self._store, self._app.selection.class_name
        shifts, concept, starts = app.shifts, app.selection.concept, []
        open_ = concept or app.shown.images is not None
        known = name in shifts.by_class or shifts.problem or not app.spec.tuning.suspects
        if name and known and not open_:
            pairs = [(name, each) for each in store.concepts]
            largest = _largest(app.students.student(name).weights, pairs)
            repaired = name in app.reliance.repaired
            starts = make_starts(None if repaired else shifts.by_class.get(name), largest)
        if not name and concept:
            weights = app.students.node.weights[store.concepts.index(concept)]
            largest = _largest(weights, [(each, concept) for each in store.classes])
            starts = make_starts(None, largest)
        self.panel.starts = starts

    def picture(self) -> Drawing | None:
        """Return a picture of charts and first images; None if no concept or image is open."""
        panel, gallery = self.panel, self._gallery
        if gallery is None:
            return None
        title = panel.picked or f"{panel.concept}, {panel.student}"
        rows = gallery.rows[gallery.passing(self._app.settings.filters)][:SHOWN_IMAGES].tolist()
        tiles = (tile_uri(self._store, row) for row in rows)
        return draw_picture(title, panel.captions, panel.steps, tiles)

    @param.depends("_app.selection.images", watch=True)
    def _enlarge(self) -> None:
        """Open the dialog of the image that the user picked, once per pick."""
        images = self._app.shown.images
        if images is not None and images.enlarged is not None:
            self.panel._send_msg({"enlarged": images.enlarged})

    def _find_bands(self) -> None:
        curves, jobs, students = self._curves, self._app.jobs, self._app.students
        student, concept = self._app.selection.class_name, self._app.selection.concept
        if curves is None or not self._app.spec.views.intervals:
            jobs.cancel("bands")
            return

        def work(job: Job) -> dict[str, Any]:
            at, bands = piece_middles(curves), {}
            for metric in CHARTED:
                if job.cancelled():
                    raise CancelledError("Cancelled.")
                bands[metric] = make_band(students.band(student, concept, metric, at))
            return bands

        def done(bands: dict[str, Any]) -> None:
            self.panel.bands = bands

        jobs.submit(Job("bands", work, done, self._app.tuning.tell))

    @param.depends("_app.tuning.pending", "_app.tuning.preview", watch=True)
    def _show_marks(self) -> None:
        self.panel.param.update(**self._marks())

    def _marks(self) -> dict[str, Any]:
        """Return the panel's data on the marks over the exact curves, and the refit what-if."""
        student, concept = self._app.selection.class_name, self._app.selection.concept
        if self._listed is not None or not (student and concept):
            return {"captions": [], "influence": "", "pending": {}, "refit": {}}
        influence = self._app.students.weight(student, concept)
        thumbs = (thumb for thumb in self._app.tuning.thumbs if thumb.key == (student, concept))
        intent = next(thumbs, None)
        limits = self._app.tuning.bounds_of(intent) if intent else (None, None)
        refit = self._app.refit_what_if
        return {
            "captions": self._charts(influence, limits),
            "influence": signed(influence),
            "pending": {"direction": intent.direction, "text": bound(*limits)} if intent else {},
            "refit": {
                "share": refit.share,
                "state": refit.state,
                "points": make_points(refit.points),
            }
            if self._refits and self._curves is not None
            else {},
        }

    def _charts(self, influence: float, limits: Sequence[float | None]) -> list[dict[str, Any]]:
        """Return the charts of the concept shown, [] without curves; ``limits`` are the bounds of
        its thumb."""
        if self._curves is None:
            return []
        student, concept = self._app.selection.class_name, self._app.selection.concept
        marked = limits if self._app.spec.tuning.preview else ()  # a mark would be a preview
        return make_charts(
            self._curves,
            influence,
            self._app.shown.whole.agreement[student],
            pending=next((value for value in marked if value is not None), None),
            preview=self._preview(student, concept),
            refit=self._app.refit_what_if.points if self._refits else (),
        )

    def _preview(self, student: str, concept: str) -> Any:
        """Return influence and metrics that the batch would give a student; None: no preview."""
        preview = self._app.tuning.preview
        if preview is None or student not in preview.metrics:
            return None
        after = self._app.students.student(student, preview.node)
        return after.weight(concept), preview.metrics[student]

    # --- the refit what-if

    @property
    def _refits(self) -> bool:
        return bool(self.panel.mode == "refit")

    @param.depends("panel.mode", watch=True)
    def _show_mode(self) -> None:
        if not self._refits:
            self._app.refit_what_if.stop()
        self._show_marks()
        self._solve()

    def _solve(self) -> None:
        if self._refits and self._curves is not None:
            selection = self._app.selection
            self._app.refit_what_if.solve(selection.class_name, selection.concept)

    @param.depends("_app.refit_what_if.state", "_app.refit_what_if.points", watch=True)
    def _show_refit(self) -> None:
        if self._refits:
            self._show_marks()

    # --- requests of the browser

    @action
    def _stop_refits(self) -> None:
        self._app.refit_what_if.stop()

    @action
    def _resume_refits(self) -> None:
        self._solve()

    @param.depends("_app.selection.class_name", "_app.tuning.pending", watch=True, on_init=True)
    def _show_thumbs(self) -> None:
        name = self._app.selection.class_name
        thumbs = [each for each in self._app.tuning.thumbs if each.class_name == name]
        self.panel.thumbs = {each.concept: each.direction for each in thumbs}

    @param.depends("_app.tuning.status", "_app.tuning.locked", watch=True, on_init=True)
    def _show_busy(self) -> None:
        tuning = self._app.tuning
        self.panel.param.update(locked=tuning.locked, frozen=tuning.busy or bool(tuning.locked))

    @param.depends("panel.gallery", "_app.tags.tags", watch=True, on_init=True)
    def _show_tags(self) -> None:
        tags, images = self._app.tags.tags, self._store.images
        listed = self._gallery.rows.tolist() if self._gallery is not None and tags else []
        self.panel.param.update(
            tagged={str(row): list(tags[images[row]]) for row in listed if images[row] in tags},
            known_tags=sorted({tag for image_tags in tags.values() for tag in image_tags}),
        )

    @action
    def _toggle(self, concept: str, direction: str) -> None:
        """Add a thumb on a concept of an image's explanation to the batch, or remove it."""
        self._app.tuning.toggle(Intent(self.panel.student, concept, direction))

    @action
    def _open(self, class_name: str, concept: str) -> None:
        self._app.selection.open_concept(concept, class_name)


def _largest(weights: np.ndarray, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Return the ``CONCEPTS`` strongest influences that are not 0, by class and concept."""
    order = strongest(weights)[:CONCEPTS]
    return {pairs[at]: float(weights[at]) for at in order.tolist() if weights[at]}
