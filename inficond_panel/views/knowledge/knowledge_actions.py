"""Actions of the browser on rows and batch: thumbs, cures, suggestions, pictures, files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.results.image_sets import image_set, patch_images
from inficond_panel.results.patches import shown_segments
from inficond_panel.tuning import Intent
from inficond_panel.tuning.intents.asked import place_of
from inficond_panel.ui.actions import action
from inficond_panel.ui.parts.saving import make_and_send
from inficond_panel.ui.photos.images import patch_uri, send_pictures
from inficond_panel.ui.refit_actions import RefitActions
from inficond_panel.vocabulary.directions import DOWN, UP

if TYPE_CHECKING:
    from inficond_panel.views.knowledge.panels.mending import MendingPanel
    from inficond_panel.views.knowledge.table import KnowledgeTable

STILL = 200  #: rows whose pictures go with a page without a server
#: Actions on the student in view, which are of no other.
OWN = frozenset(
    {
        "ask",
        "cure",
        "open_patch",
        "set_bound",
        "set_own_factor",
        "suggest",
        "toggle",
        "toggle_group",
    }
)


class BatchActions(RefitActions):
    """Thumbs, cures and suggestions, put into the batch and taken out of it."""

    table: KnowledgeTable
    mending: MendingPanel

    def act(self, message: Mapping[str, Any]) -> None:
        """Call the action; leave out what was done to ``seen``, a student not in view any more.

        Another was chosen a moment before, and has not come to the browser yet.
        """
        own = dict(message)
        seen = own.pop("seen", self.table.student)
        if seen == self.table.student or own.get("action") not in OWN:
            super().act(own)

    def _takes(self, name: str) -> bool:
        """Cures and suggestions are given where the spec has them shown."""
        cured = self.table.suspecting and (self.table.penalised or not self.table.cureless)
        shown = {"cure": cured, "suggest": self.table.suggests}
        return bool(shown.get(name, True))

    @action
    def _toggle(self, concept: str, direction: str) -> None:
        self.app.tuning.toggle(Intent(self.table.student, concept, direction))

    @action
    def _toggle_group(self, concepts: list[str], direction: str) -> None:
        name = self.table.student
        self.app.tuning.toggle(*(Intent(name, concept, direction) for concept in concepts))

    @action
    def _set_bound(self, concept: str, value: float) -> None:
        """Request an influence of ``value`` or beyond; at the present one, nothing."""
        now = self.app.students.weight(self.table.student, concept)
        direction = UP.key if value > now else DOWN.key
        thumb = Intent(self.table.student, concept, direction, bound=value)
        if value == now:
            self.app.tuning.take_out(place_of(thumb))
        else:
            self.app.tuning.put([thumb])

    @action
    def _set_own_factor(self, concept: str, factor: float) -> None:
        tuning, key = self.app.tuning, (self.table.student, concept)
        tuning.scale(factor, [thumb for thumb in tuning.thumbs if thumb.key == key])

    @action
    def _cure(self, cure: dict) -> None:
        """Give a cure of the student in view, or take it back."""
        self.app.tuning.toggle(self.mending.read(cure))

    @action
    def _take_out(self, place: list[str]) -> None:
        """Remove one intent from the batch, by its place."""
        self.app.tuning.take_out(place)

    @action
    def _suggest(self, every: bool) -> None:
        self.app.suggestion.ask(None if every else [self.table.student])

    @action
    def _withdraw(self, concept: str) -> None:
        self.app.tuning.take_out(["thumb", self.table.student, concept])


class RowActions(BatchActions):
    """Pictures, files and dialogs of the rows, beside their thumbs."""

    @action
    def _pictures(self, segments: list[int]) -> None:
        """Send patches by segment, but none that rows cannot show: the holdout has none."""
        store = self.app.store
        wanted = np.intersect1d(segments, shown_segments(store)).tolist()
        send_pictures(self.app, self.table, wanted, lambda segment: patch_uri(store, segment))

    def pictures(self) -> dict[str, Any]:
        """The message with the pictures of the rows listed, for a page without a server."""
        rows = self.table.rows[:STILL]
        segments = [patch["segment"] for row in rows for patch in row["patches"]]
        return {"pictures": {str(s): patch_uri(self.app.store, s) for s in segments}}

    @action
    def _save_concepts(self, concepts: list[str], kind: str) -> None:
        """Make a file of rows on screen, and send it."""
        students, name = self.app.students, self.table.student
        make_and_send(self.app, self.table, lambda: students.concepts_file(name, concepts, kind))

    @action
    def _open(self, concept: str) -> None:
        self.app.selection.open_concept(concept)

    @action
    def _open_patch(self, concept: str, segment: int) -> None:
        """Show the images of a concept's patches, and the image of one patch large."""
        store = self.app.store
        if concept not in store.concepts:
            raise ValueError("no such concept")
        kind, row = self.table.patches_of, int(store.segment_image[segment])
        rows = patch_images(store, concept, kind)
        if row not in rows or not self.table.student:
            raise ValueError("no such patch")
        student = self.app.students.student(self.table.student)
        title = f"{concept}, {'most similar patches' if kind == 'nearest' else 'its segments'}"
        self.app.selection.open_images(image_set(student, title, rows, concept, row))
