"""Students of an iteration and the images of a split as one xarray dataset."""

from __future__ import annotations

import numpy as np
import xarray as xr

from inficond_panel.tuning import Node, Tuner


def as_dataset(tuner: Tuner, node: Node, split: str) -> xr.Dataset:
    """Influences and bounds, and scores, logits and labels of the split's images.

    Dimensions and variables are named as in the store; a bound that is not set is infinite. The
    attributes name the iteration. Looks at the holdout are the caller's to count.
    """
    store, rows = tuner.store, tuner.store.rows(split)
    of_class, of_image = ("class_name", "concept"), ("image", "class_name")
    lower, upper = _bounds(tuner, node)
    return xr.Dataset(
        {
            "influence": (of_class, node.weights.T.copy()),
            "lower_bound": (of_class, lower),
            "upper_bound": (of_class, upper),
            "intercept": ("class_name", node.intercepts.copy()),
            "threshold": ("class_name", [tuner.threshold(name) for name in store.classes]),
            "student_logit": (of_image, tuner.logits(node)[rows]),
            "teacher_logit": (of_image, store.teacher_logit[rows]),
            "label": (of_image, store.label[rows]),
            "concept_score": (("image", "concept"), store.concept_score[rows]),
        },
        {
            "class_name": list(store.classes),
            "concept": list(store.concepts),
            "image": [store.images[row] for row in rows],
        },
        {"title": store.title, "split": split, "iteration": node.number, "id": node.id},
    )


def _bounds(tuner: Tuner, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds, each ``(K, C)``."""
    store = tuner.store
    sides = [np.full((len(store.classes), len(store.concepts)), end) for end in (-np.inf, np.inf)]
    for (class_name, concept), limits in node.bounds.items():
        place = store.classes.index(class_name), store.concepts.index(concept)
        for side, limit in zip(sides, limits, strict=True):
            if limit is not None:
                side[place] = limit
    return sides[0], sides[1]
