"""The data set in view: its store, the split on screen, and the looks at the holdout."""

from __future__ import annotations

import numpy as np
import param

from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import HOLDOUT, SPLITS, TUNE

#: Splits that the screen shows: students are fitted on the other one.
ON_SCREEN = (TUNE, HOLDOUT)


class DatasetState(param.Parameterized):
    """Store of the session, and the split that the screen shows (``tune`` unless asked)."""

    store: param.ClassSelector[Store] = param.ClassSelector(  # type: ignore[assignment]
        class_=Store, allow_None=False, constant=True, doc="Store that the session looks at."
    )
    title = param.String(doc="Title of the data set, from the spec.")
    split: param.Selector[str] = param.Selector(
        default=TUNE, objects=list(ON_SCREEN), doc="Split on screen."
    )
    looks = param.Integer(0, bounds=(0, None), doc="Looks at the holdout so far.")

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of images (all, and by split), classes, concepts and segments."""
        splits = {split: len(self.store.rows(split)) for split in SPLITS}
        return {
            "images": len(self.store.images),
            "classes": len(self.store.classes),
            "concepts": len(self.store.concepts),
            "segments": len(self.store.segment_image),
            **splits,
        }

    @property
    def rows(self) -> np.ndarray:
        """Positions of the images of the split in view."""
        return self.store.rows(self.split)
