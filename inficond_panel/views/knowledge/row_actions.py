"""Actions of the browser on the rows: their pictures, files, and what they open."""

from __future__ import annotations

from typing import Any

import numpy as np

from inficond_panel.analysis.image_sets import image_set, patch_images
from inficond_panel.analysis.patches import shown_segments
from inficond_panel.ui.actions import action
from inficond_panel.ui.images import patch_uri, send_pictures
from inficond_panel.ui.saving import make_and_send
from inficond_panel.views.knowledge.batch_actions import BatchActions

STILL = 200  #: rows whose pictures go with a page without a server


class RowActions(BatchActions):
    """What is opened and saved from the rows, beside their thumbs."""

    @action
    def _pictures(self, segments: list[int]) -> None:
        """Send the patches asked for, of those that rows can show: none is of the holdout."""
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
        """Show the images that a concept's patches are cut from, that of one of them large."""
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
