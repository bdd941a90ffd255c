"""Photos of a made student, with what the segments of the store of photos show in them."""

from __future__ import annotations

import numpy as np

from inficond_panel.api.students import TunableStudents
from inficond_panel.distill.suspects import shown_share
from inficond_panel.store import Store
from inficond_panel.store.shown import shown_counts
from inficond_panel.tuning.repairs.evidence import Evidence


def photos_of(students: TunableStudents, store: Store | None = None) -> Evidence:
    """Labelled photos of fit and tune for the first class of the students.

    The students' own store was made of tables and has no segments: those of ``store``, from which
    the tables were taken, tell which photos show a concept. None: nothing tells it.
    """
    repairs = students.tuner.repairs
    found = repairs.evidence(repairs.class_fit(students.node, students.classes[0]))
    if store is not None and store.holds("segments"):
        for each in (found, found.one_of_each):
            each.__dict__["shown_shares"] = _shares(each, store)
    return found


def _shares(photos: Evidence, store: Store) -> np.ndarray:
    place = {str(name): row for row, name in enumerate(store.images)}
    kept = [store.concepts.index(name) for name in photos.concepts]
    shares = []
    for side in (1, 0):
        rows = [place[str(photos.images[row])] for row in photos.fit[photos.fit_label == side]]
        counts = shown_counts(store, np.array(rows, dtype=np.intp))[kept]
        shares.append(shown_share(counts, len(rows)))
    return np.stack(shares)
